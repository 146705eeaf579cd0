"""A run with the runs it opened, read from a journal: those that are shown, and no others."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.viewing import Viewer
from holdfast.events import Entry
from holdfast.journal.port import Journal
from holdfast.views.family import Family
from holdfast.views.record import Trace
from holdfast.views.trace import trace

DEEP: Final = 4
"""Generations below the run that is shown."""

MANY: Final = 50
"""Runs below it, in all."""


class Found(Struct, frozen=True):
    """What was read."""

    family: Family
    entries: dict[str, list[Entry]]
    """Of every run of the family."""
    now: int
    """By the journal's clock."""

    def __repr__(self) -> str:
        """Short: `asyncio.run` asks for it at the end, and the entries are many."""
        return f"Found({len(self.entries)} runs)"


async def family_of(looks: Viewer, url: str, name: str) -> Found:
    """The run that a person means, with those it opened, as it is shown to who looks; that they do is recorded."""
    async with reading.looking(url) as journal:
        row = await reading.find_row(journal, name)
        entries = await looks.entries(journal, row.run)
        if entries[-1].seq < row.seq:
            more = row.seq - entries[-1].seq
            out.note(f"and {more} more, not on the disk for good yet: whoever writes to the journal next makes them so")
        read = {row.run: entries}
        found = Found(await _family(looks, journal, trace(entries), DEEP, read), read, journal.now())
    await looks.record(url)
    return found


async def _family(looks: Viewer, journal: Journal, seen: Trace, deep: int, read: dict[str, list[Entry]]) -> Family:
    children: dict[int, Family] = {}
    missing: list[str] = []
    for call in seen.calls.values():
        if not call.child:
            continue
        may = deep and len(read) <= MANY and call.child not in read
        entries = await looks.entries(journal, call.child) if may else []
        if not entries:
            missing.append(call.child)
            continue
        read[call.child] = entries
        children[call.seq] = await _family(looks, journal, trace(entries), deep - 1, read)
    return Family(seen, children, tuple(missing))
