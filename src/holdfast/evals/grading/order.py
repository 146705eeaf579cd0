"""What was done in which order, and how often: before, never, at_most."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.evals.grading.calls import Brief, calls
from holdfast.evals.grading.finished import Finished, Miss
from holdfast.events import CallAsked, ModelAnswered
from holdfast.views import words


def before(finished: Finished) -> Iterator[Miss]:
    """Of each pair the first was answered before the second was started the first time."""
    pairs = finished.case.expect.before
    if not pairs:
        return
    known = list(calls(finished.entries).values())
    for first, second in pairs:
        starts = [call.started for call in known if call.tool == second and call.started]
        if not starts:
            continue
        start, own = min(starts), [call for call in known if call.tool == first]
        if not any(0 < call.answered < start for call in own):
            why = f"{second} was started in entry {start}, and {_not_yet(first, own, start)}"
            yield Miss("before", why, (start, *(call.seq for call in own)))


def _not_yet(tool: str, own: list[Brief], start: int) -> str:
    """What there was of a tool instead of an answer in time."""
    late = min((call.answered for call in own if call.answered), default=0)
    if late:
        return f"{tool} was answered only after that, in entry {late}"
    if any(call.seq < start for call in own):
        return f"{tool} had been called and gave no result"
    return f"{tool} had not been called" if not own else f"{tool} was called only after that, and gave no result"


def never(finished: Finished) -> Iterator[Miss]:
    """The model asked for none of these, whatever came of it; also not in an answer that was not taken up."""
    barred = finished.case.expect.never
    if not barred:
        return
    asked: dict[str, list[int]] = {}
    taken: set[int] = set()
    answers: list[tuple[int, ModelAnswered]] = []
    for entry in finished.entries:
        event = entry.event
        if isinstance(event, CallAsked):
            taken.add(event.ask)
            if event.tool in barred and not event.serves:
                asked.setdefault(event.tool, []).append(entry.seq)
        elif isinstance(event, ModelAnswered):
            answers.append((entry.seq, event))
    for seq, answer in answers:
        for wanted in answer.calls:
            if seq not in taken and wanted.tool in barred:
                asked.setdefault(wanted.tool, []).append(seq)
    for tool in dict.fromkeys(barred):
        if tool in asked:
            yield Miss("never", f"{tool} was asked for {_times(len(asked[tool]))}, and must not be", tuple(asked[tool]))


def at_most(finished: Finished) -> Iterator[Miss]:
    """None of these was started more often. A call that is tried again is one; what the machine reads again is none."""
    tops = finished.case.expect.at_most
    if not tops:
        return
    known = list(calls(finished.entries).values())
    for tool, top in tops.items():
        starts = [call.started for call in known if call.tool == tool and call.started and not call.serves]
        if len(starts) > top:
            yield Miss("at_most", f"{tool} was started {_times(len(starts))}, and may be {_times(top)}", tuple(starts))


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{words.count(count, 'time')}")
