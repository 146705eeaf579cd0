"""One question on a screen: what would be done, who asks for a person and why, what it rests on, what each answer leads to.

Made for somebody who has never seen a journal: sums as sums, rules in the contract's own words, and names of entries after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.views import words
from holdfast.views.account import Saw, spoken
from holdfast.views.action import field, money
from holdfast.views.desk_ways import role_words
from holdfast.views.matter import Argument, Change, Given, Matter, Reading, Trust, Wrote
from holdfast.views.sentence import Sentence

if TYPE_CHECKING:
    from rich.console import RenderableType

LONG: Final = 400
"""Characters of a text that are shown; what is cut is said, and --full shows it."""

SHORT: Final = 60
"""Characters of a value in a row."""

ALL: Final = 1 << 30

KINDS: Final = {
    "review": "to decide", "output": "to look at an output", "question": "a question", "surprise": "what to do next",
    "limit": "whether it may go on", "doubt": "whether something happened",
}  # fmt: skip


def moment(at: int) -> str:
    """A moment as one reads it on a calendar: `Mon 23 Nov 2026 09:17 UTC`."""
    return datetime.fromtimestamp(at / units.SECOND, UTC).strftime("%a %d %b %Y %H:%M UTC")


def screens(
    shown: Sequence[Matter], now: int, *, full: bool = False, keys: Mapping[str, str] | None = None
) -> list[RenderableType]:
    """Several questions of one run, those of one plan under its list."""
    parts: list[RenderableType] = []
    told: set[tuple[int, ...]] = set()
    for one in shown:
        parts += [Text()] * 2 if parts else []
        calls = tuple(item.call for item in one.plan)
        if len(calls) > 1 and calls not in told:
            told.add(calls)
            parts += [*plan(one), Text()]
        parts += screen(one, now, full=full, keys=keys)
    return parts


def screen(one: Matter, now: int, *, full: bool = False, keys: Mapping[str, str] | None = None) -> list[RenderableType]:
    """A whole question. full: nothing is cut. keys: way to decide → its key; None: with the command lines."""
    limit = ALL if full else LONG
    rows = _Rows()
    _changed(rows, one, full=full)
    _asked_for(rows, one, limit)
    _who(rows, one, now)
    _request(rows, one, limit)
    _rests_on(rows, one, full=full)
    _earlier(rows, one)
    parts: list[RenderableType] = [_title(one), Text()]
    if one.action and one.about != "question":
        number = f"{one.number}. " if len(one.plan) > 1 else ""
        parts += [Padding(Text(f"{number}{_capital(one.action)}", style="bold"), (0, 0, 1, 2), expand=False)]
        parts += [_arguments(one, full=full), Text()] if one.arguments else []
    return [*parts, rows.table(), Text(), *_ways(one, keys=keys)]


def _title(one: Matter) -> Text:
    whom = "the requester" if one.who.role == "requester" else words.plain(one.who.role) or "a person"
    return Text.assemble(
        (words.plain(one.agent), "bold"), (f" asks {whom} {KINDS[one.about]}", "yellow"),
        (f"   {one.run}, question {one.question}", "dim"),
    )  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class _Rows:
    """Lines with a title at the left, each title once."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, Text]] = []

    def add(self, title: str, *parts: str | tuple[str, str]) -> None:
        """One line, broken where it is too long."""
        last = next((name for name, _ in reversed(self._rows) if name), "")
        self._rows.append(("" if title == last else title, Text.assemble(*parts)))

    def table(self) -> RenderableType:
        """All of them."""
        made = Table.grid(padding=(0, 2, 0, 0), expand=False)
        made.add_column(style="dim", no_wrap=True)
        made.add_column(overflow="fold", ratio=1)
        for at, (title, text) in enumerate(self._rows):
            if title and at:
                made.add_row("", "")
            made.add_row(title, text)
        return Padding(made, (0, 0, 0, 2), expand=False)


