"""Policy: what the contract says of one call. Deny beats review beats allow; an error denies; order never matters."""

from __future__ import annotations

import itertools

import pytest

from holdfast.agent import Agent
from holdfast.events import CallJudged
from holdfast.models.scripted import call, done
from holdfast.tool import from_schema
from tests.core.judged import LOOK, NEEDS, PAY, having_read, must, proposes, rules
from tests.core.story import OUTPUT, Story, desk, order, refund

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
    schema = {"type": "object", "properties": {"to": {"type": "object"}}}
    made = from_schema(lambda args: args, name="send", description="", schema=schema, effect="write")
    for to in ({"name": "[redacted:card] 1"}, {"[redacted:card]": 1}, {"a": [{"b": "x[redacted:card]"}]}):
        run = Story(desk(made))
        run.asks_for(call("send", to=to))
        run.then("CallAsked send", "CallJudged refuse redacted", "ModelAsked")


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


def test_a_pinned_argument_that_is_not_given_is_not_asked_about():
    schema = {"type": "object", "properties": {"order": {"type": "string"}, "iban": {"type": "string"}}}
    made = from_schema(lambda args: args, name="transfer", description="", schema=schema, effect="write")
    run = Story(desk((made, {"from": {"iban": ["input.iban"]}})))
    run.asks_for(call("transfer", order="A-1"))
    run.then("CallAsked transfer", "CallJudged allow", "CallStarted 1")
