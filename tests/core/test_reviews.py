"""Reviews: what an approval binds, whose voice counts, what amending does, what follows when nobody decides."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.errors import NotAllowed
from holdfast.events import CallStarted, Label, PersonAsked
from holdfast.models.scripted import call
from tests.core.story import START, Story, desk, order, refund

PAY = call("refund", order="A-1", cents=400)
LOOK = call("get_order", order="A-1")
REVIEWED = ("CallAsked refund", "CallJudged review tools.refund.review[0]")
RULE = {"because": "people decide"}


def held(*rules, wanted=PAY, tools=(), **terms) -> Story:
    rules = rules or (RULE,)
    run = Story(desk((refund(), {"review": list(rules), "amendable": ["cents"], **terms}), *tools))
    run.asks_for(wanted)
    run.settle_down()
    assert run.call("refund").status == "held"
    return run


# -------------------------------------------------------------------------------------------------- a plain review


def test_a_review_shows_what_is_proposed_and_what_it_rests_on():
    """SEMANTICS rule 32: run, call, version, digest, label, contract, heard and evidence are bound."""
    run = Story(
        desk(order(trust="trusted", classes=("contact",)), (refund(), {"review": [RULE], "needs": {"get_order": {}}}))
    )
    run.asks_for(LOOK)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 5})
    run.says("hurry")
    run.asks_for(PAY)
    asked = run.then(*REVIEWED, "PersonAsked review")
    assert asked.text == "refund(cents=400, order='A-1'): people decide."
    assert (asked.role, asked.people, asked.until, asked.version) == ("", 1, 0, 1)
    assert asked.label == Label(True, ("contact",))
    assert (asked.heard, asked.contract, asked.label) == (run.state.said, run.agent.contract.digest, run.state.label)
    assert asked.evidence == (7,)
    assert len(asked.digest) == 32
    assert run.stands().waits_for == "person"


@pytest.mark.parametrize("first", [0, 1])
def test_rules_of_one_role_are_one_question_for_the_most_people_in_the_least_time(first):
    two = RULE | {"people": 2, "within": "4d", "then": "ask: legal", "by": "finance"}
    one = RULE | {"within": "1h", "by": "finance"}
    run = held(*([two, one] if first else [one, two]))
    asked = run.last(PersonAsked)
    assert (asked.role, asked.people, asked.until, asked.then) == ("finance", 2, run.at + units.HOUR, "deny")


def test_an_approved_call_starts_and_its_question_is_closed():
    run = held()
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")
    assert not run.state.questions


def test_a_deny_ends_the_call_and_its_reason_is_told():
    """SEMANTICS rule 33: a deny ends it, whoever else approved."""
    run = held(RULE | {"people": 2})
    run.person("approve", by="raul")
    run.person("deny", text="call them first")
    run.then("ModelAsked")
    assert run.told()[-1] == "rita denied this: call them first"


@pytest.mark.parametrize(("verdict", "outcome"), [("take", "escalated"), ("stop", "stopped")])
def test_a_reviewer_may_take_the_case_or_stop_the_run(verdict, outcome):
    run = held()
    run.person(verdict)
    run.then("CallJudged refuse closing", f"RunClosed {outcome}")
    assert "rita" in run.state.closed.reason


def test_several_writes_of_a_turn_are_shown_together_and_each_bound_on_its_own():
    run = Story(desk((refund(), {"review": [RULE]}), (refund("send"), {"review": [RULE]})))
    run.asks_for(PAY, call("send", order="A-1"))
    run.then(
        "CallAsked refund", "CallAsked send", "CallJudged review tools.refund.review[0]", "PersonAsked review",
        "CallJudged review tools.send.review[0]", "PersonAsked review",
    )  # fmt: skip
    pay, send = run.state.questions
    run.person("approve", question=send)
    run.then("QuestionWithdrawn decided", "CallJudged allow")
    assert run.world() == []
    run.person("approve", question=pay)
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")
    run.returns({"id": "re"})
    run.then("CallStarted 1")


def test_reviews_on_different_grounds_are_one_question_with_every_reason():
    run = held(RULE, {"because": "much money", "when": "args.cents > 100"})
    assert "people decide; much money" in run.last(PersonAsked).text


# ---------------------------------------------------------------------------------------------------- several people


def test_two_people_are_two_people():
    run = held(RULE | {"people": 2})
    run.person("approve", by="rita")
    run.then()
    with pytest.raises(NotAllowed, match="rita has approved this already"):
        run.person("approve", by="rita")
    run.person("approve", by="raul")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_whoever_opened_spoke_or_is_spoken_for_cannot_approve():
    """SEMANTICS rule 33."""
    run = Story(desk((refund(), {"review": [RULE]})), by="opener", on_behalf_of="ann")
    run.says("please", by="otto")
    run.asks_for(PAY)
    run.settle_down()
    for excluded in ("opener", "ann", "otto"):
        with pytest.raises(NotAllowed, match=f"{excluded} opened, spoke or amended"):
            run.person("approve", by=excluded)
    run.person("approve")


def test_two_roles_that_have_to_decide_are_both_asked():
    """SEMANTICS C3: a rule that asks another role is asked too."""
    run = held({"because": "money", "by": "finance", "people": 2}, {"because": "law", "by": "legal"})
    assert [one.asked.role for one in run.state.questions.values()] == ["finance"]
    run.person("approve", by="fay", roles=["finance"])
    run.then()
    run.person("approve", by="fred", roles=["finance"])
    run.then("QuestionWithdrawn decided", "PersonAsked review legal")
    with pytest.raises(NotAllowed, match="this is for legal"):
        run.person("approve", by="gus", roles=["finance"])
    run.person("approve", by="lea", roles=["legal"])
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


# --------------------------------------------------------------------------------------------------------- amending


def test_an_amendment_is_a_new_version_judged_anew_with_the_amenders_one_voice():
    """SEMANTICS rule 33."""
    run = held(RULE)
    made = run.amends(cents=40)
    assert (made.version, made.changed, made.args.value) == (2, ("cents",), {"order": "A-1", "cents": 40})
    run.then("QuestionWithdrawn void", "CallJudged allow", "CallStarted 1")
    assert run.call().args["cents"] == 40
    assert run.call().sources["cents"] == "person:rita"


def test_two_people_and_two_amendments():
    """SEMANTICS history 13: a voice for 400 is none for 40."""
    run = held(RULE | {"people": 2})
    run.person("approve", by="raul")
    run.amends(by="rita", cents=40)
    run.then("QuestionWithdrawn void", "CallJudged review tools.refund.review[0]", "PersonAsked review")
    assert run.last(PersonAsked).version == 2
    run.then()
    run.amends(by="ruth", cents=30)
    run.then("QuestionWithdrawn void", "CallJudged review tools.refund.review[0]", "PersonAsked review")
    assert run.last(PersonAsked).version == 3
    run.person("approve", by="raul")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")
    assert run.call().args["cents"] == 30


def test_an_amended_call_is_judged_in_full():
    run = held(RULE, must=[{"that": "args.cents > 100", "because": "no small change"}])
    run.amends(cents=40)
    run.then("QuestionWithdrawn void", "CallJudged refuse tools.refund.must[0]", "ModelAsked")


def test_an_amendment_may_bring_another_rule_into_play():
    run = held(RULE, {"because": "much", "by": "finance", "when": "args.cents > 1000"})
    run.amends(cents=5000)
    run.then(
        "QuestionWithdrawn void",
        "CallJudged review tools.refund.review[0] tools.refund.review[1]",
        "PersonAsked review finance",
    )


def test_the_key_of_an_amended_call_is_of_what_was_approved():
    def key_of(change):
        run = Story(desk((refund(keyed=True), {"review": [RULE], "amendable": ["cents"]})))
        run.asks_for(PAY)
        run.settle_down()
        if change:
            run.amends(cents=40)
        else:
            run.person("approve")
        run.settle_down()
        return run.last(CallStarted).key

    assert key_of(True) != key_of(False)


def test_an_amender_is_excluded_from_deciding_anything_further():
    run = held(RULE)
    run.amends(cents=40)
    run.settle_down()
    run.returns({"id": "re"})
    run.asks_for(PAY)
    run.then(*REVIEWED, "PersonAsked review")
    with pytest.raises(NotAllowed, match="rita opened, spoke or amended"):
        run.person("approve")
    run.person("approve", by="raul")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"order": "A-2"}, "order may not be changed here"), ({"cents": "lots"}, "does not fit"), ({"more": 1}, "more may not be changed")],
)  # fmt: skip
def test_only_what_the_contract_lets_a_reviewer_change_can_be_changed_and_only_to_what_fits(changes, said):
    run = held()
    with pytest.raises(NotAllowed, match=said):
        run.amends(**changes)


def test_what_was_changed_meanwhile_cannot_be_decided_as_it_was_shown():
    run = held(RULE | {"people": 2})
    run.amends(by="raul", cents=40)
    for act in (lambda: run.person("approve"), lambda: run.person("deny"), lambda: run.amends(cents=30)):
        with pytest.raises(NotAllowed, match="has changed since this was shown"):
            act()


def test_what_was_started_cannot_be_amended():
    run = Story(desk((refund(), {"amendable": ["cents"]})))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    run.breaks("not_done")
    run.then("CallJudged review surprises.exhausted", "PersonAsked surprise")
    with pytest.raises(NotAllowed, match="not started"):
        run.amends(cents=1)


# --------------------------------------------------------------------------------------------- what makes it void


def test_a_message_of_the_requester_voids_a_review_that_is_open():
    """SEMANTICS history 10."""
    run = held()
    run.says("leave it")
    run.then("QuestionWithdrawn overtaken", "CallJudged refuse overtaken", "ModelAsked")
    assert run.told()[-1] == "leave it"


def test_an_approval_given_on_a_page_from_before_the_message_is_refused():
    run = held()
    run.says("leave it")
    with pytest.raises(NotAllowed, match="the requester has written since this was shown"):
        run.person("approve")
    run.person("deny")


def test_an_approval_is_used_up_by_one_start():
    run = held()
    run.person("approve")
    run.settle_down()
    run.returns({"id": "re"})
    run.asks_for(PAY)
    run.then(*REVIEWED, "PersonAsked review")


def test_another_contract_voids_every_approval():
    """SEMANTICS rule 32."""
    run = held(RULE | {"people": 2})
    run.person("approve", by="raul")
    other = desk((refund(), {"review": [RULE | {"people": 2}], "amendable": ["cents"]}), instructions="Carefully.")
    run.adopts(other)
    assert run.call().votes == ()
    run.person("approve", by="rita")
    run.settle_down()
    assert run.call().status != "running"
    assert run.world() == []


def test_a_voice_for_what_another_contract_showed_starts_nothing():
    run = held(RULE)
    run.adopts(desk((refund(), {"review": [RULE], "amendable": ["cents"]}), instructions="Carefully."))
    run.person("approve")
    run.settle_down()
    assert run.call().status == "held"
    assert run.last(PersonAsked).contract == run.state.contract_digest
    run.person("approve")
    run.settle_down()
    assert run.call().status == "running"


def test_an_approval_that_waited_too_long_for_an_earlier_write_is_void():
    run = Story(desk(refund("send"), (refund(), {"review": [RULE | {"within": "1h"}]})))
    run.asks_for(call("send", order="A-1"), PAY)
    run.settle_down()
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow")
    run.after("2h")
    run.returns({"id": "s"})
    run.then("CallJudged review tools.refund.review[0]", "PersonAsked review")


# -------------------------------------------------------------------------------------------------- nobody decides


def test_a_review_that_nobody_answers_in_time_is_a_denial():
    run = held(RULE | {"within": "4h"})
    assert run.stands().due == START + 4 * units.HOUR
    run.after("4h")
    with pytest.raises(NotAllowed, match="expired"):
        run.person("approve")
    run.then("QuestionWithdrawn expired", "CallJudged refuse expired", "ModelAsked")


def test_or_it_is_put_to_the_next_role_and_then_denied():
    run = held(RULE | {"within": "4h", "then": "ask: legal", "by": "finance"})
    run.after("4h")
    again = run.then("QuestionWithdrawn expired", "PersonAsked review legal")
    assert (again.until, again.then) == (START + 8 * units.HOUR, "deny")
    other = run.copy()
    other.after("4h").then("QuestionWithdrawn expired", "CallJudged refuse expired", "ModelAsked")
    run.person("approve", by="lea", roles=["legal"])
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_an_approval_in_time_counts_whenever_it_is_read():
    """SEMANTICS rule 10: validity is decided from the answer's own moment."""
    run = held(RULE | {"within": "4h"})
    run.after("3h")
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_a_review_waits_for_ever_where_the_contract_sets_no_time():
    run = held(RULE)
    for _ in range(4):
        run.after("7d").then()
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_whoever_is_asked_in_place_of_a_role_speaks_for_it():
    for amend in (False, True):
        run = held(RULE | {"within": "4h", "then": "ask: legal", "by": "finance"})
        run.after("4h").settle_down()
        if amend:
            run.amends(by="lea", cents=40)
        else:
            run.person("approve", by="lea", roles=["legal"])
        run.settle_down()
        assert run.world() == ["run refund"]
