"""`length`: success against the number of calls that solve a task, for every model of AgentDojo's outcomes."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Collection, Iterator, Mapping
from math import log2
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from holdfast.evals.stats.logistic import Curve, fit
from real.figures import Figure, Sheet
from real.packs import Pack

EXPECTED: Final = "length_fit_expected.json"
VERSION: Final = "v1"
NO_ATTACK: Final = ("", "none")
DECIMALS: Final = 4
FLAT: Final = 1e-4
"""The share by which the place may be off at which half succeed."""

Fitted: TypeAlias = dict[str, float | int | None]
"""The figures of one fit, as packs give them."""

Outcomes: TypeAlias = dict[str, list[tuple[str, str, float]]]
"""Model → (suite, task, utility) of each attempt without an attack."""


def find_lengths(data: Path, pattern: str) -> list[Pack]:
    """The packs in a folder whose names fit, and that say what must come out of success against length."""
    return [Pack(folder) for folder in sorted(data.glob(pattern)) if (folder / EXPECTED).is_file()]


def check_length(pack: Pack) -> Iterator[Figure]:
    """Count the calls of every task, fit a curve without a penalty for every model, and compare both."""
    sheet = Sheet("length", pack, "gold calls")
    path = pack.folder / EXPECTED
    if not path.is_file():
        yield sheet.skipped(f"no {EXPECTED} in it")
        return
    expected = msgspec.json.decode(path.read_bytes())
    calls: dict[str, dict[str, int]] = {}
    for suite, told in expected["gold_calls"].items():
        tasks = pack.folder / suite / "tasks.jsonl"
        if not tasks.is_file():
            yield sheet.skipped(f"no {suite}/tasks.jsonl in it, so no curve over its tasks can be fitted")
            return
        calls[suite] = gold_calls(tasks.read_bytes())
        yield sheet.compare(f"gold calls of {suite}, {len(told)} tasks", calls[suite], told)
    outcomes = outcomes_of(pack, calls)
    if outcomes is None:
        yield sheet.skipped("no outcomes.csv.gz in it")
        return
    yield from _models(sheet, outcomes, calls, expected["fits"])


def _models(
    sheet: Sheet, outcomes: Outcomes, calls: dict[str, dict[str, int]], fits: dict[str, Any]
) -> Iterator[Figure]:
    for model, told in fits.items():
        rows = outcomes.get(model, [])
        if not rows:
            yield sheet.compare(f"fit of {model}", None, told)
            continue
        y = [utility for _, _, utility in rows]
        curve = fit([log2(max(1, calls[suite][task])) for suite, task, _ in rows], y, ridge=0)
        yield _compared(sheet, f"fit of {model}", fitted(curve, y), told)
    for model in sorted(set(outcomes) - set(fits)):
        note = f"the pack has no fit of it; {len(outcomes[model])} outcomes without an attack"
        yield sheet.without(f"fit of {model}", None, note)


def _compared(sheet: Sheet, figure: str, ours: Fitted, told: Fitted) -> Figure:
    """Equal to the decimals that are given; but where half succeed may be off by a small share of itself.

    That place is 2^(-intercept/slope): where a curve is nearly flat, what two programs differ by in the ninth decimal of the
    slope shows in it. The parameters themselves have to be equal.
    """
    found = sheet.compare(figure, ours, told)
    half, other = ours["p50_gold_calls"], told["p50_gold_calls"]
    if found.ok or half is None or other is None or {**ours, "p50_gold_calls": other} != told:
        return found
    off = abs(half / other - 1)
    note = f"all but p50_gold_calls equal; that is off by {off:.1e} of itself, as the curve is nearly flat"
    return msgspec.structs.replace(found, ok=off <= FLAT, note=note)


def fitted(curve: Curve, y: list[float]) -> Fitted:
    """The figures of a curve, to the decimals that packs give. A curve that does not fall has no place where half succeed."""
    half = 2 ** curve.where(0.5) if curve.slope < 0 else None
    return {
        "n": len(y), "success": int(sum(y)), "intercept": round(curve.intercept, DECIMALS), "slope": round(curve.slope, DECIMALS),
        "nll": round(curve.loss, DECIMALS), "p50_gold_calls": None if half is None else round(half, DECIMALS),
    }  # fmt: skip


def gold_calls(content: bytes) -> dict[str, int]:
    """User task → how many calls solve it."""
    tasks = [msgspec.json.decode(line) for line in content.splitlines()]
    return {one["id"]: len(one["calls"]) for one in tasks if one["kind"] == "user" and one["version"] == VERSION}


def outcomes_of(pack: Pack, calls: Mapping[str, Collection[str]]) -> Outcomes | None:
    """Outcomes without an attack, of those user tasks whose calls are known. An attacker's own tasks are none of them."""
    path = pack.folder / "outcomes.csv.gz"
    if not path.is_file():
        return None
    found: Outcomes = {}
    for row in csv.DictReader(gzip.decompress(path.read_bytes()).decode().splitlines()):
        if row["attack"] in NO_ATTACK and row["user_task"] in calls.get(row["suite"], ()):
            found.setdefault(row["model"], []).append((row["suite"], row["user_task"], float(row["utility"])))
    return found
