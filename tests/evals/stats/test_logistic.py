"""Newton against SciPy, the trap of METR's weights, and what no regression may depend on."""

from __future__ import annotations

from math import log, log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from holdfast.errors import UsageError
from holdfast.evals.stats.logistic import Curve, fit, fit_many, horizon_p, scaled

TRUE = Curve(0.6 * log2(300), -0.6)
"""A slope of -0.60, half at 300 minutes; METHODS rounds its 80 % horizon of 60.48 to 60."""


def by_scipy(x, y, w, ridge):
    """The same minimum by somebody else's way down."""

    def worth(at):
        eta = at[0] + at[1] * x
        return (w * (np.logaddexp(0, eta) - y * eta)).sum() + 0.5 * ridge * at[1] ** 2

    def pull(at):
        left = w * (1 / (1 + np.exp(-(at[0] + at[1] * x))) - y)
        return np.array([left.sum(), (left * x).sum() + ridge * at[1]])

    found = minimize(worth, [0.0, 0.0], jac=pull, method="BFGS", options={"gtol": 1e-10, "maxiter": 1000})
    return found.x


def outcomes(curve, x, seed):
    chance = np.random.default_rng(seed)
    return (chance.random(len(x)) < [curve.at(float(at)) for at in x]).astype(float)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ridge", [1e-3, 0.1, 5.0])
def test_newton_finds_what_scipy_finds(seed, ridge):
    chance = np.random.default_rng(seed)
    n = int(chance.integers(6, 80))
    x, y, w = chance.normal(4, 3, n), chance.random(n), chance.random(n) * 3
    curve = fit(x, y, w, ridge=ridge)
    assert [curve.intercept, curve.slope] == pytest.approx(by_scipy(x, y, w, ridge), abs=1e-6)
    assert curve.steps <= 12


def test_a_score_between_is_so_much_of_a_success():
    x, y, w = [1.0, 2.0, 3.0, 4.0], [1.0, 0.75, 0.25, 0.0], [1.0, 2.0, 2.0, 1.0]
    split = fit([1, 2, 2, 3, 3, 4], [1, 1, 0, 1, 0, 0], [1, 1.5, 0.5, 0.5, 1.5, 1])
    whole = fit(x, y, w)
    assert (whole.intercept, whole.slope, whole.loss) == pytest.approx((split.intercept, split.slope, split.loss))


# ------------------------------------------------------------------------------------------------------------- the trap

LENGTHS = np.linspace(2.75, 10.25, 3000)
"""log₂ of 6.7 to 1,218 minutes: there METHODS' figures come out; it does not say which lengths it took."""


@pytest.mark.parametrize(("total", "slope", "half", "most"), [(1, -0.51, 336, 51), (len(LENGTHS), -0.60, 301, 60)])
def test_weights_that_come_to_1_flatten_the_curve_and_weights_that_come_to_n_do_not(total, slope, half, most):
    found = [fit(LENGTHS, outcomes(TRUE, LENGTHS, seed), scaled(np.ones(3000), total)) for seed in range(60)]
    assert np.mean([curve.slope for curve in found]) == pytest.approx(slope, abs=0.006)
    assert np.mean([horizon_p(curve, 0.5) for curve in found]) == pytest.approx(half, rel=0.015)
    assert np.mean([horizon_p(curve, 0.8) for curve in found]) == pytest.approx(most, rel=0.02)


def test_the_bias_of_the_trap_does_not_go_away_with_more_data():
    rates = np.array([TRUE.at(float(x)) for x in LENGTHS])  # as many outcomes as one likes
    trapped, free = (fit(LENGTHS, rates, scaled(np.ones(3000), total)) for total in (1, 3000))
    assert (trapped.slope, horizon_p(trapped, 0.5), horizon_p(trapped, 0.8)) == pytest.approx(
        (-0.511, 335, 51), rel=3e-3
    )
    assert (free.slope, horizon_p(free, 0.5), horizon_p(free, 0.8)) == pytest.approx((-0.6, 300, 60.5), rel=1e-3)


# -------------------------------------------------------------------------------------------------------- invariances

POINTS = st.lists(
    st.tuples(st.floats(-3, 12), st.floats(0, 1), st.floats(0.1, 5)), min_size=3, max_size=30
).filter(lambda points: 0.05 < np.mean([y for _, y, _ in points]) < 0.95)  # fmt: skip


@given(POINTS, st.floats(1e-3, 1e3))
def test_the_scale_of_weights_does_not_matter_once_they_are_scaled(points, factor):
    x, y, w = (np.array(column) for column in zip(*points, strict=True))
    one, two = fit(x, y, scaled(w, len(w))), fit(x, y, scaled(w * factor, len(w)))
    assert (two.intercept, two.slope) == pytest.approx((one.intercept, one.slope), rel=1e-6, abs=1e-7)


@given(POINTS, st.randoms(use_true_random=False))
def test_the_order_of_outcomes_does_not_matter(points, chance):
    other = list(points)
    chance.shuffle(other)
    one, two = (fit(*map(np.array, zip(*given, strict=True))) for given in (points, other))
    assert (two.intercept, two.slope) == pytest.approx((one.intercept, one.slope), rel=1e-6, abs=1e-7)


