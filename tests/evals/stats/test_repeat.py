"""pass^k and pass@k: beside enumeration of every choice of k trials, and the figures methods were chosen by."""

from __future__ import annotations

import random
from itertools import combinations
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.evals.stats.draws import percentiles, resampled
from holdfast.evals.stats.rates import all_perfect
from holdfast.evals.stats.repeat import Tally, mean_pass_at, mean_pass_hat, pass_at, pass_hat

quick = settings(deadline=None)


SMALL = st.integers(1, 7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n)))


@quick
@given(SMALL)
def test_they_are_the_share_of_choices_of_k_trials(counts: tuple[int, int, int]) -> None:
    c, n, k = counts
    choices = [*combinations([True] * c + [False] * (n - c), k)]
    assert pass_hat(c, n, k) == pytest.approx(sum(map(all, choices)) / len(choices))
    assert pass_at(c, n, k) == pytest.approx(sum(map(any, choices)) / len(choices))


@quick
@given(SMALL)
def test_k_of_1_is_the_rate_and_more_is_never_easier(counts: tuple[int, int, int]) -> None:
    c, n, k = counts
    assert pass_hat(c, n, 1) == pytest.approx(c / n) == pass_at(c, n, 1)
    hats = [pass_hat(c, n, at) or 0.0 for at in range(1, k + 1)]
    ats = [pass_at(c, n, at) or 0.0 for at in range(1, k + 1)]
    assert hats == sorted(hats, reverse=True)
    assert ats == sorted(ats)


@pytest.mark.parametrize(("p", "n", "k"), [(0.7, 4, 4), (0.7, 6, 3), (0.3, 5, 2)])
def test_both_are_without_bias_and_the_power_of_a_rate_is_not(p: float, n: int, k: int) -> None:
    chances = [comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]

    def mean(values: list[float | None]) -> float:
        return sum(chance * (value or 0.0) for chance, value in zip(chances, values, strict=True))

    assert mean([pass_hat(c, n, k) for c in range(n + 1)]) == pytest.approx(p**k)
    assert mean([pass_at(c, n, k) for c in range(n + 1)]) == pytest.approx(1 - (1 - p) ** k)
    plugged = mean([(c / n) ** k for c in range(n + 1)])
    if (p, n, k) == (0.7, 4, 4):
        assert (round(p**k, 3), round(plugged, 3)) == (0.240, 0.387)
    assert plugged > p**k * 1.1


def test_with_too_few_trials_neither_is_defined() -> None:
    assert pass_hat(3, 3, 4) is None
    assert pass_at(3, 3, 4) is None
    found = mean_pass_hat([Tally(3, 3), Tally(2, 3)], 4).as_failures
    assert (found.interval, found.tasks, found.short) == (None, 0, 2)


def test_tasks_with_too_few_trials_are_left_out_and_counted() -> None:
    found = mean_pass_hat([Tally(4, 4), Tally(3, 4), Tally(2, 2)], 4).as_failures
    assert found.interval is not None
    assert (found.interval.point, found.tasks, found.short) == (0.5, 2, 1)


def test_broken_trials_are_counted_both_ways() -> None:
    both = mean_pass_hat([Tally(3, 4, broken=1), Tally(2, 4), Tally(0, 4, broken=4)], 1)
    assert both.as_failures.interval is not None
    assert both.left_out.interval is not None
    assert both.as_failures.interval.point == pytest.approx((3 / 4 + 2 / 4 + 0) / 3)
    assert both.left_out.interval.point == pytest.approx((3 / 3 + 2 / 4) / 2)
    assert (both.as_failures.short, both.left_out.short, both.same) == (0, 1, False)
    assert mean_pass_at([Tally(1, 2), Tally(2, 2)], 2).same


def test_a_hundred_percent_of_what_did_not_break_is_no_success() -> None:
    """Leaving out whatever broke can make a perfect record of one good trial."""
    both = mean_pass_hat([Tally(1, 10, broken=9), Tally(10, 10)], 1)
    assert both.left_out.interval is not None
    assert both.as_failures.interval is not None
    assert (both.left_out.interval.point, both.as_failures.interval.point) == (1, 0.55)


def test_where_every_task_is_perfect_the_bound_is_one_sided() -> None:
    found = mean_pass_hat([Tally(4, 4)] * 20, 4).as_failures.interval
    assert found is not None
    assert (found.low, found.point, found.high) == pytest.approx((all_perfect(20).low, 1, 1))


def test_tasks_of_one_family_count_as_one_cluster() -> None:
    alone = [Tally(c, 4) for c in (4, 4, 3, 3, 4, 4, 2, 2)]
    family = [Tally(task.successes, 4, cluster=at // 2) for at, task in enumerate(alone)]
    narrow, wide = (mean_pass_hat(tasks, 2).as_failures.interval for tasks in (alone, family))
    assert narrow is not None
    assert wide is not None
    assert wide.point == narrow.point
    assert wide.point - wide.low > (narrow.point - narrow.low) * 1.3
    lonely = mean_pass_hat([Tally(0, 1), Tally(1, 1), Tally(1, 1, cluster=0), Tally(1, 1, cluster=0)], 1)
    assert lonely.as_failures.interval is not None
    assert "3 clusters" in lonely.as_failures.interval.method, "a task without a cluster is not in that called 0"


@pytest.mark.parametrize(("c", "n", "k"), [(3, 2, 1), (-1, 2, 1), (1, 2, 0), (1, 2, -1)])
def test_what_cannot_be_is_refused(c: int, n: int, k: int) -> None:
    for ask in (pass_hat, pass_at):
        with pytest.raises(UsageError):
            ask(c, n, k)


def test_impossible_tallies_are_refused() -> None:
    for counts in ((3, 4, 2), (-1, 4, 0), (1, 4, -1)):
        with pytest.raises(UsageError, match="cannot be"):
            Tally(*counts)
    with pytest.raises(UsageError, match="no task"):
        mean_pass_hat([], 1)


TRUTH = 2 / 5
"""The mean of p^3 where p is Beta(2, 1)."""


def suites(tasks: int, rounds: int) -> list[list[Tally]]:
    chance = random.Random(tasks)

    def task() -> Tally:
        p = chance.betavariate(2, 1)
        return Tally(sum(chance.random() < p for _ in range(5)), 5)

    return [[task() for _ in range(tasks)] for _ in range(rounds)]


@pytest.mark.parametrize("tasks", [10, 20, 50])
def test_the_interval_of_pass_3_of_5_trials_holds_the_truth(tasks: int) -> None:
    found = [mean_pass_hat(suite, 3).as_failures.interval for suite in suites(tasks, 600)]
    assert sum(one is not None and TRUTH in one for one in found) / 600 == pytest.approx(0.95, abs=0.025)


def test_the_percentile_bootstrap_holds_it_less_often_at_ten_tasks() -> None:
    held = []
    for suite in suites(10, 1000):
        drawn = resampled([[pass_hat(task.successes, 5, 3) or 0.0] for task in suite], 400)[:, 0] / 10
        low, high = percentiles(drawn, 0.95)
        held.append(low <= TRUTH <= high)
    assert sum(held) / 1000 == pytest.approx(0.915, abs=0.025)
