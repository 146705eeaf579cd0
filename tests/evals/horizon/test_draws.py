"""Drawing again: what is drawn how often, and how often its intervals hold the truth."""

from __future__ import annotations

from collections import Counter
from math import log2

import numpy as np
import pytest

from holdfast.evals.horizon.curve import curve_of
from holdfast.evals.horizon.draws import _again, _sizes, drawn
from holdfast.evals.horizon.rows import tasks
from holdfast.evals.stats.logistic import fit, scaled
from tests.evals.curves import row, rows


def test_children_are_drawn_as_often_as_their_parents_have_them():
    chance = np.random.default_rng(1)
    sizes = np.array([1, 3, 1, 4])
    picked = chance.integers(0, 3, (500, 4))
    found = _again(chance, picked, sizes)
    ends = np.cumsum(sizes)
    for at, (begin, end) in enumerate(zip(ends - sizes, ends, strict=True)):
        assert (found[:, begin:end].sum(axis=1) == picked[:, at] * sizes[at]).all()
    assert found[:, 1:4].mean(axis=0) == pytest.approx([picked[:, 1].mean()] * 3, abs=0.15)


def test_a_draw_is_what_copying_rows_out_would_be():
    """The same distribution as families, tasks and runs drawn one by one, row for row, as METR's code does it."""
    sizes, runs = np.array([2, 1]), np.array([2, 1, 3])
    chance = np.random.default_rng(2)
    fast = _again(
        chance, _again(chance, _again(chance, np.ones((40_000, 1), dtype=np.int64), np.array([2])), sizes), runs
    )
    rows_of = [[0, 1], [2], [3, 4, 5]]
    slow = np.zeros((6_000, 6))
    for draw in range(len(slow)):
        copies = Counter()
        for family in chance.integers(0, 2, 2):
            children = [[0, 1], [2]][family]
            copies.update(children[at] for at in chance.integers(0, len(children), len(children)))
        for task, times in copies.items():
            for at in chance.integers(0, len(rows_of[task]), len(rows_of[task]) * times):
                slow[draw, rows_of[task][at]] += 1
    assert fast.mean(axis=0) == pytest.approx(slow.mean(axis=0), abs=0.06)
    assert np.cov(fast.T) == pytest.approx(np.cov(slow.T), abs=0.2)


def test_sizes_are_counted_in_the_order_of_names():
    assert _sizes(["b", "b", "a", "c", "c", "c"]).tolist() == [2, 1, 3]


def test_a_drawn_curve_is_the_curve_of_the_rows_that_were_drawn():
    """With one run a task and every task its own family a draw is a multinomial; its curves can be fitted one by one."""
    made = tasks([row(f"t{at}", float(2**at), float(at < 4 or at == 6), weight=1.0 + at % 3) for at in range(10)])
    found = drawn(made, 50, 7)
    picked = np.random.default_rng(7).multinomial(10, np.full(10, 0.1), size=(50, 1)).reshape(50, 10)
    y, w = np.array([task.mean for task in made]), np.array([task.weight for task in made])
    x = np.log2([task.minutes for task in made])
    kept = [often for often in picked if 0 < (often * y).sum() < often.sum()]
    curves = [fit(x, y, scaled(often * w, 10)) for often in kept]
    assert found.intercepts == pytest.approx([curve.intercept for curve in curves], rel=1e-6)
    assert found.slopes == pytest.approx([curve.slope for curve in curves], rel=1e-6)


def test_draws_of_one_class_are_skipped_and_counted():
    made = tasks([row("a", 1.0, 1.0), row("b", 100.0, 0.0)])
    found = drawn(made, 2000, 3)
    assert found.made == 2000 == len(found.slopes) + found.all_failed + found.all_won
    assert [found.all_failed / 2000, found.all_won / 2000] == pytest.approx([0.25, 0.25], abs=0.04)


def test_a_seed_is_one_outcome_and_another_is_another():
    made = tasks(rows())
    one, two, other = drawn(made, 30, 1), drawn(made, 30, 1), drawn(made, 30, 2)
    assert (one.slopes == two.slopes).all()
    assert not (one.slopes == other.slopes).all()


def test_large_tables_are_drawn_in_portions(monkeypatch):
    made = tasks(rows(families=15))
    whole = drawn(made, 40, 1)
    monkeypatch.setattr("holdfast.evals.horizon.draws._AT_ONCE", 100)
    parts = drawn(made, 40, 1)
    assert len(parts.slopes) == len(whole.slopes) == 40
    assert parts.slopes.mean() == pytest.approx(whole.slopes.mean(), abs=0.4)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """95 % in name; more often where families hardly differ, as every level is drawn again (docs/horizon.md has a table)."""
    held, times = 0, 150
    for seed in range(times):
        made = tasks(rows(seed=1000 + seed, families=25, tasks=3, runs=2, spread=2.0))
        found = drawn(made, 200, seed, curve_of(made))
        falls = found.slopes < 0
        low, high = np.percentile(-found.intercepts[falls] / found.slopes[falls], [2.5, 97.5])
        held += low <= log2(60) <= high
    assert 0.90 <= held / times <= 0.995
