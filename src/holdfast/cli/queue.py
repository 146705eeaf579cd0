"""The review queue: every open question of every run."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from holdfast.cli import reading
from holdfast.cli.viewing import Viewer
from holdfast.core.fold import fold_all
from holdfast.core.state import Question, State
from holdfast.errors import HoldfastError
from holdfast.events import CallAsked, CallJudged, Entry, PersonAsked, ProposalAmended
from holdfast.journal import walk
from holdfast.journal.port import Journal, Row, Where
from holdfast.views.access import BESIDE
from holdfast.views.action import in_words
from holdfast.views.record import content

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
    action: str = ""
    """The call in words."""
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
    parent: str = ""
    """The run that opened this one, and waits for it."""
    claimed: str = ""
    """Who is at it."""


async def waiting(journal: Journal, looks: Viewer) -> list[Waiting]:
    """Everything that waits for a person, as it is shown to who looks: what ends soonest first, then what has waited longest."""
    rows = [
        *[row async for row in walk.rows(journal, Where(questions=True))],
        *[row async for row in walk.rows(journal, Where(attention=True, questions=False))],
    ]
    found = [one for row in rows if row.run not in BESIDE for one in await _of(journal, row, looks)]
    return sorted(found, key=lambda one: (one.until or 1 << 62, one.since))


async def _of(journal: Journal, row: Row, looks: Viewer) -> list[Waiting]:
    base = Waiting(
        run=row.run, question=0, agent=row.agent, key=row.key, about="", text="", since=row.at, parent=row.parent
    )
    with_ = partial(msgspec.structs.replace, base)
    try:
        entries = await reading.entries(journal, row.run)
        state, shown = fold_all(entries), looks.shown(entries)
    except HoldfastError as error:
        return [with_(question=error.seq, about="damage", text=error.what)]
    if state.closed is not None:
        text = f"the run ended as {row.outcome}, and nobody knows whether this call happened"
        left = partial(with_, about="doubt", text=text, clause="surprises.unknown")
        return [left(question=call) for call in state.unresolved]
    return [with_(**_told(state, question, shown)) for question in state.questions.values()]


def _told(state: State, question: Question, shown: list[Entry]) -> dict[str, Any]:
    """What there is to say of a question; its words as they are shown to who looks."""
    asked = question.asked
    there = shown[question.seq - 1].event
    words = there.text if isinstance(there, PersonAsked) else asked.text
    clause, because = _clause(state, asked.call, asked.about, shown)
    voices = _voices(state, asked)
    return {
        "question": question.seq,
        "about": asked.about,
        "text": words,
        "action": _action(shown, asked.call),
        "since": question.at,
        "clause": clause,
        "because": because,
        "role": asked.role,
        "people": asked.people,
        "until": asked.until,
        "then": asked.then,
        "voices": voices,
        "decided": asked.about in ("review", "output") and len(voices) >= asked.people,
        "claimed": question.claimed,
    }


def _action(shown: list[Entry], call: int) -> str:
    """A call in words, with the arguments as they stand; nothing where no call is asked about."""
    made, args = None, None
    for entry in shown:
        match entry.event:
            case CallAsked() if entry.seq == call:
                made, args = entry.event, content(entry.event.args)
            case ProposalAmended(call=seq) if seq == call:
                args = content(entry.event.args)
    if made is None or args is None:
        return ""
    return in_words(made.tool, "[erased]" if args.erased else args.value, made.effect)


def _voices(state: State, asked: PersonAsked) -> tuple[str, ...]:
    """Who has approved exactly this, in the role that is asked."""
    known = state.calls.get(asked.call)
    role = asked.stands_for or asked.role
    votes = [vote for vote in known.votes if vote.digest in ("", asked.digest)] if known is not None else []
    return tuple(dict.fromkeys(vote.by for vote in votes if role in ("", vote.role)))


def _clause(state: State, call: int, about: str, shown: list[Entry]) -> tuple[str, str]:
    """Which rule put a question before a person, and its words."""
    known = state.calls.get(call)
    last = [one.event for one in shown if isinstance(one.event, CallJudged) and one.event.call == call][-1:]
    rules = last[0].rules if last and known is not None and known.rules else ()
    fired = [rule for rule in rules if rule.verdict == "review"]
    if fired:
        return fired[0].rule, "; ".join(dict.fromkeys(rule.because for rule in fired))
    return {
        "doubt": ("surprises.unknown", ""),
        "limit": ("surprises.limit", ""),
        "surprise": ("surprises.partial", ""),
    }.get(about, ("", ""))
