"""Order and number: before, never, at_most."""

from __future__ import annotations

from holdfast.evals.grading.order import at_most, before, never
from holdfast.models.scripted import ask, call
from tests.core.story import order, refund
from tests.evals.ended import LOOK, OK, agent, ended, pay, play, whys

PAIR = [("get_order", "refund")]


def test_the_first_is_answered_before_the_second_is_started():
    run = play(agent(), LOOK, pay(), OK)
    assert whys(before, ended(run, before=PAIR)) == []
    assert whys(before, ended(run, before=[("refund", "done")])) == []
    assert whys(before, ended(run)) == []


def test_it_holds_where_the_second_never_was():
    assert whys(before, ended(play(agent(), OK), before=PAIR)) == []
    assert whys(before, ended(play(agent(), call("refund", order=3), OK), before=PAIR)) == []


def test_a_first_that_came_too_late_or_never_or_in_vain_is_told_apart():
    late = play(agent(), pay(), LOOK, OK)
    (why,) = whys(before, ended(late, before=PAIR))
    assert "and get_order was answered only after that, in entry" in why
    (why,) = whys(before, ended(play(agent(), pay(), OK), before=PAIR))
    assert why.endswith("and get_order had not been called")
    (why,) = whys(before, ended(play(agent(), call("get_order", order=3), pay(), OK), before=PAIR))
    assert why.endswith("and get_order had been called and gave no result")
    (why,) = whys(before, ended(play(agent(), pay(), call("get_order", order=3), OK), before=PAIR))
    assert why.endswith("and get_order was called only after that, and gave no result")


def test_the_first_start_is_what_counts():
    run = play(agent(), pay(), LOOK, pay(5), OK)
    assert len(whys(before, ended(run, before=PAIR))) == 1


def test_a_question_can_come_before():
    run = play(agent(), ask("which?"))
    run.says("A-1")
    run.settle_down()
    run.answers(pay())
    run.settle_down()
    assert whys(before, ended(run, before=[("ask", "refund")])) == []
    unasked = play(agent(), pay(), OK)
    assert len(whys(before, ended(unasked, before=[("ask", "refund")]))) == 1


def test_never_is_about_asking_whatever_came_of_it():
    run = play(agent(), LOOK, call("refund", order=3), OK)
    assert whys(never, ended(run, never=["refund"])) == ["refund was asked for once, and must not be"]
    assert whys(never, ended(run, never=["ask"])) == []
    assert whys(never, ended(run)) == []
    assert whys(never, ended(play(agent(), call("nonsense"), call("nonsense"), OK), never=["nonsense"])) == [
        "nonsense was asked for twice, and must not be"
    ]


def test_never_is_also_about_an_answer_that_was_not_taken_up():
    run = play(agent())
    run.answers(pay(), finish="length")
    run.settle_down()
    assert "CallAsked" not in {type(entry.event).__name__ for entry in run.entries}
    (miss,) = never(ended(run, never=["refund"]))
    assert type(run.entries[miss.seqs[0] - 1].event).__name__ == "ModelAnswered"


def test_at_most_counts_started_calls_and_not_their_attempts():
    run = play(agent(), pay(), pay(5), call("refund", order=3), OK)
    assert whys(at_most, ended(run, at_most={"refund": 1})) == ["refund was started twice, and may be once"]
    assert whys(at_most, ended(run, at_most={"refund": 2, "get_order": 0})) == []
    assert whys(at_most, ended(run, at_most={"refund": 0, "done": 1})) == [
        "refund was started twice, and may be not at all"
    ]
    assert whys(at_most, ended(run)) == []
    again = play(agent(refund(keyed=True, times=2)))
    again.answers(pay())
    again.settle_down()
    again.breaks("timeout", "unknown")
    again.after("1m").settle_down()
    assert [type(entry.event).__name__ for entry in again.entries].count("CallStarted") == 2
    assert whys(at_most, ended(again, at_most={"refund": 1})) == []


def test_what_the_machine_reads_again_is_none_of_the_models_calls():
    terms = {"needs": {"get_order": {"order": "args.order"}}, "fresh": "1s", "review": [{"because": "always"}]}
    run = play(agent(order(), (refund(), terms)), LOOK, pay())
    run.after("1h").person("approve")
    run.settle_down()
    run.returns({"order": "A-1", "paid": 1290}, "get_order")
    asked = [entry.event for entry in run.entries if type(entry.event).__name__ == "CallAsked"]
    assert any(event.serves for event in asked)
    assert whys(at_most, ended(run, at_most={"get_order": 1})) == []
    (why,) = whys(never, ended(run, never=["get_order"]))
    assert "once" in why
