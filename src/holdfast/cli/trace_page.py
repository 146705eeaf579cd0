"""A trace as one page that needs nothing else: no request leaves it, and it can be read without its script.

The lines are those of the terminal. Under a line unfolds what is known of it, at the end stand all entries, and every
number of an entry leads there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from holdfast import units
from holdfast.cli import page_details
from holdfast.cli.entry_text import line
from holdfast.cli.html import Markup, tag, whole
from holdfast.cli.row import Brief, Row
from holdfast.cli.standing import COLOURS
from holdfast.cli.trace_rows import rows, spent_below, word
from holdfast.cli.trace_text import kin
from holdfast.events import Entry
from holdfast.version import VERSION
from holdfast.views import reach, words
from holdfast.views.family import Family
from holdfast.views.record import Trace, Turn
from holdfast.views.waterfall import Span, Waterfall, waterfall

DEEPEST: Final = 8
MARKS: Final = 24
"""Cuts that are drawn; the longest, where there are more."""
WIDE: Final = 1000
"""Units of the waterfall's axis."""
CUT: Final = 16
"""Units that a cut takes."""
THIN: Final = 5
"""Units of the shortest bar."""


def page(family: Family, entries: Mapping[str, Sequence[Entry]]) -> str:
    """The whole page. entries: of the run and of those below it."""
    seen = family.seen
    fall = waterfall(seen, family.below())
    made = f"Made by holdfast {VERSION} from the journal's entries. The same in a terminal: holdfast show {seen.run}"
    return whole(
        f"{seen.agent} {seen.run}: {word(seen, family)}",
        tag("header", list(_head(family))),
        tag("main", list(_main(family, fall, entries))),
        tag("footer", tag("p", made)),
        css="trace.css",
        script="trace.js",
    )


# ---------------------------------------------------------------------------------------------------------- the head


def _head(family: Family) -> Iterator[Markup]:
    seen = family.seen
    state = word(seen, family)
    yield tag(
        "div", tag("h1", seen.agent), tag("span", seen.run, class_="run dim"), tag("span", seen.key, class_="dim") if seen.key else None,
        tag("span", state, class_=f"badge {COLOURS.get(state, 'cyan')}"), class_="top",
    )  # fmt: skip
    whom = f" for {seen.on_behalf_of}" if seen.on_behalf_of else ""
    opened = f"Opened {units.say_at(seen.opened)} by {seen.by}{whom}, in the mode {seen.mode}, under the contract "
    yield tag("p", opened, tag("code", seen.contract_digest), class_="dim")
    for told in kin(seen):
        yield tag("p", told[:1].upper() + told[1:], class_="dim")
    yield tag("dl", list(_facts(seen)), class_="facts")
    if told := spent_below(family):
        yield tag("p", told[:1].upper() + told[1:], class_="dim")
    tags = ", ".join(f"{name}: {value}" for name, value in seen.tags.items() if name != "agent_path")
    if tags:
        yield tag("p", tags, class_="dim")
    yield from _notices(seen)
    for one in family.below():
        yield from _open(one, one.run)


def _facts(seen: Trace) -> Iterator[Markup]:
    totals = seen.totals
    unsettled = f"{units.say_usd(totals.unsettled)} of it unsettled" if totals.unsettled else ""
    unknown = f"the price of {words.count(totals.unpriced, 'answer')} unknown" if totals.unpriced else ""
    facts = (
        ("steps", f"{totals.steps:,}", ""),
        ("tokens in", f"{totals.input:,}", ""),
        ("tokens out", f"{totals.output:,}", ""),
        ("USD", units.say_usd(totals.charged), ", ".join(part for part in (unsettled, unknown) if part)),
        ("models and tools", units.say_duration(totals.work), ""),
        ("first to last entry", units.say_duration(max(seen.at - seen.opened, 0)), ""),
    )
    for name, value, note in facts:
        yield tag("div", tag("dt", name), tag("dd", value, tag("small", f" {note}") if note else None))


def _notices(seen: Trace) -> Iterator[Markup]:
    for sentence in reach.sentences(seen):
        yield tag("p", sentence.text, page_details.places(sentence.entries, _anchor("")), class_="notice")
    if seen.end is not None and seen.end.outcome != "done":
        yield tag("p", f"It ended as {seen.end.outcome}: {seen.end.reason}", class_="notice bad")
    yield from _open(seen, "")


