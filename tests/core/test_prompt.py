"""The prompt: what a model is told, how it grows, and what it weighs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.codec import canonical, keyed
from holdfast.core import prompt
from holdfast.core.prompt import WINDOW, WORDING, output_of, output_schema
from holdfast.dialogue import Answered, Attached, Result, Told
from holdfast.events import Erased, Fired, Inline, ModelAsked, Wanted
from holdfast.models.scripted import ask, call, say
from tests.core.story import SECRET, Story, desk, order, refund

LOOK = call("get_order", order="A-1")
READ = ("CallAsked get_order", "CallJudged allow", "CallStarted 1")


def told_at_once(*tools, given=None, **terms):
    run = Story(desk(*tools, **terms), given, tenant="acme", tags={"team": "eu"}, on_behalf_of="ann")
    run.then("ModelAsked")
    return prompt.request(run.bound, run.state)


# ------------------------------------------------------------------------------------------------------ the frame


def test_a_request_holds_what_an_adapter_needs():
    request = told_at_once(order(), given={"order": "A-1"})
    assert (request.run, request.step, request.attempt, request.model) == ("r_1", 1, 1, "first")
    assert request.timeout == 180_000_000
    assert [segment.text for segment in request.segments] == ['{"order":"A-1"}']
    assert not request.speaks
    assert told_at_once(order(), conversation=True).speaks


def test_the_system_text_has_the_task_the_frame_and_the_instructions():
    text = told_at_once(order(), instructions="  Be kind.\n").system
    assert text.startswith("# Task\nDecide one refund.")
    assert WORDING["frame"] in text
    assert WORDING["finish"] in text
    assert text.endswith("# Instructions\nBe kind.")


@pytest.mark.parametrize(
    ("terms", "has", "has_not"),
    [
        ({}, ["finish"], ["converse"]), ({"conversation": True}, ["finish", "converse"], []),
        ({"conversation": True, "gives": None}, ["converse"], ["finish"]),
    ],
)  # fmt: skip
def test_a_model_is_told_how_it_may_end(terms, has, has_not):
    request = told_at_once(order(), **terms)
    assert all(WORDING[word] in request.system for word in has)
    assert not any(WORDING[word] in request.system for word in has_not)
    assert ("done" in [offer.name for offer in request.offers]) == ("finish" in has)


def test_of_the_circumstances_it_knows_what_the_contract_lists():
    known = told_at_once(order(), context=["now", "tenant", "requester", "tags"]).system.partition("# Known\n")[2]
    assert known.splitlines() == ["the run began at 2027-01-15 08:00:00Z", "tenant: acme", "requester: ann", "team: eu"]
    assert "# Known" not in told_at_once(order()).system


def test_tools_are_offered_in_the_contracts_order_the_calls_every_agent_has_last():
    offers = told_at_once(order(), refund()).offers
    assert [offer.name for offer in offers] == ["get_order", "refund", "ask", "decline", "done", "more"]
    assert offers[0].description == "Everything known of one order."
    assert set(offers[0].schema["properties"]) == {"order"}


@pytest.mark.parametrize(
    ("gives", "args", "output"),
    [
        ({"type": "object", "properties": {"a": {}}}, {"a": 1}, {"a": 1}), ({"type": "object"}, {"value": 1}, {"value": 1}),
        ({"type": "string"}, {"value": "x"}, "x"), ({"type": "string"}, {"valve": "x"}, {"valve": "x"}), ({"type": "string"}, "x", "x"),
        ({"$ref": "#/$defs/X", "$defs": {"X": {}}}, {"a": 1}, {"a": 1}),
    ],
)  # fmt: skip
def test_an_output_that_is_no_object_is_given_as_a_value(gives, args, output):
    assert output_of(gives, args) == output
    schema = output_schema(gives)
    assert schema is gives or list(schema["properties"]) == ["value"]


def test_every_word_the_machine_says_is_in_one_place_with_a_digest(monkeypatch):
    before = prompt.wording_digest()
    monkeypatch.setitem(prompt.WORDING, "done", "Finish.")
    assert prompt.wording_digest() != before


# ------------------------------------------------------------------------------------------------------------ growth


def test_a_request_names_what_is_new_and_the_rest_by_the_request_before_it():
    run = Story(desk(order()))
    first = run.then("ModelAsked")
    assert (first.add, first.base) == (((1, 0),), 0)
    run.answers(LOOK, say("looking"))
    run.then(*READ)
    run.says("hurry")
    run.returns({"paid": 5})
    second = run.then("ModelAsked")
    assert (second.add, second.base) == (((3, 0), (8, 0), (7, 0)), 2)
    assert [type(segment) for segment in run.state.transcript] == [Told, Answered, Result, Told]


def test_the_rolling_digest_is_of_everything_shown_so_far():
    """SEMANTICS A6: two manifests are the same if their rolling digests are."""
    run = Story(desk(order()))
    first = run.then("ModelAsked")
    assert first.rolling == keyed(SECRET, "manifest", "", "1.0")
    run.answers(LOOK)
    run.settle_down()
    run.returns({})
    second = run.then("ModelAsked")
    assert second.rolling == keyed(SECRET, "manifest", first.rolling, *(f"{seq}.{part}" for seq, part in second.add))


def test_a_second_attempt_shows_what_the_first_did_and_what_was_said_since():
    run = Story(desk(order()))
    run.then("ModelAsked")
    run.fails("overloaded")
    run.says("hurry")
    second = run.after("1s").then("ModelAsked")
    assert second.add == ((4, 0),)
    assert run.told() == ['{"order":"A-1"}', "hurry"]


def test_a_step_costs_the_same_at_a_hundred_steps_as_at_ten():
    """SEMANTICS history 23, with the manifest included."""
    run = Story(desk(order(), limits={"steps": 200, "repeats": 1000, "context": 10**8}))
    run.then("ModelAsked")
    sizes = []
    for step in range(100):
        before = sum(len(data) for data, _ in run.stored)
        run.answers(call("get_order", order=f"A-{step % 10}"))
        run.settle_down()
        run.returns({"paid": step % 10})
        run.settle_down()
        sizes.append(sum(len(data) for data, _ in run.stored) - before)
    assert sum(sizes[90:]) < 1.05 * sum(sizes[5:15])
    assert max(len(entry.event.add) for entry in run.entries if isinstance(entry.event, ModelAsked)) <= 2


# ----------------------------------------------------------------------------------------------------------- results


def test_a_long_result_is_shown_through_a_window_and_the_rest_on_demand():
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then(*READ)
    text = "".join(f"{at:06} " for at in range(4_000))
    run.returns({"text": text})
    run.then("ModelAsked")
    whole = canonical({"text": text}).decode()
    shown = run.told()[-1]
    answer = run.state.transcript[-1].ref[0]
    assert shown.startswith(whole[:WINDOW])
    assert shown.endswith(
        f'[characters 0 to {WINDOW} of {len(whole)}; the rest: more(result="{answer}", start={WINDOW})]'
    )
    assert prompt.full_text(run.state.transcript[-1], run.state) == whole
    assert prompt.full_text(run.state.transcript[0], run.state) is None
    second = prompt.window(whole, WINDOW, answer)
    assert second.startswith(whole[WINDOW : 2 * WINDOW])
    assert f"[characters {WINDOW} to {2 * WINDOW} of {len(whole)}; the rest: more(" in second
    assert prompt.window(whole, 2 * WINDOW, answer).endswith(
        f"[characters {2 * WINDOW} to {len(whole)} of {len(whole)}]"
    )
    assert prompt.window(whole, len(whole), answer) == f"[the result has {len(whole)} characters]"


@settings(deadline=None)
@given(st.integers(0, 4 * WINDOW), st.integers(0, 5 * WINDOW))
def test_windows_put_side_by_side_are_the_whole(length, start):
    text = "abcdefghij" * (length // 10) + "k" * (length % 10)
    shown, at = "", start
    while at < length:
        piece = prompt.window(text, at, 7).partition("\n[characters")[0]
        shown, at = shown + piece, at + len(piece)
    assert shown == text[start:]


def test_a_result_that_fits_is_shown_as_it_is():
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.settle_down()
    run.returns("x" * (WINDOW - 2))
    run.then("ModelAsked")
    assert run.told()[-1] == "x" * (WINDOW - 2)
    assert run.state.long_results == {}


def test_of_a_refusal_the_model_is_told_every_reason_once_that_is_not_secret():
    rules = [
        Fired("a", "refuse", "too much"), Fired("b", "refuse", "too much"), Fired("c", "review", "ask"), Fired("d", "refuse", "x", secret=True),
    ]  # fmt: skip
    assert prompt.refusal(rules) == "refused: too much"
    assert prompt.refusal(rules[2:], "failed") == "failed: the contract does not allow it"


def test_a_call_of_an_answer_that_could_not_stand_has_a_result_too():
    """Providers want one for every call."""
    made = prompt.unadmitted(7, 1, Wanted("c2", "get_order", "{}"))
    assert (made.ref, made.id, made.failed) == ((7, 2), "c2", True)


def test_an_attachment_that_was_erased_says_so():
    (gone,) = prompt.attached((Erased("ref", 7),))
    assert gone.name == "erased"
    (kept,) = prompt.attached((Inline({"name": "a.png", "media": "image/png", "data": "aGk="}),))
    assert kept == Attached("a.png", "image/png", "aGk=")


# ------------------------------------------------------------------------------------------------------------ weight


@settings(deadline=None)
@given(st.text(max_size=50), st.text(max_size=50))
def test_no_segment_weighs_less_than_the_bytes_of_its_text(text, args):
    """A tokenizer makes no more tokens than there are bytes: so a reservation is never too small."""
    args = args.encode(errors="replace").decode()
    text = text.encode(errors="replace").decode()
    size = len(text.encode())
    assert prompt.weight(Told((1, 0), "said", text)) >= size
    assert prompt.weight(Result((1, 0), "c", "t", text)) >= size
    wanted = (Wanted("c1", "get_order", args),)
    assert prompt.weight(Answered((1, 0), text, wanted)) >= size + len(args.encode()) + len("get_order")
    assert prompt.weight(Answered((1, 0), text, (), "", {"kept": text})) >= size + len(canonical({"kept": text}))
    file = Attached("a.txt", "text/plain", "x" * 9_000)
    assert prompt.weight(Told((1, 0), "said", text, (file,))) >= size + 9_000


def test_the_weight_of_a_run_is_that_of_what_it_showed():
    run = Story(desk(order()))
    run.asks_for(LOOK, ask("which?"))
    run.settle_down()
    run.returns({"paid": 5})
    run.settle_down()
    run.says("A-1")
    run.settle_down()
    assert run.state.weight == sum(map(prompt.weight, run.state.transcript))


def test_the_weight_of_the_frame_is_that_of_its_text_and_tools():
    small, large = Story(desk(order())), Story(desk(order(), refund(), instructions="x" * 1000))
    assert prompt.base_weight(large.bound, large.state) > prompt.base_weight(small.bound, small.state) + 1000
    assert prompt.base_weight(small.bound, small.state) >= len(prompt.system(small.bound, small.state).encode())


def test_the_system_text_of_a_run_is_made_once_and_kept_for_so_many_runs(monkeypatch):
    agent = desk(order(), context=["requester"])
    ann, otto = (Story(agent, on_behalf_of=name, name=f"r_{name}") for name in ("ann", "otto"))
    monkeypatch.setattr(prompt, "MAX_SYSTEMS", 1)
    for run, name in ((ann, "ann"), (otto, "otto"), (ann, "ann")):
        text = prompt.system(agent.bound, run.state)
        assert f"requester: {name}" in text
        assert prompt.system(agent.bound, run.state) is text
        assert len(agent.bound.systems) == 1
