"""Facts that come when nobody waits for them: a fact is never dropped, it is kept in the form that is legal then."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.fold import fold
from holdfast.core.late import fit
from holdfast.events import (
    CallFailed,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    Entry,
    Inline,
    ModelAnswered,
    ModelAnsweredLate,
    ModelFailed,
    Said,
)
from holdfast.models.scripted import call
from tests.core.story import DEAR, Story, desk, order, refund
from tests.core.walk import Walk

PAY = call("refund", order="A-1", cents=4)


def writing(**options) -> Story:
    run = Story(desk(refund(**options)), prices={"first": DEAR})
    run.asks_for(PAY, cost=0)
    run.settle_down()
    return run


def test_a_fact_about_a_running_attempt_stands_as_it_is():
    run = Story(desk(order()))
    run.then("ModelAsked")
    for fact in (ModelAnswered(2), ModelFailed(2, "timeout", "unknown")):
        assert fit(run.state, fact) is fact
    run = writing()
    for fact in (CallReturned(4, 1, Inline({})), CallFailed(4, 1, "timeout", "unknown")):
        assert fit(run.state, fact) is fact


@pytest.mark.parametrize("where", ["superseded", "closed"])
def test_an_answer_of_a_model_to_any_other_attempt_is_late(where):
    """SEMANTICS rule 16."""
    run = Story(desk(order()), prices={"first": DEAR})
    run.then("ModelAsked")
    if where == "superseded":
        run.taken_over().settle_down()
    else:
        run.cancels()
        run.settle_down()
    late = fit(run.state, ModelAnswered(2, cost=7, took=3))
    assert late == ModelAnsweredLate(2, 7, took=3)
    assert fit(run.state, ModelFailed(2, "connection", "not_done")) == ModelAnsweredLate(2, 0)
    assert fit(run.state, ModelFailed(2, "timeout", "unknown")) is None


@pytest.mark.parametrize("where", ["superseded", "unsure", "doubt", "closed"])
def test_a_result_to_any_other_attempt_is_late_and_keeps_what_it_says(where):
    run = writing(keyed=where == "superseded", lookup=where == "unsure")
    if where == "closed":
        run.cancels()
    run.breaks("timeout", "unknown")
    run.after("1m").settle_down()
    late = run.fact(CallReturned(4, 1, Inline({"id": "re"}), effect_id="re", took=5))
    assert late == CallReturnedLate(4, 1, Inline({"id": "re"}), effect_id="re", took=5)


def test_work_that_was_started_says_nothing_of_what_became_of_it_when_it_is_late():
    run = writing()
    run.breaks("timeout", "unknown")
    run.settle_down()
    late = fit(run.state, CallReturned(4, 1, Inline({"handle": "h"}), complete="started"))
    assert (late.result, late.fate) == (None, "unknown")


def test_a_failure_that_proves_an_attempt_over_is_kept_and_one_that_proves_nothing_is_not():
    run = writing()
    run.breaks("timeout", "unknown", ended=False)
    run.settle_down()
    kept = fit(run.state, CallFailed(4, 1, "raised", "unknown"))
    assert isinstance(kept, CallReturnedLate)
    assert (kept.error, kept.fate, kept.result) == ("raised", "unknown", None)


def test_a_look_up_is_kept_while_it_is_needed_and_afterwards_only_if_it_contradicts():
    run = writing(lookup=True)
    run.breaks("timeout", "unknown")
    answers = [CallLookedUp(4, 1, answer) for answer in ("absent", "cannot_tell", "pending")]
    found = CallLookedUp(4, 1, "found", "re", Inline({"id": "re"}))
    assert [fit(run.state, fact) for fact in (*answers, found)] == [*answers, found]
    run.looked("found", {"id": "re"})
    assert [fit(run.state, fact) for fact in (*answers, found)] == [None] * 4
    ruled = writing(lookup=True)
    ruled.breaks("timeout", "unknown")
    ruled.looked("absent")
    ruled.settle_down()
    assert [fit(ruled.state, fact) for fact in answers] == [None] * 3
    assert isinstance(fit(ruled.state, found), CallReturnedLate)


def test_any_other_fact_is_taken_as_it_is():
    run = writing()
    fact = Said(Inline("hello"), "ann")
    assert fit(run.state, fact) is fact


ATTEMPTS = st.tuples(st.integers(2, 40), st.integers(1, 4))


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32), st.lists(st.tuples(ATTEMPTS, st.integers(0, 6)), max_size=8))
def test_whatever_a_performer_learned_can_be_appended_or_says_nothing_new(seed, facts):
    """In whatever state the run is by then, open or closed: rule 5, a fact is in or it is late; it is never dropped for ever."""
    run = Walk(seed).go(25)
    for (seq, attempt), kind in facts:
        fact = [
            ModelAnswered(seq, cost=1), ModelFailed(seq, "timeout", "unknown"), CallReturned(seq, attempt, Inline({"id": "x"})),
            CallFailed(seq, attempt, "raised", "unknown"), CallFailed(seq, attempt, "raised", "not_done"),
            CallLookedUp(seq, attempt, "absent"), CallLookedUp(seq, attempt, "found", "x", Inline({"id": "x"})),
        ][kind]  # fmt: skip
        fitted = fit(run.state, fact)
        if fitted is None:
            assert not isinstance(fact, ModelAnswered | CallReturned), "a result always says something"
            continue
        if type(fitted) is type(fact) and not isinstance(
            fact, ModelAnswered | ModelFailed | CallReturned | CallFailed | CallLookedUp
        ):
            continue
        fold(run.state, Entry("r_1", run.state.seq + 1, run.at, 0, "w", fitted))


def test_the_same_answer_of_an_attempt_that_was_written_off_is_kept_too():
    """An earlier attempt answered it: what became of the last one is known only once that says it itself."""
    run = writing(keyed=True)
    run.breaks("timeout", "unknown", ended=False)
    run.after("1m").then("CallStarted 2")
    run.breaks("timeout", "unknown", ended=False)
    run.returns_late({"id": "re"}, 4, attempt=1)
    assert (run.call(4).ok, run.call(4).alive) == (True, (2,))
    assert isinstance(run.returns_late({"id": "re"}, 4, attempt=2), CallReturnedLate)
    assert run.call(4).alive == ()


def test_a_fact_that_is_in_already_is_not_appended_again():
    """SEMANTICS rule 6: its append was reported as failed, and had got in."""
    run = writing()
    for fact in (run.last(ModelAnswered), CallReturned(4, 1, Inline({"id": "re"}), "digest")):
        run.fact(fact)
        assert fit(run.state, fact) is None
    failed = writing()
    fact = failed.breaks("refused")
    assert fit(failed.state, fact) is None
