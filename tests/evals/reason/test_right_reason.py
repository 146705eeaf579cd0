"""Corrupt success: outcome pass^k and gated pass^k side by side, and the gap between them."""

from __future__ import annotations

import pytest

from holdfast.errors import UsageError
from holdfast.evals.reason.right_reason import Gated, corrupt_success


def trials(case: str, *verdicts: tuple[bool | None, bool | None], family: str = "") -> list[Gated]:
    return [Gated(case, passed, right, family, f"{case}{at}") for at, (passed, right) in enumerate(verdicts)]


def test_a_success_that_was_not_for_the_right_reason_leaves_the_gated_figure():
    mine = [*trials("a", *[(True, True)] * 4), *trials("b", *[(True, False)] * 4), *trials("c", *[(False, None)] * 4)]
    found = corrupt_success(mine, k=4)
    assert found.outcome.as_failures.interval.point == pytest.approx(2 / 3)
    assert found.gated.as_failures.interval.point == pytest.approx(1 / 3)
    assert found.gap.point == pytest.approx(1 / 3)
    assert found.corrupt == ("b0", "b1", "b2", "b3")


def test_the_gap_grows_with_k_as_pass_hat_does():
    mine = trials("a", *[(True, True)] * 3, (True, False))
    gaps = {k: corrupt_success(mine, k=k).gap.point for k in (1, 2, 4)}
    assert gaps == {1: pytest.approx(1 / 4), 2: pytest.approx(1 / 2), 4: 1}


def test_what_nobody_looked_at_is_in_neither_figure():
    mine = trials("a", (True, True), (True, None), (True, None))
    found = corrupt_success(mine, k=1)
    assert (found.unlooked, found.outcome.as_failures.interval.point, found.gap.point) == (2, 1, 0)
    assert corrupt_success(mine, k=2).gap is None


def test_a_trial_that_could_not_be_made_is_counted_both_ways():
    mine = [*trials("a", (True, True), (None, None)), *trials("b", (True, True), (True, False))]
    found = corrupt_success(mine, k=1)
    assert (found.outcome.as_failures.interval.point, found.outcome.left_out.interval.point) == (0.75, 1)
    assert (found.gated.as_failures.interval.point, found.gated.left_out.interval.point) == (0.5, 0.75)


def test_cases_of_a_family_are_one_cluster_and_no_trials_say_nothing():
    alone = [one for name in "abcdefgh" for one in trials(name, (True, name in "abcdefg"))]
    family = [one for name in "abcdefgh" for one in trials(name, (True, name in "abcdefg"), family="same")]
    assert corrupt_success(family).gap.width > corrupt_success(alone).gap.width
    with pytest.raises(UsageError):
        corrupt_success([])
