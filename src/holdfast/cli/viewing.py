"""Who looks: what of a run is shown to them, and that it is recorded that they looked.

Every face that prints what runs hold reads their entries through a `Viewer`, and has it record the viewing before anything is
printed. Without settings (`shell.settings`) everything is shown to everybody, and nothing is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from holdfast.cli import environment, out, reading
from holdfast.errors import HoldfastError, NotAllowed
from holdfast.events import Entry, Label, Viewed
from holdfast.journal.open import open_journal
from holdfast.journal.port import Journal, Row
from holdfast.shell import bodies
from holdfast.views.carried import UNLABELLED, Carried, hidden, labels
from holdfast.views.visible import Glass, References, visible

NAMED: Final = 1_000
"""Runs that a viewing names; of more it says only how they were chosen and how many there were."""

OTHERS: Final = f"⟨{UNLABELLED}⟩"
"""What stands in the index, where it is not known what it says."""


class Viewer:
    """Somebody who looks, by one verb. name: who they say they are; empty: nobody in particular."""

    def __init__(self, verb: str, name: str = "", *, selection: str = "") -> None:
        settings = environment.settings()
        self.verb, self.name, self.selection = verb, name, selection
        self.roles: tuple[str, ...] = settings.roles_of(name) if settings is not None else ()
        self.sees = settings.sees(list(self.roles)) if settings is not None else None
        self.logs = settings is not None and settings.access.log
        self.runs: dict[str, None] = {}
        """What was read for them."""
        self.hidden: set[str] = set()
        """Data classes of which something was kept back."""

    async def entries(self, journal: Journal, run: str, references: References | None = None) -> list[Entry]:
        """The durable entries of a run, as they are shown to this viewer. Raises what `reading.entries` does."""
        return self.shown(await reading.entries(journal, run), references)

    async def entries_of(self, url: str, name: str) -> list[Entry]:
        """The same of the run that a person means, and the viewing is recorded."""
        found = self.shown(await reading.entries_of(url, name))
        await self.record(url)
        return found

    def shown(self, entries: Sequence[Entry], references: References | None = None) -> list[Entry]:
        """Entries as they are shown to this viewer."""
        found, glass = visible(entries, self.sees, references)
        if entries:
            self.runs[entries[0].run] = None
        self.noticed(glass)
        return found

    def glass(self) -> Glass | None:
        """For entries that come one by one; None for who sees all."""
        return Glass(self.sees) if self.sees is not None else None

    def noticed(self, glass: Glass | None) -> None:
        """Remember of which classes something was hidden."""
        if glass is not None:
            self.hidden |= glass.classes

    def row(self, row: Row) -> Row:
        """A row of the index, without the words that a run ended with: their label stands in the run."""
        if self.sees is None or not row.reason:
            return row
        self.hidden.add(UNLABELLED)
        return msgspec.structs.replace(row, reason=OTHERS)

    async def whole(self, journal: Journal, runs: Sequence[str], since: str) -> None:
        """Let go on only who sees all there is in these runs. since: why nothing of them can be hidden, as a sentence.

        Raises NotAllowed.
        """
        self.runs |= dict.fromkeys(runs)
        if self.sees is None:
            return
        for run in runs:
            if kept := await self.kept_back(journal, run):
                raise NotAllowed(
                    f"{since}, and {self.called} does not see all of it: {', '.join(kept)}", run=run,
                    hint="--as NAME says who you are; the settings say which classes of data each role sees",
                )  # fmt: skip

    async def kept_back(self, journal: Journal, run: str) -> tuple[str, ...]:
        """The classes of anything in a run that this viewer does not see."""
        carried, found = Carried(), set[str]()
        for entry in await bodies.entries(journal, run, durable=True):
            found.update(hidden(carried.take(entry), self.sees))
        return tuple(sorted(found))

    # -------------------------------------------------------------------------------------------------- recording it

    @property
    def called(self) -> str:
        """Who this is, in an error or a note."""
        return f"{self.name} ({', '.join(self.roles) or 'in no role'})" if self.name else "whoever has no role"

    async def record(self, url: str, journal: Journal | None = None) -> None:
        """Say in the journal that this was shown, and to whom, before it is; and tell them if something is hidden.

        journal: one that is open for writing. Raises JournalError where it cannot be recorded: then nothing is to be shown.
        """
        if self.logs and self.runs:
            await self._append(url, journal)
        self.told()
        self.runs = {}

    def told(self, glass: Glass | None = None) -> None:
        """Tell who looks what was hidden from them."""
        self.noticed(glass)
        if self.hidden:
            out.note(f"not shown to {self.called}: {', '.join(sorted(self.hidden))}; a reference stands in its place")
        self.hidden = set()

    async def _append(self, url: str, journal: Journal | None) -> None:
        from holdfast.shell import access

        runs = tuple(self.runs)
        viewed = Viewed(
            self.name or out.me(), self.verb, runs if len(runs) <= NAMED else (), len(runs), self.selection, self.roles,
            tuple(sorted(self.hidden)),
        )  # fmt: skip
        actor = f"cli:{viewed.by}"
        if journal is not None:
            await access.record(journal, viewed, actor)
            return
        try:
            writable = open_journal(url)
        except HoldfastError as error:
            raise access.refused(error) from error
        try:
            await access.record(writable, viewed, actor)
        finally:
            await writable.close()

    def beyond(self, url: str) -> None:
        """Record that what runs hold, and will, leaves the journal: without their names, since some are not there yet."""
        if self.logs:
            asyncio.run(self._append(url, None))

    def recorded(self, url: str) -> None:
        """`record`, where nothing runs yet."""
        if self.hidden or (self.logs and self.runs):
            asyncio.run(self.record(url))


def with_label(entry: Entry, label: Label) -> dict[str, Any]:
    """An entry as JSON, with the label of what it says beside it."""
    return {**msgspec.to_builtins(entry), "label": plain(label)}


def plain(label: Label) -> dict[str, Any]:
    """A label as JSON that says both of what there is to it."""
    return {"trusted": label.trusted, "classes": list(label.classes)}


def by_entry(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """The label of what each entry of a run says, as JSON."""
    return {str(entry.seq): plain(label) for entry, label in zip(entries, labels(entries), strict=True)}


def explicit(value: Any) -> Any:
    """JSON in which every label says its trust and its classes, be they the usual ones or not."""
    value = msgspec.to_builtins(value, str_keys=True)
    return _spelled(value)


def _spelled(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_spelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {"trusted": False, "classes": [], **item} if key == "label" and isinstance(item, dict) else _spelled(item)
        for key, item in value.items()
    }


def named(given: str) -> str:
    """Who looks by a verb that says already who acts."""
    import os

    return given or os.environ.get("HOLDFAST_AS", "")


def beside(given: str) -> str:
    """Who looks by a verb at which somebody is named for whom it is done, or who did it: whoever HOLDFAST_AS says, first."""
    return named("") or given


def selection(where: Mapping[str, str], since: str = "") -> str:
    """How runs were chosen, as a viewing says it."""
    parts = [f"{name}={value}" for name, value in where.items()]
    return ", ".join([*parts, *([f"since {since}"] if since else [])]) or "all runs"
