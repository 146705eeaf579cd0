"""Figures: one line each, what came out beside what the pack says must come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from real.packs import Pack


class Figure(msgspec.Struct, frozen=True):
    """One figure of a check. `ok` is None where there was nothing to compare, and `note` says why."""

    check: str
    pack: str
    set: str
    figure: str
    value: object = None
    expected: object = None
    ok: bool | None = None
    note: str = ""

    def line(self) -> str:
        """Write it as a line of JSON; a note stands in it only if there is one."""
        fields = msgspec.structs.asdict(self)
        if not self.note:
            del fields["note"]
        return msgspec.json.encode(fields).decode()


class Sheet:
    """The figures of one check on one set of a pack."""

    def __init__(self, check: str, pack: Pack, stem: str) -> None:
        self._place = (check, pack.name, stem)

    def compare(self, figure: str, value: object, expected: object, note: str = "") -> Figure:
        """Put a figure beside what is expected of it; where the pack expects nothing, that is said."""
        if expected is None:
            return self.without(figure, value, f"the pack does not say what {figure} must be")
        return Figure(*self._place, figure, value, expected, value == expected, note)

    def without(self, figure: str, value: object, note: str) -> Figure:
        """Give a figure that nothing can be compared with."""
        return Figure(*self._place, figure, value, note=note)

    def skipped(self, why: str) -> Figure:
        """Say that the check was not made."""
        return self.without("skipped", None, why)


Check: TypeAlias = Callable[[Pack], Iterator[Figure]]
"""A check works on one pack, and says itself what it skips."""


def whole(figures: dict[str, object] | None, name: str) -> int | None:
    """Read a count from a pack's expectations; None where they lack it."""
    value = (figures or {}).get(name)
    return value if isinstance(value, int) else None


def less(count: int | None, *others: int | None) -> int | None:
    """Subtract from a count what does not belong to it; None where the count is not known."""
    return None if count is None else count - sum(other or 0 for other in others)
