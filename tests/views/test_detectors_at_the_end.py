"""Detectors 6, 12 and 17, each on a run it is for, on one that comes near it, and on its named false positive."""

from __future__ import annotations

import pytest

from holdfast.core.prompt import WINDOW
from holdfast.events import CallUndone, RunClosed
from holdfast.models.scripted import call
from holdfast.views.detectors import detect
from holdfast.views.trace import trace
from tests.core.story import Story, desk, order, refund

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=400)
NEEDS = {"needs": {"get_order": {"order": "args.order"}}}
LOOSE = {"limits": {"repeats": 50, "steps": 100}}


def found(run: Story, number: int):
    return [finding for finding in detect(run.entries) if finding.number == number]


def calls(*turns, agent=None, **more) -> Story:
    """A run of turns of one call each, that return."""
    run = Story(agent or desk(order(), (refund(), NEEDS), **LOOSE))
    for wanted, value in turns:
        run.asks_for(wanted)
        run.settle_down()
        run.returns(value, **(more if wanted.tool == "refund" else {}))
    return run


def says(run: Story, wanted) -> None:
    """The model, asked already or not, says this."""
    if run.world() != ["ask"]:
        run.settle_down()
    run.answers(wanted)
    run.settle_down()


def ends(run: Story, wanted=None) -> Story:
    says(run, wanted or call("done", status="paid"))
    assert isinstance(run.entries[-1].event, RunClosed)
    return run


# ------------------------------------------------------------------------------------------- 6, done but not claimed

DECLINE = call("decline", reason="this is not for me")
READ, PAID = (LOOK, {"paid": 400}), (PAY, {"id": "re_1"})


def test_declining_after_a_write_is_found():
    (finding,) = found(ends(calls(READ, PAID), DECLINE), 6)
    assert (finding.grade, finding.tool, finding.error) == ("E", "refund", "")
    assert "had been done" in finding.sentence


def test_declining_before_any_write_or_after_one_that_failed_or_was_taken_back_is_none():
    undone = ends(calls(READ, PAID), DECLINE)
    undone.append(
        CallUndone(next(seq for seq, one in trace(undone.entries).calls.items() if one.tool == "refund"), "r_2")
    )
    for run in (ends(calls(READ), DECLINE), ends(calls(READ, (PAY, "Error: no such order")), DECLINE), undone):
        assert found(run, 6) == []


def test_a_run_that_is_done_says_by_that_what_it_did():
    assert found(ends(calls(READ, PAID)), 6) == []


def test_a_write_that_only_tells_is_its_false_positive():
    tells = desk(order(), refund("send_message"), **LOOSE)
    run = ends(calls((call("send_message", order="A-1"), {"sent": True}), agent=tells), DECLINE)
    assert [finding.tool for finding in found(run, 6)] == ["send_message"]


# ---------------------------------------------------------------------------------------- 12, contradicted afterwards


def after(*later, order_value=None) -> Story:
    return ends(calls((LOOK, order_value or {"paid": 400}), PAID, *later))


def test_a_reading_that_contradicts_the_write_is_found():
    (finding,) = found(after((LOOK, {"paid": 400, "cents": 0})), 12)
    assert (finding.grade, finding.tool) == ("S", "refund")
    assert "get_order said cents = 0" in finding.sentence
    assert len(finding.seqs) == 3


@pytest.mark.parametrize(
    "later",
    [
        [(LOOK, {"paid": 400, "cents": 400})],
        [(LOOK, {"paid": 400, "cents": "400.00"})],
        [(LOOK, {"paid": 0})],
        [(LOOK, "all is well")],
        [(call("get_order", order="A-2"), {"cents": 0})],
        [],
    ],
    ids=["the same", "the same in other words", "no such field", "no fields", "about another", "not read again"],
)
def test_a_reading_that_says_nothing_against_it_is_none(later):
    assert found(after(*later), 12) == []


def test_another_write_between_explains_it():
    again = (call("refund", order="A-1", cents=100), {"id": "re_2"})
    assert [one.tool for one in found(after(again, (LOOK, {"cents": 100})), 12)] == []


def test_what_shows_only_later_is_none_once_it_shows_and_its_false_positive_before():
    slow, shown = (LOOK, {"cents": 0}), (LOOK, {"cents": 400})
    assert found(after(slow, shown), 12) == []
    assert len(found(after(slow), 12)) == 1


def test_what_the_evidence_is_bound_by_is_no_state():
    assert found(after((LOOK, {"order": "a-1 of the shop"})), 12) == []


# ------------------------------------------------------------------------------------------------- 17, not all shown

LONG = "x" * (2 * WINDOW + 5)


def shown(*starts: int, text: str = LONG) -> Story:
    run = Story(desk(order(), (refund(), NEEDS), **LOOSE))
    run.asks_for(LOOK)
    run.settle_down()
    run.returns(text)
    answer = run.state.seq
    for start in starts:
        says(run, call("more", result=str(answer), start=start))
        run.returns(text[start : start + WINDOW])
    says(run, PAY)
    assert run.call("refund").status == "running"
    return run


def test_acting_on_a_result_that_was_not_shown_to_its_end_is_found():
    (finding,) = found(shown(), 17)
    assert (finding.grade, finding.tool) == ("E", "refund")
    assert f"{len(LONG):,} characters, of which the model had been shown {WINDOW:,}" in finding.sentence
    assert len(found(shown(WINDOW), 17)) == 1
    assert len(found(shown(2 * WINDOW), 17)) == 1, "there is a hole before it"


def test_a_result_that_was_shown_to_its_end_is_none():
    assert found(shown(WINDOW, 2 * WINDOW), 17) == []
    assert found(shown(text="x" * WINDOW), 17) == []


def test_a_reading_nobody_needs_is_none():
    run = Story(desk(order(), refund(), **LOOSE))
    run.asks_for(LOOK)
    run.settle_down()
    run.returns(LONG)
    run.asks_for(PAY)
    run.settle_down()
    assert found(run, 17) == []


def test_what_mattered_at_the_beginning_is_its_false_positive():
    assert len(found(shown(text="paid: 400 " + LONG), 17)) == 1


# ------------------------------------------------------------------------------------------------------ 4, once more


def test_what_a_person_ruled_to_have_happened_is_no_partial_response():
    run = calls(READ)
    run.asks_for(PAY)
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.settle_down()
    run.settles("happened")
    run.settle_down()
    assert found(ends(run), 4) == []
