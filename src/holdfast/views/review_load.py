"""What two contracts ask of people, from a backtest: reviews a hundred runs, a day, and by role."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast import units
from holdfast.views.backtest import Tested, add

SHORT: Final = units.HOUR
"""µs of recording under which nothing is said of a day."""


class Reviewing(Struct, frozen=True, kw_only=True):
    """What one contract asks of people, in the calls that count; `most` as if each run had gone on as recorded."""

    calls: int
    most: int
    per_100_runs: float | None
    most_per_100_runs: float | None
    per_day: float | None
    """At the rate at which the runs were opened; None where they are too few, or too close together, to say."""
    most_per_day: float | None
    by_role: dict[str, int]
    most_by_role: dict[str, int]


def load_of(found: Tested) -> tuple[Reviewing, Reviewing]:
    """What each of the two contracts asks of people."""
    span = found.last - found.first
    days = span / units.DAY * found.runs / (found.runs - 1) if span >= SHORT and found.runs > 1 else 0.0
    return _reviewing(found, 0, days), _reviewing(found, 1, days)


def _reviewing(found: Tested, side: int, days: float) -> Reviewing:
    load, later = found.loads[side], found.loads_later[side]
    roles = dict(load.by_role)
    add(roles, later.by_role)
    most = load.calls + later.calls
    return Reviewing(
        calls=load.calls, most=most,
        per_100_runs=100 * load.calls / found.runs if found.runs else None,
        most_per_100_runs=100 * most / found.runs if found.runs else None,
        per_day=load.calls / days if days else None, most_per_day=most / days if days else None,
        by_role=dict(load.by_role), most_by_role=roles,
    )  # fmt: skip
