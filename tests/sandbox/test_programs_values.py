"""What passes between a program and us is JSON, and no more of it than allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import codec
from holdfast.sandbox.programs_values import DEPTH, NotPlain, plain

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_stays_as_it_is(value):
    assert codec.canonical(plain(value, 1 << 20)) == codec.canonical(value)


@given(JSON, st.integers(0, 200))
def test_what_passes_is_about_as_small_as_allowed(value, most):
    """Marks that JSON needs for some characters are not counted: a text of control characters takes six times as much."""
    try:
        passed = plain(value, most)
    except NotPlain:
        return
    assert len(codec.canonical(passed)) <= 6 * most + 8


@given(JSON)
def test_what_is_well_below_the_bound_passes(value):
    plain(value, 2 * len(codec.canonical(value)) + 8)


def test_tuples_become_lists():
    assert plain((1, (2, [3])), 100) == [1, [2, [3]]]


@pytest.mark.parametrize(
    "value",
    [
        {1},
        b"x",
        object(),
        float("nan"),
        float("inf"),
        2**64,
        -(2**63) - 1,
        {1: 2},
        {(1,): 2},
        1j,
        ...,
        "\ud800",
        {"\udc00": 1},
        range(3),
        ValueError("x"),
    ],
)
def test_what_is_no_json_does_not_pass(value):
    with pytest.raises(NotPlain):
        plain([value], 1000)


def test_what_holds_itself_costs_no_more_than_allowed():
    value = [0] * 1000
    for _ in range(20):
        value = [value] * 1000
    with pytest.raises(NotPlain, match="more than the 10,000 bytes"):
        plain(value, 10_000)
    ring = []
    ring.append(ring)
    with pytest.raises(NotPlain, match="nested"):
        plain(ring, 10_000)


def test_nesting_is_bounded():
    value = 1
    for _ in range(DEPTH):
        value = [value]
    assert plain(value, 1000) == value
    with pytest.raises(NotPlain, match="nested deeper than 64"):
        plain([value], 1000)
