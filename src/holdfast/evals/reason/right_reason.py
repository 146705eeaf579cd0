"""Corrupt success: trials whose outcome is right, though not for the right reason.

    found = corrupt_success(trials, k=4)
    found.outcome, found.gated       pass^k by the outcome alone, and with the gate on how it came about
    found.gap                        how much of the one the other takes away

A trial is gated by whatever says how its outcome came about: required evidence that was read, no effect outside the frame, a
verdict that is not WRONG_REASON. Outcome and gate are counted on the same trials. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from holdfast.errors import UsageError
from holdfast.evals.stats.cluster import RATE, mean_interval
from holdfast.evals.stats.rates import Interval
from holdfast.evals.stats.repeat import BothWays, Tally, mean_pass_hat, pass_hat


class Gated(Struct, frozen=True):
    """One trial with both of its verdicts."""

    case: str
    passed: bool | None
    """By its outcome; None: the trial could not be made."""
    right: bool | None = None
    """By the gate; None: nobody looked."""
    family: str = ""
    """Cases of one family are not independent; empty: the case is its own."""
    run: str = ""


class CorruptSuccess(Struct, frozen=True):
    """Two figures of repeatability side by side, and the gap between them."""

    k: int
    outcome: BothWays
    gated: BothWays
    gap: Interval | None
    """Outcome pass^k less gated pass^k, over cases; None where no case has k trials that were looked at."""
    corrupt: tuple[str, ...]
    """Runs that pass by their outcome and not by the gate."""
    unlooked: int
    """Trials that pass by their outcome, and of which nobody said how that came about. They are in neither figure."""


def corrupt_success(trials: Sequence[Gated], k: int = 1, level: float = 0.95) -> CorruptSuccess:
    """Outcome pass^k beside gated pass^k. Raises UsageError for no trials."""
    if not trials:
        raise UsageError("there are no trials", hint="give at least one")
    cases: dict[str, list[Gated]] = {}
    for one in trials:
        cases.setdefault(one.case, []).append(one)
    plain = [_tally(mine, [one.passed for one in mine]) for mine in cases.values()]
    gated = [_tally(mine, [_gate(one) for one in mine]) for mine in cases.values()]
    known = [[one for one in mine if _looked(one)] for mine in cases.values()]
    gaps = [(_gap(mine, k), mine[0].family or mine[0].case) for mine in known if len(mine) >= k]
    gap = (
        mean_interval([one for one, _ in gaps], [family for _, family in gaps], bounds=RATE, level=level)
        if gaps
        else None
    )
    return CorruptSuccess(
        k, mean_pass_hat(plain, k, level), mean_pass_hat(gated, k, level), gap,
        tuple(one.run or one.case for one in trials if one.passed and one.right is False),
        sum(bool(one.passed) and one.right is None for one in trials),
    )  # fmt: skip


def _looked(one: Gated) -> bool:
    return one.passed is not None and (not one.passed or one.right is not None)


def _gate(one: Gated) -> bool | None:
    return one.passed and one.right if _looked(one) else None


def _tally(mine: Sequence[Gated], verdicts: Sequence[bool | None]) -> Tally:
    """What became of the trials of a case; those that nobody looked at are out of both figures."""
    unlooked = sum(bool(one.passed) and one.right is None for one in mine)
    kept = [said for one, said in zip(mine, verdicts, strict=True) if _looked(one) or one.passed is None]
    cluster = mine[0].family or None
    return Tally(sum(said is True for said in kept), len(mine) - unlooked, sum(said is None for said in kept), cluster)


def _gap(mine: Sequence[Gated], k: int) -> float:
    by_outcome = pass_hat(sum(bool(one.passed) for one in mine), len(mine), k)
    by_gate = pass_hat(sum(bool(one.passed and one.right) for one in mine), len(mine), k)
    assert by_outcome is not None
    assert by_gate is not None
    return by_outcome - by_gate
