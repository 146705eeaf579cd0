"""Evidence: what a write rests on was read before, completely, about the same thing, and is as fresh as the contract wants."""

from __future__ import annotations

import pytest

from holdfast.events import CallAsked
from holdfast.models.scripted import call
from tests.core.judged import LOOK, NEEDS, PAY, having_read, must, proposes, rules
from tests.core.story import Story, desk, order, refund

# --------------------------------------------------------------------------------------------------------- evidence


def test_a_write_needs_its_evidence_read_before_completely_and_about_the_same_thing():
    run = having_read(NEEDS | must("args.cents <= seen.get_order.paid"))
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


@pytest.mark.parametrize(
    ("read", "more"),
    [(call("get_order", order="A-2"), {}), (LOOK, {"complete": "partial", "missing": "lines"})],
    ids=["another thing", "a part"],
)
def test_evidence_about_something_else_or_in_part_is_none(read, more):
    run = Story(desk(order(), (refund(), NEEDS)))
    run.asks_for(read)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 5}, **more)
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.needs.get_order", "ModelAsked")
    assert "read get_order(order='A-1') first, completely" in run.told()[-1]


def test_evidence_counts_only_if_the_model_had_seen_it_when_it_proposed():
    """SEMANTICS rule 28, history 14: `get_order` and `refund` in one turn."""
    run = Story(desk(order(), (refund(), NEEDS)))
    run.asks_for(LOOK, PAY)
    run.then(
        "CallAsked get_order",
        "CallAsked refund",
        "CallJudged allow",
        "CallStarted 1",
        "CallJudged refuse tools.refund.needs.get_order",
    )
    run.returns({"paid": 5})
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


def test_evidence_that_returned_after_the_proposal_does_not_count_either():
    run = Story(desk(order(), (refund(), NEEDS), (refund("send"), {"review": [{"because": "b"}]})))
    run.asks_for(LOOK, call("send", order="A-1"), PAY)
    run.then(
        "CallAsked get_order", "CallAsked send", "CallAsked refund", "CallJudged allow", "CallStarted 1",
        "CallJudged review tools.send.review[0]", "PersonAsked review", "CallJudged refuse tools.refund.needs.get_order",
    )  # fmt: skip


def test_the_newest_reading_is_the_one_that_counts():
    run = having_read(NEEDS | must("args.cents <= seen.get_order.paid"), {"paid": 5}, wanted=LOOK)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 3})
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.must[0]", "ModelAsked")


def test_what_is_needed_must_be_sayable():
    assert rules(proposes({"needs": {"get_order": {"order": "input.missing"}}})) == [
        ("tools.refund.needs.get_order", "refuse")
    ]


# --------------------------------------------------------------------------------------------------- fresh evidence

FRESH = NEEDS | must("args.cents <= seen.get_order.paid", fresh="10m")
READ_AGAIN = ("CallAsked refund", "CallJudged allow", "CallAsked get_order", "CallJudged allow", "CallStarted 1")


def stale(terms=FRESH, age="11m") -> Story:
    run = Story(desk(order(), (refund(), terms)))
    run.asks_for(LOOK)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 5})
    run.then("ModelAsked")
    run.after(age)
    run.answers(PAY)
    return run


def test_stale_evidence_is_read_again_by_the_machine_and_the_same_is_good():
    """SEMANTICS rule 34."""
    run = stale()
    run.then(*READ_AGAIN)
    again = run.last(CallAsked)
    assert (again.serves, again.args.value) == (run.state.turn[0], {"order": "A-1"})
    run.returns({"paid": 5})
    run.then("CallStarted 1")
    assert run.world() == ["run refund"]
    run.returns({"id": "re"})
    run.then("ModelAsked")
    assert [text for text in run.told() if "paid" in text] == ['{"paid":5}'], (
        "the model is not told of the second reading"
    )


def test_evidence_within_its_time_is_not_read_again():
    run = stale(age="10m")
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


def test_evidence_that_changed_is_the_models_to_read():
    run = stale()
    run.then(*READ_AGAIN)
    run.returns({"paid": 6})
    run.then("CallJudged refuse fresh", "ModelAsked")
    assert "has changed since you read it" in run.told()[-1]


def test_what_the_model_has_not_been_shown_is_no_measure_of_change():
    """SEMANTICS rules 28 and 34: it asked for a reading beside the write, and that one is otherwise already."""
    run = Story(desk(order(), (refund(), FRESH)))
    run.asks_for(LOOK)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 5})
    run.then("ModelAsked")
    run.after("11m").answers(LOOK, PAY)
    run.settle_down()
    asked, machine = (seq for seq, one in run.state.calls.items() if one.tool == "get_order")
    run.returns({"paid": 6}, asked)
    run.then()
    run.returns({"paid": 6}, machine)
    run.then("CallJudged refuse fresh", "ModelAsked")


def test_evidence_that_changed_is_judged_as_it_is_now():
    run = stale()
    run.then(*READ_AGAIN)
    run.returns({"paid": 3})
    run.then("CallJudged refuse tools.refund.must[0]", "ModelAsked")


@pytest.mark.parametrize("error", ["raised", "refused"])
def test_evidence_that_cannot_be_read_again_is_none(error):
    run = stale()
    run.then(*READ_AGAIN)
    run.breaks(error, message="the shop is closed")
    run.then(f"CallJudged refuse {error}", "CallJudged refuse fresh", "ModelAsked")
    assert "get_order could not be read again" in run.told()[-1]


def test_evidence_that_comes_back_in_part_is_none():
    run = stale()
    run.then(*READ_AGAIN)
    run.returns({"paid": 5}, complete="partial", missing="lines")
    run.then("CallJudged refuse fresh", "ModelAsked")


def test_evidence_is_read_again_after_an_approval_and_a_change_goes_back_to_the_reviewer():
    """SEMANTICS history 15: the order changed between reading and approval."""
    run = stale(FRESH | {"review": [{"because": "people decide"}]})
    first = run.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review")
    assert first.evidence == (7,)
    run.person("approve")
    run.then(
        "QuestionWithdrawn decided", "CallJudged allow", "CallAsked get_order", "CallJudged allow", "CallStarted 1"
    )
    other = run.copy()
    run.returns({"paid": 5})
    run.then("CallStarted 1")
    other.returns({"paid": 4})
    again = other.then("CallJudged review tools.refund.review[0]", "PersonAsked review")
    assert "Its evidence has changed since it was shown." in again.text
    assert again.digest != first.digest
    assert again.evidence != first.evidence
    other.person("approve", by="raul")
    other.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_evidence_in_pages_is_read_again_in_pages():
    run = Story(desk(order(pages=5), (refund(), NEEDS | {"fresh": "10m"})))

    def pages(last):
        run.returns([1], complete="partial", cursor="p2")
        run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
        run.returns([last])

    run.asks_for(LOOK)
    run.settle_down()
    pages(2)
    run.then("ModelAsked")
    run.after("11m")
    run.answers(PAY)
    run.then(*READ_AGAIN)
    pages(2)
    run.then("CallStarted 1")
    run.breaks("refused")
    run.settle_down()
    run.after("11m")
    run.answers(PAY)
    run.then(*READ_AGAIN)
    pages(3)
    run.then("CallJudged refuse fresh", "ModelAsked")
