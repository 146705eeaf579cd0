"""Policy: what the contract says of one call. Deny beats review beats allow; an error denies; order never matters."""

from __future__ import annotations

import itertools

import pytest

from holdfast.agent import Agent
from holdfast.events import CallAsked, CallJudged
from holdfast.models.scripted import call, done
from tests.core.story import OUTPUT, Story, desk, order, refund

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)
NEEDS = {"needs": {"get_order": {"order": "args.order"}}}


def must(*conditions, **more):
    return {"must": [{"that": one, "because": f"because {at}"} for at, one in enumerate(conditions)], **more}


def proposes(grant, wanted=PAY, given=None, **terms) -> CallJudged:
    """What is judged of a write that the model proposes first of all."""
    run = Story(desk(order(), (refund(), grant), **terms), given)
    run.asks_for(wanted)
    run.settle_down()
    return run.last(CallJudged)


def rules(judged):
    return [(fired.rule, fired.verdict) for fired in judged.rules]


def having_read(terms, result=None, *, tools=(), wanted=PAY, read=LOOK, **reading) -> Story:
    """After the model has seen one reading, and proposed a write on it."""
    run = Story(desk(order(**reading), (refund(), terms), *tools))
    run.asks_for(read)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns(result if result is not None else {"paid": 5})
    run.asks_for(wanted)
    return run


# ------------------------------------------------------------------------------------------------------------- must


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("args.cents <= 4", "allow"), ("args.cents < 4", "refuse"), ("input.nothing < 4", "refuse"), ("args.cents", "refuse"),
        ("args.cents < 'x'", "refuse"), ("args.order == input.order", "allow"), ("caller.by == 'opener'", "allow"),
        ("run.steps == 1 && run.trusted", "allow"), ("size(effects.refund) == 0", "allow"),
    ],
)  # fmt: skip
def test_what_must_hold_holds_or_refuses_and_so_does_what_has_no_answer(condition, verdict):
    judged = proposes(must(condition))
    assert judged.verdict == verdict
    assert rules(judged) == ([] if verdict == "allow" else [("tools.refund.must[0]", "refuse")])


def test_the_reason_is_told_word_for_word_and_a_secret_one_is_not():
    run = Story(desk((refund(), {"must": [
        {"that": "false", "because": "never more than was paid"}, {"that": "input.x > 1", "because": "the fraud score", "secret": True},
    ]})))  # fmt: skip
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.must[0] tools.refund.must[1]", "ModelAsked")
    assert run.told()[-1] == "refused: never more than was paid"
    secret = Story(desk((refund(), {"must": [{"that": "false", "because": "the fraud score", "secret": True}]})))
    secret.asks_for(PAY)
    secret.settle_down()
    assert secret.told()[-1] == "refused: the contract does not allow it"


def test_every_rule_that_fired_is_in_the_judgement():
    judged = proposes(must("false", "true", "false", review=[{"because": "people decide"}], at_most=1))
    assert rules(judged) == [
        ("tools.refund.must[0]", "refuse"), ("tools.refund.must[2]", "refuse"), ("tools.refund.review[0]", "review"),
    ]  # fmt: skip
    assert judged.verdict == "refuse"


def test_order_of_rules_never_matters():
    conditions = ["args.cents > 5", "args.cents > 3", "input.nothing == 1"]
    reviews = [{"because": "a"}, {"because": "b", "when": "args.cents > 100"}]
    found = {
        (proposes(must(*one, review=list(other))).verdict, len(proposes(must(*one, review=list(other))).rules))
        for one in itertools.permutations(conditions) for other in itertools.permutations(reviews)
    }  # fmt: skip
    assert found == {("refuse", 3)}


@pytest.mark.parametrize(
    ("review", "verdict"),
    [({"because": "b"}, "review"), ({"because": "b", "when": "args.cents > 5"}, "allow"), ({"because": "b", "when": "input.x > 5"}, "refuse")],
)  # fmt: skip
def test_a_review_rule_asks_for_a_person_and_one_without_an_answer_refuses(review, verdict):
    assert proposes({"review": [review]}).verdict == verdict


def open_hours(names):
    return names["args"]["cents"] < 3


