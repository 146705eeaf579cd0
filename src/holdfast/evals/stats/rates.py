"""Intervals of a rate, and of the difference of two rates, from counts alone.

Every count is of independent trials. Where trials share a task, use `cluster` or `repeat`: intervals from here would
then be too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan, sqrt

from holdfast.errors import UsageError
from holdfast.evals.stats.quantiles import beta, checked_level, two_sided_z


@dataclass(frozen=True)
class Interval:
    """What a figure is, and between which values the truth lies with a confidence of `level`.

    `point` is the estimate itself. A bound that nothing is known of is -inf or inf; a one-sided interval says so in
    `method` and holds the whole of its `level` on its one side.
    """

    low: float
    point: float
    high: float
    level: float = 0.95
    method: str = ""

    def __post_init__(self) -> None:
        checked_level(self.level)
        if isnan(self.low) or isnan(self.point) or isnan(self.high) or not self.low <= self.high:
            raise UsageError(f"an interval goes from its low bound to its high one; this is {self.low} to {self.high}")

    def __contains__(self, value: float) -> bool:
        """Whether a value lies in it; the bounds do."""
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        """How far apart the bounds are; inf where one of them is unknown."""
        return inf if inf in (-self.low, self.high) else self.high - self.low


def wilson(successes: float, trials: float, level: float = 0.95) -> Interval:
    """The score interval of one rate (Wilson 1927). Good at any count, parts of one too; covers `level` on average.

    Raises UsageError for counts that cannot be.
    """
    p, z = rate(successes, trials), two_sided_z(level)
    shrink = 1 + z * z / trials
    middle = (p + z * z / (2 * trials)) / shrink
    half = z * sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / shrink
    # The bounds are exactly 0 and 1 there; floating point comes to 1e-17 beside them.
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == trials else middle + half
    return Interval(low, p, high, level, "Wilson")


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """The exact interval of one rate (Clopper and Pearson 1934). Never covers less than `level`, mostly more."""
    p, tail = rate(successes, trials), (1 - checked_level(level)) / 2
    low = 0.0 if successes == 0 else beta(tail, successes, trials - successes + 1)
    high = 1.0 if successes == trials else beta(1 - tail, successes + 1, trials - successes)
    return Interval(low, p, high, level, "Clopper-Pearson")


def zero_failures(trials: int, level: float = 0.95) -> Interval:
    """How often something may still fail that did not fail in any of `trials`: at most 1 - alpha^(1/n), near 3/n."""
    rate(0, trials)
    return Interval(0.0, 0.0, 1 - (1 - checked_level(level)) ** (1 / trials), level, "exact, one-sided, no failure")


def all_perfect(tasks: int, level: float = 0.95) -> Interval:
    """What a rate is at least of which every one of `tasks` was perfect: alpha^(1/T), 0.861 for twenty of them."""
    rate(0, tasks)
    return Interval((1 - checked_level(level)) ** (1 / tasks), 1.0, 1.0, level, "exact, one-sided, all perfect")


def newcombe(successes: int, trials: int, others: int, other_trials: int, level: float = 0.95) -> Interval:
    """By how much one rate is above another one, of independent trials (Newcombe 1998, method 10: from scores)."""
    one, two = wilson(successes, trials, level), wilson(others, other_trials, level)
    low = sqrt((one.point - one.low) ** 2 + (two.high - two.point) ** 2)
    high = sqrt((one.high - one.point) ** 2 + (two.point - two.low) ** 2)
    d = one.point - two.point
    return Interval(max(-1.0, d - low), d, min(1.0, d + high), level, "Newcombe")


def rate(successes: float, trials: float) -> float:
    """Successes among trials. Raises UsageError where there was no trial, or fewer trials than successes."""
    if trials < 1:
        raise UsageError("no trials, no rate", hint="make at least one trial")
    if not 0 <= successes <= trials:
        raise UsageError(f"{successes} successes in {trials} trials cannot be")
    return successes / trials
