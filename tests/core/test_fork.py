"""A fork: it knows what the other run knew, and may nothing of what the other run might."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from holdfast.codec import GENESIS, canonical, chain, decode, encode, keyed
from holdfast.core.fold import fold_all
from holdfast.core.fork import Otherwise, begun, carried_out, fork, own, reviewed
from holdfast.core.pending import RunCall, pending
from holdfast.core.state import Spent
from holdfast.errors import NotAllowed, UsageError
from holdfast.events import (
    CallReturned,
    CallStarted,
    ContractAdopted,
    Entry,
    Erased,
    Inline,
    Loaded,
    Noted,
    Parent,
    Resumed,
    RunClosed,
    Said,
    Stored,
    Unknown,
)
from holdfast.models.scripted import ask, call
from holdfast.views.trace import trace
from tests.core.story import SECRET, START, Story, desk, order, refund
from tests.core.walk import Walk, Watch

PAY = call("refund", order="A-1", cents=4)
LATER = START + 7 * 86_400 * 10**6
"""A week after: longer than any run here may take."""


AGENTS: dict[str, Any] = {}
"""Contract → the agent of a test that has it."""


def told_on(run: Story, entries: Any) -> Story:
    """The story of a fork, after the entries it begins with have been through their bytes."""
    other = run.copy()
    if (adopted := [entry.event for entry in entries if isinstance(entry.event, ContractAdopted)]) and AGENTS:
        other.agent = AGENTS[adopted[-1].contract_digest]
        other.bound = other.agent.bound
    other.entries, other.stored, other._state = [], [], None
    other.name, other.flying, other.gone = entries[0].run, set(), frozenset()
    prev = GENESIS
    for entry in entries:
        data = encode(entry)
        other.stored.append((data, chain(prev, data)))
        other.entries.append(decode(data, prev, other.stored[-1][1]))
        prev = other.stored[-1][1]
    other._state = fold_all(other.entries)
    other.at = max(other.at, other.state.at)
    return other


def forked(run: Story, upto: int = 0, **options: Any) -> Story:
    given = {"by": "fay", "at": LATER} | options
    return told_on(run, fork(run.entries[: upto or None], "r_2", **given))


def keys(entries: Any) -> set[str]:
    return {entry.event.key for entry in entries if isinstance(entry.event, CallStarted) and entry.event.key}


def prefixes(seed: int, share: float) -> tuple[Story, Any]:
    """A run at random, and its entries up to some place before its end."""
    run = Walk(seed).go(40)
    last = next((entry.seq for entry in run.entries if isinstance(entry.event, RunClosed)), len(run.entries) + 1) - 1
    return run, run.entries[: 1 + round(share * (last - 1))]


anywhere = given(st.integers(0, 2**32), st.floats(0, 1))

# ------------------------------------------------------------------------------------------------- at any entry at all


@settings(deadline=None, max_examples=150)
@anywhere
def test_a_run_can_be_forked_at_any_entry_before_its_end(seed, share):
    """SEMANTICS rule 36: nothing open is inherited, and everything known is."""
    run, prefix = prefixes(seed, share)
    before, after = fold_all(prefix), told_on(run, fork(prefix, "r_2", by="fay", at=LATER)).state
    assert after.opened.forked_from == Parent("r_1", len(prefix))
    assert all(one.status == "answered" for one in after.calls.values()), "and such a call never starts again"
    assert after.questions == {}
    assert after.asking is None or after.asking.status != "running"
    same = (
        "label",
        "effects",
        "evidence",
        "effect_ids",
        "sources",
        "transcript",
        "said",
        "heard",
        "grants",
        "input",
        "contract_digest",
    )
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert after.speakers == before.speakers | {"fay"}
    assert (after.opened.key, after.opened.parent, after.opened.mode, after.opened.live) == ("", None, "simulate", ())


@settings(deadline=None, max_examples=150)
@anywhere
def test_no_key_of_the_other_run_is_anywhere_in_a_fork(seed, share):
    _, prefix = prefixes(seed, share)
    data = b"".join(encode(entry) for entry in fork(prefix, "r_2", by="fay", at=LATER))
    assert not [key for key in keys(prefix) if key.encode() in data]


@settings(deadline=None, max_examples=100)
@anywhere
def test_a_fork_lives_on_by_the_same_rules_and_under_keys_of_its_own(seed, share):
    """Whatever happens to it: `Walk` looks at what may never be, and here at what it is about to do in the world."""
    run, prefix = prefixes(seed, share)
    walk = Walk(seed)
    walk.run = told_on(run, fork(prefix, "r_2", by="fay", at=LATER))
    walk.watch = Watch(walk.run)
    old, first = keys(run.entries), len(walk.run.entries)
    for _ in range(15):
        walk.decided()
        state = walk.run.state
        due = [one for one in pending(walk.run.bound, state, walk.run.moment) if isinstance(one, RunCall)]
        assert not [one for one in due if state.calls[one.call].key in old or one.start <= first]
        walk.world()
    assert not keys(walk.run.entries[first:]) & old
    assert fold_all(walk.run.entries) == walk.run.state


@settings(deadline=None, max_examples=100)
@anywhere
def test_what_the_other_run_cost_is_told_apart(seed, share):
    run, prefix = prefixes(seed, share)
    before, after = fold_all(prefix), told_on(run, fork(prefix, "r_2", by="fay", at=LATER)).state
    assert after.inherited == msgspec.structs.replace(before.spent, reserved=0)
    assert own(after) == Spent()
    assert own(before) == before.spent
    assert after.opened_at == LATER


@settings(deadline=None, max_examples=50)
@anywhere
def test_a_fork_can_be_shown_and_forked_again(seed, share):
    run, prefix = prefixes(seed, share)
    once = told_on(run, fork(prefix, "r_2", by="fay", at=LATER))
    assert len(trace(once.entries).calls) == len(trace(prefix).calls)
    again = fork(once.entries, "r_3", by="gus", at=LATER)
    state = fold_all(again)
    assert (state.opened.forked_from, state.opened.forked_by) == (Parent("r_2", len(once.entries)), ("fay", "gus"))
    assert {"fay", "gus"} <= state.speakers
    assert state.opened.tree == "r_1"


@settings(deadline=None, max_examples=50)
@anywhere
def test_the_same_fork_is_the_same_entries(seed, share):
    _, prefix = prefixes(seed, share)
    assume(len(prefix) > 1)
    assert fork(prefix, "r_2", by="fay", at=LATER) == fork(list(prefix), "r_2", by="fay", at=LATER)
    assert [one.at for one in fork(prefix, "r_2", by="fay", at=LATER)][: len(prefix)] == [one.at for one in prefix]


# ----------------------------------------------------------------------------------------------------- what is closed


def test_a_write_under_way_is_unknown_and_counts_as_one_that_may_have_been():
    run = Story(desk((refund(keyed=True), {"at_most": 1})))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    other = forked(run)
    assert other.call("refund").said == (
        "failed: what became of it is unknown: it was begun before this run was forked, and not performed here"
    )
    other.asks_for(PAY)
    other.then("CallAsked refund", "CallJudged refuse tools.refund.at_most", "ModelAsked")


def test_a_doubt_is_a_question_to_people_of_the_other_run():
    run = Story(desk(refund()))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    run.breaks("timeout", "unknown", ended=False)
    run.then("DoubtRaised", "PersonAsked doubt")
    run.late(None, run.call("refund").seq, error="raised", fate="unknown")
    other = forked(run)
    assert other.last(Noted).finding == "doubt"
    assert (other.state.questions, other.state.unresolved) == ({}, ())
    other.then("ModelAsked")


def test_a_doubt_that_a_person_settled_is_as_it_was():
    run = Story(desk(refund(keyed=True, key_life="10m")))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    run.breaks("timeout", "unknown", ended=False)
    run.after("9m50s").then("DoubtRaised", "PersonAsked doubt")
    run.settles("did_not")
    assert run.call("refund").status == "cleared"
    other = forked(run)
    assert other.call("refund").status == "answered"
    other.then("ModelAsked")


def test_an_approval_is_not_inherited():
    run = Story(desk((refund(), {"review": [{"because": "people decide"}]})))
    run.asks_for(PAY)
    run.settle_down()
    run.person("approve")
    other = forked(run)
    other.asks_for(PAY)
    other.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review")


def test_a_request_under_way_is_made_again_and_costs_the_fork_nothing():
    run = Story(desk(refund()))
    run.then("ModelAsked")
    other = forked(run)
    assert (other.state.spent.charged, own(other.state)) == (0, Spent())
    asked = other.then("ModelAsked")
    assert (asked.step, asked.attempt) == (1, 2)


def test_a_question_to_the_requester_is_not_put_to_them_a_second_time():
    run = Story(desk())
    run.asks_for(ask("which?"))
    run.then("CallAsked ask", "CallJudged allow", "CallJudged review", "PersonAsked question requester")
    other = forked(run)
    assert other.state.questions == {}
    other.then("ModelAsked")


def test_what_the_model_has_not_been_shown_yet_is_taken_up():
    """An answer whose calls were not taken up has none that is open: the fork judges them as its own."""
    run = Story(desk(order()))
    run.asks_for(call("get_order", order="A-1"))
    forked(run).then("CallAsked get_order", "CallJudged allow", "CallStarted 1")


def test_a_pause_of_the_other_run_does_not_hold_the_fork():
    run = Story(desk(order()))
    run.pauses()
    other = forked(run)
    other.then("ModelAsked")
    run.then()


def test_time_of_the_other_run_does_not_count_against_the_fork():
    run = Story(desk(order(), limits={"wall": "1h"}))
    forked(run).then("ModelAsked")
    run.at = LATER
    run.then("LimitReached wall", "PersonAsked limit wall")


def rests_on_a_reading(**options: Any) -> Story:
    """The fork of a run that read an order a moment ago, a week after; its model wants to refund it."""
    needs = {"needs": {"get_order": {"order": "args.order"}}, "fresh": "10m"}
    run = Story(desk(order(), (refund(keyed=True), needs)))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"paid": 900})
    other = told_on(run, fork(run.entries, "r_2", by="fay", at=LATER, **options))
    other.asks_for(PAY)
    return other


def test_what_a_fork_only_records_rests_on_what_was_fresh_then():
    """Otherwise the world of today would answer for the day of the other run, and undo what was edited."""
    other = rests_on_a_reading()
    other.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    again = told_on(other, fork(other.entries, "r_3", by="gus", at=LATER * 2 - START))
    again.asks_for(PAY)
    again.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


def test_what_it_only_records_grows_stale_with_the_fork_s_own_time():
    other = rests_on_a_reading()
    other.after("11m").then(
        "CallAsked refund", "CallJudged allow", "CallAsked get_order", "CallJudged allow", "CallStarted 1"
    )


def test_what_it_really_does_rests_on_what_is_fresh_today():
    other = rests_on_a_reading(live=["refund"])
    other.then("CallAsked refund", "CallJudged allow", "CallAsked get_order", "CallJudged allow", "CallStarted 1")


# -------------------------------------------------------------------------------------------------- bodies


def test_bodies_that_are_kept_beside_the_chain_stay_there():
    """So what is erased for the one is erased for the other."""
    run = Story(desk(order()))
    kept, gone = Loaded("ref_1", 5, "+49170"), Erased("ref_2", 6)
    for seq, body in ((2, kept), (3, gone)):
        run.entries.append(Entry("r_1", seq, START, 0, "ann", Said(body, "ann", (body,) if body is gone else ())))
    begun = fork(run.entries, "r_2", by="fay", at=LATER)
    assert begun[1].event.text == Stored("ref_1", 5)
    assert begun[2].event.attachments == (Stored("ref_2", 6),)
    assert b"+49170" not in b"".join(encode(entry) for entry in begun)


# ----------------------------------------------------------------------------------------------- where there is no fork


def test_a_run_is_not_forked_at_its_end_nor_after_what_is_not_understood():
    run = Story(desk(order()))
    strange = Entry("r_1", 2, START, 0, "w", Unknown("Dreamt", b"{}"))
    with pytest.raises(UsageError, match="the kind Dreamt"):
        fork([*run.entries, strange], "r_2", by="fay", at=LATER)
    run.cancels()
    run.settle_down()
    with pytest.raises(UsageError, match=r"closed there \(run r_1, entry 3\)"):
        fork(run.entries, "r_2", by="fay", at=LATER)
    for entries in ([], run.entries[1:2]):
        with pytest.raises(UsageError, match="from the first on"):
            fork(entries, "r_2", by="fay", at=LATER)


def test_only_the_writes_of_tools_that_are_named_are_carried_out():
    run = Story(desk(refund()))
    opened = forked(run, live=["refund"]).state.opened
    assert [carried_out(opened, name) for name in ("refund", "other")] == [True, False]
    assert [carried_out(forked(run).state.opened, name) for name in ("refund", "other")] == [False, False]
    assert carried_out(run.state.opened, "refund")


# ------------------------------------------------------------------------------------- live, and whose writes were held


def fired(run: Story) -> list[str]:
    return [one.rule for one in run.call("refund").rules if one.verdict == "review"]


@pytest.mark.parametrize("mode", ["supervise", "simulate"])
def test_a_live_write_in_the_fork_of_a_run_that_made_none_unseen_goes_before_a_person(mode):
    """The fork's own mode hides that of the other run; what was held back there is held back here."""
    run = Story(desk(refund(keyed=True)), mode=mode)
    other = forked(run, live=["refund"])
    assert other.state.opened.supervised
    other.asks_for(PAY)
    other.then("CallAsked refund", "CallJudged review mode", "PersonAsked review")
    assert "really done" in other.question().asked.text
    with pytest.raises(NotAllowed, match="fay opened, spoke or amended"):
        other.person("approve", by="fay")
    other.person("approve")
    other.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_a_live_write_in_the_fork_of_a_live_run_is_judged_as_its_contract_says():
    run = Story(desk(refund()))
    other = forked(run, live=["refund"])
    assert not other.state.opened.supervised
    other.asks_for(PAY)
    other.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


