"""`holdfast review show`: one question of a run, or all that are open, with everything they rest on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.text import Text

from holdfast.cli import out, reading
from holdfast.cli.viewing import Viewer, by_entry, explicit
from holdfast.errors import UsageError
from holdfast.events import Entry, RunOpened
from holdfast.journal.port import Journal
from holdfast.views.desk import Matter, matters
from holdfast.views.trace import trace


def show(looks: Viewer, url: str, name: str, number: int | None, *, full: bool, as_json: bool) -> int:
    """Print the open questions of a run. Raises UsageError where there are none, or not this one."""
    entries, above, now = asyncio.run(_read(looks, url, name))
    every = matters(entries, now=now, above=above)
    shown = [one for one in every if number in (None, one.question)]
    if not shown:
        raise UsageError(
            f"question {number} is not open" if number else "nothing waits here",
            run=entries[0].run,
            hint="holdfast review",
        )
    if as_json:
        _give(entries, shown)
        return 0
    from holdfast.cli.review_text import screens

    out.show(*screens(shown, now, full=full))
    if not full:
        out.show(
            Text(
                f"\nin full: holdfast review show {shown[0].run} --full; what happened so far: holdfast show {shown[0].run}",
                style="dim",
            )
        )
    return 0


def _give(entries: Sequence[Entry], shown: Sequence[Matter]) -> None:
    from holdfast.views.account import account
    from holdfast.views.carried import labels
    from holdfast.views.labelled import labelled

    seen = trace(entries)
    carried = labelled(seen, labels(entries)).calls
    calls = [seen.calls[one.call] for one in shown if one.call in seen.calls]
    found = {
        "matters": list(shown), "questions": [seen.questions[one.question] for one in shown],
        "calls": [carried[call.seq] for call in calls], "accounts": [account(seen, call) for call in calls],
        "labels": by_entry(entries),
    }  # fmt: skip
    out.give(explicit(found))


async def _read(looks: Viewer, url: str, name: str) -> tuple[list[Entry], list[list[Entry]], int]:
    async with reading.looking(url) as journal:
        row = await reading.find_row(journal, name)
        entries = await looks.entries(journal, row.run)
        above, now = await above_of(looks, journal, entries), journal.now()
    await looks.record(url)
    return entries, above, now


async def above_of(looks: Viewer, journal: Journal, entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries of the runs above a run, nearest first, as they are shown to who looks."""
    found: list[list[Entry]] = []
    opened = entries[0].event
    while isinstance(opened, RunOpened) and opened.parent is not None:
        found.append(await looks.entries(journal, opened.parent.run))
        opened = found[-1][0].event
    return found
