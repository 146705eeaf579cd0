"""prediction: PPI by hand, PPI++ that never does worse than people alone, and how often the interval holds the truth."""

from __future__ import annotations

from random import Random
from statistics import variance

import pytest

from holdfast.errors import UsageError
from holdfast.evals.stats.calibration import CHOSEN
from holdfast.evals.stats.prediction import Pair, estimate

pytest.importorskip("scipy")


def test_by_hand():
    verdicts = [1.0, 1.0, 0.0, 1.0]
    labels = [Pair(1, 1), Pair(1, 0), Pair(0, 0), Pair(0, 1), Pair(1, 1)]
    got = estimate(verdicts, labels, sampling="random")
    gaps = [0, -1, 0, 1, 0]
    assert got.rate.point == pytest.approx(0.75 + sum(gaps) / 5)
    assert got.variance == pytest.approx(variance(verdicts) / 4 + variance(gaps) / 5)
    assert got.rate.high - got.rate.point == pytest.approx(2.7764451 * got.variance**0.5), "t of 4 degrees of freedom"
    assert (got.trust, got.rate.method) == (1.0, "PPI")


def test_a_judge_that_always_says_the_same_is_not_used():
    labels = [Pair(1, truth) for truth in (1, 0, 1, 1)]
    got = estimate([1.0] * 50, labels, sampling="random", tuned=True)
    assert got.trust == 0
    assert got.rate.point == pytest.approx(0.75)
    assert got.variance == pytest.approx(variance([1, 0, 1, 1]) / 4)


def drawn(chance: Random, many: int, p: float, right: float) -> list[Pair]:
    truths = [chance.random() < p for _ in range(many)]
    return [Pair(float(truth if chance.random() < right else not truth), float(truth)) for truth in truths]


def test_tuned_is_the_published_weight():
    chance = Random(1)
    labels, verdicts = drawn(chance, 400, 0.7, 0.9), [one.judge for one in drawn(chance, 4000, 0.7, 0.9)]
    got = estimate(verdicts, labels, sampling="random", tuned=True)
    judge, truth = [one.judge for one in labels], [one.truth for one in labels]
    mean = sum(judge) / 400, sum(truth) / 400
    together = sum((j - mean[0]) * (t - mean[1]) for j, t in zip(judge, truth, strict=True)) / 400
    assert got.trust == pytest.approx(together / ((1 + 400 / 4000) * variance(verdicts)))
    alone = variance(truth) / 400
    assert got.variance < alone, "a good judge makes it narrower than people alone"


def test_a_bad_judge_does_no_harm_when_tuned():
    chance = Random(2)
    labels, verdicts = drawn(chance, 200, 0.7, 0.5), [one.judge for one in drawn(chance, 2000, 0.7, 0.5)]
    plain = estimate(verdicts, labels, sampling="random")
    tuned = estimate(verdicts, labels, sampling="random", tuned=True)
    alone = variance([one.truth for one in labels]) / 200
    assert plain.variance > 1.5 * alone
    assert tuned.variance < 1.05 * alone


@pytest.mark.parametrize(("right", "tuned"), [(0.85, False), (0.85, True), (0.5, True)])
def test_the_interval_holds_the_truth_as_often_as_it_says(right, tuned):
    chance, held = Random(11), 0
    for _ in range(400):
        labels, verdicts = drawn(chance, 50, 0.7, right), [one.judge for one in drawn(chance, 200, 0.7, right)]
        held += 0.7 in estimate(verdicts, labels, sampling="random", tuned=tuned).rate
    assert 0.92 <= held / 400 <= 0.985


def test_weights_undo_how_labels_were_drawn():
    chance = Random(5)
    everything = drawn(chance, 20_000, 0.7, 0.85)
    labels = [
        Pair(one.judge, one.truth, 10.0 if one.judge else 1.0)
        for one in everything
        if not one.judge or chance.random() < 0.1
    ]
    truth = sum(one.truth for one in everything) / len(everything)
    verdicts = [one.judge for one in everything]
    naive = estimate(verdicts, [Pair(one.judge, one.truth) for one in labels], sampling="chosen")
    mended = estimate(verdicts, labels, sampling="weighted")
    assert truth not in naive.rate
    assert naive.warnings == (CHOSEN,)
    assert truth in mended.rate
    assert mended.warnings == ()


@pytest.mark.parametrize(
    ("verdicts", "labels", "said"),
    [
        ([1.0], [Pair(1, 1), Pair(0, 0)], "two cases"),
        ([1.0, 0.0], [Pair(1, 1)], "two labels"),
        ([1.0, 0.0], [Pair(1, 1), Pair(0, 0, -1.0)], "above 0"),
        ([1.0, 0.0], [Pair(1, 1), Pair(0, 0, 2.0)], "one chance"),
    ],
)
def test_what_cannot_be_is_refused(verdicts, labels, said):
    with pytest.raises(UsageError, match=said):
        estimate(verdicts, labels, sampling="random")
