"""What a design can show: the figures of the formula, and trials made up to see whether it is so."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.errors import UsageError
from holdfast.evals.stats.cluster import mean_interval
from holdfast.evals.stats.power import Design, detectable, spread, tasks_needed

quick = settings(deadline=None)


DESIGNS = st.builds(
    Design,
    trials=st.integers(1, 20),
    other=st.none() | st.integers(1, 20),
    omega2=st.floats(0.001, 0.2),
    sigma2=st.floats(0.001, 0.25),
)


@pytest.mark.parametrize(("tasks", "k", "points"), [(50, 1, 20), (50, 4, 11), (200, 4, 5.6)])
def test_the_figures_of_the_methods(tasks: int, k: int, points: float) -> None:
    assert 100 * detectable(tasks, Design(k, k, omega2=0.02, sigma2=0.12)) == pytest.approx(points, abs=0.25)


def test_the_formula_written_out() -> None:
    design = Design(trials=3, other=5, omega2=0.01, sigma2=0.2, other_sigma2=0.1)
    factor = stats.norm.ppf(0.995) + stats.norm.ppf(0.9)
    variance = 0.01 + 0.2 / 3 + 0.1 / 5
    assert detectable(40, design, level=0.99, power=0.9) == pytest.approx(factor * (variance / 40) ** 0.5)
    assert Design(3, None, 0.01, 0.2).variance == pytest.approx(0.01 + 0.2 / 3), "a fixed rate has no trials"


@quick
@given(DESIGNS, st.floats(0.01, 1))
def test_as_many_tasks_as_are_needed_show_it_and_one_less_does_not(design: Design, delta: float) -> None:
    tasks = tasks_needed(delta, design)
    assert detectable(tasks, design) <= delta * (1 + 1e-6)
    assert tasks == 1 or detectable(tasks - 1, design) > delta


@quick
@given(DESIGNS, st.integers(1, 500))
def test_there_and_back(design: Design, tasks: int) -> None:
    delta = detectable(tasks, design)
    if delta <= 1:
        assert tasks_needed(delta, design) == tasks


def made(chance: random.Random, tasks: int, k: int, shift: float) -> tuple[list[list[float]], list[list[float]]]:
    """Trials of tasks whose true difference is `shift`, give or take .14 (a variance of .02)."""
    one, other = [], []
    for _ in range(tasks):
        p, apart = chance.choice((0.3, 0.7)), shift + chance.choice((-1, 1)) * 0.02**0.5
        one.append([float(chance.random() < p + apart / 2) for _ in range(k)])
        other.append([float(chance.random() < p - apart / 2) for _ in range(k)])
    return one, other


def test_a_difference_as_large_as_is_detectable_is_found_four_times_of_five() -> None:
    chance, k, found = random.Random(3), 4, []
    design = Design(k, k, omega2=0.02, sigma2=0.21 - 0.02 / 4)
    delta = detectable(60, design)
    for _ in range(300):
        one, other = made(chance, 60, k, delta)
        found.append(mean_interval([fmean(a) - fmean(b) for a, b in zip(one, other, strict=True)]).low > 0)
    assert fmean(found) == pytest.approx(0.8, abs=0.07)


def test_both_variances_are_estimated_from_trials() -> None:
    estimates = [spread(*made(random.Random(seed), 400, 4, 0.1)) for seed in range(8)]
    known = [one for one in estimates if one is not None]
    assert fmean(one.omega2 for one in known) == pytest.approx(0.02, abs=0.008)
    assert fmean(one.sigma2 for one in known) == pytest.approx(0.205, abs=0.01)


def test_one_side_alone_has_a_spread_of_its_rates() -> None:
    found = spread([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    assert found is not None
    assert (found.omega2, found.sigma2) == (pytest.approx(1 / 3), 0)


def test_single_trials_tell_nothing_of_what_is_within() -> None:
    assert spread([[1.0], [0.0]], [[0.0], [1.0]]) is None
    mixed = spread([[1.0, 0.0], [0.0, 1.0]])
    assert mixed is not None
    assert (mixed.omega2, mixed.sigma2) == (0, 0.5)


def test_what_cannot_be_is_refused() -> None:
    asks = [
        lambda: Design(0),
        lambda: Design(1, 0),
        lambda: Design(omega2=-0.1),
        lambda: detectable(0, Design()),
        lambda: detectable(5, Design(), power=1.0),
        lambda: tasks_needed(0.0, Design()),
        lambda: tasks_needed(10, Design()),
        lambda: spread([[1.0]]),
        lambda: spread([[1.0], []]),
        lambda: spread([[1.0], [0.0]], [[1.0]]),
    ]
    for ask in asks:
        with pytest.raises(UsageError):
            ask()
