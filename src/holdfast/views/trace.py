"""The trace: a run's entries as a tree of turns and calls, with everything said about a call beside it.

    for item in trace(entries).items: ...

One small function per kind of entry, and a table that names them all. An entry that speaks of something that is not
there changes nothing: a trace shows what can be shown, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from holdfast.errors import UsageError
from holdfast.events import (
    ContractAdopted,
    Entry,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    OutputRejected,
    Replied,
    RunClosed,
    RunOpened,
    Said,
    Unknown,
)
from holdfast.views import record
from holdfast.views.attached import attached
from holdfast.views.calls import CALLS, Draft, close_question, keep_call
from holdfast.views.claims import CLAIMS
from holdfast.views.delegation import DELEGATION
from holdfast.views.happenings import HAPPENINGS, happened
from holdfast.views.record import Asked, Content, End, Trace, Turn, content
from holdfast.views.waits import WAITS, no_longer

replace = msgspec.structs.replace


def trace(entries: Sequence[Entry]) -> Trace:
    """What happened in a run. Raises UsageError for no entries, or for ones that do not begin a run."""
    opened = entries[0].event if entries else None
    if not isinstance(opened, RunOpened):
        raise UsageError("a trace begins with the entry that opened the run")
    draft = Draft()
    for entry in entries:
        event = entry.event
        if isinstance(event, Unknown):
            happened(draft, entry, f"an entry of a kind this version does not know: {event.kind}")
        else:
            _TABLE[type(event)](draft, entry, event)
        if draft.waiting:
            no_longer(draft, entry)
    return _made(draft, entries, opened)


def _made(draft: Draft, entries: Sequence[Entry], opened: RunOpened) -> Trace:
    first, last = entries[0], entries[-1]
    return Trace(
        run=first.run,
        seq=last.seq,
        agent=opened.agent,
        mode=opened.mode,
        by=opened.by,
        opened=first.at,
        at=last.at,
        input=content(opened.input) or Content(),
        contract=draft.contract,
        contract_digest=draft.contract_digest,
        on_behalf_of=opened.on_behalf_of,
        tenant=opened.tenant,
        key=opened.key,
        tags=opened.tags,
        parent=opened.parent.run if opened.parent else "",
        parent_call=opened.parent.call if opened.parent else 0,
        carved=opened.carved,
        forked_from=opened.forked_from.run if opened.forked_from else "",
        forked_at=opened.forked_from.call if opened.forked_from else 0,
        undoes=opened.undoes,
        attachments=attached(opened.attachments),
        items=tuple(draft.items),
        calls=draft.calls,
        questions=draft.questions,
        paused=draft.paused,
        halted=draft.halted,
        waited=tuple(draft.waited),
        cancelled_by=draft.cancelled_by,
        totals=draft.totals,
        end=draft.end,
        moments=tuple([entry.at for entry in entries]),
    )


# ---------------------------------------------------------------------------------------------------------- the run


def _opened(draft: Draft, entry: Entry, event: RunOpened) -> None:
    draft.contract, draft.contract_digest = (content(event.contract) or Content()).value, event.contract_digest


def _adopted(draft: Draft, entry: Entry, event: ContractAdopted) -> None:
    draft.contract, draft.contract_digest = (content(event.contract) or Content()).value, event.contract_digest
    happened(draft, entry, f"the run goes on under contract {event.contract_digest[:12]}", event.by)


def _said(draft: Draft, entry: Entry, event: Said) -> None:
    draft.items.append(
        record.Said(
            entry.seq,
            entry.at,
            event.by,
            content(event.text) or Content(),
            ends=event.ends,
            attachments=attached(event.attachments),
        )
    )
    waiting = next((q for q in draft.open_questions if q.role == "requester" and q.about == "question"), None)
    if waiting is not None:
        words = (content(event.text) or Content()).value
        voice = record.Voice(entry.seq, entry.at, "answer", event.by, entry.actor, "" if words is None else str(words))
        draft.questions[waiting.seq] = replace(waiting, voices=(voice,), end="answered", ended=entry.seq)
        call = draft.calls.get(waiting.call)
        if call is not None:
            keep_call(draft, call, stage="answered", ending="answered", answered=entry.seq, told=str(words))


def _replied(draft: Draft, entry: Entry, event: Replied) -> None:
    turn = draft.turn
    words = turn.text if turn is not None and turn.text is not None else Content()
    draft.items.append(record.Said(entry.seq, entry.at, "", words, to_agent=False))


def _closed(draft: Draft, entry: Entry, event: RunClosed) -> None:
    draft.end = End(
        entry.seq, entry.at, event.outcome, event.reason, content(event.output), event.fault, event.unresolved
    )
    _leave_unsettled(draft)
    for question in draft.open_questions:
        if question.about != "doubt":
            close_question(draft, question.seq, "closing", entry.seq)
    for call in list(draft.calls.values()):
        if call.tool in ("done", "decline") and call.effect == "builtin" and call.stage == "cleared":
            keep_call(draft, call, stage="answered", ending="accepted", answered=entry.seq)


def _leave_unsettled(draft: Draft) -> None:
    """What was held for a model that has not answered yet stays charged."""
    asked = draft.turn.asked[-1] if draft.turn is not None else None
    if asked is not None and asked.state == "running" and draft.totals.reserved:
        held, totals = draft.totals.reserved, draft.totals
        draft.totals = replace(totals, reserved=0, unsettled=totals.unsettled + held)
        _settle_ask(draft, asked.seq, unsettled=held)


# ------------------------------------------------------------------------------------------------------- the model


def _model_asked(draft: Draft, entry: Entry, event: ModelAsked) -> None:
    asked = Asked(entry.seq, entry.at, event.attempt, event.model, event.worker, event.heard, event.reserved)
    turn = draft.turn
    if turn is not None and turn.step == event.step:
        draft.put_turn(replace(turn, asked=(*turn.asked, asked)))
    else:
        draft.put_turn(Turn(seq=entry.seq, at=entry.at, step=event.step, asked=(asked,)), new=True)
    draft.totals = replace(draft.totals, steps=event.step, reserved=event.reserved)


def _settle_ask(draft: Draft, ask: int, **changes: Any) -> Turn | None:
    """Note on the attempt `ask` what became of it; the turn it belongs to."""
    turn = draft.turn_of(ask)
    if turn is None:
        return None
    asked = tuple(replace(one, **changes) if one.seq == ask else one for one in turn.asked)
    turn = replace(turn, asked=asked)
    draft.put_turn(turn)
    return turn


def _model_answered(draft: Draft, entry: Entry, event: ModelAnswered) -> None:
    turn = _settle_ask(draft, event.ask, state="answered", ended=entry.seq, took=event.took)
    if turn is not None:
        draft.put_turn(
            replace(
                turn,
                answered=entry.seq,
                text=content(event.text),
                model=event.model,
                finish=event.finish,
                usage=event.usage,
                cost=event.cost,
                took=event.took,
                dropped=tuple(wanted.tool for wanted in event.calls),
            )
        )
    totals = draft.totals
    draft.totals = replace(
        totals,
        reserved=0,
        nusd=totals.nusd + (event.cost or 0),
        unpriced=totals.unpriced + (event.cost is None),
        input=totals.input + event.usage.input,
        output=totals.output + event.usage.output,
        work=totals.work + event.took,
    )


def _model_failed(draft: Draft, entry: Entry, event: ModelFailed) -> None:
    _settle_ask(
        draft,
        event.ask,
        state="failed",
        ended=entry.seq,
        took=event.took,
        error=event.error,
        fate=event.fate,
        message=event.message,
        unsettled=event.unsettled,
    )
    totals = draft.totals
    draft.totals = replace(
        totals, reserved=0, unsettled=totals.unsettled + event.unsettled, work=totals.work + event.took
    )


def _model_late(draft: Draft, entry: Entry, event: ModelAnsweredLate) -> None:
    turn = draft.turn_of(event.ask)
    before = next((one for one in turn.asked if one.seq == event.ask), None) if turn is not None else None
    owed = before.unsettled if before is not None else 0
    if owed and event.cost is not None:
        draft.totals = replace(
            draft.totals, unsettled=draft.totals.unsettled - owed, nusd=draft.totals.nusd + event.cost
        )
        _settle_ask(draft, event.ask, unsettled=0, late=True)
    else:
        _settle_ask(draft, event.ask, late=True)


def _rejected(draft: Draft, entry: Entry, event: OutputRejected) -> None:
    turn = draft.turn_answered(event.ask)
    if turn is not None:
        draft.put_turn(replace(turn, rejected=event.why, rejected_at=entry.seq))
    call = draft.calls.get(event.call)
    if call is not None:
        keep_call(draft, call, stage="answered", ending="rejected", answered=entry.seq, told=event.why)


_TABLE: Final[dict[type, Callable[[Draft, Entry, Any], None]]] = {
    RunOpened: _opened,
    Said: _said,
    Replied: _replied,
    RunClosed: _closed,
    ContractAdopted: _adopted,
    ModelAsked: _model_asked,
    ModelAnswered: _model_answered,
    ModelFailed: _model_failed,
    ModelAnsweredLate: _model_late,
    OutputRejected: _rejected,
    **HAPPENINGS,
    **CALLS,
    **CLAIMS,
    **WAITS,
    **DELEGATION,
}
"""Every kind of entry there is."""
