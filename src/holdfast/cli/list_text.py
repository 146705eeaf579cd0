"""The list of runs as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast import units
from holdfast.cli.standing import COLOURS
from holdfast.journal.port import Row
from holdfast.views import words

if TYPE_CHECKING:
    from rich.table import Table


def table(rows: Sequence[Row], now: int) -> Table:
    """One line a run."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("run", "agent", "status", "waits for"):
        made.add_column(name, no_wrap=True)
    for name in ("steps", "USD", "age"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("key", no_wrap=True, overflow="ellipsis")
    made.add_column("", no_wrap=True)
    for row in rows:
        word = row.outcome or row.status
        made.add_row(
            row.run,
            words.plain(row.agent),
            Text(word, style=COLOURS.get(word, "")),
            words.plain(_waits(row)),
            str(row.steps),
            units.say_usd(row.nusd),
            units.say_duration(max(now - row.opened, 0)),
            words.plain(row.key),
            Text("needs a person" if row.attention else "", style="red"),
        )
    return made


def _waits(row: Row) -> str:
    if row.status == "closed":
        return ""
    if row.status == "working":
        return "a worker" if row.due == 0 else ""
    return row.waits_for
