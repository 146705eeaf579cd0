"""The reliability curve as text at a hundred columns: never a number without its interval, nor a curve without what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast.evals.horizon.words import interval, length, lengths, percent, place
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.evals.horizon.buckets import Bucket
    from holdfast.evals.horizon.curve import Horizon, Reliability
    from holdfast.evals.horizon.messiness import Change, Messiness

SCALE: Final = 25
"""Columns from 0 % to 100 %."""

FACTORS: Final = 4
"""Factors of messiness that are named; JSON has all."""


def text(found: Reliability) -> list[RenderableType]:
    """All of it."""
    parts: list[RenderableType] = [_head(found), Text(), _horizons(found), *_how(found), Text(), _buckets(found)]
    parts.append(
        Text("tasks count, not runs: repeats of one task say little of the next.  ● seen  ─ 95 %  │ curve", style="dim")
    )
    if found.messiness is not None:
        parts += [Text(), Text("messiness", style="bold"), *_messy(found.messiness)]
    if found.findings:
        parts += [Text(), Text("before you believe it", style="bold")]
        parts += [_hanging(Text(finding, style="yellow")) for finding in found.findings]
    parts += [Text(), *_always(found)]
    return parts


def _head(found: Reliability) -> RenderableType:
    name = words.plain(found.agent) or "success against human time"
    many = ", ".join(
        (
            words.count(found.runs, "run"),
            words.count(found.tasks, "task"),
            words.count(found.families, "family", "families"),
        )
    )
    return Text.assemble(
        (name, "bold"), f"  {many} · {length(found.shortest)} to {length(found.longest)} of human time"
    )


def _horizons(found: Reliability) -> RenderableType:
    made = _table("success", "up to", "95 times in 100")
    for one in found.horizons:
        made.add_row(percent(one.chance), _place(one, found), Text(interval(one.low, one.high, found) or "not known"))
    return made


def _place(one: Horizon, found: Reliability) -> Text:
    return Text(place(one.place, found), style="bold" if one.place.where == "at" else "yellow")


def _how(found: Reliability) -> Iterator[RenderableType]:
    if found.slope is None:
        yield Text("all outcomes are alike: there is no curve to draw from", style="dim")
        return
    times = words.count(found.draws.made, "draw").replace(str(found.draws.made), f"{found.draws.made:,}")
    yield Text(f"{times} of families, their tasks and their runs; seed {found.draws.seed}", style="dim")


def _buckets(found: Reliability) -> RenderableType:
    made = _table("human time", "tasks", "runs", "success", "95 %", "curve")
    made.add_column(Text(_ruler()), no_wrap=True, header_style="dim")
    for one in found.buckets:
        said = "–" if one.curve is None else percent(one.curve)
        seen = f"{percent(one.lower)} to {percent(one.upper)}".replace(" % to", " to")
        made.add_row(
            lengths(one), f"{one.tasks:,}", f"{one.runs:,}", Text(percent(one.success), style="bold"), seen, said, _bar(one)
        )  # fmt: skip
    return made


def _ruler() -> str:
    middle = (SCALE - 1) // 2
    return "0" + "50".center(SCALE - 4).ljust(SCALE - 4) + "100" if middle else ""


def _bar(one: Bucket) -> Text:
    """An interval, what was seen and what the curve says, on a line of percent."""
    cells = [("·", "dim")] * SCALE
    begin, end = _cell(one.lower), _cell(one.upper)
    cells[begin : end + 1] = [("─", "cyan")] * (end + 1 - begin)
    if one.curve is not None:
        cells[_cell(one.curve)] = ("│", "yellow")
    cells[_cell(one.success)] = ("●", "bold cyan")
    return Text.assemble(*cells)


def _cell(part: float) -> int:
    return round(part * (SCALE - 1))


def _messy(found: Messiness) -> Iterator[RenderableType]:
    rated = f"{words.count(found.tasks, 'task')} rated, {found.mean:.1f} of 16 factors on average"
    most = ", ".join(f"{name} ({percent(mean)})" for name, mean in list(found.factors.items())[:FACTORS])
    yield _hanging(Text(f"{rated}{': most often ' + most if most else ''}"))
    if found.why_none:
        yield _hanging(Text(f"no regression: {found.why_none}", style="yellow"))
    if found.per_factor is not None:
        yield _hanging(Text(f"one factor more, tasks as long: {_change(found.per_factor)} against the curve"))
    if found.per_doubling is not None:
        yield _hanging(Text(f"twice as long, tasks as messy: {_change(found.per_doubling)} against the curve"))


def _change(one: Change) -> str:
    sure = "" if one.low <= 0 <= one.high else ", surely not 0"
    return f"{100 * one.by:+.1f} points ({100 * one.low:+.1f} to {100 * one.high:+.1f}{sure})"


def _always(found: Reliability) -> Iterator[RenderableType]:
    """What holds for every curve."""
    known = ", ".join(f"{words.plain(name)} for {count:,}" for name, count in found.provenance.items())
    yield _hanging(Text(f"human minutes: {known} of {words.count(found.tasks, 'task')}", style="dim"))
    yield _hanging(
        Text(
            "A horizon is a length at which a share of such tasks succeeds, not one up to which all do: tasks of one length "
            "differ much. It says nothing of other kinds of task, nor of longer ones.",
            style="dim",
        )
    )


def _hanging(line: Text) -> RenderableType:
    return Padding(line, (0, 0, 0, 2), expand=False)


def _table(first: str, *columns: str) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column(Text(first, style="bold"), min_width=16, no_wrap=True)
    for name in columns:
        side = "left" if name in ("up to", "95 times in 100") else "right"
        made.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    return made
