"""Messiness: the regression beside statsmodels, what it finds, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evals.horizon.curve import curve_of, reliability
from holdfast.evals.horizon.messiness import _regressed, messiness
from holdfast.evals.horizon.rows import tasks
from tests.evals.curves import row, rows

BETA = [-0.027335050286, 0.22827040648, 0.031217422468]
SPREAD = [0.21872191279, 0.314199210628, 0.30293996331]


def test_the_regression_is_weighted_least_squares_with_clustered_errors():
    """Reference values: statsmodels 0.15, WLS(y, X, w).fit(cov_type="cluster", cov_kwds={"groups": g})."""
    chance = np.random.default_rng(0)
    x = np.column_stack([np.ones(12), chance.normal(size=(12, 2))])
    y, w = chance.normal(size=12), chance.random(12) + 0.5
    groups = [f"g{at // 3}" for at in range(12)]
    beta, spread = _regressed(x, y, w, groups)
    assert beta == pytest.approx(np.linalg.lstsq(x * np.sqrt(w)[:, None], y * np.sqrt(w), rcond=None)[0])
    assert beta == pytest.approx(BETA, abs=1e-9)
    assert spread == pytest.approx(SPREAD, abs=1e-9)


def test_what_one_factor_does_is_found_beside_what_length_does():
    found = reliability(rows(seed=4, families=60, tasks=4, runs=3, messy=-0.5), draws=20).messiness
    assert found.per_factor.high < 0
    assert found.per_factor.by == pytest.approx(-0.06, abs=0.03)
    assert found.per_doubling.low < 0 < found.per_doubling.high
    assert 3 < found.mean < 5
    assert list(found.factors.values()) == sorted(found.factors.values(), reverse=True)


def test_the_mean_of_raters_is_taken_as_it_is_and_unrated_tasks_are_left_out():
    rated = [row(f"t{at}", float(2**at), float(at < 5), messy={"novel situation": at / 10}) for at in range(10)]
    made = tasks([*rated, row("unrated", 3.0)])
    found = messiness(made, curve_of(made))
    assert (found.tasks, found.mean) == (10, pytest.approx(0.45))
    assert found.factors == {"novel situation": pytest.approx(0.45)}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([row(f"t{at}", float(2**at), float(at < 3), messy={}) for at in range(6)], "too few"),
        ([row(f"t{at}", float(2**at), 1.0, messy={}) for at in range(12)], "no curve"),
        ([row(f"t{at}", float(2**at), float(at < 6), messy={}) for at in range(12)], "told apart"),
        (
            [
                row(f"t{at}", float(2**at), float(at < 6), family=f"f{at % 2}", messy={"novel situation": at % 3 / 2})
                for at in range(12)
            ],
            "2 families are too few",
        ),
    ],
)
def test_why_there_is_no_regression_is_said(given, text):
    made = tasks(given)
    found = messiness(made, curve_of(made))
    assert text in found.why_none
    assert found.per_factor is None


def test_nobody_rated_nothing_said():
    made = tasks(rows())
    assert messiness(made, curve_of(made)) is None
