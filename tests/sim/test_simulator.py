"""The simulator over the real core and shell: nothing done twice, nothing lost, everything unknown before a person.

A failure names its seed; `python -m holdfast.testing.sim --seed N --tell` tells that schedule in full.
"""

from __future__ import annotations

import pytest

from holdfast.testing.mutants import BY_NAME
from holdfast.testing.sim import play, points

FIRST, SCHEDULES = 50_000, 240
"""Seeds of the ordinary suite; `-m long` and the command line play many more."""

FINDS_WITHIN = 400
"""Schedules in which a seeded mistake has to show."""


def wrong(seed: int) -> list[str]:
    return [f"seed {seed}: {violation}" for violation in play(seed).violations]


@pytest.mark.parametrize("chunk", range(8))
def test_random_schedules_keep_every_promise(chunk: int) -> None:
    size = SCHEDULES // 8
    found = [text for seed in range(FIRST + chunk * size, FIRST + (chunk + 1) * size) for text in wrong(seed)]
    assert not found


def test_a_death_at_any_point_of_a_run_that_does_everything_keeps_every_promise() -> None:
    outcomes = list(points.singles())
    assert len(outcomes) == 4 * points.count()
    assert not [str(violation) for outcome in outcomes for violation in outcome.violations]


@pytest.mark.parametrize("part", range(2))
def test_two_deaths_keep_every_promise(part: int) -> None:
    """Every pair is played with `-m long`; here one in some dozens."""
    middle = points.count() // 2
    first = range(1, middle) if part == 0 else range(middle, points.count() + 1)
    outcomes = list(points.doubles(first, step=37))
    assert len(outcomes) > 100
    assert not [str(violation) for outcome in outcomes for violation in outcome.violations]


@pytest.mark.long
def test_every_pair_of_deaths_keeps_every_promise() -> None:
    assert not [str(violation) for outcome in points.doubles() for violation in outcome.violations]


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(100))
def test_a_hundred_thousand_schedules_keep_every_promise(chunk: int) -> None:
    found = [text for seed in range(chunk * 1_000, (chunk + 1) * 1_000) for text in wrong(seed)]
    assert not found


QUICK = (
    "no_sync", "key_per_attempt", "blind_retry", "unknown_made_failed", "old_look_up", "no_settling",
    "overtaken_starts", "side_by_side", "unresolved_forgotten", "reservation_not_charged", "uncounted",
)  # fmt: skip
"""Mistakes that show within a few schedules."""


@pytest.mark.parametrize("name", QUICK)
def test_a_seeded_mistake_is_found(name: str) -> None:
    assert any(play(seed, mutant=BY_NAME[name].made(), decisions=False).violations for seed in range(60))


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_seeded_mistake_is_found(name: str) -> None:
    for seed in range(FINDS_WITHIN):
        if play(seed, mutant=BY_NAME[name].made(), decisions=False).violations:
            return
    pytest.fail(f"{name} was not found in {FINDS_WITHIN} schedules")
