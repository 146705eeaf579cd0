"""Scripted models: which turn answers, what it says, and what happens where a script ends."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pydantic import BaseModel

from holdfast.dialogue import Answer, Answered, Attached, Result, Told
from holdfast.errors import UsageError
from holdfast.events import Price, Usage, Wanted
from holdfast.models.port import Model, ModelError
from holdfast.models.scripted import ask, call, decline, done, fail, raw, say, script, script_by


def answer(model, request):
    return asyncio.run(model.answer(request))


def fails(model, request):
    with pytest.raises(ModelError) as caught:
        answer(model, request)
    return caught.value


def test_step_n_is_answered_by_turn_n_in_any_order_and_any_run(prompt):
    model: Model = script(call("get_order", order_id="1017"), say("Moment."), done(status="shipped"))
    for run in ("r_1", "r_2"):
        for step in (3, 1, 2, 2):
            given = answer(model, prompt(run=run, step=step, attempt=step))
            assert (given.text, [one.tool for one in given.calls]) == [
                ("", ["get_order"]), ("Moment.", []), ("", ["done"]),
            ][step - 1]  # fmt: skip
            assert given.finish == ("stop" if step == 2 else "calls")
    assert model.price() == Price(0, 0)
    assert model.quote("r_1", 1) is None


def test_calls_are_written_as_json_with_ids_of_their_own(prompt):
    given = answer(script([say("Two."), call("a", x=1, tool="t"), call("b")]), prompt(model="stand-in"))
    assert given.calls == (Wanted("s1c1", "a", '{"tool":"t","x":1}'), Wanted("s1c2", "b", "{}"))
    assert (given.text, given.model) == ("Two.", "stand-in")


class Line(BaseModel):
    cents: int


class Decision(BaseModel):
    lines: list[Line]
    total: Decimal


@pytest.mark.parametrize(
    ("turn", "args"),
    [
        (done(status="shipped"), '{"status":"shipped"}'),
        (done({"status": "shipped"}), '{"status":"shipped"}'),
        (done(Decision(lines=[Line(cents=4)], total=Decimal("1.50"))), '{"lines":[{"cents":4}],"total":"1.50"}'),
        (done(lines=[Line(cents=4)]), '{"lines":[{"cents":4}]}'),
        (done(42), '{"value":42}'),
        (done("yes"), '{"value":"yes"}'),
        (done(None), '{"value":null}'),
        (done(), "{}"),
    ],
)
def test_done_takes_fields_an_object_or_a_value(turn, args, prompt):
    (only,) = answer(script(turn), prompt()).calls
    assert (only.tool, only.args) == ("done", args)


@pytest.mark.parametrize("wrong", [lambda: done(1, 2), lambda: done(1, x=2), lambda: done(object())])
def test_done_refuses_what_it_cannot_mean(wrong):
    with pytest.raises(UsageError):
        wrong()


def test_asking_and_declining_are_calls(prompt):
    model = script(ask("Which order?"), ask("May I?", of="finance"), decline("Not mine."))
    given = [answer(model, prompt(step=step)).calls[0] for step in (1, 2, 3)]
    assert [(one.tool, one.args) for one in given] == [
        ("ask", '{"of":"requester","question":"Which order?"}'),
        ("ask", '{"of":"finance","question":"May I?"}'),
        ("decline", '{"reason":"Not mine."}'),
    ]


def test_a_fail_takes_one_attempt_at_the_turn_after_it(prompt):
    model = script(
        say("One."), fail("rate_limited", "slow", retry_after=2.5), fail("timeout"), say("Two."), say("Three.")
    )
    assert answer(model, prompt(step=1, attempt=1)).text == "One."
    first, second = fails(model, prompt(step=2, attempt=1)), fails(model, prompt(step=2, attempt=2))
    assert (first.error, first.fate, first.retry_after, str(first)) == ("rate_limited", "not_done", 2.5, "slow")
    assert (second.error, second.fate, second.retry_after) == ("timeout", "unknown", None)
    for attempt in (3, 4, 3):
        assert answer(model, prompt(step=2, attempt=attempt)).text == "Two."
    assert answer(model, prompt(step=3)).text == "Three."


def test_fates_can_be_said_and_errors_must_exist(prompt):
    assert fails(script(fail("timeout", fate="not_done"), say("x")), prompt()).fate == "not_done"
    with pytest.raises(UsageError, match="ratelimited"):
        fail("ratelimited")


@pytest.mark.parametrize("turns", [(), (say("x"),), (say("x"), fail("server"))])
def test_past_the_end_says_whose_mistake_it_is(turns, prompt):
    caught = fails(script(*turns), prompt(step=2, attempt=2))
    assert (caught.error, caught.fate) == ("rejected", "not_done")
    for word in (f"the script has {min(len(turns), 1)} turns", "run r_1", "answer 2", "Where is order 1017?"):
        assert word in str(caught)


def test_a_fail_at_the_end_fails_and_then_the_script_is_over(prompt):
    model = script(fail("server"))
    assert fails(model, prompt(attempt=1)).error == "server"
    assert fails(model, prompt(attempt=2)).error == "rejected"


@pytest.mark.parametrize("wrong", ["text", None, [], ["x"], [fail("server")], [[say("x")]], 7])
def test_what_is_no_turn_is_refused_when_the_script_is_made(wrong):
    with pytest.raises(UsageError, match="turn 2"):
        script(say("x"), wrong)


def test_a_function_sees_the_request(prompt):
    def react(request):
        results = [one.text for one in request.segments if isinstance(one, Result)]
        if not results:
            return [call("get_order", order_id="1"), call("get_order", order_id="2")]
        if request.attempt == 1:
            return fail("overloaded")
        return done(seen=results)

    model = script(react, react, lambda _: Answer("As it is."), lambda _: None)
    assert len(answer(model, prompt(step=1)).calls) == 2
    history = (Told((1, 0), "input", "x"), Answered((2, 0), ""), Result((3, 0), "s1c1", "get_order", "shipped"))
    assert fails(model, prompt(*history, step=2)).error == "overloaded"
    assert answer(model, prompt(*history, step=2, attempt=2)).calls[0].args == '{"seen":["shipped"]}'
    assert answer(model, prompt(step=3)) == Answer("As it is.")
    with pytest.raises(UsageError, match="turn 4"):
        answer(model, prompt(step=4))


def test_raw_is_word_for_word(prompt):
    odd = Wanted("x", "get_order", "{broken")
    model = script(
        raw(calls=[odd]), raw(text="cut", finish="length"), raw(text="x", usage=Usage(7, 8, 9), cost=5), raw()
    )
    first, second, third, fourth = (answer(model, prompt(step=step)) for step in (1, 2, 3, 4))
    assert (first.calls, first.finish) == ((odd,), "calls")
    assert (second.text, second.finish) == ("cut", "length")
    assert (third.usage, third.cost) == (Usage(7, 8, 9), 5)
    assert (fourth.text, fourth.calls, fourth.finish) == ("", (), "stop")


def test_usage_is_by_length_whatever_was_kept(prompt):
    told = Told(
        (1, 0), "input", "x" * 40, (Attached("a", "text/plain", "y" * 8), Attached("b", "image/png", "y" * 9_000))
    )
    past = Answered((2, 0), "z" * 4, (Wanted("i", "tool", "a" * 4),))
    result = Result((3, 0), "i", "tool", "r" * 12)
    model, fresh = (script(*[say("abcdefgh")] * 2, price=Price(3, 4)) for _ in range(2))
    short = prompt(told, system="s" * 4, offers=())
    long = prompt(told, past, result, system="s" * 4, offers=(), step=2)
    assert answer(model, short).usage == Usage(763, 2)
    assert answer(model, long).usage == answer(fresh, long).usage == Usage(769, 2)
    assert answer(model, short).usage == Usage(763, 2)
    assert model.price() == Price(3, 4)


def test_a_script_can_depend_on_what_the_run_was_told_first(prompt):
    asked = []

    def choose(text):
        asked.append(text)
        return [say(f"About {text}."), done()] if text else ["wrong"]

    model = script_by(choose)
    for text in ("tea", "ink", "tea"):
        assert answer(model, prompt(Told((1, 0), "input", text))).text == f"About {text}."
    assert asked == ["tea", "ink"]
    with pytest.raises(UsageError):
        answer(model, prompt(Answered((1, 0), "")))
