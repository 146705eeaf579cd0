"""The desk: what people may do to a run, and when. What it gives can always be folded."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from holdfast import units
from holdfast.core import desk as people
from holdfast.dialogue import Attached
from holdfast.errors import NotAllowed, UsageError
from holdfast.events import Inline, PersonAsked
from holdfast.models.scripted import ask, call, done
from tests.core.story import SECRET, Story, desk, order, refund

PAY = call("refund", order="A-1", cents=4)
LOOK = call("get_order", order="A-1")


def with_question(about: str) -> Story:
    """A run with one open question of a kind."""
    terms = {"limits": {"steps": 1}, "done": {"review": {"because": "b"}}}
    run = Story(desk(order(), (refund(), {"review": [{"because": "b"}]}), refund("send"), **terms))
    part = {
        "review": PAY,
        "output": done(status="ok"),
        "question": ask("which?", of="finance"),
        "limit": call("nonsense"),
    }.get(about, call("send", order="A"))
    run.asks_for(part)
    run.settle_down()
    if about == "surprise":
        run.breaks("not_done")
    if about == "doubt":
        run.breaks("timeout", "unknown")
    run.settle_down()
    assert run.question().asked.about == about
    return run


ALL = ["approve", "deny", "answer", "retry", "tell", "take", "stop", "grant"]


@pytest.mark.parametrize("about", people.VERDICTS)
@pytest.mark.parametrize("verdict", ALL)
def test_what_can_be_answered_depends_on_what_was_asked_and_all_of_it_can_be_folded(about, verdict):
    run = with_question(about)
    if verdict in people.VERDICTS[about]:
        run.person(verdict)
        run.settle_down()
    else:
        with pytest.raises(NotAllowed, match=f"about {about} cannot be answered with {verdict}") as caught:
            run.person(verdict)
        assert caught.value.hint


def test_every_kind_of_question_has_its_answers():
    (about,) = [field for field in msgspec.structs.fields(PersonAsked) if field.name == "about"]
    assert set(people.VERDICTS) == set(get_args(about.type))


@pytest.mark.parametrize("about", sorted(set(people.VERDICTS) - {"doubt"}))
def test_every_answer_is_refused_where_it_may_not_be_given(about):
    run = with_question(about)
    verdict, seq = people.VERDICTS[about][0], run.question().seq
    for said, by, more in (
        ("nobody is named", "", {}), ("is not open", "rita", {"question": 999}),
        *([("opened, spoke or amended", "opener", {})] if about != "question" else []),
    ):  # fmt: skip
        with pytest.raises(NotAllowed, match=said) as caught:
            run.person(verdict, by, **more)
        assert caught.value.run == "r_1"
    run.person("stop", by="rita")
    with pytest.raises(NotAllowed, match=f"question {seq} is not open"):
        run.person("stop", by="rita", question=seq)


@pytest.mark.parametrize(
    ("roles", "may"), [(["finance"], True), (["legal", "finance"], True), (["legal"], False), ([], False), (None, True)]
)
def test_a_question_for_a_role_is_for_that_role(roles, may):
    run = with_question("question")
    if may:
        run.person("answer", roles=roles)
    else:
        with pytest.raises(NotAllowed, match="this is for finance"):
            run.person("answer", roles=roles)


def test_the_agents_question_may_be_answered_by_whoever_opened_the_run():
    run = with_question("question")
    run.person("answer", by="opener", text="yes")
    assert run.call("ask").said == "opener answered: yes"


# ----------------------------------------------------------------------------------------------------------- settling


def test_a_doubt_is_settled_by_somebody_who_is_named_and_not_part_of_it():
    run = with_question("doubt")
    for by, said in (("", "nobody is named"), ("opener", "opened or spoke")):
        with pytest.raises(NotAllowed, match=said):
            run.settles("did_not", by=by)
    with pytest.raises(NotAllowed, match="call 2 is not in doubt"):
        run.settles("did_not", 2)
    run.settles("happened", result={"id": "re"}, known=True)
    assert run.call("send").result == {"id": "re"}
    with pytest.raises(NotAllowed, match="is not in doubt"):
        run.settles("did_not")


def test_in_a_closed_run_only_what_is_unresolved_is_settled():
    run = with_question("doubt")
    run.cancels()
    run.settle_down()
    with pytest.raises(NotAllowed, match="call 2 is not unresolved"):
        run.settles("did_not", 2)
    run.settles("stop", run.state.unresolved[0])
    assert run.state.unresolved == ()


# ------------------------------------------------------------------------------------------------ speaking, granting


def test_who_speaks_is_whom_the_run_is_for_unless_somebody_is_named():
    for opened, by, expected in (
        ({}, "", "opener"),
        ({"on_behalf_of": "ann"}, "", "ann"),
        ({"on_behalf_of": "ann"}, "otto", "otto"),
    ):
        run = Story(desk(order()), **opened)
        run.says("hello", by=by)
        assert run.entries[-1].event.by == expected


def test_a_message_may_carry_files():
    run = Story(desk(order()))
    said = people.said(run.state, "see there", "ann", [Attached("a.txt", "text/plain", "aGk=")])
    assert said.attachments == (Inline({"name": "a.txt", "media": "text/plain", "data": "aGk="}),)


def test_nobody_speaks_into_a_closed_run_or_raises_its_limits():
    """SEMANTICS rule 29."""
    run = Story(desk(order()))
    run.cancels()
    run.settle_down()
    for act in (lambda: run.says("hello"), lambda: run.grants("steps", 1)):
        with pytest.raises(NotAllowed, match="the run is closed"):
            act()


def test_a_limit_is_raised_by_somebody_else_and_by_more_than_nothing():
    run = with_question("limit")
    for by in ("", "opener"):
        with pytest.raises(NotAllowed, match="cannot raise the limits"):
            run.grants("steps", 1, by=by)
    for amount in (0, -1):
        with pytest.raises(UsageError, match="a grant of"):
            run.grants("steps", amount)
    run.grants("steps", 1)
    run.then("ModelAsked")


# ----------------------------------------------------------------------------------------------------------- amending


def test_only_a_proposal_that_is_shown_can_be_amended():
    for about in ("question", "surprise", "limit"):
        run = with_question(about)
        with pytest.raises(NotAllowed, match="only a proposal"):
            people.amend(run.bound, run.state, run.question().seq, {"cents": 1}, "rita", run.at, SECRET, ["cents"])


def test_an_amendment_without_the_code_at_hand_is_taken_as_it_is():
    """A console may not have the agent's code; the run judges it in full anyway."""
    run = with_question("review")
    made = people.amend(None, run.state, run.question().seq, {"cents": "x"}, "rita", run.at, SECRET, ["cents"])
    assert made.args.value["cents"] == "x"


