"""An agent: a contract and the code it speaks of, bound together."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from holdfast import tool
from holdfast.agent import Agent
from holdfast.conditions import Unanswered
from holdfast.contract import Contract
from holdfast.errors import ContractError
from holdfast.shape import SchemaShape, TypeShape


class Request(BaseModel):
    order: str


class Decision(BaseModel):
    cents: int


@tool.read()
def get_order(order: str) -> dict[str, int]:
    """Everything known of one order."""
    return {}


@tool.write(timeout=5)
def refund(order: str, cents: int) -> int:
    """Pay money back."""
    return cents


def open_hours(names):
    return names["args"]["cents"] > 0


def breaks(names):
    raise RuntimeError("the calendar is gone")


def vague(names):
    return "yes"


def an_agent(**changes):
    given = {
        "name": "desk", "task": "Decide.", "takes": Request, "gives": Decision, "tools": [get_order, refund],
        "models": ["script:x"],
    }  # fmt: skip
    return Agent(**{**given, **changes})


def test_an_agent_is_its_contract_and_its_code():
    agent = an_agent()
    assert agent.name == agent.contract.name == "desk"
    assert list(agent.contract.tools) == ["get_order", "refund"]
    assert agent.contract.takes == agent.takes.schema
    assert agent.contract.gives == agent.gives.schema
    assert agent.tools == {"get_order": get_order, "refund": refund}
    assert repr(agent) == f"<Agent desk {agent.contract.digest[:12]}>"


def test_terms_of_tools_are_given_beside_them():
    agent = an_agent(tools={get_order: {}, refund: {"at_most": 1}}, limits={"steps": 3}, conversation=True)
    assert agent.contract.tools["refund"].at_most == 1
    assert agent.contract.limits.steps == 3
    assert agent.contract.conversation is True


def test_types_and_schemas_may_be_mixed():
    agent = an_agent(takes={"type": "object"}, gives=None)
    assert isinstance(agent.takes, SchemaShape)
    assert agent.gives.schema == {"type": "null"}


def test_everything_that_is_wrong_is_said_at_once_and_says_with_whom():
    rules = {"must": [{"that": "args.euros > 0", "because": "b"}], "amendable": ["dollars"]}
    with pytest.raises(ContractError) as caught:
        an_agent(tools={refund: rules})
    assert caught.value.what.startswith("agent desk:")
    assert "refund has no argument euros" in caught.value.what
    assert "refund has no argument dollars" in caught.value.what
    with pytest.raises(ContractError, match=r"agent desk: .*`limits\.steps`"):
        an_agent(limits={"steps": 0})


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([open_hours], "open_hours is a function, not a tool"),
        ([get_order, tool.read(name="get_order")(open_hours)], "two tools are called get_order"),
    ],
)
def test_a_tool_is_declared_and_has_a_name_of_its_own(tools, said):
    with pytest.raises(ContractError, match=said):
        an_agent(tools=tools)


def test_no_tool_takes_the_name_of_a_call_that_every_agent_has():
    with pytest.raises(ContractError, match="done is a call every agent has already"):
        an_agent(tools=[tool.read(name="done")(get_order.function)])


# ------------------------------------------------------------------------------------------------------- predicates


def test_the_source_of_a_predicate_is_part_of_the_contract():
    one, none, other = (an_agent(predicates=found) for found in ([open_hours], [], [vague]))
    assert len({one.contract.digest, none.contract.digest, other.contract.digest}) == 3
    assert list(one.contract.predicates) == ["open_hours"]


def test_a_predicate_without_source_is_refused():
    made: dict[str, object] = {}
    exec("def made_up(names): return True", made)
    with pytest.raises(ContractError, match="made_up"):
        an_agent(predicates=[made["made_up"]])


def test_a_predicate_must_be_given_if_a_rule_names_it():
    with pytest.raises(ContractError, match="no predicate is called open_hours"):
        an_agent(tools={refund: {"must": [{"check": "open_hours", "because": "b"}]}})


def test_an_error_in_a_predicate_is_never_a_yes():
    bound = an_agent(predicates=[open_hours, breaks, vague]).bound
    assert bound.asks("open_hours", {"args": {"cents": 1}}) is True
    assert bound.asks("open_hours", {"args": {"cents": 0}}) is False
    assert bound.asks("vague", {}) is False
    for check, names in (("breaks", {}), ("open_hours", {}), ("unheard_of", {})):
        with pytest.raises(Unanswered, match=check):
            bound.asks(check, names)


# ---------------------------------------------------------------------------------------------------------- binding


def test_a_parked_run_gets_todays_code_under_the_contract_it_was_opened_with():
    agent = an_agent()
    old = Contract.parse({**agent.contract.data, "task": "Decide as before.", "tools": {"get_order": {}, "gone": {}}})
    bound = agent.bind(old)
    assert bound.contract is old
    assert bound.tools == {"get_order": get_order}
    assert isinstance(bound.gives, SchemaShape)
    assert bound.gives.check({"cents": 1}) == {"cents": 1}


def test_under_its_own_contract_an_agent_keeps_its_types():
    agent = an_agent()
    again = agent.bind(Contract.parse(agent.contract.data))
    assert isinstance(again.gives, TypeShape)
    assert again.gives.python({"cents": 1}) == Decision(cents=1)


def test_versions_tell_whether_a_tool_is_still_the_one_it_was():
    changed = tool.write(timeout=5, name="refund")(get_order.function)
    one, same, other = (an_agent(tools=[get_order, made]).bound.versions for made in (refund, refund, changed))
    assert one == same
    assert one["refund"] != other["refund"]
    assert one["get_order"] == other["get_order"]


def test_a_predicate_that_is_not_the_one_it_was_refuses():
    """A parked run is held to the predicates it began with."""
    agent = an_agent(predicates=[open_hours])
    old = Contract.parse({**agent.contract.data, "predicates": {"open_hours": "another"}})
    with pytest.raises(Unanswered, match="another one than when this run began"):
        agent.bind(old).asks("open_hours", {"args": {"cents": 1}})
