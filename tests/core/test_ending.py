"""How a run ends: nothing new starts, reads are abandoned, writes are awaited, what nobody could settle is listed."""

from __future__ import annotations

import pytest

from holdfast.events import CallReturnedLate, ModelAnsweredLate, RunClosed
from holdfast.models.scripted import ask, call
from holdfast.tool import Retry
from tests.core.story import DEAR, Story, desk, order, refund

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)
WRITE = ("CallAsked refund", "CallJudged allow", "CallStarted 1")


def writing(**options) -> Story:
    run = Story(desk(refund(**options), order()))
    run.asks_for(PAY)
    run.then(*WRITE)
    return run


# --------------------------------------------------------------------------------- cancelled, whatever it was about


def asked() -> Story:
    run = Story(desk(order()))
    run.then("ModelAsked")
    return run


def failed_model() -> Story:
    run = asked()
    run.fails("overloaded")
    run.then()
    return run


def unread() -> Story:
    run = asked()
    run.answers(LOOK, PAY)
    return run


def reading() -> Story:
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    return run


def waiting_to_read_again() -> Story:
    run = reading()
    run.breaks("not_done")
    run.then()
    return run


def reviewed() -> Story:
    run = Story(desk((refund(), {"review": [{"because": "b"}]})))
    run.asks_for(PAY)
    run.settle_down()
    return run


def asking() -> Story:
    run = Story(desk(order()))
    run.asks_for(ask("which?"))
    run.settle_down()
    return run


def waiting_its_turn() -> Story:
    run = Story(desk(refund(), (refund("send"), {"review": [{"because": "b"}]})))
    run.asks_for(call("send", order="A"), PAY)
    run.settle_down()
    return run


def exhausted() -> Story:
    run = writing()
    run.breaks("not_done")
    run.settle_down()
    return run


def paused() -> Story:
    run = reading()
    run.pauses()
    return run


def limited() -> Story:
    run = Story(desk(order(), limits={"steps": 1}))
    run.asks_for(LOOK)
    run.settle_down()
    run.returns({})
    run.then("LimitReached steps", "PersonAsked limit steps")
    return run


REFUSED = "CallJudged refuse closing"


@pytest.mark.parametrize(
    ("where", "before"),
    [
        (asked, []), (failed_model, []), (unread, []), (reading, []), (waiting_to_read_again, [REFUSED]),
        (reviewed, ["QuestionWithdrawn closing", REFUSED]), (asking, ["QuestionWithdrawn closing", REFUSED]),
        (waiting_its_turn, ["QuestionWithdrawn closing", REFUSED, REFUSED]), (exhausted, ["QuestionWithdrawn closing", REFUSED]),
        (paused, []), (limited, ["QuestionWithdrawn closing"]),
    ],
)  # fmt: skip
def test_a_cancelled_run_closes_at_once_wherever_nothing_is_being_written(where, before):
    run = where()
    run.cancels(because="enough")
    closed = run.then(*before, "RunClosed cancelled")
    assert closed.reason == "rita cancelled it: enough"
    assert closed.unresolved == ()
    assert run.world() == []
    assert run.stands().status == "closed"


def test_a_write_that_is_running_is_awaited_and_not_touched():
    """SEMANTICS rules 25 and 35."""
    run = writing()
    run.cancels()
    run.then()
    assert run.world() == ["run refund"]
    run.after("1h").then()
    run.returns({"id": "re"})
    assert run.then("RunClosed cancelled").unresolved == ()
    assert run.state.effects["refund"][:] == [{"id": "re"}]


def test_reads_are_abandoned_and_what_they_say_later_is_kept_as_late():
    run = reading()
    run.cancels()
    run.then("RunClosed cancelled")
    assert isinstance(run.returns_late({"paid": 5}), CallReturnedLate)


def test_a_write_that_fails_meanwhile_is_not_tried_again():
    run = writing(times=3)
    run.cancels()
    run.breaks("not_done")
    run.then(REFUSED, "RunClosed cancelled")


