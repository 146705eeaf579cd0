"""The list of runs as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast import units
from holdfast.cli.standing import COLOURS
from holdfast.journal.port import Row
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def table(rows: Sequence[Row], now: int) -> Table:
    """One line a run."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("run", no_wrap=True, min_width=max((len(row.run) for row in rows), default=0))
    made.add_column("agent", no_wrap=True, overflow="ellipsis")
    made.add_column("status", no_wrap=True, min_width=9)
    made.add_column("waits for", no_wrap=True, overflow="ellipsis", min_width=6)
    for name, width in (("steps", 5), ("USD", 6), ("age", 4)):
        made.add_column(name, justify="right", no_wrap=True, min_width=width)
    made.add_column("key", no_wrap=True, overflow="ellipsis")
    calling = any(row.attention for row in rows)
    if calling:
        made.add_column("", no_wrap=True)
    for row in rows:
        word = row.outcome or row.status
        cells: list[RenderableType] = [
            row.run,
            words.plain(row.agent),
            Text(word, style=COLOURS.get(word, "")),
            words.plain(_waits(row)),
            str(row.steps),
            units.say_usd(row.nusd),
            units.say_duration(max(now - row.opened, 0)).split()[0],
            words.plain(row.key),
        ]
        made.add_row(*cells, *([Text("needs a person" if row.attention else "", style="red")] if calling else []))
    return made


def _waits(row: Row) -> str:
    if row.status == "closed":
        return ""
    if row.status == "working":
        return "a worker" if row.due == 0 else ""
    return row.waits_for
