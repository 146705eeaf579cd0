"""The run that a call opened, as a part of a trace."""

from __future__ import annotations

from msgspec import Struct

from holdfast.events import LimitName, Outcome


class Delegated(Struct, frozen=True, omit_defaults=True):
    """The run that a call opened, as the run that made the call was told of it."""

    seq: int
    """Where it was opened, and when that was."""
    at: int
    run: str
    agent: str
    """Whose run it is, by the contract."""
    carved: dict[LimitName, int] = {}
    """What it may use of our ceilings."""
    ended: int = 0
    """Where its end is told; 0 while it goes on."""
    until: int = 0
    """When that was."""
    outcome: Outcome | None = None
    why: str = ""
    used: dict[str, int] = {}
    """What it and its own children used, by its end."""

    @property
    def took(self) -> int | None:
        """µs from its opening to its end, waiting included; None while it goes on."""
        return max(self.until - self.at, 0) if self.ended else None
