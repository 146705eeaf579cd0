"""How two contracts differ: every key of a contract, in words that name what it was and what it becomes."""

from __future__ import annotations

import pytest

from holdfast.contract import Contract
from holdfast.views.contract_diff import counted, differences

MUST = {"that": "args.cents <= 10", "because": "never more"}
REVIEW = {"when": "args.cents > 5", "by": "fin", "because": "big"}
BASE = {
    "name": "desk", "task": "Pay.", "takes": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    "gives": {"type": "object", "properties": {"b": {"type": "integer"}}}, "models": ["one", "two"], "instructions": "Be brief.\nBe kind.",
    "tools": {"look": {}, "pay": {"needs": {"look": {"order": "args.order"}}, "must": [MUST], "review": [REVIEW], "from": {"order": ["input.a"]},
                                  "amendable": ["cents"], "at_most": 1, "fresh": "10m"}},
}  # fmt: skip


TEAM = {"peers": ["look", "pay"], "writer": "look"}
HELPER = {
    "name": "helper",
    "task": "Help.",
    "takes": {"type": "object"},
    "gives": {"type": "object"},
    "models": ["one"],
    "tools": {},
}


def pay(**changes):
    return {"tools": {**BASE["tools"], "pay": BASE["tools"]["pay"] | changes}}


def told(changes):
    one, other = Contract.parse(BASE), Contract.parse(BASE | changes)
    return [(one.path, one.kind, one.said) for one in differences(one, other)]


