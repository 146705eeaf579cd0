"""Logistic regression with two parameters: P(success) = 1 / (1 + exp(-(intercept + slope·x))), by Newton's steps.

What is minimised is Σ wᵢ·ℓᵢ + ridge·slope²/2, where ℓ is the negative log-likelihood of one outcome. The intercept is
never penalised, so where x has its zero does not matter. The method, and the default `ridge` of 0.1, are those of METR's
time horizon (`src/horizon/utils/logistic.py` of METR/eval-analysis-public: scikit-learn's `LogisticRegression(C=10)`).

The trap. A penalty weighs as much as the weights let it. METR's public code of January 2026 brought the weights of an agent
to a sum of 1; against a *mean* likelihood the same ridge is n times as heavy, and it flattens the curve: of a true slope of
-0.60 with horizons of 300 and 60 minutes, -0.51, 336 and 51 came back. With weights that come to n, the number of outcomes,
-0.60, 301 and 60 do. METR corrected it on 2026-03-03, which lowered recent 50 % horizons by up to 20 %
(https://metr.org/notes/2026-03-20-impact-of-modelling-assumptions-on-time-horizon-results). So `fit` never touches weights:
bring them to a sum with `scaled`, and say which one you mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from holdfast.errors import UsageError

Floats: TypeAlias = NDArray[np.float64]

RIDGE: Final = 0.1
"""METR's penalty on the slope (`regularization` in its fig_params/figs.yaml), against weights that come to n."""

STEPS: Final = 60
"""Newton's steps at most; a dozen are usual."""

HALVINGS: Final = 40
CLOSE: Final = 1e-12
"""How small the gradient is at the end, for each unit of weight."""

PARTED: Final = 1e-10
"""How little is left of loss or curvature, relative to what there is, where outcomes are parted and no curve is the best."""


@dataclass(frozen=True)
class Curve:
    """A fitted curve. `slope` is the change of the log-odds for one more of x; `loss` is Σ wᵢ·ℓᵢ without the penalty."""

    intercept: float
    slope: float
    loss: float = 0.0
    steps: int = 0

    def at(self, x: float) -> float:
        """The chance of a success at x."""
        eta = self.intercept + self.slope * x
        return 1 / (1 + exp(-eta)) if eta >= 0 else exp(eta) / (1 + exp(eta))

    def where(self, p: float) -> float:
        """The x at which the chance is p. Raises UsageError for a flat curve, which is at p nowhere or everywhere."""
        if not 0 < p < 1:
            raise UsageError(f"a chance that a curve passes lies between 0 and 1; this is {p}")
        if self.slope == 0:
            raise UsageError("a flat curve passes no chance at any one place")
        return (log(p / (1 - p)) - self.intercept) / self.slope


def horizon_p(curve: Curve, p: float) -> float:
    """The minutes at which a curve over log₂ minutes is at p: 2^((logit p - β₀) / β₁); 0 or inf beyond what a float holds."""
    place = curve.where(p)
    return 0.0 if place < -1000 else float("inf") if place > 1000 else 2.0**place


def scaled(weights: ArrayLike, total: float) -> Floats:
    """Weights brought to a sum. The number of outcomes is the sum at which a ridge means what it says; see the trap."""
    given = np.asarray(weights, dtype=float)
    whole = float(given.sum())
    if not isfinite(whole) or whole <= 0:
        raise UsageError(f"weights have to come to more than nothing; these come to {whole:g}")
    return given * (total / whole)


