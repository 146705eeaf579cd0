"""The mapping, thing by thing: attempts, refusals, reviews, doubts, notes, what comes late, children and forks."""

from __future__ import annotations

import msgspec
import pytest

from holdfast.errors import UsageError
from holdfast.events import (
    AskedBack,
    BodiesErased,
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    CallUndone,
    ChildClosed,
    ChildOpened,
    Contradiction,
    DoubtRaised,
    Fired,
    Inline,
    LimitReached,
    ModelAnswered,
    ModelAnsweredLate,
    ModelFailed,
    Noted,
    OutputRejected,
    Parent,
    Paused,
    PersonAnswered,
    PersonAsked,
    PlaceAwaited,
    PlaceTaken,
    ProposalAmended,
    QuestionClaimed,
    QuestionReleased,
    QuestionWithdrawn,
    Resumed,
    RunClosed,
    Share,
    Unknown,
    Usage,
    Wanted,
)
from holdfast.otel.mapping import spans
from holdfast.otel.span import span_id, trace_id
from tests.otel.test_mapping import CALL, RUN, STEP, named, only
from tests.otel.told import ANSWERED, ASKED, DONE, OPENED, PAY, RETURNED, STORY, run

replace = msgspec.structs.replace


# ------------------------------------------------------------------------------------------- attempts, calls, people


def test_tokens_and_money_stand_on_steps_alone(lives):
    for entries in lives.values():
        found = spans(entries)
        steps = [one for one in found if one.name.startswith("chat ")]
        for one in found:
            assert ("gen_ai.usage.input_tokens" in one.attributes) <= one.name.startswith("chat ")
        for root in (one for one in found if one.name.startswith("invoke_agent")):
            total = sum(one.attributes.get("gen_ai.usage.input_tokens", 0) for one in steps)
            assert root.attributes["gen_ai.aggregated_usage.input_tokens"] == total


def test_a_retry_is_seen():
    failed = ModelFailed(2, "overloaded", "not_done", took=300_000)
    again = replace(ASKED, attempt=2, model="openai:gpt-y")
    found = spans(run(OPENED, ASKED, failed, again, replace(ANSWERED, ask=4), DONE))
    first, second = named(found, "holdfast.attempt")
    step = only(found, "chat gpt-y")
    assert first.parent == second.parent == step.id
    assert (first.status, first.attributes["error.type"], first.attributes["holdfast.fate"]) == (
        "error",
        "overloaded",
        "not_done",
    )
    assert (second.status, second.attributes["holdfast.attempt"], second.attributes["holdfast.model"]) == (
        "ok",
        2,
        "gpt-y",
    )
    assert (first.start, first.end) == (2_000_000, 2_300_000)
    assert step.attributes["holdfast.attempts"] == 2
    assert step.attributes["gen_ai.provider.name"] == "openai"


def test_a_step_that_nobody_answered_ends_with_the_run():
    failed = ModelFailed(2, "auth", "not_done")
    found = spans(run(OPENED, ASKED, failed, RunClosed("failed", "no key", fault="model")))
    assert only(found, STEP).attributes["error.type"] == "auth"
    assert (only(found, STEP).status, only(found, STEP).over) == ("error", 4)
    assert (only(found, RUN).status, only(found, RUN).attributes["error.type"]) == ("error", "model")


def test_a_refused_call_was_proposed_and_not_performed():
    rules = (
        Fired("tools.pay.must[0]", "refuse", "PLANTED-because"),
        Fired("tools.pay.must[1]", "refuse", "PLANTED-secret", secret=True),
    )
    found = spans(run(*STORY[:4], CallJudged(4, "refuse", rules), DONE))
    proposal, refusal = only(found, "holdfast.proposal pay"), only(found, "holdfast.refusal")
    assert not named(found, CALL)
    assert "gen_ai.operation.name" not in proposal.attributes
    assert "gen_ai.tool.name" not in proposal.attributes
    assert (proposal.status, proposal.attributes["error.type"]) == ("error", "refused")
    assert (refusal.parent, refusal.attributes["openinference.span.kind"]) == (proposal.id, "GUARDRAIL")
    assert refusal.attributes["holdfast.rules"] == ("tools.pay.must[0]", "tools.pay.must[1]")


