"""Perform: asking models, and asking the other system what became of a write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import tool
from holdfast.codec import canonical, keyed
from holdfast.core.pending import AskModel, LookUp
from holdfast.dialogue import Answer
from holdfast.errors import SettingsError
from holdfast.events import CallLookedUp, Inline, ModelAnswered, Price, Usage, Wanted
from holdfast.models.port import ModelError
from holdfast.models.scripted import call
from holdfast.shell import deadline
from holdfast.shell.perform import Attempt, Performer
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, Pending, Started
from tests.core.story import DEAR, SECRET, START, Story, desk, order
from tests.shell.told import perform, stubborn

SOON = 0.02


class Asked:
    """A model that does what it is told once, and keeps the request."""

    def __init__(self, does: Any) -> None:
        self.does, self.request = does, None

    async def answer(self, request: Any) -> Answer:
        self.request = request
        if isinstance(self.does, BaseException):
            raise self.does
        return await self.does() if callable(self.does) else self.does


def ask(does: Any, *, prices: Any = None, clock: Any = lambda: 100.0, ends: float = 280.0) -> Any:
    run = Story(desk(order()), prices=prices or {})
    run.then("ModelAsked")
    model = Asked(does)
    performer = Performer({"first": model}.__getitem__, clock=clock, watch=iter(range(10**9, 10**12, 7_000)).__next__)
    attempt = Attempt(run.bound, run.state, SECRET, lambda: START, ends, [].append)
    return asyncio.run(perform(performer, AskModel(2), attempt)), model, run


def test_an_answer_is_recorded_as_it_was_given():
    answer = Answer("so", (Wanted("c", "get_order", "{}"),), "calls", Usage(7, 3), None, "first-2026", {"raw": 1})
    fact, model, _ = ask(answer)
    assert fact == ModelAnswered(
        2, Inline("so"), answer.calls, "calls", Usage(7, 3), None, "first-2026", Inline({"raw": 1}), took=7
    )
    assert (model.request.model, model.request.step) == ("first", 1)


def test_an_empty_text_is_no_body_and_a_model_that_answers_in_its_own_name_is_not_named_again():
    fact, _, _ = ask(Answer(model="first"))
    assert (fact.text, fact.model, fact.payload) == (None, "", None)


@pytest.mark.parametrize(
    ("cost", "prices", "recorded"),
    [(None, {}, None), (None, {"first": Price(1000, 2000)}, 13), (5, {"first": Price(1000, 2000)}, 5), (5, {}, 5)],
)
def test_a_cost_is_the_models_own_word_or_comes_from_the_price(cost, prices, recorded):
    assert ask(Answer(usage=Usage(7, 3), cost=cost), prices=prices)[0].cost == recorded


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        (ModelError("rate_limited", "slow down", fate="not_done", retry_after=2.5), ("rate_limited", "not_done", START + 2_500_000)),
        (ModelError("rate_limited", "slow down", fate="not_done", retry_after=0), ("rate_limited", "not_done", START)),
        (ModelError("server", "broken"), ("server", "unknown", 0)), (SettingsError("no key"), ("auth", "not_done", 0)),
        (KeyError("choices"), ("garbage", "unknown", 0)),
    ],
)  # fmt: skip
def test_a_failure_is_recorded_with_what_may_have_been_billed(error, recorded):
    fact, _, run = ask(error, prices={"first": DEAR})
    assert (fact.error, fact.fate, fact.retry_at) == recorded
    assert fact.unsettled == (run.state.spent.reserved if fact.fate == "unknown" else 0)
    assert str(error.args[0]) in fact.message
    assert run.fact(fact)


def test_a_request_whose_time_is_up_is_not_made():
    fact, model, _ = ask(Answer("so"), clock=lambda: 280.0)
    assert (fact.error, fact.fate, model.request) == ("timeout", "not_done", None)


def test_an_answer_that_does_not_come_is_not_waited_for_any_longer_and_may_have_been_billed():
    fact, _, run = ask(lambda: asyncio.Event().wait(), prices={"first": DEAR}, ends=100.0 + SOON)
    assert (fact.error, fact.fate) == ("timeout", "unknown")
    assert fact.unsettled == run.state.spent.reserved > 0


# --------------------------------------------------------------------------------------------------------- looking up


def look(answer: Any, *, asynchronous: bool = True, started: str = "", timeout: float = 5, effect: Any = None) -> Any:
    """What is recorded of a look-up that gives, or raises, or does this."""
    seen: dict[str, Any] = {}

    def sync_find(x: str, *, key: CallKey, now: Call) -> Any:
        seen.update(x=x, key=key, now=now)
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer

    async def find(x: str, *, key: CallKey, now: Call) -> Any:
        got = sync_find(x, key=key, now=now)
        return await got if asyncio.iscoroutine(got) else got

    def pay(x: str, *, key: CallKey) -> dict[str, str] | Started:
        raise NotImplementedError

    made = tool.write(timeout=timeout, lookup=find if asynchronous else sync_find, effect_id="id")(pay)
    run = Story(desk(made))
    run.asks_for(call("pay", x="1"))
    run.settle_down()
    if started:
        run.returns({"handle": started, "poll": 1}, complete="started")
    else:
        run.breaks("timeout", "unknown", ended=False)
    attempt = Attempt(run.bound, run.state, SECRET, lambda: START, 1e9, [].append)
    performer = Performer(lambda name: None, clock=lambda: 100.0, watch=iter(range(10**9, 10**12, 7_000)).__next__)

    async def story() -> Any:
        try:
            return await perform(performer, LookUp(run.call().seq, 1), attempt)
        finally:
            performer.close()

    return asyncio.run(story()), seen, run


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_a_look_up_finds_is_a_result_like_any_other(asynchronous):
    fact, _, run = look(Found("re_1", {"id": "re_1"}), asynchronous=asynchronous)
    digest = keyed(SECRET, "result", canonical({"id": "re_1"}))
    assert fact == CallLookedUp(run.call().seq, 1, "found", "re_1", Inline({"id": "re_1"}), digest, took=7)


@pytest.mark.parametrize(
    ("answer", "recorded", "words"),
    [
        (Absent(), "absent", ""), (CannotTell("the search is down"), "cannot_tell", "the search is down"),
        (Pending("half done", poll=3), "pending", "half done"), (None, "cannot_tell", "NoneType, which is none of"),
        (True, "cannot_tell", "bool, which is none of"), (ValueError("odd"), "cannot_tell", "ValueError: odd"),
        (TimeoutError("slow"), "cannot_tell", "slow"), (Found("re_1", {"id": 7}), "cannot_tell", "in a form that does not fit"),
    ],
)  # fmt: skip
def test_anything_but_a_clear_answer_cannot_tell(answer, recorded, words):
    fact, _, _ = look(answer)
    assert fact.answer == recorded
    assert words in fact.message
    assert fact.again_at == (START + 3_000_000 if recorded == "pending" else 0)


def test_a_look_up_that_hangs_cannot_tell():
    fact, _, _ = look(lambda: asyncio.Event().wait(), timeout=SOON)
    assert (fact.answer, fact.message) == ("cannot_tell", "it gave no answer in time")


def test_a_look_up_gets_what_its_tool_got_and_the_handle_of_started_work():
    _, seen, run = look(Absent(), started="job_7")
    assert (seen["x"], seen["key"]) == ("1", run.call().key)
    assert (seen["now"].handle, seen["now"].attempt) == ("job_7", 1)


def test_it_is_recorded_whether_the_attempt_was_over_when_it_was_asked_about():
    assert look(Absent())[0].ended is False
    assert look(Absent(), started="job_7")[0].ended is True


def test_a_model_that_ignores_that_its_time_is_up_is_given_up_and_its_answer_comes_late(monkeypatch):
    monkeypatch.setattr(deadline, "GRACE", SOON)
    run = Story(desk(order()), prices={"first": DEAR})
    run.then("ModelAsked")
    late: list[Any] = []

    async def story() -> Any:
        release = asyncio.Event()

        async def at_last() -> Answer:
            await stubborn(release)
            return Answer("after all", usage=Usage(7, 3))

        performer = Performer(lambda name: Asked(at_last), clock=lambda: 100.0)
        attempt = Attempt(run.bound, run.state, SECRET, lambda: START, 100.0 + SOON, late.append)
        first = await perform(performer, AskModel(2), attempt)
        assert late == []
        release.set()
        while not late:
            await asyncio.sleep(0)
        return first

    first = asyncio.run(story())
    assert (first.error, first.fate, first.unsettled) == ("timeout", "unknown", run.state.asking.reserved)
    assert [fact.text for fact in late] == [Inline("after all")]
