"""Before trials are made: how small a difference they could show, and how many tasks a difference needs.

n = (z_{alpha/2} + z_beta)^2 * (omega^2 + sigma_A^2/K_A + sigma_B^2/K_B) / delta^2 (Miller, arXiv 2411.00640, section
5). omega^2 is how much the true difference varies from task to task, sigma^2 how much trials of one task vary (p(1-p)
for a task that succeeds with chance p, so at most 0.25), K the trials a task gets on each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, fsum, sqrt

from holdfast.errors import UsageError
from holdfast.evals.stats.quantiles import normal, two_sided_z


@dataclass(frozen=True)
class Design:
    """How trials are made: K for each task on one side, and on the other; `other` None: against a fixed rate.

    `omega2` is then how much the true rate varies from task to task. `sigma2` holds for both sides unless
    `other_sigma2` is given. The defaults are for agents that succeed in some four of five tasks, and mostly in the
    same ones.
    """

    trials: int = 1
    other: int | None = None
    omega2: float = 0.02
    sigma2: float = 0.12
    other_sigma2: float | None = None

    def __post_init__(self) -> None:
        if self.trials < 1 or (self.other is not None and self.other < 1):
            raise UsageError("every side needs at least one trial a task")
        if min(self.omega2, self.sigma2, self.other_sigma2 or 0.0) < 0:
            raise UsageError("a variance is never below 0")

    @property
    def variance(self) -> float:
        """Of the difference, or the rate, that is measured in one task."""
        against = 0.0
        if self.other is not None:
            against = (self.sigma2 if self.other_sigma2 is None else self.other_sigma2) / self.other
        return self.omega2 + self.sigma2 / self.trials + against


@dataclass(frozen=True)
class Spread:
    """Variances estimated from trials that were made: between tasks and, on the mean, within a task."""

    omega2: float
    sigma2: float


def detectable(tasks: int, design: Design, *, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest true difference that so many tasks show with a chance of `power`.

    A share: 0.1 is ten points. A result smaller than this deserves no verdict. It may exceed 1: then none can be shown.
    """
    if tasks < 1:
        raise UsageError("no tasks show nothing", hint="give at least one task")
    return _factor(level, power) * sqrt(design.variance / tasks)


def tasks_needed(delta: float, design: Design, *, level: float = 0.95, power: float = 0.8) -> int:
    """How many tasks show a true difference of `delta` with a chance of `power`."""
    if not 0 < delta <= 1:
        raise UsageError(f"a difference of {delta} cannot be looked for", hint="give a share: 0.1 is ten points")
    # What is whole up to floating point stays whole.
    return max(1, ceil(_factor(level, power) ** 2 * design.variance / delta**2 - 1e-9))


def spread(trials: Sequence[Sequence[float]], others: Sequence[Sequence[float]] | None = None) -> Spread | None:
    """Estimate both variances from scores of trials, task by task; `others`: the same tasks on the other side.

    None where no task has two trials on one side: what is within a task cannot be told from what is between tasks then.
    Between tasks, chance can make the estimate negative; it is 0 then.
    """
    if others is not None and len(others) != len(trials):
        raise UsageError("both sides need the same tasks, in the same order")
    if len(trials) < 2 or not all(trials) or not all(others or ()):
        raise UsageError("spread needs two tasks, each with a trial on every side")
    sides = [trials] if others is None else [trials, others]
    within = [_variance(scores) for side in sides for scores in side if len(scores) > 1]
    if not within:
        return None
    sigma2 = fsum(within) / len(within)
    means = [[fsum(scores) / len(scores) for scores in side] for side in sides]
    measured = means[0] if others is None else [a - b for a, b in zip(*means, strict=True)]
    noise = fsum(sigma2 / len(scores) for side in sides for scores in side) / len(trials)
    return Spread(max(0.0, _variance(measured) - noise), sigma2)


def _variance(values: Sequence[float]) -> float:
    mean = fsum(values) / len(values)
    return fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _factor(level: float, power: float) -> float:
    if not 0.5 <= power < 1:
        raise UsageError(f"a power of {power} is none to plan with", hint="0.8 is usual")
    return two_sided_z(level) + normal(power)