@pytest.mark.parametrize("mode", ["live", "supervise", "simulate"])
def test_what_a_fork_only_records_needs_nobody(mode):
    other = forked(Story(desk(refund()), mode=mode))
    other.asks_for(PAY)
    other.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    assert not carried_out(other.state.opened, "refund")


def test_a_live_write_in_the_fork_of_a_fork_goes_before_a_person():
    """What it rests on may have been recorded only. And what was live in the one is not in the other."""
    run = Story(desk(refund(keyed=True)))
    once = forked(run, live=["refund"])
    assert told_on(once, fork(once.entries, "r_3", by="gus", at=LATER)).state.opened.live == ()
    again = told_on(once, fork(once.entries, "r_3", by="gus", at=LATER, live=["refund"]))
    again.asks_for(PAY)
    again.then("CallAsked refund", "CallJudged review mode", "PersonAsked review")
    assert reviewed(again.state.opened, "refund")
    assert not reviewed(again.state.opened, "other")


def test_only_a_tool_of_the_contract_can_be_live():
    run = Story(desk(refund(), order()))
    with pytest.raises(
        UsageError, match=r"refnd is to be carried out.*no such tool(.|\n)*tools in it: get_order, refund"
    ):
        forked(run, live=["refnd"])
    assert forked(run, live=["refund", "refund"]).state.opened.live == ("refund",)
    narrow = Otherwise(contract=desk(order()).contract)
    with pytest.raises(UsageError, match="refund is to be carried out"):
        forked(run, live=["refund"], other=narrow)


