"""Decisions that rested on what other runs held, and on what somebody had stopped, come out the same from the entries alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from holdfast.core.state import Stop
from holdfast.events import Held
from holdfast.models.scripted import call
from holdfast.views.replay import Replay
from tests.core.story import SECRET, Story, desk, order, refund

PAY = call("refund", order="A-1", cents=400)
LOOK = call("get_order", order="A-1")
DAILY = {"per": "args.order", "window": "1d", "sum": "args.cents", "at_most": 1000}


def passed_by_a_person() -> Story:
    run = Story(desk((refund(), {"across": DAILY | {"else": "review", "by": "finance"}})))
    run.elsewhere["across"] = Held(900)
    run.asks_for(PAY)
    run.settle_down()
    run.person("approve", roles=["finance"])
    run.elsewhere["across"] = Held(950)
    run.settle_down()
    assert run.call("refund").status == "running"
    return run


def refused_with_the_figures() -> Story:
    run = Story(desk((refund(), {"across": DAILY})))
    run.elsewhere["across"] = Held(777)
    run.asks_for(PAY)
    run.settle_down()
    assert "777 of 1,000" in run.told()[-1]
    return run


def within_the_limit_beside_others() -> Story:
    run = Story(desk((refund(), {"across": DAILY})))
    run.elsewhere["across"] = Held(600)
    run.asks_for(PAY)
    run.settle_down()
    return run


def waited_for_a_place() -> Story:
    run = Story(desk((order(), {"at_once": 2, "rate": {"calls": 9, "per": "1m"}})))
    run.elsewhere["at_once"] = Held(1, "r_9")
    run.asks_for(LOOK, call("get_order", order="A-2"))
    run.settle_down()
    assert run.state.awaits
    run.after("1m")
    run.returns({}, run.state.turn[0])
    run.settle_down()
    assert not run.state.awaits
    return run


def waited_for_its_turn() -> Story:
    run = Story(desk(order(), one_at_a_time="input.order"))
    run.elsewhere["turn"] = Held(1, "r_9")
    run.settle_down()
    run.says("are you there?")
    run.settle_down()
    run.elsewhere["turn"] = Held()
    run.after("1m").settle_down()
    assert run.state.asking is not None
    return run


def broke_and_was_held_back() -> Story:
    run = Story(desk((order(), {"breaker": {"failures": 2, "within": "30s"}})))
    run.elsewhere["breaker"] = Held(1)
    run.asks_for(LOOK)
    run.settle_down()
    run.breaks("timeout", "not_done")
    run.after("5s").settle_down()
    assert run.state.awaits
    run.after("30s").settle_down()
    return run


def stopped_and_let_go_on() -> Story:
    run = Story(desk(order(), refund()))
    run.asks_for(LOOK, PAY)
    run.settle_down()
    run.stopped = Stop(7, "olga", "prices are wrong")
    run.settle_down()
    run.returns({}, "get_order")
    run.settle_down()
    run.returns({"id": "re"}, "refund")
    run.settle_down()
    run.stopped = Stop(9, "otto")
    run.settle_down()
    run.stopped = None
    run.settle_down()
    return run


def a_tool_was_stopped() -> Story:
    run = Story(desk(order(), refund()))
    run.stopped_tools = {"refund": Stop(7, "olga", "wrong account")}
    run.asks_for(LOOK, PAY)
    run.settle_down()
    run.returns({})
    run.settle_down()
    run.stopped_tools = {}
    run.settle_down()
    assert run.call("refund").status == "running"
    return run


STORIES = [
    passed_by_a_person, refused_with_the_figures, within_the_limit_beside_others, waited_for_a_place, waited_for_its_turn,
    broke_and_was_held_back, stopped_and_let_go_on, a_tool_was_stopped,
]  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@pytest.mark.parametrize("code", [True, False], ids=["with its code", "from the journal alone"])
def test_every_decision_comes_out_the_same(story: Callable[[], Story], code):
    run = story()
    found = Replay([run.agent] if code else []).of(run.entries, SECRET)
    assert found.divergence is None, found.divergence
    assert found.same == found.batches > 1
