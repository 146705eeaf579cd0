"""Quantiles of the distributions that intervals are made of.

The only place that knows where they come from. SciPy is loaded when Student's t or the beta distribution is first
asked for, and not by `import holdfast`: it takes longer to load than most evaluations take to run.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

from holdfast.errors import SettingsError, UsageError


def checked_level(level: float) -> float:
    """The level of confidence itself, if it is one: strictly between 0 and 1. Raises UsageError otherwise."""
    if not 0.0 < level < 1.0:
        raise UsageError(f"a level of confidence lies between 0 and 1; this is {level}", hint="0.95 is usual")
    return level


def two_sided_z(level: float) -> float:
    """How many standard deviations of a normal distribution hold `level` of it, counted from the middle."""
    return NormalDist().inv_cdf((1 + checked_level(level)) / 2)


def normal(probability: float) -> float:
    """The value that a standard normal variable stays below with this probability."""
    if not 0.0 < probability < 1.0:
        raise UsageError(f"a normal variable has no quantile at {probability}", hint="give a value between 0 and 1")
    return NormalDist().inv_cdf(probability)


def two_sided_t(level: float, freedom: int) -> float:
    """Like `two_sided_z` for Student's t. Raises UsageError for less than one degree of freedom."""
    if freedom < 1:
        raise UsageError("one cluster alone says nothing of how far clusters differ", hint="add a second task")
    return float(_special().stdtrit(freedom, (1 + checked_level(level)) / 2))


def beta(probability: float, a: float, b: float) -> float:
    """The value that a Beta(a, b) variable stays below with this probability."""
    return float(_special().betaincinv(a, b, probability))


def _special() -> Any:
    try:
        from scipy import special
    except ImportError as missing:
        raise SettingsError(
            "statistics of evaluations need SciPy, which is not installed", hint="pip install 'holdfast[evals]'"
        ) from missing
    return special
