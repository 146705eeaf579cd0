"""What a success costs and whether more of it is worth the price."""

from __future__ import annotations

import random
from math import inf, nan
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.evals.stats.benefit import Outcome, Worth, cost_per_success, gain, net_benefit

quick = settings(deadline=None)


RUNS = st.lists(st.tuples(st.integers(0, 50).map(float), st.booleans().map(float)), min_size=2, max_size=20)


@quick
@given(RUNS)
def test_it_is_all_costs_over_all_successes(runs: list[tuple[float, float]]) -> None:
    costs, successes = [cost for cost, _ in runs], [success for _, success in runs]
    found = cost_per_success(costs, successes, draws=200)
    if not any(successes):
        assert (found.point, found.high) == (inf, inf)
        return
    assert found.point == pytest.approx(sum(costs) / sum(successes))
    assert 0 <= found.low <= found.point <= found.high


def test_without_a_success_there_is_a_lower_bound_only() -> None:
    found = cost_per_success([2.0] * 30, [0.0] * 30)
    assert found.low == pytest.approx(2 / (1 - 0.05 ** (1 / 30)))
    assert (found.point, found.high) == (inf, inf)
    assert cost_per_success([2.0] * 30, [0.0] * 30, [at // 10 for at in range(30)]).low < found.low
    assert "lower bound only" in found.method


def test_where_draws_may_hold_no_success_there_is_no_upper_bound() -> None:
    found = cost_per_success([1.0] * 20, [1.0] + [0.0] * 19)
    assert (found.point, found.high) == (20, inf)
    assert cost_per_success([1.0, 1.0], [1.0, 0.0], ["a", "a"]).high == inf


def test_a_seed_gives_the_same_interval() -> None:
    costs, won = [1.0, 2.0, 3.0, 9.0], [1.0, 1.0, 0.0, 1.0]
    assert cost_per_success(costs, won, seed=1) == cost_per_success(costs, won, seed=1)


def test_the_interval_holds_the_truth() -> None:
    """Successes cost 1 on the mean and failures 3; seven of ten succeed."""
    chance, truth, held = random.Random(4), (0.7 * 1 + 0.3 * 3) / 0.7, []
    for _ in range(250):
        won = [float(chance.random() < 0.7) for _ in range(40)]
        costs = [chance.uniform(0.5, 1.5) if one else chance.uniform(2, 4) for one in won]
        held.append(truth in cost_per_success(costs, won, draws=300))
    assert fmean(held) == pytest.approx(0.94, abs=0.04)


def test_net_benefit_is_worth_less_cost_less_harm() -> None:
    worth = Worth(success=10, harm=100)
    assert worth.net(Outcome(0.5, 2, harm=0.01)) == pytest.approx(10 * 0.5 - 2 - 100 * 0.01)
    found = net_benefit([Outcome(1, 2), Outcome(0, 2), Outcome(1, 4)], worth)
    assert found.point == pytest.approx((8 - 2 + 6) / 3)


def sides(better: float, dearer: float, tasks: int = 60) -> tuple[list[Outcome], list[Outcome]]:
    chance = random.Random(6)
    plain = [Outcome(chance.choice((0.25, 0.5, 0.75)), chance.uniform(1, 2), seconds=5) for _ in range(tasks)]
    fancy = [
        Outcome(
            min(1.0, one.success + better * chance.choice((0, 2))),
            one.cost + dearer * chance.uniform(0.5, 1.5),
            seconds=9,
        )
        for one in plain
    ]
    return fancy, plain


def test_a_dearer_way_earns_its_keep_only_if_a_success_is_worth_it() -> None:
    fancy, plain = sides(better=0.1, dearer=1)
    cheap, dear = gain(fancy, plain, Worth(success=2)), gain(fancy, plain, Worth(success=100))
    assert (cheap.earns, dear.earns) == (False, True)
    assert cheap.benefit.high < 0
    price = dear.cost_of_a_success_more
    assert price is not None
    assert price == pytest.approx(dear.cost.point / dear.success.point)
    assert gain(fancy, plain, Worth(success=price)).benefit.point == pytest.approx(0), "at that price it makes no odds"
    assert dear.seconds is not None
    assert (dear.seconds.point, dear.success.low > 0) == (4, True)


def test_harm_weighs_against_it() -> None:
    fancy, plain = sides(better=0.1, dearer=0.1)
    harmful = [Outcome(one.success, one.cost, 0.1) for one in fancy]
    assert gain(harmful, plain, Worth(100, harm=10)).earns
    assert not gain(harmful, plain, Worth(100, harm=1000)).earns


def test_where_one_side_is_better_and_cheaper_there_is_nothing_to_weigh() -> None:
    plain = [Outcome(0.5, 2 + at / 10) for at in range(5)]
    for other in ([Outcome(0.75, 1)] * 5, [Outcome(0.25, 3)] * 5, [Outcome(0.5, 1)] * 5):
        assert gain(other, plain, Worth(1)).cost_of_a_success_more is None
    cheaper = gain([Outcome(0.25, 1 + at / 10) for at in range(5)], plain, Worth(1)).cost_of_a_success_more
    assert cheaper == pytest.approx(4), "what a success given up saves"


def test_unknown_times_leave_the_difference_of_times_unknown() -> None:
    assert gain([Outcome(1, 1, seconds=2), Outcome(1, 2)], [Outcome(1, 1, seconds=2)] * 2, Worth(1)).seconds is None


def test_a_difference_of_costs_that_never_varied_is_not_taken_for_proof() -> None:
    found = gain([Outcome(1, 1)] * 9, [Outcome(1, 2)] * 9, Worth(1))
    assert (found.benefit.point, found.benefit.low, found.earns) == (1, -inf, False)


def test_what_cannot_be_is_refused() -> None:
    one = Outcome(1, 1)
    asks = [
        lambda: Outcome(1.5, 1),
        lambda: Outcome(1, -1),
        lambda: Outcome(1, nan),
        lambda: Outcome(1, 1, harm=-1),
        lambda: Outcome(1, 1, seconds=-1),
        lambda: Worth(-1),
        lambda: Worth(inf),
        lambda: cost_per_success([], []),
        lambda: cost_per_success([1.0], [1.0, 0.0]),
        lambda: cost_per_success([-1.0], [1.0]),
        lambda: cost_per_success([1.0], [2.0]),
        lambda: gain([one], [one, one], Worth(1)),
        lambda: gain([], [], Worth(1)),
    ]
    for ask in asks:
        with pytest.raises(UsageError):
            ask()
