"""One line of a trace as text."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from rich.text import Text


class Row(Struct, frozen=True):
    """A line: which entry, when, how deep, what, and how long it took."""

    seq: int
    at: int
    depth: int
    text: Any
    """A rich Text."""
    took: int | None = None


class Brief(Struct, frozen=True):
    """How long a text may be before it is shortened."""

    full: bool = False

    def __call__(self, limit: int) -> int:
        """The limit, or as good as none."""
        return 10_000_000 if self.full else limit


def said(seq: int, at: int, depth: int, *parts: str | tuple[str, str], took: int | None = None) -> Row:
    """A line of parts, each plain or (text, style)."""
    return Row(seq, at, depth, Text.assemble(*parts), took)
