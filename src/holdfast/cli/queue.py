"""The review queue: every open question of every run."""

from __future__ import annotations

from msgspec import Struct

from holdfast.cli import reading
from holdfast.core.state import State
from holdfast.errors import HoldfastError
from holdfast.journal.port import Journal, Row, Where

PAGE = 200


class Waiting(Struct, frozen=True, kw_only=True):
    """A question that waits for a person."""

    run: str
    question: int
    agent: str
    key: str
    about: str
    text: str
    clause: str
    """Which rule of the contract put it there."""
    because: str
    role: str
    people: int
    until: int
    """0: no end."""
    then: str
    since: int
    voices: tuple[str, ...] = ()
    """Who has approved it already."""
    decided: bool = False
    """Enough people have; it goes on when the run is driven."""
    unreadable: str = ""
    """Why the run cannot be read, where it cannot."""


async def waiting(journal: Journal) -> list[Waiting]:
    """Everything that waits for a person: what ends soonest first, then what has waited longest."""
    found: list[Waiting] = []
    where = Where(questions=True, limit=PAGE)
    while page := await journal.find(where):
        for row in page:
            found += await _of(journal, row)
        where = Where(questions=True, limit=PAGE, before=(page[-1].opened, page[-1].run))
    return sorted(found, key=lambda one: (one.until or 1 << 62, one.since))


async def _of(journal: Journal, row: Row) -> list[Waiting]:
    try:
        state = await reading.state_of(journal, row.run)
    except HoldfastError as error:
        return [_unreadable(row, error)]
    return [
        Waiting(
            run=row.run,
            question=one.seq,
            agent=row.agent,
            key=row.key,
            about=one.asked.about,
            text=one.asked.text,
            clause=clause,
            because=because,
            role=one.asked.role,
            people=one.asked.people,
            until=one.asked.until,
            then=one.asked.then,
            since=one.at,
            voices=voices,
            decided=len(voices) >= one.asked.people,
        )
        for one in state.questions.values()
        for clause, because in [_clause(state, one.asked.call, one.asked.about)]
        for voices in [_voices(state, one.asked.call)]
    ]


def _voices(state: State, call: int) -> tuple[str, ...]:
    known = state.calls.get(call)
    return tuple(dict.fromkeys(vote.by for vote in known.votes)) if known is not None else ()


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


def _unreadable(row: Row, error: HoldfastError) -> Waiting:
    return Waiting(
        run=row.run,
        question=error.seq,
        agent=row.agent,
        key=row.key,
        about="damage",
        text=error.what,
        clause="",
        because="",
        role="",
        people=1,
        until=0,
        then="",
        since=row.at,
        unreadable=error.what,
    )
