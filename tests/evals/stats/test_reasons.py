"""The figures of counterfactual forks: minima in closed form, agreement with Newcombe's, clusters, coverage by simulation."""

from __future__ import annotations

import random

import pytest

from holdfast.evals.stats.rates import newcombe, wilson
from holdfast.evals.stats.reasons import Counted, apart, effective, judge, least


def one(successes: int, trials: int, run: str = "r") -> dict[str, tuple[int, int]]:
    return {run: (successes, trials)}


def perfect(k: int, **changes) -> Counted:
    given = {"control": one(0, k), "flips": {"f": one(k, k)}, "withheld": one(k, k), "placebo": one(0, k)}
    return Counted(**{**given, **changes})


def test_the_fewest_forks_are_those_of_the_method():
    few = least()
    assert (few.sensitive, few.safe, few.steady) == (8, 16, 16)
    assert judge(perfect(16)).verdict == "RIGHT_REASON"
    assert judge(perfect(15)).verdict == "INCONCLUSIVE"
    for k in (few.wrong - 1, few.wrong):
        found = judge(perfect(k, flips={"f": one(0, k)}))
        assert (found.verdict == "WRONG_REASON") == (k >= few.wrong)


def test_eight_flips_are_enough_where_the_other_arms_have_their_sixteen():
    enough = perfect(16, flips={"f": one(8, 8)}, control=one(0, 16))
    assert judge(enough).verdict == "RIGHT_REASON"


def test_differences_are_newcombe_s():
    for a, b in ((3, 0), (10, 4), (0, 0), (16, 16), (7, 9)):
        mine, theirs = apart(wilson(a, 16), wilson(b, 16)), newcombe(a, 16, b, 16)
        assert (mine.low, mine.point, mine.high) == pytest.approx((theirs.low, theirs.point, theirs.high))
        found = judge(Counted(control=one(b, 16), flips={"f": one(a, 16)})).flips[0].above
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_each_criterion_is_asked_for_and_each_field():
    assert judge(perfect(16, withheld={})).lacking == ("no fork with a tool withheld",)
    assert judge(perfect(16, placebo={})).lacking == ("no placebo",)
    assert judge(perfect(16, flips={})).lacking == ("no fork with another value",)
    assert judge(perfect(40, placebo=one(20, 40))).lacking == ("Q − ν is not surely below .2",)
    both = judge(perfect(16, flips={"f": one(16, 16), "g": one(0, 16)}))
    assert (both.verdict, both.insensitive) == ("WRONG_REASON", ("g",))
    partly = judge(perfect(16, flips={"f": one(16, 16), "g": one(0, 0)}))
    assert (partly.verdict, partly.lacking) == ("INCONCLUSIVE", ("not every field was changed",))


def test_what_it_does_by_itself_is_taken_off():
    noisy = judge(perfect(40, control=one(36, 40), placebo=one(36, 40)))
    assert noisy.verdict == "WRONG_REASON"
    assert noisy.placebo.above.point == 0


def test_a_wrong_outcome_has_no_wrong_reason():
    counted = perfect(16, flips={"f": one(0, 16)}, failed=frozenset({"r"}))
    assert judge(counted).verdict == "INCONCLUSIVE"
    also = perfect(
        16, flips={"f": {"r": (16, 16), "s": (0, 16)}}, control={"r": (0, 16), "s": (0, 16)}, failed=frozenset({"r"})
    )
    assert judge(also).verdict == "WRONG_REASON"


def test_several_fields_share_the_error_of_a_wrong_reason():
    assert least(5).wrong > least(1).wrong
    k = least(1).wrong
    fields = {name: one(0 if name == "a" else k, k) for name in "abcde"}
    assert judge(perfect(k, flips=fields)).verdict == "INCONCLUSIVE"
    assert judge(perfect(k, flips={"a": one(0, k)})).verdict == "WRONG_REASON"


def test_it_is_said_how_many_forks_more_it_takes():
    few = judge(perfect(5))
    assert few.times == 16 / 5
    assert judge(perfect(round(5 * few.times))).verdict == "RIGHT_REASON"
    halves = judge(Counted(control=one(0, 10), flips={"f": one(5, 10)}, withheld=one(10, 10), placebo=one(0, 10)))
    assert (halves.verdict, halves.times) == ("INCONCLUSIVE", None)
    assert judge(perfect(16)).times is None


def test_forks_of_runs_that_differ_are_worth_less():
    alike = {f"r{at}": (3, 4) for at in range(10)}
    apart_ = {f"r{at}": (4 if at % 4 else 0, 4) for at in range(8)}
    assert effective(alike) == 40
    assert effective(apart_) == pytest.approx(7, abs=0.01)  # every fork of a run comes out alike: runs are what counts
    assert effective(one(3, 16)) == 16
    assert effective({"r": (16, 16), "s": (16, 16)}) == 32
    wide, narrow = (judge(Counted(control={"r": (0, 40)}, flips={"f": x})).flips[0].rate for x in (apart_, alike))
    assert wide.width > narrow.width


def test_the_clustered_interval_covers_what_it_says():
    """Runs whose own rates differ: the rate over runs lies in the interval nearly as often as is said; without clusters not."""
    chance, inside, naive, draws = random.Random(7), 0, 0, 800
    for _ in range(draws):
        counts = {}
        for run in range(20):
            rate = chance.betavariate(0.9, 0.6)  # mean .6, and far apart
            counts[str(run)] = sum(chance.random() < rate for _ in range(5)), 5
        found = judge(Counted(control={}, withheld=counts)).withheld
        inside += found.low <= 0.6 <= found.high
        naive += 0.6 in wilson(sum(x for x, _ in counts.values()), 100)
    assert inside / draws > 0.92
    assert naive / draws < 0.85
