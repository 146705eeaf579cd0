"""Prediction-powered inference: the mean truth of many cases, of which a judge saw all and people only some.

    estimate(verdicts, labels, sampling="random", tuned=True).rate

For scores as well as verdicts. A weak judge makes the interval wide and never wrong, so no floor is needed; labels that were
not drawn at random make it wrong, and then the result says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from holdfast.errors import UsageError
from holdfast.evals.stats.calibration import CHOSEN, Sampling, check_weights, effective
from holdfast.evals.stats.quantiles import two_sided_t
from holdfast.evals.stats.rates import Interval


@dataclass(frozen=True)
class Pair:
    """What a judge and a person gave to the same case: 1 and 0 for verdicts, or scores."""

    judge: float
    truth: float
    weight: float = 1.0


@dataclass(frozen=True)
class Estimate:
    """A mean of the truth over many cases, of which a judge saw all and people some."""

    rate: Interval
    variance: float
    trust: float
    """How much of the judge is used: 1 in plain PPI, 0 is people alone."""
    warnings: tuple[str, ...] = ()


def estimate(
    verdicts: Sequence[float], labels: Sequence[Pair], *, sampling: Sampling, tuned: bool = False, level: float = 0.95
) -> Estimate:
    """The mean truth, from a judge's verdicts on cases nobody labelled and from labelled ones.

    PPI (Angelopoulos 2023, arXiv 2301.09633): mean(J) + mean(H - J), Var = Var(J)/N + Var(H - J)/n. `tuned` is PPI++ (2023,
    arXiv 2311.01453): the judge is scaled by Cov(H, J) / ((1 + n/N) Var J), held within 0 to 1, so that a poor judge cannot
    do worse than people alone. Bounds by Student's t over the labels. A weak judge only makes it wide: no floor is needed.

    Raises UsageError for fewer than two cases on either side, and for a weight that cannot be.
    """
    if len(verdicts) < 2 or len(labels) < 2:
        raise UsageError("this takes two cases and two labels at least")
    weights = [one.weight for one in labels]
    check_weights(weights, sampling)
    n = effective(weights)
    trust = _trust(verdicts, labels, n) if tuned else 1.0
    seen, seen_error = _mean(verdicts, [1.0] * len(verdicts))
    gap, gap_error = _mean([one.truth - trust * one.judge for one in labels], weights)
    point, variance = trust * seen + gap, trust * trust * seen_error + gap_error
    half = two_sided_t(level, max(int(n) - 1, 1)) * sqrt(variance)
    method = "PPI++" if tuned else "PPI"
    warnings = (CHOSEN,) if sampling == "chosen" else ()
    return Estimate(Interval(point - half, point, point + half, level, method), variance, trust, warnings)


def _mean(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """A weighted mean, and the variance of it."""
    whole, n = sum(weights), len(values)
    mean = sum(value * weight for value, weight in zip(values, weights, strict=True)) / whole
    squares = sum((weight * (value - mean)) ** 2 for value, weight in zip(values, weights, strict=True))
    return mean, squares / whole**2 * n / (n - 1)


def _trust(verdicts: Sequence[float], labels: Sequence[Pair], n: float) -> float:
    """How much of the judge makes the variance least; 0 for one that always says the same."""
    whole = sum(one.weight for one in labels)
    judge = sum(one.weight * one.judge for one in labels) / whole
    truth = sum(one.weight * one.truth for one in labels) / whole
    together = sum(one.weight * (one.judge - judge) * (one.truth - truth) for one in labels) / whole
    mean = sum(verdicts) / len(verdicts)
    apart = sum((value - mean) ** 2 for value in verdicts) / (len(verdicts) - 1)
    if apart == 0:
        return 0.0
    return min(max(together / ((1 + n / len(verdicts)) * apart), 0.0), 1.0)