def test_who_approved_what_and_who_did_not():
    held = (
        *STORY[:4],
        CallJudged(4, "review", (Fired("tools.pay.review[0]", "review", ""),)),
        PersonAsked("review", "ok?", 4, "finance"),
    )
    yes = spans(run(*held, PersonAnswered(6, "approve", "kim"), QuestionWithdrawn(6, "decided"), *STORY[4:], DONE))
    approval = only(yes, "holdfast.approval")
    assert approval.parent == only(yes, CALL).id
    assert (approval.status, approval.attributes["holdfast.approval.verdict"]) == ("ok", "approved")
    assert approval.attributes["holdfast.approval.by"] == ("kim",)
    assert approval.attributes["holdfast.approval.role"] == "finance"
    assert (approval.start, approval.end, approval.over) == (6_000_000, 8_000_000, 8)
    assert [
        event.attributes["holdfast.verdict"] for event in only(yes, CALL).events if event.name == "holdfast.judged"
    ] == ["review", "allow"]

    no = spans(run(*held, PersonAnswered(6, "deny", "kim", "PLANTED-no"), DONE))
    denied = only(no, "holdfast.approval")
    assert (denied.status, denied.attributes["holdfast.approval.verdict"]) == ("unset", "denied")
    assert (only(no, "holdfast.proposal pay").attributes["error.type"], denied.parent) == (
        "denied",
        only(no, "holdfast.proposal pay").id,
    )

    amended = ProposalAmended(4, 6, 2, Inline({"to": "x"}), "d", "kim", ("to",))
    change = next(
        event
        for event in only(spans(run(*held, amended, DONE)), "holdfast.proposal pay").events
        if event.name == "holdfast.amended"
    )
    assert change.attributes == {"holdfast.version": 2, "holdfast.changed": ("to",), "holdfast.by": "kim"}


def test_a_doubt_ends_with_a_persons_word_or_with_the_run():
    lost = CallFailed(4, 1, "timeout", "unknown", took=5_000_000)
    doubted = (
        *STORY[:6],
        lost,
        CallLookedUp(4, 1, "cannot_tell", took=100_000),
        DoubtRaised(4, "?", ended=True),
        PersonAsked("doubt", "?", 4),
    )
    settled = spans(run(*doubted, CallSettled(4, "happened", "lea", "PLANTED-saw", Inline({"id": 1})), DONE))
    doubt, call = only(settled, "holdfast.doubt"), only(settled, CALL)
    assert (doubt.parent, doubt.attributes["holdfast.doubt.verdict"], doubt.over) == (call.id, "settled", 11)
    assert (call.status, call.attributes["holdfast.ending"]) == ("ok", "settled")
    assert only(settled, "holdfast.call_settled").attributes["holdfast.by"] == "lea"
    assert only(settled, "holdfast.attempt").attributes["holdfast.fate"] == "unknown"
    look = only(settled, "holdfast.lookup")
    assert (look.end - look.start, look.parent) == (100_000, call.id)

    left = run(*doubted, RunClosed("stopped", "", unresolved=(4,)), CallSettled(4, "did_not", "lea"))
    assert only(spans(left), "holdfast.doubt").attributes["holdfast.doubt.verdict"] == "open"
    assert only(spans(left), CALL).attributes["holdfast.ending"] == "open"
    assert only(spans(left), CALL).over == only(spans(left), RUN).over == 11
    assert only(spans(left), RUN).attributes["holdfast.unresolved"] == 1
    assert only(spans(left), "holdfast.call_settled").over == 12


def test_a_note_is_a_score_of_what_it_names():
    found = spans(
        run(*STORY, Noted("detector:claims", "claimed_not_done", 0.5, "PLANTED-note", (4,)), DONE, Noted("kim", "good"))
    )
    note, late = named(found, "holdfast.noted")
    assert (note.parent, note.attributes["openinference.span.kind"]) == (only(found, CALL).id, "EVALUATOR")
    (scored,) = note.events
    assert scored.name == "gen_ai.evaluation.result"
    assert scored.attributes == {"gen_ai.evaluation.name": "claimed_not_done", "gen_ai.evaluation.score.value": 0.5}
    assert (late.parent, late.over) == (only(found, RUN).id, 10)
    assert (
        spans(run(*STORY, Noted("kim", "he said: PLANTED word")))[-1].attributes["gen_ai.evaluation.name"]
        == "(unknown)"
    )


def test_what_comes_late_is_told_when_it_comes():
    late = CallReturnedLate(4, 1, Inline("PLANTED"), effect_id="pay-9", took=9)
    found = spans(
        run(
            *STORY,
            DONE,
            late,
            ModelAnsweredLate(2, 700),
            Contradiction((7, 9), "PLANTED"),
            CallUndone(4, "r_2"),
            BodiesErased("kim", "PLANTED"),
        )
    )
    tail = {one.name: one for one in found if one.over > 8}
    assert set(tail) == {
        "holdfast.call_returned_late", "holdfast.model_answered_late", "holdfast.contradiction", "holdfast.call_undone", "holdfast.bodies_erased",
    }  # fmt: skip
    assert tail["holdfast.call_undone"].parent == only(found, CALL).id
    assert tail["holdfast.model_answered_late"].parent == only(found, STEP).id
    assert tail["holdfast.model_answered_late"].attributes["holdfast.cost"] == 700
    assert tail["holdfast.contradiction"].parent == only(found, RUN).id