def fit(x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None, *, ridge: float = RIDGE) -> Curve:
    """The curve through outcomes y at x.

    A y between 0 and 1 is so much of a success and the rest of a failure, each with its part of the weight. Weights are
    taken as they are; without any, each outcome has 1.

    Raises UsageError for values that cannot be, and where no curve is the best one: if all outcomes are alike, or if a
    ridge of 0 meets outcomes that some x parts.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    ws = np.ones_like(ys) if weights is None else np.asarray(weights, dtype=float)
    if xs.ndim != 1 or not xs.shape == ys.shape == ws.shape:
        raise UsageError(f"x, y and weights are as many; these are {xs.size}, {ys.size} and {ws.size}")
    if not (np.isfinite(xs).all() and np.isfinite(ws).all() and (ws >= 0).all() and ((ys >= 0) & (ys <= 1)).all()):
        raise UsageError("x is finite, a weight is not negative, and y lies between 0 and 1")
    wins, losses = ws * ys, ws * (1 - ys)
    if not wins.sum() or not losses.sum():
        raise UsageError(
            "outcomes that are all alike have no curve", hint="add tasks that it fails, or some it masters"
        )
    a, b, steps = fit_many(xs, wins[None, :], losses[None, :], ridge=ridge)
    if not isfinite(float(a[0])):
        raise UsageError("no curve is the best one: some x parts all successes from all failures", hint="give a ridge")
    eta = a[0] + b[0] * xs
    loss = float((np.logaddexp(0, eta) * ws - wins * eta).sum())
    return Curve(float(a[0]), float(b[0]), loss, steps)


def fit_many(
    x: Floats, wins: Floats, losses: Floats, *, ridge: float = RIDGE, begin: Curve | None = None
) -> tuple[Floats, Floats, int]:
    """Curves through many sets of outcomes at the same places: (intercepts, slopes, steps taken).

    `wins` and `losses` have a row a set and a column a place: how much weight of successes and failures is there. A set
    without both has no curve, nor has one that a ridge of 0 cannot hold: NaN. `begin` is where to begin, if one knows.
    """
    if ridge < 0:
        raise UsageError(f"a ridge is not negative; this is {ridge}")
    a, b = np.full(len(wins), np.nan), np.full(len(wins), np.nan)
    both = (wins.sum(axis=1) > 0) & (losses.sum(axis=1) > 0)
    if not both.any():
        return a, b, 0
    wins, whole = wins[both], (wins + losses)[both]
    weight = whole.sum(axis=1)
    # About its own middle the two parameters of a curve hardly depend on each other, and few steps are needed.
    centre = whole @ x / weight
    away = x[None, :] - centre[:, None]
    won = wins.sum(axis=1)
    if begin is None:
        here, slope = np.log(won / (weight - won)), np.zeros(len(won))
    else:
        here, slope = begin.intercept + begin.slope * centre, np.full(len(won), begin.slope)
    here, slope, steps = _newton(away, wins, whole, weight, (here, slope), ridge)
    a[both], b[both] = here - slope * centre, slope
    return a, b, steps


def _newton(
    x: Floats, wins: Floats, whole: Floats, weight: Floats, begin: tuple[Floats, Floats], ridge: float
) -> tuple[Floats, Floats, int]:
    """Newton's steps for many sets at once, each halved until it leads down; sets that have arrived stay where they are."""
    a, b = begin[0].copy(), begin[1].copy()
    worth = _worth(x, wins, whole, a, b, ridge)
    wide = (whole * x * x).sum(axis=1) / weight
    going = np.ones(len(a), dtype=bool)
    steps = 0
    while going.any() and steps < STEPS:
        at = np.flatnonzero(going)
        xs, ws, ns = x[at], wins[at], whole[at]
        p = 0.5 * (1 + np.tanh(0.5 * (a[at, None] + b[at, None] * xs)))
        left = ws - ns * p
        ga, gb = left.sum(axis=1), (left * xs).sum(axis=1) - ridge * b[at]
        bend = ns * p * (1 - p)
        haa, hab, hbb = bend.sum(axis=1), (bend * xs).sum(axis=1), (bend * xs * xs).sum(axis=1) + ridge
        arrived = np.maximum(np.abs(ga), np.abs(gb)) <= CLOSE * weight[at]
        det = haa * hbb - hab * hab
        level = (hbb <= 0) & (np.abs(gb) <= CLOSE * weight[at])  # one place only: any slope is as good, 0 is taken
        # Without a ridge, outcomes that some x parts are fitted the better the steeper the curve, without an end.
        steep = (det <= PARTED * haa * np.maximum(hbb, haa * wide[at])) | (worth[at] <= PARTED * weight[at])
        lost = ~level & steep & (ridge == 0)
        with np.errstate(all="ignore"):
            da = np.where(level, ga / haa, (hbb * ga - hab * gb) / det)
            db = np.where(level, 0.0, (haa * gb - hab * ga) / det)
        da, db = np.where(arrived | lost, 0.0, da), np.where(arrived | lost, 0.0, db)
        a[at], b[at], worth[at], moved = _down(xs, ws, ns, (a[at], b[at]), (da, db), worth[at], ridge)
        a[at[lost]] = b[at[lost]] = np.nan
        going[at] = ~arrived & ~lost & moved
        steps += 1
    a[going] = b[going] = np.nan
    return a, b, steps


def _down(
    x: Floats, wins: Floats, whole: Floats,
    place: tuple[Floats, Floats], step: tuple[Floats, Floats], worth: Floats, ridge: float,
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:  # fmt: skip
    """Where a step leads that is halved until it leads down, what that is worth, and whether it led anywhere."""
    part, now, up = np.ones(len(worth)), worth, np.ones(len(worth), dtype=bool)
    for _ in range(HALVINGS):
        now = _worth(x, wins, whole, place[0] + part * step[0], place[1] + part * step[1], ridge)
        up = ~(now <= worth + 1e-14 * np.abs(worth))
        if not up.any():
            break
        part[up] /= 2
    part[up] = 0.0  # what is left of the way is smaller than a float tells
    a, b = place[0] + part * step[0], place[1] + part * step[1]
    return a, b, np.where(up, worth, now), (a != place[0]) | (b != place[1])


def _worth(x: Floats, wins: Floats, whole: Floats, a: Floats, b: Floats, ridge: float) -> Floats:
    """What is minimised, for each set."""
    eta = a[:, None] + b[:, None] * x
    found: Floats = (np.logaddexp(0, eta) * whole - wins * eta).sum(axis=1) + 0.5 * ridge * b * b
    return found
