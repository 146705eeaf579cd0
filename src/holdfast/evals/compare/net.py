"""Net benefit of one side against another: its interval, paired by case, and how many cases more would decide it.

A case gives one value: what its trials are worth on one side, minus the same on the other, each in the mean. Its interval is
the wider, at each end, of Student's t with clustered errors and of the percentiles of a bootstrap over clusters, paired. Which
is the wider depends: few clusters make the bootstrap too narrow, lopsided values (a rare and dear failure) make t too narrow.

One thing neither sees. Where no case parts the two sides in success, successes have no spread, and every draw has none; yet
a difference may hide in cases that were not drawn, as nobody who saw no failure in twenty runs knows that there is none. So
there the bounds of what may hide (`cluster.alike`) are added, at what a success is worth. Costs without spread are taken as
they are: what a run costs has a ceiling in its contract, and no failure behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, inf, isfinite, sqrt
from typing import Final

from holdfast.errors import UsageError
from holdfast.evals.stats.cluster import DIFFERENCE, Bounds, Clusters, alike, grouped, mean_interval, standard_error
from holdfast.evals.stats.draws import DRAWS
from holdfast.evals.stats.paired import bootstrap
from holdfast.evals.stats.quantiles import two_sided_t
from holdfast.evals.stats.rates import Interval

MOST: Final = 100_000
"""Clusters beyond which it is said that no number of cases would do."""

_SAME: Final = 1e-12


@dataclass(frozen=True)
class Net:
    """Net benefit of one side minus that of the other, in USD a run, and what it takes to narrow it."""

    interval: Interval
    clusters: int
    spread: float
    """Standard deviation of what a cluster contributes; the interval narrows with the root of their number."""
    hidden: float
    """USD a run that a difference in success may hide where none was seen at all: what the widest one would be worth."""

    def half(self, clusters: int) -> float:
        """Half the width that the interval would have with so many clusters like these."""
        if clusters < 2:
            return inf
        level = self.interval.level
        sampled = two_sided_t(level, clusters - 1) * self.spread / sqrt(clusters) if self.spread else 0.0
        return sampled + self.hidden * _unseen(clusters, level)


def net_of(
    success: Sequence[float],
    costs: Sequence[float],
    swing: float,
    clusters: Clusters = None,
    *,
    bounds: Bounds = DIFFERENCE,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Net:
    """success, costs: one side minus the other, case by case, costs in USD a run. swing: USD that a success is worth.

    bounds: between which values a success lies: those of a difference, or `RATE` for one side alone.
    """
    if len(success) != len(costs):
        raise UsageError(f"{len(success)} differences of success do not go with {len(costs)} of costs")
    values = [swing * won - cost for won, cost in zip(success, costs, strict=True)]
    many = len(grouped(values, clusters))
    found = over_cases(values, clusters, level=level, draws=draws, seed=seed)
    spread = standard_error(values, clusters) * sqrt(many) if many > 1 else 0.0
    hidden = 0.0
    if many > 1 and max(success) - min(success) <= _SAME:
        hides = alike(success[0], many, bounds, _half_of(level))
        hidden = swing * max(bounds[1] - success[0], success[0] - bounds[0])
        low, high = swing * (hides.low - success[0]), swing * (hides.high - success[0])
        how = f"{found.method}; no case parts them in success, so what may hide is added"
        found = Interval(found.low + low, found.point, found.high + high, level, how)
    return Net(found, many, spread, hidden)


def over_cases(
    values: Sequence[float], clusters: Clusters = None, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """A mean over cases that has no bounds: the wider of t and bootstrap, at each end; what has no spread, as it is."""
    point, many = fsum(values) / len(values), len(grouped(values, clusters))
    if many == 1:
        return Interval(-inf, point, inf, level, "unknown: one cluster")
    if max(values) - min(values) <= _SAME * max(1.0, abs(point)):
        return Interval(point, point, point, level, "no spread")
    t = mean_interval(values, clusters, level=level)
    drawn = bootstrap(values, clusters, level=level, draws=draws, seed=seed)
    if not isfinite(t.low):
        return t
    return Interval(
        min(t.low, drawn.low), point, max(t.high, drawn.high), level, f"the wider of t and bootstrap, {many} clusters"
    )


def more_until(net: Net, margin: float = 0.0) -> int | None:
    """How many clusters more would bring a verdict, if those to come are like those seen; None where no number would.

    At least one. margin: USD a run that are no reason for the more complex side; see `verdict`.
    """
    point = net.interval.point
    reach = max(point, margin - point)  # to 0 from above, or to the margin from below: whichever is done first
    if reach <= 0 or not (net.spread or net.hidden):
        return None
    enough = _first(lambda clusters: net.half(clusters) < reach, net.clusters + 1)
    return None if enough is None else enough - net.clusters


def _first(holds: Callable[[int], bool], begin: int) -> int | None:
    """The smallest number from `begin` on for which something holds that goes on holding; None above MOST."""
    if not holds(MOST):
        return None
    low, high = begin - 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _half_of(level: float) -> float:
    """The level of one of two bounds that together hold `level`."""
    return (1 + level) / 2


def _unseen(clusters: int, level: float) -> float:
    """How far, as a share of the way to a bound, the mean may be from what every cluster came to; see `cluster.alike`."""
    return float(1 - (1 - _half_of(level)) ** (1 / (clusters - 1)))
