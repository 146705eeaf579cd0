"""One line of a trace: what every face of it shows, in its own way."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

Part: TypeAlias = tuple[str, str]
"""A text and its style: words like `bold`, `dim`, `red`, parted by blanks; empty for none."""


class Row(Struct, frozen=True, gc=False):
    """A line: which entry, when, how deep, what, and how long it took."""

    seq: int
    at: int
    depth: int
    parts: tuple[Part, ...]
    took: int | None = None
    run: str = ""
    """The run whose entry it is, where that is not the run that is shown."""


class Brief(Struct, frozen=True):
    """How long a text may be before it is shortened."""

    full: bool = False

    def __call__(self, limit: int) -> int:
        """The limit, or as good as none."""
        return 10_000_000 if self.full else limit


def said(seq: int, at: int, depth: int, *parts: str | Part, took: int | None = None) -> Row:
    """A line of parts, each plain or (text, style)."""
    return Row(seq, at, depth, tuple([(part, "") if isinstance(part, str) else part for part in parts if part]), took)
