"""`holdfast show control`: what was stopped for many runs and by whom, and which contracts were accepted for new ones."""

from __future__ import annotations

import asyncio

from holdfast import units
from holdfast.cli import out, reading
from holdfast.cli.entry_text import line
from holdfast.cli.viewing import with_label
from holdfast.events import Entry, SwitchedOff, SwitchedOn
from holdfast.labels import TRUSTED
from holdfast.views import words
from holdfast.views.access import CONTROL, switched


def shown(url: str, limit: int, as_json: bool) -> int:
    """Print the newest entries of the control stream, and what is stopped now; the exit code."""
    entries, now = asyncio.run(_read(url))
    stops = in_force(entries)
    if as_json:
        out.give({
            "entries": [with_label(entry, TRUSTED) for entry in entries[-limit:]],
            "stopped": [{"entry": entry.seq, "what": switched(event), "by": event.by, "why": event.why} for entry, event in stops],
        })  # fmt: skip
        return 0
    if not entries:
        print("nothing was ever stopped for many runs, and no contract accepted for new ones")
        return 0
    for entry in entries[-limit:]:
        mark = " (by assertion)" if entry.actor.startswith("cli:") else ""
        print(f"{units.say_at(entry.at)} {entry.seq:>5}  {words.plain(line(entry))}{mark}")
    if len(entries) > limit:
        out.note(f"the newest {limit} of {len(entries):,}; --limit shows more")
    print()
    for entry, event in stops:
        print(
            f"stopped since {units.say_duration(max(now - entry.at, 0))}: {words.plain(switched(event))}, by {words.plain(event.by)}"
        )
    if not stops:
        print("nothing is stopped now")
    return 0


def in_force(entries: list[Entry]) -> list[tuple[Entry, SwitchedOff]]:
    """The stops that nobody lifted yet, the oldest first."""
    found: dict[tuple[str, str], tuple[Entry, SwitchedOff]] = {}
    for entry in entries:
        match entry.event:
            case SwitchedOff() as off:
                found[off.scope, off.name] = entry, off
            case SwitchedOn(scope=scope, name=name):
                found.pop((scope, name), None)
    return list(found.values())


async def _read(url: str) -> tuple[list[Entry], int]:
    async with reading.looking(url) as journal:
        return await reading.entries(journal, CONTROL), journal.now()
