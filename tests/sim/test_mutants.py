"""The simulator is tested by mistakes in the runtime: it has to find every one."""

from __future__ import annotations

import pytest

from holdfast.testing.mutants import BY_NAME, MUTANTS
from holdfast.testing.sim import play

FINDS_WITHIN = 800
"""Schedules in which a seeded mistake has to show."""

QUICK = (
    "no_sync", "act_before_commit", "deaf", "own_clock", "request_key_lost", "key_per_attempt", "key_of_the_arguments",
    "blind_retry", "no_settling", "side_by_side", "rest_started", "unresolved_forgotten", "reservation_not_charged",
    "lost_request_forgotten", "uncounted", "no_ceiling", "kept_at_close",
)  # fmt: skip
"""Mistakes that show within a few schedules."""


def finds(name: str, schedules: int) -> bool:
    """Whether one of the first schedules goes wrong with this mistake in the runtime."""
    return any(play(seed, mutant=BY_NAME[name].made(), decisions=False).violations for seed in range(schedules))


@pytest.mark.parametrize("name", QUICK)
def test_a_seeded_mistake_is_found(name: str) -> None:
    assert finds(name, 60)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_seeded_mistake_is_found(name: str) -> None:
    assert finds(name, FINDS_WITHIN), f"not found in {FINDS_WITHIN} schedules"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_is_undone_again(mutant) -> None:
    patches = mutant.patches()
    assert patches
    before = [_stands(where, name) for where, name, _ in patches]
    with mutant.made():
        assert [_stands(where, name) for where, name, _ in patches] != before
    assert [_stands(where, name) for where, name, _ in patches] == before


def _stands(where, name):
    return where[name] if isinstance(where, dict) else where.__dict__[name]
