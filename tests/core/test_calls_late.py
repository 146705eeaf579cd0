"""Answers that come late: they resolve a doubt, contradict a ruling, or are kept and nothing more."""

from __future__ import annotations

import pytest

from holdfast.core import desk
from holdfast.core.recovery import MAX_LOOKS
from holdfast.errors import NotAllowed
from holdfast.events import Label, PersonAsked
from holdfast.models.scripted import call, done
from tests.core import story
from tests.core.story import Story, order, refund
from tests.core.unknown import DOUBT, unknown


def test_an_answer_that_comes_while_in_doubt_resolves_it_and_withdraws_the_question():
    """SEMANTICS rule 23."""
    run = unknown(ended=False)
    run.then(*DOUBT)
    run.returns_late({"id": "re"})
    run.then("QuestionWithdrawn resolved", "ModelAsked")
    assert run.told()[-1] == '{"id":"re"}'
    assert not run.state.questions


def test_a_look_up_that_finds_it_while_in_doubt_resolves_it_too():
    run = unknown(lookup=True, ended=False)
    for _ in range(MAX_LOOKS):
        run.after("1m").looked("cannot_tell")
    run.then(*DOUBT)
    run.looked("found", {"id": "re"})
    run.then("QuestionWithdrawn resolved", "ModelAsked")


def test_a_late_answer_that_contradicts_a_ruling_stops_the_run_before_its_next_write():
    """SEMANTICS rule 23, history 11."""
    run = unknown(ended=False, tools=[refund("send"), order()])
    run.then(*DOUBT)
    run.settles("did_not")
    run.asks_for(call("send", order="A-1"))
    run.returns_late({"id": "re"}, 4)
    contradiction = run.then("Contradiction", "RunClosed stopped")
    assert contradiction.unresolved == (4,)
    assert "call 4" in contradiction.reason


def test_a_late_answer_that_says_it_was_not_done_contradicts_that_it_happened():
    run = unknown(ended=False)
    run.then(*DOUBT)
    run.settles("happened")
    run.late(None, 4, error="not_done", fate="not_done")
    run.then("Contradiction", "RunClosed stopped")


def test_a_late_answer_that_agrees_is_kept_and_nothing_more():
    run = unknown(ended=False)
    run.then(*DOUBT)
    run.settles("happened")
    run.returns_late({"id": "re"}, 4)
    run.then("ModelAsked")
    assert run.state.contradiction == ""


def test_a_look_up_that_comes_after_the_ruling_it_contradicts_is_a_contradiction():
    run = unknown(lookup=True, ended=False)
    for _ in range(MAX_LOOKS):
        run.after("1m").looked("cannot_tell")
    run.then(*DOUBT)
    run.settles("did_not")
    run.looked("found", {"id": "re"})
    run.then("Contradiction", "RunClosed stopped")


def test_a_closed_run_is_put_on_the_list_when_what_was_settled_is_contradicted():
    run = unknown(ended=False)
    run.then(*DOUBT)
    run.settles("did_not")
    run.asks_for(done(status="nothing was paid"))
    run.then("CallAsked done", "CallJudged allow", "RunClosed done")
    assert run.state.unresolved == ()
    run.returns_late({"id": "re"}, 4)
    run.then("Contradiction")
    assert run.state.unresolved == (4,)
    run.settles("happened", 4)
    assert run.state.unresolved == ()


def test_a_reading_that_was_given_up_and_comes_late_contradicts_nothing():
    run = Story(story.desk(order())).asks_for(call("get_order", order="A-1"))
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.taken_over(proven=False).after("1m").then("CallFailed lost", "CallStarted 2")
    run.breaks("raised")
    run.then("CallJudged refuse raised", "ModelAsked")
    run.late(["A-1"], 4)
    run.then()
    assert run.state.contradiction == ""


def late_reading(**said) -> Story:
    """A reading that was given up waiting for and comes before it was tried again."""
    run = Story(story.desk(order())).asks_for(call("get_order", order="A-1"))
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.breaks("timeout", "unknown", ended=False)
    run.returns_late({"total": 4}, 4, **said)
    return run


def test_a_late_reading_that_counts_has_the_label_and_the_digest_of_any_other():
    personal = Label(trusted=False, classes=("personal",))
    late = late_reading(label=personal)
    known = late.call(4)
    late.then("ModelAsked")
    assert late.state.label == known.label == personal
    early = Story(story.desk(order())).asks_for(call("get_order", order="A-1"))
    early.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    early.returns({"total": 4})
    assert known.result_digest == early.call(4).result_digest != ""


