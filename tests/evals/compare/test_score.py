"""The figures of sides and pairs, from trials told by hand."""

from __future__ import annotations

import pytest

from holdfast import Agent
from holdfast.evals.cases.case import parse
from holdfast.evals.compare.measured import Measured
from holdfast.evals.compare.score import level_of, planned, score
from holdfast.evals.compare.sides import Side
from holdfast.evals.compare.stakes import Stakes
from holdfast.evals.compare.verdict import DOES_NOT, EARNS, UNKNOWN
from holdfast.evals.grading.finished import Miss
from holdfast.evals.stats.paired import mcnemar
from holdfast.evals.trials.trial import Suite, Trial

STAKES = Stakes(success=4.0, failure=-25.0, reviewer_minute=1.0, question_minutes=2.0)
AGENT = Agent(name="desk", task="Do it.", takes=str, gives=int, tools=[], models=["m"])
USD = 1_000_000_000


def sides(cases, letters="AB", families=None):
    made = tuple(
        parse({"name": f"c{at}", "input": "x", "expect": {}, "family": families[at] if families else ""}, "here")
        for at in range(cases)
    )
    return [Side(letter, f"agent-{letter}", Suite("desk", AGENT, made, ())) for letter in letters]


def trial(side, case, number, passed, *, usd=0.0, questions=0, took=1.0, unpriced=0, failures=(), grader="output"):
    misses = (Miss(grader, "it is wrong"),) if passed is False else ()
    told = Trial(f"c{case}", f"c{case}", number, f"r_{side}_{case}_{number}", passed, misses)
    return Measured(side, told, round(usd * USD), unpriced, round(took * 1e6), questions, 1, 100, 10, tuple(failures))


def compared(won, *, trials=1, families=None, stakes=STAKES, margin=0.0, **costs):
    """won: side → case → its trials. costs: side → USD of each run."""
    many = len(next(iter(won.values())))
    made = sides(many, "".join(won), families)
    told = [
        trial(side, case, number, passed, usd=costs.get(side, 0.0))
        for side, cases in won.items() for case, of in enumerate(cases) for number, passed in enumerate(of, 1)
    ]  # fmt: skip
    return score(planned(made, trials, 0, stakes, margin=margin), made, told)


def singles(*won):
    return [[one] for one in won]


T, F = True, False


def test_single_trials_are_discordant_pairs():
    found = compared({"A": singles(T, F, F, F, T, F, F, F, F, T), "B": singles(T, T, T, T, F, T, T, T, T, F)})
    (pair,) = found.pairs
    assert pair.pairs == (1, 2, 7, 0)
    assert pair.mcnemar == pytest.approx(mcnemar(2, 7))
    assert pair.pass_1.point == pytest.approx(0.5)
    assert pair.better == tuple(f"c{at}" for at in (1, 2, 3, 5, 6, 7, 8))
    assert pair.worse == ("c4", "c9")


def test_net_benefit_by_hand():
    won = {"A": singles(*[F] * 6, *[T] * 6), "B": singles(*[T] * 11, F)}
    found = compared(won, A=0.01, B=0.5)
    (pair,) = found.pairs
    assert pair.net.point == pytest.approx(29 * 5 / 12 - 0.49)
    assert pair.usd.point == pytest.approx(0.49)
    assert pair.usd_of_a_success_more == pytest.approx(0.49 / (5 / 12))
    one, other = found.sides
    assert one.net.point == pytest.approx(4 * 0.5 - 25 * 0.5 - 0.01)
    assert other.usd_success.point == pytest.approx(12 * 0.5 / 11)
    assert (one.passed, one.failed, one.graders, one.undetected) == (6, 6, {"output": 6}, 6)
    assert found.verdict == UNKNOWN  # seven of twelve that nobody parts, and one the other way


def test_the_verdict_flips_with_what_a_success_is_worth():
    won = {"A": singles(*[F] * 10, *[T] * 10), "B": singles(*[T] * 20)}
    verdicts = [
        compared(won, A=0.01, B=0.5, stakes=Stakes(success=worth)).verdict for worth in (0.1, 0.5, 1.0, 2.0, 5.0)
    ]
    assert verdicts == [DOES_NOT, DOES_NOT, UNKNOWN, EARNS, EARNS]
    # one that is not shown says how many cases would
    (pair,) = compared(won, A=0.01, B=0.5, stakes=Stakes(success=1.3)).pairs
    assert (pair.verdict, pair.more) == (UNKNOWN, pytest.approx(60, abs=45))


def test_every_time_is_less_often_than_once():
    won = {"A": [[T, T, T, F]] * 4 + [[T] * 4] * 4, "B": [[T] * 4] * 6 + [[F, T, F, T]] * 2}
    found = compared(won, trials=4)
    (pair,) = found.pairs
    assert (found.sides[0].pass_1.point, found.sides[0].pass_k.point) == (pytest.approx(28 / 32), pytest.approx(0.5))
    assert pair.pass_1.point == pytest.approx(0.0)
    assert pair.pass_k.point == pytest.approx(0.25)


