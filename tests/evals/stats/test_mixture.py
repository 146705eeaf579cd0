"""mixture: the index by hand, false alarms no more frequent than said, and what is named as shifted."""

from __future__ import annotations

from math import log
from random import Random

import pytest

from holdfast.errors import UsageError
from holdfast.evals.stats.mixture import KINDS, RARE, mixture, psi


def test_the_index_by_hand():
    """Shares 0.4 and 0.6 against 0.6 and 0.4, with half a count added to each."""
    e, a = (40.5 / 101, 60.5 / 101), (60.5 / 101, 40.5 / 101)
    want = (a[0] - e[0]) * log(a[0] / e[0]) + (a[1] - e[1]) * log(a[1] / e[1])
    assert psi({"a": 40, "b": 60}, {"a": 60, "b": 40}) == pytest.approx(want)
    assert psi({"a": 4_000_000, "b": 6_000_000}, {"a": 6_000_000, "b": 4_000_000}) == pytest.approx(
        0.4 * log(1.5), rel=1e-4
    )


def test_equal_mixes_have_none_and_a_kind_that_is_new_has_some():
    assert psi({"a": 10, "b": 30}, {"a": 10, "b": 30}) == 0
    assert psi({"a": 10}, {"a": 99}) == 0, "one kind has no mix"
    assert 0 < psi({"a": 40}, {"a": 40, "b": 1}) < psi({"a": 40}, {"a": 20, "b": 20})


def a_run(chance: Random, refunds: float = 0.3) -> dict[str, dict[str, int]]:
    """Calls of one run belong together: who refunds also looks twice."""
    refunds_it = chance.random() < refunds
    return {"": {"look": 2 if refunds_it else 1, **({"refund": 1} if refunds_it else {}), "done": 1}}


def test_false_alarms_are_no_more_frequent_than_said():
    """Within 80 runs of run length 200 at most four in ten; and they do occur, or nothing would ever be noticed."""
    chance, alarms = Random(3), 0
    for seed in range(120):
        runs = [a_run(chance) for _ in range(110)]
        alarms += mixture(runs[:30], runs[30:], window=20, run_length=200, seed=seed).watch.alarm is not None
    assert 10 <= alarms <= 120 * (0.4 + 2 * 0.045)


def test_a_shift_is_noticed_in_the_window_it_fills():
    chance = Random(5)
    runs = [a_run(chance, 0.2) for _ in range(100)] + [a_run(chance, 0.95) for _ in range(40)]
    got = mixture(runs[:60], runs[60:], window=20, run_length=5000, seed=1)
    assert got.watch.alarm is not None
    assert (got.watch.alarm.since, got.watch.alarm.at, got.watch.looked) == (40, 59, 60)
    assert got.watch.alarm.value <= got.watch.threshold == 20 / 5000
    assert got.psi > 0.1
    assert got == mixture(runs[:60], runs[60:], window=20, run_length=5000, seed=1), "a seed gives it again"


def test_what_shifted_is_named_first_and_weighs_by_how_often_it_occurs():
    before = [{"pay.cents": {"10 to 99": 4}, "pay.reason": {"late": 2, "lost": 2}} for _ in range(40)]
    after = [{"pay.cents": {"10 to 99": 4}, "pay.reason": {"late": 4}} for _ in range(20)]
    got = mixture(before, after, window=20, run_length=1000, seed=1)
    assert got.watch.alarm is not None
    first, second = got.shifts
    assert first.thing == "pay.reason"
    assert first.expected == {"late": 0.5, "lost": 0.5}
    assert first.actual == {"late": 1.0, "lost": 0.0}
    assert first.part == pytest.approx(first.psi / 2)
    assert (second.thing, second.psi) == ("pay.cents", 0.0)


def test_rare_kinds_count_as_one():
    runs = [{"": {f"kind {at % 40}": 1, "common": 5}} for at in range(80)]
    got = mixture(runs[:60], runs[60:], window=20, run_length=1000, seed=1)
    (shift,) = got.shifts
    assert len(shift.expected) == KINDS
    assert RARE in shift.expected
    assert sum(shift.expected.values()) == pytest.approx(1)


def test_a_window_that_is_not_full_is_not_looked_at():
    got = mixture([{"": {"a": 1}}] * 20, [{"": {"b": 9}}] * 19, window=20, run_length=1000, seed=1)
    assert (got.watch.looked, got.watch.alarm, got.shifts) == (0, None, ())


def test_runs_that_did_nothing_say_nothing():
    got = mixture([{}] * 20, [{}] * 20, window=20, run_length=1000, seed=1)
    assert (got.watch.alarm, got.psi) == (None, 0)


@pytest.mark.parametrize(("baseline", "window", "run_length"), [(0, 20, 1000), (5, 0, 1000), (5, 20, 20)])
def test_what_cannot_be_is_refused(baseline, window, run_length):
    with pytest.raises(UsageError, match="takes a baseline"):
        mixture([{}] * baseline, [], window=window, run_length=run_length, seed=1)
