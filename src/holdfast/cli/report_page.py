"""A report as one page that needs nothing else: no request leaves it, no script is in it, and it prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from holdfast.cli.html import Markup, tag, whole
from holdfast.cli.report_parts import Block, Cell, Clauses, Document, Evidence, Fact, Facts, Lacking, Para, Table, Tone

CLASSES: Final[dict[Tone, str | None]] = {
    "": None, "good": "green", "bad": "red", "warn": "yellow", "dim": "dim", "strong": "bold", "code": "mono",
}  # fmt: skip
WIDE: Final = 100
"""Units of a drawn interval: percent."""


def page(told: Document) -> str:
    """The whole page."""
    return whole(
        f"{told.title}: how ready it is",
        tag("header", list(_head(told))),
        tag("main", list(_sections(told))),
        tag("footer", tag("p", told.made)),
        css="report.css",
    )


def _head(told: Document) -> Iterator[Markup]:
    yield tag("div", tag("h1", told.title), tag("span", "how ready it is", class_="dim"), class_="top")
    yield tag("p", told.lead, class_="lead dim")
    yield _facts(Facts(told.summary), "facts summary")
    yield tag(
        "nav", [tag("a", section.title, href=f"#{section.id}") for section in told.sections], aria_label="sections"
    )


def _sections(told: Document) -> Iterator[Markup]:
    for number, section in enumerate(told.sections, 1):
        title = tag("h2", tag("span", str(number), class_="number"), section.title)
        yield tag("section", title, [_block(block) for block in section.blocks], id=section.id)


def _block(block: Block) -> Markup:
    match block:
        case Para(said, tone):
            notice = "notice" if tone in ("bad", "warn", "good") else None
            return tag("p", said, class_=" ".join(filter(None, ("said", CLASSES[tone], notice))))
        case Facts():
            return _facts(block, "facts")
        case Table():
            return _table(block)
        case Lacking(what, make):
            none, how = tag("b", "no evidence", class_="none"), tag("code", make, class_="make") if make else None
            return tag("p", none, f" {what}", how, class_="lacking")
        case Clauses():
            return _clauses(block)
        case Evidence():
            return _evidence(block)


def _facts(block: Facts, name: str) -> Markup:
    shown = tag("dl", [_fact(one) for one in block.items], class_=f"{name} small" if block.small else name)
    return tag("div", tag("h3", block.title), shown, class_="block") if block.title else shown


def _fact(one: Fact) -> Markup:
    note = tag("small", one.note) if one.note else None
    return tag("div", tag("dt", one.name), tag("dd", tag("span", one.value, class_=CLASSES[one.tone]), note))


def _table(block: Table) -> Markup:
    def named(at: int) -> str | None:
        return "wide" if at == block.wide else None if at in block.left else "number"

    head = tag(
        "thead", tag("tr", [tag("th", name, scope="col", class_=named(at)) for at, name in enumerate(block.columns)])
    )
    rows = [tag("tr", [tag("td", _cell(cell), class_=named(at)) for at, cell in enumerate(row)]) for row in block.rows]
    title = tag("h3", block.title) if block.title else None
    return tag("div", title, tag("div", tag("table", head, tag("tbody", rows)), class_="card"), class_="block")


def _cell(cell: Cell) -> Markup:
    said = tag("span", cell.text, class_=CLASSES[cell.tone])
    return tag("span", _band(*cell.band), said, class_="banded") if cell.band is not None else said


def _band(low: float, point: float, high: float) -> Markup:
    """An interval of shares, drawn from 0 to 1."""
    at = [f"{min(max(value, 0.0), 1.0) * WIDE:.1f}" for value in (low, point, high)]
    width = f"{max(float(at[2]) - float(at[0]), 1.0):.1f}"
    return tag(
        "svg", tag("rect", x="0", y="4", width=str(WIDE), height="2", class_="whole"),
        tag("rect", x=at[0], y="2.5", width=width, height="5", class_="between"),
        tag("line", x1=at[1], x2=at[1], y1="0", y2="10", class_="point"),
        viewBox=f"0 0 {WIDE} 10", preserveAspectRatio="none", aria_hidden="true", class_="band",
    )  # fmt: skip


def _clauses(block: Clauses) -> Markup:
    items = [tag("li", tag("span", kind, class_="kind"), tag("span", said)) for kind, said in block.lines]
    head = tag("div", tag("code", block.name, class_="bold"), tag("span", f" {block.note}", class_="dim"))
    return tag("div", head, tag("ul", items), class_="card clauses")


def _evidence(block: Evidence) -> Markup:
    rows = []
    for row in block.rows:
        shown = [tag("p", one.figure, tag("code", one.see, class_="make")) for one in row.found]
        none = tag("p", tag("b", "no evidence", class_="none"), f" {row.lacking}")
        what = tag("td", row.gist, tag("small", f"looked for: {row.looked_for}"))
        rows.append(
            tag(
                "tr",
                tag("th", row.id, scope="row"),
                what,
                tag("td", shown or none),
                class_=None if shown else "without",
            )
        )
    names = ("id", "what it is about", "evidence in these journals")
    head = tag("thead", tag("tr", [tag("th", name, scope="col") for name in names]))
    return tag(
        "div",
        tag("h3", block.title),
        tag("div", tag("table", head, tag("tbody", rows)), class_="card"),
        class_="block evidence",
    )