def test_an_answer_after_its_time_is_refused_even_if_nobody_has_recorded_the_end():
    """SEMANTICS A3 (d)."""
    run = Story(desk((refund(), {"review": [{"because": "b", "within": "1h"}]})))
    run.asks_for(PAY)
    run.settle_down()
    asked = run.question()
    people.answer(run.state, asked.seq, "approve", "rita", asked.asked.until - 1)
    for late in (asked.asked.until, asked.asked.until + 2 * units.DAY):
        with pytest.raises(NotAllowed, match="expired"):
            people.answer(run.state, asked.seq, "approve", "rita", late)


def test_whoever_may_not_change_something_is_told_what_may_be_changed():
    run = with_question("review")
    for amendable, may in ([], "nothing"), (["cents", "order"], "cents, order"):
        with pytest.raises(NotAllowed) as caught:
            people.amend(run.bound, run.state, run.question().seq, {"why": 1}, "rita", run.at, SECRET, amendable)
        assert caught.value.hint == f"the contract lets a reviewer change: {may}"


def test_what_may_be_amended_is_what_the_runs_own_contract_says():
    run = Story(desk((refund(), {"amendable": ["cents"]}), order()))
    run.asks_for(PAY, LOOK)
    run.settle_down()
    assert people.amendable_of(run.state, run.call("refund")) == ["cents"]
    assert people.amendable_of(run.state, run.call("get_order")) == []
