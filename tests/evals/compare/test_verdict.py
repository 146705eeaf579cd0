"""The verdict: what an interval shows, several at once, and that a margin only ever speaks for the simpler side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.evals.compare.net import Net
from holdfast.evals.compare.verdict import DOES_NOT, EARNS, EXIT_CODES, UNKNOWN, agreed, together, verdict_of
from holdfast.evals.stats.rates import Interval


def net(low, high):
    return Net(Interval(low, (low + high) / 2, high), 10, 1.0, 0.0)


@pytest.mark.parametrize(
    ("low", "high", "margin", "verdict"),
    [
        (0.01, 2.0, 0.0, EARNS),
        (0.0, 2.0, 0.0, UNKNOWN),
        (-2.0, 2.0, 0.0, UNKNOWN),
        (-2.0, 0.0, 0.0, DOES_NOT),
        (-2.0, -1.0, 0.0, DOES_NOT),
        (-0.2, 0.1, 0.1, DOES_NOT),
        (0.01, 0.1, 0.1, DOES_NOT),  # shown to be more, and shown to be too little to matter
        (0.01, 0.2, 0.1, EARNS),
        (-0.2, 0.2, 0.1, UNKNOWN),
    ],
)
def test_what_an_interval_shows(low, high, margin, verdict):
    assert verdict_of(net(low, high), margin) == verdict


@given(st.floats(-10, 10), st.floats(0, 10), st.floats(0, 5), st.floats(0, 5))
def test_a_greater_margin_never_speaks_for_the_more_complex_side(low, width, margin, more):
    order = [DOES_NOT, UNKNOWN, EARNS]
    found = net(low, low + width)
    before, after = verdict_of(found, margin), verdict_of(found, margin + more)
    assert order.index(after) <= order.index(before)


def test_several_verdicts_make_one():
    assert agreed([EARNS, EARNS]) == EARNS
    assert agreed([EARNS, UNKNOWN]) == UNKNOWN
    assert together([DOES_NOT, EARNS]) == EARNS
    assert together([DOES_NOT, DOES_NOT]) == DOES_NOT
    assert together([DOES_NOT, UNKNOWN]) == UNKNOWN
    assert [EXIT_CODES[one] for one in (EARNS, DOES_NOT, UNKNOWN)] == [0, 1, 2]
