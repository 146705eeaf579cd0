"""Find the weights and the bound of `holdfast.views.blame` on recorded talks, and say how well such a fit does elsewhere.

    python -m real.blame_weights --data FOLDER

Each run is one choice among its suspect turns; the weights are those under which the labelled turns are likeliest, held
near nought by a penalty of half their square, and rounded to one decimal. The bound is the one of `BOUNDS` with which that
is likeliest. `crossed` repeats all of this on a part of the runs and names turns in the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from math import exp, log
from pathlib import Path
from typing import Final, TypeAlias

from holdfast.views.blame import WEIGHTS, Clues, clues, ranked
from real.spoken import Heard, heard, sets
from real.traces import find_traces

Choice: TypeAlias = tuple[list[Clues], int]
"""The suspect turns of a run, and the place of the labelled one among them."""

Fitted: TypeAlias = tuple[tuple[float, ...], int]
"""The weights, and the bound."""

Vector: TypeAlias = list[float]

BOUNDS: Final = (1, 2, 3, 4, 5)
"""From how many new names and numbers on a turn may count as one that claims something."""

ROUNDS: Final = 30
NEAR: Final = 1e-4
"""Newton's rounds at most, and the step below which a weight is as good as found: far less than is left by rounding."""


def talks(runs: Sequence[Heard]) -> list[Heard]:
    """Runs that may be fitted to, and in which agents take turns at one table."""
    return [run for run in runs if run.tuning and not any(turn.kind == "asks" for turn in run.turns)]


def choices(runs: Sequence[Heard]) -> list[Choice]:
    """The choices that talks pose; one whose labelled turn is no suspect poses none."""
    found = []
    for run in talks(runs):
        suspects = clues(run.turns)
        steps = [one.step for one in suspects]
        if run.truth.step in steps:
            found.append((suspects, steps.index(run.truth.step)))
    return found


def fit(posed: Sequence[Choice], starts: dict[int, Vector] | None = None) -> Fitted:
    """The weights and the bound under which the choices are likeliest; starts: where to begin for each bound, kept up to date."""
    kept = {} if starts is None else starts
    best: tuple[float, int] | None = None
    for many in BOUNDS:
        seen = [([one.values(many) for one in suspects], right) for suspects, right in posed]
        kept[many] = _climbed(seen, kept.get(many, [0.0] * len(WEIGHTS)))
        likely = _likelihood(seen, kept[many])
        if best is None or likely > best[0]:
            best = (likely, many)
    many = best[1] if best else BOUNDS[0]
    return tuple(round(weight, 1) for weight in kept[many]), many


_Seen: TypeAlias = Sequence[tuple[list[tuple[float, ...]], int]]


def _climbed(seen: _Seen, start: Vector) -> Vector:
    """The top of the hill, by Newton's method: it is concave, and has one."""
    weights, size = list(start), range(len(start))
    for _ in range(ROUNDS):
        slope = [-weight for weight in weights]
        bend = [[float(row == column) for column in size] for row in size]
        for values, right in seen:
            shares = _shares(values, weights)
            mean = [sum(share * one[place] for share, one in zip(shares, values, strict=True)) for place in size]
            for row in size:
                slope[row] += values[right][row] - mean[row]
                for column in range(row + 1):
                    both = sum(s * one[row] * one[column] for s, one in zip(shares, values, strict=True))
                    bend[row][column] += both - mean[row] * mean[column]
        move = _solved(bend, slope)
        weights = [weight + by for weight, by in zip(weights, move, strict=True)]
        if max(map(abs, move)) < NEAR:
            break
    return weights


def _shares(values: list[tuple[float, ...]], weights: Vector) -> Vector:
    heights = [exp(sum(w * v for w, v in zip(weights, one, strict=True))) for one in values]
    total = sum(heights)
    return [height / total for height in heights]


def _likelihood(seen: _Seen, weights: Vector) -> float:
    said = sum(log(_shares(values, weights)[right]) for values, right in seen)
    return said - sum(weight * weight for weight in weights) / 2


def _solved(lower: list[Vector], right: Vector) -> Vector:
    """Solve a symmetric system, of which the lower half is given, by Cholesky's method. The penalty keeps it definite."""
    size = len(right)
    root = [[0.0] * size for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = lower[row][column] - sum(root[row][k] * root[column][k] for k in range(column))
            root[row][column] = rest**0.5 if row == column else rest / root[column][column]
    half: Vector = []
    for row in range(size):
        half.append((right[row] - sum(root[row][k] * half[k] for k in range(row))) / root[row][row])
    whole = [0.0] * size
    for row in reversed(range(size)):
        whole[row] = (half[row] - sum(root[k][row] * whole[k] for k in range(row + 1, size))) / root[row][row]
    return whole


# --------------------------------------------------------------------------------------------------------- crossing


class Crossing:
    """Fits to parts of some talks, each of which names turns in the runs that were left out of it."""

    def __init__(self, runs: Sequence[Heard]) -> None:
        self.runs = talks(runs)
        self._posed = [choices([run]) for run in self.runs]
        self._found = [clues(run.turns) for run in self.runs]
        self._starts: dict[int, Vector] = {}
        fit([one for posed in self._posed for one in posed], self._starts)

    def named(self, out: Sequence[int]) -> Iterator[tuple[Heard, str, int]]:
        """Runs by number, with the agent and the step named after a fit to all other runs."""
        left = set(out)
        rest = [one for number, posed in enumerate(self._posed) if number not in left for one in posed]
        weights, many = fit(rest, dict(self._starts))
        for number in out:
            run, found = self.runs[number], ranked(self._found[number], weights, many)
            step = found[0][1].step if found else -1
            yield run, run.turns[step].speaker if found else "", step

    def folds(self, count: int, seed: int) -> list[list[int]]:
        """All runs by number, dealt into parts by a hash of seed and id."""
        hashes = [hashlib.sha256(f"{seed}:{run.id}".encode()).digest() for run in self.runs]
        order = sorted(range(len(self.runs)), key=lambda number: hashes[number])
        return [order[first::count] for first in range(count) if order[first::count]]


def main(given: list[str]) -> int:
    """Print the weights and the bound."""
    parser = argparse.ArgumentParser(prog="python -m real.blame_weights")
    parser.add_argument("--data", type=Path, required=True, help="the folder of packs")
    options = parser.parse_args(given)
    runs = [run for pack in find_traces(options.data, "whowhen*") for stem in sets(pack) for run in heard(pack, stem)]
    weights, many = fit(choices(runs))
    print(f"WEIGHTS = {weights}\nMANY = {many}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
