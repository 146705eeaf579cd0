"""What graders look at: a run that came to rest, those below it, the case it was made for, and what was changed in its world.

A grader is a pure function of it. It names itself, says what is wrong in a sentence for people, and gives nothing where all
is well. What a case does not ask for, a grader does not judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.codec import value_of
from holdfast.core.state import State
from holdfast.evals.cases.case import Case, Ends
from holdfast.evals.cases.world import Effect
from holdfast.events import ChildClosed, Entry, Json, RunClosed
from holdfast.views.detectors import Finding, detect
from holdfast.views.record import Trace
from holdfast.views.trace import trace

_DEEPEST: Final = 1_000
"""More runs stand nowhere one below another."""


class Miss(Struct, frozen=True):
    """Something that is not as the case expects it."""

    grader: str
    why: str
    seqs: tuple[int, ...] = ()
    """Entries that show it."""


@dataclass(frozen=True)
class Part:
    """One run of a trial's tree. Its trace is made when the first grader asks for it: most never do."""

    state: State
    entries: Sequence[Entry]
    above: tuple[str, ...] = ()
    """The runs above it, the one at the top first."""
    place: int = 0
    """The call of the run at the top under which it was opened; 0: it is the run at the top."""

    @cached_property
    def trace(self) -> Trace:
        """The run as the readings see it."""
        return trace(self.entries)

    @property
    def where(self) -> str:
        """Words that tell a run below from the one at the top."""
        return f" in {self.state.run} ({self.state.opened.agent})" if self.above else ""

    def seqs(self, seqs: Iterable[int]) -> tuple[int, ...]:
        """Its entries as the run at the top can name them: of a run below, the call that it answers."""
        return (self.place,) if self.above else tuple(seqs)

    def own(self, what: Literal["work", "unpriced"]) -> int:
        """What it used up itself, without the closed runs below it."""
        told = [entry.event.used for entry in self.entries if isinstance(entry.event, ChildClosed)]
        used: int = getattr(self.state.spent, what)
        return used - sum(one.get(what, 0) for one in told)


@dataclass(frozen=True)
class Finished:
    """A run that came to rest, and those below it."""

    case: Case
    state: State
    entries: Sequence[Entry]
    effects: Sequence[Effect]
    below: Sequence[Part] = ()
    """The runs that it opened, and those that they did."""

    @property
    def outcome(self) -> Ends:
        """How it ended; `waiting` where nobody answered."""
        return self.state.closed.outcome if self.state.closed is not None else "waiting"

    @property
    def output(self) -> Json:
        """What it stated."""
        closed = self.state.closed
        return value_of(closed.output) if closed is not None and closed.output is not None else None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The run itself, then those below it."""
        return (Part(self.state, self.entries), *self.below)

    @property
    def nusd(self) -> int:
        """Charged, in all its runs."""
        return sum(part.state.spent.alone for part in self.parts)

    @property
    def unpriced(self) -> int:
        """Answers of models of which nobody knows the price, in all its runs."""
        return sum(part.own("unpriced") for part in self.parts)

    @property
    def seconds(self) -> float:
        """Of models and tools, in all its runs: work, not waiting; what went on side by side counts each time."""
        return sum(part.own("work") for part in self.parts) / 1e6

    @property
    def steps(self) -> int:
        """That models were asked for, in all its runs."""
        return sum(part.state.spent.steps for part in self.parts)

    @property
    def trace(self) -> Trace:
        """The run as the readings see it."""
        return self.parts[0].trace

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the detectors say of it."""
        return detect(self.entries, self.trace, below=self.under(self.parts[0]))

    def under(self, part: Part) -> dict[str, Sequence[Entry]]:
        """Run → entries of those below one of its runs."""
        return {one.state.run: one.entries for one in self.below if part.state.run in one.above}

    def at(self, part: Part, seq: int) -> int:
        """Where an entry stands among those of all its runs; 0 for none. Of a run alone it is the entry's own number."""
        return self._order[part.state.run, seq] if seq and self.below else seq

    @cached_property
    def _order(self) -> dict[tuple[str, int], int]:
        """(run, seq) → place. By time; at one moment a run begins after the one that opened it, and closes before that one knows."""
        marked: list[tuple[tuple[int, int, int], str, int]] = []
        for part in self.parts:
            depth, last, knows = len(part.above), 0, 0
            for entry in part.entries:
                knows = knows if entry.at == last else 0
                last = entry.at
                if isinstance(entry.event, ChildClosed):
                    knows = _DEEPEST - depth
                marked.append(((entry.at, knows, depth), part.state.run, entry.seq))
        marked.sort(key=lambda one: one[0])
        return {(run, seq): place for place, (_, run, seq) in enumerate(marked, 1)}

    def told(self, part: Part, reader: Part, seq: int) -> bool:
        """Whether what stands in an entry of one run could reach another: before that was opened, from one above it or over."""
        opened = self.at(reader, reader.entries[0].seq)
        if part is reader or not 0 < self.at(part, seq) < opened:
            return False
        ends = [entry.seq for entry in part.entries if isinstance(entry.event, RunClosed)]
        return part.state.run in reader.above or any(self.at(part, end) < opened for end in ends)


Grader: TypeAlias = Callable[[Finished], Iterator[Miss]]
