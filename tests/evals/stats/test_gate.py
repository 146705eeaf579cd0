"""The gate: how often it errs at its boundary, how soon it sees what is there, and what it says when it does not."""

from __future__ import annotations

import random
from collections import Counter
from math import log, nan
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.evals.stats.gate import EXIT_CODES, Gate, paired_gate, required_gate

quick = settings(deadline=None)


def told(gate: Gate, values: list[float]) -> Gate:
    for value in values:
        gate = gate.after(value)
        if gate.verdict != "inconclusive":
            return gate
    return gate


def many(gate: Gate, chances: dict[float, float], tasks: int, rounds: int) -> tuple[dict[str, float], float]:
    """The share of each verdict over suites made up from a seed, and how many tasks a suite took, typically."""
    chance = random.Random(12)
    values, weights = [*chances], [*chances.values()]
    gates = [told(gate, chance.choices(values, weights, k=tasks)) for _ in range(rounds)]
    shares = Counter(one.verdict for one in gates)
    return {kind: shares[kind] / rounds for kind in EXIT_CODES}, median(one.seen for one in gates)


def discordant(mean: float) -> dict[float, float]:
    """Single trials that differ in three tasks of ten."""
    return {1.0: 0.15 + mean / 2, -1.0: 0.15 - mean / 2, 0.0: 0.7}


def test_at_its_boundary_a_paired_gate_errs_one_time_in_fifty_each_way() -> None:
    shares, _ = many(paired_gate(0.1), discordant(-0.1), 200, 250)
    assert shares["pass"] == pytest.approx(0.02, abs=0.02)
    assert shares["fail"] == pytest.approx(0.02, abs=0.02)


@pytest.mark.parametrize(
    ("mean", "kind", "share", "tasks"), [(-0.24, "fail", 0.94, 82), (0.18, "pass", 1.0, 32), (0.0, "pass", 0.5, None)]
)
def test_a_paired_gate_sees_what_is_there(mean: float, kind: str, share: float, tasks: int | None) -> None:
    shares, after = many(paired_gate(0.1), discordant(mean), 200, 250)
    assert shares[kind] == pytest.approx(share, abs=0.07)
    if tasks is not None:
        assert after == pytest.approx(tasks, rel=0.15)
    else:
        assert shares["inconclusive"] == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.9])
def test_at_the_required_rate_a_gate_errs_less_than_it_says(rate: float) -> None:
    shares, _ = many(required_gate(rate), {1.0: rate, 0.0: 1 - rate}, 150, 250)
    assert shares["pass"] <= 0.065
    assert shares["fail"] <= 0.065


def test_a_required_gate_sees_what_is_there() -> None:
    better, soon = many(required_gate(0.8), {1.0: 0.95, 0.0: 0.05}, 200, 200)
    assert (better["pass"] > 0.97, soon < 45) == (True, True)
    worse, soon = many(required_gate(0.8), {1.0: 0.6, 0.0: 0.4}, 200, 200)
    assert (worse["fail"] > 0.97, soon < 60) == (True, True)


def test_shares_of_successes_are_taken_as_well_as_single_ones() -> None:
    shares, _ = many(required_gate(0.7), {1.0: 0.4, 0.75: 0.3, 0.5: 0.25, 0.0: 0.05}, 100, 100)
    assert shares["fail"] <= 0.02
    even, _ = many(required_gate(0.75), {1.0: 0.5, 0.5: 0.5}, 150, 250)
    assert max(even["pass"], even["fail"]) <= 0.05


def bettors(gate: Gate, chances: dict[float, float], depth: int) -> tuple[float, float]:
    """What each bettor holds on the mean after `depth` values, over every sequence of them."""
    level = [(gate, 1.0)]
    for _ in range(depth):
        level = [(one.after(value), share * chance) for one, share in level for value, chance in chances.items()]
    return (
        sum(one.for_pass * share for one, share in level),
        sum(one.for_fail * share for one, share in level),
    )


