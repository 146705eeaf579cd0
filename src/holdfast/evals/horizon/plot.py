"""The picture of a reliability curve, as SVG or PNG: what was seen, the curve with its band, and where nothing is known.

The ground is drawn too, so that the picture reads the same on paper, on a white page and on a dark one. matplotlib is loaded
with this module, and only what draws without a screen (Agg, SVG). The same values give the same bytes.
"""

from __future__ import annotations

from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from holdfast.evals.horizon.words import interval, length, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.evals.horizon.curve import Horizon, Reliability

GROUND: Final = "#fbfbf9"
INK: Final = "#20252b"
SOFT: Final = "#626b75"
GRID: Final = "#dfe2e3"
UNSEEN: Final = "#ececea"
CURVE: Final = "#1d5fa6"
SEEN: Final = "#b4530a"

TICKS: Final = (1 / 60, 1 / 15, 1 / 4, 1, 4, 15, 60, 240, 960, 2400, 9600)
BETWEEN: Final = (1 / 30, 1 / 8, 1 / 2, 2, 8, 30, 120, 480, 1440, 4800)
"""Minutes that a person has a feeling for; those inside the picture are named, the second ones where the first are few."""

FEW: Final = 5
MARGIN: Final = 0.07
"""How far a picture goes beyond the lengths that were seen, as a part of these; half a doubling at least."""

LINE: Final = 104
"""Characters of a line of horizons as it is written; longer ones are written smaller."""

DPI: Final = 200
_STYLE: Final = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "holdfast",
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "hatch.linewidth": 0.5,
}


def draw(found: Reliability, path: Path, kind: str) -> None:
    """Write the picture; kind: `svg` or `png`. Raises OSError where the file cannot be written."""
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(8.4, 5.2), facecolor=GROUND)
        FigureCanvasAgg(figure)
        _figure(figure, found)
        meta: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(path, format=kind, dpi=DPI, facecolor=GROUND, metadata=meta)


def _figure(figure: Figure, found: Reliability) -> None:
    axes = figure.add_axes((0.085, 0.19, 0.885, 0.625))
    _ground(axes, found)
    _grid(axes)
    _curve(axes, found)
    _seen(axes, found)
    _horizons(axes, found)
    _words(figure, axes, found)


def _ground(axes: Axes, found: Reliability) -> None:
    """The lengths of the picture, and those of them that no task had."""
    wide = log2(found.longest / found.shortest)
    beyond = 2 ** max(0.5, MARGIN * wide)
    first, last = found.shortest / beyond, found.longest * beyond
    axes.set_xscale("log", base=2)
    axes.set_xlim(first, last)
    axes.set_ylim(-0.1, 1.06)
    axes.set_facecolor(GROUND)
    for begin, end in ((first, found.shortest), (found.longest, last)):
        axes.axvspan(begin, end, facecolor=UNSEEN, edgecolor="#d6d6d2", hatch="////", linewidth=0, zorder=0)
    ticks = [tick for tick in TICKS if first < tick < last]
    if len(ticks) < FEW:
        ticks = sorted([*ticks, *(tick for tick in BETWEEN if first < tick < last)])
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda minutes, _: length(float(minutes))))


def _grid(axes: Axes) -> None:
    axes.set_yticks([0, 0.2, 0.5, 0.8, 1.0])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda part, _: f"{100 * part:.0f} %"))
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8, zorder=1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(length=3, width=0.8)
    axes.tick_params(axis="y", length=0)


def _curve(axes: Axes, found: Reliability) -> None:
    if len(found.curve) < 2:
        return
    x = [point.minutes for point in found.curve]
    low, high = [point.low for point in found.curve], [point.high for point in found.curve]
    axes.fill_between(x, low, high, color=CURVE, alpha=0.16, linewidth=0, zorder=2, label="95 % of draws")
    axes.plot(
        x,
        [point.chance for point in found.curve],
        color=CURVE,
        linewidth=2.2,
        zorder=4,
        solid_capstyle="butt",
        label="fitted curve",
    )


