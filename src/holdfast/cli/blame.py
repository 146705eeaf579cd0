"""`holdfast failures --blame`: of failed runs with several agents, the agent and the step that are most suspect."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.viewing import Viewer
from holdfast.events import Entry, Outcome
from holdfast.journal import walk
from holdfast.journal.port import Journal, Row, Where
from holdfast.views import words
from holdfast.views.blame import Suspect, blame
from holdfast.views.blame_turns import agents, turns
from holdfast.views.detectors import Finding, detect
from holdfast.views.failures import BAD, earliest
from holdfast.views.trace import trace

if TYPE_CHECKING:
    from rich.console import RenderableType

PAGE: Final = 200
"""Rows of the index that are asked for at a time."""

MOST: Final = 500
"""Runs of one tree that are read; what lies beyond is left out, and a note says so."""

SHOWN: Final = 3
"""Suspects of a run that are shown to people; JSON has all."""

ALONE: Final = "one agent only: to name one of several, a run needs more than one"


class Exact(Struct, frozen=True):
    """The earliest exact finding in a run tree: evidence that something is wrong by then."""

    run: str
    finding: Finding


class Blamed(Struct, frozen=True, kw_only=True):
    """A failed run, and where to look first."""

    run: str
    agent: str
    outcome: Outcome | None
    agents: tuple[str, ...]
    suspects: tuple[Suspect, ...] = ()
    """The most suspect first; none for a run of one agent. `step` counts the turns of the tree, from 0."""
    earliest: Exact | None = None
    why_none: str = ""


def show(looks: Viewer, url: str, runs: list[str], as_json: bool) -> int:
    """Name agent and step of failed runs; runs: their names, or none for all that failed. Gives the exit code.

    Raises UsageError for a name that fits no run or several, JournalError where there is no journal.
    """
    found = asyncio.run(_read(looks, url, runs))
    if as_json:
        out.give(found)
        return 0
    if not found:
        print("no failed runs")
        return 0
    out.show(*[part for one in found for part in _text(one)])
    return 0


async def _read(looks: Viewer, url: str, runs: Sequence[str]) -> list[Blamed]:
    async with reading.looking(url) as journal:
        rows = [await reading.find_row(journal, name) for name in runs] if runs else await _failed(journal)
        found = [one for row in rows if (one := await _blamed(looks, journal, row)) is not None]
    await looks.record(url)
    return found


async def _failed(journal: Journal) -> list[Row]:
    """Runs that ended in none of the ways they should and answer no other run, the newest first."""
    found: list[Row] = []
    for outcome in sorted(BAD):
        found += [row async for row in walk.rows(journal, Where(outcome=outcome, parent=""))]
    return sorted(found, key=lambda row: (-row.opened, row.run))


async def _blamed(looks: Viewer, journal: Journal, row: Row) -> Blamed | None:
    tree = await _tree(looks, journal, row)
    if row.run not in tree:
        return None  # opened, and not on the disk for good yet
    traces = {run: trace(entries) for run, entries in tree.items()}
    said = turns(traces[row.run], traces)
    who = agents(said)
    several = len(who) > 1
    return Blamed(
        run=row.run,
        agent=row.agent,
        outcome=row.outcome,
        agents=tuple(who),
        suspects=blame(said) if several else (),
        earliest=_earliest(tree),
        why_none="" if several else ALONE,
    )


async def _tree(looks: Viewer, journal: Journal, row: Row) -> dict[str, list[Entry]]:
    """The entries of a run and of all runs below it."""
    found: dict[str, list[Entry]] = {}
    waiting = [row.run]
    while waiting and len(found) < MOST:
        run = waiting.pop(0)
        entries = await looks.entries(journal, run)
        if entries and run not in found:
            found[run] = entries
            waiting += [child.run for child in await journal.find(Where(parent=run, limit=MOST))]
    if waiting:
        out.note(f"{row.run}: only the first {MOST} runs of its tree were read")
    return found


def _earliest(tree: dict[str, list[Entry]]) -> Exact | None:
    """The exact finding of any run of a tree that shows first, by the clock of its last entry."""
    shown = []
    for run, entries in tree.items():
        first = earliest(detect(entries, below=tree))
        if first is not None:
            last = max(first.seqs, default=1)
            shown.append((entries[last - 1].at, run, first))
    return Exact(*min(shown, key=lambda one: one[:2])[1:]) if shown else None


# ------------------------------------------------------------------------------------------------------------- text


def _text(one: Blamed) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    yield Text.assemble((one.run, "bold"), f"  {one.agent}  ", (one.outcome or "open", "red"))
    if one.suspects:
        first = one.suspects[0]
        line = Text.assemble("most suspect: ", (words.plain(first.agent), "bold"), f" at step {first.step}")
        line.append(f", {first.share:.0%} of all suspicion: {words.plain(first.because)}.")
        line.append(f"  [{first.run} {first.seq}]", "dim")
        yield Padding(line, (0, 0, 0, 2), expand=False)
        if rest := one.suspects[1:SHOWN]:
            others = [f"{words.plain(other.agent)} at step {other.step} ({other.share:.0%})" for other in rest]
            yield Padding(Text(f"then {words.listed(others)}"), (0, 0, 0, 2), expand=False)
    else:
        yield Padding(Text(one.why_none or "nobody came back with anything"), (0, 0, 0, 2), expand=False)
    if one.earliest is not None:
        finding = one.earliest.finding
        line = Text(f"earliest exact finding: {words.plain(finding.sentence)}")
        line.append(f"  [{one.earliest.run} {', '.join(str(seq) for seq in finding.seqs)}]", "dim")
        yield Padding(line, (0, 0, 0, 2), expand=False)
    else:
        yield Padding(Text("no exact finding", style="dim"), (0, 0, 0, 2), expand=False)
