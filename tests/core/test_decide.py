"""Decide: what follows for the run as a whole. Asking models, ceilings, pauses, other workers, a restored journal."""

from __future__ import annotations

import msgspec
import pytest

from holdfast import units
from holdfast.core import decide as module
from holdfast.core.decide import BACKOFF, decide
from holdfast.errors import Bug
from holdfast.events import LimitReached, ModelAsked, ModelFailed, PersonAsked, RunClosed
from holdfast.models.scripted import ask, call, decline, done, say
from tests.core.story import DEAR, START, Story, desk, order, refund
from tests.core.walk import Walk

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)
READ = ("CallAsked get_order", "CallJudged allow", "CallStarted 1")
WRITE = ("CallAsked refund", "CallJudged allow", "CallStarted 1")


# -------------------------------------------------------------------------------------------------- the smallest run


def test_a_run_from_its_opening_to_its_end():
    run = Story(desk(order(), refund()))
    asked = run.then("ModelAsked")
    assert (asked.step, asked.attempt, asked.model, asked.worker) == (1, 1, "first", "w1")
    assert run.world() == ["ask"]
    run.answers(LOOK)
    run.then(*READ)
    assert run.world() == ["run get_order"]
    run.returns({"paid": 5})
    asked = run.then("ModelAsked")
    assert (asked.step, asked.base) == (2, 2)
    run.answers(PAY)
    run.then(*WRITE)
    run.returns({"id": "re_1"})
    run.asks_for(done(status="paid back"))
    closed = run.then("CallAsked done", "CallJudged allow", "RunClosed done")
    assert closed.output.value == {"status": "paid back"}
    assert run.world() == []


def test_a_batch_is_decided_at_one_head_and_one_moment_and_rests_on_them_alone():
    """SEMANTICS rules 5 and 9. `Story.then` says of every batch that it comes to rest and is decided alike again."""
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then(*READ)
    batch = run.entries[-3:]
    assert {entry.cause for entry in batch} == {batch[0].seq - 1}
    assert {entry.at for entry in batch} == {run.at}


def test_a_moment_before_the_last_entry_counts_as_that_entrys():
    run = Story(desk(order()))
    run.at -= units.HOUR
    assert run.then("ModelAsked").until == START + 180 * units.SECOND


def test_rules_that_never_come_to_rest_are_our_fault(monkeypatch):
    from holdfast.core import decide as module

    run = Story(desk(order()))
    monkeypatch.setattr(module, "TURN", (lambda bound, state, moment: [PersonAsked("surprise", "again?")],))
    with pytest.raises(Bug, match="do not come to rest"):
        decide(run.bound, run.state, run.moment)


def test_a_closed_run_has_nothing_to_follow():
    run = Story(desk(order()))
    run.append(RunClosed("failed", "it broke"))
    for _ in range(2):
        run.then()
        run.after("40d").taken_over()
        run.epoch += 1


# -------------------------------------------------------------------------------------------------- models that fail


@pytest.mark.parametrize("error", ["rate_limited", "overloaded", "timeout", "connection", "server", "garbage"])
def test_what_may_pass_is_tried_again_after_a_wait_that_doubles(error):
    run = Story(desk(order(), limits={"retries": 3}))
    run.then("ModelAsked")
    wait = BACKOFF
    for attempt in (2, 3, 4):
        run.fails(error)
        run.then()
        assert run.stands().due == run.at + wait
        run.at += wait - 1
        run.then()
        run.at += 1
        assert run.then("ModelAsked").attempt == attempt
        wait *= 2
    run.fails(error)
    closed = run.then("RunClosed failed")
    assert (closed.fault, error in closed.reason) == ("model", True)


@pytest.mark.parametrize("retry_at", [START + 7 * units.SECOND, START])
def test_the_provider_may_say_when_to_come_again(retry_at):
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.fails("rate_limited", retry_at=retry_at)
    if retry_at > START:
        run.then()
        assert run.stands().due == retry_at
        run.at = retry_at
    run.then("ModelAsked")


@pytest.mark.parametrize("error", ["filter", "quota", "not_found", "auth", "rejected"])
def test_what_does_not_pass_goes_to_the_next_model_at_once_and_then_fails(error):
    run = Story(desk(order(), models=["first", "second"]))
    run.then("ModelAsked")
    run.fails(error)
    asked = run.then("ModelAsked")
    assert (asked.model, asked.step, asked.attempt) == ("second", 1, 2)
    run.fails(error)
    assert run.then("RunClosed failed").fault == "model"


