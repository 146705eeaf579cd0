"""`fold`: what is known after one more entry. One small function per kind, and a table that names them all.

An entry is legal if the call it speaks of may make that move (`state.MOVES`) and a closed run may still take its kind. A
fold that meets an illegal entry raises Bug and changes nothing: the journal is wrong, or the writer was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from holdfast.codec import value_of
from holdfast.core import fold_calls, fold_children, fold_model, fold_people, fold_shares, prompt, provenance
from holdfast.core.fold_calls import Changes, replace
from holdfast.core.log import Log, Tally
from holdfast.core.state import Source, State
from holdfast.dialogue import Told
from holdfast.errors import Bug
from holdfast.events import (
    AFTER_CLOSE,
    FOLD,
    BodiesErased,
    CallUndone,
    CancelAsked,
    Checkpointed,
    ContractAdopted,
    ContractPublished,
    Contradiction,
    Entry,
    LimitAsked,
    LimitGranted,
    LimitReached,
    Noted,
    Notified,
    Paused,
    PlaceAwaited,
    PlaceTaken,
    Resumed,
    RunClosed,
    RunOpened,
    SwitchedOff,
    SwitchedOn,
    Unknown,
    Viewed,
)
from holdfast.labels import TRUSTED, UNTRUSTED, meet


def fold(state: State | None, entry: Entry) -> State:
    """What is known after `entry`. Raises Bug for an entry that cannot follow."""
    event = entry.event
    if state is None:
        if not isinstance(event, RunOpened) or entry.seq != 1:
            raise Bug("a run begins with RunOpened, and this one does not", run=entry.run, seq=entry.seq)
        return _opened(entry, event)
    if entry.seq != state.seq + 1:
        raise Bug(f"entry {entry.seq} cannot follow entry {state.seq}", run=state.run, seq=entry.seq)
    if isinstance(event, Unknown):
        return replace(state, seq=entry.seq, at=max(state.at, entry.at), strange=event.kind)
    if state.closed is not None and type(event) not in AFTER_CLOSE:
        raise Bug(f"a closed run cannot take a {type(event).__name__}", run=state.run, seq=entry.seq)
    changes = _FOLDS[type(event)](state, entry, event)
    return replace(state, seq=entry.seq, at=max(state.at, entry.at), **changes)


def fold_all(entries: Iterable[Entry], state: State | None = None) -> State:
    """What is known after all of these. Raises Bug for none at all."""
    for entry in entries:
        state = fold(state, entry)
    if state is None:
        raise Bug("there are no entries to fold")
    return state


def _opened(entry: Entry, event: RunOpened) -> State:
    contract = value_of(event.contract)
    given = value_of(event.input)
    own, foreign = provenance.untrusted_parts(given, contract["takes"] if contract else {})
    files = prompt.attached(event.attachments, 1)
    sources = [Source("input", trusted=True, value=own)]
    if not event.label.trusted:
        sources = [Source("untrusted:1", trusted=False, value=[own, foreign, *(file.text for file in files)])]
    elif foreign is not None or files:
        sources.append(
            Source(
                "untrusted:1",
                trusted=False,
                value=[foreign, *(file.text for file in files)],
            )
        )
    label = meet(TRUSTED if len(sources) == 1 else UNTRUSTED, event.label)
    text = Told((1, 0), "input", prompt.text_of(given), files)
    return State(
        run=entry.run, seq=1, at=entry.at, opened=event, opened_at=entry.at, contract=contract,
        contract_digest=event.contract_digest, input=given, epoch=event.epoch, sources=Log(sources), label=label,
        repeats=Tally(), transcript=Log(), unsent=(text,), speakers=fold_people.named(event.by, event.on_behalf_of, *event.forked_by),
        strange=_newer(event.versions.get("fold", "")),
    )  # fmt: skip


def _newer(version: str) -> str:
    """What is strange about a run that counts on a later meaning of entries than ours."""
    return f"fold {version}" if version.isdigit() and int(version) > FOLD else ""


def _contradiction(state: State, entry: Entry, event: Contradiction) -> Changes:
    if event.children:
        told = Told((entry.seq, 0), "machine", event.what)
        return {"disagreements": {**state.disagreements, event.seqs: event.what}, "unsent": (*state.unsent, told)}
    rest = tuple(seq for seq in state.conflict if seq not in event.seqs)
    calls = tuple(state.late[seq] for seq in event.seqs if seq in state.late)
    return {
        "conflict": rest,
        "contradiction": event.what,
        "unresolved": tuple(dict.fromkeys((*state.unresolved, *calls))),
    }


def _limit(state: State, entry: Entry, event: LimitReached) -> Changes:
    return {"limit": event, "limit_seq": entry.seq}


def _granted(state: State, entry: Entry, event: LimitGranted) -> Changes:
    grants = {**state.grants, event.limit: state.grants.get(event.limit, 0) + event.amount}
    met = state.limit is not None and state.limit.limit == event.limit
    questions = {seq: q for seq, q in state.questions.items() if q.asked.limit != event.limit}
    return {"grants": grants, "limit": None if met else state.limit, "questions": questions}


def _paused(state: State, entry: Entry, event: Paused) -> Changes:
    if event.stop:
        return {"halted": event.stop, "halted_why": f"{event.by} stopped it{': ' + event.why if event.why else ''}"}
    return {"paused": True}


def _resumed(state: State, entry: Entry, event: Resumed) -> Changes:
    if event.forked:
        return _forked(state, entry, event)
    if event.epoch > state.epoch:
        calls = {seq: fold_calls.maybe_begun(state, entry, call) for seq, call in state.calls.items()}
        return {"epoch": event.epoch, "recovered": entry.seq, "calls": calls}
    return {"halted": 0, "halted_why": ""} if event.stop else {"paused": False}


def _forked(state: State, entry: Entry, event: Resumed) -> Changes:
    """The first entry of a fork's own: from here on the time and the cost are its own.

    What people wanted of the other run, and what stood in its way, does not hold this one; a ceiling that is still reached
    is found to be. A request that failed there is made anew, and so are its attempts counted.
    """
    asking = state.asking
    if asking is not None:
        error = "lost" if asking.status == "failed" else asking.error
        asking = replace(asking, error=error, failures=0, tried=(), retry_at=0)
    return {
        "paused": False, "halted": 0, "halted_why": "", "holds": {}, "awaits": {}, "cancel": None, "stop": "", "taken": "",
        "gave_up": False, "rejections": 0, "limit": None, "unresolved": (),
        "asking": asking, "epoch": max(state.epoch, event.epoch), "opened_at": entry.at,
        "inherited": replace(state.spent, reserved=0, carved=0, carved_retries=0),
        "rested": (*state.rested, (state.seq, entry.at - state.at)),
    }  # fmt: skip


def _cancel(state: State, entry: Entry, event: CancelAsked) -> Changes:
    return {"cancel": event}


def _adopted(state: State, entry: Entry, event: ContractAdopted) -> Changes:
    calls = {seq: replace(call, votes=()) for seq, call in state.calls.items()}
    return {"contract": value_of(event.contract), "contract_digest": event.contract_digest, "calls": calls}


def _closed(state: State, entry: Entry, event: RunClosed) -> Changes:
    writing = [
        call.seq for call in state.calls.values() if call.effect == "write" and call.status in ("running", "unsure")
    ]
    if below := [call.seq for call in state.calls.values() if call.effect == "child" and call.status == "running"]:
        raise Bug(f"a run cannot close while the child run of call {below[0]} is open", run=state.run, seq=entry.seq)
    if writing:
        raise Bug(f"a run cannot close while the write {writing[0]} is on its way", run=state.run, seq=entry.seq)
    doubts = {seq: q for seq, q in state.questions.items() if q.asked.about == "doubt"}
    held = state.spent.reserved if state.asking is not None and state.asking.status == "running" else 0
    return {
        "closed": event,
        "spent": replace(state.spent, reserved=0, unsettled=state.spent.unsettled + held) if held else state.spent,
        "owed": {**state.owed, state.asking.seq: held} if held and state.asking else state.owed,
        "unresolved": tuple(dict.fromkeys((*state.unresolved, *event.unresolved))),
        "questions": doubts,
        **fold_shares.closed(state),
    }


def _noted(state: State, entry: Entry, event: Noted) -> Changes:
    return {} if event.finding in state.found else {"found": (*state.found, event.finding)}


def _opened_again(state: State, entry: Entry, event: RunOpened) -> Changes:
    raise Bug("a run is opened once", run=state.run, seq=entry.seq)


def _nothing(state: State, entry: Entry, event: object) -> Changes:
    return {}


_FOLDS: Final[dict[type, Callable[[State, Entry, Any], Changes]]] = {
    **fold_model.MODEL, **fold_calls.CALLS, **fold_people.PEOPLE, **fold_children.CHILDREN, RunOpened: _opened_again,
    Contradiction: _contradiction, LimitReached: _limit, LimitGranted: _granted, Paused: _paused, Resumed: _resumed,
    CancelAsked: _cancel, ContractAdopted: _adopted, RunClosed: _closed,
    PlaceAwaited: fold_shares.awaited, PlaceTaken: fold_shares.taken,
    CallUndone: _nothing, LimitAsked: _nothing,
    BodiesErased: _nothing, Noted: _noted,
    Checkpointed: _nothing, Viewed: _nothing, Notified: _nothing, SwitchedOff: _nothing, SwitchedOn: _nothing, ContractPublished: _nothing,
}  # fmt: skip
"""Every kind there is; a kind that changes nothing says so."""
