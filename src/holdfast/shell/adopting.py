"""Putting an open run under another contract: only between turns, with its past decided again before anybody says yes.

What a person approved under the contract of before holds no more (rule 32), and is none of what is adopted over: a run in which
a call is held or under way stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from holdfast.agent import Agent
from holdfast.contract import Contract
from holdfast.core.state import State
from holdfast.errors import NotAllowed
from holdfast.events import ContractAdopted, Entry, Inline
from holdfast.shape import Misfit, shape_of
from holdfast.shell.people import People
from holdfast.shell.publishing import unfit, with_models_of
from holdfast.views.backtest import Terms, Tested, backtest

_OPEN: Final = {
    "asked": "was proposed and not judged yet", "held": "is held for a person", "cleared": "is about to start",
    "running": "is under way", "failed": "failed and may be tried again", "unsure": "is being found out about",
    "doubt": "is in doubt",
}  # fmt: skip


def contract_for(state: State, agent: Agent[Any, Any]) -> Contract:
    """The agent's contract as a run would go on under it: what answers in place of its models answers there too."""
    contract = agent.contract
    data = with_models_of(contract.data, state.contract)
    return contract if data == contract.data else Contract.parse(data, f"the contract of {agent.name}")


def hindrance(state: State, agent: Agent[Any, Any], contract: Contract) -> str:
    """Why a run cannot go on under a contract from where it stands; empty where it can."""
    if state.closed is not None:
        return f"it is closed: {state.closed.outcome}"
    if state.strange:
        return f"it holds {state.strange}, which this holdfast does not know"
    if state.opened.agent != contract.name:
        return f"it is a run of {state.opened.agent}"
    if state.contract_digest == contract.digest:
        return "it is under this contract already"
    if state.opened.parent is not None:
        return f"it is under what the contract of run {state.opened.parent.run} says, whose call it answers"
    return _ending(state) or _under_way(state) or _code(state, agent, contract)


def _ending(state: State) -> str:
    if state.cancel is not None:
        return f"{state.cancel.by} cancelled it: it is ending"
    return "it is ending" if state.stop or state.contradiction or state.disagreements or state.diverged else ""


def _under_way(state: State) -> str:
    """What keeps it from being between turns. A question of the agent's own is none: whatever is answered, it decides anew."""
    if state.asking is not None and state.asking.status == "running":
        return "a model is being asked"
    for call in state.calls.values():
        if call.status == "answered" or (call.effect == "builtin" and call.tool == "ask"):
            continue
        if call.child:
            return f"its call {call.seq} of {call.tool} is a run of its own that is open: {call.child}"
        return f"its call {call.seq} of {call.tool} {_OPEN.get(call.status, 'is open')}"
    return ""


def _code(state: State, agent: Agent[Any, Any], contract: Contract) -> str:
    under = agent if agent.contract.digest == contract.digest else agent.answered_by(contract.models)
    if wrong := unfit(under, contract):
        return f"the code here cannot carry that contract: {wrong}"
    try:
        shape_of(contract.takes).check(state.input)
    except Misfit as error:
        return f"its input does not fit what the contract takes: {error}"
    known = {*state.opened.prices, *(state.contract or {}).get("models", ())}
    if contract.limits.usd is not None and (unknown := [model for model in contract.models if model not in known]):
        return f"what {unknown[0]} costs was not recorded when it was opened, and the contract limits money"
    return ""


def past(state: State, entries: Sequence[Entry], agent: Agent[Any, Any], contract: Contract) -> Tested:
    """What a run did, decided again under the contract it has and under the one it is to have."""
    now = Contract.parse(state.contract, f"the contract of run {state.run}")
    return backtest(entries, Terms(now, agent.predicates), Terms(contract, agent.predicates))


async def adopt(
    people: People, run: str, agent: Agent[Any, Any], contract: Contract, *, by: str, actor: str = ""
) -> State:
    """Put a run under a contract, durably. Raises NotAllowed, with the reason, where that cannot be from where it stands now.

    Whoever opened it or spoke in it cannot: the contract is what it is held to.
    """

    def make(state: State) -> ContractAdopted:
        if by in state.speakers:
            raise NotAllowed(
                f"{by} opened or spoke in it, and cannot put it under another contract",
                run=run,
                hint="somebody else has to",
            )
        if wrong := hindrance(state, agent, contract):
            raise NotAllowed(f"it does not go on under another contract: {wrong}", run=run, hint="when that is over")
        return ContractAdopted(Inline(contract.data), contract.digest, by)

    return await people.judge(run, make, by=by, actor=actor)
