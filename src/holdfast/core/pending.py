"""`pending`: what is to be done in the world now, and `outlook`: how a run stands when nobody drives it.

A request without an answer is an effect to perform, for whoever won its start entry; a look-up needs no start, since asking
twice does no harm.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.agent import Bound
from holdfast.core import attempts, children, decide, ending, limits, recovery, shares
from holdfast.core.state import Moment, State


class AskModel(Struct, frozen=True, gc=False):
    """Get an answer for the `ModelAsked` at `ask`."""

    ask: int


class RunCall(Struct, frozen=True, gc=False):
    """Perform the attempt that `CallStarted` at `start` began."""

    call: int
    start: int


class LookUp(Struct, frozen=True, gc=False):
    """Ask the other system what became of an attempt."""

    call: int
    attempt: int


class Tend(Struct, frozen=True, gc=False):
    """See to it that the child run of a call is open, and driven; or cancelled. Doing so twice does no harm."""

    call: int
    cancel: bool


Effected: TypeAlias = AskModel | RunCall | LookUp
"""What is done in the world."""

Pending: TypeAlias = Effected | Tend
"""That, and what is done in other runs."""


def pending(bound: Bound, state: State, moment: Moment) -> tuple[Pending, ...]:
    """What this worker is to perform now, in the order of its entries."""
    if state.closed is not None or state.strange:
        return ()
    out: list[Pending] = []
    asking = state.asking
    if asking is not None and asking.status == "running" and asking.worker == moment.worker:
        out.append(AskModel(asking.seq))
    for call in state.calls.values():
        if call.effect == "child":
            if call.status == "running":
                out.append(Tend(call.seq, ending.is_ending(bound, state)))
        elif call.status == "running" and call.worker == moment.worker:
            out.append(RunCall(call.seq, call.start))
        elif recovery.to_look_up(bound, call) and moment.at >= recovery.look_at(bound, call):
            out.append(LookUp(call.seq, call.attempt))
    return tuple(out)


class Outlook(Struct, frozen=True, gc=False):
    """How a run stands."""

    status: Literal["working", "waiting", "closed"]
    due: int | None
    """When somebody should look at it next; 0: now; None: when something is appended."""
    waits_for: str = ""
    """`requester`, a role, `person`, or `time`."""


NEVER: Final[int | None] = None


def outlook(state: State) -> Outlook:
    """How a run stands, as far as its entries tell; what its contract adds is `outlook_of`."""
    if state.closed is not None:
        return Outlook("closed", NEVER)
    leases = [call.until for call in state.calls.values() if call.status == "running" and call.effect != "child"]
    if state.asking is not None and state.asking.status == "running":
        leases.append(state.asking.until)
    if leases:
        return Outlook("working", min(leases))
    return Outlook("working", 0)


def outlook_of(bound: Bound, state: State, moment: Moment) -> Outlook:
    """How a run stands when `decide` has nothing to say at this moment: on what it waits, and until when."""
    base = outlook(state)
    if base.status == "closed":
        return base
    if shares.names(bound, state) - moment.held.keys():  # what other runs hold is to be looked at first
        return Outlook("working", base.due or 0)
    times = [limits.wall_ends(bound, state)] if state.limit is None else []
    times += [question.asked.until for question in state.questions.values() if question.asked.until]
    for call in state.calls.values():
        looked_up = recovery.to_look_up(bound, call)
        if call.status in ("failed", "unsure") and not recovery.ending_soon(state) and not (looked_up and not call.key):
            times.append(attempts.retry_at(bound, call))
        if looked_up:
            times.append(recovery.look_at(bound, call))
    asking = state.asking
    if asking is not None and asking.status == "failed":
        times.append(decide.again_at(state))
    if children.running(state):
        times.append(moment.at + children.LOOK)
    if state.awaits:
        times += shares.look_at(state, moment)
    later = [time for time in times if time > moment.at]
    if base.due:
        return Outlook("working", min([base.due, *later]))
    due = min(later, default=None)
    return Outlook("waiting", due, waits_for(state))


def outlook_after(bound: Bound, state: State, moment: Moment) -> Outlook:
    """How a run stands after a fact that came from elsewhere: due at once where something follows from it."""
    if state.closed is not None or state.strange or decide.foresee(bound, state, moment):
        return outlook(state)
    return outlook_of(bound, state, moment)


def waits_for(state: State) -> str:
    """On whom a run waits, in a word."""
    roles = {question.asked.role or "person" for question in state.questions.values()}
    if roles:
        return min(roles, key=lambda role: (role == "requester", role))
    if state.halted:
        return "stop"
    if state.replied:
        return "requester"
    if state.awaits:
        return "stop" if any(one.place.clause == "stop" for one in state.awaits.values()) else "place"
    if children.running(state):
        return "child"
    return "person" if state.paused or state.limit is not None else "time"
