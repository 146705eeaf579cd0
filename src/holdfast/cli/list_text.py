"""The list of runs as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from holdfast import units
from holdfast.cli.standing import COLOURS
from holdfast.journal.port import Row
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from holdfast.cli.relatives import Below


def table(rows: Sequence[Row], now: int, below: Mapping[str, Below] | None = None) -> Table:
    """One line a run. below: of those that opened others, what is below them, whose money is in theirs."""
    below = below or {}
    mixed = any(row.parent for row in rows)  # then each stands for itself
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("run", no_wrap=True, min_width=max((len(row.run) for row in rows), default=0))
    made.add_column("agent", no_wrap=True, overflow="ellipsis")
    made.add_column("status", no_wrap=True, min_width=9)
    made.add_column("waits for", no_wrap=True, overflow="ellipsis", min_width=6)
    for name, width in (("steps", 5), ("USD", 6), ("age", 4)):
        made.add_column(name, justify="right", no_wrap=True, min_width=width)
    if below and not mixed:
        made.add_column("below", justify="right", no_wrap=True)
    made.add_column("key", no_wrap=True, overflow="ellipsis", min_width=21 if mixed else None)
    calling = any(row.attention for row in rows)
    if calling:
        made.add_column("", no_wrap=True)
    for row in rows:
        word = row.outcome or row.status
        under = below.get(row.run)
        cells: list[RenderableType] = [
            row.run,
            words.plain(row.agent),
            Text(word, style=COLOURS.get(word, "")),
            words.plain((under.waits if under is not None and row.waits_for == "child" else "") or _waits(row, now)),
            str(row.steps),
            _usd(row, None if mixed else under),
            units.say_duration(max(now - row.opened, 0)).split()[0],
            *([_below(under)] if below and not mixed else []),
            words.plain(row.key) if row.key or not row.parent else Text(f"of {row.parent}", style="dim"),
        ]
        made.add_row(*cells, *([Text("needs a person" if row.attention else "", style="red")] if calling else []))
    return made


def _usd(row: Row, under: Below | None) -> str:
    """What a run was charged, with all that it opened."""
    if under is None:
        return units.say_usd(row.nusd)
    return f"{'≥ ' if under.more else ''}{units.say_usd(row.nusd + under.nusd)}"


def _below(under: Below | None) -> str:
    if under is None:
        return ""
    runs = f"{under.runs}{'+' if under.more else ''}"
    return f"{runs} ({under.open} open)" if under.open else runs


def _waits(row: Row, now: int) -> str:
    if row.status == "closed":
        return ""
    if row.status == "working":
        return "a worker" if row.due == 0 else ""
    if row.waits_for == "time" and row.due and row.due > now:  # a further attempt, or long work is asked about
        return f"time, {units.say_duration(row.due - now)}"
    return _OF_RUNS.get(row.waits_for, row.waits_for)


_OF_RUNS = {"place": "other runs", "stop": "a stop's end"}
"""What a run waits for that is no person, in the words of the list."""