def test_a_model_that_is_given_up_is_not_asked_again_in_this_step_and_is_in_the_next():
    run = Story(desk(order(), models=["first", "second", "third"]))
    run.then("ModelAsked")
    for model in ("second", "third"):
        run.fails("quota")
        assert run.then("ModelAsked").model == model
    run.answers(LOOK)
    run.then(*READ)
    run.returns({})
    assert run.then("ModelAsked").model == "first"


def test_a_model_whose_retries_are_used_up_gives_way_to_the_next():
    run = Story(desk(order(), models=["first", "second"], limits={"retries": 1}))
    run.then("ModelAsked")
    run.fails("overloaded")
    run.after("1s").then("ModelAsked")
    run.fails("overloaded")
    assert run.then("ModelAsked").model == "second"


def test_a_full_context_is_a_limit_and_no_reason_to_ask_another_model():
    run = Story(desk(order(), models=["first", "second"]))
    run.then("ModelAsked")
    run.fails("context")
    run.then("LimitReached context", "PersonAsked limit context")


def test_retries_of_models_and_tools_count_against_one_ceiling():
    run = Story(desk(order(), limits={"retries": 2}))
    run.then("ModelAsked")
    run.fails("overloaded")
    run.after("1s").then("ModelAsked")
    run.answers(LOOK)
    run.then(*READ)
    run.breaks("not_done")
    run.after("1s").then("CallStarted 2")
    assert run.state.spent.retries == 2
    run.breaks("not_done")
    run.after("1m").then("CallJudged review surprises.exhausted", "PersonAsked surprise")


# ------------------------------------------------------------------------------------------------- other workers


@pytest.mark.parametrize(("proven", "wait"), [(True, "0s"), (False, "180s")])
def test_a_request_whose_worker_is_gone_or_late_is_lost_and_made_again(proven, wait):
    """SEMANTICS rules 10 and 15, history 9: an unanswered request is nobody else's to answer until an entry says so."""
    run = Story(desk(order()), prices={"first": DEAR})
    reserved = run.then("ModelAsked").reserved
    run.taken_over(proven=proven)
    if not proven:
        run.then()
        assert run.world() == []
        assert run.stands().due == START + 180 * units.SECOND
    run.after(wait).then("ModelFailed lost", "ModelAsked")
    failed, asked = run.last(ModelFailed), run.last(ModelAsked)
    assert (failed.unsettled, failed.fate, failed.by) == (reserved, "unknown", "w2")
    assert (asked.attempt, asked.worker, asked.step) == (2, "w2", 1)
    assert run.state.spent.retries == 0
    assert run.state.spent.charged == reserved + asked.reserved
    assert run.world() == ["ask"]


def test_a_worker_that_does_not_remember_its_own_request_calls_it_lost():
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.flying.clear()
    run.then("ModelFailed lost", "ModelAsked")


def test_a_request_in_flight_here_is_awaited_even_when_its_time_is_up():
    """SEMANTICS rule 16: an answer to a running attempt is the answer even after `until`."""
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.after("10m").then()
    run.answers(done(status="late and good"))
    run.then("CallAsked done", "CallJudged allow", "RunClosed done")


def test_an_attempt_that_was_lost_is_no_retry_however_often():
    run = Story(desk(order(), limits={"retries": 0}))
    run.then("ModelAsked")
    for _ in range(5):
        run.taken_over().then("ModelFailed lost", "ModelAsked")
    assert run.state.spent.retries == 0


# ------------------------------------------------------------------------------------------------------- messages


def test_a_message_is_heard_with_the_next_request():
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then(*READ)
    run.says("and quickly")
    run.then()
    run.returns({"paid": 5})
    asked = run.then("ModelAsked")
    assert asked.heard == run.state.said == 7
    assert run.told()[-2:] == ['{"paid":5}', "and quickly"]


@pytest.mark.parametrize("part", [done(status="done"), decline("not mine")])
def test_nothing_is_concluded_over_an_unheard_message(part):
    """SEMANTICS rule 29, history 4: close against `Said`."""
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.says("leave it, I found the parcel")
    run.answers(part)
    run.then(f"CallAsked {part.tool}", "CallJudged allow", "CallJudged refuse overtaken", "ModelAsked")
    assert "leave it, I found the parcel" in run.told()
    run.answers(part)
    run.then(f"CallAsked {part.tool}", "CallJudged allow", f"RunClosed {'done' if part.tool == 'done' else 'declined'}")


