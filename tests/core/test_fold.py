"""Fold: what is known after one more entry, or Bug; never anything else, and never a changed past."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.codec import value_of
from holdfast.core.decide import decide
from holdfast.core.fold import fold, fold_all
from holdfast.core.pending import outlook, outlook_of, pending
from holdfast.core.state import State
from holdfast.errors import Bug
from holdfast.events import (
    AFTER_CLOSE,
    FOLD,
    Contradiction,
    Entry,
    Erased,
    Inline,
    Loaded,
    Noted,
    Paused,
    RunClosed,
    Said,
    Unknown,
)
from holdfast.models.scripted import ask, call
from tests.core import strategies
from tests.core.story import START, Story, desk, order, refund
from tests.core.walk import Walk

PAY = call("refund", order="A-1", cents=4)


def long_story() -> Story:
    """A run with something of everything, open."""
    run = Story(desk(order(), (refund(), {"review": [{"because": "people decide"}], "amendable": ["cents"]})))
    run.asks_for(call("get_order", order="A-1"), PAY, ask("why?"))
    run.then(
        "CallAsked get_order", "CallAsked refund", "CallAsked ask", "CallJudged allow", "CallStarted 1",
        "CallJudged review tools.refund.review[0]", "PersonAsked review", "CallJudged allow",
    )  # fmt: skip
    run.returns({"paid": 5})
    run.amends(cents=3)
    run.then("QuestionWithdrawn void", "CallJudged allow", "CallStarted 1")
    run.returns({"id": "re"}, effect_id="re")
    run.then("CallJudged review", "PersonAsked question requester")
    run.says("because")
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review")
    return run


def closed_story() -> Story:
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.cancels()
    run.then("RunClosed cancelled")
    return run


OPEN, CLOSED = long_story(), closed_story()


def after(run, event):
    return Entry("r_1", run.state.seq + 1, run.at, 0, "test", event)


# ----------------------------------------------------------------------------------------------------- what follows


def test_a_run_begins_with_its_opening():
    first = OPEN.entries[0]
    assert fold(None, first).opened == first.event
    for wrong in (msgspec.structs.replace(first, seq=2), msgspec.structs.replace(first, event=Noted("a", "b"))):
        with pytest.raises(Bug, match="begins with RunOpened"):
            fold(None, wrong)


def test_a_run_is_opened_once():
    with pytest.raises(Bug):
        fold(OPEN.state, after(OPEN, OPEN.entries[0].event))


@pytest.mark.parametrize("off", [-1, 1, 100])
def test_entries_follow_each_other_without_gaps(off):
    entry = after(OPEN, Noted("a", "b"))
    with pytest.raises(Bug, match="cannot follow entry"):
        fold(OPEN.state, msgspec.structs.replace(entry, seq=entry.seq + off))


def test_nothing_can_be_folded_of_nothing():
    with pytest.raises(Bug):
        fold_all([])


def test_time_never_runs_backwards_within_a_run():
    early = msgspec.structs.replace(after(OPEN, Noted("a", "b")), at=START - 1)
    assert fold(OPEN.state, early).at == OPEN.state.at


@settings(deadline=None)
@given(strategies.events)
def test_a_closed_run_takes_only_what_may_come_after_the_end(event):
    """SEMANTICS rule 35."""
    if type(event) in AFTER_CLOSE:
        try:
            state = fold(CLOSED.state, after(CLOSED, event))
        except Bug:
            return
        assert state.closed == CLOSED.state.closed
    else:
        with pytest.raises(Bug, match=rf"a closed run cannot take a {type(event).__name__} \(run r_1, entry 5\)"):
            fold(CLOSED.state, after(CLOSED, event))


# ------------------------------------------------------------------------------------------------- never anything else


@settings(deadline=None, max_examples=400)
@given(
    strategies.events | strategies.near(len(OPEN.entries)), st.sampled_from(range(1, len(OPEN.entries) + 1))
)  # fmt: skip
def test_any_entry_gives_a_state_or_bug_and_the_state_before_is_as_it_was(event, upto):
    state = fold_all(OPEN.entries[:upto])
    try:
        later = fold(state, Entry("r_1", upto + 1, OPEN.at, 0, "test", event))
    except Bug:
        later = None
    assert state == fold_all(OPEN.entries[:upto])
    if later is not None:
        assert isinstance(later, State)
        assert later.seq == upto + 1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_no_state_changes_once_it_was_given(seed):
    """States share lists; what one holds must not depend on what was folded after it."""
    run = Walk(seed).go(30)
    states: list[State] = []
    for entry in run.entries:
        states.append(fold(states[-1] if states else None, entry))
    for upto, state in enumerate(states, 1):
        assert state == fold_all(run.entries[:upto])


# ----------------------------------------------------------------------------------------------------------- bodies


def with_bodies(entries, make):
    """The same entries with every body replaced."""

    def swapped(value):
        if isinstance(value, Inline):
            return make(value.value)
        if isinstance(value, tuple):
            return tuple(map(swapped, value))
        return value

    out = []
    for entry in entries:
        fields = {name: swapped(getattr(entry.event, name)) for name in entry.event.__struct_fields__}
        out.append(msgspec.structs.replace(entry, event=msgspec.structs.replace(entry.event, **fields)))
    return out


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_a_body_that_was_kept_elsewhere_is_as_good_as_one_in_its_place(seed):
    """SEMANTICS rule 13."""
    run = Walk(seed).go(30)
    loaded = fold_all(with_bodies(run.entries, lambda value: Loaded("ref", 1, value)))
    plain = [
        (name, getattr(run.state, name))
        for name in State.__struct_fields__
        if name not in ("opened", "answered", "closed")
    ]
    assert [(name, getattr(loaded, name)) for name, _ in plain] == plain
    assert decide(run.bound, loaded, run.moment) == decide(run.bound, run.state, run.moment)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_a_run_whose_bodies_are_erased_can_still_be_folded_shown_and_told_how_it_stands(seed):
    """SEMANTICS rule 13: every pure function takes bodies that are gone."""
    run = Walk(seed).go(30)
    state = fold_all(with_bodies(run.entries, lambda _: Erased("ref", 1)))
    assert state.closed == run.state.closed or value_of(state.closed.output) is None
    assert outlook(state).status in ("working", "closed")
    outlook_of(run.bound, state, run.moment)
    pending(run.bound, state, run.moment)
    decide(run.bound, state, run.moment)


# ----------------------------------------------------------------------------------------- what is not understood


def test_an_unknown_kind_may_be_shown_and_is_not_driven():
    """SEMANTICS rule 14."""
    state = fold(OPEN.state, after(OPEN, Unknown("Dreamt", b"{}")))
    assert state.strange == "Dreamt"
    assert state.seq == OPEN.state.seq + 1
    assert decide(OPEN.bound, state, OPEN.moment) == ()
    assert pending(OPEN.bound, state, OPEN.moment) == ()
    later = fold(state, msgspec.structs.replace(after(OPEN, Noted("a", "b")), seq=state.seq + 1))
    assert later.strange == "Dreamt"


@pytest.mark.parametrize(("version", "driven"), [(FOLD, True), (FOLD + 1, False), ("", True)])
def test_a_run_that_counts_on_a_later_meaning_of_entries_is_not_driven(version, driven):
    """SEMANTICS rule 14."""
    run = Story(desk(order()), versions={"fold": str(version)})
    assert bool(decide(run.bound, run.state, run.moment)) is driven


# ----------------------------------------------------------------------------------------------------- single entries


def test_opening_says_who_is_excluded_and_where_things_come_from():
    run = Story(desk(order()), {"order": "A-1"}, by="opener", on_behalf_of="ann")
    assert run.state.speakers == {"opener", "ann"}
    assert [source.name for source in run.state.sources] == ["input"]
    assert run.state.label.trusted


def test_input_that_somebody_else_wrote_taints_the_run_and_is_a_source_of_its_own():
    takes = {"type": "object", "properties": {"letter": {"type": "string", "x-untrusted": True}}}
    run = Story(desk(order(), takes=takes), {"order": "A-1", "letter": "pay me"})
    assert [(source.name, source.trusted) for source in run.state.sources] == [("input", True), ("untrusted:1", False)]
    assert not run.state.label.trusted
    clean = Story(desk(order(), takes=takes), {"order": "A-1"})
    assert clean.state.label.trusted


def test_attachments_are_never_trusted():
    file = Inline({"name": "a.txt", "media": "text/plain", "data": "cGF5IG1l"})
    assert not Story(desk(order()), attachments=(file,)).state.label.trusted
    run = Story(desk(order()))
    run.append(Said(Inline("see there"), "opener", attachments=(file,)))
    assert not run.state.label.trusted


def test_of_a_note_only_its_name_is_known():
    before = OPEN.state
    later = fold(before, after(OPEN, Noted("svc:detector", "loop", 0.9)))
    assert later.found == ("loop",)
    assert msgspec.structs.replace(later, seq=before.seq, at=before.at, found=()) == before


def test_a_contradiction_that_is_recorded_is_not_recorded_twice():
    run = Story(desk(order()))
    run.append(Contradiction((3, 4), "both cannot be"))
    assert run.state.conflict == ()
    assert run.state.contradiction == "both cannot be"


def test_pausing_needs_no_reason():
    run = Story(desk(order()))
    run.append(Paused("rita"))
    run.then()
    run.resumes()
    run.then("ModelAsked")


def test_a_run_that_closes_lists_what_nobody_could_settle_once():
    run = Story(desk(order()))
    run.append(RunClosed("stopped", "enough", unresolved=(7, 9, 7)))
    assert run.state.unresolved == (7, 9)
