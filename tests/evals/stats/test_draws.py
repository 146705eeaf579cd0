"""Draws from a seed."""

from __future__ import annotations

from itertools import product
from math import inf

import pytest

from holdfast.errors import UsageError
from holdfast.evals.stats import draws


def test_the_same_seed_gives_the_same_draws_and_another_one_others() -> None:
    rows = [(1.0, 1.0), (2.0, 1.0), (4.0, 1.0)]
    first, again, other = (draws.resampled(rows, 50, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other
    flips = [draws.flipped([1.0, 2.0, 4.0], 50, seed).tolist() for seed in (1, 1, 2)]
    assert flips[0] == flips[1] != flips[2]


def test_rows_are_drawn_whole_and_as_many_as_there_are() -> None:
    drawn = draws.resampled([(1.0, 10.0, 1.0), (2.0, 20.0, 1.0)], 4000, 7)
    assert drawn.shape == (4000, 3)
    assert (drawn[:, 1] == 10 * drawn[:, 0]).all()
    assert (drawn[:, 2] == 2).all()
    shares = [(drawn[:, 0] == total).mean() for total in (2, 3, 4)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.04)


def test_many_rows_are_drawn_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "_AT_ONCE", 10)
    assert draws.resampled([(1.0,)] * 4, 7).tolist() == [[4.0]] * 7
    assert draws.flipped([1.0] * 4, 7).shape == (7,)


def test_every_choice_of_signs_comes_once() -> None:
    sums = [1.0, 2.0, 4.0]
    every = sorted(sum(map(lambda a, b: a * b, sums, signs)) for signs in product((1, -1), repeat=3))
    assert sorted(draws.flipped(sums, None).tolist()) == every


def test_percentiles_are_values_that_were_drawn() -> None:
    assert draws.percentiles([float(at) for at in range(100, 0, -1)], 0.9) == (6, 95)
    assert draws.percentiles([1.0, inf, 2.0], 0.95) == (1, inf)
    assert draws.percentiles([3.0], 0.95) == (3, 3)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UsageError, match="one cluster"):
        draws.resampled([(1.0,)])
    with pytest.raises(UsageError, match="draws"):
        draws.resampled([(1.0,)] * 2, 0)
