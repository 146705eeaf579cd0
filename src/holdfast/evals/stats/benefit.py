"""What a success costs, and whether a dearer way of doing things is worth it.

Costs are in any one unit; every run's cost counts, also of those that failed, with their retries and the minutes of
people at their rate. A run whose cost is unknown has no place here: leave the figure unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, inf, isfinite

from holdfast.errors import UsageError
from holdfast.evals.stats.cluster import DIFFERENCE, Bounds, Clusters, grouped, mean_interval
from holdfast.evals.stats.draws import DRAWS, percentiles, resampled
from holdfast.evals.stats.quantiles import checked_level
from holdfast.evals.stats.rates import Interval


@dataclass(frozen=True)
class Outcome:
    """What came of the runs of one task: means over its trials. `harm` is in the unit that `Worth.harm` prices."""

    success: float
    cost: float
    harm: float = 0.0
    seconds: float | None = None
    """How long a run took; None where that is unknown."""

    def __post_init__(self) -> None:
        if not 0 <= self.success <= 1:
            raise UsageError(f"a share of successes lies between 0 and 1; this is {self.success}")
        if not all(map(isfinite, (self.cost, self.harm))) or min(self.cost, self.harm, self.seconds or 0.0) < 0:
            raise UsageError("cost, harm and time are finite and not below 0", hint="leave out what is not known")


@dataclass(frozen=True)
class Worth:
    """What a success is worth and what a unit of harm costs, in the unit of costs; both stand in the contract."""

    success: float
    harm: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.success) and isfinite(self.harm)) or min(self.success, self.harm) < 0:
            raise UsageError("what a success and a harm are worth is finite and not below 0")

    def net(self, outcome: Outcome) -> float:
        """Net benefit of a run: worth * success - cost - worth of harm * harm."""
        return self.success * outcome.success - outcome.cost - self.harm * outcome.harm


@dataclass(frozen=True)
class Gain:
    """One way of working minus another, per run and on the same tasks."""

    benefit: Interval
    success: Interval
    cost: Interval
    seconds: Interval | None
    """None where the time of some task is unknown."""

    @property
    def earns(self) -> bool:
        """Whether it is shown to be worth more than what it is compared with: the lower bound is above 0."""
        return self.benefit.low > 0

    @property
    def cost_of_a_success_more(self) -> float | None:
        """What one more success costs (ICER): difference of costs over difference of successes.

        None where successes do not differ, and where one side is both better and no dearer, or worse and no cheaper:
        the ratio would then be of no meaning, and there is nothing to weigh.
        """
        more, dearer = self.success.point, self.cost.point
        return dearer / more if more * dearer > 0 else None


def cost_per_success(
    costs: Sequence[float],
    successes: Sequence[float],
    clusters: Clusters = None,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """All costs over all successes, run by run, with the percentile interval over clusters drawn again.

    Without a success the figure is infinite and has a lower bound only: the mean cost over the highest rate of success
    that goes with none in so many clusters. The upper bound is inf where a relevant share of draws holds no success.
    """
    checked_level(level)
    if len(costs) != len(successes):
        raise UsageError(f"{len(costs)} costs do not go with {len(successes)} runs")
    if not all(0 <= success <= 1 for success in successes) or not all(cost >= 0 for cost in costs):
        raise UsageError("a success lies between 0 and 1, and no cost below 0")
    paid, won = grouped(costs, clusters), grouped(successes, clusters)
    spent, total, many = fsum(costs), fsum(successes), len(paid)
    if not total:
        rate = 1 - (1 - level) ** (1 / many)
        return Interval(spent / len(costs) / rate, inf, inf, level, "lower bound only: no success")
    if many == 1:
        return Interval(0.0, spent / total, inf, level, "unknown: one cluster")
    drawn = resampled([(fsum(cost), fsum(success)) for cost, success in zip(paid, won, strict=True)], draws, seed)
    each = [cost / success if success > 0 else inf for cost, success in drawn.tolist()]
    return Interval(*_around(spent / total, *percentiles(each, level)), level, f"bootstrap, {many} clusters")


def net_benefit(outcomes: Sequence[Outcome], worth: Worth, clusters: Clusters = None, level: float = 0.95) -> Interval:
    """Net benefit per run, over tasks, with clustered errors."""
    return mean_interval([worth.net(outcome) for outcome in outcomes], clusters, level=level)


def gain(
    one: Sequence[Outcome],
    other: Sequence[Outcome],
    worth: Worth,
    clusters: Clusters = None,
    level: float = 0.95,
) -> Gain:
    """One side minus the other, task by task and in the same order on both."""
    if len(one) != len(other) or not one:
        raise UsageError("both sides need the same tasks, in the same order, and at least one")
    pairs = list(zip(one, other, strict=True))

    def over(values: Sequence[float], bounds: Bounds | None = None) -> Interval:
        return mean_interval(values, clusters, bounds=bounds, level=level)

    times = [a.seconds - b.seconds for a, b in pairs if a.seconds is not None and b.seconds is not None]
    return Gain(
        benefit=over([worth.net(a) - worth.net(b) for a, b in pairs]),
        success=over([a.success - b.success for a, b in pairs], DIFFERENCE),
        cost=over([a.cost - b.cost for a, b in pairs]),
        seconds=over(times) if len(times) == len(pairs) else None,
    )


def _around(point: float, low: float, high: float) -> tuple[float, float, float]:
    """Bounds that hold the estimate, as percentiles of few clusters need not."""
    return min(low, point), point, max(high, point)
