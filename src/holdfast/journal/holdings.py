"""What runs hold of what they share, as a store without a database keeps it: by name, and recomputable from the rows."""

from __future__ import annotations

from holdfast.events import Held
from holdfast.journal.checks import live
from holdfast.journal.port import KEPT, Append, Full, Row


class Holdings:
    """Parts by name. What ceased to count is dropped, `KEPT` later, when its name is next written to or checked."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[tuple[int, str], tuple[int, int]]] = {}
        """Name → (until, run) → (amount, feed position since which)."""
        self._keys: dict[str, set[tuple[str, int]]] = {}
        """Run → (name, until), of all parts it was last said to hold."""

    def refusal(self, batch: Append, now: int) -> Full | None:
        """Give the condition of a batch that does not hold, if there is one."""
        for take in batch.takes:
            at = min(take.at or now, now)
            own = sum(amount for (name, _), amount in live(batch.row.holds, at).items() if name == take.name)
            parts = self._current(take.name, now - KEPT)
            used = sum(
                amount for (until, run), (amount, _) in parts.items() if run != batch.run and (not until or until > at)
            )
            if used + own > take.top or at < now - KEPT:
                return Full(take.name, used)
        return None

    def replace(self, row: Row, now: int, since: int) -> None:
        """Put what a row says its run holds in the place of what it held. A part that it had keeps its age."""
        held, before = live(row.holds, now - KEPT), self._keys.pop(row.run, set())
        for name, until in before - held.keys():
            self._parts.get(name, {}).pop((until, row.run), None)
        for (name, until), amount in held.items():
            parts = self._parts.setdefault(name, {})
            _, began = parts.get((until, row.run), (0, since))
            parts[until, row.run] = amount, began
        if held:
            self._keys[row.run] = set(held)
        for name in {name for name, _ in before | held.keys()}:
            self._current(name, now - KEPT)

    def held(self, name: str, now: int, but: str = "") -> Held:
        """What runs hold of a name now, without the run `but`."""
        parts = [
            (since, run, until, amount)
            for (until, run), (amount, since) in self._parts.get(name, {}).items()
            if run != but and (not until or until > now)
        ]
        if not parts:
            return Held()
        ends = [until for _, _, until, _ in parts if until]
        return Held(sum(amount for *_, amount in parts), min(parts)[1], min(ends, default=0))

    def _current(self, name: str, now: int) -> dict[tuple[int, str], tuple[int, int]]:
        """Drop what ceased to count of a name by then; what is left."""
        parts = self._parts.get(name, {})
        for key in [key for key in parts if 0 < key[0] <= now]:
            del parts[key]
        if not parts:
            self._parts.pop(name, None)
        return parts
