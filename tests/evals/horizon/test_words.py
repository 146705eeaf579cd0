"""Lengths as one says them."""

from __future__ import annotations

import pytest

from holdfast.evals.horizon.curve import Place, reliability
from holdfast.evals.horizon.words import interval, length, percent, place
from tests.evals.curves import rows


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0 min"), (0.04, "2.4 s"), (0.5, "30 s"), (0.999, "1 min"), (1, "1 min"), (5.68, "5.7 min"), (9.96, "10 min"),
        (54.2, "54 min"), (59.7, "1 h"), (60, "1 h"), (91, "1 h 31 min"), (599.6, "10 h"), (960, "16 h"), (90_000, "1,500 h"),
    ],
)  # fmt: skip
def test_lengths_are_said_as_people_do(minutes, said):
    assert length(minutes) == said


@pytest.mark.parametrize(
    ("part", "said"), [(0, "0 %"), (0.001, "<1 %"), (0.126, "13 %"), (0.994, "99 %"), (0.999, ">99 %"), (1, "100 %")]
)
def test_what_is_not_all_or_nothing_is_not_said_to_be(part, said):
    assert percent(part) == said


def test_places_outside_of_what_was_seen_have_no_number():
    whole = reliability(rows(), draws=5)
    long, short = length(whole.longest), length(whole.shortest)
    assert place(Place("beyond"), whole) == f"beyond the longest task, {long}"
    assert place(Place("below"), whole) == f"below the shortest task, {short}"
    assert interval(Place("below"), Place("beyond"), whole) == f"below {short} to beyond {long}"
    assert interval(Place("beyond"), Place("beyond"), whole) == f"beyond the longest task, {long}"
    assert interval(Place("at", 5.0), Place("at", 90.0), whole) == "5 min to 1 h 30 min"
    assert interval(None, None, whole) == ""
