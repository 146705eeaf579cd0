"""What an erasure takes and leaves, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.shell.bodies import INLINE_BYTES
from holdfast.shell.erasure import Part
from holdfast.views import words

if TYPE_CHECKING:
    from holdfast.cli.erase import Report

SHOWN: Final = 20
"""Runs that are listed."""


def text(report: Report) -> Iterator[RenderableType]:
    """The plan, before anything is done."""
    runs = words.count(len(report.runs), "run")
    bodies = words.count(report.bodies, "body", "bodies")
    yield Text.assemble(
        ("Would be destroyed for good", "bold red"),
        f": {bodies} of {runs}, and {words.count(report.trees, 'secret')} of {words.count(report.trees, 'run tree')}",
    )
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(5):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for part in report.runs[:SHOWN]:
        table.add_row(*_row(part))
    yield table
    if len(report.runs) > SHOWN:
        yield Text(f"and {words.count(len(report.runs) - SHOWN, 'more run')}; --json names them all", style="dim")
    yield from _left(report)
    yield Text(f"To be recorded: {words.plain(report.basis)}")
    yield from _stays(report)


def nothing(report: Report) -> Iterator[RenderableType]:
    """What is said where there is nothing to erase."""
    yield Text("There is nothing to erase.")
    yield from _left(report)


def done(report: Report) -> Iterator[RenderableType]:
    """What was done."""
    bodies = words.count(report.bodies, "body", "bodies")
    yield Text(
        f"{bodies} of {words.count(len(report.runs), 'run')} destroyed, after {words.count(report.trees, 'secret')} of"
        f" {words.count(report.trees, 'run tree')}"
    )
    yield Text(
        f"{words.count(report.entries, 'entry', 'entries')} with {'its' if report.entries == 1 else 'their'} digests still stand,"
        " and verify; copies made before are not reached:\nerase the same in each"
    )


def _row(part: Part) -> tuple[str | Text, ...]:
    kin = Text(f"of the tree of {part.tree}", style="dim") if part.run != part.tree else Text("")
    if part.attention:
        kin = Text("a person was still to look at it", style="yellow")
    return (
        part.run, part.agent, part.outcome or "", f"ended {units.say_at(part.ended)[:10]}" if part.ended else "",
        words.count(part.bodies, "body", "bodies"), kin,
    )  # fmt: skip


def _left(report: Report) -> Iterator[Text]:
    for why, count in report.left.items():
        yield Text(f"Left as they are, {why}: {words.count(count, 'run')}", style="dim")


def _stays(report: Report) -> Iterator[Text]:
    """What cannot be taken out of a chain, said plainly."""
    yield Text(
        f"What stays: {words.count(report.entries, 'entry', 'entries')} that say what happened when, by whom and on whose behalf,"
        " with names of tools, sizes and digests that nobody can make again"
    )
    nobody = sum(not part.about_somebody for part in report.runs)
    if nobody:
        one, everyone = nobody == 1, nobody == len(report.runs)
        who = (
            ("It is" if one else "They are")
            if everyone
            else f"{words.count(nobody, 'run')} of them {'is' if one else 'are'}"
        )
        yield Text(
            f"{who} about nobody: {'its' if one else 'their'} texts up to {INLINE_BYTES:,} bytes stand in the chain itself, and"
            " stay readable there",
            style="yellow",
        )
