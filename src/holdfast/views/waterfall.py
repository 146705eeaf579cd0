"""The waterfall: when each step of a run went on, on an axis out of which long waiting is cut.

    fall = waterfall(seen)
    fall.spans[seq]              what went on under entry seq, as (begin, end, kind)
    fall.place(moment)           where a moment stands on the axis, in µs from its left end

A run that worked for two seconds and waited three days for a person would show nothing but the wait. So an interval in
which nothing went on and that is long beside the work is taken out of the axis, marked, and named: nobody is to take a
picture without it for the whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast import units
from holdfast.views import places
from holdfast.views.record import Asked, Call, Happening, Question, Said, Trace, Turn

Kind: TypeAlias = Literal["model", "read", "write", "look", "failed", "wait", "child"]

SHORT: Final = units.SECOND
"""No interval up to this is cut, µs."""


class Span(Struct, frozen=True, gc=False):
    """Something went on from `begin` until `end`, µs since 1970. A `child` is another run, which may itself wait."""

    begin: int
    end: int
    kind: Kind


class Gap(Struct, frozen=True, gc=False):
    """An interval that is cut out of the axis."""

    begin: int
    end: int
    why: str
    """What was waited for: `finance`, `the requester`, … or `nothing`: nothing went on."""

    @property
    def long(self) -> int:
        """Its length in µs."""
        return self.end - self.begin


def _begin(gap: Gap) -> int:
    return gap.begin


class Waterfall(Struct, frozen=True):
    """Spans by run and entry, and the axis they are drawn on."""

    begin: int
    end: int
    spans: dict[tuple[str, int], tuple[Span, ...]]
    gaps: tuple[Gap, ...]
    """What is cut out, in order."""
    lost: tuple[int, ...]
    """µs cut out before each gap, and at last all of them."""

    @property
    def length(self) -> int:
        """µs that the axis shows."""
        return max(self.end - self.begin - self.lost[-1], 1)

    def place(self, moment: int) -> tuple[int, int]:
        """(µs from the left end of the axis, number of cuts before it); a moment inside a cut stands at its begin."""
        before = bisect_right(self.gaps, moment, key=_begin)
        if before and moment < self.gaps[before - 1].end:
            before, moment = before - 1, self.gaps[before - 1].begin
        return max(moment - self.begin - self.lost[before], 0), before

    def told(self) -> str:
        """What the axis leaves out, in words; empty where that is nothing."""
        if not self.gaps:
            return ""
        sums: dict[str, int] = {}
        for gap in self.gaps:
            sums[gap.why] = sums.get(gap.why, 0) + gap.long
        parts = [f"{units.say_duration(long)} {_REASON.get(why, f'waiting for {why}')}" for why, long in sums.items()]
        return ", ".join(parts)


_REASON: Final = {
    "nothing": "in which nothing went on",
    "stopped": "while it was stopped",
    "retry": "before another attempt",
}


def waterfall(seen: Trace, children: Iterable[Trace] = ()) -> Waterfall:
    """The waterfall of a run, and of the runs it opened."""
    children = tuple(children)
    here = {one.run for one in children}
    last = max(one.at for one in (seen, *children))
    spans: dict[tuple[str, int], tuple[Span, ...]] = {}
    waits: list[tuple[int, int, str]] = []
    for one in (seen, *children):
        for seq, found in _spans(one, last):
            spans[one.run, seq] = (*spans.get((one.run, seq), ()), *found)
        waits += _waits(one, here, last)
    busy = [span for found in spans.values() for span in found if span.kind not in ("wait", "child")]
    end = max([last, *(span.end for span in busy)])
    merged = _merged(busy)
    idle = list(_idle(merged, seen.opened, end))
    enough = max(sum(b - a for a, b in merged) // 2, SHORT)
    gaps = tuple(Gap(a, b, _why(a, b, waits)) for a, b in idle if b - a > enough)
    lost = tuple(accumulate((gap.long for gap in gaps), initial=0))
    return Waterfall(seen.opened, end, spans, gaps, lost)


def _merged(busy: Iterable[Span]) -> list[tuple[int, int]]:
    """Intervals in which something went on, in order, none touching another."""
    found: list[tuple[int, int]] = []
    for span in sorted(busy, key=lambda one: one.begin):
        if found and span.begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], span.end))
        else:
            found.append((span.begin, span.end))
    return found


def _idle(merged: Sequence[tuple[int, int]], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The intervals between."""
    at = begin
    for first, last in merged:
        if first > at:
            yield at, first
        at = max(at, last)
    if end > at:
        yield at, end


