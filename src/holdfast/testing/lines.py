"""The course of a run as readable lines: what was said, each call with its verdict and what became of it, questions, the outcome.

    ana: A room for 40 on Friday
    free_rooms(day="friday") → done
    book_room(day="friday", people=40, room="Hall")
      review for office: the office gives out the big rooms
      kim: approve
      → done
    done: room="Hall", sentence="You have Hall on friday."

Calls stand in the order in which they were asked for, so the lines are the same however reads overtake each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from holdfast.events import Entry
from holdfast.views import words
from holdfast.views.record import Call, Content, Happening, Question, Said, Trace, Turn
from holdfast.views.trace import trace

LONG: Final = 400
"""Characters of a text or of arguments."""


def course(entries: Sequence[Entry]) -> list[str]:
    """The lines of a run."""
    seen = trace(entries)
    lines = [f"{seen.by}: {words.said(seen.input, LONG)}"]
    for item in seen.items:
        match item:
            case Turn():
                lines += _turn(seen, item)
            case Said(to_agent=to_agent):
                lines.append(f"{item.by if to_agent else 'agent'}: {words.said(item.text, LONG)}")
            case Happening():
                lines += _happened(seen, item)
    return [*lines, _end(seen)]


def _turn(seen: Trace, turn: Turn) -> Iterator[str]:
    for asked in turn.asked:
        if asked.state == "failed":
            yield f"no answer from the model: {asked.error}"
    ended = seen.end is not None and seen.end.outcome in ("done", "declined", "escalated")
    for seq in turn.calls:
        call = seen.calls[seq]
        if not (call.ending == "accepted" and ended):  # that is the last line
            yield from _call(seen, call)
    if turn.rejected and not turn.calls:
        yield f"not accepted: {words.shortened(turn.rejected, LONG)}"


def _call(seen: Trace, call: Call, depth: str = "") -> Iterator[str]:
    between = [*_between(seen, call)]
    fate = words.fate(call)
    if not between:
        yield f"{depth}{words.called(call, LONG)} → {fate}"
        return
    yield f"{depth}{words.called(call, LONG)}"
    yield from (f"{depth}  {line}" for line in between)
    yield f"{depth}  → {fate}"


def _between(seen: Trace, call: Call) -> Iterator[str]:
    """What stands between a call and what became of it, in its order."""
    told: list[tuple[int, str]] = []
    for judged in call.judged:
        refused = [fired for fired in judged.rules if fired.verdict == judged.verdict == "refuse"]
        told += [(judged.seq, f"refused: {fired.because} ({fired.rule})") for fired in refused]
    told += [
        (one.seq, line) for seq in call.questions for one in [seen.questions[seq]] for line in _question(one, call)
    ]
    told += [(one.seq, f"{one.by} changes {', '.join(one.changed)}: {words.args(one.args)}") for one in call.amended]
    told += [(one.ended, f"failed: {one.error}: {one.message}") for one in call.tried if one.state == "failed"]
    told += [(one.seq, f"looked up: {one.answer}") for one in call.looked]
    told += [(one.seq, f"{one.by}: {one.verdict.replace('_', ' ')}") for one in call.rulings]
    yield from (words.shortened(line, LONG) for _, line in sorted(told, key=lambda one: one[0]))
    if call.ending == "rejected" and call.told:
        yield f"not accepted: {words.shortened(call.told, LONG)}"
    for seq in call.inner:
        yield from _call(seen, seen.calls[seq])


def _question(one: Question, call: Call | None = None) -> Iterator[str]:
    judged = [judged for judged in call.judged if judged.seq < one.seq] if call is not None else []
    asks = [fired.because for fired in judged[-1].rules if fired.verdict == "review"] if judged else []
    yield f"{one.about} for {one.role or 'a person'}: {'; '.join(dict.fromkeys(asks)) or words.shortened(one.text, LONG)}"
    for voice in one.voices:
        yield f"{voice.by}: {voice.verdict}{': ' + voice.text if voice.text else ''}"
    if one.end and not one.voices:
        yield one.end


def _happened(seen: Trace, item: Happening) -> Iterator[str]:
    question = seen.questions.get(item.question)
    if question is not None:
        yield from _question(question)
    else:
        yield words.shortened(item.text, LONG)


def _end(seen: Trace) -> str:
    if seen.end is None:
        waits = [f"{one.about} for {one.role or 'a person'}" for one in seen.open_questions]
        return f"waiting: {words.listed(waits)}" if waits else "open"
    if seen.end.outcome == "done":
        return f"done: {words.args(seen.end.output or Content(), LONG)}"
    return f"{seen.end.outcome}: {words.shortened(seen.end.reason, LONG)}"
