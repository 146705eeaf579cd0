"""A gate that may be looked at after every task: pass, fail, or not yet known.

Two bettors start with a wealth of 1. One wins money whenever the agent is better than the boundary, the other whenever
it is worse; the odds are such that nobody who bets against the truth gets richer on the mean. So by Ville's inequality
a wealth of 1/alpha is reached with a chance of at most alpha where the bet is wrong, however often one looks and
whenever one stops (Waudby-Smith and Ramdas, arXiv 2010.09686; Howard and others, 1810.08240). The stakes follow what
was seen before, never what is to come.

Two forms, by what there is to compare with:

* `paired_gate(margin)`: there is a baseline. Takes, task by task, the mean score of the new side minus that of the
  baseline; passes when the new one is shown to be at most `margin` worse. An agent that is exactly as good as its
  baseline passes only if there are enough tasks, so say beforehand how many: `further(0.0)`.
* `required_gate(rate)`: there is none. Takes scores from 0 to 1 (a task's share of successes, or its pass^k) and
  passes when the mean is shown to be above the rate that is required. So require the least one can live with, not what
  one hopes for: an agent that is exactly at the rate is let through with a chance below alpha, and an agent little
  above it needs many tasks. Thirty-eight perfect tasks show 0.9, nineteen 0.8.

What is shown is shown of the work the tasks were drawn from: give one number a task (one a cluster, where tasks share
one), in an order that chance made before the first trial.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from holdfast.errors import UsageError
from holdfast.evals.stats.quantiles import checked_level

Verdict = Literal["pass", "fail", "inconclusive"]

EXIT_CODES: Final[dict[Verdict, int]] = {"pass": 0, "fail": 1, "inconclusive": 2}

CAREFUL: Final = (0.5,)
"""The most that is staked on a task, as a share of what can be lost."""

HEDGED: Final = (0.5, 0.9)
"""Half the wealth may be staked more boldly. Against a fixed rate perfect agents are common, and the careful half
alone would need half as many tasks again to let one through; it costs the others a few points of power."""


@dataclass(frozen=True)
class Rule:
    """What a gate asks, and how its bettors play. Values from `lowest` to `highest` are held against `boundary`."""

    boundary: float
    lowest: float
    highest: float
    scales: tuple[float, float]
    """The most a value can lie on the wrong side of the boundary, or more: of the bettor on above, and on below."""
    stakes: tuple[float, ...]
    level: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What is known so far. It never changes: `after` gives the next one.

    The first verdict stays. Values after it are counted, as those of trials that were under way, and change nothing.
    """

    rule: Rule
    above: tuple[float, ...]
    """What has become of 1 under each stake, by betting on above the boundary."""
    below: tuple[float, ...]
    seen: int = 0
    decided_after: int | None = None
    """How many values the verdict rests on."""
    total: float = 0.0
    """The sum of distances from the boundary."""
    squares: float = 0.0

    @property
    def for_pass(self) -> float:
        """How much speaks for pass: the wealth of who bet on it. 20 is enough at a level of 0.95."""
        return sum(self.above) / len(self.above)

    @property
    def for_fail(self) -> float:
        """How much speaks for fail."""
        return sum(self.below) / len(self.below)

    @property
    def verdict(self) -> Verdict:
        """Pass and fail are shown at the gate's level; inconclusive says that more tasks may show either."""
        enough = 1 / (1 - self.rule.level)
        if self.for_pass >= enough:
            return "pass"
        return "fail" if self.for_fail >= enough else "inconclusive"

    def after(self, value: float) -> Gate:
        """Take the value of one more task. Raises UsageError for a value that cannot be."""
        rule, seen = self.rule, self.seen + 1
        if not rule.lowest <= value <= rule.highest:
            raise UsageError(
                f"this gate takes values from {rule.lowest:g} to {rule.highest:g}; this is {value}",
                hint="give a share of successes, or a difference of two shares",
            )
        if self.decided_after is not None:
            return replace(self, seen=seen)
        distance = value - rule.boundary
        above, below = self._bet(1, distance, self.above), self._bet(-1, distance, self.below)
        total, squares = self.total + distance, self.squares + distance * distance
        moved = Gate(rule, above, below, seen, None, total, squares)
        return moved if moved.verdict == "inconclusive" else replace(moved, decided_after=seen)

    def _bet(self, way: int, distance: float, purses: tuple[float, ...]) -> tuple[float, ...]:
        """The purses after one more distance; `way` is 1 for above and -1 for below. What to stake rests on the past."""
        if not self.squares:
            return purses
        scale = self.rule.scales[way < 0]
        # mean / (variance + mean^2), in units of the scale: the stake that would have paid best, to first order.
        best, move = max(0.0, way * self.total * scale / self.squares), way * distance / scale
        paid = zip(purses, self.rule.stakes, strict=True)
        return tuple([purse * (1 + min(best, most) * move) for purse, most in paid])

    def further(self, value: float, most: int = 10_000) -> int | None:
        """How many more tasks of this one value bring a verdict; None if `most` do not, 0 if there is one.

        Of a gate that has seen nothing, this says beforehand what a suite can show at all.
        """
        gate, taken = self, 0
        while gate.verdict == "inconclusive":
            if taken == most:
                return None
            gate, taken = gate.after(value), taken + 1
        return taken


def paired_gate(margin: float, level: float = 0.95) -> Gate:
    """Whether a side is at most `margin` worse than its baseline; 0 asks whether it is better.

    Takes differences of mean scores, new minus baseline, from -1 to 1.
    """
    if not 0 <= margin < 1:
        raise UsageError(f"a margin of {margin} cannot be held", hint="give a share: 0.1 allows ten points")
    return _gate(Rule(-margin, -1.0, 1.0, (1 + margin, 1 + margin), CAREFUL, checked_level(level)))


def required_gate(rate: float, level: float = 0.95) -> Gate:
    """Whether the mean score is above a fixed rate. Takes scores from 0 to 1."""
    if not 0 < rate < 1:
        raise UsageError(
            f"no number of tasks shows a rate above {rate}"
            if rate >= 1
            else f"a required rate of {rate} asks for nothing",
            hint="give a share between 0 and 1: the least you can live with",
        )
    return _gate(Rule(rate, 0.0, 1.0, (rate, 1 - rate), HEDGED, checked_level(level)))


def _gate(rule: Rule) -> Gate:
    purses = (1.0,) * len(rule.stakes)
    return Gate(rule, purses, purses)
