"""Backtest: under its own contract a run is judged as it was; under another one, what differs is counted up to the first difference."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from holdfast.contract import Contract
from holdfast.core.fold import fold_all
from holdfast.events import CallAsked, CallJudged
from holdfast.models.scripted import call, done
from holdfast.testing.sim.play import play
from holdfast.views.backtest import Terms, backtest, causes, nothing, together
from holdfast.views.review_load import load_of
from tests.core.judged import LOOK, NEEDS
from tests.core.story import Story, desk, order, refund
from tests.golden import kiosk, store

PAY = call("refund", order="A-1", cents=400)
BIG = {"when": "args.cents > 300", "by": "finance", "because": "big sums need a person"}


def paid(terms=None, cents=400, **more):
    """A run that reads, pays and ends, under a contract with these terms for the payment."""
    run = Story(desk(order(), (refund(), NEEDS | (terms or {})), **more))
    run.asks_for(LOOK)
    run.settle_down()
    run.returns({"paid": 500})
    run.asks_for(call("refund", order="A-1", cents=cents))
    run.settle_down()
    if run.state.questions:
        run.person("approve", by="fin")
        run.settle_down()
    run.returns({"id": "re_1"})
    run.asks_for(done(status="paid"))
    run.settle_down()
    return run


def terms(run_or_terms, **more):
    """The terms of a contract that is as the run's, but for those of the payment."""
    if isinstance(run_or_terms, Story):
        return Terms(run_or_terms.agent.contract)
    return Terms(desk(order(), (refund(), NEEDS | run_or_terms), **more).contract)


def newly(found):
    return {change: len(found.newly(change)) for change in ("refused", "reviewed", "allowed")}


# ------------------------------------------------------------------------------------------------ under its own contract


def assert_as_it_was(entries, predicates=None):
    """Judged under the contract it ran under, no call is judged otherwise than it was."""
    state = fold_all(entries)
    own = Terms(Contract.parse(state.contract), predicates or {})
    found = backtest(entries, own, own)
    assert (found.differing, found.later, found.stopped, found.unread) == ([], 0, 0, {})
    return found


def test_every_run_of_the_desk_is_judged_as_it_was(desk):
    every = Counter()
    for entries in desk.values():
        found = assert_as_it_was(entries)
        assert found.own == 1
        every.update(found.verdicts[0])
    recorded = Counter(
        first.verdict
        for entries in desk.values()
        for asked in entries
        if isinstance(asked.event, CallAsked) and asked.event.effect != "builtin" and not asked.event.serves
        for first in [next(one.event for one in entries if isinstance(one.event, CallJudged) and one.event.call == asked.seq)]
        if not {fired.rule for fired in first.rules} & {"order", "overtaken", "closing"}
    )  # fmt: skip
    assert every["review"] == recorded["review"] > 5
    assert every["refuse"] >= recorded["refuse"] > 15


@pytest.mark.parametrize("seed", range(1, 80, 9))
def test_simulated_lives_are_judged_as_they_were(seed):
    for entries in play(seed, decisions=False).history.runs.values():
        assert_as_it_was(entries)


def test_golden_runs_are_judged_as_they_were_and_what_needs_code_or_is_erased_is_counted():
    found = together(
        assert_as_it_was(one.entries)
        for path in store.files()
        if path.name == "kiosk.jsonl"
        for one in store.load(path)
    )
    assert found.unjudged == {
        "the predicate is_calm is Python code, which is not here": 3, "what they rest on was erased": 2,
    }  # fmt: skip
    with_code = [
        assert_as_it_was(one.entries, kiosk.KIOSK.predicates)
        for path in store.files() if path.name == "kiosk.jsonl" for one in store.load(path)
    ]  # fmt: skip
    assert "Python code" not in str([one.unjudged for one in with_code])


# ------------------------------------------------------------------------------------------------- under another one


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ({}, {"must": [{"that": "args.cents < 300", "because": "too much"}]}, "refused"),
        ({}, {"review": [BIG]}, "reviewed"),
        ({"review": [BIG]}, {}, "allowed"),
        ({"review": [BIG]}, {"must": [{"that": "args.cents < 300", "because": "too much"}]}, "refused"),
    ],
)
def test_call_that_would_go_otherwise_is_found_with_its_rule(then, now, expected):
    run = paid(then)
    found = backtest(run.entries, terms(run), terms(now))
    assert newly(found) == {"refused": 0, "reviewed": 0, "allowed": 0} | {expected: 1}
    (difference,) = found.newly(expected)
    asked = next(one.seq for one in run.entries if isinstance(one.event, CallAsked) and one.event.tool == "refund")
    assert (difference.run, difference.seq, difference.tool) == ("r_1", asked, "refund")
    (cause,) = causes(found.newly(expected), expected)
    assert cause.because == ("big sums need a person" if expected != "refused" else "too much")
    assert cause.rule.startswith("tools.refund.")
    assert cause.examples == (difference,)


