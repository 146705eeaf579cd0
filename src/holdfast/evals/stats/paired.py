"""Two sides on the same tasks: by how much they differ, and how surprising that is if they do not.

What is compared is a task's mean score on one side minus that on the other, so that what makes tasks hard drops out.
Run both sides interleaved, on the same seeds and under the same faults.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, fsum
from typing import Final, TypeVar

from holdfast.errors import UsageError
from holdfast.evals.stats.cluster import DIFFERENCE, Bounds, Clusters, grouped, mean_interval
from holdfast.evals.stats.draws import DRAWS, flipped, percentiles, resampled
from holdfast.evals.stats.rates import Interval

EXACT: Final = 15
"""Up to so many clusters every choice of signs is gone through: 32,768 of them."""

_TIE: Final = 1e-9
"""Sums that differ by less than this share are one sum, added up in another order."""

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Discordance:
    """How single trials of two sides came out, task by task."""

    both: int
    only_one: int
    only_other: int
    neither: int

    @property
    def p(self) -> float:
        """The chance of pairs as uneven as these, or more, if neither side is better."""
        return mcnemar(self.only_one, self.only_other)


@dataclass(frozen=True)
class Permutation:
    """How often sums are as far from 0 as the one seen, if the sign of every cluster is chance."""

    p: float
    exact: bool
    """Whether every choice of signs was gone through; otherwise `signs` were drawn from a seed."""
    signs: int


@dataclass(frozen=True)
class Comparison:
    """Two sides on the same tasks, one minus other. `pairs` where every task has one trial a side, right or wrong."""

    tasks: int
    difference: Interval
    permutation: Permutation
    pairs: Discordance | None


def compare(
    one: Sequence[Sequence[float]],
    other: Sequence[Sequence[float]],
    clusters: Clusters = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare scores of trials, task by task and in the same order on both sides."""
    differences = paired_differences(one, other)
    single = all(len(scores) == 1 and scores[0] in {0, 1} for scores in (*one, *other))
    return Comparison(
        len(differences),
        difference(differences, clusters, level=level),
        sign_flip(differences, clusters, seed=seed),
        discordance([scores[0] for scores in one], [scores[0] for scores in other]) if single else None,
    )


def paired_differences(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> list[float]:
    """The mean score of every task on one side minus that on the other. Raises UsageError for a task without trials."""
    if len(one) != len(other):
        raise UsageError("both sides need the same tasks, in the same order", hint="leave out what only one side has")
    if not all(one) or not all(other):
        raise UsageError("a task without trials on a side cannot be compared", hint="leave it out on both sides")
    return [fsum(a) / len(a) - fsum(b) / len(b) for a, b in zip(one, other, strict=True)]


def difference(
    differences: Sequence[float],
    clusters: Clusters = None,
    *,
    bounds: Bounds | None = DIFFERENCE,
    level: float = 0.95,
) -> Interval:
    """The mean difference and its t interval with clustered errors; scores from 0 to 1 differ by 1 at most."""
    return mean_interval(differences, clusters, bounds=bounds, level=level)


def mcnemar(only_one: int, only_other: int) -> float:
    """Exact p of discordant pairs: twice the smaller tail of Binomial(b + c, 1/2), at most 1 (McNemar 1947).

    Six pairs, all one way, are the fewest with p below .05.
    """
    if min(only_one, only_other) < 0:
        raise UsageError("pairs cannot be fewer than none")
    pairs, fewer = only_one + only_other, min(only_one, only_other)
    return min(1.0, float(Fraction(2 * sum(comb(pairs, at) for at in range(fewer + 1)), 1 << pairs)))


def discordance(one: Sequence[float], other: Sequence[float]) -> Discordance:
    """Count how single trials came out; a score is 1 or 0."""
    if len(one) != len(other) or not one:
        raise UsageError("pairs need the same tasks on both sides, and at least one")
    if not {*one, *other} <= {0, 1}:
        raise UsageError("pairs are right or wrong: 1 or 0", hint="compare other scores by `sign_flip`")
    pairs = [(bool(a), bool(b)) for a, b in zip(one, other, strict=True)]
    kinds = ((True, True), (True, False), (False, True), (False, False))
    return Discordance(*(pairs.count(kind) for kind in kinds))


def sign_flip(
    differences: Sequence[float], clusters: Clusters = None, *, draws: int = DRAWS, seed: int = 0
) -> Permutation:
    """How surprising the differences are if which side is which were chance, cluster by cluster; two-sided.

    Up to fifteen clusters every choice is counted. Beyond, what was seen counts as one of the draws, so that p is
    never 0.
    """
    sums = [fsum(group) for group in grouped(differences, clusters)]
    exact = len(sums) <= EXACT
    came = abs(flipped(sums, None if exact else draws, seed))
    least = abs(fsum(sums)) - _TIE * fsum(map(abs, sums))
    as_far = int((came >= least).sum())
    if exact:
        return Permutation(as_far / len(came), exact=True, signs=len(came))
    return Permutation((as_far + 1) / (draws + 1), exact=False, signs=draws)


def bootstrap(
    differences: Sequence[float],
    clusters: Clusters = None,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """The mean difference and its percentile interval over clusters drawn again.

    With few clusters it is too narrow: at ten it held the truth 92 times of 100. Prefer `difference` below thirty.
    """
    groups = grouped(differences, clusters)
    drawn = resampled([(fsum(group), len(group)) for group in groups], draws, seed)
    low, high = percentiles(drawn[:, 0] / drawn[:, 1], level)
    return Interval(low, fsum(differences) / len(differences), high, level, f"bootstrap, {len(groups)} clusters")


def holm(ps: Mapping[Name, float]) -> dict[Name, float]:
    """p values that take into account how many were asked for (Holm 1979), by the names they came with."""
    if not all(0 <= p <= 1 for p in ps.values()):
        raise UsageError("a p value lies between 0 and 1")
    adjusted: dict[Name, float] = {}
    worst = 0.0
    for at, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        worst = max(worst, min(1.0, (len(ps) - at) * p))
        adjusted[name] = worst
    return {name: adjusted[name] for name in ps}
