"""What has to be known before a reliability curve is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from holdfast.evals.horizon.rows import UNKNOWN
from holdfast.evals.horizon.words import length, lengths, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.evals.horizon.curve import Reliability

FEW_TASKS: Final = 20
FEW_FAMILIES: Final = 10
"""Below these, intervals from draws can hold the truth less often than they say (docs/horizon.md)."""

RARE: Final = 0.025
"""The share of draws that may be left out of an interval of 95 % without moving its ends by much."""


def findings(found: Reliability) -> Reliability:
    """The same, with its findings."""
    return msgspec.structs.replace(found, findings=(*_of_curve(found), *_of_data(found), *_of_draws(found)))


def _of_curve(found: Reliability) -> Iterator[str]:
    if found.slope is None and found.success <= 0:
        yield "Every attempt failed: the horizon is 0 by convention, and how near it came to more is not known."
    elif found.slope is None:
        yield f"Every attempt succeeded: how far it goes beyond {length(found.longest)} takes longer tasks to find out."
    elif found.slope >= 0:
        yield (
            f"Success does not fall with human time (slope {found.slope:+.2f} for twice the time): there is no horizon in "
            "these tasks. Something else than length decides, or the lengths are wrong."
        )
    for one in found.buckets:
        if one.curve is not None and not one.lower <= one.curve <= one.upper:
            yield (
                f"The curve misses what was seen at {lengths(one)}: it says {percent(one.curve)}, {percent(one.success)} of "
                f"{one.tasks} tasks succeeded ({percent(one.lower)} to {percent(one.upper)}). Go by the bucket."
            )


def _of_data(found: Reliability) -> Iterator[str]:
    unknown = found.provenance.get(UNKNOWN, 0)
    if unknown:
        yield f"Nobody says where the human minutes of {unknown} of {found.tasks} tasks come from."
    if found.longest < 4 * found.shortest:
        yield (
            f"All tasks take from {length(found.shortest)} to {length(found.longest)}: that is too little of a range to "
            "tell how success falls with length."
        )
    if found.tasks < FEW_TASKS or found.families < FEW_FAMILIES:
        yield (
            f"{found.tasks} tasks in {found.families} {'family' if found.families == 1 else 'families'} are few: the "
            f"intervals may be too narrow below some {FEW_TASKS} tasks and {FEW_FAMILIES} families."
        )


def _of_draws(found: Reliability) -> Iterator[str]:
    draws = found.draws
    if found.slope is None:
        return
    alike = draws.all_failed + draws.all_won
    if alike:
        yield (
            f"{alike} of {draws.made:,} draws had outcomes that were all alike ({draws.all_failed} failures, "
            f"{draws.all_won} successes) and were skipped{_narrow(alike, draws.made)}."
        )
    if draws.rising and found.slope < 0:
        yield (
            f"In {draws.rising} of {draws.made:,} draws success did not fall with length; they have no horizon and are in no "
            f"interval of one{_narrow(draws.rising, draws.made)}."
        )


def _narrow(left_out: int, made: int) -> str:
    return ": the intervals are narrower than what is not known" if left_out > RARE * made else ""
