"""How a run ends. Closing is a phase: nothing new starts, what only read is abandoned, running writes are awaited.

`RunClosed` is not decided while a write may still be on its way. What nobody could settle is listed in it, and stays before
people until somebody does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from holdfast.agent import Bound
from holdfast.core import attempts, children, recovery
from holdfast.core.state import Moment, State
from holdfast.events import AnyEvent, Outcome, QuestionWithdrawn, RunClosed


class Ending(Struct, frozen=True, gc=False):
    """Why a run has to end, other than by what the agent itself concluded."""

    outcome: Outcome
    reason: str
    fault: Literal["", "agent", "tool", "model", "contract", "holdfast"] = ""


def why(bound: Bound, state: State) -> Ending | None:
    """The ending a run is bound for, if it is."""
    if state.cancel is not None:
        because = f": {state.cancel.because}" if state.cancel.because else ""
        return Ending("cancelled", f"{state.cancel.by} cancelled it{because}")
    if state.contradiction:
        return Ending("stopped", state.contradiction, "tool")
    if state.taken:
        return Ending("escalated", f"{state.taken} took it over")
    if state.stop:
        return Ending("stopped", state.stop, "agent" if state.gave_up else "")
    surprises = bound.contract.surprises
    if state.limit is not None and (surprises.limit == "stop" or state.limit.limit in state.opened.carved):
        reached = state.limit
        return Ending("stopped", f"the limit of {reached.limit} was reached ({reached.used} of {reached.ceiling})")
    if state.diverged:
        return Ending("failed", state.diverged, "holdfast")
    if surprises.contradiction == "stop" and state.disagreements:
        return Ending("stopped", next(iter(state.disagreements.values())), "agent")
    if surprises.unknown == "stop" and (doubt := next((c for c in state.calls.values() if c.status == "doubt"), None)):
        return Ending("stopped", f"it is not known whether {doubt.tool} happened", "tool")
    if surprises.exhausted == "stop" and (spent := next((c for c in state.turn_calls if _exhausted(c.rules)), None)):
        return Ending("stopped", f"{spent.tool} could not be carried out: {spent.message}", "tool")
    if surprises.partial == "stop" and (
        part := next(
            (c for c in state.turn_calls if c.complete == "partial" and not attempts.paging(bound, state, c)), None
        )
    ):
        return Ending("stopped", f"{part.tool} gave only a part: {part.missing}", "tool")
    return _model_gave_up(bound, state)


def _exhausted(rules: Sequence[object]) -> bool:
    return any(getattr(fired, "rule", "") == "surprises.exhausted" for fired in rules)


def _model_gave_up(bound: Bound, state: State) -> Ending | None:
    asking = state.asking
    if asking is None or asking.status != "failed" or asking.error in ("lost", "context"):
        return None
    retried_out = asking.failures > bound.contract.limits.retries
    final = asking.error in ("auth", "rejected", "filter", "quota", "not_found") or retried_out
    if final and not [model for model in bound.contract.models if model not in (*asking.tried, asking.model)]:
        return Ending(
            "failed", f"no model answered: {asking.model} gave {asking.error} ({asking.message[:300]})", "model"
        )
    return None


def is_ending(bound: Bound, state: State) -> bool:
    """Whether the run is closing."""
    return why(bound, state) is not None


def end(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Bring a run to its end: withdraw, refuse, await, close."""
    ending = why(bound, state)
    if ending is None:
        return []
    open_doubts = {call.seq for call in state.calls.values() if call.status == "doubt"}
    out: list[AnyEvent] = [
        QuestionWithdrawn(question.seq, "closing")
        for question in state.questions.values()
        if question.asked.call not in open_doubts
    ]
    out += [
        attempts.refuse(call.seq, "closing", "the run is ending", call.version)
        for call in state.calls.values()
        if call.status in ("asked", "held", "cleared", "failed") or (call.status == "unsure" and call.effect != "write")
    ]
    if out:
        return out
    if waiting := [
        call for call in state.calls.values() if call.effect == "write" and call.status in ("running", "unsure")
    ]:
        return recovery.settle_doubts(bound, state, moment, waiting)
    if children.running(state):
        return []  # they are cancelled: see `pending`
    unresolved = tuple(sorted({*state.unresolved, *open_doubts}))
    return [RunClosed(ending.outcome, ending.reason, fault=ending.fault, unresolved=unresolved)]