def _why(begin: int, end: int, waits: Sequence[tuple[int, int, str]]) -> str:
    """What fills most of an interval."""
    best, most = "nothing", 0
    for first, last, why in waits:
        shared = min(end, last) - max(begin, first)
        if shared > most:
            best, most = why, shared
    return best


# ------------------------------------------------------------------------------------------------------ what goes on


def _spans(seen: Trace, last: int) -> Iterator[tuple[int, tuple[Span, ...]]]:
    for item in seen.items:
        if isinstance(item, Turn):
            for asked in item.asked:
                yield asked.seq, (_asked(seen, asked),)
    for call in seen.calls.values():
        yield from _call(seen, call, last)
    for question in seen.questions.values():
        yield question.seq, (Span(question.at, _until(seen, question, last), "wait"),)
    for waited in _all_waited(seen):
        yield waited.seq, (Span(waited.at, waited.until or last, "wait"),)


def _all_waited(seen: Trace) -> Iterator[places.Waited]:
    """For what it waited that other runs held, or somebody had stopped: the run itself, and its calls."""
    yield from seen.waited
    for call in seen.calls.values():
        yield from call.waited


def _asked(seen: Trace, asked: Asked) -> Span:
    return Span(
        asked.at, _ended(seen, asked.at, asked.took, asked.ended), "failed" if asked.state == "failed" else "model"
    )


def _call(seen: Trace, call: Call, last: int) -> Iterator[tuple[int, tuple[Span, ...]]]:
    kind: Kind = "write" if call.effect == "write" else "read"
    tried: list[Span] = []
    for one in call.tried:
        span = Span(one.at, _ended(seen, one.at, one.took, one.ended), "failed" if one.state == "failed" else kind)
        tried.append(span)
        yield one.seq, (span,)
    if tried:
        yield call.seq, tuple(tried)
    if call.delegated is not None:
        yield call.seq, (Span(call.delegated.at, call.delegated.until or last, "child"),)
    for look in call.looked:
        # A look-up is written down when it is over.
        yield look.seq, (Span(max(look.at - look.took, call.at), look.at, "look"),)


def _ended(seen: Trace, at: int, took: int, ended: int) -> int:
    """When something was over: as long as it took, else when that was learned, else it still goes on."""
    return at + took if took else seen.when(ended) if ended and not took else seen.at


# ---------------------------------------------------------------------------------------------------- what is waited


def _until(seen: Trace, question: Question, last: int = 0) -> int:
    return seen.when(question.ended) if question.end else max(seen.at, last)


def waited(seen: Trace, question: Question) -> int:
    """µs a question has been open, as far as the entries tell."""
    return max(_until(seen, question) - question.at, 0)


def _held_up(seen: Trace, last: int) -> Iterator[tuple[int, int, str]]:
    """(begin, end, by what) of what other runs held, and of stops: a person's pause and a stop of many do not lift each other."""
    for one in _all_waited(seen):
        yield one.at, one.until or last, "stopped" if one.clause == places.STOP else places.on(one)
    stopped: dict[bool, int] = {}
    for item in seen.items:
        if isinstance(item, Happening) and item.kind in ("Paused", "Resumed"):
            if since := stopped.pop(bool(item.stop), 0):
                yield since, item.at, "stopped"
            if item.kind == "Paused":
                stopped[bool(item.stop)] = item.at
    for since in stopped.values():
        yield since, last, "stopped"


def _waits(seen: Trace, here: Container[str], last: int) -> Iterator[tuple[int, int, str]]:
    """(begin, end, for what). here: the children whose own waits are known, and say more; last: up to when things are known."""
    for question in seen.questions.values():
        who = "the requester" if question.role == "requester" else question.role or "a person"
        yield question.at, _until(seen, question, last), who
    yield from _held_up(seen, last)
    replied = 0
    for item in seen.items:
        if isinstance(item, Said):
            if item.to_agent and replied:
                yield replied, item.at, "the requester"
            replied = 0 if item.to_agent else item.at
        elif isinstance(item, Turn):
            for before, after in zip(item.asked, item.asked[1:], strict=False):
                yield seen.when(before.ended), after.at, "retry"
    for call in seen.calls.values():
        if call.delegated is not None and call.child not in here:
            yield call.delegated.at, call.delegated.until or last, f"the run {call.child}"
        for one, then in zip(call.tried, call.tried[1:], strict=False):
            if one.state == "failed":
                yield seen.when(one.ended), then.at, "retry"