def test_what_follows_a_call_that_goes_otherwise_is_in_no_share():
    run = paid()
    now = terms({"review": [BIG]}, done={"review": {"because": "look at it", "by": "boss"}})
    found = backtest(run.entries, terms(run), now)
    assert (found.calls, found.later, found.stopped) == (2, 1, 1)
    assert newly(found)["reviewed"] == 1
    assert [(one.tool, one.later) for one in found.differing] == [("refund", False), ("done", True)]
    before, after = load_of(found)
    assert (before.calls, before.most) == (0, 0)
    assert (after.calls, after.most, after.by_role, after.most_by_role) == (
        1,
        2,
        {"finance": 1},
        {"finance": 1, "boss": 1},
    )
    assert (after.per_100_runs, after.most_per_100_runs) == (100.0, 200.0)


def test_done_is_judged_by_what_it_has_to_prove():
    run = paid()
    now = terms({}, done={"must": [{"that": 'output.status == "unknown"', "because": "say unknown"}]})
    found = backtest(run.entries, terms(run), now)
    (cause,) = causes(found.newly("refused"), "refused")
    assert (cause.tool, cause.rule, cause.because) == ("done", "done.must[0]", "say unknown")
    other = terms({}, gives={"type": "object", "properties": {"state": {"type": "string"}}})
    assert backtest(run.entries, terms(run), other).unjudged == {
        "the output has another shape in one of the contracts": 1
    }


def test_rejected_output_may_be_newly_allowed():
    rule = {"that": 'output.status == "unknown"', "because": "say unknown"}
    run = Story(desk(order(), done={"must": [rule]}))
    run.asks_for(done(status="paid"))
    run.settle_down()
    found = backtest(run.entries, terms(run), Terms(desk(order()).contract))
    assert newly(found) == {"refused": 0, "reviewed": 0, "allowed": 1}


def test_tool_that_is_no_more_and_evidence_that_is_wanted_now():
    run = paid()
    gone = Terms(desk(order()).contract)
    (cause,) = causes(backtest(run.entries, terms(run), gone).newly("refused"), "refused")
    assert (cause.rule, cause.because) == ("tools", "refund is not among the tools")
    wants = {"needs": {"get_order": {"order": '"A-2"'}}}
    (cause,) = causes(backtest(run.entries, terms(run), terms(wants)).newly("refused"), "refused")
    assert (cause.rule, cause.because) == ("tools.refund.needs.get_order", "")
    assert "read get_order(order='A-2') first" in cause.examples[0].after.rules[0].because


def test_other_reviewers_are_no_other_verdict_and_end_what_is_known():
    run = paid({"review": [BIG]})
    found = backtest(run.entries, terms(run), terms({"review": [BIG | {"by": "boss", "people": 2}]}))
    assert newly(found) == {"refused": 0, "reviewed": 0, "allowed": 0}
    assert [one.change for one in found.differing] == [None]
    assert (found.stopped, found.later) == (1, 1)
    assert [load.by_role for load in load_of(found)] == [{"finance": 1}, {"boss": 2}]


def test_run_under_a_third_contract_counts_up_to_where_it_went_otherwise():
    """Neither of the two said then what was said: what came after is neither's."""
    run = paid({"review": [BIG]})
    found = backtest(run.entries, terms({}), terms({}))
    assert (found.own, found.calls, found.later, found.differing) == (0, 2, 1, [])


def test_limits_that_would_have_been_passed_are_said():
    run = paid(limits={"steps": 5})
    found = backtest(run.entries, terms(run), terms({}, limits={"steps": 2}))
    assert found.limits == {"steps": 1}
    assert (found.stopped, found.later) == (1, 1)
    assert backtest(run.entries, terms({}, limits={"steps": 2}), terms(run)).limits == {}


def test_call_answered_before_the_contract_was_asked_is_counted_apart():
    run = Story(desk(order(), (refund(), {"must": [{"that": "false", "because": "never"}]}), refund("mail")))
    run.asks_for(PAY, call("mail", order="A-1"))
    run.settle_down()
    found = backtest(run.entries, terms(run), terms(run))
    assert (found.calls, found.beside) == (1, 1)


# ------------------------------------------------------------------------------------------------------------ together


def test_many_runs_are_added_up_and_few_examples_are_named():
    run = paid()
    tests = [backtest(run.entries, terms(run), terms({"review": [BIG]})) for _ in range(5)]
    found = together(tests)
    assert (found.runs, found.own, found.calls, found.later) == (5, 5, 10, 5)
    assert found.by_tool == {"get_order": 5, "refund": 5}
    assert found.verdicts == ({"allow": 10}, {"allow": 5, "review": 5})
    (cause,) = causes(found.newly("reviewed"), "reviewed")
    assert (cause.calls, len(cause.examples)) == (5, 3)
    assert load_of(found)[1].per_100_runs == 100.0
    assert load_of(found)[1].per_day is None  # all opened at one moment
    assert together([]) == nothing()


def test_reviews_a_day_follow_from_how_far_apart_runs_were_opened():
    run = paid()
    found = backtest(run.entries, terms(run), terms({"review": [BIG]}))
    later = backtest(run.entries, terms(run), terms({"review": [BIG]}))
    later.first = later.last = found.first + 12 * 3_600_000_000
    assert load_of(together([found, later]))[1].per_day == pytest.approx(2.0)


def test_day_at_the_kiosk_is_a_golden_one():
    """What is on disk can be made again: the same code makes the same journal."""
    journal, names = asyncio.run(kiosk.day())
    again, _ = asyncio.run(kiosk.day())
    assert all(asyncio.run(journal.read(name)) == asyncio.run(again.read(name)) for name in names)
