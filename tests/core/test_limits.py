"""Ceilings: reserved before something starts, settled after it, never passed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core import prompt
from holdfast.core.limits import LEAST_OUTPUT, quote
from holdfast.events import LimitGranted, LimitReached, Price, Usage
from holdfast.models.scripted import call, done
from tests.core.story import DEAR, Story, desk, order

LOOK = call("get_order", order="A-1")
READ = ("CallAsked get_order", "CallJudged allow", "CallStarted 1")


def bytes_of(run) -> int:
    """What a request would send, at a byte a token."""
    return (
        prompt.base_weight(run.bound, run.state) + run.state.weight + sum(map(prompt.weight, prompt.to_show(run.state)))
    )


# ------------------------------------------------------------------------------------------------------------ money


def test_the_worst_case_of_a_request_is_reserved_before_it_is_made():
    """SEMANTICS rule 30."""
    run = Story(desk(order(), limits={"usd": "10", "output": 100}), prices={"first": Price(3_000, 15_000)})
    size = bytes_of(run)
    asked = run.then("ModelAsked")
    assert asked.reserved == -(-(size * 3_000 + 100 * 15_000) // 1000)
    assert asked.max_output == 100
    assert run.state.spent.charged == asked.reserved
    run.answers(LOOK, cost=123)
    assert run.state.spent.charged == 123


def test_the_answer_is_bounded_by_what_is_left():
    run = Story(desk(order(), limits={"output": 4096, "usd": "0.003"}), prices={"first": DEAR})
    left = 3_000_000 // 1000 - bytes_of(run)
    asked = run.then("ModelAsked")
    assert asked.max_output == left < 4096
    assert asked.reserved <= 3_000_000


def test_where_too_little_is_left_for_any_answer_the_limit_is_reached():
    run = Story(desk(order(), limits={"usd": "0.002"}), prices={"first": DEAR})
    enough = bytes_of(run) + LEAST_OUTPUT
    for usd, follows in ((enough, ["ModelAsked"]), (enough - 1, ["LimitReached usd", "PersonAsked limit usd"])):
        run = Story(desk(order(), limits={"usd": f"{usd / 1e6:f}"}), prices={"first": DEAR})
        run.then(*follows)


@pytest.mark.parametrize("price", [Price(0, 0), Price(0, 10**6), Price(10**6, 0)])
def test_a_price_may_be_nothing(price):
    run = Story(desk(order(), limits={"usd": "1"}), prices={"first": price})
    asked = run.then("ModelAsked")
    assert asked.max_output == 4096
    assert (asked.reserved == 0) == (price == Price(0, 0))


def test_a_prompt_may_cost_too_much_before_a_word_is_answered():
    run = Story(desk(order(), limits={"usd": "0.0005"}), prices={"first": Price(10**6, 0)})
    run.then("LimitReached usd", "PersonAsked limit usd")


def test_without_a_ceiling_or_a_price_nothing_is_reserved():
    for prices, limits in (({}, {"usd": "1"}), ({"first": DEAR}, {"usd": None})):
        run = Story(desk(order(), limits=limits), prices=prices)
        assert run.then("ModelAsked").reserved == 0


@pytest.mark.parametrize(
    ("quoted", "follows"), [(500, ["ModelAsked"]), (501, ["LimitReached usd", "PersonAsked limit usd"])]
)
def test_a_model_that_knows_what_it_costs_is_taken_at_its_word(quoted, follows):
    """A limit over recorded runs replays with the recorded cost as the reservation."""
    run = Story(desk(order(), limits={"usd": "0.0000005"}), prices={"first": DEAR})
    run.quotes = {"first": quoted}
    run.then(*follows)
    if quoted == 500:
        assert run.state.spent.reserved == 500


def test_an_attempt_that_may_have_been_billed_stays_charged_and_one_that_was_not_does_not():
    run = Story(desk(order(), limits={"usd": "10"}), prices={"first": DEAR})
    first = run.then("ModelAsked").reserved
    run.fails("overloaded", "not_done")
    assert run.state.spent.charged == 0
    second = run.after("1s").then("ModelAsked").reserved
    assert second == first
    run.fails("timeout", "unknown")
    assert run.state.spent.unsettled == second
    run.after("2s").then("ModelAsked")
    assert run.state.spent.charged == 2 * second
    run.answers(LOOK, cost=9, ask=run.state.asking.seq)
    assert run.state.spent.charged == second + 9


def test_a_late_answer_settles_what_was_held_for_it():
    run = Story(desk(order(), limits={"usd": "10"}), prices={"first": DEAR})
    run.then("ModelAsked")
    first = run.state.asking.seq
    run.taken_over().then("ModelFailed lost", "ModelAsked")
    reserved = run.state.spent.reserved
    run.answers(done(status="too late"), ask=first, cost=7)
    assert run.state.spent.charged == reserved + 7
    assert run.state.asking.status == "running"
    assert run.state.owed == {}


def test_a_late_answer_without_a_cost_settles_nothing():
    run = Story(desk(order(), limits={"usd": "10"}), prices={"first": DEAR})
    first = run.then("ModelAsked").reserved
    seq = run.state.asking.seq
    run.taken_over().then("ModelFailed lost", "ModelAsked")
    run.answers(ask=seq, cost=None)
    assert run.state.spent.unsettled == first


def test_an_answer_whose_cost_nobody_told_is_counted_as_such():
    run = Story(desk(order()))
    run.asks_for(LOOK, cost=None)
    assert (run.state.spent.unpriced, run.state.spent.nusd) == (1, 0)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.sampled_from(["answer", "unknown", "lost", "grant", "late"]), st.floats(0, 1)), max_size=14),
    st.integers(1, 8),
)
def test_what_is_charged_never_passes_the_ceiling(story, thousands):
    """Whatever fails, is lost, is settled late or granted: while every answer costs at most what was reserved for it."""
    ceiling = thousands * 2_000_000
    run = Story(
        desk(order(), limits={"usd": f"{ceiling / 1e9:f}", "retries": 100, "steps": 100}), prices={"first": DEAR}
    )
    lost: list[tuple[int, int]] = []
    for what, part in story:
        run.after("1h").settle_down()
        granted = sum(entry.event.amount for entry in run.entries if isinstance(entry.event, LimitGranted))
        assert run.state.spent.charged <= ceiling + granted
        asking = run.state.asking
        running = asking is not None and asking.status == "running"
        if what == "grant" and run.state.limit is not None:
            run.grants("usd", 1 + round(part * 3_000_000))
        elif what == "late" and lost:
            ask, reserved = lost.pop()
            run.answers(ask=ask, cost=round(part * reserved))
        elif running and what == "lost":
            lost.append((asking.seq, asking.reserved))
            run.taken_over()
        elif running and what == "unknown":
            lost.append((asking.seq, asking.reserved))
            run.fails("timeout", "unknown")
        elif running:
            run.answers(call("nonsense"), cost=round(part * asking.reserved), usage=Usage(1, 1))


# ------------------------------------------------------------------------------------------------ steps, context


def test_steps_are_counted_and_attempts_are_not():
    run = Story(desk(order(), limits={"steps": 2}))
    run.then("ModelAsked")
    run.fails("overloaded")
    run.after("1s").then("ModelAsked")
    run.answers(call("nonsense"))
    run.then("CallAsked nonsense", "CallJudged refuse arguments", "ModelAsked")
    run.answers(call("nonsense"))
    run.then("CallAsked nonsense", "CallJudged refuse arguments", "LimitReached steps", "PersonAsked limit steps")
    assert (run.last(LimitReached).used, run.last(LimitReached).ceiling) == (2, 2)


def test_a_prompt_may_grow_up_to_its_bound():
    run = Story(desk(order(), limits={"context": 6_000}))
    run.asks_for(LOOK)
    run.then(*READ)
    run.returns({"text": "x" * 6_000})
    run.then("LimitReached context", "PersonAsked limit context")
    run.grants("context", 12_000)
    run.then("ModelAsked")


@pytest.mark.parametrize("limit", ["steps", "usd", "context"])
def test_a_limit_that_is_raised_too_little_is_reached_again(limit):
    limits = {"steps": 1, "usd": "0.0005", "context": 1_000}
    run = Story(desk(order(), limits={limit: limits[limit]}), prices={"first": DEAR})
    if limit == "steps":
        run.asks_for(call("nonsense"), cost=1)
        run.then("CallAsked nonsense", "CallJudged refuse arguments", "LimitReached steps", "PersonAsked limit steps")
        run.grants("steps", 1)
        run.then("ModelAsked")
        run.answers(call("nonsense"), cost=1)
        run.settle_down()
    else:
        run.settle_down()
        assert run.state.limit.limit == limit
        run.grants(limit, 1)
        run.settle_down()
    assert run.state.limit.limit == limit
    assert run.question("limit").asked.limit == limit


def test_a_grant_of_another_limit_leaves_the_question_open():
    run = Story(desk(order(), limits={"steps": 1}))
    run.asks_for(call("nonsense"))
    run.settle_down()
    run.grants("usd", 10**9)
    run.then()
    assert run.question("limit")


@pytest.mark.parametrize(("verdict", "outcome"), [("stop", "stopped"), ("take", "escalated")])
def test_at_a_limit_a_person_may_also_stop_or_take_over(verdict, outcome):
    run = Story(desk(order(), limits={"steps": 1}))
    run.asks_for(call("nonsense"))
    run.settle_down()
    run.person(verdict)
    run.then(f"RunClosed {outcome}")


def test_a_quote_says_what_stands_in_the_way():
    run = Story(desk(order(), limits={"usd": "0.000001"}), prices={"first": DEAR})
    event = quote(run.bound, run.state, "first", run.moment, [])
    assert isinstance(event, LimitReached)
    assert (event.used, event.ceiling) == (0, 1_000)