def test_a_keyed_write_of_unknown_outcome_is_not_repeated_any_more_and_is_listed():
    run = writing(keyed=True)
    run.cancels()
    run.breaks("timeout", "unknown")
    closed = run.then("DoubtRaised", "PersonAsked doubt", "RunClosed cancelled")
    assert closed.unresolved == (4,)
    assert [one.asked.about for one in run.state.questions.values()] == ["doubt"]


def test_a_checked_write_of_unknown_outcome_is_looked_up_first():
    run = writing(lookup=True, settle=5)
    run.cancels()
    run.breaks("timeout", "unknown")
    run.then()
    run.after("5s")
    assert run.world() == ["look up refund"]
    other = run.copy()
    run.looked("found", {"id": "re"})
    assert run.then("RunClosed cancelled").unresolved == ()
    other.looked("absent")
    other.then("CallJudged refuse absent", "RunClosed cancelled")


def test_a_write_whose_worker_died_is_settled_before_the_end():
    run = writing()
    run.cancels()
    run.taken_over().then("CallFailed lost", "DoubtRaised", "PersonAsked doubt", "RunClosed cancelled")


def test_a_doubt_that_is_open_stays_before_people_after_the_end():
    """SEMANTICS B6: the run stays in the attention list."""
    run = writing()
    run.breaks("timeout", "unknown")
    run.then("DoubtRaised", "PersonAsked doubt")
    run.cancels()
    assert run.then("RunClosed cancelled").unresolved == (4,)
    assert run.state.unresolved == (4,)
    run.settles("did_not")
    assert run.state.unresolved == ()
    run.then()


def test_nothing_new_starts_once_a_run_is_to_end():
    """SEMANTICS rule 35."""
    run = Story(desk(refund(), refund("send"), order()))
    run.asks_for(PAY, call("send", order="A"))
    run.settle_down()
    run.cancels()
    run.then("CallJudged refuse closing")
    run.returns({"id": "re"})
    run.then("RunClosed cancelled")


# --------------------------------------------------------------------------------------------------- limits that stop


def test_a_limit_ends_the_run_where_the_contract_says_so_after_what_is_being_written():
    run = Story(desk(refund(), surprises={"limit": "stop"}, limits={"wall": "10m"}))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.after("10m").then("LimitReached wall")
    run.returns({"id": "re"})
    assert "wall" in run.then("RunClosed stopped").reason


# ------------------------------------------------------------------------------------------------------------ money


def test_a_request_that_is_abandoned_stays_charged_until_its_answer_settles_it():
    """SEMANTICS rule 30."""
    run = Story(desk(order()), prices={"first": DEAR})
    reserved = run.then("ModelAsked").reserved
    run.cancels()
    run.then("RunClosed cancelled")
    assert run.state.spent.charged == reserved
    late = run.answers(cost=7)
    assert isinstance(late, ModelAnsweredLate)
    assert run.state.spent.charged == 7
    run.fact(late)
    assert run.state.spent.charged == 7


def test_an_abandoned_request_that_surely_did_nothing_costs_nothing():
    run = Story(desk(order()), prices={"first": DEAR})
    run.then("ModelAsked")
    run.cancels()
    run.then("RunClosed cancelled")
    run.fails("connection", "not_done")
    assert run.state.spent.charged == 0


# ---------------------------------------------------------------------------------------------------- in what order


def test_of_several_reasons_to_end_the_persons_comes_first():
    run = writing()
    run.cancels()
    run.breaks("timeout", "unknown")
    assert run.then("DoubtRaised", "PersonAsked doubt", "RunClosed cancelled").outcome == "cancelled"


def test_a_model_that_cannot_be_asked_is_whose_fault_the_end_is():
    run = Story(desk(order(retry=Retry(times=0))))
    run.then("ModelAsked")
    run.fails("auth")
    closed: RunClosed = run.then("RunClosed failed")
    assert (closed.fault, closed.reason) == ("model", "no model answered: first gave auth (it said auth)")
