"""`holdfast show --text`: which runs speak of something, and where.

It reads run after run, newest first, and stops when it has found enough: no index of words is kept beside the journal,
which would be a second copy of everything, and one that an erasure had to find.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.layout import painted
from holdfast.cli.viewing import Viewer, explicit
from holdfast.errors import JournalDamaged
from holdfast.events import CallAsked, CallReturned, Entry
from holdfast.journal.port import Journal, Row
from holdfast.views import words
from holdfast.views.carried import labels
from holdfast.views.search import Place, Sought, erased, labelled, places, renamed, sought

EACH = 3
"""Places of one run that are shown one by one."""

Rows = Callable[[Journal], AsyncIterator[Row]]


class Hit(Struct, frozen=True):
    """A run that speaks of it."""

    run: str
    agent: str
    status: str
    key: str
    places: tuple[Place, ...]
    more: int = 0
    """Further places in it."""


class Searched(Struct):
    """What was looked through, and what could not be."""

    runs: int = 0
    entries: int = 0
    erased: int = 0
    """Bodies that are gone."""
    damaged: list[str] = []
    """Runs that cannot be read."""
    all: bool = True
    """False: it stopped at enough."""


def search(looks: Viewer, url: str, text: str, rows: Rows, limit: int, as_json: bool) -> int:
    """Look for words in what is shown of runs to who looks; `limit` runs at most.

    Runs are shown as they are found; where viewings are recorded, when all have been found, and with one record.
    """
    what = sought(text)
    hits, done = asyncio.run(_search(looks, url, what, rows, limit, None if as_json or looks.logs else _show))
    if looks.logs and not as_json:
        for hit in hits:
            _show(hit)
    if as_json:
        out.give(explicit({"hits": hits, "searched": done}))
        return 0
    if not hits:
        print("no run speaks of it")
    out.note(_told(done, limit))
    return 0


async def _search(
    looks: Viewer, url: str, what: Sought, rows: Rows, limit: int, tell: Callable[[Hit], None] | None
) -> tuple[list[Hit], Searched]:
    hits: list[Hit] = []
    done = Searched()
    async with reading.looking(url) as journal:
        async for row in rows(journal):
            if len(hits) == limit:
                done.all = False
                break
            try:
                entries = await looks.entries(journal, row.run)
            except JournalDamaged:
                done.damaged.append(row.run)
                continue
            done.runs, done.entries = done.runs + 1, done.entries + len(entries)
            done.erased += sum(erased(entry) for entry in entries)
            if hit := _hit(row, entries, what):
                hits.append(hit)
                if tell is not None:
                    tell(hit)
    looks.runs = {hit.run: None for hit in hits}  # of the others nothing is shown
    await looks.record(url)
    return hits, done


def _hit(row: Row, entries: list[Entry], what: Sought) -> Hit | None:
    tools = {entry.seq: entry.event.tool for entry in entries if isinstance(entry.event, CallAsked)}
    found: list[Place] = []
    for entry in entries:
        for place in places(entry, what):
            event, name = entry.event, place.what
            if isinstance(event, CallAsked):
                name = f"{event.tool}(…)"
            elif isinstance(event, CallReturned):
                name = f"{tools.get(event.call, 'a call')} →"
            found.append(renamed(place, name))
    if not found:
        return None
    carried = labels(entries)
    shown = tuple([labelled(place, carried[place.seq - 1]) for place in found[:EACH]])
    return Hit(row.run, row.agent, row.outcome or row.status, row.key, shown, len(found) - len(shown))


def _show(hit: Hit) -> None:
    """A run's places, as they are found."""
    console = out.console()
    colour = console.is_terminal and not console.no_color
    for place in hit.places:
        spot = f"[{place.seq}]"
        head = f"{hit.run} {spot:<5} {words.plain(place.what)}: "
        room = max(console.width - len(head) - len(place.match), 20)
        before = place.before[-min(room // 2, len(place.before)) :] if place.before and room // 2 else ""
        after = place.after[: max(room - len(before), 0)]
        parts = [(hit.run, "cyan"), (f" {spot:<5} ", "dim"), (words.plain(place.what), "dim"), (": ", "dim")]
        print(painted([*parts, (before, ""), (place.match, "bold yellow"), (after, "")], colour=colour))
    if hit.more:
        print(painted([(f"{hit.run}       and {words.count(hit.more, 'more place')}", "dim")], colour=colour))
    sys.stdout.flush()


def _told(done: Searched, limit: int) -> str:
    """What was searched, and what was not."""
    which = (
        "all"
        if done.all
        else f"the newest, up to {words.count(limit, 'run')} that {'speaks' if limit == 1 else 'speak'} of it; --limit goes on"
    )
    parts = [f"searched {words.count(done.runs, 'run')} with {words.count(done.entries, 'entry', 'entries')}: {which}"]
    if done.erased:
        parts.append(f"not searched: {words.count(done.erased, 'body', 'bodies')} that were erased")
    if done.damaged:
        parts.append(
            f"not searched, because they are damaged: {', '.join(done.damaged[:5])}{'…' if len(done.damaged) > 5 else ''}"
        )
    return "\n".join(parts)
