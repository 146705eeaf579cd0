"""A report as Markdown. What others wrote stays text: nothing in it is markup, a link or an image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from holdfast.cli.report_parts import Block, Clauses, Document, Evidence, Facts, Lacking, Para, Table, Tone
from holdfast.views import words

MARKS: Final[dict[Tone, str]] = {"good": "✅ ", "bad": "❌ ", "warn": "⚠️ "}
NONE: Final = "**no evidence**"

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def markdown(told: Document) -> str:
    """All of it."""
    lines = [f"# {plain(told.title)}: how ready it is", "", plain(told.made), "", plain(told.lead), ""]
    lines += [*_facts(Facts(told.summary)), ""]
    for section in told.sections:
        lines += [f"## {plain(section.title)}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def plain(text: str) -> str:
    """A text as Markdown that shows it, on one line."""
    return _MARKUP.sub(r"\\\1", words.plain(text))


def _code(text: str) -> str:
    """A command to be typed. Whatever is in it, it ends where it ends."""
    inner = words.plain(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", inner)), default=0) + 1)
    gap = " " if "`" in inner else ""
    return f"{ticks}{gap}{inner}{gap}{ticks}"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Para(said, tone):
            yield MARKS.get(tone, "") + plain(said)
        case Facts():
            yield from _facts(block)
        case Table():
            yield from _table(block)
        case Lacking(what, make):
            yield f"{NONE}: {plain(what)}" + (f" ({_code(make)})" if make else "")
        case Clauses():
            yield f"**{plain(block.name)}** ({plain(block.note)})"
            yield ""
            yield from (f"* {plain(kind)}: {plain(said)}" for kind, said in block.lines)
        case Evidence():
            yield from _evidence(block)


def _facts(block: Facts) -> Iterator[str]:
    if block.title:
        yield from (f"### {plain(block.title)}", "")
    rows = [
        (plain(one.name), MARKS.get(one.tone, "") + f"**{plain(one.value)}**", plain(one.note)) for one in block.items
    ]
    yield from _grid(("", "", ""), rows)


def _table(block: Table) -> Iterator[str]:
    if block.title:
        yield from (f"### {plain(block.title)}", "")
    rows = [[MARKS.get(cell.tone, "") + plain(cell.text) for cell in row] for row in block.rows]
    yield from _grid([plain(name) for name in block.columns], rows, block.left)


def _evidence(block: Evidence) -> Iterator[str]:
    yield from (f"### {plain(block.title)}", "")
    rows = []
    for row in block.rows:
        found = "<br>".join(f"{plain(one.figure)}<br>{_code(one.see)}" for one in row.found)
        rows.append((plain(row.id), plain(row.gist), found or f"{NONE}: {plain(row.lacking)}"))
    yield from _grid(("id", "what it is about", "evidence in these journals"), rows)


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]], left: frozenset[int] | None = None) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'|'.join(' --- ' if left is None or at in left else ' ---: ' for at in range(len(columns)))}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
