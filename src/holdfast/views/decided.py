"""Decisions in words, and where two of them differ."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from holdfast import units
from holdfast.events import (
    AnyEvent,
    CallAsked,
    CallFailed,
    CallJudged,
    CallStarted,
    ChildOpened,
    Contradiction,
    DoubtRaised,
    Inline,
    LimitReached,
    Loaded,
    ModelAsked,
    ModelFailed,
    OutputRejected,
    Paused,
    PersonAsked,
    PlaceAwaited,
    PlaceTaken,
    QuestionWithdrawn,
    Replied,
    Resumed,
    RoundClosed,
    RunClosed,
)
from holdfast.views import words
from holdfast.views.record import Content, content

LIMIT: Final = 300
"""Characters of one thing that is said."""

NOTHING: Final = "nothing"

_VERDICTS: Final = {"allow": "is allowed", "review": "goes before a person", "refuse": "is refused"}
DIGESTS: Final = frozenset({"digest", "rolling", "key"})
_TIMES: Final = frozenset({"until", "keyed_until", "retry_at"})


class Differing(Struct, frozen=True):
    """A field in which two decisions of one kind differ."""

    field: str
    stands: str
    now: str


def said(event: AnyEvent | None) -> str:
    """A decision in one sentence without its full stop; `nothing` for none."""
    return NOTHING if event is None else words.shortened(_said(event), LIMIT)


def _said(event: AnyEvent) -> str:
    match event:
        case CallAsked(tool=tool, args=args, serves=serves):
            again = f", by the machine for call {serves}" if serves else ""
            return f"a call of {tool}({words.args(content(args) or Content())}) is taken up{again}"
        case CallJudged(call, verdict, rules):
            because = "; ".join(f"{fired.because} ({fired.rule})" for fired in rules)
            return f"call {call} {_VERDICTS[verdict]}{': ' + because if because else ''}"
        case CallStarted(call, attempt):
            return f"attempt {attempt} at call {call} starts"
        case CallFailed(call, attempt):
            return f"attempt {attempt} at call {call} is found lost"
        case ModelFailed(ask):
            return f"the request {ask} is found lost"
        case ModelAsked(step, attempt, model):
            return f"{model} is asked for step {step}, attempt {attempt}"
        case PersonAsked(about, text, role=role):
            return f"{role or 'a person'} is asked ({about}): {text}"
        case _:
            return _ended(event)


def _ended(event: AnyEvent) -> str:
    match event:
        case QuestionWithdrawn(question, why):
            return f"question {question} is withdrawn: {why}"
        case OutputRejected(why=why, final=final):
            return f"the answer cannot stand{', and the run stops' if final else ''}: {why}"
        case DoubtRaised(call, why):
            return f"call {call} is in doubt: {why}"
        case LimitReached(limit, used, ceiling, why):
            return f"the limit of {limit} is reached, {used:,} of {ceiling:,}{': ' + why if why else ''}"
        case RunClosed(outcome, reason):
            return f"the run ends as {outcome}: {reason}"
        case Contradiction(_, what):
            return f"two things contradict each other: {what}"
        case ChildOpened(call, child, carved):
            under = ", ".join(f"{name} {many:,}" for name, many in carved.items())
            return f"the run {child} is opened for call {call}{' under ' + under if under else ''}"
        case RoundClosed(number, posts):
            return f"round {number} closes with {', '.join(name for name, _ in posts) or 'no posts'}"
        case Replied():
            return "the answer's text is said to the requester"
    return _held_up(event)


def _held_up(event: AnyEvent) -> str:
    match event:
        case PlaceAwaited(clause=clause, why=why, call=call):
            return f"{f'call {call}' if call else 'the run'} waits: {why} ({clause})"
        case PlaceTaken():
            return "it is the turn of this run"
        case Paused(by=by, why=why, stop=stop):
            return f"the stop of {by} (control entry {stop}) is found to hold the run{': ' + why if why else ''}"
        case Resumed(stop=stop) if stop:
            return f"the run goes on: the stop is over (control entry {stop})"
        case Resumed(epoch=epoch):
            return f"the run goes on in epoch {epoch}"
    return type(event).__name__


def plain(event: AnyEvent) -> AnyEvent:
    """A decision with its bodies in it, wherever they are kept."""
    changes = {
        name: Inline(body.value) for name in event.__struct_fields__ if isinstance(body := getattr(event, name), Loaded)
    }
    return msgspec.structs.replace(event, **changes) if changes else event


def differing(stands: AnyEvent, now: AnyEvent) -> tuple[Differing, ...]:
    """The fields in which two decisions of one kind differ; digests only where nothing else does: they follow from it."""
    if type(stands) is not type(now):
        return ()
    names = [name for name in stands.__struct_fields__ if getattr(stands, name) != getattr(now, name)]
    telling = [name for name in names if name not in DIGESTS] or names
    return tuple(
        Differing(name, _value(name, getattr(stands, name)), _value(name, getattr(now, name))) for name in telling
    )


def _value(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int) and value:
        return f"{units.say_at(value)} ({value})"
    return words.value(msgspec.to_builtins(value, str_keys=True), LIMIT)
