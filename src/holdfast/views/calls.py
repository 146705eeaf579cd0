"""What entries about calls add to a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

from holdfast.core.provenance import argument_of
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    DoubtRaised,
    Entry,
    Json,
    PersonAnswered,
    ProgramCalled,
    ProposalAmended,
    QuestionWithdrawn,
)
from holdfast.views import record
from holdfast.views.attached import attached
from holdfast.views.places import Waited
from holdfast.views.record import Call, Content, End, Ending, Item, Question, Stage, Turn, content
from holdfast.views.totals import Totals

replace = msgspec.structs.replace


class Draft:
    """A trace in the making."""

    def __init__(self) -> None:
        self.contract: Json = None
        self.contract_digest = ""
        self.items: list[Item] = []
        self.calls: dict[int, Call] = {}
        self.questions: dict[int, Question] = {}
        self.totals = Totals()
        self.paused = False
        self.halted = ""
        self.waited: list[Waited] = []
        """For what the run itself waited."""
        self.waiting: set[int] = set()
        """What waits now: calls, and 0 for the run."""
        self.cancelled_by = ""
        self.end: End | None = None
        self._turns: list[int] = []
        self._at: dict[int, int] = {}

    @property
    def turn(self) -> Turn | None:
        """The last one."""
        return self._turn(self._turns[-1]) if self._turns else None

    def _turn(self, place: int) -> Turn:
        return cast("Turn", self.items[place])

    def put_turn(self, turn: Turn, *, new: bool = False) -> None:
        """Keep a turn, in the place it has."""
        if new:
            self._turns.append(len(self.items))
            self._at[turn.seq] = len(self.items)
            self.items.append(turn)
        else:
            self.items[self._at[turn.seq]] = turn

    def turn_of(self, ask: int) -> Turn | None:
        """The turn that holds the attempt `ask`."""
        turns = (self._turn(place) for place in reversed(self._turns))
        return next((turn for turn in turns if any(one.seq == ask for one in turn.asked)), None)

    def turn_answered(self, answer: int) -> Turn | None:
        """The turn whose answer is entry `answer`."""
        turns = (self._turn(place) for place in reversed(self._turns))
        return next((turn for turn in turns if turn.answered == answer), None)

    @property
    def open_questions(self) -> list[Question]:
        """Those that nothing closed yet."""
        return [question for question in self.questions.values() if not question.end]


def keep_call(draft: Draft, call: Call, **changes: Any) -> Call:
    """Keep a call with something changed."""
    kept = replace(call, **changes)
    draft.calls[call.seq] = kept
    return kept


def close_question(draft: Draft, seq: int, end: str, by: int) -> None:
    """Note how a question was closed, unless it is already."""
    question = draft.questions.get(seq)
    if question is not None and not question.end:
        draft.questions[seq] = replace(question, end=end, ended=by)


# --------------------------------------------------------------------------------------------------- asked, judged


def _asked(draft: Draft, entry: Entry, event: CallAsked) -> None:
    turn = draft.turn_answered(event.ask)
    manifest = next((one.seq for one in turn.asked if one.state == "answered"), 0) if turn is not None else 0
    draft.calls[entry.seq] = Call(
        seq=entry.seq,
        at=entry.at,
        ask=event.ask,
        manifest=manifest,
        index=event.index,
        tool=event.tool,
        effect=event.effect,
        args=content(event.args) or Content(),
        problem=event.problem,
        sources=event.sources,
        serves=event.serves,
        cursor=event.cursor,
        within=event.within,
    )
    if (event.serves or event.within) in draft.calls:
        served = draft.calls[event.serves or event.within]
        keep_call(draft, served, inner=(*served.inner, entry.seq))
    elif turn is not None:
        draft.put_turn(replace(turn, calls=(*turn.calls, entry.seq), dropped=()))


_STAGES: Final[dict[str, Stage]] = {"allow": "cleared", "review": "held", "refuse": "answered"}


def _judged(draft: Draft, entry: Entry, event: CallJudged) -> None:
    call = draft.calls.get(event.call)
    if call is None:
        return
    judged = (*call.judged, record.Judged(entry.seq, entry.at, event.verdict, event.rules, event.version, event.shares))
    if event.verdict != "refuse":
        keep_call(draft, call, judged=judged, stage=_STAGES[event.verdict])
        return
    ending: Ending = "given_up" if call.stage in ("failed", "unsure") else "refused"
    keep_call(draft, call, judged=judged, stage="answered", ending=ending, answered=entry.seq)


# ---------------------------------------------------------------------------------------------------------- people

_WORDS: Final = {
    "approve": "approved",
    "deny": "denied",
    "answer": "answered",
    "retry": "retried",
    "tell": "told",
    "take": "taken over",
    "stop": "stopped",
    "grant": "granted",
}
_ENDINGS: Final[dict[str, Ending]] = {
    "deny": "denied",
    "answer": "answered",
    "tell": "told",
    "take": "told",
    "stop": "told",
}


def _person_answered(draft: Draft, entry: Entry, event: PersonAnswered) -> None:
    question = draft.questions.get(event.question)
    if question is None:
        return
    voice = record.Voice(entry.seq, entry.at, event.verdict, event.by, entry.actor, event.text)
    closes = event.verdict != "approve"
    draft.questions[question.seq] = replace(
        question,
        voices=(*question.voices, voice),
        end=_WORDS[event.verdict] if closes else "",
        ended=entry.seq if closes else 0,
    )
    call = draft.calls.get(question.call)
    if call is None or call.stage != "held" or question.about in ("limit", "doubt"):
        return
    if event.verdict == "retry":
        keep_call(draft, call, stage="cleared")
    elif event.verdict in _ENDINGS and event.verdict not in ("take", "stop"):
        keep_call(draft, call, stage="answered", ending=_ENDINGS[event.verdict], answered=entry.seq, told=event.text)


def _amended(draft: Draft, entry: Entry, event: ProposalAmended) -> None:
    call = draft.calls.get(event.call)
    if call is None:
        return
    args = content(event.args) or Content()
    change = record.Amended(entry.seq, entry.at, event.by, event.version, args, call.args, event.changed, entry.actor)
    own = {path: origin for path, origin in call.sources.items() if argument_of(path) not in event.changed}
    given = dict.fromkeys(event.changed, f"person:{event.by}")
    keep_call(draft, call, amended=(*call.amended, change), args=args, stage="asked", sources={**own, **given})


def _withdrawn(draft: Draft, entry: Entry, event: QuestionWithdrawn) -> None:
    question = draft.questions.get(event.question)
    if question is None:
        return
    call = draft.calls.get(question.call)
    amended = call is not None and any(change.seq > question.seq for change in call.amended)
    why = {"decided": "approved", "void": "amended" if amended else "void"}.get(event.why, event.why)
    close_question(draft, event.question, why, entry.seq)


# -------------------------------------------------------------------------------------------------------- attempts


def _started(draft: Draft, entry: Entry, event: CallStarted) -> None:
    call = draft.calls.get(event.call)
    if call is not None:
        attempt = record.Tried(
            entry.seq, entry.at, event.attempt, event.worker, event.key, event.keyed_until, shares=event.shares
        )
        keep_call(draft, call, tried=(*call.tried, attempt), stage="running")


def _with_attempt(call: Call, number: int, **changes: Any) -> tuple[record.Tried, ...]:
    return tuple(replace(one, **changes) if one.attempt == number else one for one in call.tried)


def _returned(draft: Draft, entry: Entry, event: CallReturned) -> None:
    call = draft.calls.get(event.call)
    if call is None:
        return
    state = "started" if event.complete == "started" else "returned"
    tried = _with_attempt(call, event.attempt, state=state, ended=entry.seq, took=event.took)
    draft.totals = replace(draft.totals, work=draft.totals.work + event.took)
    if event.complete == "started":
        keep_call(draft, call, tried=tried, stage="unsure", complete="started", unknown=True)
        return
    _gave(draft, keep_call(draft, call, tried=tried), entry, event, "returned")


def _gave(draft: Draft, call: Call, entry: Entry, event: CallReturned | CallReturnedLate, ending: str) -> None:
    keep_call(
        draft,
        call,
        stage="answered",
        ending=ending,
        answered=entry.seq,
        result=content(event.result),
        files=attached(event.files),
        complete=event.complete,
        missing=event.missing,
        effect_id=event.effect_id,
        label=event.label,
    )
    first = draft.calls.get(call.serves)
    if first is not None and call.cursor and event.complete == "complete" and not event.cursor:
        keep_call(draft, first, complete="complete", missing="")


def _program_called(draft: Draft, entry: Entry, event: ProgramCalled) -> None:
    """A program goes on where its call is answered: what it took up to there is no attempt of its own."""
    call = draft.calls.get(event.call)
    if call is not None:
        draft.totals = replace(draft.totals, work=draft.totals.work + event.took)
        keep_call(draft, call, tried=call.tried[:-1], stage="cleared")


def _failed(draft: Draft, entry: Entry, event: CallFailed) -> None:
    call = draft.calls.get(event.call)
    if call is None:
        return
    tried = _with_attempt(
        call,
        event.attempt,
        state="failed",
        ended=entry.seq,
        took=event.took,
        error=event.error,
        fate=event.fate,
        message=event.message,
        over=event.ended,
    )
    draft.totals = replace(draft.totals, work=draft.totals.work + event.took)
    unknown = call.unknown or event.fate == "unknown"
    # An earlier attempt at a write may have done it, whatever is known of this one.
    unsure = unknown if call.effect == "write" else event.fate == "unknown"
    keep_call(draft, call, tried=tried, unknown=unknown, stage="unsure" if unsure else "failed")


def _looked_up(draft: Draft, entry: Entry, event: CallLookedUp) -> None:
    call = draft.calls.get(event.call)
    if call is None:
        return
    look = record.Looked(entry.seq, entry.at, event.answer, event.effect_id, event.message, event.took, event.again_at)
    draft.totals = replace(draft.totals, work=draft.totals.work + event.took)
    call = keep_call(draft, call, looked=(*call.looked, look))
    if event.answer == "found" and call.stage != "answered":
        keep_call(
            draft,
            call,
            stage="answered",
            ending="found",
            answered=entry.seq,
            result=content(event.result),
            files=attached(event.files),
            effect_id=event.effect_id,
            complete="complete",
            label=event.label,
        )


def _doubt(draft: Draft, entry: Entry, event: DoubtRaised) -> None:
    call = draft.calls.get(event.call)
    if call is not None:
        keep_call(draft, call, stage="doubt", doubt=event.why)


def _settled(draft: Draft, entry: Entry, event: CallSettled) -> None:
    call = draft.calls.get(event.call)
    if call is None:
        return
    for question in draft.open_questions:
        if question.call == event.call:
            close_question(draft, question.seq, "settled", entry.seq)
    ruling = record.Ruling(entry.seq, entry.at, event.verdict, event.by, entry.actor, event.text)
    call = keep_call(draft, call, rulings=(*call.rulings, ruling))
    if call.stage != "doubt":
        return
    last = call.tried[-1] if call.tried else None
    if event.verdict == "did_not" and last is not None and last.key and last.keyed_until > entry.at:
        keep_call(draft, call, stage="cleared")
        return
    known = event.verdict == "happened" and event.result is not None
    keep_call(
        draft,
        call,
        stage="answered",
        ending="settled",
        answered=entry.seq,
        result=content(event.result),
        complete="complete" if known else "partial",
        told=event.text,
    )


def _late(draft: Draft, entry: Entry, event: CallReturnedLate) -> None:
    call = draft.calls.get(event.call)
    if call is None:
        return
    state = "returned" if event.result is not None else "failed"
    tried = _with_attempt(
        call,
        event.attempt,
        late=True,
        ended=entry.seq,
        state=state,
        error=event.error,
        fate=event.fate,
        took=event.took,
    )
    call = keep_call(draft, call, tried=tried)
    if event.fate == "not_done" and len(call.tried) == 1 and event.result is None:
        if call.stage == "unsure":
            keep_call(draft, call, stage="failed", unknown=False)
        elif call.stage == "doubt":
            keep_call(draft, call, stage="answered", ending="absent", answered=entry.seq)
    elif event.result is not None and call.stage in ("unsure", "doubt"):
        _gave(draft, call, entry, event, "late")


CALLS: Final[dict[type, Callable[[Draft, Entry, Any], None]]] = {
    CallAsked: _asked,
    CallJudged: _judged,
    PersonAnswered: _person_answered,
    ProposalAmended: _amended,
    QuestionWithdrawn: _withdrawn,
    CallStarted: _started,
    CallReturned: _returned,
    ProgramCalled: _program_called,
    CallFailed: _failed,
    CallLookedUp: _looked_up,
    DoubtRaised: _doubt,
    CallSettled: _settled,
    CallReturnedLate: _late,
}