def test_a_predicate_is_a_rule_and_one_that_breaks_or_is_missing_refuses():
    def agent(*checks):
        terms = {"must": [{"check": "open_hours", "because": "in opening hours"}]}
        return Agent(name="desk", task="Decide.", takes={"type": "object"}, gives=OUTPUT, tools={refund(): terms}, models=["first"], predicates=checks)  # fmt: skip

    for cents, verdict in ((2, "allow"), (3, "refuse")):
        run = Story(agent(open_hours))
        run.asks_for(call("refund", order="A", cents=cents))
        run.settle_down()
        assert run.last(CallJudged).verdict == verdict
    run = Story(agent(open_hours))
    run.bound.predicates.clear()
    run.asks_for(call("refund", order="A", cents=2))
    run.then("CallAsked refund", "CallJudged refuse tools.refund.must[0]", "ModelAsked")
    assert "in opening hours" in run.told()[-1]


# --------------------------------------------------------------------------------------------------------- evidence


def test_a_write_needs_its_evidence_read_before_completely_and_about_the_same_thing():
    run = having_read(NEEDS | must("args.cents <= seen.get_order.paid"))
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


@pytest.mark.parametrize(
    ("read", "more"),
    [(call("get_order", order="A-2"), {}), (LOOK, {"complete": "partial", "missing": "lines"})],
    ids=["another thing", "a part"],
)
def test_evidence_about_something_else_or_in_part_is_none(read, more):
    run = Story(desk(order(), (refund(), NEEDS)))
    run.asks_for(read)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 5}, **more)
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.needs.get_order", "ModelAsked")
    assert "read get_order(order='A-1') first, completely" in run.told()[-1]


def test_evidence_counts_only_if_the_model_had_seen_it_when_it_proposed():
    """SEMANTICS rule 28, history 14: `get_order` and `refund` in one turn."""
    run = Story(desk(order(), (refund(), NEEDS)))
    run.asks_for(LOOK, PAY)
    run.then(
        "CallAsked get_order",
        "CallAsked refund",
        "CallJudged allow",
        "CallStarted 1",
        "CallJudged refuse tools.refund.needs.get_order",
    )
    run.returns({"paid": 5})
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


def test_evidence_that_returned_after_the_proposal_does_not_count_either():
    run = Story(desk(order(), (refund(), NEEDS), (refund("send"), {"review": [{"because": "b"}]})))
    run.asks_for(LOOK, call("send", order="A-1"), PAY)
    run.then(
        "CallAsked get_order", "CallAsked send", "CallAsked refund", "CallJudged allow", "CallStarted 1",
        "CallJudged review tools.send.review[0]", "PersonAsked review", "CallJudged refuse tools.refund.needs.get_order",
    )  # fmt: skip


def test_the_newest_reading_is_the_one_that_counts():
    run = having_read(NEEDS | must("args.cents <= seen.get_order.paid"), {"paid": 5}, wanted=LOOK)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 3})
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.must[0]", "ModelAsked")


def test_what_is_needed_must_be_sayable():
    assert rules(proposes({"needs": {"get_order": {"order": "input.missing"}}})) == [
        ("tools.refund.needs.get_order", "refuse")
    ]


# --------------------------------------------------------------------------------------------------- fresh evidence

FRESH = NEEDS | must("args.cents <= seen.get_order.paid", fresh="10m")
READ_AGAIN = ("CallAsked refund", "CallJudged allow", "CallAsked get_order", "CallJudged allow", "CallStarted 1")


def stale(terms=FRESH, age="11m") -> Story:
    run = Story(desk(order(), (refund(), terms)))
    run.asks_for(LOOK)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({"paid": 5})
    run.then("ModelAsked")
    run.after(age)
    run.answers(PAY)
    return run


def test_stale_evidence_is_read_again_by_the_machine_and_the_same_is_good():
    """SEMANTICS rule 34."""
    run = stale()
    run.then(*READ_AGAIN)
    again = run.last(CallAsked)
    assert (again.serves, again.args.value) == (run.state.turn[0], {"order": "A-1"})
    run.returns({"paid": 5})
    run.then("CallStarted 1")
    assert run.world() == ["run refund"]
    run.returns({"id": "re"})
    run.then("ModelAsked")
    assert [text for text in run.told() if "paid" in text] == ['{"paid":5}'], (
        "the model is not told of the second reading"
    )


def test_evidence_within_its_time_is_not_read_again():
    run = stale(age="10m")
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


def test_evidence_that_changed_is_the_models_to_read():
    run = stale()
    run.then(*READ_AGAIN)
    run.returns({"paid": 6})
    run.then("CallJudged refuse fresh", "ModelAsked")
    assert "has changed since you read it" in run.told()[-1]