# ------------------------------------------------------------------------------------------------- what would be done


def _arguments(one: Matter, *, full: bool) -> RenderableType:
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold", max_width=None if full else 44)
    made.add_column(overflow="fold")
    for argument in one.arguments:
        made.add_row(
            words.shortened(argument.name, SHORT), Text(_value(argument, full=full), style="bold"), _source(argument)
        )
    return Padding(made, (0, 0, 0, 4), expand=False)


def _value(argument: Argument, *, full: bool) -> str:
    if argument.money:
        return f"{argument.money} ({argument.value:,})"
    return words.value(argument.value, ALL if full else 200)


_TRUST: Final = {"untrusted": "yellow", "model": "yellow", "trusted": "green", "requester": "", "person": "cyan"}


def _source(argument: Argument) -> Text:
    may = "  (you may change it)" if argument.amendable else ""
    return Text.assemble((argument.source, _TRUST[argument.trust] if argument.source else ""), (may, "dim"))


def plan(one: Matter) -> Iterator[RenderableType]:
    """The calls of one answer, in the order in which they would be done."""
    waits = len(one.waiting)
    lead = f"One plan of {len(one.plan)} calls, done in this order; {waits} of them {'waits' if waits == 1 else 'wait'} for review:"
    yield Text(lead, style="bold")
    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(justify="right", no_wrap=True)
    made.add_column(overflow="fold")
    for item in one.plan:
        asked = f", question {item.question}" if item.question else ""
        made.add_row(f"{item.number}.", Text.assemble(item.action, (f"  {item.stands}{asked}", "cyan")))
    yield Padding(made, (0, 0, 0, 2), expand=False)
    yield Text("Each is bound on its own. After one that does not succeed the rest are not started.", style="dim")


def _asked_for(rows: _Rows, one: Matter, limit: int) -> None:
    """Why a person is asked."""
    if one.about not in ("review", "output"):
        rows.add("It asks" if one.about == "question" else "Why you", words.shortened(one.text, limit))
    for clause in one.clauses:
        secret = "  (kept from the agent and the requester)" if clause.secret else ""
        rows.add("Why you", words.plain(clause.because), (f"{secret}  {clause.rule}", "dim"))
        if clause.asks and clause.asks != "true":
            rows.add("Why you", (f"asked when {clause.asks}{_saw(clause.saw)}", "dim"))
    doubt = one.doubt
    if doubt is None:
        return
    for sentence in doubt.attempts:
        rows.add("What was done", _said(sentence))
    for sentence in doubt.looked:
        rows.add("Looked up", _said(sentence))
    if not doubt.looked:
        rows.add("Looked up", "It was not: this tool gives no way to look up what became of it.")
    over = "The attempt is proven over: what has not happened by now will not." if doubt.ended else (
        "The attempt is not proven over: it may still happen after you looked."
    )  # fmt: skip
    rows.add("Is it over", (over, "" if doubt.ended else "yellow"))


def _saw(saw: Sequence[Saw]) -> str:
    told = [f"{one.name.rpartition('.')[2]} is {field(one.name, one.value)}" for one in saw]
    return f"; here {words.listed(told)}" if told else ""


def _said(sentence: Sentence) -> str:
    places = ", ".join(str(place) for place in sentence.entries if place)
    return f"{words.plain(sentence.text)}{f'  [{places}]' if places else ''}"


# ------------------------------------------------------------------------------------------------ who and until when


