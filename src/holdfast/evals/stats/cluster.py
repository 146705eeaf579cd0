"""The mean of values that come in clusters: tasks of one family, customer or source are not independent of each other.

Miller, Adding Error Bars to Evals (arXiv 2411.00640). With every value its own cluster this is the ordinary t interval.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import fsum, inf, isfinite, sqrt

from holdfast.errors import UsageError
from holdfast.evals.stats.quantiles import checked_level, two_sided_t
from holdfast.evals.stats.rates import Interval

Clusters = Sequence[Hashable] | None
"""Which cluster each value belongs to; None: each is its own."""

Bounds = tuple[float, float]
"""Between which values every single value must lie, as 0 and 1 for a rate."""

RATE: Bounds = (0.0, 1.0)
DIFFERENCE: Bounds = (-1.0, 1.0)

_SAME = 1e-12
"""Spread below this share of the values is that of floating point."""


def grouped(values: Sequence[float], clusters: Clusters = None) -> list[list[float]]:
    """The values of each cluster, in the order in which clusters first appear. Raises UsageError for none."""
    if not values:
        raise UsageError("there are no values to take a mean of", hint="give at least one task")
    if not all(map(isfinite, values)):
        raise UsageError("a mean of something infinite or undefined means nothing")
    if clusters is None:
        return [[value] for value in values]
    if len(clusters) != len(values):
        raise UsageError(f"{len(values)} values cannot lie in {len(clusters)} clusters", hint="name one for each value")
    groups: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        groups.setdefault(cluster, []).append(value)
    return list(groups.values())


def standard_error(values: Sequence[float], clusters: Clusters = None) -> float:
    """How far the mean is off, typically: sqrt(G/(G-1) * sum over clusters of (sum of deviations)^2) / N.

    Raises UsageError for fewer than two clusters.
    """
    groups = grouped(values, clusters)
    if len(groups) < 2:
        raise UsageError("one cluster alone says nothing of how far clusters differ", hint="add a second task")
    mean = fsum(values) / len(values)
    total = fsum(fsum(value - mean for value in group) ** 2 for group in groups)
    return sqrt(total * len(groups) / (len(groups) - 1)) / len(values)


def mean_interval(
    values: Sequence[float], clusters: Clusters = None, *, bounds: Bounds | None = None, level: float = 0.95
) -> Interval:
    """The mean of values and its interval: Student's t with one degree of freedom less than there are clusters.

    It is cut at `bounds`, where they are known. Two cases have no spread to go by, and t would give an interval of no
    width: a single cluster, of which nothing follows for others; and clusters that are all the same, see `alike`.
    """
    checked_level(level)
    groups = grouped(values, clusters)
    mean, many = fsum(values) / len(values), len(groups)
    low, high = bounds if bounds is not None else (-inf, inf)
    if min(values) < low - _SAME or max(values) > high + _SAME:
        raise UsageError(
            f"every value must lie between {low:g} and {high:g}; these go from {min(values)} to {max(values)}"
        )
    mean = min(max(mean, low), high)
    if max(values) - min(values) <= _SAME * max(1.0, abs(mean)):
        return alike(mean, many, bounds, level)
    if many == 1:
        return Interval(low, mean, high, level, "unknown: one cluster")
    half = two_sided_t(level, many - 1) * standard_error(values, clusters)
    if half <= _SAME * max(1.0, abs(mean)):
        return alike(mean, many, bounds, level, extreme=False)
    return Interval(max(low, mean - half), mean, min(high, mean + half), level, f"t, {many} clusters")


def alike(value: float, clusters: int, bounds: Bounds | None, level: float = 0.95, *, extreme: bool = True) -> Interval:
    """What the mean may be where every one of some clusters came to the same value.

    At a bound of what is possible (all perfect, none passed) the mean is at most 1 - alpha^(1/G) of the way from it: a
    mean further off would give that result with a chance below alpha. A value in between was not named beforehand, so
    one cluster goes into saying which it is: G - 1 takes the place of G. Without bounds nothing follows, however many
    clusters agree: one that was not seen may be as far away as it likes.
    """
    if bounds is None:
        return Interval(-inf, value, inf, level, "unknown: no spread seen")
    low, high = bounds
    at_bound = extreme and value in bounds
    many = clusters if at_bound else clusters - 1
    off = 1 - (1 - checked_level(level)) ** (1 / many) if many else 1.0
    method = f"all {clusters} clusters alike" + (", one-sided" if at_bound else "")
    return Interval(value - off * (value - low), value, value + off * (high - value), level, method)
