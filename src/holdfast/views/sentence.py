"""A sentence, and what it rests on."""

from __future__ import annotations

from msgspec import Struct


class Sentence(Struct, frozen=True):
    """Something said of a run."""

    text: str
    entries: tuple[int, ...] = ()
    """The entries that show it."""
    run: str = ""
    """The run whose entries these are, where it is not the one that is spoken of."""
