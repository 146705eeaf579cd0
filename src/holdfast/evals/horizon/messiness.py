"""Messiness: whether an agent does worse than its curve says where tasks are more like the world than like a test.

METR rates each task by sixteen factors and regresses the excess of success, what was observed less what the curve says, on
their sum (arXiv 2503.14499). Here log₂ minutes and the sum stand in the regression together: longer tasks are messier, and the
curve of one agent may be off at one end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from holdfast.evals.horizon.rows import FACTORS, Task
from holdfast.evals.stats.logistic import Curve, Floats
from holdfast.evals.stats.quantiles import two_sided_t

FEWEST: Final = 8
"""Rated tasks below which three parameters say nothing."""

LEVEL: Final = 0.95


class Change(Struct, frozen=True):
    """By how much the excess of success changes, as a part of 1, with its 95 % interval."""

    by: float
    low: float
    high: float


class Messiness(Struct, frozen=True, kw_only=True):
    """What the rated tasks say. `why_none` says why there is no regression, where there is none."""

    tasks: int
    """Tasks that were rated."""
    mean: float
    """Their mean sum, of 16 at most."""
    factors: dict[str, float]
    """Factor → its mean over the rated tasks, the most frequent first; those never seen are left out."""
    per_factor: Change | None = None
    """For one factor more, tasks as long as each other."""
    per_doubling: Change | None = None
    """For twice the human time, tasks as messy as each other."""
    why_none: str = ""


def messiness(tasks: Sequence[Task], curve: Curve | None) -> Messiness | None:
    """The regression over all tasks that were rated; None where none was."""
    rated = [task for task in tasks if task.messy is not None and task.weight > 0]
    if not rated:
        return None
    sums = [sum((task.messy or {}).values()) for task in rated]
    means = {name: sum((task.messy or {}).get(name, 0.0) for task in rated) / len(rated) for name in FACTORS}
    common = dict(sorted(((name, mean) for name, mean in means.items() if mean), key=lambda one: (-one[1], one[0])))
    mean = sum(sums) / len(sums)
    why, found = _changes(rated, sums, curve)
    return Messiness(
        tasks=len(rated), mean=mean, factors=common, why_none=why,
        per_factor=found[1] if found else None, per_doubling=found[0] if found else None,
    )  # fmt: skip


def _changes(
    rated: Sequence[Task], sums: Sequence[float], curve: Curve | None
) -> tuple[str, tuple[Change, Change] | None]:
    if curve is None:
        return "there is no curve to do better or worse than", None
    families = len({task.family for task in rated})
    if len(rated) < FEWEST or families < 4:
        return (
            f"{len(rated)} rated tasks of {families} families are too few: {FEWEST} of 4 are the least that is tried",
            None,
        )
    x = np.log2([task.minutes for task in rated])
    columns = np.column_stack([np.ones(len(rated)), x - x.mean(), np.array(sums) - np.mean(sums)])
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        return "length and messiness cannot be told apart in these tasks", None
    excess = np.array([task.mean - curve.at(float(at)) for task, at in zip(rated, x, strict=True)])
    beta, spread = _regressed(columns, excess, np.array([task.weight for task in rated]), [t.family for t in rated])
    reach = two_sided_t(LEVEL, families - 1)
    low, high = beta - reach * spread, beta + reach * spread
    length, mess = (Change(float(beta[at]), float(low[at]), float(high[at])) for at in (1, 2))
    return "", (length, mess)


def _regressed(x: Floats, y: Floats, weight: Floats, families: Sequence[str]) -> tuple[Floats, Floats]:
    """Weighted least squares, and the standard errors of its coefficients by clusters (CR1: as statsmodels has it)."""
    bread = np.linalg.inv(x.T @ (weight[:, None] * x))
    beta: Floats = bread @ (x.T @ (weight * y))
    pull = x * (weight * (y - x @ beta))[:, None]
    names, which = np.unique(np.array(families), return_inverse=True)
    sums = np.zeros((len(names), x.shape[1]))
    np.add.at(sums, which, pull)
    n, k, g = len(y), x.shape[1], len(names)
    fair = g / (g - 1) * (n - 1) / (n - k)
    spread: Floats = np.sqrt(np.diag(bread @ (sums.T @ sums) @ bread) * fair)
    return beta, spread
