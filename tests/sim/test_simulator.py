"""The simulator over the real core and shell: nothing done twice, nothing lost, everything unknown before a person.

A failure names its seed; `python -m holdfast.testing.sim --seed N --tell` tells that schedule in full.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from holdfast.testing.sim import play, points

FIRST, SCHEDULES = 50_000, 240
"""Seeds of the ordinary suite; `-m long` and the command line play many more."""

CHUNKS, STEP = 4, 97
"""Parts of the ordinary suite, for as many cores; every how many-th pair of deaths it plays."""


def wrong(seed: int) -> list[str]:
    return [f"seed {seed}: {violation}" for violation in play(seed).violations]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_schedules_keep_every_promise(chunk: int) -> None:
    assert not [text for seed in range(FIRST + chunk, FIRST + SCHEDULES, CHUNKS) for text in wrong(seed)]


@pytest.mark.parametrize("seed", [977, 7_011_339, 20_001_014, 50_012_179])
def test_schedules_that_once_broke_a_promise_keep_it(seed: int) -> None:
    """7011339: a worker whose disk failed never ended, for an attempt that was cancelled before its first step.

    977: a worker was said to have ended before it had. 50012179: a decision knew of what was shared by what it was told with.
    20001014: a row no longer said what had ended just now, and a batch that was decided before came later.
    """
    assert not wrong(seed)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_death_at_any_point_of_a_run_that_does_everything_keeps_every_promise(chunk: int) -> None:
    numbers = range(1 + chunk, points.count() + 1, CHUNKS)
    outcomes = list(points.singles(numbers))
    assert len(outcomes) == 4 * len(numbers) > 100
    assert not [str(violation) for outcome in outcomes for violation in outcome.violations]


def test_two_deaths_keep_every_promise() -> None:
    """Every pair is played with `-m long`; here one in some dozens."""
    outcomes = list(points.doubles(step=STEP))
    assert len(outcomes) > 100
    assert not [str(violation) for outcome in outcomes for violation in outcome.violations]


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(20))
def test_every_pair_of_deaths_keeps_every_promise(chunk: int) -> None:
    first = range(1 + chunk, points.count() + 1, 20)
    assert not [str(violation) for outcome in points.doubles(first) for violation in outcome.violations]


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(100))
def test_a_hundred_thousand_schedules_keep_every_promise(chunk: int) -> None:
    assert not [text for seed in range(chunk * 1_000, (chunk + 1) * 1_000) for text in wrong(seed)]


DIGESTS = "from holdfast.testing.sim import play; print(*(play(seed).digest for seed in range(50_000, 50_012)))"


def test_a_seed_is_a_schedule_in_every_process() -> None:
    """Whatever order sets and dicts of texts have there, and whatever was played before."""
    told = [
        subprocess.run(
            [sys.executable, "-c", DIGESTS], env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout.split()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told[0] == told[1] == [play(seed).digest for seed in range(50_000, 50_012)]
    assert len(set(told[0])) == 12
