"""Graders of one figure or word each, and all of them together."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from holdfast.evals.cases.case import Expect
from holdfast.evals.grading.graders import GRADERS, outcome, output, seconds, steps, that, usd
from holdfast.models.scripted import ask, call, decline, done
from tests.core.story import DEAR, Story, order, refund
from tests.evals.ended import LOOK, OK, agent, ended, pay, play, whys

PAID = ("refund", {"order": "A-1", "cents": 1290})


def test_every_key_of_expect_has_its_grader_but_for_those_that_go_with_another():
    assert {grader.__name__ for grader in GRADERS} == set(Expect.model_fields) - {"also", "judges"}


def test_all_are_silent_where_nothing_is_asked():
    for run in (play(agent(), LOOK, pay(777), OK), play(agent(), ask("which?")), play(agent(), call("nonsense"))):
        finished = ended(run, PAID)
        assert [miss for grader in GRADERS for miss in grader(finished)] == []
        assert "trace" not in vars(finished)


# ------------------------------------------------------------------------------------------------ outcome, output


def test_an_outcome_is_one_or_one_of_some():
    run = play(agent(), OK)
    assert whys(outcome, ended(run, outcome="done")) == whys(outcome, ended(run, outcome=["declined", "done"])) == []
    (why,) = whys(outcome, ended(run, outcome=["declined", "escalated"]))
    assert why.startswith("it ended as done (")
    assert why.endswith("), and declined or escalated was expected")
    (miss,) = outcome(ended(run, outcome="declined"))
    assert type(run.entries[miss.seqs[0] - 1].event).__name__ == "RunClosed"


def test_a_run_that_waits_has_an_outcome_too():
    run = play(agent(), ask("which\norder?"))
    assert whys(outcome, ended(run, outcome="waiting")) == []
    (why,) = whys(outcome, ended(run, outcome="done"))
    assert why == "it is waiting for an answer to “which order?”, and done was expected"
    (why,) = whys(outcome, ended(play(agent()), outcome="done"))
    assert why == "it is waiting, and done was expected"


def test_an_output_is_compared_field_by_field():
    run = play(agent(), OK)
    assert whys(output, ended(run, output={"status": "ok"})) == whys(output, ended(run, output={})) == []
    assert whys(output, ended(run, output={"status": "no", "cents": 1})) == [
        'output.status is "ok", and "no" was expected', "there is no output.cents, and 1 was expected",
    ]  # fmt: skip
    many = whys(output, ended(run, output=dict.fromkeys("abcdefghijkl", 1)))
    assert len(many) == 11
    assert many[-1] == "it differs in further places"


def test_without_an_output_that_is_what_is_said():
    gone = play(agent(), decline("it is not ours"))
    assert whys(output, ended(gone, output={})) == ["there is no output: it is over, as declined"]
    waits = play(agent(), ask("which?"))
    assert whys(output, ended(waits, output={})) == ["there is no output: it is waiting"]


# ------------------------------------------------------------------------------------------------ money, time, steps


def test_what_it_may_cost():
    run = play(agent(), LOOK, pay(), OK)
    assert whys(usd, ended(run, usd="0.003")) == whys(usd, ended(run)) == []
    (why,) = whys(usd, ended(run, usd="0.0029"))
    assert why == "it cost 0.003 USD, and 0.0029 is the most it may"


def test_what_nobody_can_price_is_no_bargain():
    run = Story(agent(limits={"usd": None}))
    run.settle_down()
    run.answers(OK, cost=None)
    run.settle_down()
    assert run.state.spent.unpriced == 1
    (why,) = whys(usd, ended(run, usd=Decimal(100)))
    assert why == "nobody knows what it cost: 1 answer came of a model without a price"


def test_how_long_and_how_many_steps_it_may_take():
    run = play(agent(), LOOK, OK)
    assert whys(steps, ended(run, steps=2)) == whys(seconds, ended(run, seconds=1)) == []
    assert whys(steps, ended(run, steps=1)) == ["it took 2 steps, and 1 is the most it may"]
    slow = Story(agent(), prices={"first": DEAR})
    slow.settle_down()
    slow.answers(OK, cost=1, took=2_500_000)
    slow.settle_down()
    assert whys(seconds, ended(slow, seconds=2)) == ["models and tools took 2.5 s, and 2 s is the most they may"]
    assert whys(seconds, ended(slow, seconds=2.5)) == []


# ------------------------------------------------------------------------------------------------------ conditions


def test_conditions_see_input_output_effects_and_the_run():
    run = play(agent(), LOOK, pay(), OK)
    holds = [
        'input.order == "A-1"', 'output.status == "ok"', 'total(effects.refund, "cents") == 1290', "run.steps == 3",
        "run.usd < 0.1", "size(effects.refund) == 1", "run.trusted == false", 'run.findings == ["no verification after write"] || true',
    ]  # fmt: skip
    assert whys(that, ended(run, that=holds)) == whys(that, ended(run)) == []


def test_a_condition_that_does_not_hold_tells_what_it_saw():
    run = play(agent(), LOOK, pay(), OK)
    assert whys(that, ended(run, that=['output.status == "no"', "run.steps < 3"])) == [
        '`output.status == "no"` does not hold; output.status is "ok"', "`run.steps < 3` does not hold; run.steps is 3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("output.cents > 1", "there is no cents"),
        ("output.status", "it gives str, not true or false"),
        ("output.status > 1", ""),
        ("effects.nothing[0].id == 1", "there is no nothing"),
    ],
)
def test_a_condition_without_an_answer_is_a_miss_with_its_reason(condition, why):
    run = play(agent(), LOOK, pay(), OK)
    (said,) = whys(that, ended(run, that=[condition]))
    assert said.startswith(f"`{condition}` cannot be answered: {why}")


def test_a_run_without_an_output_answers_no_condition_about_one():
    (said,) = whys(that, ended(play(agent(), ask("which?")), that=['output.status == "ok"']))
    assert "cannot be answered" in said
    assert said.endswith("; there is no output")


def test_findings_are_looked_for_only_where_a_condition_asks():
    run = play(agent(), call("nonsense"), OK)
    asks = ended(run, that=["!('out-of-scope attempt' in run.findings)"])
    (said,) = whys(that, asks)
    assert "does not hold" in said
    silent = ended(run, that=["run.steps > 0"])
    assert whys(that, silent) == []
    assert "trace" not in vars(silent)


# -------------------------------------------------------------------------------------------------------- together


def test_a_case_that_asks_for_everything_is_met_and_missed_key_by_key():
    desk = agent(order(), (refund(), {"review": [{"because": "always"}]}))
    expect = {
        "outcome": "done", "output": {"status": "ok"}, "effects": {"refund": [{"order": "A-1", "cents": 1290}]},
        "before": [("get_order", "refund")], "never": ["ask"], "at_most": {"refund": 1}, "approved": ["refund"],
        "evidence": {"refund": ["get_order"]}, "grounded": True, "usd": "1", "seconds": 60, "steps": 3,
        "findings": ["out-of-scope attempt"], "that": ["run.steps < 4"],
    }  # fmt: skip
    good = play(desk, LOOK, pay(), OK, approves=True)
    assert [miss for grader in GRADERS for miss in grader(ended(good, PAID, **expect))] == []
    bad = play(agent(), call("nonsense"), pay(777), pay(778), done(status="no"))
    expect |= {"never": ["nonsense"], "seconds": 0, "usd": "0.001", "outcome": "declined"}
    found = ended(bad, ("refund", {"order": "A-1", "cents": 777}), **expect)
    missed = {miss.grader for grader in GRADERS for miss in grader(found)}
    assert missed == {grader.__name__ for grader in GRADERS} - {"seconds"}


def test_a_trial_of_ten_steps_is_graded_in_well_under_half_a_millisecond():
    reads = [call("get_order", order="A-1")] * 8
    run = play(agent(limits={"repeats": 100, "steps": 30}), *reads, pay(), OK)
    assert run.state.spent.steps == 10
    expect = {
        "outcome": "done", "output": {"status": "ok"}, "effects": {"refund": [{"order": "A-1"}]}, "before": [("get_order", "refund")],
    }  # fmt: skip
    finished = [ended(run, PAID, **expect) for _ in range(50)]
    took = []
    for one in finished:
        begun = time.perf_counter()
        assert [miss for grader in GRADERS for miss in grader(one)] == []
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.0005