CASES = {
    "name": ({"name": "till"}, ("name", "changed", "“desk” becomes “till”")),
    "task": ({"task": "Pay well."}, ("task", "changed", "“Pay.” becomes “Pay well.”")),
    "instructions": ({"instructions": "Be brief.\nBe quick.\nBe kind."}, ("instructions", "changed", "1 line new, first “Be quick.”")),
    "instructions gone": ({"instructions": ""}, ("instructions", "changed", "2 lines gone")),
    "field new": (
        {"takes": BASE["takes"] | {"properties": {"a": {"type": "string"}, "c": {"type": "null"}}}},
        ("takes.c", "added", 'the field, {"type": "null"}'),
    ),
    "field gone": ({"gives": {"type": "object"}}, ("gives.b", "removed", "the field")),
    "field optional": ({"takes": BASE["takes"] | {"required": []}}, ("takes.a", "changed", "becomes optional")),
    "schema": ({"gives": BASE["gives"] | {"title": "B"}}, ("gives", "changed", "its JSON Schema is another one")),
    "model": ({"models": ["one"]}, ("models", "removed", "two")),
    "order of models": ({"models": ["two", "one"]}, ("models", "changed", "the order becomes two, one")),
    "tool": ({"tools": {"look": {}, **pay()["tools"], "mail": {"must": [MUST]}}}, ("tools.mail", "added", "the tool, with 1 rule")),
    "tool gone": ({"tools": {"pay": BASE["tools"]["pay"]}}, ("tools.look", "removed", "the tool")),
    "needs": (pay(needs={}), ("tools.pay.needs.look", "removed", "evidence, (order = args.order)")),
    "needs other": (
        pay(needs={"look": {"order": "input.a"}}),
        ("tools.pay.needs.look", "changed", "(order = args.order) becomes (order = input.a)"),
    ),
    "fresh": (pay(fresh=None), ("tools.pay.fresh", "changed", "10m becomes none")),
    "from": (pay(**{"from": {"order": ["input.a", "args.b"]}}), ("tools.pay.from.order", "changed", "input.a becomes input.a or args.b")),
    "must condition": (
        pay(must=[MUST | {"that": "args.cents <= 20"}]),
        ("tools.pay.must", "changed", "“never more”: args.cents <= 10 becomes args.cents <= 20"),
    ),
    "must reason": (
        pay(must=[MUST | {"because": "too much"}]),
        ("tools.pay.must", "changed", "“never more”: the reason never more becomes too much"),
    ),
    "must new": (
        pay(must=[{"that": "args.cents > 0", "because": "something", "secret": True}, MUST]),
        ("tools.pay.must", "added", "“something”: args.cents > 0, kept from the agent"),
    ),
    "must gone": (pay(must=[]), ("tools.pay.must", "removed", "“never more”: args.cents <= 10")),
    "check": (pay(must=[MUST, {"check": "calm", "because": "calm"}]), ("tools.pay.must", "added", "“calm”: check calm")),
    "review": (
        pay(review=[REVIEW | {"when": "args.cents > 1", "people": 2, "within": "4h", "by": "boss"}]),
        ("tools.pay.review", "changed",
         "“big”: args.cents > 5 becomes args.cents > 1; by fin becomes boss; people 1 becomes 2; within none becomes 4h"),
    ),
    "review new": (
        pay(review=[REVIEW, {"because": "always", "within": "2h", "then": "ask: boss", "people": 2}]),
        ("tools.pay.review", "added", "“always”: always, 2 of anybody within 2h, then ask: boss"),
    ),
    "amendable": (pay(amendable=[]), ("tools.pay.amendable", "removed", "cents")),
    "at_most": (pay(at_most=2000), ("tools.pay.at_most", "changed", "1 becomes 2,000")),
    "across": (
        pay(across={"per": "args.order", "window": "1d", "sum": "args.cents", "at_most": 9000, "else": "review", "by": "fin"}),
        ("tools.pay.across", "added",
         "at most 9,000 of args.cents per args.order within 1d, over all runs, else a person is asked (fin)"),
    ),
    "rate": (pay(rate={"calls": 3, "per": "1m"}),
             ("tools.pay.rate", "added", "at most 3 calls in any 1m, over all runs; a further one waits")),
    "at_once": (pay(at_once=2), ("tools.pay.at_once", "changed", "none becomes 2")),
    "breaker": (
        pay(breaker={"failures": 3, "within": "30s"}),
        ("tools.pay.breaker", "added", "after 3 failures within 30.0s, over all runs, calls wait until one of them is older"),
    ),
    "turn": ({"one_at_a_time": "input.a"}, ("one_at_a_time", "changed", "none becomes input.a")),
    "accepts": (pay(accepts=["plain"]), ("tools.pay.accepts", "changed", "whatever was read becomes plain")),
    "context": ({"context": ["now"]}, ("context", "added", "now")),
    "done": ({"done": {"must": [MUST]}}, ("done.must", "added", "“never more”: args.cents <= 10")),
    "done review": ({"done": {"review": REVIEW}}, ("done.review", "added", "“big”: when args.cents > 5, by fin")),
    "usd": ({"limits": {"usd": "0.20"}}, ("limits.usd", "changed", "1.00 USD becomes 0.20 USD")),
    "wall": ({"limits": {"wall": "3d"}}, ("limits.wall", "changed", "30d becomes 3d")),
    "surprises": ({"surprises": {"limit": "stop"}}, ("surprises.limit", "changed", "review becomes stop")),
    "worth": ({"worth": {"success": "4"}}, ("worth.success", "changed", "0 becomes 4")),
    "team": ({"team": TEAM}, ("team", "added", "look and pay in rounds, written down by look")),
    "agent": (pay(agent=HELPER), ("tools.pay.agent", "added", "it is answered by the agent helper")),
    "agent limits": (pay(limits={"usd": "0.02"}), ("tools.pay.limits.usd", "changed", "none becomes 0.02 USD")),
    "conversation": ({"conversation": True}, ("conversation", "changed", "no becomes yes")),
    "predicates": ({"predicates": {"calm": "ab"}}, ("predicates.calm", "added", "the Python predicate calm")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_key_is_told_in_words(case):
    changes, expected = CASES[case]
    assert told(changes) == [expected]


def test_every_key_of_a_contract_has_a_case():
    paths = {expected[0].split(".")[0] for _, expected in CASES.values()}
    assert paths == set(Contract.model_fields)
    clauses = {expected[0].split(".")[2] for _, expected in CASES.values() if expected[0].startswith("tools.pay.")}
    assert clauses == {
        "needs", "fresh", "from", "must", "review", "amendable", "at_most", "accepts", "agent", "limits", "across", "rate", "at_once",
        "breaker",
    }  # fmt: skip


def test_what_all_runs_share_is_told_field_by_field_where_it_was_there_before():
    shared = {
        "across": {"window": "1d", "at_most": 3}, "rate": {"calls": 3, "per": "1m"}, "breaker": {"failures": 3, "within": "1m"},
    }  # fmt: skip
    other = {
        "across": {"window": "7d", "at_most": 3, "per": "args.order", "else": "review"}, "rate": {"calls": 5, "per": "1h"},
        "breaker": {"failures": 3, "within": "2m"},
    }  # fmt: skip
    found = differences(*(Contract.parse(BASE | pay(**terms)) for terms in (shared, other)))
    assert [(change.path.removeprefix("tools.pay."), change.said) for change in found] == [
        ("across.per", '"all" becomes args.order'), ("across.window", "1d becomes 7d"), ("across.else", "refuse becomes review"),
        ("rate.calls", "3 becomes 5"), ("rate.per", "1m becomes 1h"), ("breaker.within", "1m becomes 2m"),
    ]  # fmt: skip
    gone = differences(*(Contract.parse(BASE | pay(**terms)) for terms in (shared, {})))
    assert [(change.path, change.kind) for change in gone] == [
        (f"tools.pay.{name}", "removed") for name in ("across", "rate", "breaker")
    ]


def test_what_is_otherwise_in_the_contract_of_a_child_is_told_in_its_place():
    one, other = (
        Contract.parse(BASE | pay(agent=HELPER | given, agree={"about": "args.order", "on": on}))
        for given, on in (({}, "output.b"), ({"task": "Help more.", "limits": {"steps": 3}}, "output.c"))
    )
    assert [(change.path, change.said) for change in differences(one, other)] == [
        ("tools.pay.agent.task", "“Help.” becomes “Help more.”"), ("tools.pay.agent.limits.steps", "20 becomes 3"),
        ("tools.pay.agree.on", "output.b becomes output.c"),
    ]  # fmt: skip


def test_peers_and_rounds_of_a_team_are_told():
    one, other = (
        Contract.parse(BASE | {"team": TEAM | given})
        for given in ({}, {"peers": ["pay", "look", "third"], "rounds": 2})
    )
    assert [(change.path, change.kind, change.said) for change in differences(one, other)] == [
        ("team.peers", "added", "third"), ("team.peers", "changed", "the order becomes pay, look, third"),
        ("team.rounds", "changed", "3 becomes 2"),
    ]  # fmt: skip


def test_order_of_rules_means_nothing():
    two = [MUST, {"that": "args.cents > 0", "because": "something"}]
    one, other = (Contract.parse(BASE | pay(must=rules)) for rules in (two, two[::-1]))
    assert differences(one, other) == ()
    assert counted(()) == "no difference"


def test_changes_are_counted():
    changes = differences(Contract.parse(BASE), Contract.parse(BASE | {"models": ["three"]} | {"task": "x"}))
    assert counted(changes) == "1 added, 2 removed and 1 changed"