def test_what_comes_late_changes_nothing_that_was_told():
    found = CallLookedUp(4, 1, "found", "pay-9", Inline({"id": 1}))
    entries = run(*STORY[:6], found, DONE, CallReturnedLate(4, 1, Inline("PLANTED"), took=9))
    before, after = spans(entries[:8]), spans(entries)
    assert after[: len(before)] == before
    attempt = only(after, "holdfast.attempt")
    assert (attempt.over, attempt.status, "holdfast.took" in attempt.attributes) == (7, "unset", False)
    assert only(after, CALL).attributes["holdfast.ending"] == "found"


def test_limits_and_rejected_answers_are_told():
    found = spans(run(*STORY, LimitReached("usd", 5, 4, "PLANTED"), OutputRejected(3, "PLANTED"), DONE))
    limit = only(found, "holdfast.limit_reached")
    assert {key: limit.attributes[f"holdfast.{key}"] for key in ("limit", "used", "ceiling")} == {
        "limit": "usd",
        "used": 5,
        "ceiling": 4,
    }
    rejected = only(found, "holdfast.output_rejected")
    assert (rejected.parent, rejected.attributes["openinference.span.kind"]) == (only(found, STEP).id, "GUARDRAIL")


# -------------------------------------------------------------------------------------------------- runs among runs


def test_a_child_hangs_below_the_call_that_opened_it():
    parent = run(*STORY[:5], ChildOpened(4, "r_kid"), ChildClosed(4, "r_kid", "done", result=Inline(1)), DONE)
    child = run(replace(OPENED, agent="kid", parent=Parent("r_1", 4), tree="r_1"), ASKED, ANSWERED, DONE, name="r_kid")
    above, below = spans(parent), spans(child)
    root = only(below, "invoke_agent kid")
    assert root.parent == only(above, CALL).id
    assert {one.trace for one in (*above, *below)} == {trace_id("r_1")}
    assert root.attributes["session.id"] == "r_1"
    told = only(above, CALL).attributes
    assert (told["holdfast.child.run"], told["holdfast.child.outcome"]) == ("r_kid", "done")
    assert not named(above, "holdfast.child_opened"), "the call says it all"
    assert not {one.id for one in above} & {one.id for one in below}


def test_a_fork_has_no_span_for_what_it_took_over():
    origin = replace(OPENED, forked_from=Parent("r_1", 5), tree="r_1", mode="simulate")
    ask = replace(ASKED, step=2, base=2, add=())
    fork = run(
        origin,
        *STORY[1:5],
        CallJudged(4, "refuse", (Fired("fork", "refuse", ""),)),
        ask,
        replace(ANSWERED, ask=7),
        DONE,
        name="r_f",
    )
    found = spans(fork)
    assert not named(found, "execute_tool pay")
    assert not named(found, "holdfast.proposal pay")
    assert only(found, STEP).over == 8
    root = only(found, RUN)
    assert root.attributes["gen_ai.aggregated_usage.input_tokens"] == 100
    assert root.attributes["holdfast.steps"] == 1
    assert [(link.span, link.trace) for link in root.links] == [(span_id("r_1", 1), trace_id("r_1"))]
    assert {one.parent for one in found} <= {"", root.id}


# -------------------------------------------------------------------------------------------- what is never told


def test_a_tool_that_a_model_made_up_is_not_named():
    want = Wanted("call_1", "PLANTED_tool", "{}")
    asked = CallAsked(3, 0, "PLANTED_tool", "call_1", Inline("{}"), "d", problem="there is no tool PLANTED_tool")
    entries = run(
        OPENED,
        ASKED,
        replace(ANSWERED, calls=(want,)),
        asked,
        CallJudged(4, "refuse", (Fired("args", "refuse", "PLANTED"),)),
        DONE,
    )
    assert b"PLANTED" not in msgspec.json.encode(spans(entries))
    assert only(spans(entries), "holdfast.proposal (unknown)").attributes["holdfast.tool"] == "(unknown)"


def test_a_kind_of_entry_that_is_not_known_is_told_as_that():
    entries = run(*STORY)
    entries.append(replace(entries[-1], seq=8, event=Unknown("Danced", b"{}")))
    assert spans(entries)[-1].attributes["holdfast.kind"] == "Danced"