# ------------------------------------------------------------------------------------------------- what is otherwise


def read_once(*tools: Any, **options: Any) -> Story:
    """A run whose reading of an order stands in entry 6, and which was not told of it yet."""
    run = Story(desk(order(trust="trusted"), *tools), **options)
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"paid": 900})
    assert isinstance(run.entries[6].event, CallReturned)
    return run


def test_an_edited_result_stands_where_the_returned_one_stood_and_says_whose_it_is():
    run = read_once()
    other = forked(run, other=Otherwise(results={7: {"paid": 5}}), secret=SECRET)
    event = other.entries[6].event
    assert (event.edited, event.result, event.label) == ("fay", Inline({"paid": 5}), run.entries[6].event.label)
    assert event.digest == keyed(SECRET, "result", canonical({"paid": 5}))
    assert other.state.edited == {7: "fay"}
    assert (other.last(Noted).finding, other.last(Noted).evidence) == ("edited", (7,))
    assert b"900" not in b"".join(data for data, _ in other.stored)
    other.then("ModelAsked")
    assert other.told()[-1] == '{"paid":5}'
    assert (run.state.edited, run.state.evidence["get_order"][-1].value) == ({}, {"paid": 900})
    assert other.state.evidence["get_order"][-1].value == {"paid": 5}


