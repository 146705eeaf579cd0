"""The trace: a run's entries as a tree of turns and calls, with everything said about a call beside it.

    for item in trace(entries).items: ...

One small function per kind of entry, and a table that names them all. An entry that speaks of something that is not
there changes nothing: a trace shows what can be shown, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from holdfast import units
from holdfast.errors import UsageError
from holdfast.events import (
    BodiesErased,
    Body,
    CallUndone,
    CancelAsked,
    ChildClosed,
    ChildOpened,
    ContractAdopted,
    Contradiction,
    Entry,
    LimitAsked,
    LimitGranted,
    LimitReached,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    Noted,
    OutputRejected,
    Paused,
    PersonAsked,
    Replied,
    Resumed,
    RoundClosed,
    RunClosed,
    RunOpened,
    Said,
    Unknown,
)
from holdfast.views import record
from holdfast.views.calls import CALLS, Draft, close_question, keep_call
from holdfast.views.record import Asked, Content, End, Happening, Trace, Turn, content

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
            _happened(draft, entry, f"an entry of a kind this version does not know: {event.kind}")
        else:
            _TABLE[type(event)](draft, entry, event)
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
        attachments=_names(opened.attachments),
        items=tuple(draft.items),
        calls=draft.calls,
        questions=draft.questions,
        paused=draft.paused,
        cancelled_by=draft.cancelled_by,
        totals=draft.totals,
        end=draft.end,
    )


def _names(attachments: Sequence[Body]) -> tuple[str, ...]:
    found = [content(body) for body in attachments]
    return tuple(
        str(one.value.get("name", "a file")) if one and isinstance(one.value, dict) else "an erased file"
        for one in found
    )


def _happened(draft: Draft, entry: Entry, text: str, by: str = "", question: int = 0) -> None:
    draft.items.append(Happening(entry.seq, entry.at, type(entry.event).__name__, text, by, question))


# ---------------------------------------------------------------------------------------------------------- the run


def _opened(draft: Draft, entry: Entry, event: RunOpened) -> None:
    draft.contract, draft.contract_digest = (content(event.contract) or Content()).value, event.contract_digest


def _adopted(draft: Draft, entry: Entry, event: ContractAdopted) -> None:
    draft.contract, draft.contract_digest = (content(event.contract) or Content()).value, event.contract_digest
    _happened(draft, entry, f"the run goes on under contract {event.contract_digest[:12]}", event.by)


def _said(draft: Draft, entry: Entry, event: Said) -> None:
    draft.items.append(
        record.Said(
            entry.seq,
            entry.at,
            event.by,
            content(event.text) or Content(),
            ends=event.ends,
            attachments=_names(event.attachments),
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
    for question in draft.open_questions:
        if question.about != "doubt":
            close_question(draft, question.seq, "closing", entry.seq)
    for call in list(draft.calls.values()):
        if call.tool in ("done", "decline") and call.effect == "builtin" and call.stage == "cleared":
            keep_call(draft, call, stage="answered", ending="accepted", answered=entry.seq)


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


# ---------------------------------------------------------------------------------------------- limits and people


def _amount(limit: str, amount: int) -> str:
    match limit:
        case "usd":
            return f"{units.say_usd(amount)} USD"
        case "work" | "wall":
            return units.say_duration(amount)
    return f"{amount:,}"


def _limit_reached(draft: Draft, entry: Entry, event: LimitReached) -> None:
    why = f": {event.why}" if event.why else ""
    used, ceiling = _amount(event.limit, event.used), _amount(event.limit, event.ceiling)
    _happened(draft, entry, f"the limit of {event.limit} was reached, {used} of {ceiling}{why}")


def _granted(draft: Draft, entry: Entry, event: LimitGranted) -> None:
    for question in draft.open_questions:
        if question.limit == event.limit:
            voice = record.Voice(
                entry.seq, entry.at, "grant", event.by, entry.actor, _amount(event.limit, event.amount)
            )
            draft.questions[question.seq] = replace(
                question, voices=(*question.voices, voice), end="granted", ended=entry.seq
            )
    _happened(draft, entry, f"{event.by} granted {_amount(event.limit, event.amount)} more of {event.limit}", event.by)


def _asked_of_a_person(draft: Draft, entry: Entry, event: PersonAsked) -> None:
    question = record.Question(
        entry.seq,
        entry.at,
        event.about,
        event.text,
        event.call,
        event.role,
        event.people,
        event.until,
        event.then,
        event.version,
        event.evidence,
        event.label,
        event.limit,
    )
    draft.questions[entry.seq] = question
    call = draft.calls.get(event.call)
    if call is None:
        _happened(draft, entry, event.text, question=entry.seq)
        return
    keep_call(draft, call, questions=(*call.questions, entry.seq))


def _paused(draft: Draft, entry: Entry, event: Paused) -> None:
    draft.paused = True
    _happened(draft, entry, f"{event.by} stopped it for now{': ' + event.why if event.why else ''}", event.by)


def _resumed(draft: Draft, entry: Entry, event: Resumed) -> None:
    if event.epoch:
        _happened(draft, entry, f"the journal was restored from a backup; this is epoch {event.epoch}", event.by)
        return
    draft.paused = False
    _happened(draft, entry, f"{event.by} let it go on", event.by)


def _cancelled(draft: Draft, entry: Entry, event: CancelAsked) -> None:
    draft.cancelled_by = event.by
    _happened(draft, entry, f"{event.by} asked for it to end{': ' + event.because if event.because else ''}", event.by)


def _erased(draft: Draft, entry: Entry, event: BodiesErased) -> None:
    count = f"{len(event.refs)} {'body' if len(event.refs) == 1 else 'bodies'}"
    _happened(draft, entry, f"{event.by} erased {count} for good: {event.basis}", event.by)


def _noted(draft: Draft, entry: Entry, event: Noted) -> None:
    score = f" ({event.score:g})" if event.score is not None else ""
    _happened(
        draft, entry, f"{event.by} noted {event.finding}{score}{': ' + event.note if event.note else ''}", event.by
    )


def _contradiction(draft: Draft, entry: Entry, event: Contradiction) -> None:
    places = ", ".join(str(seq) for seq in event.seqs)
    _happened(draft, entry, f"a contradiction (entry {places}): {event.what}")


def _undone(draft: Draft, entry: Entry, event: CallUndone) -> None:
    call = draft.calls.get(event.call)
    if call is not None:
        keep_call(draft, call, undone_by=event.by)
    _happened(draft, entry, f"call {event.call} was undone by run {event.by}", event.by)


def _child_opened(draft: Draft, entry: Entry, event: ChildOpened) -> None:
    _happened(draft, entry, f"call {event.call} opened the run {event.child}")


def _child_closed(draft: Draft, entry: Entry, event: ChildClosed) -> None:
    _happened(draft, entry, f"the run {event.child}, opened by call {event.call}, ended: {event.outcome}")


def _round(draft: Draft, entry: Entry, event: RoundClosed) -> None:
    _happened(draft, entry, f"round {event.round} closed with {len(event.posts)} posts")


def _limit_asked(draft: Draft, entry: Entry, event: LimitAsked) -> None:
    _happened(draft, entry, f"asks for {_amount(event.limit, event.amount)} more of {event.limit}")


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
    PersonAsked: _asked_of_a_person,
    LimitReached: _limit_reached,
    LimitGranted: _granted,
    LimitAsked: _limit_asked,
    Paused: _paused,
    Resumed: _resumed,
    CancelAsked: _cancelled,
    BodiesErased: _erased,
    Noted: _noted,
    Contradiction: _contradiction,
    CallUndone: _undone,
    ChildOpened: _child_opened,
    ChildClosed: _child_closed,
    RoundClosed: _round,
    **CALLS,
}
"""Every kind of entry there is."""
