"""Pending and outlook: what is to be done in the world now, by whom, and how a run stands when nobody drives it."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.core.pending import AskModel, LookUp, RunCall, outlook, pending, waits_for
from holdfast.models.scripted import ask, call, done, say
from tests.core.story import START, Story, desk, order, refund

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)


def reading() -> Story:
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.settle_down()
    return run


def test_what_was_started_is_performed_by_whoever_started_it_and_by_nobody_else():
    """SEMANTICS rule 15."""
    run = Story(desk(order()))
    run.then("ModelAsked")
    assert pending(run.bound, run.state, run.moment) == (AskModel(2),)
    other = run.copy().taken_over(proven=False)
    assert other.world() == []
    run.answers(LOOK, LOOK)
    run.settle_down()
    first, second = run.state.turn
    assert pending(run.bound, run.state, run.moment) == (
        RunCall(first, run.call(first).start), RunCall(second, run.call(second).start),
    )  # fmt: skip
    assert run.copy().taken_over(proven=False).world() == []


def test_a_look_up_needs_no_start_and_is_anybodys():
    run = Story(desk(refund(lookup=True, settle=5)))
    run.asks_for(PAY)
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.after("5s")
    assert pending(run.bound, run.state, run.moment) == (LookUp(4, 1),)
    assert run.taken_over().world() == ["look up refund"]


def test_nothing_is_to_be_done_in_a_closed_run():
    run = reading()
    run.cancels()
    run.then("RunClosed cancelled")
    assert run.world() == []
    assert (run.stands().status, run.stands().due) == ("closed", None)


def test_what_was_started_is_performed_even_while_the_run_is_paused():
    run = reading()
    run.pauses()
    assert run.world() == ["run get_order"]


# ----------------------------------------------------------------------------------------------------------- outlook


def test_a_run_that_works_is_looked_at_again_when_its_first_lease_ends():
    run = Story(desk(order("slow", timeout=60), order(timeout=5)))
    run.then("ModelAsked")
    assert outlook(run.state).due == START + 180 * units.SECOND
    run.answers(call("slow", order="A"), LOOK)
    run.settle_down()
    assert (outlook(run.state).status, outlook(run.state).due) == ("working", START + 5 * units.SECOND)


def test_without_its_contract_a_run_that_is_not_leased_is_due_at_once():
    """Whoever appends for it does not know what follows; somebody who has its code is to look."""
    run = Story(desk(order()))
    assert (outlook(run.state).status, outlook(run.state).due) == ("working", 0)


@pytest.mark.parametrize(
    ("parts", "whom"),
    [([ask("which?")], "requester"), ([ask("may I?", of="finance")], "finance"), ([PAY], "finance"), ([call("send", order="A")], "person")],
)  # fmt: skip
def test_a_run_waits_for_whoever_was_asked(parts, whom):
    run = Story(
        desk(
            (refund(), {"review": [{"because": "b", "by": "finance"}]}),
            (refund("send"), {"review": [{"because": "b"}]}),
        )
    )
    run.asks_for(*parts)
    run.settle_down()
    assert (run.stands().status, run.stands().waits_for) == ("waiting", whom)
    assert run.stands().due == START + 30 * units.DAY, "and the wall is looked at too"


def test_a_run_that_waits_for_several_names_the_ones_inside():
    run = Story(desk(order(), conversation=True, surprises={"partial": "review"}))
    run.asks_for(LOOK)
    run.settle_down()
    run.returns([1], complete="partial", missing="x")
    run.settle_down()
    assert waits_for(run.state) == "person"


def test_a_conversation_waits_for_the_requester():
    run = Story(desk(order(), conversation=True))
    run.asks_for(say("Which?"))
    run.then("Replied")
    assert run.stands().waits_for == "requester"


def test_a_wait_ends_at_the_first_of_everything_that_time_brings():
    run = Story(desk(order(), (refund(), {"review": [{"because": "b", "within": "4h"}]}), limits={"wall": "3d"}))
    run.asks_for(PAY, LOOK)
    run.settle_down()
    run.breaks("not_done", of="get_order", retry_at=START + 30 * units.SECOND)
    assert run.stands().due == START + 30 * units.SECOND
    run.after("30s").settle_down()
    run.returns({})
    run.settle_down()
    assert run.stands().due == START + 4 * units.HOUR
    run.person("approve")
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.settle_down()
    assert run.stands().due == START + 3 * units.DAY


def test_at_a_limit_a_run_waits_for_a_person_and_for_no_time():
    run = Story(desk(order(), limits={"steps": 1}))
    run.asks_for(call("nonsense"))
    run.settle_down()
    assert (run.stands().waits_for, run.stands().due) == ("person", None)


def test_a_paused_run_waits_for_a_person():
    run = Story(desk(order()))
    run.pauses()
    assert run.stands().waits_for == "person"


def test_a_run_that_has_something_to_decide_is_not_called_waiting_by_its_row():
    run = Story(desk(order()))
    run.asks_for(done(status="ok"))
    assert outlook(run.state).due == 0
