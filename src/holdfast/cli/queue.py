"""The review queue: every open question of every run."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from holdfast.cli import reading
from holdfast.core.state import Question, State
from holdfast.errors import HoldfastError
from holdfast.events import PersonAsked
from holdfast.journal import walk
from holdfast.journal.port import Journal, Row, Where

PAGE = 200


class Waiting(Struct, frozen=True, kw_only=True):
    """A question that waits for a person."""

    run: str
    question: int
    """Its entry; of a write that was left in doubt when its run closed, the call's."""
    agent: str
    key: str
    about: str
    text: str
    since: int
    clause: str = ""
    """Which rule of the contract put it there."""
    because: str = ""
    role: str = ""
    people: int = 1
    until: int = 0
    """0: no end."""
    then: str = ""
    voices: tuple[str, ...] = ()
    """Who has approved it already."""
    decided: bool = False
    """Enough people have; it goes on when the run is driven."""


async def waiting(journal: Journal) -> list[Waiting]:
    """Everything that waits for a person: what ends soonest first, then what has waited longest."""
    rows = [
        *[row async for row in walk.rows(journal, Where(questions=True))],
        *[row async for row in walk.rows(journal, Where(attention=True, questions=False))],
    ]
    found = [one for row in rows for one in await _of(journal, row)]
    return sorted(found, key=lambda one: (one.until or 1 << 62, one.since))


async def _of(journal: Journal, row: Row) -> list[Waiting]:
    base = Waiting(run=row.run, question=0, agent=row.agent, key=row.key, about="", text="", since=row.at)
    with_ = partial(msgspec.structs.replace, base)
    try:
        state = await reading.state_of(journal, row.run)
    except HoldfastError as error:
        return [with_(question=error.seq, about="damage", text=error.what)]
    if state.closed is not None:
        text = f"the run ended as {row.outcome}, and nobody knows whether this call happened"
        left = partial(with_, about="doubt", text=text, clause="surprises.unknown")
        return [left(question=call) for call in state.unresolved]
    return [with_(**_told(state, question)) for question in state.questions.values()]


def _told(state: State, question: Question) -> dict[str, Any]:
    asked = question.asked
    clause, because = _clause(state, asked.call, asked.about)
    voices = _voices(state, asked)
    return {
        "question": question.seq,
        "about": asked.about,
        "text": asked.text,
        "since": question.at,
        "clause": clause,
        "because": because,
        "role": asked.role,
        "people": asked.people,
        "until": asked.until,
        "then": asked.then,
        "voices": voices,
        "decided": len(voices) >= asked.people,
    }


def _voices(state: State, asked: PersonAsked) -> tuple[str, ...]:
    """Who has approved exactly this, in the role that is asked."""
    known = state.calls.get(asked.call)
    role = asked.stands_for or asked.role
    votes = [vote for vote in known.votes if vote.digest in ("", asked.digest)] if known is not None else []
    return tuple(dict.fromkeys(vote.by for vote in votes if role in ("", vote.role)))


def _clause(state: State, call: int, about: str) -> tuple[str, str]:
    """Which rule put a question before a person, and its words."""
    known = state.calls.get(call)
    fired = [rule for rule in known.rules if rule.verdict == "review"] if known is not None else []
    if fired:
        return fired[0].rule, "; ".join(dict.fromkeys(rule.because for rule in fired))
    return {
        "doubt": ("surprises.unknown", ""),
        "limit": ("surprises.limit", ""),
        "surprise": ("surprises.partial", ""),
    }.get(about, ("", ""))
