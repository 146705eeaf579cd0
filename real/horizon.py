"""`horizon`: METR's published curves and doubling times from their own figures, and horizons from anybody's rows.

`metr_published` holds figures and no rows. Of each published fit the horizons are worked out from its two parameters, and
outcomes drawn from its curve are fitted again. Doubling times are those of the published horizons.

A pack of rows has a name that begins with `metr_horizon`. Its form:

* rows: `runs_<stem>.jsonl.gz` (or `.jsonl`, `.csv`, `.csv.gz`; or just `runs`), one attempt a line, with METR's names: `alias`
  (or `agent`, `model`), `task_id`, `task_family`, `human_minutes`, `score_binarized` (or `score`, `score_cont`); and
  `invsqrt_task_weight` or `weight` if weights are given, which are else 1 / (runs of the task · √tasks of its family);
* what was published: `expected.json` with `{<stem>: {<agent>: {"p50": …, "p80": …}}}`, or files `*benchmark_results.json` in the
  form that `metr_published` has, with names that are an `alias`, `agent` or `model` of the rows. A horizon is a number of minutes,
  or an object with `estimate`;
* if it says so, under `<stem>` of `expected.json`, `"weights_sum_to": "1"` or `"n"`: against which sum of weights the published
  curves were penalised. METR's code did the first until it was corrected in March 2026. A pack that says nothing is fitted both
  ways, and the way that is nearer over all of its agents is taken; which one that is stands in a figure of its own.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import numpy as np

from holdfast.evals.horizon.rows import Row, Task, tasks
from holdfast.evals.stats.logistic import RIDGE, Curve, fit, fit_many, horizon_p, scaled
from real.figures import Figure, Sheet
from real.packs import Pack

CHANCES: Final = {"p50": 0.5, "p80": 0.8}
EXACT: Final = 1e-4
"""How far, relative to what was published, a horizon from published parameters may be off: these have six decimals."""
NEAR: Final = 0.02
"""The same for a horizon that is fitted."""
DAYS: Final = 0.1

RESULTS: Final = "*benchmark_results.json"

LENGTHS: Final = 41
OUTCOMES: Final = 50_000
"""Outcomes drawn at each of so many lengths around a published horizon."""
SEED: Final = 20_260_303


def find_curves(data: Path, pattern: str) -> list[Pack]:
    """The packs in a folder whose names fit, and that hold published curves, or rows to fit some to."""
    folders = [folder for folder in sorted(data.glob(pattern)) if folder.name.startswith("metr_")]
    return [
        Pack(folder)
        for folder in folders
        if _sets(folder) or any(folder.glob("*_fits.json")) or any(folder.glob(RESULTS))
    ]


def check_horizon(pack: Pack) -> Iterator[Figure]:
    """Check whatever of the kinds above a pack has."""
    found = False
    for path in sorted(pack.folder.glob("*_fits.json")):
        found = True
        yield from _of_fits(Sheet("horizon", pack, path.stem), msgspec.json.decode(path.read_bytes()))
    rows = _sets(pack.folder)
    for path in () if rows else sorted(pack.folder.glob(RESULTS)):
        found = True
        yield from _of_trend(Sheet("horizon", pack, path.stem), msgspec.json.decode(path.read_bytes()))
    for stem, path in rows.items():
        found = True
        yield from _of_rows(Sheet("horizon", pack, stem), pack.folder, stem, path)
    if not found:
        yield Sheet("horizon", pack, "").skipped("no published fits, no benchmark results and no rows in it")


# ---------------------------------------------------------------------------------------------------- published curves


def _of_fits(sheet: Sheet, fits: list[dict[str, Any]]) -> Iterator[Figure]:
    chance = np.random.default_rng(SEED)
    for one in fits:
        curve = Curve(one["intercept"], one["coefficient"])
        for name, p in CHANCES.items():
            yield within(sheet, f"{name} of {one['agent']}", horizon_p(curve, p), one[name], EXACT)
        again = _drawn_again(curve, chance)
        for name, p in CHANCES.items():
            yield within(sheet, f"{name} of {one['agent']}, fitted to draws", horizon_p(again, p), one[name], NEAR)


def _drawn_again(curve: Curve, chance: np.random.Generator) -> Curve:
    """The curve through outcomes that were drawn from a curve, at lengths where it is between 2 % and 98 %."""
    x = np.linspace(curve.where(0.98), curve.where(0.02), LENGTHS)
    wins = chance.binomial(OUTCOMES, [curve.at(float(at)) for at in x]).astype(float)
    a, b, _ = fit_many(x, wins[None, :], OUTCOMES - wins[None, :])
    return Curve(float(a[0]), float(b[0]))


def _of_trend(sheet: Sheet, results: dict[str, Any]) -> Iterator[Figure]:
    """Doubling times: 1 / the slope of log₂ p50 on the day of release, over models that were the best when they came."""
    published = results.get("doubling_time_in_days") or {}
    best = [
        (date.fromisoformat(one["release_date"]), float(one["p50"]["estimate"]))
        for one in results["results"]
        if one["is_sota"]
    ]
    for name, since in (("all_time_stitched", date.min), ("from_2023_on", date(2023, 1, 1))):
        kept = [(day.toordinal(), p50) for day, p50 in best if day >= since]
        expected = (published.get(name) or {}).get("point_estimate")
        value = round(doubling_days(kept), 3)
        what = f"doubling time in days, {name}, {len(kept)} models"
        if expected is None:
            yield sheet.without(what, value, "the pack's file has no such figure")
        else:
            ok = abs(value - expected) <= DAYS
            yield msgspec.structs.replace(sheet.compare(what, value, expected), ok=ok)


def doubling_days(horizons: list[tuple[int, float]]) -> float:
    """Days in which horizons double: (day, minutes) on a line of least squares through log₂ minutes."""
    days, minutes = np.array(horizons, dtype=float).T
    x, y = days - days.mean(), np.log2(minutes)
    return float((x @ x) / (x @ (y - y.mean())))


# ------------------------------------------------------------------------------------------------------------ own rows


def _of_rows(sheet: Sheet, folder: Path, stem: str, path: Path) -> Iterator[Figure]:
    agents, names = _rows(path)
    told, said = _published(folder, stem)
    curves = {way: {agent: _fitted(made, way) for agent, made in agents.items()} for way in ("1", "n")}
    known = {agent: told[name] for agent in agents for name in names[agent] if name in told}
    way = said or min(curves, key=lambda one: _off(curves[one], known))
    note = "the pack says so" if said else "the pack does not say; nearer over all of its agents"
    yield sheet.without("weights sum to", way, note)
    yield sheet.compare("agents with published horizons", len(known), len(told))
    for agent in sorted(agents):
        for name, p in CHANCES.items():
            what = f"{name} of {agent}"
            if name in known.get(agent, {}):
                yield within(sheet, what, _horizon(curves[way][agent], p), known[agent][name], NEAR)
            if way == "1":
                other = _horizon(curves["n"][agent], p)
                yield sheet.without(
                    f"{what}, weights summing to n", other, "without the trap; nothing published to compare"
                )


def _fitted(made: tuple[Task, ...], way: str) -> Curve | None:
    """The curve of one agent; None where all attempts failed."""
    x = [float(np.log2(task.minutes)) for task in made for _ in task.scores]
    y = [score for task in made for score in task.scores]
    if not any(y):
        return None
    return fit(x, y, scaled([w for task in made for w in task.weights], 1 if way == "1" else len(y)), ridge=RIDGE)


def _horizon(curve: Curve | None, p: float) -> float:
    return 0.0 if curve is None else horizon_p(curve, p)


def _off(curves: Mapping[str, Curve | None], known: Mapping[str, Mapping[str, float]]) -> float:
    """By how much the middle one of all horizons is off."""
    offs = [
        abs(_horizon(curves[agent], CHANCES[name]) / value - 1)
        for agent, figures in known.items()
        for name, value in figures.items()
        if value
    ]
    return median(offs) if offs else 0.0


def _sets(folder: Path) -> dict[str, Path]:
    """Stem → file of rows; the stem of a file that is just called runs is `runs`."""
    files = [
        path for path in sorted(folder.glob("runs*")) if path.name.removesuffix(".gz").endswith((".jsonl", ".csv"))
    ]
    return {path.name.partition(".")[0].removeprefix("runs_"): path for path in files}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    if path.name.removesuffix(".gz").endswith(".csv"):
        yield from csv.DictReader(content.decode().splitlines())
    else:
        yield from msgspec.json.Decoder(dict[str, Any]).decode_lines(content)


def _rows(path: Path) -> tuple[dict[str, tuple[Task, ...]], dict[str, set[str]]]:
    """The tasks of each agent, and by which names it may be published."""
    found: dict[str, list[Row]] = {}
    names: dict[str, set[str]] = {}
    for wire in _lines(path):
        agent = str(_first(wire, "alias", "agent", "model"))
        names.setdefault(agent, set()).update(str(wire[name]) for name in ("alias", "agent", "model") if wire.get(name))
        weight = _first(wire, "invsqrt_task_weight", "weight", default=None)
        row = Row(
            task=str(_first(wire, "task_id", "task")),
            family=str(_first(wire, "task_family", "family", default="")),
            human_minutes=float(wire["human_minutes"]),
            minutes_from=str(wire.get("human_source") or "METR"),
            score=float(_first(wire, "score_binarized", "score", "score_cont")),
            weight=None if weight is None else float(weight),
        )
        found.setdefault(agent, []).append(row)
    return {agent: tasks(rows) for agent, rows in found.items()}, names


def _first(wire: Mapping[str, Any], *names: str, default: object = ...) -> Any:
    """The first of several fields that is there. Raises KeyError."""
    for name in names:
        if wire.get(name) not in (None, ""):
            return wire[name]
    if default is ...:
        raise KeyError(" or ".join(names))
    return default


def _published(folder: Path, stem: str) -> tuple[dict[str, dict[str, float]], str]:
    """Name → its published horizons, in minutes; and to what the weights of the published curves came, if that is said."""
    path = folder / "expected.json"
    whole: Any = msgspec.json.decode(path.read_bytes()) if path.is_file() else {}
    own = whole.get(stem, whole) if isinstance(whole, dict) else whole
    found = dict(_named(own, ""))
    for file in sorted(folder.glob(RESULTS)) if not found else ():
        found |= dict(_named(msgspec.json.decode(file.read_bytes()), ""))
    said = str(own.get("weights_sum_to", "")) if isinstance(own, dict) else ""
    return found, said if said in ("1", "n") else ""


def _named(node: object, name: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Whatever has horizons, by what it calls itself or is called."""
    if isinstance(node, list):
        for one in node:
            yield from _named(one, name)
    elif isinstance(node, dict):
        name = str(
            next((node[field] for field in ("agent", "alias", "model") if isinstance(node.get(field), str)), name)
        )
        if figures := _horizons(node):
            yield name, figures
        else:
            for key, one in node.items():
                yield from _named(one, name if key in ("metrics", "results") else key)


def _horizons(figures: Mapping[str, Any]) -> dict[str, float]:
    found = {name: _first(figures, name, f"{name}_horizon_length", default=None) for name in CHANCES}
    numbers = {name: one.get("estimate") if isinstance(one, dict) else one for name, one in found.items()}
    return {name: float(one) for name, one in numbers.items() if one is not None}


def within(sheet: Sheet, figure: str, value: float, expected: float, share: float) -> Figure:
    """Put a figure beside what is expected, from which it may be off by a share of that."""
    shown = float(f"{value:.7g}")
    off = abs(value - expected) / abs(expected) if expected else abs(value)
    return msgspec.structs.replace(sheet.compare(figure, shown, expected), ok=bool(off <= share))
