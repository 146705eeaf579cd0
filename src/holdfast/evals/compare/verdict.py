"""The verdict: whether a more complex agent earns its complexity against a simpler one.

    earns its complexity    it is shown to be worth more: the lower bound of the difference in net benefit is above 0
    does not                it is shown to be worth no more than the margin: the upper bound is at most that
    not enough evidence     the interval holds both; how many cases more would decide stands beside it

The margin is what a run has to be worth more before a second architecture is a reason to talk; 0 where nobody says. A gain
that is shown, and shown to be below it, is none.

A trial that could not be made never makes a verdict: it has to be the same with all of these won by one side, and by the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from holdfast.evals.compare.net import Net

Verdict: TypeAlias = Literal["earns its complexity", "does not", "not enough evidence"]

EARNS: Final[Verdict] = "earns its complexity"
DOES_NOT: Final[Verdict] = "does not"
UNKNOWN: Final[Verdict] = "not enough evidence"

EXIT_CODES: Final[dict[Verdict, int]] = {EARNS: 0, DOES_NOT: 1, UNKNOWN: 2}


def verdict_of(net: Net, margin: float = 0.0) -> Verdict:
    """What an interval shows. margin: USD a run, 0 or more."""
    if net.interval.high <= margin:
        return DOES_NOT
    return EARNS if net.interval.low > 0 else UNKNOWN


def agreed(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of several ways to count the same: theirs where they all say the same."""
    return verdicts[0] if len(set(verdicts)) == 1 else UNKNOWN


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Of several agents against the first: one that earns is enough; none does where all do not."""
    return EARNS if EARNS in verdicts else DOES_NOT if set(verdicts) == {DOES_NOT} else UNKNOWN
