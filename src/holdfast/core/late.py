"""Facts that come when nobody waits for them any more: in what form they can still be kept.

A fact is never dropped. One that answers a running attempt stands as it is; one that answers a superseded attempt, or
comes to a closed run, is kept as late, where it settles money and may contradict what was settled.
"""

from __future__ import annotations

from msgspec.structs import replace

from holdfast.core.state import CallState, State
from holdfast.events import (
    AnyEvent,
    CallFailed,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    ChildClosed,
    ModelAnswered,
    ModelAnsweredLate,
    ModelFailed,
    ProgramCalled,
)


def fit(state: State, fact: AnyEvent) -> AnyEvent | None:
    """The form in which a performer's fact can be appended now; None for one that says nothing new.

    Nothing new is said by a fact that is in already, a look-up that nobody needs or that is about an earlier attempt, a
    time-out of an attempt that was written off already and is still alive, and a superseded write that was not carried out
    anyway. A look-up that finds what was ruled not to have
    happened does: it is kept as the late answer that it is.
    """
    if _is_in(state, fact):
        return None
    match fact:
        case ModelAnswered(ask=ask):
            return fact if _asks(state, ask) else ModelAnsweredLate(ask, fact.cost, fact.usage, fact.took)
        case ModelFailed(ask=ask, fate=fate):
            if _asks(state, ask):
                return fact
            return ModelAnsweredLate(ask, 0, took=fact.took) if fate == "not_done" and ask in state.owed else None
        case CallReturned(call=call, attempt=attempt):
            return fact if _runs(state, call, attempt) else _returned_late(fact)
        case CallFailed(call=call, attempt=attempt):
            if _runs(state, call, attempt):
                return fact
            return (
                CallReturnedLate(call, attempt, error=fact.error, fate=fact.fate, took=fact.took)
                if fact.ended
                else None
            )
        case CallLookedUp(call=call):
            known = state.calls.get(call)
            if state.closed is None and known is not None and known.status in ("unsure", "doubt"):
                own = _as_its_own(state, fact, known) if fact.answer == "found" else fact
                return own if own.answer == "found" or fact.attempt == known.attempt else None
            if (
                fact.answer == "found"
                and state.settled.get(call) in ("did_not", "given_up")
                and not _owners(state, fact.effect_id)
            ):
                return CallReturnedLate(
                    call, fact.attempt, fact.result, fact.digest, label=fact.label, effect_id=fact.effect_id, took=fact.took,
                    files=fact.files,
                )  # fmt: skip
            return None
    return fact


def _returned_late(fact: CallReturned) -> CallReturnedLate | None:
    """All that is said of a result, for it may be the one that counts; of work that only began, that it did."""
    if fact.complete == "simulated":
        return None
    if fact.complete == "started":
        return CallReturnedLate(fact.call, fact.attempt, fate="unknown", took=fact.took)
    return CallReturnedLate(
        fact.call, fact.attempt, fact.result, fact.digest, fact.complete, fact.missing, fact.cursor, fact.label,
        effect_id=fact.effect_id, took=fact.took, files=fact.files,
    )  # fmt: skip


def _as_its_own(state: State, found: CallLookedUp, call: CallState) -> CallLookedUp:
    """A look-up that found something, or one that cannot tell where that may be the effect of another call.

    Looked at when it is appended: what it is about may have been confirmed for another call while it was under way.
    """
    owner = state.effect_ids.get(f"{call.tool}:{found.effect_id}")
    named = sum(name.startswith(f"{call.tool}:") for name in state.effect_ids)
    if owner is not None and owner != call.seq:
        why = f"it found {found.effect_id}, which is the effect of call {owner}"
    elif owner is None and len(state.effects.get(call.tool, ())) > named:
        why = f"it found {found.effect_id}, which may be the effect of an earlier {call.tool} whose name is not known"
    else:
        return found
    return replace(found, answer="cannot_tell", effect_id="", result=None, digest="", message=why)


def _owners(state: State, effect_id: str) -> set[int]:
    """The calls that an effect of this name is confirmed for, of whatever tool."""
    return {call for name, call in state.effect_ids.items() if name.partition(":")[2] == effect_id}


def _is_in(state: State, fact: AnyEvent) -> bool:
    """Whether this very fact stands in the journal: its append was reported as failed, and had got in; or somebody else told it."""
    match fact:
        case ChildClosed(call=call, child=child):
            known = state.calls.get(call)
            return known is None or known.status != "running" or known.child != child
        case ProgramCalled(call=call, attempt=attempt):  # of an attempt that nobody waits for it says nothing
            return not _runs(state, call, attempt)
        case ModelAnswered(ask=ask):
            return state.answer_seq > ask and state.answered == fact
        case CallReturned(call=call, attempt=attempt):
            known = state.calls.get(call)
            return (
                known is not None
                and known.attempt == attempt
                and known.ok
                and not known.looked
                and not known.error  # one that was written off, and answered by an earlier attempt, did not say this yet
                and known.result_digest == fact.digest
            )
        case CallFailed(call=call, attempt=attempt):
            known = state.calls.get(call)
            return (
                known is not None
                and known.attempt == attempt
                and (known.error, known.message) == (fact.error, fact.message)
            )
    return False


def _asks(state: State, ask: int) -> bool:
    asking = state.asking
    return state.closed is None and asking is not None and asking.seq == ask and asking.status == "running"


def _runs(state: State, call: int, attempt: int) -> bool:
    known = state.calls.get(call)
    return state.closed is None and known is not None and known.status == "running" and known.attempt == attempt
