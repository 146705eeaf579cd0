"""Made-up attempts at tasks, from a curve that is known."""

from __future__ import annotations

from math import log2

import numpy as np

from holdfast.evals.horizon.rows import FACTORS, Row


def rows(
    *,
    seed=1,
    families=20,
    tasks=3,
    runs=2,
    slope=-0.6,
    half=60.0,
    spread=0.0,
    low=0.0,
    high=10.0,
    messy=0.0,
    source="timed",
):
    """Attempts from a curve. `spread`: of families' log-odds; `messy`: what one factor more does to them."""
    chance, found = np.random.default_rng(seed), []
    for family in range(families):
        off = chance.normal(0, spread)
        for task in range(tasks):
            minutes = float(2 ** chance.uniform(low, high))
            factors = [str(name) for name in chance.permutation(FACTORS)[: chance.integers(0, 9)]] if messy else []
            odds = slope * (log2(minutes) - log2(half)) + off + messy * (len(factors) - 4)
            for _ in range(runs):
                found.append(
                    Row(
                        task=f"t{family}.{task}", family=f"f{family}", human_minutes=minutes, minutes_from=source,
                        score=float(chance.random() < 1 / (1 + np.exp(-odds))),
                        messy=dict.fromkeys(factors, 1.0) if messy else None,
                    )
                )  # fmt: skip
    return found


def row(task="t", minutes=10.0, score=1.0, **fields):
    """One attempt."""
    return Row(
        task=task, human_minutes=minutes, minutes_from=fields.pop("minutes_from", "timed"), score=score, **fields
    )
