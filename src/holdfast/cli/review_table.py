"""The review queue as a table: what waits, for whom, until when."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.queue import Waiting
from holdfast.views import words


def table(found: Sequence[Waiting], now: int) -> Table:
    """The queue: two or three lines a question, the most urgent first."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    made.add_column("run", no_wrap=True)
    made.add_column("q", justify="right", no_wrap=True)
    made.add_column("for", no_wrap=True)
    made.add_column("until", no_wrap=True)
    made.add_column("what", ratio=1, overflow="fold")
    for one in found:
        made.add_row(
            Text.assemble(one.run, (f"\nof {one.parent}" if one.parent else "", "dim")),
            str(one.question),
            _whom(one),
            _until(one, now),
            Text.assemble(_what(one), (f"  {one.clause}" if one.clause else "", "dim")),
        )
    return made


def _whom(one: Waiting) -> Text:
    who = one.role or "anyone"
    whom = f"{one.people} × {who}" if one.people > 1 else who
    yes = f"\n{len(one.voices)} said yes" if one.voices and not one.decided else ""
    return Text.assemble(whom, (yes, "dim"), (f"\n{one.claimed} is at it" if one.claimed else "", "cyan"))


def _what(one: Waiting) -> str:
    mark = "" if one.about == "review" else f"{one.about}: "
    if one.about == "review" and one.action:
        return f"{words.shortened(one.action, 160)}: {words.shortened(one.because, 120)}"
    return words.shortened(f"{mark}{one.text}", 220)


def _until(one: Waiting, now: int) -> str:
    """When a question ends, and what follows then."""
    if one.decided:
        return f"approved by\n{words.listed(list(one.voices))}"
    if not one.until:
        return "no end"
    follows = f"then {one.then.replace('ask:', 'ask ').replace('deny', 'refused')}"
    return f"in {units.say_duration(one.until - now)}\n{follows}" if one.until > now else f"expired\n{follows}"