def test_who_a_run_is_about_is_not_named(lives):
    for entries in lives.values():
        about = entries[0].event.on_behalf_of
        for one in spans(entries) if about else ():
            assert about not in one.attributes.values()
            assert not any(about in value for value in one.attributes.values() if isinstance(value, tuple))


def test_what_does_not_begin_a_run_is_none():
    with pytest.raises(UsageError):
        spans(run(PAY))
    with pytest.raises(UsageError):
        spans([])


def test_a_run_is_told_without_its_contract():
    entries = run(*STORY, DONE)
    gone = replace(entries[0], event=replace(OPENED, contract=Inline(None)))
    found = spans([gone, *entries[1:]])
    assert only(found, RUN).attributes["gen_ai.agent.name"] == "payer"
    assert "gen_ai.agent.description" not in only(found, RUN).attributes
    assert {one.name for one in found} == {RUN, STEP, "execute_tool (unknown)"}


def test_usage_is_what_was_told_of_it():
    found = spans(run(*STORY[:2], replace(ANSWERED, usage=Usage(), cost=None, calls=()), DONE))
    step = only(found, STEP)
    assert step.attributes["gen_ai.usage.input_tokens"] == 0
    assert "llm.cost.total" not in step.attributes
    assert only(found, RUN).attributes["holdfast.cost.unknown"] == 1
    assert isinstance(RETURNED, CallReturned)
    assert isinstance(ANSWERED, ModelAnswered)


# ------------------------------------------------------------------------------------------- waits, claims, stops


def test_a_wait_is_a_span_of_its_own_length_below_what_waited():
    turn, place = (
        PlaceAwaited("one_at_a_time", "turn:ab12", "PLANTED", 0, "r_9"), PlaceAwaited("tools.pay.at_once", "at_once:cd", "PLANTED", 6, used=2)
    )  # fmt: skip
    entries = run(
        OPENED, turn, PlaceTaken((Share("one_at_a_time", "turn:ab12", top=1),)), ASKED, replace(ANSWERED, ask=4),
        replace(PAY, ask=5), CallJudged(6, "allow"), place, CallStarted(6, 1, "w_1", 0), replace(RETURNED, call=6), DONE,
    )  # fmt: skip
    found = spans(entries)
    of_run, of_call = named(found, "holdfast.wait")
    assert (of_run.end - of_run.start, of_call.end - of_call.start) == (1_000_000, 1_000_000)
    assert (of_run.parent, of_call.parent) == (span_id("r_1", 1), span_id("r_1", 6))
    assert {
        "holdfast.clause": "tools.pay.at_once",
        "holdfast.tool": "pay",
        "holdfast.used": 2,
    }.items() <= of_call.attributes.items()
    assert of_run.attributes["holdfast.holder"] == "r_9"
    assert "PLANTED" not in str([one.attributes for one in found])
    assert not [one for one in found if "place" in one.name]
    assert [one.attributes["holdfast.why"] for one in named(spans(entries, content=True), "holdfast.wait")] == [
        "PLANTED",
        "PLANTED",
    ]
    for upto in range(1, len(entries)):
        assert [one.name for one in spans(entries[:upto])] == [one.name for one in found if one.over <= upto]


def test_who_looks_into_a_review_and_asks_back_is_told_in_its_span():
    entries = run(
        *STORY[:4], CallJudged(4, "review"), PersonAsked("review", "PLANTED", 4), QuestionClaimed(6, "alice"), QuestionReleased(6, "alice"),
        QuestionClaimed(6, "bob"), AskedBack(6, "agent", "PLANTED", "bob"), DONE,
    )  # fmt: skip
    asked = only(spans(entries), "holdfast.approval")
    assert [(one.name, one.attributes["holdfast.by"]) for one in asked.events] == [
        ("holdfast.claimed", "alice"), ("holdfast.released", "alice"), ("holdfast.claimed", "bob"), ("holdfast.voice", "bob"),
    ]  # fmt: skip
    assert "PLANTED" not in str(spans(entries)[:-1])
    assert not [one for one in spans(entries) if "question_" in one.name or "asked_back" in one.name]


def test_a_stop_of_many_runs_names_its_entry_of_the_control_stream():
    entries = run(OPENED, Paused("olga", "PLANTED", 7), Resumed("w_1", stop=7), Paused("rita"), Resumed("rita"), DONE)
    found = spans(entries)
    assert [one.attributes.get("holdfast.stop") for one in found[:4]] == [7, 7, None, None]
    assert "PLANTED" not in str(found)
