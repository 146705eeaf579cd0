"""What was seen, by how long a person needs: the figures that no curve can talk away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log2
from typing import Final

from msgspec import Struct

from holdfast.evals.horizon.rows import Task
from holdfast.evals.stats.rates import wilson

EDGES: Final = (1, 4, 16, 64, 256, 960)
"""Minutes at which buckets begin and end: METR's."""


class Bucket(Struct, frozen=True, kw_only=True):
    """The tasks of one range of lengths: those of `low` minutes and more, and less than `high`. None: no bound."""

    low: float | None
    high: float | None
    middle: float
    """The weighted geometric mean of its tasks' human minutes."""
    tasks: int
    runs: int
    success: float
    """The mean over tasks, weighted as the curve's rows are."""
    lower: float
    upper: float
    """Wilson's 95 % interval. It counts tasks, not runs, and unequal weights as fewer: what one task does ten times over
    says little of the next one."""
    curve: float | None
    """What the curve says of these very tasks."""


def buckets(tasks: Sequence[Task], curve: Callable[[float], float] | None) -> tuple[Bucket, ...]:
    """Buckets that have a task of any weight in them, the shortest first; `curve`: the chance at so many minutes."""
    bounds = (None, *EDGES, None)
    made = []
    for low, high in pairwise(bounds):
        inside = [task for task in tasks if (low or 0) <= task.minutes < (high or float("inf")) and task.weight > 0]
        if inside:
            made.append(_bucket(inside, low, high, curve))
    return tuple(made)


def _bucket(
    tasks: Sequence[Task], low: float | None, high: float | None, curve: Callable[[float], float] | None
) -> Bucket:
    whole = sum(task.weight for task in tasks)
    success = min(1.0, sum(task.weight * task.mean for task in tasks) / whole)
    count = whole * whole / sum(task.weight**2 for task in tasks)  # as many equal ones tell as much (Kish 1965)
    seen = wilson(success * count, count)
    middle = 2 ** (sum(task.weight * log2(task.minutes) for task in tasks) / whole)
    said = None if curve is None else sum(task.weight * curve(task.minutes) for task in tasks) / whole
    return Bucket(
        low=low, high=high, middle=middle, tasks=len(tasks), runs=sum(len(task.scores) for task in tasks),
        success=success, lower=seen.low, upper=seen.high, curve=said,
    )  # fmt: skip