def test_evidence_that_changed_is_judged_as_it_is_now():
    run = stale()
    run.then(*READ_AGAIN)
    run.returns({"paid": 3})
    run.then("CallJudged refuse tools.refund.must[0]", "ModelAsked")


@pytest.mark.parametrize("error", ["raised", "refused"])
def test_evidence_that_cannot_be_read_again_is_none(error):
    run = stale()
    run.then(*READ_AGAIN)
    run.breaks(error, message="the shop is closed")
    run.then(f"CallJudged refuse {error}", "CallJudged refuse fresh", "ModelAsked")
    assert "get_order could not be read again" in run.told()[-1]


def test_evidence_that_comes_back_in_part_is_none():
    run = stale()
    run.then(*READ_AGAIN)
    run.returns({"paid": 5}, complete="partial", missing="lines")
    run.then("CallJudged refuse fresh", "ModelAsked")


def test_evidence_is_read_again_after_an_approval_and_a_change_goes_back_to_the_reviewer():
    """SEMANTICS history 15: the order changed between reading and approval."""
    run = stale(FRESH | {"review": [{"because": "people decide"}]})
    first = run.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review")
    assert first.evidence == (7,)
    run.person("approve")
    run.then(
        "QuestionWithdrawn decided", "CallJudged allow", "CallAsked get_order", "CallJudged allow", "CallStarted 1"
    )
    other = run.copy()
    run.returns({"paid": 5})
    run.then("CallStarted 1")
    other.returns({"paid": 4})
    again = other.then("CallJudged review tools.refund.review[0]", "PersonAsked review")
    assert "Its evidence has changed since it was shown." in again.text
    assert again.digest != first.digest
    assert again.evidence != first.evidence
    other.person("approve", by="raul")
    other.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


# ------------------------------------------------------------------------------------------------------- provenance


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("A-1", "allow"), ("A-9", "review"), ("GB33BUKB", "refuse"), ("order GB33BUKB now", "review")],
)
def test_a_pinned_argument_comes_from_where_the_contract_says_or_a_person_is_asked(value, verdict):
    """Out of an untrusted result it is denied; from nowhere it is reviewed."""
    run = having_read(
        {"from": {"order": ["input.order"]}}, {"iban": "GB33BUKB"}, wanted=call("refund", order=value, cents=4)
    )
    run.settle_down()
    judged = run.last(CallJudged)
    assert judged.verdict == verdict
    if verdict == "refuse":
        assert "came from get_order (entry 7), not from input.order" in judged.rules[0].because


def test_a_trusted_result_is_a_place_like_any_other_but_not_the_one_that_was_meant():
    run = having_read(
        {"from": {"order": ["input.order"]}},
        {"iban": "GB33BUKB"},
        wanted=call("refund", order="GB33BUKB"),
        trust="trusted",
    )
    run.settle_down()
    assert run.last(CallJudged).verdict == "review"
    assert "it came from get_order (entry 7)" in run.last(CallJudged).rules[0].because


def test_one_of_several_places_or_of_a_list_is_enough():
    terms = {"from": {"order": ["input.nowhere", "input.orders", "seen.get_order.order"]}, **NEEDS}
    run = having_read(terms, {"order": "A-1"})
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    listed = proposes({"from": {"order": ["input.orders"]}}, given={"orders": ["A-0", "A-1"]})
    assert listed.verdict == "allow"


def test_a_value_out_of_a_marked_part_of_the_input_is_denied():
    takes = {"type": "object", "properties": {"order": {}, "letter": {"x-untrusted": True}}}
    judged = proposes(
        {"from": {"order": ["input.order"]}}, call("refund", order="A-666"), {"order": "A-1", "letter": "refund A-666"},
        takes=takes,
    )  # fmt: skip
    assert judged.verdict == "refuse"
    assert "a marked part of the input" in judged.rules[0].because


# ----------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("accepts", "reading", "verdict"),
    [
        (None, {}, "allow"), (["untrusted"], {}, "allow"), ([], {}, "review"), ([], {"trust": "trusted"}, "allow"),
        (["untrusted"], {"classes": ("health",)}, "refuse"), (["untrusted", "health"], {"classes": ("health",)}, "allow"),
    ],
)  # fmt: skip
def test_a_sink_says_what_may_have_reached_the_model_before_it(accepts, reading, verdict):
    run = having_read({"accepts": accepts}, **reading)
    run.settle_down()
    assert run.last(CallJudged).verdict == verdict


