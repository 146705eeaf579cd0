"""Repeatability: whether a task is done every time (pass^k), and whether it is done at all (pass@k).

Both are taken without bias from n trials: pass^k = C(c,k)/C(n,k) (tau-bench, arXiv 2406.12045), pass@k = 1 -
C(n-c,k)/C(n,k) (Chen 2021, arXiv 2107.03374), with c successes. The power of a rate, (c/n)^k, is not pass^k: it comes
out too high by half where the rate is .7 and k and n are 4. With fewer than k trials neither is defined, and neither is
guessed.

A trial may have been broken by what is around the agent: a provider that was down, a machine that died. Counting it as
a failure blames the agent; leaving it out rewards an agent that breaks its surroundings. Every figure is given both
ways.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import comb

from holdfast.errors import UsageError
from holdfast.evals.stats.cluster import RATE, mean_interval
from holdfast.evals.stats.rates import Interval


@dataclass(frozen=True)
class Tally:
    """What became of the trials of one task.

    `trials` holds every trial, the `broken` ones too, which neither succeeded nor failed by the agent's doing. Tasks
    with the same `cluster` are not independent (one family, one customer); None: the task stands for itself.
    """

    successes: int
    trials: int
    broken: int = 0
    cluster: Hashable = None

    def __post_init__(self) -> None:
        if min(self.successes, self.broken) < 0 or self.successes + self.broken > self.trials:
            raise UsageError(f"{self.successes} successes and {self.broken} broken in {self.trials} trials cannot be")


@dataclass(frozen=True)
class Repeated:
    """A figure of repeatability: the mean over `tasks`, or None where no task had k trials.

    `short` tasks had fewer than k trials and are not in the mean. Where that is not 0, say so beside the figure: tasks
    whose trials broke may be the hard ones.
    """

    k: int
    interval: Interval | None
    tasks: int
    short: int


@dataclass(frozen=True)
class BothWays:
    """One figure with broken trials counted as failures, and with them left out."""

    as_failures: Repeated
    left_out: Repeated

    @property
    def same(self) -> bool:
        """Whether it makes no difference, as where no trial was broken."""
        return self.as_failures == self.left_out


def pass_hat(successes: int, trials: int, k: int) -> float | None:
    """The chance that k trials of a task all succeed; None where there were fewer than k."""
    _checked(successes, trials, k)
    return None if trials < k else comb(successes, k) / comb(trials, k)


def pass_at(successes: int, trials: int, k: int) -> float | None:
    """The chance that at least one of k trials of a task succeeds; None where there were fewer than k."""
    _checked(successes, trials, k)
    return None if trials < k else 1 - comb(trials - successes, k) / comb(trials, k)


def mean_pass_hat(tasks: Sequence[Tally], k: int, level: float = 0.95) -> BothWays:
    """pass^k over tasks, with the interval of `cluster.mean_interval`: t, or one-sided where all tasks are alike."""
    return _both(pass_hat, tasks, k, level)


def mean_pass_at(tasks: Sequence[Tally], k: int, level: float = 0.95) -> BothWays:
    """pass@k over tasks, with the same interval."""
    return _both(pass_at, tasks, k, level)


def _both(figure: Callable[[int, int, int], float | None], tasks: Sequence[Tally], k: int, level: float) -> BothWays:
    if not tasks:
        raise UsageError("there is no task to say anything of", hint="give at least one task")
    failed = [figure(task.successes, task.trials, k) for task in tasks]
    left_out = [figure(task.successes, task.trials - task.broken, k) for task in tasks]
    clusters = [("alone", at) if task.cluster is None else ("shared", task.cluster) for at, task in enumerate(tasks)]
    return BothWays(_repeated(failed, clusters, k, level), _repeated(left_out, clusters, k, level))


def _repeated(values: Sequence[float | None], clusters: Sequence[Hashable], k: int, level: float) -> Repeated:
    known = [(value, cluster) for value, cluster in zip(values, clusters, strict=True) if value is not None]
    short = len(values) - len(known)
    if not known:
        return Repeated(k, None, 0, short)
    numbers, groups = zip(*known, strict=True)
    return Repeated(k, mean_interval(numbers, groups, bounds=RATE, level=level), len(known), short)


def _checked(successes: int, trials: int, k: int) -> None:
    if k < 1:
        raise UsageError(f"k is {k}; it counts trials", hint="give 1 or more")
    if not 0 <= successes <= trials:
        raise UsageError(f"{successes} successes in {trials} trials cannot be")
