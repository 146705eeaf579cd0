"""Which contract a new run begins under, where contracts of its agent were accepted; and whether today's code can carry one."""

from __future__ import annotations

from typing import Any, Final

from holdfast import lint
from holdfast.agent import Agent, Bound, Delegate, source_digest
from holdfast.contract import Contract
from holdfast.core import shares
from holdfast.core.state import State
from holdfast.errors import ContractError
from holdfast.events import Json
from holdfast.shape import Misfit
from holdfast.shell.control import Control, Published
from holdfast.tool import Tool

STANDIN: Final = "script:"
"""How the name of a model begins that is a script. It answers in place of the models of any contract."""


class Publishing:
    """What new runs begin under. What was found to fit is remembered: a contract is parsed and looked through once."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._looked: dict[tuple[str, str], tuple[Bound, str]] = {}

    def begins(self, agent: Agent[Any, Any], key: str) -> Bound:
        """The contract that the run with this key begins under, with today's code: the agent's own where none was ever accepted.

        One that only a part of the runs is to begin under, and that today's code cannot carry, gives way to the one for all. A
        contract that nobody accepted never takes its place: raises ContractError where that one cannot be carried either.
        """
        chosen = self._control.chosen(agent.name, key)
        if chosen is None:
            return agent.bound
        whole = self._control.in_force(agent.name)[0]
        bound, wrong = self._look(agent, chosen)
        if wrong:
            bound, wrong = self._look(agent, whole)
        if not wrong:
            return bound
        raise ContractError(
            f"new runs of {agent.name} begin under contract {whole.digest[:12]}, which {whole.by} accepted, and the code here "
            f"cannot carry it: {wrong}",
            hint=f"open them with the code that it was accepted with, or accept today's: holdfast accept {agent.name}",
        )

    def _look(self, agent: Agent[Any, Any], published: Published) -> tuple[Bound, str]:
        """(a contract with today's code, why that cannot carry it)."""
        place = agent.contract.digest, published.digest
        if place not in self._looked:
            contract = Contract.parse(
                published.contract, f"the contract that {published.by} accepted for {published.agent}"
            )
            wrong, under = unfit(agent, contract), answered(agent, contract)
            self._looked[place] = (agent.bound if under.digest == agent.contract.digest else agent.bind(under)), wrong
        return self._looked[place]


def unfit(agent: Agent[Any, Any], contract: Contract) -> str:
    """Why an agent's code cannot carry a contract; empty where it can."""
    if contract.digest == agent.contract.digest:
        return ""
    if wrong := _lacking(agent, contract) or _mistaken(agent, contract):
        return wrong
    for name, terms in contract.tools.items():
        below = agent.tools[name]
        if terms.agent is not None and isinstance(below, Delegate):
            if found := unfit(below.agent, Contract.parse(terms.agent, f"tools.{name} of {contract.name}")):
                return f"{name}: {found}"
        elif (terms.agent is not None) != isinstance(below, Delegate):
            return f"{name} is {'an agent there' if terms.agent is not None else 'an agent here'}, and not the other"
    return ""


def _lacking(agent: Agent[Any, Any], contract: Contract) -> str:
    if missing := [name for name in contract.tools if name not in agent.tools]:
        return f"there is no tool {missing[0]}"
    for name, digest in contract.predicates.items():
        if name not in agent.predicates:
            return f"there is no predicate {name}"
        if source_digest(agent.predicates[name]) != digest:
            return f"the source of the predicate {name} is another one"
    return ""


def _mistaken(agent: Agent[Any, Any], contract: Contract) -> str:
    """What a contract says of an agent's tools that is not so."""
    return next((str(one) for one in lint.findings(contract, agent.tools) if one.level == "error"), "")


class Carried:
    """Whether the code here can go on with a run, under the contract that stands in its journal.

    A tool that takes or gives something else than when the run began is no hindrance as long as the contract's rules still speak
    of what it takes; its calls go before a person.
    """

    def __init__(self, agent: Agent[Any, Any] | None, contract: Contract | None, state: State | None) -> None:
        self.wrong = ""
        """Why it cannot, whatever the run does next; empty where it can."""
        self._changed: dict[str, Tool[..., Any]] = {}
        if agent is None or contract is None or state is None:
            return
        then = state.opened.versions
        self._changed = {
            name: made
            for name in contract.tools
            if (made := agent.tools.get(name)) is not None and then.get(name, made.digest) != made.digest
        }
        why = _lacking(agent, contract) or (_mistaken(agent, contract) if self._changed else "")
        self.wrong = f"the code there cannot carry its contract: {why}" if why else ""

    def outgrown(self, state: State) -> str:
        """A call that was proposed and that its tool would not take any more, in words; empty where there is none."""
        for call in state.calls.values() if self._changed else ():
            if call.tool not in self._changed or call.problem or call.status not in shares.OPEN:
                continue
            try:
                self._changed[call.tool].takes.check(call.args)
            except Misfit as error:
                said = " ".join(str(error).split())
                return f"call {call.seq} of {call.tool} does not fit what the tool takes there: {said}"
        return ""


NOTHING_WRONG: Final = Carried(None, None, None)


def answered(agent: Agent[Any, Any], contract: Contract) -> Contract:
    """A contract with other models in place of its own, where such were named for the agent here."""
    data = with_models_of(contract.data, agent.contract.data, named=agent.answered)
    return contract if data == contract.data else Contract.parse(data, f"the contract accepted for {agent.name}")


def with_models_of(data: Json, other: Json, *, named: bool = False) -> Json:
    """A contract's data with the models that answer for another one and those below it: scripts, or what was named for it."""
    before = (other or {}).get("models") or []
    instead = bool(before) and (named or all(str(one).startswith(STANDIN) for one in before))
    tools = dict(data["tools"])
    for name, terms in tools.items():
        known = ((other or {}).get("tools") or {}).get(name) or {}
        if terms and terms.get("agent") and known.get("agent"):
            tools[name] = {**terms, "agent": with_models_of(terms["agent"], known["agent"], named=named)}
    return {**data, "models": list(before) if instead else data["models"], "tools": tools}
