"""An interval as it is written down: a bound that nothing is known of is null, since JSON has no infinity."""

from __future__ import annotations

from math import isfinite

from msgspec import Struct

from holdfast.evals.stats.rates import Interval


class Band(Struct, frozen=True):
    """A figure and its interval. None: not known, or without end."""

    point: float | None
    low: float | None
    high: float | None
    level: float
    method: str


def banded(interval: Interval) -> Band:
    """An interval of statistics, to be written down."""
    point, low, high = (value if isfinite(value) else None for value in (interval.point, interval.low, interval.high))
    return Band(point, low, high, interval.level, interval.method)
