"""What was done in which order, and how often: before, never, at_most. In all runs of a trial together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from holdfast.evals.grading.calls import Brief, calls
from holdfast.evals.grading.finished import Finished, Miss, Part
from holdfast.events import CallAsked, Entry, ModelAnswered
from holdfast.views import words


def before(finished: Finished) -> Iterator[Miss]:
    """Of each pair the first was answered before the second was started the first time, in whichever of its runs."""
    pairs = finished.case.expect.before
    if not pairs:
        return
    known = _everywhere(finished)
    for first, second in pairs:
        starts = [(finished.at(part, call.started), part, call) for part, call in known if call.tool == second]
        begun = min((one for one in starts if one[0]), key=lambda one: one[0], default=None)
        if begun is None:
            continue
        start, there, call = begun
        own = [(part, one) for part, one in known if one.tool == first]
        if not any(0 < finished.at(part, one.answered) < start for part, one in own):
            why = f"{second} was started in entry {call.started}{there.where}, and {_not_yet(finished, first, own, start)}"
            places = (*there.seqs([call.started]), *(seq for part, one in own for seq in part.seqs([one.seq])))
            yield Miss("before", why, tuple(dict.fromkeys(places)))


def _everywhere(finished: Finished) -> list[tuple[Part, Brief]]:
    """The calls of all its runs, each with its run."""
    return [(part, call) for part in finished.parts for call in calls(part.entries).values()]


def _not_yet(finished: Finished, tool: str, own: Sequence[tuple[Part, Brief]], start: int) -> str:
    """What there was of a tool instead of an answer in time."""
    late = min(
        ((finished.at(part, one.answered), one.answered, part.where) for part, one in own if one.answered), default=None
    )
    if late is not None:
        return f"{tool} was answered only after that, in entry {late[1]}{late[2]}"
    if any(finished.at(part, one.seq) < start for part, one in own):
        return f"{tool} had been called and gave no result"
    return f"{tool} had not been called" if not own else f"{tool} was called only after that, and gave no result"


def never(finished: Finished) -> Iterator[Miss]:
    """No model of its runs asked for any of these, whatever came of it; also not in an answer that was not taken up."""
    barred = finished.case.expect.never
    if not barred:
        return
    asked: dict[str, list[int]] = {}
    for part in finished.parts:
        for tool, seqs in _asked(part.entries, barred).items():
            asked.setdefault(tool, []).extend(part.seqs([seq])[0] for seq in seqs)
    for tool in dict.fromkeys(barred):
        if tool in asked:
            places = tuple(dict.fromkeys(asked[tool]))
            yield Miss("never", f"{tool} was asked for {_times(len(asked[tool]))}, and must not be", places)


def _asked(entries: Sequence[Entry], barred: Collection[str]) -> dict[str, list[int]]:
    """Tool → the entries of one run in which its model asked for it."""
    asked: dict[str, list[int]] = {}
    taken: set[int] = set()
    answers: list[tuple[int, ModelAnswered]] = []
    for entry in entries:
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
    return asked


def at_most(finished: Finished) -> Iterator[Miss]:
    """None of these was started more often, in all its runs. A call that is tried again is one; what the machine reads again is none."""
    tops = finished.case.expect.at_most
    if not tops:
        return
    known = _everywhere(finished)
    for tool, top in tops.items():
        starts = [(part, call) for part, call in known if call.tool == tool and call.started and not call.serves]
        if len(starts) > top:
            places = tuple(dict.fromkeys(seq for part, call in starts for seq in part.seqs([call.started])))
            yield Miss("at_most", f"{tool} was started {_times(len(starts))}, and may be {_times(top)}", places)


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{words.count(count, 'time')}")
