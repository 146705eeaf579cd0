"""Sums: what they come to, and what is no sum."""

from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from real.arithmetic import DEEPEST, LONGEST, ExpressionError, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 2", 4),
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("10 - 2 - 3", 5),
        ("12 / 3 / 2", 2),
        ("-2 * -3", 6),
        ("--2 + +1", 3),
        ("-(1 + .5)", -1.5),
        (" 54.04 ", 54.04),
        ("1. + 1", 2),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("7 / 2", 3.5),
        ("9007199254740993 - 9007199254740992", 1),
    ],
)
def test_a_sum_has_its_value(expression: str, value: float) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("", "not valid"),
        (" ", "not valid"),
        ("()", "not valid"),
        ("(1", "not valid"),
        ("1)", "not valid"),
        ("1 2", "not valid"),
        ("1.2.3", "not valid"),
        ("2 ** 3", "not valid"),
        ("7 // 2", "not valid"),
        ("2(3)", "not valid"),
        ("1 +", "not valid"),
        (".", "not valid"),
        ("1e5", "can only contain"),
        ("1,000 + 1", "can only contain"),
        ("1\n+ 1", "can only contain"),
        ("__import__('os')", "can only contain"),
        ("٣ + 1", "can only contain"),
        ("1 / 0", "division by zero"),
        ("1 / (2 - 2.0)", "division by zero"),
        ("9" * 400, "too large"),
        ("9" * 400 + ".0", "too large"),
        ("1" * (LONGEST + 1), "longer than"),
        ("(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1), "not valid"),
    ],
)
def test_what_is_no_sum_is_refused_in_words(expression: str, sentence: str) -> None:
    with pytest.raises(ExpressionError, match=sentence):
        evaluate(expression)


@given(st.text("0123456789.+-*/() ", max_size=60))
def test_any_text_has_a_value_or_is_refused(text: str) -> None:
    try:
        value = evaluate(text)
    except ExpressionError:
        value = 0.0
    assert isfinite(value)