def test_a_label_counts_once_the_model_has_seen_what_bears_it():
    run = Story(desk(order(classes=("health",)), (refund(), {"accepts": ["untrusted"]})))
    run.asks_for(LOOK, PAY)
    run.then(
        "CallAsked get_order",
        "CallAsked refund",
        "CallJudged allow",
        "CallStarted 1",
        "CallJudged allow",
        "CallStarted 1",
    )


# ------------------------------------------------------------------------------------------------------------ counts


@pytest.mark.parametrize(
    ("outcome", "second"),
    [("returns", "refuse"), ("refused", "allow"), ("unknown and happened", "refuse"), ("unknown and did not", "allow")],
)
def test_done_and_unknown_calls_count_and_refused_ones_do_not(outcome, second):
    """SEMANTICS C7."""
    run = Story(desk((refund(), {"at_most": 1})))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    match outcome:
        case "returns":
            run.returns({"id": "re"})
        case "refused":
            run.breaks("refused")
        case _:
            run.breaks("timeout", "unknown")
            run.then("DoubtRaised", "PersonAsked doubt")
            run.settles("happened" if "happened" in outcome else "did_not")
    run.settle_down()
    run.answers(PAY)
    run.settle_down()
    first = [event.event for event in run.entries if isinstance(event.event, CallJudged) and event.event.call > 7]
    assert first[0].verdict == second
    if second == "refuse":
        assert first[0].rules[0].rule == "tools.refund.at_most"


def test_a_count_is_taken_at_admission_in_asked_order():
    run = Story(desk((refund(), {"at_most": 1})))
    run.asks_for(PAY, PAY)
    run.then(
        "CallAsked refund",
        "CallAsked refund",
        "CallJudged allow",
        "CallStarted 1",
        "CallJudged refuse tools.refund.at_most",
    )


def test_a_retry_is_no_further_call_and_is_counted_all_the_same():
    run = Story(desk((refund(times=2), {"at_most": 1})))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    for attempt in (2, 3):
        run.breaks("not_done")
        run.after("10s").then(f"CallStarted {attempt}")
    run.returns({"id": "re"})
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.at_most", "ModelAsked")


def test_a_retry_that_a_person_asked_for_is_counted_too():
    run = Story(desk((refund(), {"at_most": 1})))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    run.breaks("not_done")
    run.then("CallJudged review surprises.exhausted", "PersonAsked surprise")
    run.person("retry")
    run.then("CallStarted 2")
    run.returns({"id": "re"})
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.at_most", "ModelAsked")


def test_a_call_repeated_with_the_same_result_is_refused_in_the_end_and_another_is_not():
    run = Story(desk(order(), limits={"repeats": 2}))
    for _ in range(2):
        run.asks_for(LOOK)
        run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
        run.returns({"paid": 5})
    run.asks_for(LOOK, call("get_order", order="A-2"))
    run.then(
        "CallAsked get_order",
        "CallAsked get_order",
        "CallJudged refuse limits.repeats",
        "CallJudged allow",
        "CallStarted 1",
    )
    run.returns({"paid": 5})
    run.then("ModelAsked")
    changed = Story(desk(order(), limits={"repeats": 2}))
    for paid in (1, 2, 3):
        changed.asks_for(LOOK)
        changed.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
        changed.returns({"paid": paid})


# ---------------------------------------------------------------------------------------------------------- structure


def test_an_argument_that_was_redacted_is_never_sent():
    """SEMANTICS rule 31."""
    judged = proposes({}, call("refund", order="[redacted:card] 1", cents=4))
    assert rules(judged) == [("redacted", "refuse")]


def test_a_tool_whose_code_is_not_here_is_not_called():
    agent = desk(order(), refund())
    run = Story(agent)
    run.asks_for(PAY)
    del run.bound.tools["refund"]
    run.settle_down()
    assert run.last(CallJudged).verdict == "refuse"


def test_a_tool_that_is_not_the_one_it_was_goes_before_a_person():
    run = Story(desk(order(), refund()), versions={"refund": "another"})
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged review tools", "PersonAsked review")


def test_done_is_judged_by_what_it_states_and_not_as_a_call():
    run = Story(desk(order()))
    run.asks_for(done(status="ok"))
    run.then("CallAsked done", "CallJudged allow", "RunClosed done")
