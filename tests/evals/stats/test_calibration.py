"""calibration: kappa beside what it hides, the corrected rate and how often its interval holds the truth, and refusals."""

from __future__ import annotations

import pickle
from math import sqrt
from random import Random

import pytest

from holdfast.errors import UsageError, UserError
from holdfast.evals.stats.calibration import (
    CHOSEN,
    Confusion,
    Floors,
    Labelled,
    Override,
    WeakJudge,
    admit,
    calibrate,
    confusion,
    corrected,
    effective,
    rogan_gladen,
    weaknesses,
)

WORD = Override("lea", "nothing else is at hand before Friday")


def labels(both: int, judge_alone: int, truth_alone: int, neither: int) -> list[Labelled]:
    cells = ((both, True, True), (judge_alone, True, False), (truth_alone, False, True), (neither, False, False))
    return [Labelled(judge, truth) for many, judge, truth in cells for _ in range(many)]


def test_counts_by_both_verdicts():
    found = confusion(labels(14, 21, 9, 6))
    assert found == Confusion(both_pass=14, judge_alone=21, truth_alone=9, both_fail=6)
    assert (found.of, found.right, found.wrong) == (50, 23, 27)


def test_kappa_stands_beside_prevalence_sensitivity_and_specificity():
    """Cohen's own kind of table: agreement 0.7, by chance 0.5."""
    found = calibrate(labels(20, 5, 10, 15), sampling="random")
    assert found.agreement.point == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert (found.prevalence, found.judged) == (0.6, 0.5)
    assert found.sensitivity.point == pytest.approx(20 / 30)
    assert found.specificity.point == pytest.approx(15 / 20)
    z = 1.959963984540054
    middle, half = (0.75 + z * z / 40) / (1 + z * z / 20), z * sqrt(0.75 * 0.25 / 20 + z * z / 1600) / (1 + z * z / 20)
    assert (found.specificity.low, found.specificity.high) == pytest.approx((middle - half, middle + half))
    assert found.warnings == ()


def test_the_same_agreement_has_another_kappa_where_nearly_all_is_right():
    even = calibrate(labels(45, 5, 5, 45), sampling="random")
    lopsided = calibrate(labels(88, 5, 5, 2), sampling="random")
    assert even.agreement.point == lopsided.agreement.point == 0.9
    assert even.kappa == pytest.approx(0.8)
    assert lopsided.kappa == pytest.approx((0.9 - (0.93**2 + 0.07**2)) / (1 - (0.93**2 + 0.07**2)))
    assert lopsided.kappa < 0.3


def test_one_verdict_alone_has_no_kappa_and_no_specificity():
    found = calibrate(labels(30, 0, 0, 0), sampling="random")
    assert (found.kappa, found.specificity) == (None, None)
    assert found.agreement.point == 1
    assert "0 labelled cases were wrong" in found.warnings[0]
    assert len(weaknesses(found)) == 2
    with pytest.raises(WeakJudge, match="no wrong case was labelled"):
        corrected(found, 8, 10, override=WORD)


def test_the_worked_example():
    """q=.80, se=.90, sp=.85 comes to .867."""
    found = calibrate(labels(90, 15, 10, 85), sampling="random")
    got = corrected(found, 80, 100)
    assert got.rate.point == pytest.approx(0.8667, abs=5e-5)
    by_hand = (0.8 * 0.2 / 100 + (13 / 15) ** 2 * 0.9 * 0.1 / 100 + (2 / 15) ** 2 * 0.85 * 0.15 / 100) / 0.75**2
    assert got.variance == pytest.approx(by_hand)
    assert got.raw.point == 0.8
    assert got.rate.low < got.rate.point < got.rate.high
    assert got.admission.weaknesses == ()
    assert got.admission.override is None


def test_a_perfect_judge_changes_nothing_and_is_not_taken_for_perfect():
    found = calibrate(labels(20, 0, 0, 20), sampling="random")
    got = corrected(found, 80, 100)
    assert got.rate.point == 0.8
    assert got.variance == pytest.approx(0.8 * 0.2 / 100)
    assert got.rate.width > got.raw.width, "twenty labels without an error leave room for some"


def test_on_the_labelled_cases_themselves_it_gives_back_the_truth():
    for table in ((20, 5, 10, 15), (18, 11, 5, 16), (61, 4, 7, 42)):
        found = calibrate(labels(*table), sampling="random")
        passed = table[0] + table[1]
        got = corrected(found, passed, sum(table), floors=Floors(kappa=0.3))
        assert got.rate.point == pytest.approx(found.prevalence)


def test_an_estimate_outside_of_0_to_1_is_held_within():
    assert rogan_gladen(0.05, 100, 0.9, 50, 0.85, 50)[0] < 0
    got = corrected(calibrate(labels(45, 7, 5, 43), sampling="random"), 5, 100)
    assert got.rate.point == 0.0 == got.rate.low