def _open(seen: Trace, run: str) -> Iterator[Markup]:
    """What a run waits for people with; run: its name, where it is not the one that is shown."""
    whose = f"The run {run}, of {seen.agent}," if run else "It"
    for question in seen.open_questions:
        who = "the requester" if question.role == "requester" else question.role or "a person"
        until = f" until {units.say_at(question.until)}" if question.until else ""
        yield tag(
            "p",
            f"{whose} waits for {who}{until}: {question.text}",
            page_details.places([question.seq], _anchor(run)),
            class_="notice",
        )


# ---------------------------------------------------------------------------------------------------------- the lines


def _anchor(run: str) -> page_details.Anchor:
    """Where the entries of a run stand; the empty name: of the run that is shown."""
    return lambda seq: f"#{_name(run, seq)}"


def _name(run: str, seq: int, what: str = "e") -> str:
    return f"{run}-{what}{seq}" if run else f"{what}{seq}"


def _main(family: Family, fall: Waterfall, entries: Mapping[str, Sequence[Entry]]) -> Iterator[Markup]:
    yield tag(
        "div", tag("input", type="search", id="words", placeholder="show only what has these words", aria_label="filter"),
        tag("button", "unfold all", type="button", id="unfold"), tag("button", "fold all", type="button", id="fold"),
        tag("span", id="told"), class_="tools", id="tools", hidden=True,
    )  # fmt: skip
    yield tag("h2", "What happened")
    lines = _Lines(family, fall)
    yield tag("section", lines.titles(), list(lines.all()), class_="tree")
    yield _key(fall)
    for run in family.missing:
        yield tag("p", f"Not shown: the run {run}, which this one opened.", class_="notice")
    yield tag("h2", "Contract")
    digest = tag("code", family.seen.contract_digest)
    contract = (
        page_details.pretty(family.seen.contract) if family.seen.contract is not None else tag("p", "It is gone.")
    )
    yield tag("details", tag("summary", tag("span", "sha256 ", digest, class_="what")), contract)
    for one in (family.seen, *family.below()):
        run = "" if one is family.seen else one.run
        yield tag("h2", f"Entries of {one.run}" if run else "Entries")
        found = entries.get(one.run, ())
        yield tag("section", [_entry(entry, run, one, lines.named) for entry in found], class_="entries")


def _entry(entry: Entry, run: str, seen: Trace, named: set[str]) -> Markup:
    back = _name(run, entry.seq, "s")
    kind = getattr(entry.event, "kind", type(entry.event).__name__)
    told = f"{units.say_at(entry.at)} · written by {entry.actor} · cause {entry.cause or 'none'} · digest {entry.digest.hex()}"
    return tag(
        "details",
        tag(
            "summary", tag("span", str(entry.seq), class_="seq"),
            tag("span", units.say_duration(max(entry.at - seen.opened, 0)), class_="time"),
            tag("span", kind, class_="bold"), tag("span", line(entry), class_="cutoff dim"),
        ),
        tag(
            "div", tag("p", told, class_="dim mono"), page_details.pretty(msgspec.to_builtins(entry.event)),
            tag("a", "in the trace", href=f"#{back}") if back in named else None, id=_name(run, entry.seq),
        ),
        class_="entry",
    )  # fmt: skip


_KINDS: Final = {
    "model": "a model answers", "read": "a tool reads", "write": "a tool writes", "look": "a look-up", "failed": "failed",
    "wait": "a person is waited for", "child": "a run below it",
}  # fmt: skip


def _key(fall: Waterfall) -> Markup:
    there = {span.kind for spans in fall.spans.values() for span in spans}
    shown = [
        tag(
            "span",
            tag(
                "svg", tag("rect", width="10", height="10", class_=f"k-{kind}"), viewBox="0 0 10 10", aria_hidden="true"
            ),
            name,
        )
        for kind, name in _KINDS.items()
        if kind in there
    ]
    if fall.gaps:
        cut = tag(
            "svg", tag("line", x1="5", x2="5", y1="0", y2="10", class_="cut"), viewBox="0 0 10 10", aria_hidden="true"
        )
        shown.append(tag("span", cut, f"cut out of the bars: {fall.told()}"))
    return tag("div", shown, class_="key")


