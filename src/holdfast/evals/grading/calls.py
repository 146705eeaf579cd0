"""The calls of a run in one quick look over its entries: enough to say in what order things were done, and how often.

A trace knows far more of a call, and takes many times as long to make.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from holdfast.codec import value_of
from holdfast.events import (
    CallAsked,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    Effect,
    Entry,
    Event,
    Json,
    PersonAnswered,
    PersonAsked,
    ProposalAmended,
    Said,
)


class Brief(Struct, gc=False):
    """One call. A place is the seq of an entry; 0 where there is none."""

    seq: int
    tool: str
    effect: Effect
    args: Json
    """As they stand, after amendments."""
    serves: int
    """The call that the machine made it for; 0: the model asked."""
    started: int = 0
    """Where it was first started; of a call that every agent has, where it was asked for."""
    answered: int = 0
    """Where it first gave a result, was found or settled to have happened; of a question, where it was answered."""


def calls(entries: Sequence[Entry]) -> dict[int, Brief]:
    """The calls of a run, by place, in asked order."""
    found: dict[int, Brief] = {}
    questions: dict[int, PersonAsked] = {}
    for entry in entries:
        event = entry.event
        kind = type(event)
        if kind is CallAsked:
            assert isinstance(event, CallAsked)
            started = entry.seq if event.effect == "builtin" else 0
            found[entry.seq] = Brief(entry.seq, event.tool, event.effect, value_of(event.args), event.serves, started)
        elif kind is CallStarted:
            assert isinstance(event, CallStarted)
            if (call := found.get(event.call)) is not None and not call.started:
                call.started = entry.seq
        elif kind in _RESULTS:
            call = found.get(_result_of(event))
            if call is not None and not call.answered:
                call.answered = entry.seq
        elif isinstance(event, ProposalAmended):
            if (call := found.get(event.call)) is not None:
                call.args = value_of(event.args)
        elif isinstance(event, PersonAsked):
            if event.about == "question":
                questions[entry.seq] = event
        elif isinstance(event, PersonAnswered | Said) and questions:
            _answer(found, questions, entry.seq, event)
    return found


_RESULTS: frozenset[type] = frozenset({CallReturned, CallLookedUp, CallReturnedLate, CallSettled})


def _result_of(event: object) -> int:
    """The call of which an entry says that it was carried out; 0 where it says something else."""
    match event:
        case CallReturned(complete=complete):
            return event.call if complete != "started" else 0
        case CallLookedUp(answer="found") | CallSettled(verdict="happened"):
            return event.call
        case CallReturnedLate(result=result) if result is not None:
            return event.call
    return 0


def _answer(found: dict[int, Brief], questions: dict[int, PersonAsked], seq: int, event: Event) -> None:
    """Words to a question that the model asked."""
    if isinstance(event, PersonAnswered):
        asked = questions.pop(event.question, None) if event.verdict == "answer" else None
    else:
        waiting = next((place for place, one in questions.items() if one.role == "requester"), 0)
        asked = questions.pop(waiting, None)
    call = found.get(asked.call) if asked is not None else None
    if call is not None and not call.answered:
        call.answered = seq
