"""The time of a test: it goes on by itself as any clock does, and jumps where nothing is left to do but wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from holdfast import units

MONDAY: Final = datetime(2027, 1, 4, 9, tzinfo=UTC)
"""When tests begin, where they say nothing else."""


class Clock:
    """µs since 1970, from a moment of one's own. starts: with a time zone; None: now, as on any wall."""

    def __init__(self, starts: datetime | None = MONDAY) -> None:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        begins = (starts - epoch) // timedelta(microseconds=1) if starts is not None else time.time_ns() // 1000
        self._ahead = begins - self._real()

    @staticmethod
    def _real() -> int:
        return time.monotonic_ns() // 1000

    def __call__(self) -> int:
        """What time it is."""
        return self._real() + self._ahead

    def advance(self, by: str | int) -> None:
        """Let time pass: `"4h"`, or µs. Raises ValueError for what is no duration."""
        self._ahead += by if isinstance(by, int) else units.duration(by)
