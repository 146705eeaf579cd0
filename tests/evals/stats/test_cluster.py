"""Means of clustered values, beside SciPy and the formula written out, and how often intervals hold the truth."""

from __future__ import annotations

import random
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.errors import UsageError
from holdfast.evals.stats.cluster import DIFFERENCE, RATE, alike, grouped, mean_interval, standard_error
from holdfast.evals.stats.rates import all_perfect, zero_failures

quick = settings(deadline=None)


VALUES = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=30).filter(lambda values: len({*values}) > 1)


@quick
@given(VALUES)
def test_with_a_cluster_each_it_is_the_ordinary_interval(values: list[float]) -> None:
    assert standard_error(values) == pytest.approx(stats.sem(values))
    theirs = stats.t.interval(0.95, len(values) - 1, sum(values) / len(values), stats.sem(values))
    ours = mean_interval(values)
    assert (ours.low, ours.high) == pytest.approx(theirs)


@quick
@given(VALUES, st.data())
def test_clustered_errors_are_the_formula_written_out(values: list[float], data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.sampled_from("abcd"), min_size=len(values), max_size=len(values)))
    names = sorted({*labels})
    if len(names) < 2:
        with pytest.raises(UsageError, match="one cluster"):
            standard_error(values, labels)
        return
    mean, n, g = sum(values) / len(values), len(values), len(names)
    total = sum(
        (values[i] - mean) * (values[j] - mean) for i in range(n) for j in range(n) if labels[i] == labels[j]
    )  # Miller's double sum over pairs of one cluster
    assert standard_error(values, labels) ** 2 == pytest.approx(max(0.0, total) / n**2 * g / (g - 1), abs=1e-12)


def test_values_repeated_within_a_cluster_add_nothing() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    once = mean_interval(values, bounds=RATE)
    thrice = mean_interval(
        [one for one in values for _ in range(3)], [at for at in range(5) for _ in range(3)], bounds=RATE
    )
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))


def test_bounds_cut_the_interval() -> None:
    free, cut = mean_interval([1.0, 1.0, 0.0]), mean_interval([1.0, 1.0, 0.0], bounds=RATE)
    assert (free.low < 0, free.high > 1) == (True, True)
    assert (cut.low, cut.high) == (0, 1)


def test_where_all_are_alike_at_a_bound_it_is_one_sided() -> None:
    perfect, none = mean_interval([1.0] * 20, bounds=RATE), mean_interval([0.0] * 20, bounds=RATE)
    assert (perfect.low, perfect.high) == pytest.approx((all_perfect(20).low, 1))
    assert (none.low, none.high) == pytest.approx((0, zero_failures(20).high))
    assert "one-sided" in perfect.method


def test_where_all_are_alike_in_between_one_cluster_is_paid_for_saying_where() -> None:
    ties = mean_interval([0.0] * 11, bounds=DIFFERENCE)
    off = 1 - 0.05 ** (1 / 10)
    assert (ties.low, ties.point, ties.high) == pytest.approx((-off, 0, off))
    assert (alike(0.4, 1, RATE).low, alike(0.4, 1, RATE).high) == (0, 1)


def test_clusters_that_cancel_out_are_alike_too() -> None:
    found = mean_interval([0.0, 1.0, 1.0, 0.0], ["a", "a", "b", "b"], bounds=RATE)
    assert (found.point, "alike" in found.method) == (0.5, True)
    assert found.width > 0.9


def test_one_cluster_says_nothing_of_others() -> None:
    found = mean_interval([0.0, 1.0], ["a", "a"], bounds=RATE)
    assert (found.low, found.point, found.high) == (0, 0.5, 1)
    unknown = mean_interval([3.0, 4.0], ["a", "a"])
    assert (unknown.low, unknown.high) == (-inf, inf)
    assert mean_interval([3.0] * 9).width == inf, "without bounds nothing follows from agreement"


@pytest.mark.parametrize(
    ("values", "clusters"), [([], None), ([1.0], ["a", "b"]), ([nan, 1.0], None), ([inf, 1.0], None)]
)
def test_what_cannot_be_is_refused(values: list[float], clusters: list[str] | None) -> None:
    for ask in (grouped, mean_interval, standard_error):
        with pytest.raises(UsageError):
            ask(values, clusters)


def test_values_beyond_their_bounds_are_refused() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        mean_interval([0.5, 1.5], bounds=RATE)


def share_covered(clusters: int, each: int, *, by_cluster: bool) -> float:
    """How often the interval holds the truth where tasks of a cluster are of one difficulty."""
    chance, held, rounds = random.Random(5), 0, 400
    for _ in range(rounds):
        values, labels = [], []
        for name in range(clusters):
            p = chance.choice((0.2, 0.9))
            values += [float(chance.random() < p) for _ in range(each)]
            labels += [name] * each
        held += 0.55 in mean_interval(values, labels if by_cluster else None, bounds=RATE)
    return held / rounds


def test_clustered_intervals_hold_the_truth_and_others_do_not() -> None:
    assert share_covered(12, 8, by_cluster=True) == pytest.approx(0.95, abs=0.03)
    assert share_covered(12, 8, by_cluster=False) < 0.75
