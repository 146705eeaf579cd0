"""A call in words: sums as sums, names as words, and nothing cut without saying so."""

from __future__ import annotations

import pytest

from holdfast.views.action import field, in_words, money, spelled


@pytest.mark.parametrize(
    ("name", "value", "beside", "said"),
    [
        ("cents", 25900, {}, "259.00"),
        ("paid_cents", 5, {}, "0.05"),
        ("line.paid_cents", -123456, {}, "-1,234.56"),
        ("amount_minor", 40, {"currency": "eur"}, "0.40 EUR"),
        ("amount_minor", 4000, {"currency": "JPY"}, "4,000 JPY"),
        ("amount_minor", 4000, {"currency": "KWD"}, "4.000 KWD"),
        ("cents", 10, {"currency": "all of it"}, "0.10"),
        ("cents", True, {}, ""),
        ("cents", "10", {}, ""),
        ("percent", 10, {}, ""),
        ("accents", 10, {}, ""),
    ],
)
def test_money_is_said_where_the_name_says_the_unit(name, value, beside, said):
    assert money(name, value, beside) == said


@pytest.mark.parametrize(
    ("tool", "args", "effect", "said"),
    [
        ("issue_refund", {"order_id": "O-1", "cents": 300}, "write", 'issue refund: 3.00 (300 cents), order id "O-1"'),
        ("issueRefund", {}, "write", "issue refund"),
        ("send-mail", {"to": ["a", "b"], "fee_cents": 5}, "write", 'send mail: fee 0.05 (5 cents), to ["a", "b"]'),
        ("pay", {"amount_minor": 990, "currency": "EUR"}, "write", "pay: amount 9.90 EUR (990 minor units)"),
        ("look", {"a": None}, "child", "have look do: a null"),
        ("done", {"paid": 1}, "builtin", "end with the output: paid 1"),
        ("run", "[erased]", "program", "run: [erased]"),
    ],
)
def test_a_call_is_a_sentence(tool, args, effect, said):
    assert in_words(tool, args, effect) == said


def test_what_is_cut_is_said_and_moves_no_cursor():
    said = in_words("send", {"text": "x" * 100 + "\x1b[2J"})
    assert "characters)" in said
    assert "\x1b" not in in_words("se\x1bnd", {"a\x1b": "\x1b[2J"})
    assert in_words("send", {"what": "x" * 100}, limit=1000).count("x") == 100


def test_a_field_says_its_sum_or_its_value():
    assert (field("cents", 40), field("days", 40), spelled("lost_afterDays")) == (
        "0.40 (40 cents)",
        "40",
        "lost after days",
    )