def test_an_edit_is_told_in_the_fork_of_a_fork():
    once = forked(read_once(), other=Otherwise(results={7: {"paid": 5}}), secret=SECRET)
    again = told_on(once, fork(once.entries, "r_3", by="gus", at=LATER))
    assert again.state.edited == {7: "fay"}
    twice = told_on(once, fork(once.entries, "r_3", by="gus", at=LATER, other=Otherwise(results={7: 1})))
    assert twice.state.edited == {7: "gus"}


def test_a_live_write_beside_an_edited_result_goes_before_a_person():
    run = read_once(refund(keyed=True))
    other = forked(run, live=["refund"], other=Otherwise(results={7: {"paid": 5}}), secret=SECRET)
    other.asks_for(PAY)
    other.then("CallAsked refund", "CallJudged review fork", "PersonAsked review")
    assert "entry 7 is fay's own" in other.question().asked.text
    recorded = forked(run, other=Otherwise(results={7: {"paid": 5}}), secret=SECRET)
    recorded.asks_for(PAY)
    recorded.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


@pytest.mark.parametrize(
    ("seq", "what"), [(1, "RunOpened"), (4, "CallAsked"), (8, "after entry 7"), (0, "after entry"), (-1, "after entry")]
)
def test_only_a_result_can_be_edited(seq, what):
    with pytest.raises(UsageError, match=f"no result stands there.*{what}"):
        forked(read_once(), other=Otherwise(results={seq: 1}))


