"""Values said in part: what has the part, and where one differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.evals.grading.values import differences, fits

LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5, "", "1", "a"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ({}, {"a": 1}), ({"a": 1}, {"a": 1, "b": 2}), ({"a": {"b": 1}}, {"a": {"b": 1.0, "c": 2}}),
        ([{"a": 1}], [{"a": 1, "b": 2}]), ([], []), (None, None), ({"a": None}, {"a": None}), (True, True),
    ],
)  # fmt: skip
def test_a_part_fits_what_has_it(part, whole):
    assert fits(part, whole)
    assert list(differences(part, whole, "output")) == []


@pytest.mark.parametrize(
    ("part", "whole", "why"),
    [
        ({"a": 1}, {"a": 2}, "output.a is 2, and 1 was expected"),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, 'output.a.b is "y", and "x" was expected'),
        ({"a": None}, {}, "there is no output.a, and null was expected"),
        ({"a": 1}, {"a": True}, "output.a is true, and 1 was expected"),
        ({"a": "1"}, {"a": 1}, 'output.a is 1, and "1" was expected'),
        ({"a": [1]}, {"a": [1, 2]}, "output.a has 2 items, and 1 were expected"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "output.a[1].b is 3, and 2 was expected"),
        ({"a": {}}, {"a": 3}, "output.a is 3, and {} was expected"),
        ([], {}, "output is {}, and [] was expected"),
        ({"a\nb": 1}, {"a\nb": "c\nd"}, 'output.a b is "c\\nd", and 1 was expected'),
    ],
)
def test_a_difference_names_its_place(part, whole, why):
    assert not fits(part, whole)
    assert list(differences(part, whole, "output")) == [why]


@given(VALUES, VALUES)
def test_what_does_not_fit_is_what_has_a_difference(part, whole):
    assert fits(part, whole) == (not list(differences(part, whole, "it")))
    assert fits(part, part)
