"""`paired`: two recorded agents on the same tasks, beside what the pack says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from holdfast.evals.stats.benefit import cost_per_success
from holdfast.evals.stats.cluster import mean_interval
from holdfast.evals.stats.paired import compare
from holdfast.evals.stats.rates import newcombe
from real.figures import Figure, Sheet
from real.packs import Pack
from real.pass_hat import bounds
from real.traces import Traced, stems, traces

_STATED: Final = re.compile(
    r"both right (\d+), only (\S+) (\d+), only (\S+) (\d+), both wrong (\d+) \(exact McNemar p = ([\d.]+)\)"
)
"""The sentence in which a pack's README says how two agents compare."""


def check_paired(pack: Pack) -> Iterator[Figure]:
    """Give the cost of a success of every set with its interval, and compare every two sets on the same tasks."""
    for stem in stems(pack):
        yield from _per_success(Sheet("paired", pack, stem), traces(pack, stem))
    found = [*pairs(pack)]
    if not found:
        yield Sheet("paired", pack, "").skipped(f"{pack.name} has no two sets with the same tasks")
    for one, other in found:
        yield from _compared(pack, one, other)


def pairs(pack: Pack) -> Iterator[tuple[str, str]]:
    """Two sets of one domain (the last word of their names) with the same tasks, each tried once."""
    for one, other in combinations(stems(pack), 2):
        a, b = ([run.run.task_id for run in traces(pack, stem)] for stem in (one, other))
        if one.rpartition("_")[2] == other.rpartition("_")[2] and len({*a}) == len(a) == len(b) and {*a} == {*b}:
            yield one, other


def _per_success(sheet: Sheet, runs: Sequence[Traced]) -> Iterator[Figure]:
    """Where it lies; what it is, `cost` compares."""
    paid = [run.usd for run in runs]
    if any(usd is None for usd in paid):
        yield sheet.skipped("what some of its runs cost is not known")
        return
    found = cost_per_success(
        [float(usd or 0) for usd in paid], [float(run.won) for run in runs], [run.run.task_id for run in runs]
    )
    yield sheet.without("USD per success, interval", bounds(found), f"around {found.point:.4f}, {found.method}")


def _compared(pack: Pack, one: str, other: str) -> Iterator[Figure]:
    sheet, of_other = Sheet("paired", pack, f"{one} / {other}"), {run.run.task_id: run for run in traces(pack, other)}
    runs = [(run, of_other[run.run.task_id]) for run in traces(pack, one)]
    found = compare([[float(a.won)] for a, _ in runs], [[float(b.won)] for _, b in runs])
    if found.pairs is None:
        raise ValueError("single trials that are right or wrong always make pairs")
    came = (found.pairs.both, found.pairs.only_one, found.pairs.only_other, found.pairs.neither)
    stated, p = _expected(pack, one, other)
    names = ("both right", f"only {one} right", f"only {other} right", "both wrong")
    for at, name in enumerate(names):
        yield sheet.compare(name, came[at], stated[at] if stated else None)
    yield sheet.compare("exact McNemar p", round(found.pairs.p, 4), p)
    how = f"of successes, {found.difference.method}; the pack has no interval"
    yield sheet.without("difference", [round(found.difference.point, 4), *(bounds(found.difference) or ())], how)
    flips = f"{'every choice' if found.permutation.exact else f'{found.permutation.signs} draws'} of signs"
    yield sheet.without("permutation p", round(found.permutation.p, 4), flips)
    won = sum(a.won for a, _ in runs), sum(b.won for _, b in runs)
    apart = newcombe(won[0], len(runs), won[1], len(runs))
    yield sheet.without("difference if tasks were not the same", bounds(apart), f"{apart.method}, wider: unpaired")
    yield from _dearer(sheet, runs, found.difference.point)


def _dearer(sheet: Sheet, runs: Sequence[tuple[Traced, Traced]], better: float) -> Iterator[Figure]:
    costs = [float(a.usd - b.usd) for a, b in runs if a.usd is not None and b.usd is not None]
    if len(costs) < len(runs):
        yield sheet.skipped("what some of its runs cost is not known")
        return
    dearer = mean_interval(costs)
    yield sheet.without("USD a run, difference", [round(dearer.point, 4), *(bounds(dearer) or ())], dearer.method)
    if better * dearer.point > 0:
        yield sheet.without("USD for one more success", round(dearer.point / better, 4), "difference of both means")


def _expected(pack: Pack, one: str, other: str) -> tuple[tuple[int, ...] | None, float | None]:
    """What the pack's README says of these two: how many of each kind, and p."""
    readme = pack.folder / "README.md"
    stated = _STATED.search(readme.read_text()) if readme.is_file() else None
    if stated is None:
        return None, None
    both, first, only_first, second, only_second, neither, p = stated.groups()
    said = {first: int(only_first), second: int(only_second)}
    named = [next((name for name in said if _names(name, stem)), None) for stem in (one, other)]
    if None in named or named[0] == named[1]:
        return None, None
    return (int(both), *(said[str(name)] for name in named), int(neither)), float(p)


def _names(name: str, stem: str) -> bool:
    """Whether a README's word for an agent is that of a set: `gpt-4o` of `gpt4o_airline`."""
    return stem.startswith(name.replace("-", "").replace(".", ""))
