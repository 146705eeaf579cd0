"""A run with the runs it opened, read from a journal: those that are shown, and no others."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.standing import NOBODY
from holdfast.cli.viewing import Viewer
from holdfast.events import ChildOpened, Entry
from holdfast.journal.port import Journal, Row, Where
from holdfast.views.family import Family
from holdfast.views.record import Trace
from holdfast.views.trace import trace

DEEP: Final = 4
"""Generations below the run that is shown."""

MANY: Final = 50
"""Runs below it, in all."""


ASKED: Final = 300
"""Times that the index is asked for the runs below those of a list."""

WIDE: Final = 1_000
"""Children that one run can have."""


class Below(Struct):
    """The runs below one of a list, as the index has them."""

    runs: int = 0
    open: int = 0
    nusd: int = 0
    waits: str = ""
    """For whom one of them waits."""
    more: bool = False
    """Whether there may be more: they were too many to look at."""


async def below(journal: Journal, rows: list[Row]) -> dict[str, Below]:
    """Run → what is below it, for those of a list that opened others."""
    found: dict[str, Below] = {}
    asked = 0
    for row in rows:
        todo, one = [row.run], Below()
        while todo and asked < ASKED:
            asked += 1
            for child in await journal.find(Where(parent=todo.pop(), limit=WIDE)):
                one.runs += 1
                one.nusd += child.nusd
                one.open += child.status != "closed"
                if child.status != "closed" and child.waits_for not in NOBODY:
                    one.waits = one.waits or child.waits_for
                todo.append(child.run)
        one.more = bool(todo)
        if one.runs:
            found[row.run] = one
    return found


async def entries_below(journal: Journal, entries: list[Entry]) -> dict[str, list[Entry]]:
    """Run → entries, of those below a run that are there, at most `MANY`; all that stands in them."""
    found: dict[str, list[Entry]] = {}
    todo = [entries]
    while todo:
        for entry in todo.pop(0):
            if not isinstance(entry.event, ChildOpened) or entry.event.child in found or len(found) >= MANY:
                continue
            if read := await reading.entries(journal, entry.event.child):
                found[entry.event.child] = read
                todo.append(read)
    return found


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