@pytest.mark.parametrize(
    ("gate", "chances"),
    [
        (paired_gate(0.1), {1.0: 0.1, -1.0: 0.2, 0.0: 0.7}),
        (paired_gate(0.0), {0.5: 0.4, -0.5: 0.2, -0.25: 0.4}),
        (required_gate(0.9), {1.0: 0.9, 0.0: 0.1}),
        (required_gate(0.5), {1.0: 0.25, 0.5: 0.5, 0.0: 0.25}),
    ],
)
def test_at_the_boundary_nobody_gets_richer_on_the_mean(gate: Gate, chances: dict[float, float]) -> None:
    """The whole proof rests on this: every sequence of eight values by its chance, and wealth stays at 1."""
    assert bettors(gate, chances, 8) == pytest.approx((1, 1))


@quick
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), max_size=40), st.sampled_from([0.0, 0.1, 0.5]))
def test_wealth_is_never_below_nothing_and_the_first_verdict_stays(values: list[float], margin: float) -> None:
    gate, first = paired_gate(margin, 0.8), "inconclusive"
    for at, value in enumerate(values, 1):
        gate = gate.after(value)
        assert min(gate.for_pass, gate.for_fail) > 0
        first = gate.verdict if first == "inconclusive" else first
        assert (gate.verdict, gate.seen) == (first, at)
    assert (gate.decided_after is None) == (first == "inconclusive")


def test_the_formula_of_the_stakes() -> None:
    """y = (d + margin) / (1 + margin); the stake is mean / (variance + mean^2) of what came before, at most a half."""
    margin, values = 0.1, [0.0, -1.0, 1.0, 1.0, 0.0, -1.0, 0.5]
    gate, above, below, past = paired_gate(margin), 1.0, 1.0, list[float]()
    for d in values:
        y = (d + margin) / (1 + margin)
        if past:
            mean = sum(past) / len(past)
            spread = sum((one - mean) ** 2 for one in past) / len(past)
            best = mean / (spread + mean**2)
            above *= 1 + min(max(best, 0), 0.5) * y
            below *= 1 - min(max(-best, 0), 0.5) * y
        past.append(y)
        gate = gate.after(d)
    assert (gate.for_pass, gate.for_fail) == pytest.approx((above, below))


def test_after_a_verdict_values_are_counted_and_change_nothing() -> None:
    gate = told(required_gate(0.5), [1.0] * 30)
    later = gate.after(0.0).after(0.0)
    assert (later.verdict, later.decided_after, later.seen) == ("pass", gate.seen, gate.seen + 2)
    assert later.above == gate.above


def test_how_many_tasks_it_takes_is_known_beforehand() -> None:
    assert required_gate(0.9).further(1.0) == 38
    assert required_gate(0.8).further(1.0) == 19
    # The first task has no past to set a stake by; each tie then multiplies by 1 + .1/(2 * 1.1).
    assert paired_gate(0.1).further(0.0) == 1 + -(-log(20) // log(1 + 0.05 / 1.1))
    assert paired_gate(0.0).further(0.0) is None, "ties never show that one is better"
    gate = told(paired_gate(0.1), [0.0] * 40)
    assert gate.verdict == "inconclusive"
    assert gate.further(0.0) == 29
    assert told(gate, [0.0] * 29).further(0.0) == 0


def test_a_gate_never_changes() -> None:
    gate = required_gate(0.8)
    gate.after(1.0).after(1.0)
    assert gate == required_gate(0.8)


def test_what_cannot_be_is_refused() -> None:
    asks = [
        lambda: paired_gate(-0.1),
        lambda: paired_gate(1.0),
        lambda: required_gate(0.0),
        lambda: required_gate(1.0),
        lambda: required_gate(0.8, level=1.0),
        lambda: required_gate(0.8).after(-0.5),
        lambda: paired_gate(0.1).after(1.5),
        lambda: paired_gate(0.1).after(nan),
    ]
    for ask in asks:
        with pytest.raises(UsageError):
            ask()
    with pytest.raises(UsageError, match="no number of tasks"):
        required_gate(1.0)


def test_exit_codes_are_those_of_the_command_line() -> None:
    assert EXIT_CODES == {"pass": 0, "fail": 1, "inconclusive": 2}
