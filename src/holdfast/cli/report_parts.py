"""What a report is made of, whatever face shows it: sections of facts, tables and sentences."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from holdfast.evals.readiness.rows import Row

Tone: TypeAlias = Literal["", "good", "bad", "warn", "dim", "strong", "code"]


class Cell(Struct, frozen=True):
    """One cell of a table. band: (low, point, high), shares, to be drawn where there is room."""

    text: str
    tone: Tone = ""
    band: tuple[float, float, float] | None = None


class Para(Struct, frozen=True):
    """A sentence or two."""

    text: str
    tone: Tone = ""


class Fact(Struct, frozen=True):
    """A figure with its name."""

    name: str
    value: str
    note: str = ""
    tone: Tone = ""


class Facts(Struct, frozen=True):
    """Some figures. small: they are many, and small."""

    items: tuple[Fact, ...]
    title: str = ""
    small: bool = False


class Table(Struct, frozen=True):
    """A table. left: the columns that hold words and not numbers, by their place; wide: the one that takes what is left."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: frozenset[int] = frozenset({0})
    wide: int | None = None
    title: str = ""


class Lacking(Struct, frozen=True):
    """No evidence, and what would make some."""

    what: str
    make: str = ""


class Clauses(Struct, frozen=True):
    """What a contract says of one thing: lines of (kind, text), under a name."""

    name: str
    note: str
    lines: tuple[tuple[str, str], ...]


class Evidence(Struct, frozen=True):
    """Governance rows."""

    title: str
    rows: tuple[Row, ...]


Block: TypeAlias = Evidence | Para | Facts | Table | Lacking | Clauses


class Section(Struct, frozen=True):
    """A part of the report."""

    id: str
    title: str
    blocks: tuple[Block, ...]


class Document(Struct, frozen=True):
    """The whole report."""

    title: str
    lead: str
    made: str
    summary: tuple[Fact, ...]
    sections: tuple[Section, ...]


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """A row of a table."""
    return tuple(one if isinstance(one, Cell) else Cell(one) for one in texts)
