"""Curves through data drawn again: families, of each its tasks, of each its runs, all with replacement.

This is METR's hierarchical bootstrap (`src/horizon/wrangle/bootstrap.py` of METR/eval-analysis-public). A task that is drawn
twice counts twice, each row with its own weight. A draw is then brought to a weight of as many rows as it has, so that the
penalty means the same in all of them (see the trap in `evals/stats/logistic.py`).

Rows are never copied: of each draw only how often each row is in it is kept, and rows of one length are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.evals.horizon.rows import Task
from holdfast.evals.stats.logistic import RIDGE, Curve, Floats, fit_many

Counts = NDArray[np.int64]

_AT_ONCE: Final = 1_500_000
"""Numbers of one array held in memory at a time."""


@dataclass(frozen=True)
class Drawn:
    """The curves of all draws that have one."""

    intercepts: Floats
    slopes: Floats
    made: int
    """Draws, with those that have no curve."""
    all_failed: int
    all_won: int
    """Draws of one class only: they are skipped, as METR skips them, and counted."""


def drawn(tasks: Sequence[Task], draws: int, seed: int, begin: Curve | None = None, ridge: float = RIDGE) -> Drawn:
    """Draw and fit. The same tasks, in the same order, and the same seed give the same curves."""
    families = _sizes([task.family for task in tasks])
    runs = np.array([len(task.scores) for task in tasks])
    rows = _Rows(tasks)
    chance = np.random.default_rng(seed)
    parts, left = [], draws
    while left:
        size = min(left, max(1, _AT_ONCE // max(1, int(runs.sum()))))
        whole = np.ones((size, 1), dtype=np.int64)
        picked = _again(chance, _again(chance, _again(chance, whole, np.array([len(families)])), families), runs)
        parts.append(rows.fitted(picked, begin, ridge))
        left -= size
    a, b, failed, won = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = np.isfinite(a)
    return Drawn(a[kept], b[kept], draws, int(failed.sum()), int(won.sum()))


class _Rows:
    """The outcomes of all tasks, row by row."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        minutes = np.array([task.minutes for task in tasks for _ in task.scores])
        score = np.array([score for task in tasks for score in task.scores])
        weight = np.array([weight for task in tasks for weight in task.weights])
        self._order = np.argsort(minutes, kind="stable")
        lengths, self._starts = np.unique(minutes[self._order], return_index=True)
        self._x = np.log2(lengths)
        self._won, self._lost = (weight * score)[self._order], (weight * (1 - score))[self._order]

    def fitted(
        self, picked: Counts, begin: Curve | None, ridge: float
    ) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
        """(intercepts, slopes, whether all failed, whether all won) for each draw."""
        often = picked[:, self._order]
        wins = np.add.reduceat(often * self._won, self._starts, axis=1)
        losses = np.add.reduceat(often * self._lost, self._starts, axis=1)
        weight = wins.sum(axis=1) + losses.sum(axis=1)
        scale = (often.sum(axis=1) / np.where(weight > 0, weight, 1))[:, None]
        a, b, _ = fit_many(self._x, wins * scale, losses * scale, ridge=ridge, begin=begin)
        return a, b, wins.sum(axis=1) <= 0, losses.sum(axis=1) <= 0


def _sizes(names: Sequence[str]) -> Counts:
    """How many of each name there are; equal names stand beside each other."""
    return np.array([len(list(group)) for _, group in groupby(names)], dtype=np.int64)


def _again(chance: np.random.Generator, picked: Counts, sizes: Counts) -> Counts:
    """How often each child is drawn, if each time that its parent was drawn as many children are drawn as it has.

    `picked`: a row a draw, a column a parent. The children of a parent stand beside each other, in the order of parents.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    found = np.empty((len(picked), int(sizes.sum())), dtype=np.int64)
    for size in np.unique(sizes):
        parents = np.flatnonzero(sizes == size)
        places = starts[parents][:, None] + np.arange(size)
        times = picked[:, parents] * size
        made = times[:, :, None] if size == 1 else chance.multinomial(times, np.full(int(size), 1 / size))
        found[:, places.ravel()] = made.reshape(len(picked), -1)
    return found
