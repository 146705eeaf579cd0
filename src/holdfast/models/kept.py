"""What was made of the first segments of each run, kept so that a step looks only at what is new.

Segments are append-only: what came of the first n of them stays true. Nothing depends on it being kept; it
saves work.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from holdfast.dialogue import Segment

T = TypeVar("T")

LIMIT: Final = 50_000
"""Segments remembered over all runs; the runs longest unused are forgotten first."""


class Kept(Generic[T]):
    """One value a run, made of the run's first segments. Values must not be changed once they are put in."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, tuple[int, Segment, T]] = OrderedDict()

    def get(self, run: str, segments: Sequence[Segment]) -> tuple[int, T] | None:
        """How many of these segments a value was made of, and the value; None where nothing is kept of them."""
        with self._lock:
            held = self._runs.get(run)
        if held is None:
            return None
        count, last, value = held
        if count > len(segments) or segments[count - 1] != last:
            # Another run of the same name, as in a second test: what is kept says nothing about this one.
            return None
        return count, value

    def put(self, run: str, segments: Sequence[Segment], value: T) -> None:
        """Keep what was made of all of these segments."""
        if not segments:
            return
        with self._lock:
            before = self._runs.pop(run, None)
            self._size += len(segments) - (before[0] if before else 0)
            self._runs[run] = (len(segments), segments[-1], value)
            while self._size > self._limit and len(self._runs) > 1:
                _, (count, _, _) = self._runs.popitem(last=False)
                self._size -= count
