"""Who looked into a question, and how long."""

from __future__ import annotations

from msgspec import Struct


class Claim(Struct, frozen=True, omit_defaults=True):
    """Somebody looked into a question, and the others left it to them."""

    seq: int
    at: int
    by: str
    actor: str
    ended: int = 0
    """The entry with which they had it no longer; 0 while they do."""
    until: int = 0
