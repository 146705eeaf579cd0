"""drift: run lengths by simulation, thresholds beside published ones, and where a change is said to have begun."""

from __future__ import annotations

from math import log
from random import Random
from statistics import NormalDist

import pytest

from holdfast.errors import UsageError
from holdfast.evals.stats.drift import (
    cusum,
    cusum_threshold,
    delay,
    ewma,
    ewma_threshold,
    ranked,
    shiryaev_roberts,
)


def mean_run_length(made, times: int) -> float:
    """How many runs pass until an alarm; `made` gives one Watch that was long enough to have one."""
    lengths = []
    for _ in range(times):
        watch = made()
        lengths.append(watch.alarm.at + 1 if watch.alarm is not None else watch.looked)
    return sum(lengths) / times


# --------------------------------------------------------------------------------------------------------- success


def test_the_sum_by_hand():
    watch = shiryaev_roberts([True, False], before=0.9, after=0.6, run_length=1000)
    first = 0.6 / 0.9
    assert watch.last == pytest.approx((1 + first) * (0.4 / 0.1))
    assert (watch.alarm, watch.looked, watch.threshold) == (None, 2, 1000)


@pytest.mark.parametrize("rate", [0.9, 0.93])
def test_the_mean_run_length_of_an_unchanged_rate_is_at_least_what_was_asked(rate):
    chance = Random(4)
    found = mean_run_length(
        lambda: shiryaev_roberts((chance.random() < rate for _ in range(4000)), before=0.9, after=0.7, run_length=100),
        250,
    )
    assert found >= 100
    assert found < 400 or rate > 0.9, "and not so much that nothing would ever be noticed"


def test_a_fall_is_noticed_in_about_the_runs_that_are_said():
    chance = Random(8)
    found = mean_run_length(
        lambda: shiryaev_roberts((chance.random() < 0.7 for _ in range(2000)), before=0.9, after=0.7, run_length=5000),
        300,
    )
    said = delay(0.9, 0.7, 5000)
    assert said == pytest.approx(log(5000) / (0.7 * log(7 / 9) + 0.3 * log(3)))
    assert 0.6 * said <= found <= 1.1 * said


def test_a_fall_is_said_to_have_begun_near_where_it_did():
    won = [at % 10 != 9 for at in range(60)] + [at % 2 == 0 for at in range(60)]
    watch = shiryaev_roberts(won, before=0.9, after=0.6, run_length=1000)
    assert watch.alarm is not None
    assert 60 < watch.alarm.at < 90
    assert 55 <= watch.alarm.since <= 63
    assert watch.looked == watch.alarm.at + 1, "it stops at its alarm"
    assert watch.alarm.up is False


@pytest.mark.parametrize(("before", "after"), [(0.9, 0.9), (0.7, 0.9), (1.0, 0.5), (0.9, 0.0)])
def test_rates_that_are_no_fall_are_refused(before, after):
    with pytest.raises(UsageError, match="lower one"):
        shiryaev_roberts([True], before=before, after=after, run_length=100)


@pytest.mark.parametrize("test", [cusum, ewma])
def test_a_run_length_is_above_one(test):
    with pytest.raises(UsageError, match="run length"):
        test([0.0], run_length=1)


# ----------------------------------------------------------------------------------------------------------- ranks


def test_ranks_are_scores_among_all_so_far():
    normal = NormalDist().inv_cdf
    assert ranked([1, 2, 3, 4], baseline=3) == pytest.approx([normal(3.5 / 4)])
    assert ranked([1, 2, 3, 0, 5], baseline=3) == pytest.approx([normal(0.5 / 4), normal(4.5 / 5)])
    assert ranked([3, 1, 2], baseline=3) == []


def test_values_that_are_all_equal_say_nothing():
    assert ranked([7.0] * 40, baseline=20) == pytest.approx([0.0] * 20)
    assert cusum(ranked([7.0] * 200, baseline=20), run_length=100).alarm is None


@pytest.mark.parametrize("baseline", [0, 4])
def test_a_baseline_is_some_of_the_values(baseline):
    with pytest.raises(UsageError, match="no baseline"):
        ranked([1.0, 2.0, 3.0], baseline)


# ------------------------------------------------------------------------------------------------- CUSUM and EWMA


def test_thresholds_beside_published_ones():
    """Two-sided, k = 1/2: h = 4.774 has 370.4 (Siegmund comes to 4.767); EWMA with 0.1: L = 2.703 has 370 (Lucas 1990)."""
    assert cusum_threshold(370.4) == pytest.approx(4.774, abs=0.01)
    assert cusum_threshold(465) == pytest.approx(5.0, abs=0.02)
    assert ewma_threshold(370.4) == pytest.approx(2.703, abs=0.01)
    assert ewma_threshold(500) == pytest.approx(2.814, abs=0.01)
    assert ewma_threshold(500, weight=0.25) == pytest.approx(2.998, abs=0.01)


@pytest.mark.parametrize("test", [cusum, ewma])
def test_the_run_length_on_normal_scores_is_what_was_asked(test):
    chance = Random(2)
    found = mean_run_length(lambda: test((chance.gauss(0, 1) for _ in range(4000)), run_length=150), 300)
    assert 130 <= found <= 175


@pytest.mark.parametrize("test", [cusum, ewma])
@pytest.mark.parametrize("shape", ["long tail", "few values"])
def test_the_run_length_is_no_shorter_whatever_values_look_like(test, shape):
    chance = Random(6)
    draw = {"long tail": lambda: chance.lognormvariate(0, 2), "few values": lambda: chance.choice([1, 1, 2, 5])}[shape]
    found = mean_run_length(lambda: test(ranked([draw() for _ in range(530)], 30), run_length=60), 100)
    assert found >= 50, "two standard errors below 60"


@pytest.mark.parametrize("test", [cusum, ewma])
@pytest.mark.parametrize(("factor", "up"), [(3, True), (1 / 3, False)])
def test_a_step_is_noticed_soon_with_its_way_and_its_beginning(test, factor, up):
    chance = Random(9)
    values = [chance.lognormvariate(0, 0.5) for _ in range(160)]
    values[130:] = [value * factor for value in values[130:]]
    watch = test(ranked(values, 100), run_length=5000)
    assert watch.alarm is not None
    assert 30 <= watch.alarm.at < 45
    assert abs(watch.alarm.since - 30) <= 6
    assert watch.alarm.up is up


@pytest.mark.parametrize("test", [cusum, ewma])
def test_a_step_of_one_deviation_after_a_hundred_runs_is_noticed(test):
    """On which the page on drift relies: in half of all cases within some 20 runs, and hardly ever not at all."""
    chance, found = Random(12), []
    for _ in range(100):
        values = [chance.gauss(0, 1) for _ in range(100)] + [chance.gauss(1, 1) for _ in range(200)]
        watch = test(ranked(values, 100), run_length=5000)
        found.append(watch.alarm.at + 1 if watch.alarm is not None else 1000)
    assert 12 <= sorted(found)[50] <= 25
    assert sum(one == 1000 for one in found) <= 10
