"""Intervals of rates, beside SciPy and closed forms, and how often they hold the truth."""

from __future__ import annotations

import math
import pickle
from math import comb, inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.errors import UsageError
from holdfast.evals.stats.rates import (
    Interval,
    all_perfect,
    clopper_pearson,
    newcombe,
    rate,
    wilson,
    zero_failures,
)

quick = settings(deadline=None)


COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVELS = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])


@quick
@given(COUNTS, LEVELS)
def test_wilson_is_that_of_scipy(counts: tuple[int, int], level: float) -> None:
    theirs = stats.binomtest(*counts).proportion_ci(level, method="wilson")
    ours = wilson(*counts, level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (ours.level, ours.point) == (level, counts[0] / counts[1])


@quick
@given(COUNTS, LEVELS)
def test_clopper_pearson_is_that_of_scipy(counts: tuple[int, int], level: float) -> None:
    theirs = stats.binomtest(*counts).proportion_ci(level, method="exact")
    ours = clopper_pearson(*counts, level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@quick
@given(COUNTS, LEVELS)
def test_intervals_hold_their_estimate_and_mirror(counts: tuple[int, int], level: float) -> None:
    won, n = counts
    for method in (wilson, clopper_pearson):
        one, mirrored = method(won, n, level), method(n - won, n, level)
        assert 0 <= one.low <= one.point <= one.high <= 1
        assert one.point in one
        assert (one.low, one.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-9)


def covered(method: object, n: int, p: float) -> float:
    """How often the interval holds p: over every count there can be, by its chance."""
    assert callable(method)
    return math.fsum(comb(n, x) * p**x * (1 - p) ** (n - x) for x in range(n + 1) if p in method(x, n))


def test_clopper_pearson_never_covers_less_than_it_says_and_wilson_does_on_average() -> None:
    rates = [at / 50 for at in range(1, 50)]
    for n in (5, 20, 60):
        assert min(covered(clopper_pearson, n, p) for p in rates) >= 0.95
        assert sum(covered(wilson, n, p) for p in rates) / len(rates) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("n", "three"), [(30, 0.1), (100, 0.03), (1000, 0.003)])
def test_without_a_failure_the_rate_of_failures_is_at_most_three_over_n(n: int, three: float) -> None:
    found = zero_failures(n)
    assert (found.low, found.point) == (0, 0)
    assert found.high == pytest.approx(three, rel=0.06)
    assert (1 - found.high) ** n == pytest.approx(0.05), "at this rate no failure is seen one time in twenty"
    assert found.high == pytest.approx(stats.binomtest(0, n, alternative="less").proportion_ci(0.95).high)


def test_twenty_perfect_tasks_show_861() -> None:
    found = all_perfect(20)
    assert round(found.low, 3) == 0.861
    assert (found.point, found.high) == (1, 1)
    assert all_perfect(7, 0.9).low == pytest.approx(1 - zero_failures(7, 0.9).high)


@pytest.mark.parametrize(
    ("counts", "bounds"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ],
)
def test_newcombe_is_that_of_his_paper(counts: tuple[int, int, int, int], bounds: tuple[float, float]) -> None:
    found = newcombe(*counts)
    assert (round(found.low, 4), round(found.high, 4)) == bounds
    assert found.point == counts[0] / counts[1] - counts[2] / counts[3]


@quick
@given(COUNTS, COUNTS)
def test_newcombe_turned_round_is_the_negative(one: tuple[int, int], other: tuple[int, int]) -> None:
    found, turned = newcombe(*one, *other), newcombe(*other, *one)
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low), abs=1e-12)
    assert -1 <= found.low <= found.point <= found.high <= 1


@pytest.mark.parametrize(("won", "n"), [(0, 0), (3, 2), (-1, 5), (0, -1)])
def test_counts_that_cannot_be_are_refused(won: int, n: int) -> None:
    for method in (rate, wilson, clopper_pearson):
        with pytest.raises(UsageError):
            method(won, n)
    with pytest.raises(UsageError):
        newcombe(won, n, 1, 2)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, -0.1, math.nan])
def test_a_level_lies_between_0_and_1(level: float) -> None:
    for method in (wilson, clopper_pearson):
        with pytest.raises(UsageError, match="level of confidence"):
            method(1, 2, level)
    for bound in (zero_failures, all_perfect):
        with pytest.raises(UsageError):
            bound(4, level)


def test_an_interval_knows_what_it_holds_and_how_wide_it_is() -> None:
    one = Interval(0.2, 0.5, 0.6)
    assert 0.2 in one
    assert 0.61 not in one
    assert one.width == pytest.approx(0.4)
    assert Interval(1, 2, inf).width == inf
    assert pickle.loads(pickle.dumps(one)) == one
    for bad in ((0.5, 0.5, 0.4), (math.nan, 0, 1), (0, math.nan, 1), (0, 0, math.nan)):
        with pytest.raises(UsageError):
            Interval(*bad)
