"""What listeners are to be told: commits of this process, commits of others, and what became durable later."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from holdfast.journal.listeners import Listeners
from holdfast.journal.sqlite_ledger import Ledger

POLL_EVERY: Final = 0.02
"""Seconds between two looks for other processes' commits, while somebody listens."""


class News:
    """Keeps what was told, for the one thread that writes. Does nothing while nobody listens."""

    def __init__(self, ledger: Ledger, listeners: Listeners) -> None:
        self._ledger = ledger
        self._listeners = listeners
        self._told = 0
        self._gaps: list[tuple[int, int]] = []
        """Positions that other processes wrote and nobody was told of yet."""
        self._soft: dict[str, int] = {}
        """Told when they were committed; to be told again when they are durable, for whoever may see only that."""
        self._soft_last = 0
        self._polled = 0.0
        self._version = -1

    def since(self, position: int, *, first: bool) -> None:
        """Go back to `position`, from which on somebody new wants to be told."""
        self._told = position if first else min(self._told, position)
        self._version = -1

    def committed(self, heads: dict[str, int], *, durable: bool) -> dict[str, int]:
        """Take note of an own commit that was just made; what to tell of it."""
        base, last = self._ledger.base, self._ledger.last
        if not self._listeners:
            self._told = last
            return {}
        if base > self._told:
            self._gaps.append((self._told, base))
        self._told = last
        if durable:
            return self.flushed() | heads
        self._soft |= heads
        self._soft_last = last
        return heads

    def flushed(self) -> dict[str, int]:
        """Take note that all own lines are durable; what to tell of it."""
        soft, self._soft = self._soft, {}
        return soft

    def patience(self, now: float) -> float | None:
        """Give the seconds until the next look; None while nobody listens."""
        return max(0.0, self._polled + POLL_EVERY - now) if self._listeners else None

    def poll(self) -> dict[str, int]:
        """Look whether another process has committed; what to tell of it."""
        if not self._listeners or time.monotonic() < self._polled + POLL_EVERY:
            return {}
        self._polled = time.monotonic()
        try:
            return self._look()
        except sqlite3.Error:
            return {}  # nothing was forgotten, and the next look comes soon

    def _look(self) -> dict[str, int]:
        version = self._ledger.changes()
        if version == self._version and not self._gaps:
            return {}
        last, durable = self._ledger.extent()
        gaps = [*self._gaps, (self._told, last)] if last > self._told else self._gaps
        heads: dict[str, int] = {}
        for after, until in gaps:
            heads |= self._ledger.told(after, until)
        self._gaps = []
        self._told = max(self._told, last)
        self._version = version
        if self._soft and durable >= self._soft_last:
            heads = self.flushed() | heads
        if durable < last and heads:
            self._soft |= heads
            self._soft_last = last
        return heads
