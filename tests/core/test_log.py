"""Log and Tally: many versions of one growing thing, none of which ever changes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.log import Log, Tally

growth = st.lists(st.tuples(st.integers(0, 40), st.lists(st.integers(0, 5), max_size=3)), max_size=25)
"""(which version to grow, with what)."""
quick = settings(deadline=None)


@quick
@given(growth)
def test_no_version_of_a_log_ever_changes(steps):
    versions = [(Log([9]), (9,))]
    for which, items in steps:
        log, expected = versions[which % len(versions)]
        versions.append((log.plus(*items), (*expected, *items)))
    for log, expected in versions:
        assert tuple(log) == expected
        assert len(log) == len(expected)
        assert log[:] == list(expected)
        assert log == Log(expected)
        assert [log[at] for at in range(-len(expected), len(expected))] == [*expected, *expected]
        assert log[1:] + log[-2:1] + log[::-1] == [*expected[1:], *expected[-2:1], *expected[::-1]]
        for beyond in (len(expected), -len(expected) - 1):
            with pytest.raises(IndexError):
                log[beyond]


@quick
@given(growth)
def test_no_version_of_a_tally_ever_changes(steps):
    versions = [(Tally(), Counter())]
    for which, keys in steps:
        tally, expected = versions[which % len(versions)]
        for key in map(str, keys):
            tally, expected = tally.plus(key), expected + Counter([key])
            versions.append((tally, expected))
    for tally, expected in versions:
        assert len(tally) == expected.total()
        assert all(tally[str(key)] == expected[str(key)] for key in range(7))


@quick
@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_tallies_are_equal_if_they_counted_alike(one, other):
    made = []
    for keys in (one, other):
        tally = Tally()
        for key in keys:
            tally = tally.plus(key)
        made.append(tally)
    assert (made[0] == made[1]) == (Counter(one) == Counter(other))


def test_logs_are_equal_by_what_they_hold_and_to_nothing_else():
    base = Log([1])
    assert base.plus(2) == Log([1, 2]) != base
    assert base != [1]
    assert Tally() != 0
    assert repr(base.plus(2)) == "Log([1, 2])"
    assert repr(Tally().plus("a").plus("a")) == "Tally({'a': 2})"


def test_neither_can_be_a_key():
    for thing in (Log(), Tally()):
        with pytest.raises(TypeError):
            hash(thing)


def test_growing_the_newest_version_copies_nothing():
    """Cost at a thousand items is the cost at ten: all versions of one line of growth share one list."""
    log = Log([0])
    first = log
    for item in range(1, 1_000):
        log = log.plus(item)
    assert log._items is first._items
    assert first.plus("other")._items is not first._items
    assert list(first) == [0]


def test_what_is_derived_from_a_log_is_shared_along_one_line_of_growth_only():
    base = Log([1])
    base.memo["sum"] = 1
    newer = base.plus(2)
    assert newer.memo is base.memo
    assert base.plus(3).memo == {}


@pytest.mark.parametrize("at", [slice(None), slice(-2, None), slice(1, 9), slice(None, None, -1), slice(9, None, -2)])
def test_a_part_of_a_log_is_that_of_a_list_whatever_a_newer_version_holds(at):
    log = Log(range(4))
    log.plus(4, 5)
    assert (log[at], list(log)) == (list(range(4))[at], [0, 1, 2, 3])
