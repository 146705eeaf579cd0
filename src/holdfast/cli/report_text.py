"""A report as text, at a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from holdfast.cli.report_parts import Block, Clauses, Document, Evidence, Facts, Lacking, Para, Table, Tone
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES: Final[dict[Tone, str]] = {
    "": "", "good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim", "strong": "bold", "code": "",
}  # fmt: skip
NAMES: Final = 24
"""Columns of a name before its value."""
NONE: Final = "no evidence"


def text(told: Document) -> list[RenderableType]:
    """All of it."""
    parts: list[RenderableType] = [Text.assemble((words.plain(told.title), "bold"), "  how ready it is")]
    parts += [Text(words.plain(told.made), style="dim"), Text(told.lead, style="dim"), Text()]
    parts += list(_facts(Facts(told.summary)))
    for section in told.sections:
        parts += [Text(), Text(section.title.upper(), style="bold")]
        before: Block | None = None
        for block in section.blocks:
            if before is not None and not (isinstance(block, Para) and isinstance(before, Para)):
                parts.append(Text())
            parts += list(_block(block))
            before = block
    return parts


def _block(block: Block) -> Iterator[RenderableType]:
    match block:
        case Para(said, tone):
            yield Text(words.plain(said), style=STYLES[tone])
        case Facts():
            yield from _facts(block)
        case Table():
            yield _table(block)
        case Lacking(what, make):
            yield Text.assemble((NONE, "bold yellow"), f"  {words.plain(what)}", (f"\n{make}" if make else "", "dim"))
        case Clauses():
            yield from _clauses(block)
        case Evidence():
            yield from _evidence(block)


def _facts(block: Facts) -> Iterator[RenderableType]:
    if block.title:
        yield Text(block.title, style="bold")
    grid = _grid()
    grid.add_column(width=max(NAMES, *(len(fact.name) for fact in block.items)), overflow="fold")
    grid.add_column(overflow="fold")
    for fact in block.items:
        value = Text(words.plain(fact.value), style=STYLES[fact.tone] or "bold")
        if fact.note:
            value.append(f"  {words.plain(fact.note)}", "dim")
        grid.add_row(Text(fact.name, style="dim"), value)
    yield grid


def _grid() -> Grid:
    return Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)


def _table(block: Table) -> RenderableType:
    made = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    if block.title:
        made.title, made.title_justify, made.title_style = Text(block.title, style="bold"), "left", ""
    for at, name in enumerate(block.columns):
        if at == block.wide:
            made.add_column(name, overflow="fold", ratio=1)
        else:
            made.add_column(
                name, justify="left" if at in block.left else "right", overflow="fold", no_wrap=at not in block.left
            )
    for row in block.rows:
        made.add_row(*(Text(words.plain(cell.text), style=STYLES[cell.tone]) for cell in row))
    return made


def _clauses(block: Clauses) -> Iterator[RenderableType]:
    yield Text.assemble((words.plain(block.name), "bold"), (f"  {words.plain(block.note)}", "dim"))
    grid = _grid()
    grid.add_column(width=10, no_wrap=True)
    grid.add_column(overflow="fold")
    for kind, said in block.lines:
        grid.add_row(Text(kind, style="dim"), Text(words.plain(said)))
    yield Padding(grid, (0, 0, 0, 2))


def _evidence(block: Evidence) -> Iterator[RenderableType]:
    yield Text(block.title, style="bold")
    grid = _grid()
    grid.add_column(width=11, no_wrap=True)
    grid.add_column(overflow="fold")
    for row in block.rows:
        said = Text(row.gist, style="bold")
        for one in row.found:
            said.append(f"\n{words.plain(one.figure)}", "not bold")
            said.append(f"\n{words.plain(one.see)}", "not bold dim")
        if not row.found:
            said.append(f"\n{NONE}", "bold yellow")
            said.append(f"  {words.plain(row.lacking)}", "not bold dim")
        grid.add_row(Text(row.id, style="" if row.found else "dim"), said)
    yield grid
