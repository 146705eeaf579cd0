"""The simulator's command line: see the package."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from holdfast.testing.mutants import BY_NAME
from holdfast.testing.sim import points
from holdfast.testing.sim.batch import CHUNK, many
from holdfast.testing.sim.play import Outcome, play
from holdfast.testing.sim.telling import repeat, story


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was asked for; 1 where something was found to be wrong (with a mutant: where nothing was)."""
    parser = argparse.ArgumentParser(prog="python -m holdfast.testing.sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one schedule")
    parser.add_argument("--tell", action="store_true", help="tell it in full, even when nothing is wrong")
    parser.add_argument("--schedules", type=int, help="play this many")
    parser.add_argument("--first", type=int, default=0, help="the first seed of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to play them in")
    parser.add_argument(
        "--mutant", choices=sorted(BY_NAME), default="", help="with this mistake in the runtime, until it is found"
    )
    parser.add_argument(
        "--points", choices=("single", "double"), help="every death, or every pair of deaths, of one run"
    )
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return _one(asked.seed, asked.mutant, tell=asked.tell)
    if asked.points:
        return _points(points.singles() if asked.points == "single" else points.doubles())
    return _many(asked.first, asked.schedules or (2_000 if asked.mutant else 1_000), asked.jobs, asked.mutant)


def _one(seed: int, mutant: str, *, tell: bool) -> int:
    outcome = play(seed, mutant=BY_NAME[mutant].made() if mutant else None, decisions=not mutant)
    if tell or outcome.violations:
        _say(str(outcome.schedule))
        for line in story(outcome):
            _say(line)
    for violation in outcome.violations:
        _say(f"WRONG  {violation}")
    counts = (
        f"{outcome.entries} entries, {outcome.points} dealings with the outside, {len(outcome.violations)} things wrong"
    )
    _say(f"seed {seed}: {counts}; digest {outcome.digest}")
    return bool(outcome.violations)


def _many(first: int, count: int, jobs: int, mutant: str) -> int:
    began, rules, entries, number = time.perf_counter(), Counter[str](), 0, 0
    for seed, wrong, written in many(first, count, jobs=jobs, mutant=mutant):
        number += 1
        entries += written
        rules.update(text.partition(":")[0] for text in wrong[:1])
        if wrong:
            _say(f"seed {seed}: {wrong[0]}\n    {repeat(seed, mutant)}")
            if mutant:
                _say(f"{mutant} was found after {number} schedules, {time.perf_counter() - began:.1f} s")
                return 0
    took = time.perf_counter() - began
    _say(
        f"{number} schedules, {entries} entries, {took:.0f} s, {number / took:.1f} a second; wrong: {dict(rules) or 'nothing'}"
    )
    return bool(mutant) or bool(rules)


def _points(outcomes: Iterator[Outcome]) -> int:
    began, number, wrong = time.perf_counter(), 0, 0
    for outcome in outcomes:
        number += 1
        if number % CHUNK == 0:
            gc.collect()
        if outcome.violations:
            wrong += 1
            _say(f"{outcome.schedule.deaths}: {outcome.violations[0]}")
    took = time.perf_counter() - began
    _say(f"{number} schedules, {took:.0f} s, {number / took:.1f} a second; {wrong} wrong")
    return bool(wrong)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
