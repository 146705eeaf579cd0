"""What a model's answer means: calls to take up, an output to check, a question, a refusal, or nothing that can stand."""

from __future__ import annotations

import pytest

from holdfast.core.output import MAX_CALLS
from holdfast.core.prompt import WORDING
from holdfast.events import PersonAsked, RunClosed
from holdfast.models.scripted import ask, call, decline, done, say
from tests.core.story import Story, desk, order, refund

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)
DONE = ("CallAsked done", "CallJudged allow")


# ------------------------------------------------------------------------------------------ answers that cannot stand


@pytest.mark.parametrize(
    ("parts", "finish", "why"),
    [
        ([LOOK, PAY], "length", "cut"), ([LOOK], "filter", "filtered"), ([PAY], "unknown", "odd"), ([done(status="x")], "length", "cut"),
        ([say("it is")], "length", "cut"), ([say("it is done")], None, "no_call"), ([], None, "empty"), ([], "length", "cut"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_relied_on_is_not_taken_up_and_the_model_is_told(parts, finish, why):
    """SEMANTICS rule 26: not one of its calls is admitted."""
    run = Story(desk(order(), refund()))
    run.asks_for(*parts, finish=finish)
    run.then("OutputRejected", "ModelAsked")
    assert run.told()[-1] == WORDING[why]
    results = [segment for segment in run.state.transcript if hasattr(segment, "id")]
    assert [one.failed for one in results] == [True] * sum(not hasattr(part, "text") for part in parts)
    assert not run.state.calls


def test_the_second_time_the_run_stops():
    run = Story(desk(order()))
    run.asks_for(say("done, I think"))
    run.then("OutputRejected", "ModelAsked")
    run.answers(say("done, I said"))
    run.then("OutputRejected final", "RunClosed stopped")
    closed: RunClosed = run.state.closed
    assert (closed.fault, WORDING["no_call"] in closed.reason) == ("agent", True)


def test_more_calls_than_any_plan_has_are_a_runaway():
    run = Story(desk(order()))
    run.asks_for(*[LOOK] * (MAX_CALLS + 1))
    run.then("OutputRejected", "ModelAsked")
    assert f"{MAX_CALLS + 1} calls at once" in run.told()[-1]
    run.answers(*[LOOK] * MAX_CALLS)
    run.settle_down()
    assert len(run.state.turn) == MAX_CALLS


@pytest.mark.parametrize(
    ("finish", "follows"), [(None, ["Replied"]), ("length", ["Replied"]), ("filter", ["OutputRejected", "ModelAsked"])]
)
def test_in_a_conversation_text_is_an_answer_even_where_it_was_cut(finish, follows):
    run = Story(desk(order(), conversation=True))
    run.asks_for(say("Which order do you mean?"), finish=finish)
    run.then(*follows)


# ------------------------------------------------------------------------------------------------------------- done


@pytest.mark.parametrize(
    ("gives", "given", "output"),
    [
        ({"type": "object", "properties": {"status": {"type": "string"}}}, done(status="ok"), {"status": "ok"}),
        ({"type": "string"}, done("shipped"), "shipped"), ({"type": "array", "items": {"type": "integer"}}, done([1, 2]), [1, 2]),
        ({"type": "integer"}, done(7), 7), ({"enum": ["a", "b"]}, done("a"), "a"),
    ],
)  # fmt: skip
def test_an_output_is_what_done_was_called_with(gives, given, output):
    run = Story(desk(order(), gives=gives))
    run.asks_for(given)
    closed = run.then(*DONE, "RunClosed done")
    assert closed.output.value == output


@pytest.mark.parametrize("given", [done(), done(status=7), done(status="ok", more=1), done("ok")])
def test_an_output_that_does_not_fit_is_told_once_and_then_stops(given):
    run = Story(desk(order()))
    run.asks_for(given)
    run.then(*DONE, "OutputRejected", "ModelAsked")
    assert run.told()[-1].startswith("not accepted: the output does not fit: ")
    run.answers(given)
    run.then(*DONE, "OutputRejected final", "RunClosed stopped")
    assert run.state.closed.fault == "agent"


PAID = {"done": {"must": [{"that": "output.cents == total(effects.refund, 'cents')", "because": "say what was really paid"}]},
        "gives": {"type": "object", "properties": {"cents": {"type": "integer"}}}}  # fmt: skip


def paying(**terms) -> Story:
    run = Story(desk(refund(), order(), **(PAID | terms)))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    run.returns({"id": "re", "cents": 4})
    return run


def test_done_must_prove_what_it_states():
    run = paying()
    run.asks_for(done(cents=400))
    run.then(*DONE, "OutputRejected", "ModelAsked")
    assert run.told()[-1] == "not accepted: say what was really paid"
    run.answers(done(cents=4))
    run.then(*DONE, "RunClosed done")


def test_what_done_must_prove_and_cannot_is_no_proof():
    run = paying(
        done={"must": [{"that": "output.euros == 4", "because": "in cents", "secret": True}]}, gives={"type": "object"}
    )
    run.asks_for(done(cents=4))
    run.then(*DONE, "OutputRejected", "ModelAsked")
    assert run.told()[-1] == "not accepted: the contract does not accept it"


def test_done_waits_for_every_other_call_of_its_turn():
    run = Story(desk(refund(), order(), **PAID))
    run.asks_for(done(cents=4), LOOK, PAY)
    run.then(
        "CallAsked done", "CallAsked get_order", "CallAsked refund", "CallJudged allow", "CallJudged allow", "CallStarted 1",
        "CallJudged allow", "CallStarted 1",
    )  # fmt: skip
    run.returns({"id": "re", "cents": 4}, "refund")
    run.then()
    run.returns({}, "get_order")
    run.then("RunClosed done")


def test_done_is_not_concluded_while_a_write_is_in_doubt():
    run = Story(desk(refund(), order()))
    run.asks_for(PAY, done(status="paid"))
    run.then("CallAsked refund", "CallAsked done", "CallJudged allow", "CallStarted 1", "CallJudged allow")
    run.breaks("timeout", "unknown")
    run.then("DoubtRaised", "PersonAsked doubt")
    run.after("1d").then()


# ------------------------------------------------------------------------------------------------------ done, reviewed

LOOKED_AT = {"done": {"review": {"because": "people look", "by": "finance", "within": "1h"}}}


def finished(**terms) -> Story:
    run = Story(desk(order(), **(LOOKED_AT | terms)))
    run.asks_for(done(status="ok"))
    asked = run.then(*DONE, "CallJudged review done.review", "PersonAsked output finance")
    assert '{"status":"ok"}' in asked.text
    return run


def test_an_output_may_have_to_be_approved():
    run = finished()
    run.person("approve", roles=["finance"])
    run.then("QuestionWithdrawn decided", "CallJudged allow", "RunClosed done")


def test_an_output_that_is_denied_goes_back_to_the_agent_with_the_reason():
    run = finished()
    run.person("deny", text="say why")
    run.then("ModelAsked")
    assert run.told()[-1] == "rita denied this: say why"


def test_a_persons_edit_of_an_output_is_kept():
    run = finished()
    run.amends(status="better")
    closed = run.then("QuestionWithdrawn void", "CallJudged allow", "RunClosed done")
    assert closed.output.value == {"status": "better"}


def test_an_output_that_nobody_reviewed_in_time_stops_the_run():
    run = finished()
    run.after("1h")
    run.then("QuestionWithdrawn expired", "OutputRejected final", "RunClosed stopped")


def test_an_output_is_reviewed_where_its_rule_says_so():
    for when, follows in (
        ("output.status == 'no'", ["RunClosed done"]),
        ("output.status == 'ok'", ["CallJudged review done.review", "PersonAsked output"]),
    ):
        run = Story(desk(order(), done={"review": {"because": "b", "when": when}}))
        run.asks_for(done(status="ok"))
        run.then(*DONE, *follows)


def test_a_message_that_comes_while_an_output_is_reviewed_is_heard_before_the_end():
    run = finished()
    run.says("wait, one more thing")
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallJudged refuse overtaken", "ModelAsked")
    assert run.told()[-1] == "wait, one more thing"


# ------------------------------------------------------------------------------------------------ ask, decline


def test_a_question_to_the_requester_is_answered_by_the_next_thing_they_say():
    run = Story(desk(order()))
    run.asks_for(ask("Which order?"))
    asked = run.then("CallAsked ask", "CallJudged allow", "CallJudged review", "PersonAsked question requester")
    assert (asked.text, asked.until, run.stands().waits_for) == ("Which order?", 0, "requester")
    run.says("A-2")
    run.then("ModelAsked")
    assert run.told()[-1] == "the requester answered: A-2"
    assert not run.state.questions


def test_a_question_to_a_role_is_answered_by_a_person_of_it():
    run = Story(desk(order()))
    run.asks_for(ask("May I?", of="finance"))
    run.then("CallAsked ask", "CallJudged allow", "CallJudged review", "PersonAsked question finance")
    assert run.stands().waits_for == "finance"
    run.person("answer", by="fay", text="up to 40", roles=["finance"])
    run.then("ModelAsked")
    assert run.told()[-1] == "fay answered: up to 40"


def test_a_question_waits_for_the_other_calls_of_its_turn():
    run = Story(desk(order()))
    run.asks_for(ask("Which order?"), LOOK)
    run.then("CallAsked ask", "CallAsked get_order", "CallJudged allow", "CallJudged allow", "CallStarted 1")
    run.returns({})
    run.then("CallJudged review", "PersonAsked question requester")


def test_two_questions_of_a_turn_are_put_one_after_the_other():
    run = Story(desk(order()))
    run.asks_for(ask("Which order?"), ask("Which colour?"))
    run.then(
        "CallAsked ask",
        "CallAsked ask",
        "CallJudged allow",
        "CallJudged allow",
        "CallJudged review",
        "PersonAsked question requester",
    )
    run.says("A-2")
    run.then("CallJudged review", "PersonAsked question requester")
    assert run.last(PersonAsked).text == "Which colour?"
    run.says("red")
    run.then("ModelAsked")
    assert run.told()[-2:] == ["the requester answered: A-2", "the requester answered: red"]


@pytest.mark.parametrize("end", [done(status="guessed"), decline("not mine")])
@pytest.mark.parametrize("order_of", [0, 1])
def test_nothing_is_concluded_beside_a_question_whose_answer_the_model_has_not_read(end, order_of):
    """SEMANTICS rule 29."""
    parts = [ask("Which order?"), end]
    run = Story(desk(order()))
    run.asks_for(*(parts if order_of else reversed(parts)))
    run.settle_down()
    run.says("A-2")
    run.settle_down()
    assert run.state.closed is None
    assert run.state.asking.step == 2
    assert "the requester answered: A-2" in run.told()


@pytest.mark.parametrize(("hand_over", "outcome"), [(False, "declined"), (True, "escalated")])
def test_a_task_may_be_declined_or_handed_to_a_person(hand_over, outcome):
    run = Story(desk(order()))
    run.asks_for(call("decline", reason="this is about a house", hand_over=hand_over))
    closed = run.then("CallAsked decline", "CallJudged allow", f"RunClosed {outcome}")
    assert (closed.reason, closed.output) == ("this is about a house", None)


def test_a_call_that_does_not_fit_is_told_and_is_no_answer_that_cannot_stand():
    run = Story(desk(order()))
    run.then("ModelAsked")
    for _ in range(3):
        run.answers(call("ask", query="?"))
        run.then("CallAsked ask", "CallJudged refuse arguments", "ModelAsked")
    assert run.state.rejections == 0


def test_an_output_rule_that_cannot_be_answered_asks_for_a_person():
    run = Story(desk(order(), done={"review": {"because": "b", "when": "input.nothing == 1"}}))
    run.asks_for(done(status="ok"))
    run.then(*DONE, "CallJudged review done.review", "PersonAsked output")
