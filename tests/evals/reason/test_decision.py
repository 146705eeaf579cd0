"""Decisions as data: what can be written, and what is said of what is wrong with it."""

from __future__ import annotations

import pytest

from holdfast.errors import InputError
from holdfast.evals.reason.came import Came
from holdfast.evals.reason.decision import SILENT, load, named, parse
from holdfast.evals.reason.required import has, put
from tests.docs.pages import ROOT
from tests.evals.reasons import decision


def test_short_forms_are_spelled_out():
    one = decision(
        flip={"get_order:status": [["cancelled", "delivered", "deny"], {"to": "lost", "expected": "ask"}]},
        withhold=["get_order", {"tool": "get_policy", "gives": {"days": 0}, "partial": "the rest"}],
        placebo=["get_order:note"],
    )
    assert [(place, flip.of, flip.any, flip.to) for place, flip in one.flips()] == [
        ("get_order:status", "cancelled", False, "delivered"), ("get_order:status", None, True, "lost"),
    ]  # fmt: skip
    assert [(answer.tool, answer.refused, answer.partial) for answer in one.withhold] == [
        ("get_order", SILENT, ""), ("get_policy", "", "the rest"),
    ]  # fmt: skip
    assert one.placebo == {"get_order:note": None}
    assert one.digest != decision().digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tool": None}, "exactly one of tool, output and outcome"),
        ({"output": "verdict"}, "exactly one of tool, output and outcome"),
        ({"tool": None, "outcome": True, "args": ["cents"]}, "args belong to a tool"),
        ({"flip": {"get_order:status": ["cancelled", "delivered"]}}, "from, to, expected"),
        ({"flip": {"status": ["a", "b", "c"]}}, "status"),
        ({"rests_on": ["status"]}, "rests_on"),
        ({"safe": ["shrug"]}, "safe"),
        ({"fallback": 1}, "fallback"),
    ],
)
def test_what_is_wrong_is_said(changes, said):
    with pytest.raises(InputError, match=said):
        decision(**changes)


def test_a_file_says_its_version_and_is_looked_for_by_name(tmp_path):
    with pytest.raises(InputError, match="decisions: 1"):
        parse({"refund": {}}, "x")
    with pytest.raises(InputError, match="no decision"):
        parse({"decisions": 1, "refund": 3}, "x")
    with pytest.raises(InputError, match="there is no"):
        load(tmp_path / "decisions.yaml")
    known = load(ROOT / "examples" / "refund_desk" / "decisions.yaml")
    assert named(known, "refund", "x").tool == "issue_refund"
    with pytest.raises(InputError, match="no decision is called other"):
        named(known, "other", "x")


def test_expectations_are_words_values_or_any_of_several():
    paid = Came("pay", {"cents": 500, "order": "O-1"})
    assert [paid.is_as(one) for one in ("pay", {"cents": 500}, ["ask", {"order": "O-1"}], {"cents": 5}, "deny")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert Came("decline").is_as("deny")
    assert Came("done", "no").is_as("no")
    assert not Came("ask").is_as("deny")
    assert not Came("pay", {"cents": 1}).same(Came("pay", {"cents": 2}))


def test_fields_are_found_and_changed_in_a_copy():
    value = {"items": [{"cents": 1}, {"cents": None}], "a": True}
    assert [has(value, path) for path in ("items[1].cents", "items[2].cents", "b", "a.b")] == [
        True,
        False,
        False,
        False,
    ]
    assert put(value, "items[1].cents", 7) == {"items": [{"cents": 1}, {"cents": 7}], "a": True}
    assert value["items"][1]["cents"] is None