def test_what_was_only_recorded_has_no_result_to_edit():
    run = Story(desk(refund()), mode="simulate")
    run.asks_for(PAY)
    run.settle_down()
    run.fact(CallReturned(run.call().seq, 1, Inline(None), complete="simulated"))
    with pytest.raises(UsageError, match="of a call that was simulated"):
        forked(run, other=Otherwise(results={run.state.seq: 1}))


def test_a_result_that_was_answered_upon_cannot_be_edited():
    """An answer that was given upon the one result never stands beside another."""
    run = read_once()
    run.then("ModelAsked")
    edit = Otherwise(results={7: {"paid": 5}})
    assert forked(run, other=edit, secret=SECRET).last(Resumed).forked, (
        "the request is made anew, with the other result"
    )
    run.answers(PAY)
    with pytest.raises(UsageError, match=r"entry 9 rests on what was returned there(.|\n)*at an entry from 7 to 8"):
        forked(run, other=edit, secret=SECRET)


def test_a_result_that_a_write_was_begun_upon_cannot_be_edited():
    run = Story(desk(order(), (refund(), {"needs": {"get_order": {"order": "args.order"}}, "fresh": "1m"})))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"paid": 900})
    run.then("ModelAsked")
    run.after("2m").answers(PAY)
    run.settle_down()
    run.returns({"paid": 900})
    read_again = run.state.seq
    run.settle_down()
    assert isinstance(run.entries[-1].event, CallStarted)
    with pytest.raises(UsageError, match=f"entry {run.state.seq} rests on"):
        forked(run, other=Otherwise(results={read_again: {"paid": 0}}), secret=SECRET)


@pytest.fixture
def elsewhere(monkeypatch):
    """The desk, with another model and other instructions in its contract."""
    made = desk(order(), models=["second"], instructions="Be brief.")
    monkeypatch.setitem(AGENTS, made.contract.digest, made)
    return made


def test_another_contract_is_an_entry_of_the_fork(elsewhere):
    run = Story(desk(order()))
    other = forked(run, other=Otherwise(contract=elsewhere.contract))
    assert other.last(ContractAdopted).by == "fay"
    assert (other.state.contract, other.state.contract_digest) == (elsewhere.contract.data, elsewhere.contract.digest)
    assert other.then("ModelAsked").model == "second"
    assert run.then("ModelAsked").model == "first"


