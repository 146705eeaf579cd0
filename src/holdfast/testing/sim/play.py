"""Play a schedule and check what became of it."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext

from msgspec import Struct

from holdfast.core.state import State
from holdfast.testing.sim.check_decisions import check_decisions
from holdfast.testing.sim.check_entries import check_tale
from holdfast.testing.sim.check_lines import check_lines, check_order
from holdfast.testing.sim.check_shares import check_shares
from holdfast.testing.sim.check_world import (
    check_acts,
    check_answers,
    check_ended,
    check_facts,
    check_leases,
    check_legal,
    check_lost,
    check_money,
    check_phantoms,
    check_promises,
    check_requests,
    check_twice,
)
from holdfast.testing.sim.history import History, Violation, broke
from holdfast.testing.sim.schedule import Schedule, draw
from holdfast.testing.sim.stage import Stage


class Outcome(Struct):
    """What became of one schedule."""

    schedule: Schedule
    violations: list[Violation]
    points: int
    history: History
    log: list[tuple[int, str]]

    @property
    def digest(self) -> str:
        """Of everything that was written and everything that happened: the same seed gives the same one, anywhere."""
        told = [digest.hex() for lines in self.history.lines.values() for _, digest in lines]
        done = [str(effect) for effect in self.history.ledger]
        return hashlib.sha256("\n".join([*told, *done]).encode()).hexdigest()[:16]

    @property
    def entries(self) -> int:
        """How many there are in all runs."""
        return sum(len(entries) for entries in self.history.runs.values())


def play(
    schedule: Schedule | int, *, mutant: AbstractContextManager[object] | None = None, decisions: bool = True
) -> Outcome:
    """Play a schedule, or the one a seed draws; `mutant` is a change to the runtime that holds while it plays.

    decisions: also decide everything again.
    """
    stage = Stage(draw(schedule) if isinstance(schedule, int) else schedule)
    with mutant or nullcontext():
        history = stage.play()
    try:
        found = check(history, stage.wanted(), decisions=decisions)
    except Exception as error:  # noqa: BLE001 - a journal that cannot be retold is the fault of whoever wrote it
        found = [broke("the journal", error)]
    return Outcome(stage.schedule, [*stage.errors, *found], stage.points, history, stage.log)


def check(
    history: History, wanted: dict[str, dict[tuple[str, str], int]], *, decisions: bool = True
) -> list[Violation]:
    """Everything that is wrong with a history."""
    found = [
        *check_twice(history, wanted), *check_lost(history), *check_phantoms(history), *check_acts(history), *check_facts(history),
        *check_promises(history), *check_money(history), *check_ended(history), *check_requests(history), *check_answers(history),
        *check_leases(history), *check_shares(history),
    ]  # fmt: skip
    for run, entries in history.runs.items():
        found += check_lines(run, history.lines[run])
        found += check_order(run, entries)
        found += check_tale(run, entries, history.agent)
    states: dict[str, list[State]] = {}
    legal = list(check_legal(history, states))
    found += legal
    if decisions and not legal:
        for run, entries in history.runs.items():
            found += check_decisions(run, entries, states[run], history.agent, history.secrets)
    return found
