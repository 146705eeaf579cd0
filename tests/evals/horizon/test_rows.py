"""Rows by task: weights by the rule, and what cannot be."""

from __future__ import annotations

from math import sqrt

import pytest

from holdfast.errors import InputError
from holdfast.evals.horizon.rows import FACTORS, tasks
from tests.evals.curves import row


def test_weights_are_one_by_runs_of_the_task_and_the_root_of_tasks_of_the_family():
    found = tasks([row("a", family="f"), row("a", family="f"), row("b", family="f"), row("c"), row("d")])
    assert {task.name: task.weights for task in found} == {
        "a": (pytest.approx(1 / (2 * sqrt(2))),) * 2, "b": (pytest.approx(1 / sqrt(2)),), "c": (1.0,), "d": (1.0,),
    }  # fmt: skip
    assert {task.name: task.family for task in found} == {"a": "f", "b": "f", "c": "c", "d": "d"}


def test_given_weights_are_taken():
    (one,) = tasks([row(score=1.0, weight=3.0), row(score=0.0, weight=1.0)])
    assert (one.mean, one.weight, one.scores, one.weights) == (0.75, 4.0, (0.0, 1.0), (1.0, 3.0))


def test_the_order_of_rows_is_forgotten():
    given = [row("b", score=0.0), row("a", score=1.0), row("b", score=0.5), row("a", score=0.2)]
    assert tasks(given) == tasks(given[::-1])


def test_there_are_sixteen_factors():
    assert len(set(FACTORS)) == 16


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "no rows"),
        ([row("")], "names no task"),
        ([row(minutes=0)], "more than 0"),
        ([row(minutes=float("inf"))], "more than 0"),
        ([row(minutes_from="")], "how the minutes are known"),
        ([row(score=1.1)], "between 0 and 1"),
        ([row(score=float("nan"))], "between 0 and 1"),
        ([row(weight=-1.0)], "not negative"),
        ([row(weight=1.0), row()], "some rows have a weight"),
        ([row(weight=0.0)], "all weights are 0"),
        ([row(messy={"gloom": 1.0})], "no factor 'gloom'"),
        ([row(messy={"novel situation": 2.0})], "between 0 and 1"),
        ([row(minutes=10), row(minutes=11)], "disagree on human_minutes"),
        ([row(family="a"), row(family="b")], "disagree on family"),
        ([row(minutes_from="ticket"), row()], "disagree on minutes_from"),
        ([row(messy={}), row()], "disagree on messy"),
    ],
)
def test_rows_that_cannot_be_are_refused_by_name(given, text):
    with pytest.raises(InputError, match=text):
        tasks(given)
