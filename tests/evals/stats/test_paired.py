"""Two sides on the same tasks: beside SciPy, enumeration and simulation."""

from __future__ import annotations

import random
from itertools import product
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.errors import UsageError
from holdfast.evals.stats.paired import (
    EXACT,
    bootstrap,
    compare,
    difference,
    discordance,
    holm,
    mcnemar,
    paired_differences,
    sign_flip,
)

quick = settings(deadline=None)


DIFFERENCES = st.lists(st.integers(-4, 4).map(lambda n: n / 4), min_size=1, max_size=9)


@quick
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected)
    assert mcnemar(b, c) == mcnemar(c, b)


def test_figures_of_mcnemar() -> None:
    assert round(mcnemar(15, 2), 4) == 0.0023
    assert mcnemar(5, 0) > 0.05 > mcnemar(6, 0), "six pairs one way are the fewest"
    assert 0 <= mcnemar(3000, 10) < 1e-300, "large counts do not overflow"


def test_pairs_are_counted_by_kind() -> None:
    found = discordance([1, 1, 0, 0, 1], [1, 0, 1, 0, 1.0])
    assert (found.both, found.only_one, found.only_other, found.neither) == (2, 1, 1, 1)
    assert found.p == 1


@quick
@given(DIFFERENCES)
def test_sign_flips_are_every_choice_of_signs(differences: list[float]) -> None:
    seen = abs(sum(differences))
    sums = [
        abs(sum(d * sign for d, sign in zip(differences, signs, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    found = sign_flip(differences)
    assert found.exact
    assert found.p == pytest.approx(sum(one >= seen - 1e-9 for one in sums) / len(sums))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-100, 100).map(lambda n: n / 100), min_size=2, max_size=9))
def test_sign_flips_are_those_of_scipy(differences: list[float]) -> None:
    theirs = stats.permutation_test(
        (differences,),
        lambda d, axis: d.mean(axis=axis),
        permutation_type="samples",
        n_resamples=10_000,
        vectorized=True,
    )
    assert sign_flip(differences).p == pytest.approx(theirs.pvalue)


def test_clusters_flip_as_one() -> None:
    differences, labels = [0.5, 0.5, 0.5, 0.5], ["a", "a", "b", "b"]
    assert (sign_flip(differences).p, sign_flip(differences, labels).p) == (1 / 8, 1 / 2)


def test_beyond_fifteen_clusters_signs_are_drawn_from_a_seed() -> None:
    chance = random.Random(1)
    differences = [chance.uniform(-0.6, 1) for _ in range(EXACT + 3)]
    drawn = sign_flip(differences, seed=4)
    assert (drawn.exact, drawn.signs) == (False, 10_000)
    assert drawn == sign_flip(differences, seed=4)
    sums = [0.0]
    for d in differences:
        sums = [total + sign * d for total in sums for sign in (1, -1)]
    every = fmean(abs(total) >= abs(sum(differences)) - 1e-9 for total in sums)
    assert drawn.p == pytest.approx(every, abs=0.01)
    assert sign_flip([1.0] * 40).p == pytest.approx(1 / 10_001), "what was seen is one of the draws"


def test_where_nothing_differs_nothing_is_surprising() -> None:
    assert sign_flip([0.0] * 4).p == 1
    assert sign_flip([0.0] * 40).p == 1
    found = difference([0.0] * 40)
    assert (found.low < 0 < found.high, found.width > 0.1) == (True, True), "ties are not proof of no difference"


def test_differences_are_of_means_task_by_task() -> None:
    assert paired_differences([[1, 0], [1]], [[0], [1, 1, 0, 0]]) == [0.5, 0.5]


def test_a_comparison_counts_pairs_only_of_single_trials() -> None:
    single = compare([[1.0], [1.0], [0.0]], [[0.0], [1.0], [0.0]])
    assert single.pairs is not None
    assert (single.tasks, single.pairs.only_one, single.difference.point) == (3, 1, pytest.approx(1 / 3))
    assert compare([[1.0, 0.0], [1.0]], [[0.0], [1.0]]).pairs is None
    assert compare([[0.5], [1.0]], [[0.0], [1.0]]).pairs is None


def test_the_bootstrap_is_near_t_where_clusters_are_many() -> None:
    chance = random.Random(2)
    differences = [chance.uniform(-0.6, 1) for _ in range(120)]
    drawn, t = bootstrap(differences, seed=1), difference(differences)
    assert (drawn.low, drawn.high) == pytest.approx((t.low, t.high), abs=0.02)
    assert drawn == bootstrap(differences, seed=1) != bootstrap(differences, seed=2)


def test_clusters_are_drawn_whole() -> None:
    differences = [1.0] * 9 + [0.0]
    found = bootstrap(differences, ["a"] * 9 + ["b"])
    assert (found.low, found.point, found.high) == (0, 0.9, 1)


def test_intervals_of_a_difference_hold_the_truth() -> None:
    """Thirty tasks, two trials each side; the new side is better by .1 on the mean."""
    chance, held, flagged = random.Random(8), [], []
    for _ in range(400):
        p = [chance.choice((0.2, 0.5, 0.8)) for _ in range(30)]
        one = [[float(chance.random() < q + 0.1) for _ in range(2)] for q in p]
        other = [[float(chance.random() < q) for _ in range(2)] for q in p]
        held.append(0.1 in difference(paired_differences(one, other)))
        null = [[float(chance.random() < q) for _ in range(2)] for q in p]
        flagged.append(sign_flip(paired_differences(null, other), draws=400).p < 0.05)
    assert fmean(held) == pytest.approx(0.95, abs=0.03)
    assert fmean(flagged) <= 0.08, "without a difference one is seen one time in twenty at most"


def test_holm_takes_into_account_how_many_were_asked_for() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1, "b": 1}
    assert holm({}) == {}


@quick
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_order_and_lies_between_p_and_bonferroni(ps: list[float]) -> None:
    found = holm(dict(enumerate(ps)))
    assert [*found] == [*range(len(ps))]
    for at, p in enumerate(ps):
        assert p <= found[at] <= 1
    assert not ps or min(found.values()) == pytest.approx(min(1.0, len(ps) * min(ps)))
    ranked = [found[at] for at in sorted(range(len(ps)), key=lambda at: ps[at])]
    assert ranked == sorted(ranked)


def test_what_cannot_be_is_refused() -> None:
    asks = [
        lambda: mcnemar(-1, 3),
        lambda: discordance([1], [1, 0]),
        lambda: discordance([], []),
        lambda: discordance([0.5], [1]),
        lambda: paired_differences([[1.0]], []),
        lambda: paired_differences([[1.0], []], [[1.0], [0.0]]),
        lambda: sign_flip([]),
        lambda: bootstrap([1.0]),
        lambda: difference([1.5, 0.0]),
        lambda: holm({"a": 1.2}),
    ]
    for ask in asks:
        with pytest.raises(UsageError):
            ask()
