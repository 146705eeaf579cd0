"""Lint: what could never work or would break a guarantee, apart from what a strict colleague would advise."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import lint, tool
from holdfast.agent import Agent
from holdfast.contract import Contract
from holdfast.errors import ContractError
from holdfast.lint import findings, reachable
from holdfast.tool import Absent, CallKey, Started


class Customer(BaseModel):
    name: str
    tags: dict[str, str] = {}


class Order(BaseModel):
    paid: int
    customer: Customer | None = None
    raw: dict[str, Any] = {}


@tool.read(trust="trusted")
def get_order(order: str) -> Order:
    """Everything known of one order, by its number."""
    raise NotImplementedError


@tool.read()
def search(words: str) -> list[str]:
    """Search the web for a few words and give the addresses found."""
    raise NotImplementedError


@tool.write(timeout=5)
def refund(order: str, cents: int) -> dict[str, int]:
    """Pay money back for one order. It cannot be taken back."""
    raise NotImplementedError


@tool.write(timeout=5, undo=lambda order: None)
def reserve(order: str, *, key: CallKey) -> int:
    """Reserve the goods of one order for a day, or until they are sent."""
    raise NotImplementedError


@tool.write(timeout=5, lookup=lambda order: Absent(), effect_id="id")
def send(order: str) -> dict[str, str]:
    """Send."""
    raise NotImplementedError


@tool.read()
def broken(order: Nowhere) -> int:  # noqa: F821 - that is the point
    """A tool with a type that cannot be imported anywhere."""
    raise NotImplementedError


@tool.read()
def fetch(order: str) -> dict[str, str] | Started:
    """Begin to fetch something, which no read may do."""
    raise NotImplementedError


@tool.write(timeout=5)
def begin(order: str) -> Started:
    """Begin something that nobody can say the end of."""
    raise NotImplementedError


TOOLS = {made.name: made for made in (get_order, search, refund, reserve, send, broken, fetch, begin)}
TOOLS |= {"done": get_order, "more": get_order}
NEEDS = {"needs": {"get_order": {"order": "args.order"}}}


def found(level, tools=(), **keys):
    granted = tools if isinstance(tools, dict) else dict.fromkeys(tools, {})
    output = {"type": "object", "properties": {"cents": {"type": "integer"}}}
    contract = Contract.parse({
        "name": "desk", "task": "Decide.", "takes": {"type": "object", "properties": {"order": {"type": "string"}}}, "gives": output,
        "models": ["script:x"], "tools": granted, **keys,
    })  # fmt: skip
    return [one for one in findings(contract, TOOLS) if one.level == level]


def must(expression, **terms):
    return {"get_order": {}, "refund": {"must": [{"that": expression, "because": "so"}], **terms}}


def done(expression):
    return {"tools": ["refund", "get_order"], "done": {"must": [{"that": expression, "because": "so"}]}}


@pytest.mark.parametrize(
    ("keys", "where", "what"),
    [
        ({"tools": ["get_ordr"]}, "tools.get_ordr", "there is no tool called get_ordr"),
        ({"tools": ["done"]}, "tools.done", "a call every agent has already"),
        ({"tools": ["more"]}, "tools.more", "a call every agent has already"),
        ({"tools": ["broken"]}, "tools.broken", "Nowhere"),
        ({"tools": {"refund": {"amendable": ["euros"]}}}, "tools.refund.amendable", "refund has no argument euros"),
        ({"tools": {"refund": {"from": {"iban": ["input.order"]}}}}, "tools.refund.from", "refund has no argument iban"),
        ({"tools": {"refund": NEEDS}}, "tools.refund.needs", "get_order is not among this contract's tools"),
        ({"tools": {"refund": {"needs": {"send": {}}}, "send": {}}}, "tools.refund.needs", "send writes"),
        (
            {"tools": {"get_order": {}, "refund": {"needs": {"get_order": {"number": "args.order"}}}}},
            "tools.refund.needs.get_order", "get_order has no argument number",
        ),
        ({"tools": must("args.euros > 1")}, "tools.refund.must[0]", "refund has no argument euros"),
        ({"tools": must("arg.cents > 1")}, "tools.refund.must[0]", "`arg` is no name a condition knows"),
        ({"tools": must("args.cents >")}, "tools.refund.must[0]", "no CEL expression"),
        ({"tools": must("args.cents > 1" + " " * 500)}, "tools.refund.must[0]", "characters"),
        ({"tools": must("input.number == 'x'")}, "tools.refund.must[0]", "the input has no field number"),
        ({"tools": must("output.cents > 1")}, "tools.refund.must[0]", "`output` has no meaning here"),
        ({"tools": must("seen.get_order.paid > 1")}, "tools.refund.must[0]", "seen.get_order is not under `needs` here"),
        ({"tools": must("seen.get_order.price > 1", **NEEDS)}, "tools.refund.must[0]", "the result of get_order has no field price"),
        ({"tools": must("seen.get_order.customer.age > 1", **NEEDS)}, "tools.refund.must[0]", "no field customer.age"),
        ({"tools": must("size(effects.get_order) == 0")}, "tools.refund.must[0]", "get_order only reads"),
        ({"tools": must("size(effects.send) == 0")}, "tools.refund.must[0]", "there is no tool called send"),
        (
            {"tools": {"refund": {"review": [{"when": "args.x > 1", "because": "b"}]}}}, "tools.refund.review[0]",
            "refund has no argument x",
        ),
        ({"tools": {"refund": {"from": {"order": ["input.x"]}}}}, "tools.refund.from.order", "the input has no field x"),
        (
            {"tools": {"get_order": {}, "refund": {"needs": {"get_order": {"order": "args.x"}}}}},
            "tools.refund.needs.get_order.order", "refund has no argument x",
        ),
        ({"tools": {"refund": {"must": [{"check": "open", "because": "b"}]}}}, "predicates", "no predicate is called open"),
        ({"tools": ["fetch"]}, "tools.fetch", "only a write can return Started"),
        ({"tools": ["begin"]}, "tools.begin", "it returns Started and has no lookup"),
        (done("args.cents > 1"), "done.must[0]", "`args` has no meaning here"),
        (done("output.euros > 1"), "done.must[0]", "the output has no field euros"),
        (done("seen.get_order.paid > 1"), "done.must[0]", "not under `needs` here"),
        ({"done": {"review": {"when": "output.euros > 1", "because": "b"}}}, "done.review", "the output has no field euros"),
    ],
)  # fmt: skip
def test_what_could_never_work_is_an_error_in_its_place(keys, where, what):
    (only,) = found("error", **keys)
    assert only.where == where
    assert what in only.what
    assert str(only) == f"{where}: {only.what}"


@pytest.mark.parametrize(
    "keys",
    [
        {"tools": must("args.cents <= seen.get_order.paid", **NEEDS)},
        {"tools": must("seen.get_order.customer.name != '' && seen.get_order.raw.any.thing == 1", **NEEDS)},
        {"tools": must("seen.get_order.customer.tags.vip == 'yes'", **NEEDS)},
        {"tools": must("input.order.startsWith('O-') && run.trusted && caller.by != ''")},
        {"tools": must("total(effects.refund, 'cents') < 100 && args.order.size() > 1")},
        done("output.cents == total(effects.refund, 'cents')"),
        {"tools": {"refund": {"must": [{"check": "open", "because": "b"}]}}, "predicates": {"open": "abc"}},
        {"tools": must("input.anything.goes == 1"), "takes": {"type": "object"}},
    ],
)
def test_what_can_work_is_no_error(keys):
    assert found("error", **keys) == []


@pytest.mark.parametrize(
    ("keys", "where", "what"),
    [
        ({"tools": ["send"]}, "tools.send", "its description tells a model too little"),
        ({"tools": ["refund"]}, "tools.refund", "cannot be undone, and nobody reviews it"),
        ({"tools": ["refund"]}, "tools.refund", "after a crash nobody can tell"),
        ({"gives": {"type": "string"}}, "gives", "a free-form output proves nothing"),
        ({"gives": {"type": "object"}}, "gives", "a free-form output proves nothing"),
        ({"models": ["openai:gpt-latest"]}, "models", "openai:gpt-latest is an alias that moves"),
        ({"tools": ["search", "reserve"]}, "tools.reserve", "the Rule of Two"),
    ],
)
def test_a_strict_colleague_advises(keys, where, what):
    assert [one for one in found("advice", **keys) if one.where == where and what in one.what and one.hint]
    assert found("error", **keys) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"tools": ["get_order", "reserve"]}, {"models": ["anthropic:claude-sonnet-4-5-20250929", "openai:gpt-5.1"]},
        {"tools": {"search": {}, "reserve": {"from": {"order": ["input.order"]}}}},
        {"tools": {"search": {}, "reserve": {"review": [{"because": "b"}]}}},
    ],
)  # fmt: skip
def test_and_says_nothing_where_nothing_is_to_be_said(keys):
    assert found("advice", **keys) == []


def test_errors_come_first_and_advice_waits_until_the_contract_could_work():
    assert [one.level for one in found_all({"send": {}, "gone": {}})] == ["error"]
    levels = [one.level for one in found_all({"send": {}, "begin": {}})]
    assert levels == ["error", *["advice"] * (len(levels) - 1)] != ["error"]


def found_all(tools):
    return findings(Contract.parse({
        "name": "desk", "task": "Decide.", "takes": {}, "gives": {"type": "string"}, "models": ["x:alias"], "tools": tools,
    }), TOOLS)  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "path", "can"),
    [
        ({}, ("a", "b"), True), ({"type": "string"}, ("a",), False), ({"type": "object"}, ("a", "b"), True),
        ({"properties": {"a": {"type": "integer"}}}, ("a",), True), ({"properties": {"a": {"type": "integer"}}}, ("b",), False),
        ({"properties": {"a": {"type": "integer"}}}, ("a", "b"), False),
        ({"properties": {"a": {}}, "additionalProperties": True}, ("b",), True),
        ({"properties": {}, "additionalProperties": False}, ("b",), False),
        ({"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "string"}}}]}, ("a",), True),
        ({"$defs": {"X": {"properties": {"a": {"$ref": "#/$defs/X"}}}}, "$ref": "#/$defs/X"}, ("a", "a", "a"), True),
        ({"$defs": {"X": {"properties": {"a": {"$ref": "#/$defs/X"}}}}, "$ref": "#/$defs/X"}, ("a", "b"), False),
        ({"$defs": {"X": {"$ref": "#/$defs/X"}}, "$ref": "#/$defs/X"}, ("a",), False),
        ({"type": "array", "items": {}}, ("a",), False),
    ],
)  # fmt: skip
def test_whether_a_value_can_have_something_at_a_path_is_read_off_its_schema(schema, path, can):
    assert reachable(schema, path) is can


def test_every_agent_has_the_same_four_calls():
    assert lint.BUILTIN == ("ask", "decline", "done", "more")


# ------------------------------------------------------------------------------------------------------- delegation


def _helper(below=None, **terms):
    tools = [below] if below is not None else []
    given = {"takes": {"type": "object"}, "gives": {"type": "object", "properties": {"n": {}}}, "models": ["script:x"]}
    return Agent(name=terms.pop("name", "helper"), task="Help with one thing.", tools=tools, **given | terms)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"agree": {"about": "input.x", "on": "output.n"}}, "`input` is not known there"),
        ({"agree": {"about": "args.x +", "on": "output.n"}}, "tools.helper.agree"),
        ({"amendable": ["x"]}, "is not amended"),
    ],
)
def test_terms_of_a_delegation_that_cannot_work_are_errors(terms, said):
    with pytest.raises(ContractError, match=re.escape(said)):
        Agent(
            name="boss", task="Delegate.", takes={"type": "object"}, gives={"type": "object", "properties": {"n": {}}},
            models=["script:x"], tools={_helper(): terms},
        )  # fmt: skip


def test_an_agent_that_talks_is_nobodys_tool():
    with pytest.raises(ContractError, match="nobody would talk"):
        _helper(_helper(conversation=True), name="boss")


def test_agents_are_not_stacked_without_end():
    agent = _helper(name="a0")
    for depth in range(1, 5):
        agent = _helper(agent, name=f"a{depth}")
    with pytest.raises(ContractError, match="6 agents one below another"):
        _helper(agent, name="top")


def test_carves_belong_to_delegations():
    @tool.read(timeout=5)
    def look(x: str) -> str:
        """Look something up by its name."""
        return x

    with pytest.raises(ContractError, match="only a call that another agent answers"):
        Agent(
            name="boss", task="Look.", takes={"type": "object"}, gives={"type": "object", "properties": {"n": {}}},
            models=["script:x"], tools={look: {"limits": {"retries": 1}}},
        )  # fmt: skip