@pytest.mark.parametrize(
    ("p", "se", "sp", "cases", "labelled"),
    [(0.8, 0.9, 0.85, 200, 60), (0.95, 0.98, 0.9, 200, 100), (0.5, 0.75, 0.75, 300, 120), (0.6, 0.99, 0.6, 200, 60)],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(p, se, sp, cases, labelled):
    """Of 500 simulated evaluations some 95 in 100; two standard errors of that are 2 in 100."""
    chance, held, made = Random(7), 0, 0

    def verdict(truth: bool) -> bool:
        return chance.random() < (se if truth else 1 - sp)

    for _ in range(500):
        truths = [chance.random() < p for _ in range(labelled)]
        found = calibrate([Labelled(verdict(truth), truth) for truth in truths], sampling="random")
        passed = sum(verdict(chance.random() < p) for _ in range(cases))
        try:
            got = corrected(found, passed, cases, override=WORD)
        except WeakJudge:  # a sample without a wrong case
            continue
        made += 1
        held += p in got.rate
    assert made > 450
    assert 0.925 <= held / made <= 0.99


def test_a_judge_below_the_kappa_floor_does_not_gate():
    found = calibrate(labels(41, 17, 27, 29), sampling="random")
    assert found.kappa == pytest.approx(0.2254, abs=5e-5)
    with pytest.raises(WeakJudge, match=r"kappa is 0\.225, below the floor of 0\.3") as caught:
        admit(found, Floors(kappa=0.3))
    assert "override" in caught.value.hint
    assert isinstance(caught.value, UserError)
    assert pickle.loads(pickle.dumps(caught.value)).what == caught.value.what
    assert admit(found, Floors(kappa=0.2)).weaknesses == ()
    with pytest.raises(WeakJudge):
        corrected(found, 50, 100, floors=Floors(kappa=0.3))


def test_a_judge_near_a_coin_does_not_gate_whatever_its_kappa():
    found = calibrate(labels(68, 44, 0, 2), sampling="random")
    assert found.sensitivity.point == 1
    assert weaknesses(found, Floors(kappa=0.05)) == (
        "sensitivity and specificity come to 1.043, below 1.2; a coin has 1",
    )


def test_an_override_is_in_the_result_with_its_name_and_reason():
    found = calibrate(labels(41, 17, 27, 29), sampling="random")
    got = corrected(found, 50, 100, override=WORD)
    assert got.admission.override == WORD
    assert got.admission.weaknesses == ("kappa is 0.225, below the floor of 0.4",)
    assert got.admission.floors == Floors()


def test_an_override_that_was_not_needed_is_not_claimed():
    assert admit(calibrate(labels(45, 5, 5, 45), sampling="random"), override=WORD).override is None


def test_no_word_of_anybody_corrects_by_a_coin():
    found = calibrate(labels(14, 21, 9, 6), sampling="random")
    with pytest.raises(WeakJudge, match="whoever wants it"):
        corrected(found, 5, 10, override=WORD)


@pytest.mark.parametrize(("by", "because"), [("", "haste"), ("lea", " ")])
def test_an_override_needs_a_name_and_a_reason(by, because):
    with pytest.raises(UsageError, match="who it is by, and why"):
        Override(by, because)


def test_labels_that_were_chosen_say_so_in_every_result():
    found = calibrate(labels(45, 5, 5, 45), sampling="chosen")
    assert CHOSEN in found.warnings
    assert CHOSEN in corrected(found, 5, 10).warnings
    assert "not drawn at random" in CHOSEN


def test_weights_undo_how_labels_were_drawn():
    """All that the judge failed was labelled, and a tenth of what it passed: unweighted, sensitivity is far too low."""
    chance = Random(3)
    drawn, everything = [], []
    for _ in range(20_000):
        truth = chance.random() < 0.8
        judge = chance.random() < (0.9 if truth else 0.2)
        everything.append(Labelled(judge, truth))
        if not judge or chance.random() < 0.1:
            drawn.append(Labelled(judge, truth, weight=10.0 if judge else 1.0))
    whole = calibrate(everything, sampling="random")
    naive = calibrate([Labelled(one.judge, one.truth) for one in drawn], sampling="chosen")
    mended = calibrate(drawn, sampling="weighted")
    assert naive.sensitivity.point < 0.6
    assert mended.sensitivity.point == pytest.approx(whole.sensitivity.point, abs=0.02)
    assert mended.specificity.point == pytest.approx(whole.specificity.point, abs=0.04)
    assert mended.kappa == pytest.approx(whole.kappa, abs=0.05)
    assert mended.right < mended.counts.right, "labels with weights say less than as many without"
    assert mended.sensitivity.low < whole.sensitivity.point < mended.sensitivity.high
    assert CHOSEN not in mended.warnings


def test_effective_number():
    assert effective([2.0] * 7) == pytest.approx(7)
    assert effective([1.0, 3.0]) == pytest.approx(16 / 10)
    assert effective([]) == 0


@pytest.mark.parametrize(
    ("given", "sampling", "said"),
    [
        ([], "random", "no labels"),
        ([Labelled(True, True, 0.0)], "weighted", "above 0"),
        ([Labelled(True, True, float("inf"))], "weighted", "above 0"),
        ([Labelled(True, True, 2.0), Labelled(False, True)], "random", "weight"),
    ],
)
def test_what_cannot_be_is_refused(given, sampling, said):
    with pytest.raises(UsageError, match=said):
        calibrate(given, sampling=sampling)
