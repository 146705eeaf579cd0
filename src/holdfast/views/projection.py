"""Projection: what more runs would cost, if they are like those seen.

project(total(costs), 500)
"""

from __future__ import annotations

from math import isqrt

from msgspec import Struct

from holdfast.views.cost import Total
from holdfast.views.spending import ratio


class Projection(Struct, frozen=True):
    """What so many runs like these would cost, with those they open, models only."""

    runs: int
    nusd: int | None
    """None where some of these have no price, or there are none."""
    low: int | None = None
    high: int | None = None
    """Within which it lies 95 times in 100, if runs to come are like these and each for itself; None below 30 runs."""
    people: int | None = None
    """nusd of people's time on top; None where a contract does not value it."""


ENOUGH = 30
"""Runs below which no range is given."""


def project(seen: Total, runs: int) -> Projection:
    """What `runs` runs would cost, if they are like those seen. The range is of the mean: 1.96 standard errors each way."""
    amount = seen.whole.total
    if amount is None or not seen.runs:
        return Projection(runs, None)
    expected = ratio(amount * runs, seen.runs)
    people = None if seen.value is None else ratio(seen.value * runs, seen.runs)
    if seen.runs < ENOUGH:
        return Projection(runs, expected, people=people)
    n = seen.runs
    spread = n * seen.squares - amount**2  # n² times the variance, exactly
    error = isqrt(max(spread, 0) * runs**2 // (n**2 * (n - 1)))
    width = -(-196 * error // 100)
    return Projection(runs, expected, max(0, expected - width), expected + width, people)
