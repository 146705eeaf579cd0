"""What else happens to a run: limits, pauses, questions that belong to no call, notes. Each in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from holdfast import units
from holdfast.events import (
    BodiesErased,
    CallUndone,
    CancelAsked,
    Checkpointed,
    ContractPublished,
    Contradiction,
    Entry,
    LimitAsked,
    LimitGranted,
    LimitReached,
    Noted,
    Notified,
    Paused,
    PersonAsked,
    Resumed,
    SwitchedOff,
    SwitchedOn,
    Viewed,
)
from holdfast.views import record
from holdfast.views.access import by_entry, published, switched
from holdfast.views.calls import Draft, keep_call
from holdfast.views.record import Happening

replace = msgspec.structs.replace


def happened(draft: Draft, entry: Entry, text: str, by: str = "", question: int = 0, stop: int = 0) -> None:
    """Put something that happened among the items of a trace."""
    draft.items.append(Happening(entry.seq, entry.at, type(entry.event).__name__, text, by, question, stop))


def amount(limit: str, many: int) -> str:
    """An amount of what a limit bounds, with its unit."""
    match limit:
        case "usd":
            return f"{units.say_usd(many)} USD"
        case "work" | "wall":
            return units.say_duration(many)
    return f"{many:,}"


def _limit_reached(draft: Draft, entry: Entry, event: LimitReached) -> None:
    why = f": {event.why}" if event.why else ""
    used, ceiling = amount(event.limit, event.used), amount(event.limit, event.ceiling)
    happened(draft, entry, f"the limit of {event.limit} was reached, {used} of {ceiling}{why}")


def _granted(draft: Draft, entry: Entry, event: LimitGranted) -> None:
    for question in draft.open_questions:
        if question.limit == event.limit:
            voice = record.Voice(entry.seq, entry.at, "grant", event.by, entry.actor, amount(event.limit, event.amount))
            draft.questions[question.seq] = replace(
                question, voices=(*question.voices, voice), end="granted", ended=entry.seq
            )
    happened(draft, entry, f"{event.by} granted {amount(event.limit, event.amount)} more of {event.limit}", event.by)


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
        happened(draft, entry, event.text, question=entry.seq)
        return
    keep_call(draft, call, questions=(*call.questions, entry.seq))


def _paused(draft: Draft, entry: Entry, event: Paused) -> None:
    why = f": {event.why}" if event.why else ""
    if event.stop:
        draft.halted = f"{event.by} stopped it{why}{by_entry(event.stop)}"
        happened(draft, entry, draft.halted, event.by, stop=event.stop)
        return
    draft.paused = True
    happened(draft, entry, f"{event.by} stopped it for now{why}", event.by)


def _resumed(draft: Draft, entry: Entry, event: Resumed) -> None:
    if event.forked:
        draft.paused, draft.halted, draft.cancelled_by = False, "", ""
        happened(draft, entry, f"{event.by} forked it here: what stands before is another run's", event.by)
        return
    if event.epoch:
        happened(draft, entry, f"the journal was restored from a backup; this is epoch {event.epoch}", event.by)
        return
    if event.stop:
        draft.halted = ""
        happened(draft, entry, f"went on: the stop is over (control entry {event.stop})", stop=event.stop)
        return
    draft.paused = False
    happened(draft, entry, f"{event.by} let it go on", event.by)


def _cancelled(draft: Draft, entry: Entry, event: CancelAsked) -> None:
    draft.cancelled_by = event.by
    happened(draft, entry, f"{event.by} asked for it to end{': ' + event.because if event.because else ''}", event.by)


def _erased(draft: Draft, entry: Entry, event: BodiesErased) -> None:
    count = f"{len(event.refs)} {'body' if len(event.refs) == 1 else 'bodies'}"
    happened(draft, entry, f"{event.by} erased {count} for good: {event.basis}", event.by)


def _noted(draft: Draft, entry: Entry, event: Noted) -> None:
    score = f" ({event.score:g})" if event.score is not None else ""
    what = "" if event.finding == "note" else f" {event.finding}"
    should = ", with a correction" if event.correction is not None else ""
    happened(draft, entry, f"{event.by} noted{what}{score}{should}{': ' + event.note if event.note else ''}", event.by)


def _contradiction(draft: Draft, entry: Entry, event: Contradiction) -> None:
    if event.children:
        happened(draft, entry, f"what the agents it asked came back with cannot all be right: {event.what}")
        return
    places = f"{'entry' if len(event.seqs) == 1 else 'entries'} {', '.join(str(seq) for seq in event.seqs)}"
    happened(draft, entry, f"a contradiction ({places}): {event.what}")


def _undone(draft: Draft, entry: Entry, event: CallUndone) -> None:
    call = draft.calls.get(event.call)
    if call is not None:
        keep_call(draft, call, undone_by=event.by)
    happened(draft, entry, f"call {event.call} was undone by run {event.by}", event.by)


def _limit_asked(draft: Draft, entry: Entry, event: LimitAsked) -> None:
    happened(draft, entry, f"asks for {amount(event.limit, event.amount)} more of {event.limit}")


def _checkpointed(draft: Draft, entry: Entry, event: Checkpointed) -> None:
    happened(draft, entry, "a checkpoint of the journal was signed")


def _viewed(draft: Draft, entry: Entry, event: Viewed) -> None:
    what = ", ".join(event.runs) or event.selection
    happened(draft, entry, f"{event.by} was shown {what or 'runs'} by {event.verb}", event.by)


def _notified(draft: Draft, entry: Entry, event: Notified) -> None:
    what = f"{event.to}: {event.id} {event.state.replace('_', ' ')}" if event.id else "all that came before was told"
    happened(draft, entry, f"{what}{': ' + event.why if event.why else ''}")


def _switched_off(draft: Draft, entry: Entry, event: SwitchedOff) -> None:
    happened(draft, entry, f"{event.by} stopped {switched(event)}{': ' + event.why if event.why else ''}", event.by)


def _switched_on(draft: Draft, entry: Entry, event: SwitchedOn) -> None:
    happened(draft, entry, f"{event.by} let {switched(event)} go on", event.by)


def _published(draft: Draft, entry: Entry, event: ContractPublished) -> None:
    happened(draft, entry, f"{event.by} {published(event)}{': ' + event.why if event.why else ''}", event.by)


HAPPENINGS: Final[dict[type, Callable[[Draft, Entry, Any], None]]] = {
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
    Checkpointed: _checkpointed,
    Viewed: _viewed,
    Notified: _notified,
    SwitchedOff: _switched_off,
    SwitchedOn: _switched_on,
    ContractPublished: _published,
}