def _seen(axes: Axes, found: Reliability) -> None:
    """What was seen in each bucket, with its interval, and how many tasks that is."""
    x = [one.middle for one in found.buckets]
    y = [one.success for one in found.buckets]
    down = [max(0.0, one.success - one.lower) for one in found.buckets]
    up = [max(0.0, one.upper - one.success) for one in found.buckets]
    axes.errorbar(
        x, y, yerr=[down, up], fmt="o", color=SEEN, markersize=6, markeredgecolor=GROUND, markeredgewidth=0.9,
        elinewidth=1.3, capsize=2.6, capthick=1.3, zorder=6, label="seen, by length of task (Wilson 95 %)",
    )  # fmt: skip
    for at, one in zip(x, found.buckets, strict=True):
        axes.text(at, -0.066, f"{one.tasks}", ha="center", va="center", fontsize=8, color=SEEN)
    axes.text(-0.007, 0.029, "tasks", transform=axes.transAxes, ha="right", va="center", fontsize=8, color=SEEN)


def _horizons(axes: Axes, found: Reliability) -> None:
    for one in found.horizons:
        if one.place.where == "at" and one.place.minutes:
            _reach(axes, one, found)


def _reach(axes: Axes, one: Horizon, found: Reliability) -> None:
    """A horizon: a line from the curve down to its length, and its interval along the line of its chance."""
    at = one.place.minutes or found.shortest
    axes.plot([at, at], [0, one.chance], color=CURVE, linewidth=1.1, linestyle=(0, (4, 2.4)), zorder=3)
    if one.low is not None and one.high is not None:
        begin = (
            one.low.minutes if one.low.where == "at" else found.shortest if one.low.where == "below" else found.longest
        )
        end = (
            one.high.minutes
            if one.high.where == "at"
            else found.longest
            if one.high.where == "beyond"
            else found.shortest
        )
        axes.plot(
            [begin or at, end or at],
            [one.chance] * 2,
            color=CURVE,
            linewidth=3.4,
            alpha=0.45,
            zorder=3,
            solid_capstyle="butt",
        )
    axes.plot([at], [one.chance], marker="D", color=CURVE, markersize=5.5, markeredgecolor=GROUND, zorder=7)


def _words(figure: Figure, axes: Axes, found: Reliability) -> None:
    """Everything that is written: what it is, the horizons in words, what it rests on."""
    name = found.agent or "Success"
    figure.text(0.03, 0.94, f"{name}: success against human time" if found.agent else "Success against human time",
                fontsize=13, fontweight="bold", va="center")  # fmt: skip
    said = []
    for one in found.horizons:
        spread = interval(one.low, one.high, found)
        said.append(f"{100 * one.chance:.0f} %: {place(one.place, found)}" + (f" ({spread})" if spread else ""))
    line = "   ·   ".join(said)
    figure.text(0.03, 0.882, line, fontsize=min(9.5, 9.5 * LINE / len(line)), color=CURVE, va="center")
    axes.set_xlabel("how long a person needs for the task", labelpad=5)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="center left", bbox_to_anchor=(0.022, 0.838), ncols=3, frameon=False, fontsize=8.5,
        labelcolor=SOFT, handlelength=1.8, columnspacing=1.8, borderaxespad=0,
    )  # fmt: skip
    known = ", ".join(f"{name} {count}" for name, count in found.provenance.items())
    many = f"{found.runs:,} runs of {found.tasks:,} tasks in {found.families:,} families. Human minutes: {known}."
    drawn = f"Bands and intervals: {found.draws.made:,} draws of families, tasks and runs. Hatched: no task was that short or long."
    figure.text(0.03, 0.062, many, fontsize=7.8, color=SOFT, va="center")
    figure.text(0.03, 0.028, drawn, fontsize=7.8, color=SOFT, va="center")
