"""A comparison of agents on one suite: played, read and judged. What `holdfast compare` does.

    comparison = Comparison("sqlite:///compare.db", sides, Wish(stakes=stakes, trials=4))
    compared = await comparison.run()

Nothing is kept but the runs in the journal, each with its verdict. So one that was killed goes on where it stopped, and one
that is made again, with other stakes or another margin, is read off.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from holdfast.errors import UsageError
from holdfast.evals.compare.figures import Compared
from holdfast.evals.compare.measured import Measured
from holdfast.evals.compare.play import Told, label_of, match
from holdfast.evals.compare.score import planned, score
from holdfast.evals.compare.sides import Side
from holdfast.evals.compare.stakes import Stakes
from holdfast.evals.drills.faults import Plan


class Wish(Struct, frozen=True, kw_only=True):
    """What is to be compared, and how."""

    stakes: Stakes
    trials: int = 4
    """Of each case and side."""
    seed: int = 0
    margin: float = 0.0
    """USD a run that are no reason for the more complex side."""
    faults: Plan | None = None
    concurrency: int = 16
    label: str = ""
    """Trials under another one are other trials."""


class Comparison:
    """One comparison. Raises UsageError for less than two sides, or another suite for one of them."""

    def __init__(self, journal: str, sides: Sequence[Side], wish: Wish) -> None:
        if len(sides) < 2 or any(side.suite.cases != sides[0].suite.cases for side in sides):
            raise UsageError("a comparison needs two sides on the same cases")
        if wish.margin < 0:
            raise UsageError(f"a margin of {wish.margin} is none", hint="USD a run, 0 or more")
        self.journal, self.sides, self.wish = journal, tuple(sides), wish
        faults = wish.faults.digest if wish.faults is not None else ""
        self.plan = planned(sides, wish.trials, wish.seed, wish.stakes, margin=wish.margin, faults=faults)
        self.trials: list[Measured] = []
        """In the order in which they got their verdicts."""

    @property
    def total(self) -> int:
        """How many trials there are to be."""
        return len(self.sides) * self.plan.cases * self.plan.trials

    async def run(self, told: Told = lambda trial: None) -> Compared:
        """Play what is not played yet; what it comes to. Raises what a runner raises where nothing can be played."""
        wish = self.wish
        label = label_of(self.sides, wish.seed, wish.faults, wish.label)
        async with match(self.journal, self.sides, label=label, faults=wish.faults) as played:
            async for trial in played.play(wish.trials, wish.seed, concurrency=wish.concurrency):
                self.trials.append(trial)
                told(trial)
        return score(self.plan, self.sides, self.trials)