class _Lines:
    """The lines of the tree, with their bars."""

    def __init__(self, family: Family, fall: Waterfall) -> None:
        self.family, self.fall = family, fall
        self.traces: dict[str, Trace] = {"": family.seen, **{one.run: one for one in family.below()}}
        self.turns = {run: _turns(one) for run, one in self.traces.items()}
        self.named: set[str] = set()
        """Places of the page that are lines."""
        longest = sorted(range(len(fall.gaps)), key=lambda at: -fall.gaps[at].long)[:MARKS]
        self.marked = sorted(longest)
        middles = [self._place(fall.gaps[at].begin) + CUT / 2 for at in self.marked]
        self.cuts = [tag("line", x1=_x(x), x2=_x(x), y1="0", y2="16", class_="cut") for x in middles]

    def titles(self) -> Markup:
        scale = tag("span", tag("span", "0"), tag("span", units.say_duration(self.fall.length)), class_="axis")
        names = [tag("span", "time", class_="time"), tag("span", "entry", class_="seq")]
        return tag("div", names, tag("span"), tag("span", "took", class_="took"), scale, class_="line titles")

    def all(self) -> Iterator[Markup]:
        last: dict[str, int] = {}
        for row in rows(self.family, Brief()):
            time = (
                units.say_duration(max(row.at - self.family.seen.opened, 0)) if row.at > last.get(row.run, -1) else ""
            )
            last[row.run] = max(last.get(row.run, -1), row.at)
            yield self._line(row, time)

    def _line(self, row: Row, time: str) -> Markup:
        run, seq = row.run, row.seq
        spans = self.fall.spans.get((run or self.family.seen.run, seq), ()) if row.at else ()
        tail = bool(spans) or row.took is not None
        took = units.say_duration(row.took) if row.took is not None else ""
        cells = [
            tag("span", time, class_="time"),
            tag("span", tag("a", str(seq), href=f"#{_name(run, seq)}") if seq else None, class_="seq"),
            tag("span", [tag("span", part, class_=style or None) for part, style in row.parts], class_="what"),
            [tag("span", took, class_="took"), self._bar(spans)] if tail else None,
        ]
        name = _name(run, seq, "s")
        first = bool(seq) and name not in self.named
        self.named.add(name)
        shape = f"line d{min(row.depth, DEEPEST)}{'' if tail else ' plain'}"
        step = " step" if row.depth == 0 else ""
        more = self._more(run, seq) if first else None
        if more is None:
            return tag("div", tag("div", cells, class_=shape), class_=f"row{step}", id=name if first else None)
        return tag("details", tag("summary", cells, class_=shape), more, class_=f"row{step}", id=name)

    def _more(self, run: str, seq: int) -> Markup | None:
        """What unfolds under the line of an entry."""
        seen, anchor = self.traces[run], _anchor(run)
        if seq in seen.calls:
            return page_details.of_call(seen, seen.calls[seq], anchor)
        if seq in self.turns[run]:
            return page_details.of_turn(self.turns[run][seq], anchor)
        if seq == 1:
            return page_details.of_request(seen)
        return page_details.of_end(seen) if seen.end is not None and seq == seen.end.seq else None

    def _place(self, moment: int) -> float:
        """Units from the left end of the axis, in which each cut that is drawn has its own few."""
        place, cuts = self.fall.place(moment)
        return place * (WIDE - CUT * len(self.marked)) / self.fall.length + CUT * bisect_left(self.marked, cuts)

    def _bar(self, spans: Sequence[Span]) -> Markup:
        bars = [
            tag(
                "rect",
                x=_x(min(begin, WIDE - THIN)),
                y="5",
                width=_x(max(end - begin, THIN)),
                height="7",
                class_=f"k-{span.kind}",
            )
            for span in spans
            for begin, end in [(self._place(span.begin), self._place(span.end))]
        ]
        return tag("svg", bars, self.cuts, viewBox=f"0 0 {WIDE} 16", preserveAspectRatio="none", aria_hidden="true")


def _x(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _turns(seen: Trace) -> dict[int, Turn]:
    return {item.asked[-1].seq: item for item in seen.items if isinstance(item, Turn) and item.answered}
