"""drift: which figures are tested, how they share the false alarms, and at which run each change is said to be."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from holdfast import units
from holdfast.evals.drift import LEAST, Drift, Figure, Plan, drift
from holdfast.views.observed import Observed

CENT = 10_000_000


def one(at: int, **changes: object) -> Observed:
    """The run that was closed as number `at`, from 0: cost and time differ a little from run to run."""
    chance = Random(at)
    looks = chance.randint(1, 2)
    given: dict[str, object] = {
        "run": f"r_{at}", "agent": "desk", "contract": "c1", "closed": at * units.MINUTE, "won": at % 20 != 19,
        "nusd": chance.randint(CENT, 2 * CENT), "took": chance.randint(units.SECOND, 2 * units.SECOND),
        "tools": {"look": looks, "done": 1}, "arguments": {"look.id": {"text of 1 to 9": looks}},
    }  # fmt: skip
    return Observed(**{**given, **changes})  # type: ignore[arg-type]


def runs(many: int, changed: Callable[[int], dict[str, object]] | None = None, since: int = 0) -> list[Observed]:
    return [one(at, **(changed(at) if changed is not None and at >= since else {})) for at in range(many)]


def figure(found: Drift, name: str) -> Figure:
    return next(one for one in found.figures if one.name == name)


def test_runs_that_stay_as_they_are_give_no_alarm():
    found = drift(runs(300), Plan())
    assert not found.changed
    assert found.enough
    assert {one.state for one in found.figures} == {"quiet"}
    assert (found.runs, found.baseline, found.looked) == (300, 100, 200)
    assert (found.first.number, found.last_of_baseline.run, found.last.number) == (1, "r_99", 300)


def test_all_tests_together_have_the_false_alarms_that_were_asked_for():
    found = drift(runs(150), Plan(run_length=500))
    checks = [check for one in found.figures for check in one.tests]
    assert [check.method for check in checks] == ["Shiryaev-Roberts", "CUSUM", "EWMA", "CUSUM", "EWMA", "PSI", "PSI"]
    assert found.tests == 7
    assert {check.run_length for check in checks} == {3500}
    assert sum(1 / check.run_length for check in checks) == pytest.approx(1 / 500)


@pytest.mark.parametrize(
    ("name", "changes", "way"),
    [
        ("success", {"won": False}, "fell"),
        ("cost", {"nusd": 5 * CENT}, "rose"),
        ("cost", {"nusd": CENT // 5}, "fell"),
        ("time", {"took": 9 * units.SECOND}, "rose"),
        ("tools", {"tools": {"look": 1, "ask": 3, "done": 1}}, "shifted"),
        ("arguments", {"arguments": {"look.id": {"nothing": 1}}}, "shifted"),
    ],
)
def test_each_figure_is_named_with_its_run_its_way_and_its_beginning(name, changes, way):
    found = drift(runs(200, lambda at: changes, since=140), Plan())
    assert [one.name for one in found.figures if one.state == "changed"] == [name]
    changed = figure(found, name)
    noticed = changed.noticed
    assert noticed.way == way
    assert 141 < noticed.at.number <= 165
    assert noticed.at.run == f"r_{noticed.at.number - 1}"
    assert noticed.at.closed == (noticed.at.number - 1) * units.MINUTE
    assert abs(noticed.since.number - 141) <= 8, "an estimate"
    assert found.changed


def test_before_and_after_are_what_they_were_on_either_side_of_the_change():
    found = drift(runs(200, lambda at: {"won": at % 2 == 0, "nusd": 5 * CENT}, since=140), Plan())
    success, cost = figure(found, "success"), figure(found, "cost")
    assert success.before == 0.95
    assert success.after == pytest.approx(0.5, abs=0.03)
    assert CENT < cost.before < 2 * CENT
    assert cost.after == 5 * CENT


def test_success_is_tested_from_what_the_baseline_is_at_least():
    """The estimate itself would make alarms of a baseline that was lucky."""
    found = figure(drift(runs(150), Plan()), "success")
    high, low = found.rates
    assert high == pytest.approx(0.90084, abs=5e-5), "Wilson's bound of 95 in 100, on one side"
    assert low == pytest.approx(high - 0.2)
    promised = figure(drift(runs(150), Plan(expect=0.95, drop=0.1)), "success")
    assert promised.rates == (0.95, pytest.approx(0.85))
    assert promised.delay > found.delay, "a smaller fall is noticed later"


def test_a_lucky_baseline_makes_no_alarms():
    """True rate 0.85 throughout: of 40 seeded histories of 400 runs some 2 have a baseline that was too lucky."""
    alarms = 0
    for seed in range(40):
        chance = Random(seed)
        won = [chance.random() < 0.85 for _ in range(450)]
        found = drift(
            [one(at, won=good, nusd=0, took=0, tools={}, arguments={}) for at, good in enumerate(won)],
            Plan(baseline=50, run_length=5000),
        )
        assert found.tests == 1, "nothing else can be tested here"
        alarms += found.changed
    assert alarms <= 4


def test_what_cannot_be_tested_says_why_and_takes_no_share():
    unpriced = drift(runs(150, lambda at: {"nusd": None}), Plan())
    assert figure(unpriced, "cost").state == "untested"
    assert "only 0 runs of the baseline have a known cost" in figure(unpriced, "cost").why
    assert unpriced.tests == 5
    free = drift(runs(150, lambda at: {"nusd": 0}), Plan())
    assert figure(free, "cost").why == "no run has a cost"
    lost = drift(runs(150, lambda at: {"won": False}), Plan())
    assert "nothing to fall" in figure(lost, "success").why
    short = drift(runs(115), Plan())
    assert figure(short, "tools").state == "untested"
    assert "every 20 runs" in figure(short, "tools").why


def test_runs_without_a_price_are_left_out_of_cost_and_numbers_stay_those_of_all_runs():
    found = drift(runs(240, lambda at: {"nusd": None} if at % 2 else {"nusd": 5 * CENT} if at >= 160 else {}), Plan())
    noticed = figure(found, "cost").noticed
    assert noticed.at.run == f"r_{noticed.at.number - 1}"
    assert 160 < noticed.at.number < 190
    assert noticed.since.number == 161


@pytest.mark.parametrize(("many", "baseline"), [(0, 100), (LEAST - 1, 100), (60, 0)])
def test_too_few_for_a_baseline(many, baseline):
    found = drift(runs(many), Plan(baseline=baseline))
    assert not found.enough
    assert not found.changed
    assert {one.state for one in found.figures} == {"untested"}


def test_silence_of_few_runs_says_nothing():
    assert not drift(runs(109), Plan()).enough
    assert drift(runs(110), Plan()).enough


def test_changes_of_the_contract_are_listed():
    found = drift(runs(130, lambda at: {"contract": "c2"}, since=120), Plan())
    assert [(place.run, place.number) for place in found.contracts] == [("r_120", 121)]
