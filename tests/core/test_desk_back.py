"""Claiming, releasing and asking back: who may, what follows, and what the model and the reviewers are shown afterwards."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.core import desk as people
from holdfast.errors import Bug, NotAllowed, UsageError
from holdfast.events import AskedBack, QuestionClaimed, QuestionReleased, QuestionWithdrawn
from holdfast.models.scripted import ask, call, done
from tests.core.story import START, Story, desk, order, refund

PAY = call("refund", order="A-1", cents=4)
RULE = {"because": "people decide"}


def held(*parts, rule=RULE, **terms) -> Story:
    run = Story(
        desk(
            (refund(), {"review": [rule], "amendable": ["cents"]}),
            (refund("send"), {"review": [RULE]}),
            order(),
            **terms,
        )
    )
    run.asks_for(*(parts or [PAY]))
    run.settle_down()
    return run


def claims(run: Story, by: str = "rita", **more) -> None:
    event = people.claim(run.state, run.question().seq, by, run.at, **more)
    if event is not None:
        run.append(event, actor=by)


def asks_back(run: Story, text: str = "why so much?", to="agent", by: str = "rita", question: int = 0) -> AskedBack:
    event = people.ask_back(run.state, question or run.question().seq, text, by, run.at, to)
    run.append(event, actor=by)
    return event


# ----------------------------------------------------------------------------------------------------------- claiming


def test_who_looks_into_a_question_is_known_and_the_others_leave_it_to_them():
    run = held()
    seq = run.question().seq
    run.after("1m")
    claims(run)
    assert (run.question().claimed, run.question().claimed_at) == ("rita", START + units.MINUTE)
    acts = (
        lambda: run.person("approve", by="raul"), lambda: run.person("deny", by="raul"), lambda: run.amends(by="raul", cents=1),
        lambda: asks_back(run, by="raul"), lambda: people.claim(run.state, seq, "raul", run.at),
    )  # fmt: skip
    for act in acts:
        with pytest.raises(NotAllowed, match="rita is looking into question") as caught:
            act()
        assert caught.value.hint == "wait until it is released, or take it over"
    run.person("approve", by="rita")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_a_claim_says_something_once_and_can_be_taken_over():
    run = held()
    claims(run)
    assert people.claim(run.state, run.question().seq, "rita", run.at) is None
    claims(run, "raul", over=True)
    assert run.question().claimed == "raul"
    with pytest.raises(NotAllowed, match="raul is looking into"):
        run.person("approve", by="rita")
    assert [type(entry.event) for entry in run.entries[-2:]] == [QuestionClaimed, QuestionClaimed]


@pytest.mark.parametrize(
    ("by", "roles", "after", "said"),
    [("opener", None, "0s", "opened, spoke or amended"), ("", None, "0s", "nobody is named"), ("rita", ["legal"], "0s", "this is for finance"),
     ("rita", ["finance"], "1h", "expired")],
)  # fmt: skip
def test_who_may_not_decide_may_not_claim_either(by, roles, after, said):
    run = held(rule=RULE | {"by": "finance", "within": "1h"})
    run.after(after)
    for over in (False, True):
        with pytest.raises(NotAllowed, match=said):
            people.claim(run.state, run.question().seq, by, run.at, roles, over=over)


def test_a_claim_holds_no_time_up_and_ends_with_its_question():
    run = held(rule=RULE | {"within": "1h", "then": "ask: legal"})
    run.after("59m")
    claims(run)
    run.after("1m").then("QuestionWithdrawn expired", "PersonAsked review legal")
    assert run.question().claimed == ""
    run.person("approve", by="lea", roles=["legal"])


def test_the_question_of_an_agent_is_answered_by_whoever_can_although_somebody_looks_into_it():
    run = held(ask("which?", of="finance"))
    claims(run)
    run.person("answer", by="opener", text="that one")
    assert run.call("ask").said == "opener answered: that one"


def test_a_claim_is_given_back_by_whoever_has_it():
    run = held()
    seq = run.question().seq
    assert people.release(run.state, seq, "rita") is None
    assert people.release(run.state, 99, "rita") is None
    claims(run)
    with pytest.raises(NotAllowed, match=f"rita claimed question {seq}, not raul") as caught:
        people.release(run.state, seq, "raul")
    assert caught.value.hint == "claim it over them, if need be"
    run.append(people.release(run.state, seq, "rita"))
    assert (run.question().claimed, run.question().claimed_at) == ("", 0)
    run.person("approve", by="raul")


@pytest.mark.parametrize(
    "event", [QuestionClaimed(99, "rita"), QuestionReleased(99, "rita"), AskedBack(99, "agent", "why?", "rita")]
)
def test_what_is_said_of_a_question_that_is_not_open_cannot_be_folded(event):
    with pytest.raises(Bug, match="question 99 is not open"):
        held().append(event)


# --------------------------------------------------------------------------------------------------------- asking back


def test_the_agent_is_asked_in_the_place_of_a_result_and_proposes_again_or_not():
    run = held(rule=RULE | {"people": 2})
    run.person("approve", by="raul")
    asks_back(run)
    assert (run.call().status, run.call().ok, run.state.questions) == ("answered", False, {})
    run.then("ModelAsked")
    assert run.told()[-1] == (
        "not decided yet: rita asks before deciding: why so much? Answer it, and propose the call again if it still stands"
    )
    run.answers(PAY)
    run.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review")
    assert run.call().votes == (), "a voice for what was proposed before is none for this"
    for by in ("raul", "rita"):
        run.person("approve", by=by)
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_what_follows_in_a_plan_is_not_started_over_a_question():
    run = held(PAY, call("send", order="A-1"))
    pay, send = run.state.questions
    run.person("approve", question=send)
    asks_back(run, question=pay)
    run.then("QuestionWithdrawn void", "CallJudged refuse order", "ModelAsked")


def test_the_requester_is_asked_while_the_review_waits_and_their_answer_goes_to_the_agent():
    run = held(rule=RULE | {"within": "1h"})
    seq = run.question().seq
    asked = asks_back(run, "is it the blue one?", to="requester")
    assert run.question().seq == seq
    assert run.question().asked_back == (run.state.seq,)
    assert asked.to == "requester"
    run.then()
    assert run.stands().due == run.at + units.HOUR, "its time runs on"
    run.says("yes, the blue one")
    run.then("QuestionWithdrawn overtaken", "CallJudged refuse overtaken", "ModelAsked")
    assert run.told()[-2:] == [
        "rita, who reviews what you proposed, asked the requester: is it the blue one?", "yes, the blue one",
    ]  # fmt: skip


def test_a_reviewer_who_asked_may_still_decide():
    run = held()
    asks_back(run, to="requester")
    asks_back(run, "and which size?", to="requester")
    assert len(run.question().asked_back) == 2
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_an_output_is_asked_about_too():
    run = held(done(status="ok"), done={"review": RULE})
    asks_back(run, "what about the fee?")
    run.then("ModelAsked")
    assert "what about the fee?" in run.told()[-1]
    run.answers(done(status="ok, with the fee"))
    run.then("CallAsked done", "CallJudged allow", "CallJudged review done.review", "PersonAsked output")


@pytest.mark.parametrize("about", ["question", "limit", "surprise"])
def test_what_is_no_proposal_has_nobody_to_ask_back(about):
    part = {"question": ask("which?", of="finance"), "limit": call("nonsense"), "surprise": PAY}[about]
    run = Story(desk(refund(), limits={"steps": 1}))
    run.asks_for(part)
    run.settle_down()
    if about == "surprise":
        run.breaks("not_done")
        run.settle_down()
    with pytest.raises(NotAllowed, match=f"a question about {about} has nobody to ask back"):
        asks_back(run)


def test_asking_back_says_something_and_about_what_stands():
    run = held()
    seq = run.question().seq
    for empty in ("", " \n"):
        with pytest.raises(UsageError, match="nothing is asked"):
            asks_back(run, empty)
    run.amends(by="raul", cents=1)
    with pytest.raises(NotAllowed, match="has changed since this was shown"):
        asks_back(run, question=seq)
    run.settle_down()
    with pytest.raises(NotAllowed, match=f"question {seq} is not open"):
        asks_back(run, question=seq)
    assert isinstance(
        next(entry.event for entry in run.entries if isinstance(entry.event, QuestionWithdrawn)), QuestionWithdrawn
    )


# ------------------------------------------------------------------------------------------------------- other names


def test_who_took_part_by_another_name_stands_apart():
    run = held()
    people.apart(run.state, "opener", ["opener"])
    with pytest.raises(NotAllowed, match="ann is or acts for opener, who opened, spoke or amended"):
        people.apart(run.state, "ann", ["ann", "opener"])
    people.apart(run.state, "ann", ["ann", "anna"])


def test_one_person_is_one_voice_by_whatever_name_while_it_stands():
    run = held(rule=RULE | {"people": 2, "within": "1h", "then": "ask: legal"})
    run.person("approve", by="fay")
    people.apart(run.state, "fay", ["fay", "fay@home"])
    with pytest.raises(NotAllowed, match="fay@home is or acts for fay, who has approved here already"):
        people.apart(run.state, "fay@home", ["fay", "fay@home"])
    run.after("1h").settle_down()
    people.apart(run.state, "fay@home", ["fay", "fay@home"])
