"""The order in which trials are played."""

from __future__ import annotations

import random
from collections.abc import Sequence

from holdfast.evals.cases.case import Case


def order_of(cases: Sequence[Case], trials: int, seed: int, *, whole: bool = False) -> list[tuple[Case, int]]:
    """The order in which trials are begun. whole: shuffled by families, each with all of its trials together."""
    order = [(case, number) for number in range(1, trials + 1) for case in cases]
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, and nobody's secret
    if whole:
        first: dict[str, int] = {}
        for at, (case, _) in enumerate(order):
            first.setdefault(case.cluster, at)
        order.sort(key=lambda one: (first[one[0].cluster], one[0].name, one[1]))
    return order
