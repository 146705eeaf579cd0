"""What entries about who looks into a question add to a trace: who did and how long, who asked back, and what they asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from holdfast.events import AskedBack, Entry, QuestionClaimed, QuestionReleased
from holdfast.views import record
from holdfast.views.calls import Draft, keep_call
from holdfast.views.claim import Claim

replace = msgspec.structs.replace

ASKED_BACK: Final = "asked back"
"""The verdict of a voice that wants to know something first."""


def _claimed(draft: Draft, entry: Entry, event: QuestionClaimed) -> None:
    """Somebody looks into it; whoever did before them does not any more."""
    question = draft.questions.get(event.question)
    if question is not None:
        claim = Claim(entry.seq, entry.at, event.by, entry.actor)
        draft.questions[question.seq] = replace(question, claims=(*_over(question, entry), claim))


def _released(draft: Draft, entry: Entry, event: QuestionReleased) -> None:
    question = draft.questions.get(event.question)
    if question is not None:
        draft.questions[question.seq] = replace(question, claims=_over(question, entry))


def _over(question: record.Question, entry: Entry) -> tuple[Claim, ...]:
    """Who looked into a question, the last of them up to this entry."""
    return tuple(one if one.ended else replace(one, ended=entry.seq, until=entry.at) for one in question.claims)


def claimed(question: record.Question) -> Claim | None:
    """Who looks into a question now; None for nobody, and for one that is closed."""
    last = question.claims[-1] if question.claims and not question.end else None
    return last if last is not None and not last.ended else None


def asks_back(verdict: str) -> str:
    """Whom a voice asks before deciding: `the agent`, `the requester`; empty for one that decides."""
    if not verdict.startswith(ASKED_BACK):
        return ""
    return verdict.removeprefix(ASKED_BACK).strip() or "the agent"


def _asked_back(draft: Draft, entry: Entry, event: AskedBack) -> None:
    """The agent is told it in the place of a result; the requester answers by a message, and the question stays."""
    question = draft.questions.get(event.question)
    if question is None:
        return
    whom = f" the {event.to}" if event.to == "requester" else ""
    voice = record.Voice(entry.seq, entry.at, f"{ASKED_BACK}{whom}", event.by, entry.actor, event.text)
    closes = event.to == "agent"
    draft.questions[question.seq] = replace(
        question, voices=(*question.voices, voice), end=ASKED_BACK if closes else "", ended=entry.seq if closes else 0
    )
    call = draft.calls.get(question.call)
    if closes and call is not None and call.stage == "held":
        keep_call(draft, call, stage="answered", ending="asked_back", answered=entry.seq, told=event.text)


CLAIMS: Final[dict[type, Callable[[Draft, Entry, Any], None]]] = {
    QuestionClaimed: _claimed, QuestionReleased: _released, AskedBack: _asked_back,
}  # fmt: skip
