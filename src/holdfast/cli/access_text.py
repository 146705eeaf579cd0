"""Who did what, as a table at a hundred columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.views import words
from holdfast.views.access import Act

STYLES: Final = {"viewed": "cyan", "exported": "magenta", "decided": "yellow"}
FEW: Final = 3
"""Runs that are named on a line."""


def table(acts: Sequence[Act]) -> Table:
    """One line an act."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("when", "who", "did"):
        made.add_column(name, no_wrap=True)
    made.add_column("what, and where", ratio=1, overflow="fold")
    for act in acts:
        made.add_row(units.say_at(act.at), _who(act), Text(act.kind, style=STYLES[act.kind]), _what(act))
    return made


def _who(act: Act) -> Text:
    mark = " (by assertion)" if act.asserted else ""
    return Text.assemble(words.plain(act.by), (mark, "dim"))


def _what(act: Act) -> Text:
    said = Text(words.plain(act.what))
    if act.kind == "decided":
        said.append(f"  {act.run} [{act.seq}]", style="dim")
        return said
    named = ", ".join(act.runs[:FEW])
    more = f" and {act.count - FEW:,} more" if len(act.runs) > FEW else ""
    many = words.count(act.count, "run") if act.count else ""
    where = f"{named}{more}" or ", ".join(part for part in (many, act.selection) if part)
    said.append(f"  {words.plain(where)}", style="dim")
    if act.runs and act.selection:
        said.append(f" ({words.plain(act.selection)})", style="dim")
    if act.roles:
        said.append(f"  as {', '.join(act.roles)}", style="dim")
    if act.hidden:
        said.append(f"  without {', '.join(act.hidden)}", style="dim")
    return said
