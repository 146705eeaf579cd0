"""A fork: it knows what the other run knew, and may nothing of what the other run might."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from holdfast.codec import GENESIS, chain, decode, encode
from holdfast.core.fold import fold_all
from holdfast.core.fork import carried_out, fork, own
from holdfast.core.pending import RunCall, pending
from holdfast.core.state import Spent
from holdfast.errors import UsageError
from holdfast.events import (
    CallReturned,
    CallStarted,
    Entry,
    Erased,
    Inline,
    Loaded,
    Noted,
    Parent,
    RunClosed,
    Said,
    Stored,
    Unknown,
)
from holdfast.models.scripted import ask, call
from holdfast.views.trace import trace
from tests.core.story import START, Story, desk, order, refund
from tests.core.walk import Walk, Watch

PAY = call("refund", order="A-1", cents=4)
LATER = START + 7 * 86_400 * 10**6
"""A week after: longer than any run here may take."""


def told_on(run: Story, entries: Any) -> Story:
    """The story of a fork, after the entries it begins with have been through their bytes."""
    other = run.copy()
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


# -------------------------------------------------------------------------------------------------- bodies, and tokens


def test_undo_tokens_stay_with_the_run_that_did_it():
    run = Story(desk(refund()))
    run.asks_for(PAY)
    run.settle_down()
    run.append(CallReturned(run.call().seq, 1, Inline({"id": "re"}), undo=Inline({"token": "t-1"})))
    assert b"t-1" in encode(run.entries[-1])
    assert b"t-1" not in b"".join(encode(entry) for entry in fork(run.entries, "r_2", by="fay", at=LATER))


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
