"""Writes of unknown outcome: repeated under the same key, looked up, or put before a person. Never blindly again."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.core.recovery import MAX_LOOKS
from holdfast.events import CallFailed, CallStarted, DoubtRaised
from holdfast.models.scripted import call
from holdfast.tool import Retry
from tests.core.story import START, Story, desk, order, refund
from tests.core.unknown import DOUBT, PAY, WRITE, started, unknown

# --------------------------------------------------------------------------------------------------------- bare


@pytest.mark.parametrize("error", ["timeout", "unknown", "raised", "result", "connection"])
def test_a_bare_write_of_unknown_outcome_goes_to_a_person_at_once(error):
    run = started(times=3)
    run.breaks(error, "unknown")
    asked = run.then(*DOUBT)
    assert (asked.about, asked.call, asked.until) == ("doubt", run.call().seq, 0)
    assert "neither be repeated safely nor looked up" in asked.text
    for _ in range(3):
        run.after("3d").then()


@pytest.mark.parametrize(("ended", "words"), [(True, "proven over."), (False, "not proven over: it may still happen.")])
def test_the_question_says_whether_the_attempt_may_still_be_alive(ended, words):
    """SEMANTICS rule 22."""
    run = unknown(ended=ended)
    assert run.then(*DOUBT).text.endswith(words)
    assert run.last(DoubtRaised).ended is ended


@pytest.mark.parametrize(("proven", "wait"), [(True, "0s"), (False, "20s")])
def test_a_write_whose_worker_is_gone_is_never_started_again_by_another(proven, wait):
    run = started()
    run.taken_over(proven=proven).after(wait)
    assert not run.then("CallFailed lost", *DOUBT).text.endswith("proven over.") or proven
    assert (run.last(CallFailed).ended, run.last(CallFailed).by) == (proven, "w2")


def test_a_worker_that_finds_its_own_write_not_in_flight_knows_that_it_is_over():
    run = started()
    run.flying.clear()
    run.then("CallFailed lost", *DOUBT)
    assert run.last(CallFailed).ended


def test_a_running_write_is_awaited_by_its_own_worker_whatever_time_it_is():
    """SEMANTICS rule 25: it is not cancelled by us except by its timeout."""
    run = started()
    run.after("1h").then()
    assert run.world() == ["run refund"]


@pytest.mark.parametrize(
    ("verdict", "follows", "told"),
    [
        ("happened", ["ModelAsked"], "[this is not complete: a person says it happened; its result is not known]"),
        ("did_not", ["ModelAsked"], "a person found that this did not happen"),
        ("stop", ["RunClosed stopped"], ""),
    ],
)
def test_a_person_settles_a_doubt(verdict, follows, told):
    run = unknown()
    run.then(*DOUBT)
    run.settles(verdict)
    assert not run.state.questions
    run.then(*follows)
    assert told in run.told()[-1]
    assert run.state.unresolved == ((4,) if verdict == "stop" else ())


def test_what_is_settled_as_happened_counts_and_what_did_not_happen_does_not():
    for verdict, used in (("happened", 1), ("did_not", 0)):
        run = unknown()
        run.then(*DOUBT)
        run.settles(verdict, **({"result": {"id": "re"}, "known": True} if used else {}))
        assert run.state.counted["refund"] == used
        assert len(run.state.effects.get("refund", ())) == used


def test_a_doubt_may_stop_the_run_where_the_contract_wants_that():
    run = unknown(terms={"surprises": {"unknown": "stop"}})
    run.then("DoubtRaised", "PersonAsked doubt", "RunClosed stopped")
    assert run.state.closed.unresolved == (run.call().seq,)
    assert [one.asked.about for one in run.state.questions.values()] == ["doubt"], "it stays before people"


def test_while_a_write_is_in_doubt_no_other_of_its_tool_starts():
    """SEMANTICS rule 21."""
    run = Story(desk(refund(), refund("send")))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.breaks("timeout", "unknown")
    run.then(*DOUBT)
    run.after("1d").then()
    assert run.world() == []


# --------------------------------------------------------------------------------------------------------- keyed


def test_a_keyed_write_runs_again_under_the_same_key():
    run = unknown(keyed=True)
    key = run.last(CallStarted).key
    assert len(key) == 32
    run.then()
    again = run.after("1s").then("CallStarted 2")
    assert again.key == key
    run.returns({"id": "re"})
    run.then("ModelAsked")


def test_a_key_is_of_the_run_the_call_and_its_arguments_and_of_nothing_else():
    """SEMANTICS rule 17: neither worker nor attempt nor clock enters it; another call of the same arguments has another."""
    one = started(keyed=True)
    other = Story(desk(refund(keyed=True)))
    other.taken_over().after("3h")
    other.asks_for(PAY)
    other.then(*WRITE)
    assert other.last(CallStarted).key == one.last(CallStarted).key
    one.returns({"id": "re"})
    one.asks_for(PAY)
    assert one.then(*WRITE).key != other.last(CallStarted).key
    less = Story(desk(refund(keyed=True)))
    less.asks_for(call("refund", order="A-1", cents=3))
    assert less.then(*WRITE).key != other.last(CallStarted).key


def test_a_lost_keyed_write_runs_again_at_once_wherever_it_is_found():
    run = started(keyed=True)
    key = run.last(CallStarted).key
    assert run.taken_over().then("CallFailed lost", "CallStarted 2").key == key


def test_a_key_the_other_system_may_have_forgotten_is_no_key():
    """SEMANTICS rule 18: counted from the first start."""
    run = unknown(keyed=True, key_life="10m")
    assert run.last(CallStarted).keyed_until == START + 10 * units.MINUTE
    run.after("9m").then("CallStarted 2")
    assert run.last(CallStarted).keyed_until == START + 10 * units.MINUTE
    run.after("2m")
    run.breaks("timeout", "unknown")
    run.then(*DOUBT)


def test_a_keyed_write_that_stays_unknown_goes_to_a_person_in_the_end():
    run = unknown(keyed=True)
    for attempt in (2, 3):
        run.after("1m").then(f"CallStarted {attempt}")
        run.breaks("timeout", "unknown")
    run.after("1m").then(*DOUBT)


@pytest.mark.parametrize("error", ["not_done", "refused", "raised"])
def test_an_attempt_that_did_nothing_says_nothing_of_one_before_it(error):
    """SEMANTICS rule 21: with any attempt of unknown outcome it never becomes failed or exhausted."""
    run = unknown(keyed=True)
    run.after("1m").then("CallStarted 2")
    run.breaks(error, "not_done")
    assert run.call().status == "unsure"
    run.after("1m").then("CallStarted 3")
    run.breaks(error, "not_done")
    run.after("1m").then(*DOUBT)


def test_after_did_not_happen_a_keyed_write_starts_again_under_the_same_key():
    """The late one, if there is one, then does nothing a second time."""
    run = unknown(keyed=True)
    key = run.last(CallStarted).key
    for attempt in (2, 3):
        run.after("1m").then(f"CallStarted {attempt}")
        run.breaks("timeout", "unknown")
    run.after("1m").then(*DOUBT)
    run.settles("did_not")
    assert run.then("CallStarted 4").key == key
    run.returns({"id": "re"})
    run.then("ModelAsked")
    assert run.state.counted["refund"] == 1


def test_after_did_not_happen_a_refusal_is_an_answer_and_nobody_is_asked_the_same_again():
    """What was unknown of the attempts before the ruling is unknown no more."""
    run = unknown(keyed=True)
    for attempt in (2, 3):
        run.after("1m").then(f"CallStarted {attempt}")
        run.breaks("timeout", "unknown")
    run.after("1m").then(*DOUBT)
    run.settles("did_not")
    assert run.state.counted["refund"] == 0
    run.then("CallStarted 4")
    assert run.state.counted["refund"] == 1
    run.breaks("refused", "not_done")
    run.then("CallJudged refuse refused", "ModelAsked")
    assert run.state.counted["refund"] == 0
    assert not run.state.unresolved


def test_a_message_keeps_a_keyed_write_from_being_repeated():
    run = unknown(keyed=True)
    run.says("leave it")
    run.after("1m").then(*DOUBT)


def test_a_pause_keeps_a_keyed_write_from_being_repeated():
    run = unknown(keyed=True)
    run.pauses()
    run.after("1m").then()
    run.resumes()
    run.then("CallStarted 2")


# ---------------------------------------------------------------------------------------------------------- checked


def test_a_checked_write_is_looked_up_once_its_attempt_is_over_and_the_other_system_has_settled():
    """SEMANTICS rule 22."""
    run = unknown(lookup=True, settle=30)
    run.then()
    assert run.world() == []
    assert run.stands().due == START + 30 * units.SECOND
    run.after("30s").then()
    assert run.world() == ["look up refund"]


def test_an_attempt_that_may_be_alive_is_not_looked_up_before_its_time_is_up():
    run = unknown(lookup=True, settle=30, ended=False)
    assert run.stands().due == START + 50 * units.SECOND
    run.after("49s")
    assert run.world() == []
    run.after("1s")
    assert run.world() == ["look up refund"]


def test_what_is_found_is_the_result():
    run = unknown(lookup=True)
    run.looked("found", {"id": "re_1"})
    run.then("ModelAsked")
    assert run.told()[-1] == '{"id":"re_1"}'
    assert run.state.effect_ids == {"refund:re_1": 4}
    assert run.state.effects["refund"][:] == [{"id": "re_1"}]


def test_what_is_absent_and_surely_over_is_told_or_tried_again_as_its_tool_wants():
    run = unknown(lookup=True)
    run.looked("absent")
    run.then("CallJudged refuse absent", "ModelAsked")
    assert "it did not happen" in run.told()[-1]
    assert run.state.counted["refund"] == 0
    again = unknown(lookup=True, times=1)
    again.looked("absent")
    again.after("1s").then("CallStarted 2")


@pytest.mark.parametrize("exhausted", ["tell", "review"])
def test_retries_that_are_used_up_while_a_person_decides_are_used_up(exhausted):
    """SEMANTICS rule 27: limits are looked at again at the start."""
    terms = {"review": [{"because": "all of them", "by": "finance"}]}
    run = Story(desk(
        (refund(lookup=True, times=3), terms), order(retry=Retry(times=3)), limits={"retries": 1},
        surprises={"exhausted": exhausted},
    ))  # fmt: skip
    run.asks_for(PAY, call("get_order", order="A-1")).settle_down()
    run.person("approve")
    run.settle_down()
    run.breaks("timeout", "unknown", of="refund", ended=True)
    run.settle_down()
    run.looked("absent", of="refund")
    run.after("1s").settle_down()
    assert (run.call("refund").status, run.state.spent.retries) == ("held", 0)
    run.breaks("connection", of="get_order")
    run.after("1m").then("CallStarted 2")
    run.person("approve")
    decided = ("QuestionWithdrawn decided", "CallJudged allow")
    if exhausted == "tell":
        run.then(*decided, "CallJudged refuse surprises.exhausted")
        return
    run.then(*decided, "CallJudged review surprises.exhausted", "PersonAsked surprise")
    run.person("retry")
    run.then("CallStarted 2")


def test_absence_is_not_believed_of_an_attempt_that_may_still_be_alive():
    """SEMANTICS history 6: SIGSTOP after a won start, `lookup` says no, SIGCONT."""
    run = unknown(lookup=True, times=3, ended=False)
    run.after("20s")
    run.looked("absent")
    asked = run.then(*DOUBT)
    assert "an attempt may still be on its way" in asked.text


def test_absence_is_believed_once_the_attempt_says_that_it_is_over():
    """SEMANTICS history 7: a thread that ignores its timeout, and then ends without having done it."""
    run = started(lookup=True)
    run.breaks("timeout", "unknown", ended=False)
    run.late(None, run.call().seq, error="raised", fate="unknown")
    assert run.call().ended
    run.looked("absent")
    run.then("CallJudged refuse absent", "ModelAsked")


def test_a_look_up_that_cannot_tell_is_asked_a_few_times_and_then_a_person_is():
    run = unknown(lookup=True)
    for _ in range(MAX_LOOKS):
        run.then()
        assert run.world() == ["look up refund"]
        run.looked("cannot_tell", message="the search is down")
        assert run.world() == [], "not at once again"
        run.after("1m")
    assert "the search is down" in run.then(*DOUBT).text


def test_a_second_attempt_is_looked_up_anew():
    run = unknown(lookup=True, times=1)
    run.looked("absent")
    run.after("1s").then("CallStarted 2")
    run.breaks("timeout", "unknown")
    assert run.world() == ["look up refund"]
    run.looked("found", {"id": "re_2"})
    run.then("ModelAsked")


# ----------------------------------------------------------------------------------------------------- started work


def test_work_that_was_started_is_polled_until_its_look_up_knows():
    run = started(lookup=True)
    run.returns({"handle": "job_7", "poll": 3}, complete="started")
    assert run.call().handle == "job_7"
    run.then()
    assert run.stands().due == START + 3 * units.SECOND
    run.after("3s")
    for _ in range(5):
        assert run.world() == ["look up refund"]
        run.looked("pending", message="half done", again_at=run.at + 10 * units.SECOND)
        run.then()
        assert run.world() == []
        assert run.stands().due == run.at + 10 * units.SECOND
        run.after("10s")
    run.looked("found", {"id": "re_1"})
    run.then("ModelAsked")


def test_work_that_was_started_and_cannot_be_looked_up_goes_to_a_person():
    run = started()
    run.returns({"handle": "job_7", "poll": 3}, complete="started")
    run.then(*DOUBT)


def test_a_ruling_that_comes_too_late_for_its_key_is_told_and_nothing_is_repeated():
    """SEMANTICS rule 18: the key has to be honoured for as long as the attempt may take."""
    run = unknown(keyed=True, key_life="10m")
    for attempt in (2, 3):
        run.after("1m").then(f"CallStarted {attempt}")
        run.breaks("timeout", "unknown")
    run.after("1m").then(*DOUBT)
    run.at = START + 10 * units.MINUTE - 1
    run.settles("did_not")
    run.then("CallJudged refuse settled", "ModelAsked")
    assert "did not happen" in run.told()[-1]


def test_a_key_that_will_be_forgotten_before_the_attempt_ends_is_no_key():
    run = unknown(keyed=True, key_life="10m")
    run.at = START + 10 * units.MINUTE - 20 * units.SECOND + 1
    run.then(*DOUBT)


def test_absence_that_was_seen_while_the_attempt_was_alive_is_looked_for_again_once_it_is_over():
    run = unknown(lookup=True, ended=False)
    run.late(None, run.call().seq, error="raised", fate="unknown")
    run.looked("absent", ended=False)
    assert run.call().looked == ""
    run.after("1m").then()
    assert run.world() == ["look up refund"]
    run.looked("absent")
    run.then("CallJudged refuse absent", "ModelAsked")


def paid_before(**more) -> Story:
    """One refund is confirmed, and a second one of the same tool is of unknown outcome."""
    run = Story(desk(refund(lookup=True)))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.returns({"id": "re_1"}, **({"effect_id": "re_1"} | more))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.breaks("timeout", "unknown")
    return run


def test_the_effect_of_another_call_answers_for_that_call_alone():
    """SEMANTICS rule 22, history 8: a legitimate repeat, a crash, and `lookup` finds the first."""
    run = paid_before()
    seen = run.looked("found", {"id": "re_1"})
    assert (seen.answer, seen.result) == ("cannot_tell", None)
    assert "which is the effect of call 4" in seen.message
    other = run.copy()
    run.after("1m").looked("found", {"id": "re_2"})
    run.then("ModelAsked")
    other.then()
    assert other.world() == []


def test_an_effect_that_may_be_an_earlier_calls_is_no_answer():
    run = paid_before(effect_id="")
    assert "which may be the effect of an earlier refund" in run.looked("found", {"id": "re_2"}).message


@pytest.mark.parametrize("held_by", ["limit", "pause"])
def test_what_is_absent_is_not_tried_again_while_nothing_may_start(held_by):
    run = unknown(lookup=True, times=3, terms={"limits": {"wall": "10m"}})
    if held_by == "limit":
        run.after("10m").then("LimitReached wall", "PersonAsked limit wall")
    else:
        run.pauses()
    run.looked("absent")
    run.then("CallJudged refuse absent")
