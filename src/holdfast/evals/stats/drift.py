"""Drift: when a figure of runs, one after the other, is no longer what it was; and how often that is said for nothing.

    shiryaev_roberts(won, before=0.9, after=0.7, run_length=1000)      a success rate that falls
    cusum(ranked(costs, baseline=50), run_length=1000)                 any figure, up or down: a step
    ewma(ranked(costs, baseline=50), run_length=1000)                  any figure, up or down: slow and small

Shares, of which tools and which arguments, are watched in `mixture`.

`run_length` is how many runs pass on average from one false alarm to the next, while nothing changes and each run is for
itself. Each function says how far that can be relied on:

* Shiryaev and Roberts' sum is an e-detector: for any true rate of `before` or more the mean run length is at least
  `run_length`. That is a theorem (Shin, Ramdas and Rinaldo 2022, arXiv 2203.03532), and no approximation.
* CUSUM and EWMA look at ranks and not at values. Where runs are exchangeable, the rank of each among those before it is
  uniform whatever the values' distribution, so a threshold for normal scores holds for costs and seconds of any shape, and
  no mean had to be estimated. Siegmund's formula gives that of CUSUM, a Markov chain that of EWMA.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import erf, exp, log, sqrt
from typing import Final

from holdfast.errors import UsageError
from holdfast.evals.stats.quantiles import normal

SLACK: Final = 0.5
"""Standard deviations that CUSUM lets pass: half of the step it is best at."""
WEIGHT: Final = 0.1
"""What the newest run counts in EWMA."""
STATES: Final = 25
"""Of the Markov chain that stands for EWMA, over half of its range."""


@dataclass(frozen=True)
class Alarm:
    """That something changed, by position among the runs that were looked at, from 0."""

    at: int
    """Where it was noticed."""
    since: int
    """From where on it seems to be so; an estimate."""
    value: float
    """Of the statistic, which has passed its threshold."""
    up: bool | None = None
    """Whether the figure rose; None where that has no meaning."""


@dataclass(frozen=True)
class Watch:
    """What one test says of the runs it looked at. It stops at its first alarm."""

    method: str
    threshold: float
    run_length: float
    """Runs from one false alarm to the next that the threshold was chosen for."""
    looked: int
    """Runs it looked at, up to its alarm."""
    alarm: Alarm | None = None
    last: float = 0.0
    """Of the statistic, where there was no alarm."""


def _long(run_length: float) -> float:
    if not run_length > 1:
        raise UsageError(f"a run length is above 1; this is {run_length}", hint="1000: one false alarm in 1000 runs")
    return run_length


# --------------------------------------------------------------------------------------------------------- success


def shiryaev_roberts(won: Iterable[bool], *, before: float, after: float, run_length: float) -> Watch:
    """Whether a success rate fell from `before` towards `after`: M = (1 + M) LR for each run, an alarm at run_length.

    The mean run length is at least `run_length` for every true rate of `before` or above, as the mean of each ratio is 1
    or less there. Raises UsageError unless 0 < after < before < 1.
    """
    if not 0 < after < before < 1:
        raise UsageError(f"a fall goes from a rate to a lower one; this is {before} to {after}")
    wins, losses = after / before, (1 - after) / (1 - before)
    value, least, seen, begun, looked = 0.0, 0.0, 0.0, 0, 0
    for at, good in enumerate(won):
        looked = at + 1
        ratio = wins if good else losses
        value = (1 + value) * ratio
        seen += log(ratio)
        if value >= _long(run_length):
            return Watch("Shiryaev-Roberts", run_length, run_length, looked, Alarm(at, begun, value, up=False))
        if seen <= least:  # the likeliest beginning of a fall is behind the lowest point
            least, begun = seen, at + 1
    return Watch("Shiryaev-Roberts", _long(run_length), run_length, looked, None, value)


def delay(before: float, after: float, run_length: float) -> float:
    """About how many runs pass until a fall to `after` is noticed: log(run_length) over the divergence of the rates."""
    divergence = after * log(after / before) + (1 - after) * log((1 - after) / (1 - before))
    return log(_long(run_length)) / divergence


# ------------------------------------------------------------------------------------------------ cost and latency


def ranked(values: Sequence[float], baseline: int) -> list[float]:
    """Normal scores of the ranks that the values after the first `baseline` have among all up to them.

    Equal values share the middle of their ranks: where all are equal all scores are 0, and nothing can have changed. That
    makes false alarms rarer than said, never more frequent. (Sequential ranks: McDonald 1990.)
    """
    if not 0 < baseline <= len(values):
        raise UsageError(f"{baseline} of {len(values)} values are no baseline")
    known = sorted(values[:baseline])
    scores = []
    for value in values[baseline:]:
        insort(known, value)
        below, upto = bisect_left(known, value), bisect_right(known, value)
        scores.append(normal((below + upto) / (2 * len(known))))
    return scores


def cusum(scores: Iterable[float], *, run_length: float, slack: float = SLACK) -> Watch:
    """Whether standard normal scores went up or down, by the sums of what is beyond `slack` (Page 1954)."""
    threshold = cusum_threshold(run_length, slack)
    sums, begun, looked = [0.0, 0.0], [0, 0], 0
    for at, score in enumerate(scores):
        looked = at + 1
        for side, signed in enumerate((score, -score)):
            sums[side] = max(0.0, sums[side] + signed - slack)
            if sums[side] == 0.0:
                begun[side] = at + 1
            elif sums[side] >= threshold:
                alarm = Alarm(at, begun[side], sums[side], up=side == 0)
                return Watch("CUSUM", threshold, run_length, looked, alarm)
    return Watch("CUSUM", threshold, run_length, looked, None, max(sums))


@cache
def cusum_threshold(run_length: float, slack: float = SLACK) -> float:
    """Where both sums together have that run length on standard normal scores: Siegmund's formula (1985), solved.

    One sum alone has (exp(2kb) - 2kb - 1) / 2k² with b = h + 1.166, and two have half of it.
    """
    aim = 2 * _long(run_length)

    def length(threshold: float) -> float:
        reach = 2 * slack * (threshold + 1.166)
        return (exp(reach) - reach - 1) / (2 * slack * slack)

    return _solved(length, aim, 50.0)


def ewma(scores: Iterable[float], *, run_length: float, weight: float = WEIGHT) -> Watch:
    """Whether standard normal scores went up or down, by their mean in which older ones fade (Roberts 1959)."""
    threshold = ewma_threshold(run_length, weight) * sqrt(weight / (2 - weight))
    mean, begun, looked = 0.0, 0, 0
    for at, score in enumerate(scores):
        looked = at + 1
        last, mean = mean, (1 - weight) * mean + weight * score
        if last * mean <= 0:
            begun = at
        if abs(mean) >= threshold:
            return Watch("EWMA", threshold, run_length, looked, Alarm(at, begun, mean, up=mean > 0))
    return Watch("EWMA", threshold, run_length, looked, None, mean)


@cache
def ewma_threshold(run_length: float, weight: float = WEIGHT) -> float:
    """How many of its own standard deviations EWMA may be off, for that run length on standard normal scores.

    The mean's way is a Markov chain over parts of its range (Brook and Evans 1972; Lucas and Saccucci 1990), of which only
    half is needed, as both sides are alike.
    """
    return _solved(lambda limit: _ewma_length(limit, weight), _long(run_length), 8.0)


def _solved(length: Callable[[float], float], aim: float, most: float) -> float:
    """The threshold at which a run length that rises with it comes to what is wanted."""
    low, high = 0.0, most
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if length(middle) < aim else (low, middle)
    return (low + high) / 2


def _ewma_length(limit: float, weight: float) -> float:
    reach = limit * sqrt(weight / (2 - weight))
    part = reach / (STATES - 0.5)  # the first part lies around 0, half of it on each side
    edges = [(at + 0.5) * part for at in range(-STATES, STATES)]
    rows = []
    for at in range(STATES):
        stay = (1 - weight) * at * part
        below = [_below((edge - stay) / weight) for edge in edges]
        chances = [high - low for low, high in pairwise(below)]
        centre = STATES - 1
        folded = [chances[centre]] + [chances[centre + to] + chances[centre - to] for to in range(1, STATES)]
        rows.append([float(to == at) - folded[to] for to in range(STATES)])
    return _first_unknown(rows)


def _below(score: float) -> float:
    return (1 + erf(score / sqrt(2))) / 2


def _first_unknown(rows: list[list[float]]) -> float:
    """The first of the unknowns whose weighted sums, a row each, are all 1. The diagonal leads, so no rows change place."""
    size = len(rows)
    right = [1.0] * size
    for at in reversed(range(size)):
        for to in range(at):
            factor = rows[to][at] / rows[at][at]
            right[to] -= factor * right[at]
            for column in range(at):
                rows[to][column] -= factor * rows[at][column]
    return right[0] / rows[0][0]
