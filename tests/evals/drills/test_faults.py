"""Fault plans are data, and chance in them has no memory; answers are spoilt as the other side would spoil them."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from holdfast.errors import InputError, UsageError
from holdfast.evals.drills import faults
from holdfast.evals.drills.faults import KINDS, Fault, Kind, standard, strikes
from holdfast.evals.drills.spoil import MARK, SILENT, SPOILING, spoilt
from holdfast.shape import Misfit, TypeShape


class Line(BaseModel, extra="forbid"):
    order: str
    cents: int


class Page(BaseModel, extra="forbid"):
    lines: list[Line]
    note: str


PAGE = {"lines": [{"order": "O-1", "cents": 1290}, {"order": "O-2", "cents": 30}], "note": "leave it at the door"}
SHAPE = TypeShape(Page)


def test_every_kind_is_in_the_table_and_in_the_standard_plan():
    assert set(get_args(Kind)) == set(KINDS) == set(standard().kinds)
    assert {kind for kind, (where, _) in KINDS.items() if where in ("read", "result")} == SPOILING


def test_a_plan_is_yaml_and_what_is_wrong_in_it_is_said(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(
        "drill: 1\nseed: 7\nfaults:\n"
        "  - {kind: timeout-after-commit, on: {tool: issue_refund}, probability: 0.25}\n"
        "  - {kind: model-overloaded, on: {step: 2}, probability: 1, seed: 3}\n"
    )
    plan = faults.load(file)
    assert plan.seed == 7
    assert plan.kinds == ("timeout-after-commit", "model-overloaded")
    assert plan.of("timeout-after-commit")[0].on.tool == "issue_refund"
    assert plan.digest == faults.load(file).digest != plan.model_copy(update={"seed": 8}).digest
    for wrong, says in (
        ({"drill": 2, "faults": [{"kind": "rate-limited"}]}, "drill"),
        ({"faults": []}, "faults"),
        ({"faults": [{"kind": "earthquake"}]}, "kind"),
        ({"faults": [{"kind": "rate-limited", "probability": 1.5}]}, "probability"),
        ({"faults": [{"kind": "rate-limited", "on": {"call": 1}}]}, "call"),
    ):
        with pytest.raises(InputError, match=says):
            faults.parse(wrong, "plan")
    with pytest.raises(UsageError, match="earthquake"):
        standard(["earthquake"])


@given(st.integers(), st.text(max_size=5), st.integers(1, 9), st.text(max_size=5), st.integers(1, 99))
def test_the_same_call_is_struck_again_whatever_else_is_played(seed, case, trial, target, index):
    fault = Fault(kind="rate-limited", probability=0.5)
    assert strikes(fault, seed, case, trial, target, index) == strikes(fault, seed, case, trial, target, index)
    assert strikes(Fault(kind="rate-limited", probability=1), seed, case, trial, target, index)


def test_about_as_many_are_struck_as_the_plan_says_and_another_seed_strikes_others():
    fault = Fault(kind="rate-limited", probability=0.3)
    one, other = ([strikes(fault, seed, "c", 1, "t", at) for at in range(4000)] for seed in (1, 2))
    assert 1100 < sum(one) < 1300
    assert one != other
    own = Fault(kind="rate-limited", probability=0.3, seed=2)
    assert [strikes(own, 1, "c", 1, "t", at) for at in range(4000)] == other


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_what_is_to_pass_unnoticed_fits_the_tool_s_shape(kind):
    found = spoilt(kind, PAGE, SHAPE, {"pay": 1})
    assert found != PAGE
    SHAPE.python(found)


@pytest.mark.parametrize("kind", sorted(SPOILING - SILENT))
def test_what_is_to_be_noticed_does_not(kind):
    with pytest.raises(Misfit):
        SHAPE.python(spoilt(kind, PAGE, SHAPE, {}))


def test_what_is_spoilt_is_what_matters():
    assert spoilt("silent-rest", PAGE, SHAPE, {})["lines"] == PAGE["lines"][:1]
    assert spoilt("changed-unit", PAGE, SHAPE, {})["lines"][0]["cents"] == 129000
    said = spoilt("injected-instruction", PAGE, SHAPE, {"pay": 1})["note"]
    assert said.startswith("leave it")
    assert "pay" in said
    assert MARK in said
    assert spoilt("silent-rest", {"n": 1}, TypeShape(dict[str, int]), {}) is None
    assert spoilt("changed-unit", {"n": "a"}, TypeShape(dict[str, str]), {}) is None
    assert spoilt("dropped-field", 3, TypeShape(int), {}) is None
