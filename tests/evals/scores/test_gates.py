"""Gates: what passes, what fails, what is not known; and that trials which could not be made decide nothing."""

from __future__ import annotations

import pytest

from holdfast.evals.cases.case import parse
from holdfast.evals.scores.gates import Required, Ruling, against, beforehand, every, families, together
from holdfast.evals.stats.gate import required_gate
from holdfast.evals.trials.order import order_of
from holdfast.evals.trials.trial import Trial


def trial(case: str, number: int, passed: bool | None, family: str = "") -> Trial:
    return Trial(case, family or case, number, f"r_{case}_{number}", passed)


def cases(*names: str, **families: str):
    return [
        parse({"name": name, "input": "x", "family": families.get(name, ""), "state": {}, "expect": {}}, name)
        for name in names
    ]


def test_without_options_every_trial_of_every_informative_case_has_to_pass():
    good = [trial("a", 1, True), trial("a", 2, True), trial("b", 1, True), trial("b", 2, True)]
    assert every(good, ["a", "b"], 4).verdict == "pass"
    bad = [*good[:3], trial("b", 2, False)]
    assert every(bad, ["a", "b"], 4).verdict == "fail"
    assert every(bad, ["a"], 2).verdict == "pass", "a case that says nothing fails nothing"
    broken = [*good[:3], trial("b", 2, None)]
    assert every(broken, ["a", "b"], 4).verdict == "inconclusive"
    assert every([*bad, trial("a", 3, None)], ["a", "b"], 6).verdict == "fail"
    assert every(good[:3], ["a", "b"], 4).verdict == "inconclusive", "a trial that is not there was not made"
    assert every(good, [], 0).verdict == "inconclusive"


def test_a_required_rate_is_shown_family_by_family_in_the_order_of_play():
    names = [f"c{number}" for number in range(60)]
    order = [[name] for name in names]
    gate = Required(0.9, order, 2)
    for name in reversed(names[1:]):  # the first family is missing: nothing counts yet
        gate.take(trial(name, 1, True))
        gate.take(trial(name, 2, True))
    assert gate.verdict == "inconclusive"
    gate.take(trial(names[0], 1, True))
    assert gate.verdict == "inconclusive"
    gate.take(trial(names[0], 2, True))
    assert gate.verdict == "pass"
    assert gate.ruling().decided_after == required_gate(0.9).further(1.0)


def test_trials_that_could_not_be_made_decide_nothing():
    for passed, sure in ((True, "pass"), (False, "fail")):
        gate, doubtful = (Required(0.5, [[f"c{n}"] for n in range(60)], 1) for _ in range(2))
        for number in range(60):
            gate.take(trial(f"c{number}", 1, passed))
            doubtful.take(trial(f"c{number}", 1, passed if number % 2 else None))
        assert (gate.verdict, doubtful.verdict) == (sure, "inconclusive")


def test_a_family_counts_as_one():
    gate = Required(0.5, [["a", "b", "c"], ["d"]], 1)
    for name in "abcd":
        gate.take(trial(name, 1, True))
    assert gate.ruling().seen == 2


def test_the_order_of_a_gate_is_the_order_of_play_and_only_the_seed_decides_it():
    some = cases(*[f"c{number}" for number in range(12)], c1="x", c5="x", c9="x")
    order = families(some, 3, 7)
    played = [case.name for case, _ in order_of(some, 3, 7, whole=True)]
    assert [name for family in order for name in family] == list(dict.fromkeys(played))
    assert next(family for family in order if "c1" in family) == ["c1", "c5", "c9"]
    assert all(played[at : at + 3] == [played[at]] * 3 for at in range(0, len(played), 3)), (
        "a case's trials are together"
    )
    assert families(some, 3, 7) == order != families(some, 3, 8)
    assert families(some, 3, 7, without={"c1", "c5", "c9"}) == [family for family in order if "c1" not in family]


def test_a_baseline_is_no_worse_by_more_than_the_margin():
    names = [f"c{number}" for number in range(80)]
    order = [[name] for name in names]
    up, down = dict.fromkeys(names, (True, True)), dict.fromkeys(names, (False, False))
    assert against(up, down, order, 0.1).verdict == "pass"
    assert against(down, up, order, 0.1).verdict == "fail"
    assert against(up, up, order[:3], 0.1).verdict == "inconclusive"
    assert against(up, up, order, 0.1).verdict == "pass", "eighty that do not differ show ten points"
    broken = dict.fromkeys(names, (None, None))
    assert against(broken, down, order, 0.1).verdict != "fail"
    assert against(up, broken, order, 0.1).verdict != "fail"
    assert against(up, {"other": (True,)}, order, 0.1).seen == 0


def test_verdicts_together():
    def rulings(*verdicts):
        return [Ruling("every", verdict, "") for verdict in verdicts]

    assert together(rulings("pass", "pass")) == "pass"
    assert together(rulings("pass", "fail", "inconclusive")) == "fail"
    assert together(rulings("pass", "inconclusive")) == "inconclusive"


@pytest.mark.parametrize(("rate", "families", "cannot"), [(0.9, 12, True), (0.9, 60, False), (0.5, 12, False)])
def test_it_is_said_beforehand_what_cannot_be_shown(rate, families, cannot):
    assert ("it cannot pass" in beforehand(rate, families)) is cannot
