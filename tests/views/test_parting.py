"""Where two runs part: a fork beside the run it was forked from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from holdfast.core.fork import Otherwise, fork
from holdfast.errors import UsageError
from holdfast.events import CallReturned
from holdfast.models.scripted import call, done
from holdfast.views.parting import Change, parting
from tests.core.story import SECRET, Story, desk, order, refund
from tests.core.test_fork import AGENTS, LATER, anywhere, prefixes, told_on

COST = 7
"""nusd of each answer of a model."""

LOOK, PAY = call("get_order", order="A-1"), call("refund", order="A-1", cents=4)


def read_once(**options: Any) -> Story:
    """A run that has read an order, and was not told of it yet; its reading stands in entry 7."""
    run = Story(desk(order(), refund(keyed=True)), **options)
    run.asks_for(LOOK, cost=COST)
    run.settle_down()
    run.returns({"paid": 900, "lines": [{"cents": 1}]})
    return run


def paid_for(run: Story, **how: Any) -> Story:
    """It refunds, and ends."""
    run.asks_for(PAY, cost=COST)
    run.settle_down()
    if how.get("simulated"):
        run.fact(CallReturned(run.call().seq, 1, run.entries[0].event.input, complete="simulated"))
    else:
        run.returns({"id": "re"})
    run.asks_for(done(status="ok"), cost=COST)
    run.settle_down()
    return run


def forked(run: Story, **options: Any) -> Story:
    made = fork(run.entries, "r_2", by="fay", at=LATER, secret=SECRET, **options)
    return told_on(run, made)


def test_a_write_that_is_only_recorded_is_the_same_write():
    run = read_once()
    other = paid_for(forked(run), simulated=True)
    both = parting(paid_for(run).entries, other.entries)
    assert [(row.origin.fate, row.fork.fate, row.same) for row in both.rows] == [
        ("done", "simulated", True), ("accepted", "accepted", True),
    ]  # fmt: skip
    assert both.parts is None
    assert (both.origin.outcome, both.fork.outcome) == ("done", "done")
    assert (both.at, both.by, both.changes, both.closed) == (7, "fay", (), ())


def test_neither_side_has_what_both_have():
    run = read_once()
    other = paid_for(forked(run), simulated=True)
    both = parting(paid_for(run).entries, other.entries)
    assert (both.origin.nusd, both.fork.nusd, run.state.spent.charged) == (2 * COST, 2 * COST, 3 * COST)
    assert (both.origin.steps, both.fork.steps, both.fork.models) == (2, 2, ("first",))


def test_what_only_one_did_stands_alone():
    run = read_once()
    other = forked(run)
    other.asks_for(done(status="no"))
    other.settle_down()
    both = parting(paid_for(run).entries, other.entries)
    assert both.parts == 0
    first, *rest = both.rows
    assert (first.origin.call, first.fork.call, first.same) == (
        'refund(cents=4, order="A-1")',
        'done(status="no")',
        False,
    )
    assert [row.fork for row in rest] == [None]


def test_a_call_that_was_under_way_stands_on_both_sides():
    run = Story(desk(refund(keyed=True)))
    run.asks_for(PAY)
    run.settle_down()
    other = forked(run)
    run.returns({"id": "re"})
    both = parting(run.entries, other.entries)
    assert both.closed == ("refund",)
    assert [(row.origin.fate, row.fork.fate) for row in both.rows] == [("done", "given up")]


def test_of_an_edited_result_only_what_is_otherwise_is_said():
    run = read_once()
    other = forked(run, other=Otherwise(results={7: {"paid": 5, "lines": [{"cents": 1}, {"cents": 2}]}}))
    assert parting(run.entries, other.entries).changes == (
        Change("get_order", "paid=900", "lines[1].cents=2, paid=5", 7, "fay"),
    )
    plain = forked(run, other=Otherwise(results={7: "gone"}))
    assert parting(run.entries, plain.entries).changes[0].after == "gone"


def test_of_another_contract_each_key_is_said(monkeypatch):
    run = read_once()
    other = desk(order(), (refund(keyed=True), {"at_most": 1}), models=["second"], instructions="Be brief.")
    monkeypatch.setitem(AGENTS, other.contract.digest, other)
    found = parting(run.entries, forked(run, other=Otherwise(contract=other.contract)).entries).changes
    assert [(one.what, one.before, one.after) for one in found] == [
        ("models", "first", "second"), ("instructions", "", "Be brief."), ("tools.refund.at_most", "null", "1"),
    ]  # fmt: skip
    narrow = desk(order())
    monkeypatch.setitem(AGENTS, narrow.contract.digest, narrow)
    (gone,) = parting(run.entries, forked(run, other=Otherwise(contract=narrow.contract)).entries).changes
    assert (gone.what, gone.before, gone.after) == ("tools.refund", "there", "not there")


def test_what_a_fork_of_a_fork_has_from_the_first_is_no_change_of_its_own():
    once = forked(read_once(), other=Otherwise(results={7: {"paid": 5}}))
    again = told_on(once, fork(once.entries, "r_3", by="gus", at=LATER))
    assert parting(once.entries, again.entries).changes == ()


def test_only_a_fork_stands_beside_the_run_it_was_forked_from():
    run = read_once()
    other = forked(run)
    for origin, fork_ in ((run, run), (other, other), (Story(desk(order())), other)):
        with pytest.raises(UsageError):
            parting(origin.entries, fork_.entries)


@settings(deadline=None, max_examples=50)
@anywhere
def test_any_fork_can_stand_beside_its_run(seed, share):
    run, prefix = prefixes(seed, share)
    other = told_on(run, fork(prefix, "r_2", by="fay", at=LATER))
    both = parting(run.entries, other.entries)
    assert (both.at, both.fork.nusd, both.fork.steps) == (len(prefix), 0, 0)
