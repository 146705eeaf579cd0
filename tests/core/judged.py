"""Calls put before the contract, for the tests of policy."""

from __future__ import annotations

from holdfast.events import CallJudged
from holdfast.models.scripted import call
from tests.core.story import Story, desk, order, refund

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)
NEEDS = {"needs": {"get_order": {"order": "args.order"}}}


def must(*conditions, **more):
    return {"must": [{"that": one, "because": f"because {at}"} for at, one in enumerate(conditions)], **more}


def proposes(grant, wanted=PAY, given=None, **terms) -> CallJudged:
    """What is judged of a write that the model proposes first of all."""
    run = Story(desk(order(), (refund(), grant), **terms), given)
    run.asks_for(wanted)
    run.settle_down()
    return run.last(CallJudged)


def rules(judged):
    return [(fired.rule, fired.verdict) for fired in judged.rules]


def having_read(terms, result=None, *, tools=(), wanted=PAY, read=LOOK, **reading) -> Story:
    """After the model has seen one reading, and proposed a write on it."""
    run = Story(desk(order(**reading), (refund(), terms), *tools))
    run.asks_for(read)
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns(result if result is not None else {"paid": 5})
    run.asks_for(wanted)
    return run
