"""The picture of a comparison, as SVG or PNG: how often each agent is right, against what a run of it costs.

The slanted line is where an agent would be worth exactly as much as the first: what lies above it is worth more, what lies
below it less. The ground is drawn too, so that the picture reads the same on paper, on a white page and on a dark one.
matplotlib is loaded with this module, and only what draws without a screen. The same values give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from holdfast.evals.compare import words
from holdfast.evals.horizon.plot import CURVE, DPI, GRID, GROUND, INK, SEEN, SOFT
from holdfast.views.words import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.evals.compare.figures import Compared, SideScore
    from holdfast.evals.scores.band import Band

COLOURS: Final = (CURVE, SEEN, "#2f7d4f", "#7b4bb3", "#a3324e", "#5f6b00", "#007c89", "#444b54")
"""Of sides, in their order; each tells apart in print too, by its shape."""
SHAPES: Final = ("o", "s", "D", "^", "v", "P", "X", "h")

PLACES: Final = ((8, 6), (8, -14), (-17, 6), (-17, -14))
"""Of the letters beside their points, in points of print: two sides at one place stay apart."""

LINES: Final = 2
"""Verdicts that are written over the picture; more stand in the text beside it."""

COLUMNS: Final = 5
ROW: Final = 0.04
"""Entries in a row of the key, and how high a row is, as a part of the picture."""

_STYLE: Final = {
    "font.family": ["DejaVu Sans", "sans-serif"], "font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "holdfast",
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": SOFT, "ytick.color": SOFT,
}  # fmt: skip


def draw(compared: Compared, path: Path, kind: str) -> None:
    """Write the picture; kind: `svg` or `png`. Raises OSError where the file cannot be written."""
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(8.4, 5.2), facecolor=GROUND)
        FigureCanvasAgg(figure)
        rows = -(-(len(compared.sides) + 1) // COLUMNS)
        axes = figure.add_axes((0.085, 0.2, 0.885, 0.64 - ROW * rows))
        _ground(axes, compared)
        for at in range(len(compared.sides)):
            _side(axes, at, compared)
        _even(axes, compared)
        _words(figure, axes, compared)
        meta: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(path, format=kind, dpi=DPI, facecolor=GROUND, metadata=meta)


def _price(side: SideScore, compared: Compared) -> tuple[float, float, float]:
    """(low, what a run costs with people, high), in USD. What nobody priced is drawn at 0, and said so."""
    band, stakes = side.usd_run, compared.plan.stakes
    people = [stakes.of_people(value or 0.0) for value in _ends(side.questions)]
    models = _ends(band) if band is not None else (0.0, 0.0, 0.0)
    low, point, high = (paid + asked for paid, asked in zip(models, people, strict=True))
    return min(max(low, 0.0), point), point, max(high, point)


def _ends(band: Band) -> tuple[float, float, float]:
    point = band.point or 0.0
    return (point if band.low is None else band.low, point, point if band.high is None else band.high)


def _ground(axes: Axes, compared: Compared) -> None:
    ends = [_price(side, compared) for side in compared.sides]
    last = max(high for _, _, high in ends) or 0.01
    axes.set_xlim(-0.02 * last, 1.12 * last)
    axes.set_ylim(-0.04, 1.06)
    axes.set_facecolor(GROUND)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda part, _: f"{100 * part:.0f} %"))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda amount, _: f"{float(amount):.4g}"))
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8, zorder=1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(length=3, width=0.8)
    axes.tick_params(axis="y", length=0)


def _side(axes: Axes, at: int, compared: Compared) -> None:
    side, colour, shape = compared.sides[at], COLOURS[at % len(COLOURS)], SHAPES[at % len(SHAPES)]
    low, point, high = _price(side, compared)
    down, right, up = _ends(side.pass_1)
    bars = {"elinewidth": 1.4, "capsize": 2.8, "capthick": 1.4, "zorder": 5}
    axes.errorbar(
        [point], [right], xerr=[[point - low], [high - point]], yerr=[[max(0, right - down)], [max(0, up - right)]], fmt=shape,
        color=colour, markersize=7.5, markeredgecolor=GROUND, markeredgewidth=0.9,
        **bars,  # type: ignore[arg-type]
    )  # fmt: skip
    if compared.plan.trials > 1:
        axes.plot(
            [point], [side.pass_k.point or 0.0], marker=shape, color=colour, markersize=6, markerfacecolor=GROUND,
            markeredgewidth=1.3, linestyle="none", zorder=4,
        )  # fmt: skip
    axes.annotate(
        side.letter, (point, right), xytext=PLACES[at % len(PLACES)], textcoords="offset points", color=colour, fontsize=10,
        fontweight="bold", zorder=7,
    )  # fmt: skip
    named = f"{side.letter}  {words.cut(side.name, 30 if len(compared.sides) < COLUMNS - 1 else 14)}"
    axes.plot([], [], marker=shape, color=colour, markersize=7, linestyle="none", label=named)


def _even(axes: Axes, compared: Compared) -> None:
    """Where a run is worth as much as one of the first side: what it costs more has to be won by being right."""
    first, swing = compared.sides[0], compared.plan.stakes.swing
    if first.usd_run is None:
        return
    _, paid, _ = _price(first, compared)
    right = first.pass_1.point or 0.0
    x: Sequence[float] = axes.get_xlim()
    axes.plot(
        x, [right + (at - paid) / swing for at in x], color=SOFT, linewidth=1.1, linestyle=(0, (4, 2.4)), zorder=3,
        label=f"worth as much as {first.letter}",
    )  # fmt: skip


def _words(figure: Figure, axes: Axes, compared: Compared) -> None:
    plan = compared.plan
    figure.text(0.03, 0.945, "Quality against cost", fontsize=13, fontweight="bold", va="center")
    against = [pair for pair in compared.pairs if pair.one == compared.sides[0].letter]
    for at, pair in enumerate(against[:LINES]):
        line = f"{pair.other} against {pair.one}: {words.ruled(pair.verdict)}, {words.with_spread(pair.net, words.signed)} USD a run"
        figure.text(0.03, 0.9 - 0.036 * at, line, fontsize=9, color=CURVE, va="center")
    axes.set_xlabel("USD a run: models, and people at their rate", labelpad=5)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda at: labels[at].startswith("worth"))
    figure.legend(
        [handles[at] for at in order], [labels[at] for at in order], loc="upper left", bbox_to_anchor=(0.022, 0.85), ncols=COLUMNS,
        frameon=False, fontsize=8.5, labelcolor=SOFT, handlelength=1.8, columnspacing=1.6, borderaxespad=0,
    )  # fmt: skip
    hollow = f" Hollow: all of {plan.trials} trials (pass^{plan.trials})." if plan.trials > 1 else ""
    unpriced = [side.letter for side in compared.sides if side.usd_run is None]
    nobody = f" Nobody knows what {' and '.join(unpriced)} costs: drawn at 0." if unpriced else ""
    made = f"{count(plan.cases, 'case')} × {count(plan.trials, 'trial')}, paired. Filled: a trial passes (pass^1), with 95 % intervals."
    figure.text(0.03, 0.066, f"{made}{hollow}{nobody}", fontsize=7.8, color=SOFT, va="center")
    said = words.sentence(words.stakes(plan))
    figure.text(0.03, 0.03, said, fontsize=min(7.8, 7.8 * 138 / len(said)), color=SOFT, va="center")