@given(POINTS, st.floats(-50, 50))
def test_where_x_has_its_zero_does_not_matter(points, away):
    x, y, w = (np.array(column) for column in zip(*points, strict=True))
    one, two = fit(x, y, w), fit(x + away, y, w)
    assert (two.slope, two.intercept + two.slope * away) == pytest.approx(
        (one.slope, one.intercept), rel=1e-5, abs=1e-6
    )


@given(POINTS)
def test_the_gradient_is_nothing_where_it_ends(points):
    x, y, w = (np.array(column) for column in zip(*points, strict=True))
    curve = fit(x, y, w)
    left = w * (y - np.array([curve.at(float(at)) for at in x]))
    assert left.sum() == pytest.approx(0, abs=1e-8)
    assert (left * x).sum() - 0.1 * curve.slope == pytest.approx(0, abs=1e-7)


@given(POINTS)
def test_failures_for_successes_turn_the_curve_over(points):
    x, y, w = (np.array(column) for column in zip(*points, strict=True))
    one, two = fit(x, y, w), fit(x, 1 - y, w)
    assert (two.intercept, two.slope) == pytest.approx((-one.intercept, -one.slope), rel=1e-6, abs=1e-7)


# --------------------------------------------------------------------------------------------- many, and what has none


def test_many_at_once_are_each_what_they_are_alone():
    chance = np.random.default_rng(5)
    x = np.arange(8.0)
    wins, losses = chance.integers(0, 9, (2, 40, 8)).astype(float)
    wins[3], losses[4] = 0, 0  # all failed; all won
    a, b, _ = fit_many(x, wins, losses, begin=Curve(1.0, -0.4))
    for at in range(40):
        if at in (3, 4):
            assert np.isnan([a[at], b[at]]).all()
            continue
        alone = fit(np.tile(x, 2), np.repeat([1.0, 0.0], 8), np.concatenate([wins[at], losses[at]]))
        assert (a[at], b[at]) == pytest.approx((alone.intercept, alone.slope), abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y"),
    [([1, 2, 3, 4], [1, 1, 0, 0]), ([1, 2, 2, 3], [1, 1, 0, 0]), ([1, 2, 2, 2, 3], [1, 1, 0, 1, 0])],
    ids=["parted", "touching", "touching in the middle"],
)
def test_outcomes_that_an_x_parts_need_a_ridge(x, y):
    with pytest.raises(UsageError, match="no curve is the best one"):
        fit(x, y, ridge=0)
    assert fit(x, y).slope < -2


def test_without_a_ridge_it_is_plain_logistic_regression():
    """Two places: the curve goes through both rates, in closed form."""
    curve = fit([0, 0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 1, 0, 0], ridge=0)
    assert (curve.intercept, curve.slope) == pytest.approx((log(3), log(0.5) - log(3)))
    assert curve.loss == pytest.approx(-3 * log(0.75) - log(0.25) - log(1 / 3) - 2 * log(2 / 3))


def test_one_length_has_a_flat_curve_at_its_rate():
    for ridge in (0, 0.1):
        curve = fit([5.0] * 4, [1, 1, 1, 0], ridge=ridge)
        assert (curve.slope, curve.at(5.0)) == (0.0, pytest.approx(0.75))
        with pytest.raises(UsageError, match="flat"):
            curve.where(0.5)


@pytest.mark.parametrize(
    ("x", "y", "w", "text"),
    [
        ([1, 2], [1, 1], None, "all alike"),
        ([1, 2], [0, 0], None, "all alike"),
        ([1, 2], [0, 1], [1, 0], "all alike"),
        ([1, 2], [0, 1.5], None, "between 0 and 1"),
        ([1, 2], [0, 1], [1, -1], "not negative"),
        ([1, float("nan")], [0, 1], None, "finite"),
        ([1, 2, 3], [0, 1], None, "as many"),
        ([], [], None, "all alike"),
    ],
)
def test_values_that_cannot_be_are_refused(x, y, w, text):
    with pytest.raises(UsageError, match=text):
        fit(x, y, w)


def test_other_nonsense_is_refused():
    with pytest.raises(UsageError, match="ridge"):
        fit([1, 2], [0, 1], ridge=-1)
    with pytest.raises(UsageError, match="come to 0"):
        scaled([0.0, 0.0], 1)
    with pytest.raises(UsageError, match="between 0 and 1"):
        TRUE.where(1.0)


def test_horizons_are_where_the_curve_passes():
    assert [horizon_p(TRUE, 0.5), horizon_p(TRUE, 0.8)] == pytest.approx([300, 60.478], rel=1e-4)
    for p in (0.05, 0.5, 0.8):
        assert TRUE.at(log2(horizon_p(TRUE, p))) == pytest.approx(p)
    assert horizon_p(Curve(-1000.0, -0.5), 0.5) == 0
    assert horizon_p(Curve(1000.0, -0.5), 0.5) == float("inf")
    assert (Curve(0.0, -1.0).at(5000), Curve(0.0, -1.0).at(-5000)) == (pytest.approx(0), 1)
