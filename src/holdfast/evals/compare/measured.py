"""What one trial came to: its run and those it opened, read together.

A trial's cost, time, questions and failures are those of the whole tree of its run. Which runs belong to it is said in one
place, `trials.tree`, and what they come to together in another, `measured`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from holdfast.evals.trials.trial import Trial
from holdfast.events import Entry, Noted, PersonAsked, RunClosed
from holdfast.views.cost import cost_of
from holdfast.views.detectors import detect
from holdfast.views.spending import add

BY: Final = "svc:compare"
"""Who notes what landed."""

LANDED: Final = "fault "
"""How the note of a fault that landed begins."""

REQUESTER: Final = "requester"
"""Of whom a question is no review."""

Run: TypeAlias = Sequence[Entry]


class Measured(Struct, frozen=True):
    """A trial of one side, with what its runs say of it."""

    side: str
    trial: Trial
    nusd: int = 0
    """Of all its runs."""
    unpriced: int = 0
    """Answers of models of which nobody knows the price."""
    took: int = 0
    """µs from its opening until it was over, or came to rest."""
    questions: int = 0
    """Put before people; those to the requester are no review."""
    runs: int = 1
    input: int = 0
    output: int = 0
    """Tokens."""
    failures: tuple[str, ...] = ()
    """Of one that failed: the detectors that found something in it."""
    landed: int = 0
    """Faults."""

    @property
    def passed(self) -> bool | None:
        """Its verdict; None: it could not be made."""
        return self.trial.passed


def measured(side: str, trial: Trial, runs: Sequence[Run]) -> Measured:
    """What a trial's runs come to together. runs: the trial's own first, then those below it."""
    costs = [cost_of(run) for run in runs]
    money = add(cost.money for cost in costs)
    events = [entry.event for run in runs for entry in run]
    names = [found.name for run in runs for found in detect(run)] if trial.passed is False else []
    return Measured(
        side, trial,
        nusd=money.least,
        unpriced=money.unknown,
        took=_took(runs[0]),
        questions=sum(isinstance(event, PersonAsked) and event.role != REQUESTER for event in events),
        runs=len(runs),
        input=sum(cost.input for cost in costs),
        output=sum(cost.output for cost in costs),
        failures=tuple(dict.fromkeys(names)),
        landed=sum(isinstance(event, Noted) and event.by == BY and event.finding.startswith(LANDED) for event in events),
    )  # fmt: skip


def _took(run: Run) -> int:
    """Until it was closed; of one that waits, until the last that happened in it. Notes come after it."""
    ends = [entry.at for entry in run if isinstance(entry.event, RunClosed)]
    return (ends or [entry.at for entry in run if not isinstance(entry.event, Noted)])[-1] - run[0].at
