"""The reliability curve: how the chance of success falls with how long a person needs, and up to where it is high enough.

METR's method (arXiv 2503.14499): a logistic curve over log₂ of human minutes, rows weighted by 1 / (runs of their task ·
√tasks of their family), and the lengths at which it passes 50 % and 80 %, the *horizons*. Two things are done otherwise.
Weights come to the number of rows, as METR's do since March 2026 (see `evals/stats/logistic.py`). And nothing is said of
lengths that no task had: a horizon beyond the longest task, or below the shortest, is given no number.

Rows in, one value out; chance comes from a seed. Where rows come from is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2
from typing import Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct

from holdfast.errors import UsageError
from holdfast.evals.horizon.buckets import Bucket, buckets
from holdfast.evals.horizon.draws import Drawn, drawn
from holdfast.evals.horizon.findings import findings
from holdfast.evals.horizon.messiness import Messiness, messiness
from holdfast.evals.horizon.rows import Row, Task, tasks
from holdfast.evals.stats.draws import percentiles
from holdfast.evals.stats.logistic import RIDGE, Curve, fit, scaled

CHANCES: Final = (0.5, 0.8)
DRAWS: Final = 1000
LEVEL: Final = 0.95
POINTS: Final = 61
"""Lengths, evenly spread over the observed ones, at which the curve is given with its band."""

Where: TypeAlias = Literal["at", "beyond", "below", "nowhere"]
"""`at` so many minutes; `beyond` the longest task, `below` the shortest; `nowhere`: the curve does not fall."""


class Place(Struct, frozen=True):
    """A length of human time, or which side of the observed ones it lies on. `minutes` is None but for `at`."""

    where: Where
    minutes: float | None = None


class Horizon(Struct, frozen=True, kw_only=True):
    """The length up to which the chance of success is at least `chance`. An agent that never succeeds is `at` 0 minutes."""

    chance: float
    place: Place
    low: Place | None
    high: Place | None
    """Between which it lies, 95 times in 100: percentiles of the draws. None: there are no draws to tell."""


class CurvePoint(Struct, frozen=True):
    """What the curve says at one length, and between which chances 95 of 100 draws lie there."""

    minutes: float
    chance: float
    low: float
    high: float


class Draws(Struct, frozen=True, kw_only=True):
    """How the intervals were made."""

    made: int
    seed: int
    all_failed: int
    all_won: int
    """Skipped, as they have no curve."""
    rising: int
    """Draws whose curve does not fall. They are in the band, and cannot be in the intervals of horizons."""


class Reliability(Struct, frozen=True, kw_only=True):
    """What an agent's runs say of how far it can be relied on."""

    agent: str
    runs: int
    tasks: int
    families: int
    shortest: float
    longest: float
    """Human minutes of the shortest and the longest task: nothing is said of what lies outside."""
    provenance: dict[str, int]
    """How human minutes are known → tasks, the most first."""
    success: float
    """The weighted mean score."""
    intercept: float | None
    slope: float | None
    """Of the log-odds, for twice the human time. None: the outcomes are all alike, and there is no curve."""
    horizons: tuple[Horizon, ...]
    buckets: tuple[Bucket, ...]
    curve: tuple[CurvePoint, ...]
    draws: Draws
    messiness: Messiness | None
    findings: tuple[str, ...]
    """What has to be known before any of it is believed, a sentence each."""


def reliability(rows: Iterable[Row], *, draws: int = DRAWS, seed: int = 0, ridge: float = RIDGE) -> Reliability:
    """Fit, draw, and say what can be said.

    Raises InputError for rows that cannot be or belong to several agents, UsageError for fewer than 1 draw.
    """
    if draws < 1:
        raise UsageError(f"--draws is at least 1; this is {draws}", hint="1000 are usual")
    given = list(rows)
    made = tasks(given)
    curve = curve_of(made, ridge)
    sample = drawn(made, draws, seed, curve, ridge)
    falls = sample.slopes < 0
    shortest, longest = min(task.minutes for task in made), max(task.minutes for task in made)
    seen = buckets(made, None if curve is None else lambda minutes: curve.at(log2(minutes)))
    success = float(np.average([task.mean for task in made], weights=[task.weight for task in made]))
    bare = Reliability(
        agent=given[0].agent, runs=len(given), tasks=len(made), families=len({task.family for task in made}),
        shortest=shortest, longest=longest, provenance=_provenance(made), success=success,
        intercept=curve.intercept if curve else None, slope=curve.slope if curve else None,
        horizons=tuple(_horizon(chance, curve, sample, success, (shortest, longest)) for chance in CHANCES),
        buckets=seen, curve=_band(curve, sample, shortest, longest) if curve else (),
        draws=Draws(
            made=sample.made, seed=seed, all_failed=sample.all_failed, all_won=sample.all_won,
            rising=int((~falls).sum()),
        ),
        messiness=messiness(made, curve), findings=(),
    )  # fmt: skip
    return findings(bare)


def curve_of(made: Sequence[Task], ridge: float = RIDGE) -> Curve | None:
    """The curve through all attempts; None where they are all alike. Weights are brought to the number of attempts."""
    x = [log2(task.minutes) for task in made for _ in task.scores]
    y = [score for task in made for score in task.scores]
    w = scaled([weight for task in made for weight in task.weights], len(y))
    won = float((w * np.array(y)).sum())
    return None if won <= 0 or won >= float(w.sum()) else fit(x, y, w, ridge=ridge)


def _provenance(made: Sequence[Task]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for task in made:
        counts[task.minutes_from] = counts.get(task.minutes_from, 0) + 1
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _horizon(chance: float, curve: Curve | None, sample: Drawn, success: float, seen: tuple[float, float]) -> Horizon:
    if curve is None:
        # All failed: METR's convention is a horizon of 0. All won: it lies past whatever was tried.
        place = Place("at", 0.0) if success <= 0 else Place("beyond")
        return Horizon(chance=chance, place=place, low=None, high=None)
    falls = sample.slopes < 0
    low = high = None
    if falls.any():
        logit = np.log(chance / (1 - chance))
        lengths = (logit - sample.intercepts[falls]) / sample.slopes[falls]
        low, high = (_place(float(end), seen) for end in percentiles(lengths, LEVEL))
    return Horizon(
        chance=chance, low=low, high=high,
        place=_place(curve.where(chance), seen) if curve.slope < 0 else Place("nowhere"),
    )  # fmt: skip


def _place(x: float, seen: tuple[float, float]) -> Place:
    """Where a length of 2^x minutes lies among those that were seen."""
    if x > log2(seen[1]):
        return Place("beyond")
    return Place("below") if x < log2(seen[0]) else Place("at", 2.0**x)


def _band(curve: Curve, sample: Drawn, shortest: float, longest: float) -> tuple[CurvePoint, ...]:
    """The curve over the observed lengths, with percentiles of the drawn curves at each."""
    xs = np.linspace(log2(shortest), log2(longest), POINTS if longest > shortest else 1)
    points = []
    for x in xs:
        said = curve.at(float(x))
        drawn_there = 0.5 * (1 + np.tanh(0.5 * (sample.intercepts + sample.slopes * x)))
        low, high = percentiles(drawn_there, LEVEL) if len(drawn_there) else (0.0, 1.0)
        points.append(CurvePoint(2.0 ** float(x), said, low, high))
    return tuple(points)
