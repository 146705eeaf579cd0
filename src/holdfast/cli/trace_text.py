"""A trace on a terminal: a line for each thing that happened, with its bar in the waterfall, at a hundred columns.

A line with a bar ends where the bar begins; all others have the whole width. Narrow terminals get no bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from holdfast import units
from holdfast.cli.layout import cells, painted, wrapped
from holdfast.cli.row import Brief, Part, Row
from holdfast.cli.standing import COLOURS
from holdfast.cli.trace_rows import rows, spent, spent_below, word
from holdfast.views import places, reach, words
from holdfast.views.family import Family
from holdfast.views.record import Question, Trace
from holdfast.views.waterfall import Kind, Span, Waterfall, waterfall

__all__ = ["lines", "word"]

MARGIN: Final = 14
"""Columns of time and entry."""
TOOK: Final = 8
"""Columns of how long it took, with the blank before."""
CUT: Final = "┊"

_GLYPHS: Final[dict[Kind, tuple[str, str]]] = {
    "model": ("█", "cyan"),
    "read": ("█", "green"),
    "write": ("█", "magenta"),
    "look": ("█", "blue"),
    "failed": ("▒", "red"),
    "wait": ("░", "yellow"),
    "child": ("─", "dim"),
}


def lines(family: Family, *, width: int, colour: bool, full: bool = False, now: int = 0) -> Iterator[str]:
    """The whole trace, line by line. now: the journal's clock, for how long something waits already; 0 says nothing of it."""
    brief, seen = Brief(full), family.seen
    fall = waterfall(seen, family.below())
    for parts in _head(family, brief):
        for line in wrapped(parts, width, width):
            yield painted(line, colour=colour)
    yield ""
    yield from _Tree(family, fall, width, colour).lines(brief)
    yield ""
    for parts in _foot(family, fall, now):
        for line in wrapped(parts, width, width):
            yield painted(line, colour=colour)


def _head(family: Family, brief: Brief) -> Iterator[tuple[Part, ...]]:
    seen = family.seen
    state = word(seen, family)
    key = f"  {seen.key}" if seen.key else ""
    yield (seen.agent, "bold"), (f"  {seen.run}  ", ""), (state, f"bold {COLOURS.get(state, 'cyan')}"), (key, "")
    whom = f" for {seen.on_behalf_of}" if seen.on_behalf_of else ""
    opened = f"opened {units.say_at(seen.opened)} by {seen.by}{whom}"
    yield ((f"{opened} · {seen.mode} · contract {seen.contract_digest[:12]}", "dim"),)
    for told in kin(seen):
        yield ((told, "dim"),)
    yield ((spent(seen), "dim"),)
    if told := spent_below(family):
        yield ((told, "dim"),)
    read = reach.in_a_line(seen)
    if read:
        yield ((read, "dim"),)
    tags = {name: value for name, value in seen.tags.items() if name != "agent_path" or brief.full}
    if tags:
        yield ((", ".join(f"{name}: {value}" for name, value in tags.items()), "dim"),)


def kin(seen: Trace) -> Iterator[str]:
    """What other runs this one has to do with."""
    if seen.parent:
        yield f"opened by call {seen.parent_call} of the run {seen.parent}"
    if seen.forked_from:
        yield f"forked from the run {seen.forked_from}; the entries up to {seen.forked_at} are that run's"
    if seen.undoes:
        yield f"undoes the run {seen.undoes}"


# ---------------------------------------------------------------------------------------------------------- the tree