def test_the_same_contract_is_no_entry():
    run = Story(desk(order()))
    other = forked(run, other=Otherwise(contract=desk(order()).contract))
    assert not [entry for entry in other.entries if isinstance(entry.event, ContractAdopted)]


def test_a_request_under_way_is_made_to_the_other_model(elsewhere):
    run = Story(desk(order()))
    run.then("ModelAsked")
    asked = forked(run, other=Otherwise(contract=elsewhere.contract)).then("ModelAsked")
    assert (asked.model, asked.step, asked.attempt) == ("second", 1, 2)


def test_a_request_that_failed_for_good_is_made_anew(elsewhere):
    """Whether the same model fails again, and how often another may, is the fork's own matter."""
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.fails("auth")
    assert forked(run).then("ModelAsked").model == "first"
    assert forked(run, other=Otherwise(contract=elsewhere.contract)).then("ModelAsked").model == "second"
    run.then("RunClosed failed")


def test_what_people_wanted_of_the_other_run_does_not_end_the_fork():
    for end in ("cancels", "stop", "take"):
        run = Story(desk(order()))
        if end == "cancels":
            run.cancels()
        else:
            run = Story(desk((refund(), {"review": [{"because": "people decide"}]})))
            run.asks_for(PAY)
            run.settle_down()
            run.person(end)
        forked(run).then("ModelAsked")


def test_a_ceiling_that_is_still_reached_is_found_to_be():
    run = Story(desk(order(), limits={"steps": 1}))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"paid": 900})
    run.then("LimitReached steps", "PersonAsked limit steps")
    forked(run).then("LimitReached steps", "PersonAsked limit steps")


def test_a_contract_with_more_of_a_limit_lets_the_fork_go_on(monkeypatch):
    more = desk(order(), limits={"steps": 2})
    monkeypatch.setitem(AGENTS, more.contract.digest, more)
    run = Story(desk(order(), limits={"steps": 1}))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"paid": 900})
    run.settle_down()
    forked(run, other=Otherwise(contract=more.contract)).then("ModelAsked")


def test_a_fork_begins_in_the_epoch_it_is_made_in():
    """Nothing of it can be in what was lost."""
    other = forked(Story(desk(refund())), live=["refund"], epoch=2)
    other.epoch = 2
    assert (other.state.epoch, other.state.recovered) == (2, 0)
    other.asks_for(PAY)
    other.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


@settings(deadline=None, max_examples=50)
@anywhere
def test_where_a_fork_s_own_entries_begin_is_known(seed, share):
    run, prefix = prefixes(seed, share)
    walk = Walk(seed)
    walk.run = told_on(run, fork(prefix, "r_2", by="fay", at=LATER))
    first = len(walk.run.entries)
    walk.run.settle_down()
    assert (begun(walk.run.entries), begun(prefix), begun(())) == (first, 0, 0)
    again = fork(walk.run.entries, "r_3", by="gus", at=LATER) if walk.run.state.closed is None else ()
    assert begun(again) == len(again)


@settings(deadline=None, max_examples=100)
@anywhere
def test_a_fork_of_a_fork_knows_what_the_fork_knew(seed, share):
    """What the first fork began with is told in the second one as it was in the first."""
    run, prefix = prefixes(seed, share)
    walk = Walk(seed)
    walk.run = told_on(run, fork(prefix, "r_2", by="fay", at=LATER))
    walk.watch = Watch(walk.run)
    for _ in range(6):
        walk.decided()
        if walk.run.state.closed is not None:
            return
        walk.world()
    once = walk.run
    assume(once.state.closed is None)
    twice = fold_all(fork(once.entries, "r_3", by="gus", at=LATER + 1)[: once.state.seq])
    for name in (
        "spent",
        "limit",
        "asking",
        "epoch",
        "counted",
        "effects",
        "stop",
        "rejections",
        "paused",
        "transcript",
    ):
        assert getattr(twice, name) == getattr(once.state, name), name
