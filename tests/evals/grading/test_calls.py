"""The quick look at calls: it says of order what the trace says, which takes longer."""

from __future__ import annotations

import pytest

from holdfast.evals.grading.calls import calls
from holdfast.models.scripted import ask, call
from holdfast.views.trace import trace
from tests.core.story import Story, order, refund
from tests.evals.ended import LOOK, OK, agent, pay, play


def sure() -> Story:
    return play(agent(), LOOK, pay(), OK)


def amended() -> Story:
    review = {"review": [{"because": "always"}], "amendable": ["cents"]}
    run = play(agent(order(), (refund(), review)), LOOK, pay(), OK)
    run.amends(cents=5)
    run.settle_down()
    return run


def looked_up() -> Story:
    run = play(agent(refund(lookup=True)))
    run.answers(pay())
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.looked("found", {"id": "re_9"})
    return run


def looked_up_in_vain() -> Story:
    run = play(agent(refund(lookup=True)))
    run.answers(pay())
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.looked("absent")
    return run


def in_doubt_and_settled() -> Story:
    run = play(agent(refund()))
    run.answers(pay())
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.settle_down()
    run.settles("happened")
    return run


def late() -> Story:
    run = play(agent(refund()))
    run.answers(pay())
    run.settle_down()
    start = run.call("refund").seq
    run.breaks("timeout", "unknown", ended=False)
    run.settle_down()
    run.returns_late({"id": "re_1"}, start)
    return run


def refused() -> Story:
    return play(agent(), call("nonsense"), call("refund", order=3), OK)


def broken() -> Story:
    run = play(agent(order()))
    run.answers(LOOK)
    run.settle_down()
    run.breaks()
    return run


@pytest.mark.parametrize(
    "told", [sure, amended, looked_up, looked_up_in_vain, in_doubt_and_settled, late, refused, broken]
)
def test_it_says_what_the_trace_says(told):
    run = told()
    seen = trace(run.entries).calls
    quick = calls(run.entries)
    assert list(quick) == sorted(seen)
    for seq, brief in quick.items():
        one = seen[seq]
        assert (brief.tool, brief.effect, brief.args, brief.serves) == (
            one.tool,
            one.effect,
            one.args.value,
            one.serves,
        )
        if one.effect != "builtin":
            assert brief.started == (one.tried[0].seq if one.tried else 0)
            assert brief.answered == (one.answered if one.ok else 0)


def test_a_question_is_answered_by_whom_it_was_put_to():
    run = play(agent(), ask("which order?"))
    (asked,) = calls(run.entries).values()
    assert (asked.started, asked.answered) == (asked.seq, 0)
    run.says("A-1")
    assert calls(run.entries)[asked.seq].answered == run.state.seq
    other = play(agent(), ask("how much?", "finance"))
    other.says("hello")
    assert [one.answered for one in calls(other.entries).values()] == [0]
    other.person("answer", text="fifty")
    assert [one.answered for one in calls(other.entries).values()] == [other.state.seq]