def test_a_late_reading_that_is_not_all_there_is_is_none_that_a_write_may_rest_on():
    run = late_reading(complete="partial", missing="the second page is missing")
    assert (run.call(4).complete, run.call(4).missing) == ("partial", "the second page is missing")
    assert not run.state.evidence
    assert late_reading().state.evidence


@pytest.mark.parametrize("fate", ["happened", "not_done"])
def test_an_answer_that_comes_while_a_closed_run_is_in_doubt_resolves_it(fate):
    """SEMANTICS rule 23: nobody rules against what is known."""
    run = unknown(ended=False)
    run.cancels()
    run.then("DoubtRaised", "PersonAsked doubt", "RunClosed cancelled")
    assert run.state.unresolved == (4,)
    if fate == "happened":
        run.returns_late({"id": "re"}, 4)
    else:
        run.late(None, 4, error="not_done", fate="not_done")
    run.then()
    assert (run.state.unresolved, run.state.questions) == ((), {})
    with pytest.raises(NotAllowed, match="not unresolved"):
        desk.settle(run.state, 4, "did_not", "cho")


def test_a_late_answer_that_says_nothing_leaves_a_closed_run_in_doubt():
    run = unknown(ended=False)
    run.cancels()
    run.then("DoubtRaised", "PersonAsked doubt", "RunClosed cancelled")
    run.late(None, 4, fate="unknown")
    assert run.state.unresolved == (4,)
    assert [question.asked.about for question in run.state.questions.values()] == ["doubt"]


@pytest.mark.parametrize("running", ["model", "read"])
def test_a_contradiction_is_recorded_in_a_closed_run_whatever_it_left_unfinished(running):
    run = unknown(ended=False, tools=[order()])
    run.then(*DOUBT)
    run.settles("did_not")
    run.then("ModelAsked")
    if running == "read":
        run.answers(call("get_order", order="A-1"))
        run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.cancels()
    run.then("RunClosed cancelled")
    run.taken_over().after("1h").epoch = 2
    run.returns_late({"id": "re"}, 4)
    run.then("Contradiction")


def test_three_unknown_attempts_and_a_model_that_asks_again():
    """SEMANTICS history 5: the model does not get a second key for the same thing while the first is unresolved."""
    run = unknown(keyed=True)
    for attempt in (2, 3):
        run.after("1m").then(f"CallStarted {attempt}")
        run.breaks("timeout", "unknown")
    run.after("1m").then(*DOUBT)
    assert run.state.asking.step == 1
    assert [entry.event.about for entry in run.entries if isinstance(entry.event, PersonAsked)] == ["doubt"]


def test_a_result_of_a_superseded_attempt_is_remembered_when_a_person_has_to_rule():
    """It came before there was a doubt. The question says so, and a ruling against it is a contradiction."""
    run = unknown(keyed=True, ended=False)
    run.after("1m").then("CallStarted 2")
    run.returns_late({"id": "re"}, attempt=1)
    seq = run.state.seq
    run.breaks("timeout", "unknown")
    run.after("1m").then("CallStarted 3")
    run.breaks("timeout", "unknown")
    asked = run.after("1m").then(*DOUBT)
    assert f"An earlier attempt said that it was done (entry {seq})" in asked.text
    other = run.copy()
    run.settles("happened")
    run.then("ModelAsked")
    other.settles("did_not")
    other.then("Contradiction", "CallJudged refuse closing", "RunClosed stopped")


def test_a_ruling_against_a_known_result_is_a_contradiction_in_a_closed_run_too():
    run = unknown(keyed=True, ended=False)
    run.after("1m").then("CallStarted 2")
    run.returns_late({"id": "re"}, attempt=1)
    seq = run.state.seq
    run.breaks("timeout", "unknown", ended=False)
    run.cancels()
    run.then("DoubtRaised", "PersonAsked doubt", "RunClosed cancelled")
    run.settles("did_not", 4)
    assert run.then("Contradiction").seqs == (seq,)
    assert run.state.unresolved == (4,)


def test_a_late_answer_that_says_nothing_leaves_everything_as_it_is():
    run = unknown(ended=False)
    run.then(*DOUBT)
    run.late(None, run.call().seq, fate=None)
    assert run.call().status == "doubt"
    run.then()