def test_nothing_is_asked_of_a_requester_who_has_just_written():
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.says("it is A-2")
    run.answers(ask("which order?"))
    run.then("CallAsked ask", "CallJudged allow", "CallJudged refuse overtaken", "ModelAsked")


# --------------------------------------------------------------------------------------------------- pause, cancel


def test_a_paused_run_starts_nothing_and_goes_on_where_it_was():
    run = Story(desk(order(), refund()))
    run.asks_for(LOOK, PAY)
    run.pauses()
    run.then()
    assert run.stands().waits_for == "person"
    run.resumes()
    run.then(
        "CallAsked get_order",
        "CallAsked refund",
        "CallJudged allow",
        "CallStarted 1",
        "CallJudged allow",
        "CallStarted 1",
    )
    run.pauses()
    run.returns({}, "refund")
    run.returns({}, "get_order")
    run.then()
    run.resumes()
    run.then("ModelAsked")


def test_a_cancelled_run_ends_at_once_where_nothing_is_being_written():
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then(*READ)
    run.cancels(because="wrong desk")
    assert run.then("RunClosed cancelled").reason == "rita cancelled it: wrong desk"


# --------------------------------------------------------------------------------------------- a restored journal


def test_after_a_restore_every_write_goes_before_a_person():
    """SEMANTICS rule 7, history 12: it may have been done already, in what was lost."""
    run = Story(desk(order(), refund()))
    run.asks_for(LOOK, PAY)
    run.epoch = 2
    run.then(
        "Resumed", "CallAsked get_order", "CallAsked refund", "CallJudged allow", "CallStarted 1", "CallJudged review epoch",
        "PersonAsked review",
    )  # fmt: skip
    assert run.state.epoch == 2
    assert run.last(PersonAsked).text.startswith("refund(")
    run.returns({})
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_an_amendment_from_before_a_restore_was_known_is_no_approval_after_it():
    """SEMANTICS rules 7 and 32: whoever amended was not told what was lost."""
    terms = {"review": [{"because": "all of them", "by": "finance"}], "amendable": ["cents"]}
    run = Story(desk((refund(), terms)))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review finance")
    run.amends(cents=3)
    run.epoch = 2
    run.then(
        "Resumed", "QuestionWithdrawn void", "CallJudged review tools.refund.review[0] epoch",
        "PersonAsked review finance",
    )  # fmt: skip


def test_a_question_from_before_a_restore_that_is_put_to_another_role_says_nothing_of_it_either():
    terms = {
        "review": [{"because": "all of them", "by": "finance", "within": "1h", "then": "ask: boss"}],
        "amendable": ["cents"],
    }
    run = Story(desk((refund(), terms)))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review finance")
    run.epoch = 2
    run.after("2h").then("Resumed", "QuestionWithdrawn expired", "PersonAsked review boss")
    run.amends(cents=3)
    run.then(
        "QuestionWithdrawn void", "CallJudged review tools.refund.review[0] epoch", "PersonAsked review finance"
    )  # fmt: skip


def test_a_restore_does_not_end_a_pause():
    run = Story(desk(order()))
    run.pauses()
    run.epoch = 2
    run.then("Resumed")
    run.then()
    assert run.state.paused


def test_a_write_that_was_running_when_the_backup_was_made_is_found_out_about():
    run = Story(desk(refund()))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.taken_over().epoch = 2
    run.then("Resumed", "CallFailed lost", "DoubtRaised", "PersonAsked doubt")


def test_a_key_does_not_find_out_about_a_write_that_was_running_when_the_backup_was_made():
    """SEMANTICS rule 7: in what was lost it may have failed, and been asked for again under another key."""
    run = Story(desk(refund(keyed=True)))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.taken_over().epoch = 2
    run.then("Resumed", "CallFailed lost", "DoubtRaised", "PersonAsked doubt")


# ------------------------------------------------------------------------------------------------------ conversation


def talk(**terms) -> Story:
    return Story(desk(order(), refund(), conversation=True, **terms))


def test_in_a_conversation_text_is_said_to_the_requester_who_may_write_again():
    run = talk()
    run.asks_for(say("Which order?"))
    run.then("Replied")
    assert run.stands().waits_for == "requester"
    assert run.stands().due == START + 30 * units.DAY
    run.says("A-1")
    run.then("ModelAsked")
    assert run.told()[-2:] == ["Which order?", "A-1"]
    run.answers(done(status="ok"))
    run.then("CallAsked done", "CallJudged allow", "RunClosed done")