def test_families_are_what_is_counted():
    won = {"A": singles(*[F] * 12), "B": singles(*[T] * 6, *[F] * 6)}
    alone = compared(won).pairs[0]
    shared = compared(won, families=["one"] * 4 + ["two"] * 4 + ["three"] * 4).pairs[0]
    assert (alone.families, shared.families, shared.cases) == (12, 3, 12)
    assert shared.pass_1.high - shared.pass_1.low > alone.pass_1.high - alone.pass_1.low
    assert (alone.verdict, shared.verdict) == (EARNS, UNKNOWN)


def test_people_are_a_cost():
    made = sides(8)
    told = [trial("A", case, 1, T, questions=2) for case in range(8)] + [trial("B", case, 1, T) for case in range(8)]
    found = score(planned(made, 1, 0, STAKES), made, told)
    assert found.pairs[0].net.point == pytest.approx(2 * 2.0 * 1.0)
    assert found.pairs[0].questions.point == -2
    assert (found.sides[0].minutes, found.sides[0].usd_success.point) == (4.0, pytest.approx(4.0))
    assert found.pairs[0].usd.point == 0


def test_what_could_not_be_made_never_makes_a_verdict():
    won = {"A": singles(*[F] * 8, *[T] * 4), "B": singles(*[T] * 12)}
    assert compared(won).verdict == EARNS
    one_open = compared({**won, "B": singles(*[T] * 11, None)})
    assert (one_open.verdict, one_open.pairs[0].left_out, one_open.pairs[0].cases) == (EARNS, ("c11",), 11)
    many_open = compared({"A": singles(*[F] * 8, *[T] * 8), "B": singles(*[T] * 8, *[None] * 8)})
    pair = many_open.pairs[0]
    assert (many_open.verdict, pair.open_trials, pair.more) == (UNKNOWN, 8, None)
    assert many_open.sides[1].broken == 8
    nothing = compared({"A": singles(None, None), "B": singles(T, T)})
    assert (nothing.verdict, nothing.pairs[0].cases, nothing.pairs[0].net) == (UNKNOWN, 0, None)


def test_a_price_that_nobody_knows_leaves_the_worth_unknown():
    made = sides(8)
    told = [trial("A", case, 1, F) for case in range(8)] + [trial("B", case, 1, T, unpriced=1) for case in range(8)]
    found = score(planned(made, 1, 0, STAKES), made, told)
    assert (found.verdict, found.pairs[0].net, found.pairs[0].more) == (UNKNOWN, None, None)
    assert (found.sides[1].usd_run, found.sides[1].unpriced, found.sides[0].usd_run.point) == (None, 8, 0.0)
    assert found.pairs[0].pass_1.point == 1.0


def test_three_sides_share_one_chance_of_error():
    won = {"A": singles(*[F] * 8, *[T] * 8), "B": singles(*[T] * 16), "C": singles(*[F] * 16)}
    found = compared(won)
    assert [(pair.one, pair.other) for pair in found.pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert found.level == pytest.approx(1 - 0.05 / 3) == level_of(3)
    assert [pair.verdict for pair in found.pairs] == [EARNS, DOES_NOT, DOES_NOT]
    assert found.verdict == EARNS
    two = compared({side: won[side] for side in "AB"})
    assert two.pairs[0].net.low > found.pairs[0].net.low


def test_failures_are_counted_by_trial_with_those_no_detector_knows():
    made = sides(4)
    told = [trial("A", case, 1, F, failures=("retry storm", "stale evidence")[:case]) for case in range(3)]
    told += [trial("A", 3, 1, T), *(trial("B", case, 1, T) for case in range(4))]
    one = score(planned(made, 1, 0, STAKES), made, told).sides[0]
    assert (one.failures, one.undetected) == ({"retry storm": 2, "stale evidence": 1}, 1)
    assert set(one.examples) == {"r_A_0_1", "r_A_1_1", "r_A_2_1"}


def test_the_order_in_which_trials_came_changes_nothing():
    made = sides(6)
    told = [
        trial(side, case, number, (case + number) % 3 != 0, usd=0.01 * case, took=number)
        for side in "AB" for case in range(6) for number in (1, 2)
    ]  # fmt: skip
    plan = planned(made, 2, 0, STAKES)
    assert score(plan, made, told) == score(plan, made, told[::-1])


def test_time_is_a_median_and_a_ninety_fifth_percent():
    made = sides(20)
    told = [trial(side, case, 1, T, took=case + 1.0 + (side == "B")) for side in "AB" for case in range(20)]
    found = score(planned(made, 1, 0, STAKES), made, told)
    assert (found.sides[0].median_seconds, found.sides[0].p95_seconds) == (10.5, 19.0)
    assert found.pairs[0].seconds.point == pytest.approx(1.0)


def test_what_can_be_shown_is_known_before():
    few, many = (planned(sides(cases), 4, 0, STAKES).detectable for cases in (10, 200))
    assert many < few
    assert planned(sides(200), 4, 0, STAKES).detectable == pytest.approx(0.056, abs=0.003)  # 200 tasks, K=4: 5.6 points
    assert planned(sides(10, "ABC"), 4, 0, STAKES).detectable > few
