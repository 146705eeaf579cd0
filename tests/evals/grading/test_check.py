"""What is wrong with an expectation is said before anything is played: a typo makes no case pass."""

from __future__ import annotations

import pytest

from holdfast.errors import InputError
from holdfast.evals.cases.case import parse
from holdfast.evals.grading.graders import check_expectations
from tests.evals.ended import agent

FIXED = {"fixtures": {"calls": []}}


def check(expect, judges=(), **world):
    case = parse({"name": "one", "input": {}, "expect": expect} | (world or FIXED), "one")
    check_expectations(case, agent(), judges)


@pytest.mark.parametrize(
    "expect",
    [
        {"outcome": "done", "output": {"status": "ok"}},
        {"outcome": ["declined", "done"], "output": {}},
        {"effects": {}},
        {"effects": {"refund": [{"order": "A-1", "cents": 1}, {}]}, "also": ["refund"], "at_most": {"refund": 2}},
        {"before": [("get_order", "refund"), ("ask", "done")], "never": ["decline"], "approved": ["refund"]},
        {"evidence": {"refund": ["get_order"]}, "grounded": True, "usd": "0", "seconds": 0, "steps": 0},
        {"findings": ["any", "ungrounded argument"]},
        {"that": ['total(effects.refund, "cents") == 1 && input.anything == output.status', "run.usd < 1.0"]},
    ],
)
def test_what_can_be_so_is_let_through(expect):
    check(expect)


@pytest.mark.parametrize(
    ("expect", "why"),
    [
        ({}, "expect: it expects nothing"),
        ({"outcome": []}, "expect.outcome: no end is in an empty list"),
        ({"outcome": "declined", "output": {}}, "expect.output: a run that is declined has no output"),
        ({"outcome": ["waiting", "failed"], "output": {}}, "a run that is failed or waiting has no output"),
        ({"output": {"statsu": "ok"}}, "expect.output.statsu: the output of desk has no such field"),
        ({"output": {"status": {"code": 1}}}, "expect.output.status.code: the output of desk has no such field"),
        ({"effects": {"refnd": []}}, "expect.effects: desk has no tool called refnd; did you mean refund?"),
        ({"effects": {"get_order": []}}, "expect.effects: get_order only reads, and this is about what writes"),
        ({"effects": {"done": []}}, "expect.effects: done is a call that every agent has, and means nothing here"),
        ({"effects": {"refund": [{"cent": 1}]}}, "refund has no argument cent; it has: cents, order"),
        ({"effects": {}, "also": ["mail"]}, "expect.also: desk has no tool called mail; there are: refund"),
        ({"also": ["refund"]}, "expect.also: it permits effects beside those of `effects`"),
        ({"before": [("get_ordr", "refund")]}, r"expect.before\[0\]: desk has no tool called get_ordr"),
        ({"before": [("get_order", "refnd")]}, r"expect.before\[0\]: desk has no tool called refnd"),
        ({"before": [("done", "refund")]}, r"expect.before\[0\]: done is a call that every agent has"),
        ({"before": [("refund", "refund")]}, "expect.before: refund cannot be answered before it is started"),
        ({"before": [("get_order", "refund"), ("refund", "get_order")]}, "cannot each come before the other"),
        ({"never": ["drop_table"]}, "expect.never: desk has no tool called drop_table; there are: ask"),
        ({"never": ["refund"], "effects": {"refund": [{}]}}, "must not be asked for, and `effects` wants it done"),
        ({"at_most": {"refnd": 1}}, "expect.at_most: desk has no tool called refnd"),
        ({"at_most": {"refund": -1}}, "expect.at_most.refund: nothing is started -1 times"),
        ({"at_most": {"refund": 1}, "effects": {"refund": [{}, {}]}}, "at_most.refund: it is 1, and `effects` wants 2"),
        ({"approved": ["get_order"]}, "expect.approved: get_order only reads"),
        ({"evidence": {"refnd": ["get_order"]}}, "expect.evidence: desk has no tool called refnd"),
        ({"evidence": {"refund": ["refund"]}}, "expect.evidence.refund: refund writes, and this is about what reads"),
        ({"evidence": {"refund": ["get_ordr"]}}, "expect.evidence.refund: desk has no tool called get_ordr"),
        ({"usd": "-1"}, "expect.usd: nothing takes -1"),
        ({"seconds": float("nan")}, "expect.seconds: nothing takes nan"),
        ({"steps": -1}, "expect.steps: nothing takes -1"),
        ({"findings": ["ungrounded arguments"]}, "called ungrounded arguments; did you mean ungrounded argument?"),
        ({"findings": ["zzz"]}, "no detector is called zzz; there are: acted on partial response"),
        ({"findings": []}, "expect.findings: an empty list asks for nothing"),
        ({"that": ["output.status =="]}, r"expect.that\[0\]: this is no CEL expression"),
        ({"that": ["true", "outptu.status == 'ok'"]}, r"expect.that\[1\]: `outptu` is no name a condition knows"),
        ({"that": ["output.statsu == 'ok'"]}, r"expect.that\[0\]: the output has no field statsu"),
        ({"that": ["size(effects.refnd) == 1"]}, r"expect.that\[0\]: there is no tool called refnd"),
        ({"that": ["size(effects.get_order) == 1"]}, r"expect.that\[0\]: get_order only reads"),
        ({"that": ["run.stesp < 3"]}, r"expect.that\[0\]: `run` has no stesp"),
        ({"that": ["args.cents > 1"]}, r"expect.that\[0\]: `args` means nothing after the end"),
        ({"that": ["caller.by == 'x'"]}, r"expect.that\[0\]: `caller` means nothing after the end"),
        ({"that": [" "]}, "expect.that: an empty condition holds of everything"),
        ({"judges": {"polite": "nonsense"}}, 'expect.judges.polite: "nonsense" is no `package.module:function`'),
        ({"judges": {"polite": "a.b:c"}}, "expect.judges.polite: nothing here asks this judge"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_case_and_key(expect, why):
    with pytest.raises(InputError, match=why) as caught:
        check(expect)
    assert caught.value.what.startswith("case one:")


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(InputError) as caught:
        check({"never": ["a_tool"], "findings": ["zzz"], "steps": -1})
    assert len(caught.value.what.splitlines()) == 4


def test_a_judge_that_will_be_asked_may_be_named():
    check({"judges": {"polite": "a.b:c"}}, ["polite"])


def test_the_account_of_a_world_names_its_fields_itself():
    check({"effects": {"refund": [{"booked_on": "2026-01-02"}]}}, state={"orders": []})