def test_a_reply_that_crosses_a_message_does_not_leave_the_message_waiting():
    run = talk()
    run.then("ModelAsked")
    run.says("it is A-1, by the way")
    run.answers(say("Which order?"))
    run.then("Replied", "ModelAsked")
    assert run.told()[-2:] == ["Which order?", "it is A-1, by the way"]


def test_a_conversation_without_an_output_ends_when_the_requester_says_so():
    run = talk(gives=None)
    run.asks_for(say("Anything else?"))
    run.then("Replied")
    run.says("no, thanks", ends=True)
    assert run.then("RunClosed done").output is None


def test_a_conversation_that_owes_an_output_asks_the_model_for_it():
    run = talk()
    run.asks_for(say("Anything else?"))
    run.then("Replied")
    run.says("no, thanks", ends=True)
    run.then("ModelAsked")
    run.answers(done(status="ok"))
    run.then("CallAsked done", "CallJudged allow", "RunClosed done")


def test_the_end_of_a_conversation_waits_for_what_is_being_written():
    run = talk(gives=None)
    run.asks_for(PAY)
    run.then(*WRITE)
    run.says("that was all", ends=True)
    run.then()
    run.returns({"id": "re"})
    run.then("RunClosed done")


# ----------------------------------------------------------------------------------------------------- time and wall


@pytest.mark.parametrize("limit", ["wall", "work"])
def test_time_is_a_ceiling_too_and_may_be_raised(limit):
    run = Story(desk(order(), limits={limit: "10m"}))
    run.asks_for(LOOK)
    run.then(*READ)
    if limit == "wall":
        assert run.stands().due is not None
        run.after("10m")
    run.returns({}, took=10 * units.MINUTE if limit == "work" else 0)
    run.then(f"LimitReached {limit}", f"PersonAsked limit {limit}")
    event: LimitReached = run.last(LimitReached)
    assert (event.used, event.ceiling) == (10 * units.MINUTE, 10 * units.MINUTE)
    run.then()
    run.grants(limit, 5 * units.MINUTE)
    run.then("ModelAsked")


def test_a_slow_clock_of_another_worker_does_not_move_the_wall():
    """SEMANTICS history 22: a limit trips by the journal's clock, and an earlier moment is none."""
    run = Story(desk(order(), limits={"wall": "10m"}))
    run.then("ModelAsked")
    run.at -= units.HOUR
    run.then()
    assert run.state.at == START


def test_working_time_is_measured_and_not_the_time_between_entries():
    """SEMANTICS rule 12."""
    run = Story(desk(order(), limits={"work": "10m"}))
    run.then("ModelAsked")
    run.after("2m")
    run.answers(LOOK, took=3 * units.SECOND)
    run.then(*READ)
    run.after("1h")
    run.returns({}, took=4 * units.SECOND)
    run.then("ModelAsked")
    assert run.state.spent.work == 7 * units.SECOND


def test_decide_does_not_look_at_what_it_is_not_given():
    """The same state and moment give the same events, whatever was decided meanwhile for other runs."""
    run, other = Story(desk(order())), Story(desk(order(), refund()))
    first = decide(run.bound, run.state, run.moment)
    other.asks_for(PAY)
    other.then(*WRITE)
    assert decide(run.bound, run.state, run.moment) == first
    assert decide(run.bound, run.state, msgspec.structs.replace(run.moment, worker="w9"))[0].worker == "w9"


@pytest.mark.parametrize(
    ("models", "follows"),
    [(["first"], ["LimitReached retries", "PersonAsked limit retries"]), (["first", "second"], ["ModelAsked"])],
)
def test_where_the_ceiling_on_retries_is_reached_another_model_is_asked_or_a_person(models, follows):
    run = Story(desk(order(), models=models, limits={"retries": 1}))
    run.asks_for(LOOK)
    run.then(*READ)
    run.breaks("not_done")
    run.after("1s").then("CallStarted 2")
    run.returns({})
    run.then("ModelAsked")
    run.fails("overloaded")
    run.then(*follows)
    assert run.state.asking.model == models[-1]


def test_while_a_turn_only_awaits_none_of_its_rules_has_anything_to_say():
    """`_awaits` spares asking them: over whatever happens in runs at random, it is right to."""
    awaited = 0
    for seed in range(60):
        walk = Walk(seed)
        for _ in range(30):
            walk.decided()
            run = walk.run
            if run.state.closed is None and module._awaits(run.state):
                awaited += 1
                said = [rule(run.bound, run.state, run.moment) for rule in module.TURN]
                assert not any(said), (seed, said)
            walk.world()
    assert awaited > 200