class _Tree:
    """The lines between head and foot."""

    def __init__(self, family: Family, fall: Waterfall, width: int, colour: bool) -> None:
        self.family, self.fall, self.width, self.colour = family, fall, width, colour
        self.bars = 0 if width < 72 else 14 if width < 96 else 22 if width < 120 else 30
        marks = min(len(self.fall.gaps), self.bars // 4)
        self.marked = sorted(sorted(range(len(self.fall.gaps)), key=lambda at: -self.fall.gaps[at].long)[:marks])
        self.blank = [" "] * self.bars
        for at in self.marked:
            self.blank[self._column(self.fall.gaps[at].begin, marked_before=self.marked.index(at)) // 2] = CUT

    def lines(self, brief: Brief) -> Iterator[str]:
        seen, last = self.family.seen, dict[str, int]()
        yield self._titles()
        for row in rows(self.family, brief):
            time = units.say_duration(max(row.at - seen.opened, 0)) if row.at > last.get(row.run, -1) else ""
            last[row.run] = max(last.get(row.run, -1), row.at)
            yield from self._row(row, time)

    def _titles(self) -> str:
        first, scale = f"{'time':>7} {'entry':>5} ", ""
        if self.bars:
            scale = f" 0{units.say_duration(self.fall.length):>{self.bars - 1}}"
        blanks = " " * (self.width - MARGIN - TOOK - len(scale))
        return painted([(f"{first}{blanks}{'took':>{TOOK}}{scale}", "dim")], colour=self.colour)

    def _row(self, row: Row, time: str) -> Iterator[str]:
        indent = min(2 * row.depth, self.width // 3)
        spans = self.fall.spans.get((row.run or self.family.seen.run, row.seq), ()) if row.at else ()
        bar = self._bar(spans) if spans and self.bars else []
        tail = bool(bar) or row.took is not None
        wide = self.width - MARGIN - indent
        narrow = wide - (TOOK + (self.bars + 1 if self.bars else 0) if tail else 0)
        first, *rest = wrapped(row.parts, narrow, wide) or [[]]
        left = painted([(f"{time:>7} {row.seq or '':>5} ", "dim")], colour=self.colour)
        shown = f"{left}{' ' * indent}{painted(first, colour=self.colour)}"
        if tail:
            fill = " " * max(narrow - cells("".join([text for text, _ in first])), 0)
            took = units.say_duration(row.took) if row.took is not None else ""
            ends = [(f"{took:>{TOOK}}", "dim"), (" ", ""), *bar] if bar else [(f"{took:>{TOOK}}", "dim")]
            shown += fill + painted(ends, colour=self.colour)
        yield shown.rstrip()
        margin = " " * (MARGIN + indent)
        for line in rest:
            yield margin + painted(line, colour=self.colour)

    def _column(self, moment: int, *, marked_before: int | None = None) -> int:
        """The half column at which a moment stands."""
        place, cuts = self.fall.place(moment)
        if marked_before is None:
            marked_before = sum(1 for at in self.marked if at < cuts)
        room = 2 * (self.bars - len(self.marked))
        return min(place * room // self.fall.length, room - 1) + 2 * marked_before

    def _bar(self, spans: tuple[Span, ...]) -> list[Part]:
        """The cells of a bar. Without colours too, a cut stays to be seen: nothing is drawn over it."""
        drawn = self.blank.copy()
        parts: list[Part] = []
        done = 0
        for span in sorted(spans, key=_begin) if len(spans) > 1 else spans:
            begin, end = self._column(span.begin), self._column(span.end)
            first, last = max(begin // 2, done), min(max((end + 1) // 2, begin // 2 + 1), self.bars)
            glyph, style = _GLYPHS[span.kind]
            for column in range(first, last):
                if drawn[column] != CUT:
                    drawn[column] = glyph
            if glyph == "█" and last > first:
                drawn[first] = "▐" if begin % 2 and first == begin // 2 and drawn[first] == glyph else drawn[first]
                half = end % 2 == 1 or end <= begin
                drawn[last - 1] = "▌" if half and drawn[last - 1] == glyph else drawn[last - 1]
            parts += [("".join(drawn[done:first]), "dim"), ("".join(drawn[first:last]), style)]
            done = max(done, last)
        return [*parts, ("".join(drawn[done:]), "dim")]


def _begin(span: Span) -> int:
    return span.begin


# ---------------------------------------------------------------------------------------------------------- the foot


def _foot(family: Family, fall: Waterfall, now: int) -> Iterator[tuple[Part, ...]]:
    seen = family.seen
    left_out = fall.told()
    if left_out:
        yield ((f"{CUT} in the bars stands for {left_out}", "dim"),)
    for run in family.missing:
        yield ((f"not shown: the run {run}, which this one opened: holdfast show {run}", "yellow"),)
    for seq in seen.end.unresolved if seen.end is not None else ():
        call = seen.calls.get(seq)
        if call is not None and not (call.rulings and call.rulings[-1].verdict != "stop"):
            yield ((f"nobody knows whether {words.called(call)} happened: holdfast review settle {seen.run}", "red"),)
    for one in (seen, *family.below()):
        for question in one.open_questions:
            yield from _waits(one, question, now, below=one is not seen)
        yield from _held_up(one, now, below=one is not seen)
    yield ((f"why: holdfast why {seen.run}", "dim"),)


def _held_up(seen: Trace, now: int, *, below: bool) -> Iterator[tuple[Part, ...]]:
    """What waits for other runs, or until a stop is over; no person has to do anything about it here."""
    whose = f"{seen.run} ({seen.agent}) " if below else ""
    if seen.halted:
        yield ((f"{whose}{seen.halted}: holdfast show control", "yellow"),)
    for one in seen.awaits:
        what = f"{words.plain(seen.calls[one.call].tool)} " if one.call in seen.calls else ""
        since = f", for {units.say_duration(now - one.at)} so far" if now > one.at else ""
        yield ((f"{whose}{what}{words.plain(places.said(one))}{since}", "yellow"),)


def _waits(seen: Trace, question: Question, now: int, *, below: bool) -> Iterator[tuple[Part, ...]]:
    who = "the requester" if question.role == "requester" else question.role or "a person"
    until = f" until {units.say_at(question.until)}" if question.until else ""
    since = f", for {units.say_duration(now - question.at)} so far" if now > question.at else ""
    verb = {"question": "say" if question.role == "requester" else "review answer"}.get(question.about, "review show")
    whose = f"{seen.run} ({seen.agent}) " if below else ""
    yield ((f"{whose}waits for {who}{until}{since}", "yellow"),)
    yield ((f"  holdfast {verb} {seen.run}", ""),)
