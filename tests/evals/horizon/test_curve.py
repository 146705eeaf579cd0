"""The reliability curve as a whole: what it finds, what it refuses to say, and what it must not depend on."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import InputError, UsageError
from holdfast.evals.horizon.curve import CHANCES, Place, reliability
from holdfast.evals.stats.logistic import Curve
from tests.evals.curves import row, rows


def horizons(found):
    return {one.chance: one for one in found.horizons}


def test_a_known_curve_comes_back_inside_its_interval():
    found = reliability(rows(seed=3, families=80, tasks=4, runs=2), draws=300)
    assert CHANCES == (0.5, 0.8)
    assert found.slope == pytest.approx(-0.6, abs=0.08)
    for chance, truth in ((0.5, 60.0), (0.8, 12.1)):
        one = horizons(found)[chance]
        assert one.place.where == one.low.where == one.high.where == "at"
        assert one.place.minutes == pytest.approx(truth, rel=0.3)
        assert one.low.minutes < truth < one.high.minutes
        assert one.low.minutes < one.place.minutes < one.high.minutes
    assert (found.runs, found.tasks, found.families) == (640, 320, 80)
    assert found.draws == msgspec.structs.replace(found.draws, made=300, seed=0, all_failed=0, all_won=0, rising=0)
    assert found.findings == ()


def test_the_band_is_about_the_curve_and_over_the_observed_lengths_only():
    found = reliability(rows(), draws=200)
    curve = Curve(found.intercept, found.slope)
    assert (found.curve[0].minutes, found.curve[-1].minutes) == pytest.approx((found.shortest, found.longest))
    chances = [point.chance for point in found.curve]
    assert chances == sorted(chances, reverse=True)
    assert all(0 <= point.low <= point.high <= 1 for point in found.curve)
    assert found.curve[0].chance == pytest.approx(curve.at(0) if found.shortest == 1 else chances[0])
    inside = sum(point.low <= point.chance <= point.high for point in found.curve)
    assert inside == len(found.curve)


# ----------------------------------------------------------------------------------------- what it refuses to say


def test_nothing_is_said_of_lengths_beyond_the_longest_task():
    found = reliability(rows(seed=2, families=40, high=4.0, half=200.0), draws=200)
    one = horizons(found)[0.5]
    assert one.place == Place("beyond")
    assert one.high == Place("beyond")
    assert found.longest < 16
    assert max(point.minutes for point in found.curve) <= found.longest * (1 + 1e-12)
    assert "200" not in str(msgspec.json.encode(found.horizons))


def test_nothing_is_said_of_lengths_below_the_shortest_task():
    found = reliability(rows(seed=2, families=40, low=5.0, half=10.0), draws=200)
    assert {chance: one.place for chance, one in horizons(found).items()} == dict.fromkeys(CHANCES, Place("below"))


def test_an_agent_that_always_fails_has_a_horizon_of_0():
    found = reliability([row(f"t{at}", float(2**at), 0.0) for at in range(8)], draws=50)
    assert [one.place for one in found.horizons] == [Place("at", 0.0)] * 2
    assert [one.low for one in found.horizons] == [None, None]
    assert (found.intercept, found.slope, found.curve, found.draws.all_failed) == (None, None, (), 50)
    assert "0 by convention" in found.findings[0]


def test_an_agent_that_never_fails_has_a_horizon_beyond_what_was_tried():
    found = reliability([row(f"t{at}", float(2**at), 1.0) for at in range(8)], draws=50)
    assert [one.place for one in found.horizons] == [Place("beyond")] * 2
    assert found.draws.all_won == 50
    assert "longer tasks" in found.findings[0]


def test_success_that_rises_with_length_is_a_finding_and_no_crash():
    found = reliability(rows(seed=5, families=40, slope=0.5), draws=200)
    assert found.slope > 0
    assert [one.place for one in found.horizons] == [Place("nowhere")] * 2
    assert "does not fall" in found.findings[0]
    assert found.draws.rising > 190


def test_one_length_only_has_a_flat_curve_and_says_so():
    found = reliability([row(f"t{at}", 10.0, float(at % 2)) for at in range(30)], draws=50)
    assert (found.slope, len(found.curve)) == (0.0, 1)
    assert any("too little of a range" in finding for finding in found.findings)


def test_two_tasks_are_enough_to_answer_and_too_few_to_believe():
    found = reliability([row("a", 1.0, 1.0), row("b", 100.0, 0.0)], draws=400)
    assert found.draws.all_failed + found.draws.all_won == pytest.approx(200, abs=60)
    assert any("2 tasks in 2 families are few" in finding for finding in found.findings)
    assert any("all alike" in finding for finding in found.findings)


def test_unknown_provenance_is_counted_and_a_finding():
    found = reliability(
        [*rows(families=15), *(row("x", source, minutes_from="unknown") for source in (3.0,))], draws=20
    )
    assert found.provenance == {"timed": 45, "unknown": 1}
    assert any("1 of 46 tasks" in finding for finding in found.findings)


def test_a_bucket_that_the_curve_misses_is_a_finding():
    """Half of the middling tasks are won wherever the long ones all are: no curve of two parameters does that."""
    short = [row(f"s{at}", 2.0, 1.0) for at in range(40)]
    middle = [row(f"m{at}", 30.0, float(at % 10 == 0)) for at in range(40)]
    long = [row(f"l{at}", 500.0, float(at % 10 < 6)) for at in range(40)]
    found = reliability([*short, *middle, *long], draws=50)
    assert any("16 to 64 min" in finding and "Go by the bucket" in finding for finding in found.findings)


# ------------------------------------------------------------------------------------------------ invariances


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_order_of_rows_does_not_matter_to_the_last_bit(chance, seed):
    given = rows(seed=seed, families=6, messy=-0.2)
    other = list(given)
    chance.shuffle(other)
    assert reliability(other, draws=20, seed=1) == reliability(given, draws=20, seed=1)


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 5))
def test_the_scale_of_weights_does_not_matter(factor, seed):
    weights = [1.0 + at % 3 for at in range(36)]
    given = rows(seed=seed, families=6)
    one, two = (
        reliability([msgspec.structs.replace(r, weight=w * by) for r, w in zip(given, weights, strict=True)], draws=20)
        for by in (1.0, factor)
    )
    assert two.slope == pytest.approx(one.slope, rel=1e-6)
    assert two.intercept == pytest.approx(one.intercept, rel=1e-6)
    assert [b.lower for b in two.buckets] == pytest.approx([b.lower for b in one.buckets])
    assert [p.high for p in two.curve] == pytest.approx([p.high for p in one.curve], rel=1e-5)


def test_hours_for_minutes_move_every_horizon_by_60():
    given = rows(families=30)
    one = reliability(given, draws=60)
    two = reliability([msgspec.structs.replace(r, human_minutes=r.human_minutes * 60) for r in given], draws=60)
    for before, after in zip(one.horizons, two.horizons, strict=True):
        assert after.place.minutes == pytest.approx(60 * before.place.minutes, rel=1e-6)
        assert after.low.minutes == pytest.approx(60 * before.low.minutes, rel=1e-6)


def test_a_seed_gives_the_same_again():
    assert reliability(rows(), draws=30, seed=4) == reliability(rows(), draws=30, seed=4)
    assert reliability(rows(), draws=30, seed=4).horizons != reliability(rows(), draws=30, seed=5).horizons


def test_a_thousand_draws_of_thousands_of_rows_take_seconds():
    given = rows(families=250, tasks=4, runs=4)
    began = time.process_time()
    assert reliability(given, draws=1000).draws.made == 1000
    assert len(given) == 4000
    assert time.process_time() - began < 30  # 3 s here; the bound is for machines that are busy


def test_nonsense_is_refused():
    with pytest.raises(UsageError, match="at least 1"):
        reliability(rows(), draws=0)
    with pytest.raises(InputError, match="no rows"):
        reliability([])


def test_it_survives_a_trip_through_json():
    found = reliability(rows(families=12, messy=-0.3), draws=30)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
