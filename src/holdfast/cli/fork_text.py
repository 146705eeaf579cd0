"""A fork as text: what is otherwise in it, and what the two runs did, side by side, at a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.call_text import STYLES
from holdfast.cli.standing import COLOURS
from holdfast.views import words
from holdfast.views.parting import Change, Done, Parting, Side

if TYPE_CHECKING:
    from rich.console import RenderableType

VALUE: Final = 120
"""Characters of a value that is otherwise."""


def head(both: Parting) -> Iterator[RenderableType]:
    """What was forked from where, and what is otherwise."""
    yield Text.assemble(
        (both.fork.run, "bold"), f" was forked from {both.origin.run} at entry {both.at} by {words.plain(both.by)}"
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for change in both.changes:
        grid.add_row(f"  {_what(change)}", _change(change))
    if not both.changes:
        grid.add_row("  otherwise", "nothing")
    really = f"{words.listed(list(both.live))} really; all others" if both.live else "none really; they"
    grid.add_row("  writes", f"{really} are recorded and not carried out")
    if both.closed:
        under_way = words.listed(list(dict.fromkeys(both.closed)))
        grid.add_row(
            "  under way", f"{under_way}: proposed or begun by then, and in the fork neither done nor waited for"
        )
    yield grid


def _what(change: Change) -> str:
    return f"entry {change.seq}, {change.what}" if change.seq else change.what


def _change(change: Change) -> Text:
    before, after = (words.shortened(text, VALUE) or "(none)" for text in (change.before, change.after))
    edited = f"  (edited by {words.plain(change.by)})" if change.by else ""
    return Text.assemble((before, "red"), " → ", (after, "green"), (edited, "dim"))


def table(both: Parting) -> Iterator[RenderableType]:
    """What the two did from the fork point on."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    made.add_column(f"after entry {both.at}: {both.origin.run}", ratio=1, overflow="fold")
    made.add_column("", width=1, no_wrap=True)
    made.add_column(f"the fork: {both.fork.run}", ratio=1, overflow="fold")
    for row in both.rows:
        made.add_row(_done(row.origin), Text("=", "dim") if row.same else Text("≠", "yellow"), _done(row.fork))
    made.add_section()
    made.add_row(_end(both.origin), _mark(both.origin, both.fork), _end(both.fork))
    made.add_row(_spent(both.origin), "", _spent(both.fork))
    yield made
    place = both.parts
    if place is None:
        alike = both.rows and both.origin.outcome == both.fork.outcome
        yield Text("they did the same" if alike else "no call tells them apart", style="dim")
    else:
        row = both.rows[place]
        where = " and ".join(
            f"entry {one.seq} of {run}"
            for one, run in ((row.origin, both.origin.run), (row.fork, both.fork.run)) if one is not None
        )  # fmt: skip
        yield Text(f"they part at {where}", style="dim")


def _done(one: Done | None) -> Text:
    if one is None:
        return Text("–", style="dim")
    line = Text.assemble(
        (f"{one.seq} ", "dim"), (one.call, "bold" if one.effect == "write" else ""), "  ", (one.fate, STYLES.get(one.fate, "cyan"))
    )  # fmt: skip
    if one.verdict not in (None, "allow") and one.because:
        line.append(
            f"\n{ {'review': 'for review', 'refuse': 'refused'}[one.verdict] }: {words.shortened(one.because, 200)}",
            "dim",
        )
    return line


def _mark(origin: Side, fork: Side) -> Text:
    same = (origin.outcome, origin.output) == (fork.outcome, fork.output)
    return Text("=", "dim") if same else Text("≠", "yellow")


def _end(side: Side) -> Text:
    word = side.outcome or "open"
    line = Text.assemble((word, f"bold {COLOURS.get(word, 'cyan')}"))
    if side.outcome not in ("", "done"):
        line.append(f"  {words.shortened(side.reason, 200)}")
    if side.output is not None:
        line.append(f"\n{words.said(side.output, 300)}")
    return line


def _spent(side: Side) -> Text:
    unknown = f", {words.count(side.unpriced, 'answer')} of unknown price" if side.unpriced else ""
    models = f" · {words.plain(words.listed(list(side.models)))}" if side.models else ""
    return Text(f"{words.count(side.steps, 'step')} · {units.say_usd(side.nusd)} USD{unknown}{models}", style="dim")
