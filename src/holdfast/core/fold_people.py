"""What entries about people change: questions, answers, amendments, what the requester says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from holdfast.codec import value_of
from holdfast.core import prompt, provenance
from holdfast.core.fold_calls import Changes, open_call, replace, with_call
from holdfast.core.state import CallState, Question, Source, State, Vote, move
from holdfast.dialogue import Told
from holdfast.errors import Bug
from holdfast.events import (
    AskedBack,
    Entry,
    PersonAnswered,
    PersonAsked,
    ProposalAmended,
    QuestionClaimed,
    QuestionReleased,
    QuestionWithdrawn,
    Replied,
    Said,
)
from holdfast.labels import UNTRUSTED, meet


def said(state: State, entry: Entry, event: Said) -> Changes:
    files = prompt.attached(event.attachments, entry.seq)
    text = value_of(event.text)
    told = Told((entry.seq, 0), "said", prompt.text_of(text), files)
    sources = state.sources.plus(Source(f"said:{entry.seq}", trusted=True, value=text))
    label = state.label
    if files:
        sources = sources.plus(Source(f"untrusted:{entry.seq}", trusted=False, value=[file.text for file in files]))
        label = meet(label, UNTRUSTED)
    changes: Changes = {
        "said": entry.seq, "unsent": (*state.unsent, told), "over": event.ends, "replied": 0, "sources": sources, "label": label,
        "speakers": state.speakers | named(event.by),
    }  # fmt: skip
    waiting = next(
        (q for q in state.questions.values() if q.asked.role == "requester" and q.asked.about == "question"), None
    )
    if waiting is not None:
        changes |= _answer_question(
            state, entry, waiting.asked.call, waiting.seq, f"the requester answered: {prompt.text_of(text)}"
        )
        changes["heard"] = entry.seq
        changes["unsent"] = (*state.unsent, prompt.beside_answer(told)) if files else state.unsent
    return changes


def replied(state: State, entry: Entry, event: Replied) -> Changes:
    waits = state.said <= state.heard  # otherwise the requester has written meanwhile, and waits for us
    return {"replied": entry.seq if waits else 0, "admitted": True, "rejections": 0}


def named(*names: str) -> frozenset[str]:
    """The names that are given."""
    return frozenset(name for name in names if name)


def person_asked(state: State, entry: Entry, event: PersonAsked) -> Changes:
    changes: Changes = {"questions": {**state.questions, entry.seq: Question(entry.seq, entry.at, event)}}
    call = state.calls.get(event.call)
    if call is not None and event.about == "review":
        beside = set(_beside(event, call))
        kept = tuple(
            vote for vote in call.votes if vote.digest == event.digest or (not vote.digest and beside <= {*vote.shown})
        )
        changes["calls"] = {**state.calls, call.seq: replace(call, votes=kept, reviewed=True, changed=())}
    return changes


def _beside(asked: PersonAsked, call: CallState) -> tuple[str, ...]:
    """What a question shows beside the arguments: readings, and the limit of all runs that they pass."""
    passed = [fired.rule for fired in call.rules if fired.rule.endswith(".across")]
    return (*map(str, asked.evidence), *passed)


def _without(state: State, question: int) -> dict[int, Question]:
    return {seq: kept for seq, kept in state.questions.items() if seq != question}


def _whole(state: State, entry: Entry, seq: int) -> Question:
    question = state.questions.get(seq)
    if question is None:
        raise Bug(f"question {seq} is not open", run=state.run, seq=entry.seq)
    return question


def _question(state: State, entry: Entry, seq: int) -> PersonAsked:
    return _whole(state, entry, seq).asked


def person_answered(state: State, entry: Entry, event: PersonAnswered) -> Changes:
    asked = _question(state, entry, event.question)
    if event.verdict == "take":
        return {"taken": event.by, "questions": _without(state, event.question)}
    if asked.about == "limit":
        return {
            "stop": f"{event.by} stopped it at its limit of {asked.limit}",
            "questions": _without(state, event.question),
        }
    if event.verdict == "stop":
        return {
            "stop": f"{event.by} stopped it{': ' + event.text if event.text else ''}",
            "questions": _without(state, event.question),
        }
    if asked.about == "question":
        return _answer_question(state, entry, asked.call, event.question, f"{event.by} answered: {event.text}")
    call = open_call(state, entry, asked.call)
    if call.status == "answered":
        return with_call(state, replace(call, reviewed=True), questions=_without(state, event.question))
    status = move(state.run, entry.seq, call.status, f"PersonAnswered {event.verdict}")
    if event.verdict == "approve":
        vote = Vote(event.by, asked.digest, asked.until, asked.stands_for or asked.role)
        return with_call(state, replace(call, status=status, votes=(*call.votes, vote)))
    after = replace(call, status=status)
    if status == "answered":
        told = f": {event.text}" if event.text else ""
        said = f"{event.by} denied this{told}" if event.verdict == "deny" else f"failed: {call.message}{told}"
        after = replace(after, answer=entry.seq, said=said)
    return with_call(state, after, questions=_without(state, event.question))


def _answer_question(state: State, entry: Entry, call_seq: int, question: int, said: str) -> Changes:
    call = open_call(state, entry, call_seq)
    status = move(state.run, entry.seq, call.status, "PersonAnswered answer")
    after = replace(call, status=status, answer=entry.seq, said=said, ok=True)
    return with_call(state, after, questions=_without(state, question))


def amended(state: State, entry: Entry, event: ProposalAmended) -> Changes:
    call = open_call(state, entry, event.call)
    asked = _question(state, entry, event.question)
    voice = Vote(event.by, "", asked.until, asked.stands_for or asked.role, _beside(asked, call))
    # A question from before a restore does not say what was lost; nor does one that was put to another role since.
    told = not state.recovered or (event.question > state.recovered and not asked.stands_for)
    if state.recovered and call.effect == "write":  # it was put to another role in place of anybody: its rules tell
        told = told and any(fired.rule == "epoch" for fired in call.rules)
    # Nor does one from before another contract say what that asks for.
    told = told and asked.contract == state.contract_digest
    stale = {path for name in event.changed for path in provenance.under(name, call.sources)}
    sources = {path: name for path, name in call.sources.items() if path not in stale}
    after = replace(
        call,
        status=move(state.run, entry.seq, call.status, "ProposalAmended"),
        version=event.version,
        args=value_of(event.args),
        digest=event.digest,
        votes=(voice,) if told else (),
        amended=tuple(sorted({*call.amended, *event.changed})),
        sources={**sources, **dict.fromkeys(event.changed, f"person:{event.by}")},
    )
    return with_call(state, after, speakers=state.speakers | named(event.by))


def claimed(state: State, entry: Entry, event: QuestionClaimed) -> Changes:
    question = _whole(state, entry, event.question)
    return _put(state, replace(question, claimed=event.by, claimed_at=entry.at))


def released(state: State, entry: Entry, event: QuestionReleased) -> Changes:
    return _put(state, replace(_whole(state, entry, event.question), claimed="", claimed_at=0))


def asked_back(state: State, entry: Entry, event: AskedBack) -> Changes:
    """The agent is told in the place of a result. The requester's answer is a message, which overtakes the proposal."""
    question = _whole(state, entry, event.question)
    if event.to == "requester":
        told = Told(
            (entry.seq, 0), "machine", f"{event.by}, who reviews what you proposed, asked the requester: {event.text}"
        )
        asked = replace(question, asked_back=(*question.asked_back, entry.seq))
        return {**_put(state, asked), "unsent": (*state.unsent, told)}
    call = open_call(state, entry, question.asked.call)
    said = f"not decided yet: {event.by} asks before deciding: {event.text} Answer it, and propose the call again if it still stands"
    after = replace(call, status=move(state.run, entry.seq, call.status, "AskedBack"), answer=entry.seq, said=said)
    return with_call(state, after, questions=_without(state, event.question))


def _put(state: State, question: Question) -> Changes:
    return {"questions": {**state.questions, question.seq: question}}


def withdrawn(state: State, entry: Entry, event: QuestionWithdrawn) -> Changes:
    return {"questions": _without(state, event.question)}


PEOPLE: Final[dict[type, Callable[[State, Entry, Any], Changes]]] = {
    Said: said, Replied: replied, PersonAsked: person_asked, PersonAnswered: person_answered,
    ProposalAmended: amended, QuestionWithdrawn: withdrawn,
    QuestionClaimed: claimed, QuestionReleased: released, AskedBack: asked_back,
}  # fmt: skip
