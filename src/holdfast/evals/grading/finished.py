"""What graders look at: one run that came to rest, the case it was made for, and what the world says was changed.

A grader is a pure function of it. It names itself, says what is wrong in a sentence for people, and gives nothing where all
is well. What a case does not ask for, a grader does not judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from msgspec import Struct

from holdfast.codec import value_of
from holdfast.core.state import State
from holdfast.evals.cases.case import Case, Ends
from holdfast.evals.cases.world import Effect
from holdfast.events import Entry, Json
from holdfast.views.detectors import Finding, detect
from holdfast.views.record import Trace
from holdfast.views.trace import trace


class Miss(Struct, frozen=True):
    """Something that is not as the case expects it."""

    grader: str
    why: str
    seqs: tuple[int, ...] = ()
    """Entries that show it."""


@dataclass(frozen=True)
class Finished:
    """A run that came to rest. Its trace is made when the first grader asks for it: most never do."""

    case: Case
    state: State
    entries: Sequence[Entry]
    effects: Sequence[Effect]

    @property
    def outcome(self) -> Ends:
        """How it ended; `waiting` where nobody answered."""
        return self.state.closed.outcome if self.state.closed is not None else "waiting"

    @property
    def output(self) -> Json:
        """What it stated."""
        closed = self.state.closed
        return value_of(closed.output) if closed is not None and closed.output is not None else None

    @property
    def seconds(self) -> float:
        """Of models and tools."""
        return self.state.spent.work / 1e6

    @cached_property
    def trace(self) -> Trace:
        """The run as the readings see it."""
        return trace(self.entries)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the detectors say of it."""
        return detect(self.entries, self.trace)


Grader: TypeAlias = Callable[[Finished], Iterator[Miss]]
