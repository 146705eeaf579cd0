"""The runs below a trial's run: those that it opened, and those that they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.evals.grading.finished import Part
from holdfast.events import ChildOpened, Entry
from holdfast.shell import bodies
from holdfast.shell.runner import Runner

MANY: Final = 1_000
"""Runs of one trial that are read; more is an error in itself, and what is over counts nothing."""


async def runs_of(runner: Runner, run: str) -> list[Sequence[Entry]]:
    """The entries of a run and of those below it: its own first."""
    entries = await runner.entries(run)
    return [entries, *(part.entries for part in await below(runner, run, entries))]


async def below(runner: Runner, run: str, entries: Sequence[Entry]) -> tuple[Part, ...]:
    """The runs below one, in the order in which they were opened, each level before the next. entries: of the run itself."""
    found: list[Part] = []
    waiting: list[tuple[ChildOpened, tuple[str, ...], int]] = [
        (entry.event, (run,), entry.event.call) for entry in entries if isinstance(entry.event, ChildOpened)
    ]
    while waiting and len(found) < MANY:
        opened, above, place = waiting.pop(0)
        told = await bodies.entries(runner.journal, opened.child)
        if not told:
            continue  # it was to be opened, and nobody came to it
        found.append(Part(await runner.state(opened.child), told, above, place))
        under = (*above, opened.child)
        waiting += [(one.event, under, place) for one in told if isinstance(one.event, ChildOpened)]
    return tuple(found)
