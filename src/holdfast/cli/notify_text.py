"""What people are to be told, as a table at a hundred columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.views import words
from holdfast.views.notices import Standing, sentence

if TYPE_CHECKING:
    from holdfast.cli.notify import Listed

STYLES: Final = {
    "asked": "yellow", "limit": "yellow", "ending": "magenta", "expired": "magenta", "doubt": "red", "attention": "red",
}  # fmt: skip


def table(found: Sequence[Listed]) -> Table:
    """One line a notice, with what came of it so far below."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("since", "kind"):
        made.add_column(name, no_wrap=True)
    made.add_column("what would be told", ratio=1, overflow="fold")
    for one in found:
        notice = one.notice
        said = Text(sentence(notice))
        if notice.words:
            said.append(f"\n{words.plain(notice.words)}", style="dim")
        if one.standing is not None:
            said.append(f"\n{_stands(one.standing)}", style="red")
        made.add_row(units.say_at(notice.at), Text(notice.kind, style=STYLES[notice.kind]), said)
    return made


def _stands(standing: Standing) -> str:
    said = standing.said
    if said.state == "sending":
        return f"{words.plain(standing.by)} is sending it to {said.to} (attempt {said.attempt})"
    tries = words.count(said.attempt, "attempt")
    return (
        f"{said.to} did not take it, {tries}: {words.plain(said.why)}; tried again from {units.say_at(said.until)} on"
    )
