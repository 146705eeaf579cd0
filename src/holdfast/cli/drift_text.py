"""Drift as text, at a hundred columns: each figure before and after, what changed since which run, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.cost_text import usd
from holdfast.evals.drift import FEW, LEAST, Drift, Figure, Noticed, Place
from holdfast.evals.stats.mixture import Shift
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST = 3
"""Things of a mix, and kinds of each, that are told."""
NONE = "–"


def text(found: Drift, aside: Mapping[str, int]) -> list[RenderableType]:
    """Everything about an agent's runs; aside: those that were left out, by why."""
    parts: list[RenderableType] = [_head(found, aside)]
    if found.baseline < LEAST or not found.looked:
        least = f"a baseline takes {LEAST} runs, and silence says nothing before {FEW} more"
        if found.runs >= LEAST + FEW:
            least = f"the baseline is all {found.runs} of them, and {least}: --baseline {max(LEAST, found.runs // 2)} takes fewer"
        return [*parts, Text(), Text.assemble(("too few runs to say", "bold"), f": {least}")]
    parts += [Text(), _table(found)]
    for figure in found.figures:
        if figure.noticed is not None:
            parts += [Text(), *_told(figure, figure.noticed, found)]
    if not found.changed and not found.enough:
        few = f"{words.count(found.looked, 'run')} after the baseline are too few for silence to say anything; it takes {FEW}"
        parts += [Text(), Text.assemble(("too few runs to say", "bold"), f": {few}")]
    return [*parts, Text(), *map(Text, _promises(found))]


def _head(found: Drift, aside: Mapping[str, int]) -> RenderableType:
    lines = [
        Text.assemble((words.plain(found.agent) or "no agent", "bold"), f"  {words.count(found.runs, 'run')} closed")
    ]
    if found.last_of_baseline is not None and found.first is not None:
        lines[0].append(f", from {units.say_at(found.first.closed)}")
        until = units.say_at(found.last_of_baseline.closed)
        lines.append(
            Text(f"baseline: the first {found.baseline:,}, until {until} · {found.looked:,} looked at after it")
        )
    if aside:
        left = ", ".join(f"{many:,} {why}" for why, many in aside.items())
        lines.append(Text(f"left out: {left}", style="dim"))
    return Text("\n").join(lines)


def _table(found: Drift) -> RenderableType:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column("", min_width=10, no_wrap=True)
    made.add_column("baseline", justify="right", min_width=10, no_wrap=True)
    made.add_column("after", justify="right", min_width=10, no_wrap=True)
    made.add_column("", ratio=1, overflow="fold")
    for figure in found.figures:
        cells = [_value(figure, figure.before), _value(figure, figure.after)]
        made.add_row(_title(figure), *cells, _state(figure))
    return made


def _title(figure: Figure) -> str:
    return {"cost": "cost, USD", "time": "time"}.get(figure.name, figure.name)


def _value(figure: Figure, value: float | None) -> str:
    if value is None:
        return NONE
    match figure.name:
        case "success":
            return f"{value:.0%}"
        case "cost":
            return usd(round(value))
        case "time":
            return units.say_duration(round(value))
        case _:
            return f"PSI {value:.3f}"


def _state(figure: Figure) -> Text:
    seen = figure.noticed
    if seen is not None:
        return Text(f"{seen.way}, noticed at run {seen.at.number:,}", style="bold red")
    if figure.state == "untested":
        return Text(f"not tested: {figure.why}", style="yellow")
    return Text("no alarm", style="green")


def _told(figure: Figure, seen: Noticed, found: Drift) -> Iterator[RenderableType]:
    first = [check for check in figure.tests if check.noticed is not None and check.noticed.at == seen.at]
    by = " and ".join(check.method for check in first)
    yield Text.assemble((f"{figure.name} {seen.way}", "bold red"), f"  noticed by {by} at {_place(seen.at)}")
    yield Padding(Text(f"so since about {_place(seen.since)}"), (0, 0, 0, 2))
    for shift in figure.shifts[:MOST]:
        if shift.part > 0:
            yield Padding(Text(_shift(shift)), (0, 0, 0, 2))
    before = [place for place in found.contracts if place.number <= seen.at.number]
    if before:
        yield Padding(Text(f"the contract changed with {_place(before[-1])}", style="yellow"), (0, 0, 0, 2))


def _place(place: Place) -> str:
    return f"run {place.number:,}, {place.run}, {units.say_at(place.closed)}"


def _shift(shift: Shift) -> str:
    """The kinds whose shares moved furthest."""
    kinds = sorted(shift.expected.keys() | shift.actual.keys())
    gap = {kind: shift.actual.get(kind, 0.0) - shift.expected.get(kind, 0.0) for kind in kinds}
    ordered = sorted(kinds, key=lambda kind: (-abs(gap[kind]), kind))[:MOST]
    told = ", ".join(
        f"{words.plain(kind)} {shift.expected.get(kind, 0.0):.0%} → {shift.actual.get(kind, 0.0):.0%}"
        for kind in ordered
    )
    return f"{words.plain(shift.thing)}: {told}" if shift.thing else told


def _promises(found: Drift) -> Iterator[str]:
    """How often there are alarms for nothing, and what silence is worth."""
    one, each = found.plan.run_length, found.plan.run_length * found.tests
    yield (
        f"False alarms: while nothing changes there is about one in {one:,.0f} runs, or fewer, all {found.tests} tests together; "
        f"each has one in {each:,.0f}. That holds whatever costs and times look like, if each run is for itself."
    )
    success = next(figure for figure in found.figures if figure.name == "success")
    if success.rates is not None and success.delay is not None:
        high, low = success.rates
        whose = "is promised" if found.plan.expect is not None else "the baseline's rate is at least, 19 times in 20"
        yield (
            f"Silence is no proof: success is tested from {high:.1%}, which {whose}; a fall to {low:.1%} is noticed after some "
            f"{success.delay:,.0f} runs, a smaller one later. A longer baseline, or --expect, makes that sooner."
        )