def _who(rows: _Rows, one: Matter, now: int) -> None:
    who = one.who
    stands = f", since {words.plain(who.stands_for)} did not answer in time" if who.stands_for else ""
    told = [
        f"{spoken(voice.by, voice.actor)} {'changed it and stands for it' if voice.verdict == 'amend' else 'has said yes'}  [{voice.seq}]"
        for voice in who.voices
    ]
    yet = "" if one.about not in ("review", "output") else "; ".join(told) or "nobody has yet"
    more = f"; {who.lacking} more needed" if who.voices and who.lacking else ""
    rows.add("Who decides", f"{_capital(role_words(who))}{stands}{f': {yet}{more}' if yet else ''}.")
    if who.claimed:
        since = f", for {units.say_duration(max(now - who.claimed_at, 0))}" if who.claimed_at else ""
        rows.add("Who decides", (f"{words.plain(who.claimed)} is at it{since}.", "cyan"))
    if who.barred:
        out = [
            f"{words.plain(each.name)} ({words.plain(each.why)}{f' in {each.run}, above this run' if each.run else ''})"
            for each in who.barred
        ]
        rows.add("Who decides", (f"Not {words.listed(out, 'nor')}.", "dim"))
    ends = one.ends
    if not ends.until:
        rows.add("Until", "Nobody has set a time: it waits until somebody decides.")
        return
    if ends.over:
        rows.add(
            "Until", (f"{moment(ends.until)}: its time is over. When the run is driven next, {ends.leads_to}.", "red")
        )
        return
    rows.add(
        "Until", (f"{moment(ends.until)}, in {units.say_duration(ends.until - now)}. ", "bold"),
        f"If nobody decides by then, {ends.leads_to}.",
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- the request


def _request(rows: _Rows, one: Matter, limit: int) -> None:
    whom = f" for {words.plain(one.on_behalf_of)}" if one.on_behalf_of and one.on_behalf_of != one.by else ""
    rows.add("The request", f"{words.plain(one.by)}{whom}, {moment(one.opened)}")
    if one.parent:
        rows.add(
            "The request",
            (f"For another run: it answers call {one.parent_call} of {one.parent}, which waits for it.", "cyan"),
        )
    rows.add("The request", *_given([given for given in one.given if given.checked], limit))
    for given in one.given:
        if not given.checked:
            rows.add(
                "The request",
                (f"{given.name or 'the text'}, which anyone may have written: ", "yellow"),
                words.words(given.value, limit),
            )
    if one.attachments:
        rows.add("The request", f"Attached, unread by holdfast: {words.plain(', '.join(one.attachments))}")
    for wrote in one.heard:
        rows.add("The request", *_wrote(wrote, "wrote later", limit))


def _given(given: Iterable[Given], limit: int) -> Iterator[str | tuple[str, str]]:
    for at, one in enumerate(given):
        yield ", " if at else ""
        yield f"{one.name} " if one.name else "", "dim"
        if one.value is None:
            yield "not given"
            continue
        yield field(one.name, one.value, limit=limit) if one.name else words.words(one.value, limit)


def _wrote(wrote: Wrote, verb: str, limit: int) -> Iterator[str | tuple[str, str]]:
    yield f"{words.plain(wrote.by)} {verb}, {moment(wrote.at)}: ", "cyan"
    yield f"{words.said(wrote.text, limit)}  [{wrote.seq}]"


# --------------------------------------------------------------------------------------------------- what it rests on


def _rests_on(rows: _Rows, one: Matter, *, full: bool) -> None:
    for reading in one.readings:
        rows.add("Rests on", *_reading(reading, full=full))
    stale = [reading for reading in one.readings if reading.fresh and reading.age > reading.fresh]
    if stale:
        which = "It is" if len(one.readings) == 1 else "They are" if len(stale) == len(one.readings) else "Some are"
        text = (
            f"{which} older than {units.say_duration(stale[0].fresh)}: read again before anything is done, and if that "
        )
        text += "differs you are asked again."
        rows.add("Rests on", (text, "cyan"))
    bearing = [held for held in one.held if held.bears or full]
    for held in bearing:
        secret = "  (kept from the agent and the requester)" if held.secret else ""
        told = f"  {_values(held.saw)}" if held.saw else ""
        rows.add("Rules that held", ("✓ ", "green"), words.plain(held.because), (f"{told}{secret}", "dim"))
    if rest := len(one.held) - len(bearing):
        rows.add(
            "Rules that held",
            (
                f"{words.count(rest, 'more rule')} {'is' if rest == 1 else 'are'} about other cases than this one.",
                "dim",
            ),
        )


def _values(saw: Sequence[Saw]) -> str:
    """What a condition looked at; a value of the same name and worth once."""
    told = (f"{one.name.rpartition('.')[2]} {money(one.name, one.value) or words.value(one.value, 24)}" for one in saw)
    return ", ".join(dict.fromkeys(told))


def _reading(reading: Reading, *, full: bool) -> Iterator[str | tuple[str, str]]:
    args = reading.args if isinstance(reading.args, dict) else {}
    about = ", ".join(f"{name} {words.value(value, 40)}" for name, value in args.items())
    yield f"{words.plain(reading.tool)}{f' of {about}' if about else ''}", "bold"
    yield f", entry {reading.entry}, {_ago(reading.age)}, ", "dim"
    trust: Trust = "trusted" if reading.trusted else "untrusted"
    yield trust, _TRUST[trust]
    yield ": "
    if full or not (reading.fields or reading.others):
        yield words.said(reading.value, ALL if full else 200)
        return
    told = ", ".join(f"{one.name} {one.money or words.value(one.value, SHORT)}" for one in reading.fields)
    yield told or "nothing in it bears on this call"


def _ago(age: int) -> str:
    return "just now" if age < units.SECOND else f"{units.say_duration(age)} ago"


def _changed(rows: _Rows, one: Matter, *, full: bool) -> None:
    """What is not as it was shown: before anything else, since it is why somebody has to look again."""
    for wrote in one.since:
        rows.add("Written since", *_wrote(wrote, "wrote", ALL if full else LONG))
    if one.since:
        rows.add("Written since", ("Nobody can say yes over it: the agent decides again with it.", "yellow"))
    told = [change for change in one.changes if change.used or full]
    for change in told:
        rows.add("Changed", *_change(change))
    if rest := len(one.changes) - len(told):
        rows.add("Changed", (f"and {words.count(rest, 'field')} that no rule reads here", "dim"))


def _change(change: Change) -> Iterator[str | tuple[str, str]]:
    before, after = (
        "nothing" if value is None else field(change.field, value) for value in (change.before, change.after)
    )
    yield f"{change.tool} {change.field} ", "yellow"
    yield f"{before} → {after}", "bold"
    when = "since this was put" if change.later else "since it was shown last"
    yield f"  {when}  [{change.entries[0]} → {change.entries[1]}]", "dim"


def _earlier(rows: _Rows, one: Matter) -> None:
    for change in one.amended:
        text = f"{words.plain(change.by)} changed {change.name}: {field(change.name, change.before)} → {field(change.name, change.after)}"
        rows.add("Earlier", text, (f"  [{change.seq}]", "dim"))
    for sentence in one.before:
        rows.add("Earlier", _said(sentence))


# ------------------------------------------------------------------------------------------------------------- ways


def _ways(one: Matter, *, keys: Mapping[str, str] | None) -> Iterator[RenderableType]:
    yield Text("What each answer leads to", style="bold")
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for way in one.ways:
        if keys is None or way.verdict in keys:
            key = f"{keys[way.verdict]}  " if keys is not None else ""
            made.add_row(f"{key}{SAYS[way.verdict]}", words.plain(way.leads_to))
    yield Padding(made, (0, 0, 0, 2), expand=False)
    if keys is None:
        yield Text()
        yield Text("\n".join(way.command for way in one.ways), style="dim")


SAYS: Final = {
    "approve": "approve", "deny": "deny", "ask": "ask back", "amend": "amend", "answer": "answer", "say": "answer",
    "retry": "retry", "tell": "go on without", "grant": "grant more", "take": "take over", "stop": "stop",
    "happened": "it happened", "did_not": "it did not", "settle_stop": "nobody can tell",
}  # fmt: skip
"""Way to decide → how one says it."""
