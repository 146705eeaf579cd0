"""Buckets: what was seen, counted by tasks."""

from __future__ import annotations

import pytest

from holdfast.evals.horizon.buckets import EDGES, buckets
from holdfast.evals.horizon.rows import tasks
from holdfast.evals.stats.rates import wilson
from tests.evals.curves import row


def test_edges_are_those_of_metr_and_belong_to_the_longer_bucket():
    assert EDGES == (1, 4, 16, 64, 256, 960)
    found = buckets(tasks([row(f"t{m}", m) for m in (0.5, 1, 3.99, 4, 256, 959, 960, 5000)]), None)
    assert [(one.low, one.high, one.tasks) for one in found] == [
        (None, 1, 1), (1, 4, 2), (4, 16, 1), (256, 960, 2), (960, None, 2),
    ]  # fmt: skip


def test_equal_tasks_of_one_run_have_the_interval_of_wilson():
    (one,) = buckets(tasks([row(f"t{at}", 5.0, float(at < 7)) for at in range(10)]), lambda minutes: minutes / 10)
    plain = wilson(7, 10)
    assert (one.success, one.lower, one.upper) == pytest.approx((0.7, plain.low, plain.high))
    assert (one.curve, one.middle) == (pytest.approx(0.5), pytest.approx(5.0))


def test_repeats_of_a_task_make_no_interval_narrower():
    (once,) = buckets(tasks([row("a", score=1.0), row("b", score=0.0)]), None)
    (often,) = buckets(
        tasks([row(name, score=score) for name, score in (("a", 1.0), ("b", 0.0)) for _ in range(50)]), None
    )
    assert (often.tasks, often.runs, once.runs) == (2, 100, 2)
    assert (often.lower, often.upper) == pytest.approx((once.lower, once.upper))


def test_unequal_weights_count_as_fewer_tasks():
    """Weights of 9 and seven times 1 tell as much as (9 + 7)² / (81 + 7) = 2.9 equal ones."""
    given = [row("a", score=1.0, weight=9.0), *(row(f"b{at}", score=0.0, weight=1.0) for at in range(7))]
    (one,) = buckets(tasks(given), None)
    assert one.success == 9 / 16
    assert wilson(2, 3).width < one.upper - one.lower < wilson(1, 2).width


def test_a_task_without_weight_is_in_no_bucket():
    assert buckets(tasks([row("a", 5.0, weight=0.0), row("b", 50.0, weight=1.0)]), None)[0].low == 16
