"""Perform: every effect on the world, and what each outcome is recorded as."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from holdfast import tool
from holdfast.codec import canonical, keyed
from holdfast.core.pending import RunCall
from holdfast.core.prompt import WINDOW
from holdfast.events import CallFailed, CallReturned, Inline
from holdfast.models.scripted import call
from holdfast.shell import deadline
from holdfast.shell.perform import MAX_RESULT, Attempt, Performer
from holdfast.tool import Call, CallKey, NotDone, Partial, Refused, Started, Unknown, from_schema
from tests.core.story import SECRET, START, Story, desk, order
from tests.shell.told import perform, stubborn

SOON = 0.02
"""Seconds a test waits for a time-out to come."""


class Shop:
    name = "ours"


class OtherShop(Shop):
    name = "theirs"


class Hand:
    """A performer at one attempt. `clock` is what the attempt's deadline is measured by."""

    def __init__(self, made, args=None, *, mode="live", resources=(), clock=lambda: 100.0, ends=105.0, **terms):
        self.run = Story(desk(made, **terms), mode=mode)
        self.run.asks_for(call(made.name, **({"x": "1"} if args is None else args)))
        self.run.settle_down()
        self.late: list[Any] = []
        self.performer = Performer(
            lambda name: None, resources, clock=clock, watch=iter(range(10**9, 10**12, 7_000)).__next__
        )
        self.attempt = Attempt(self.run.bound, self.run.state, SECRET, lambda: START, ends, self.late.append)
        self.call = self.run.call(made.name)

    async def perform(self):
        try:
            return await perform(self.performer, RunCall(self.call.seq, self.call.start), self.attempt)
        finally:
            self.performer.close()

    def __call__(self):
        return asyncio.run(self.perform())


def read(function, **options):
    return tool.read(**({"timeout": 5} | options))(function)


def write(function, **options):
    return tool.write(**({"timeout": 5} | options))(function)


# ---------------------------------------------------------------------------------------------------- what it returns


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_result_is_recorded_with_all_that_is_known_of_it(asynchronous):
    if asynchronous:

        async def pay(x: str) -> dict[str, str]:
            return {"id": f"re_{x}"}
    else:

        def pay(x: str) -> dict[str, str]:
            return {"id": f"re_{x}"}

    hand = Hand(write(pay, effect_id="id", lookup=pay))
    assert hand() == CallReturned(
        hand.call.seq,
        1,
        Inline({"id": "re_1"}),
        keyed(SECRET, "result", canonical({"id": "re_1"})),
        effect_id="re_1",
        took=7,
    )
    labelled = Hand(read(lambda: 1, trust="trusted", classes=("contact",), name="look"), {})()
    assert (labelled.label.trusted, labelled.label.classes) == (True, ("contact",))


@pytest.mark.parametrize(
    ("value", "complete", "more"),
    [
        (Partial([1], "page 2 on", "p2"), "partial", {"missing": "page 2 on", "cursor": "p2"}), (Partial([1], "lines"), "partial", {"missing": "lines"}),
        ([1], "complete", {}), (Started("job_7", poll=2.0), "started", {}),
    ],
)  # fmt: skip
def test_a_tool_says_whether_its_result_is_all_there_is(value, complete, more):
    def look() -> list[int] | Partial[list[int]] | Started:
        return value

    fact = Hand(write(look, lookup=look, effect_id="id"), {})()
    assert fact.complete == complete
    assert {name: getattr(fact, name) for name in more} == more
    assert fact.result.value == ({"handle": "job_7", "poll": 2.0} if complete == "started" else [1])


@pytest.mark.parametrize(("declare", "fate"), [(read, "not_done"), (write, "unknown")])
@pytest.mark.parametrize(
    "value", ["seven", None, object(), {"a": "\ud800"}], ids=["text", "none", "object", "half a character"]
)
def test_a_result_of_the_wrong_type_is_a_failure_and_a_write_may_have_done_it(declare, fate, value):
    def look() -> dict[str, Any] | int:
        return {"o": value} if isinstance(value, object) and type(value) is object else value

    fact = Hand(declare(look), {})()
    assert (fact.error, fact.fate) == ("result", fate)
    assert "does not fit" in fact.message


def test_a_result_that_is_too_large_is_not_kept_and_a_write_has_happened_all_the_same():
    def big() -> str:
        return "x" * (MAX_RESULT - 1)

    failed = Hand(read(big), {})()
    assert (failed.error, failed.fate) == ("size", "not_done")
    assert f"{MAX_RESULT + 1:,} bytes" in failed.message
    done = Hand(write(big), {})()
    assert isinstance(done, CallReturned)
    assert (done.result, done.complete) == (Inline(None), "partial")
    assert "bytes" in done.missing
    assert isinstance(Hand(read(lambda: "x" * (MAX_RESULT - 2), name="fits"), {})(), CallReturned)


# ----------------------------------------------------------------------------------------------------- what it raises


@pytest.mark.parametrize(
    ("error", "as_read", "as_write"),
    [
        (NotDone("busy", retry_after=2.5), ("not_done", "not_done"), ("not_done", "not_done")), (Refused("no"), ("refused", "not_done"), ("refused", "not_done")),
        (Unknown("who knows"), ("unknown", "unknown"), ("unknown", "unknown")), (ValueError("odd"), ("raised", "not_done"), ("raised", "unknown")),
        (TimeoutError("slow"), ("timeout", "not_done"), ("timeout", "unknown")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_a_tool_raises_is_recorded_as_what_it_says_of_the_world(error, as_read, as_write, asynchronous):
    if asynchronous:

        async def act() -> None:
            raise error
    else:

        def act() -> None:
            raise error

    for declare, expected in ((read, as_read), (write, as_write)):
        fact = Hand(declare(act), {})()
        assert (fact.error, fact.fate, fact.ended) == (*expected, True)
        assert str(error) in fact.message
        assert fact.retry_at == (START + 2_500_000 if isinstance(error, NotDone) else 0)


def test_a_tool_that_cancels_itself_has_failed():
    async def act() -> None:
        raise asyncio.CancelledError

    assert (Hand(read(act), {})().fate, Hand(write(act), {})().fate) == ("not_done", "unknown")


def test_what_is_no_error_of_a_tool_ends_the_worker():
    class Quit(BaseException):
        pass

    async def act() -> None:
        raise Quit

    with pytest.raises(Quit):
        Hand(read(act), {})()


def test_a_message_has_a_bounded_length():
    def act() -> None:
        raise ValueError("x" * 10_000)

    assert len(Hand(read(act), {})().message) == 2_000


# -------------------------------------------------------------------------------------------------------------- time


def test_an_attempt_whose_time_is_up_before_it_began_does_nothing():
    """SEMANTICS rule 15: it looks at its deadline directly before the effect. A stopped worker that wakes late."""
    done = []
    fact = Hand(write(lambda: done.append(1), name="pay"), {}, clock=lambda: 105.0)()
    assert (fact.error, fact.fate, fact.ended) == ("ended", "not_done", True)
    assert done == []


def test_work_that_waited_too_long_for_a_thread_is_not_begun():
    done, main = [], threading.current_thread()
    late_in_threads = lambda: 100.0 if threading.current_thread() is main else 105.0  # noqa: E731
    fact = Hand(write(lambda: done.append(1), name="pay"), {}, clock=late_in_threads)()
    assert (fact.error, fact.fate) == ("not_done", "not_done")
    assert done == []


@pytest.mark.parametrize(("declare", "fate"), [(read, "not_done"), (write, "unknown")])
def test_an_async_tool_that_hangs_is_cancelled_and_proven_over(declare, fate):
    ended = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    hand = Hand(declare(hang), {}, ends=100.0 + SOON)
    fact = hand()
    assert (fact.error, fact.fate, fact.ended, ended) == ("timeout", fate, True, [True])
    assert "within 5 s" in fact.message
    assert hand.late == []


def test_an_async_tool_that_answers_when_it_is_cancelled_has_answered():
    async def careful() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 7
        return 0

    assert Hand(write(careful), {}, ends=100.0 + SOON)().result == Inline(7)


def test_an_async_tool_that_ignores_its_cancellation_is_not_over_and_is_listened_to(monkeypatch):
    """SEMANTICS rule 25: an attempt whose task still lives has not ended."""
    monkeypatch.setattr(deadline, "GRACE", SOON)
    release = asyncio.Event()

    async def act() -> int:
        return await stubborn(release)

    hand = Hand(write(act), {}, ends=100.0 + SOON)

    async def story():
        fact = await hand.perform()
        assert (fact.error, fact.fate, fact.ended) == ("timeout", "unknown", False)
        assert hand.late == []
        release.set()
        while not hand.late:
            await asyncio.sleep(0)

    asyncio.run(story())
    assert [(fact.call, fact.attempt, fact.result) for fact in hand.late] == [(hand.call.seq, 1, Inline(7))]


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_tool_in_a_thread_cannot_be_stopped_and_what_it_says_later_is_told(ends_well):
    """SEMANTICS history 7."""
    release = threading.Event()

    def slow() -> int:
        release.wait(10)
        if ends_well:
            return 7
        raise NotDone("after all")

    hand = Hand(write(slow), {}, ends=100.0 + SOON)

    async def story():
        fact = await hand.perform()
        assert (fact.error, fact.fate, fact.ended) == ("timeout", "unknown", False)
        release.set()
        while not hand.late:
            await asyncio.sleep(0)

    asyncio.run(story())
    (late,) = hand.late
    assert isinstance(late, CallReturned if ends_well else CallFailed)
    assert late.attempt == 1
    if not ends_well:
        assert (late.fate, late.ended) == ("not_done", True)


def test_whoever_stops_waiting_stops_an_async_tool():
    begun, ended = asyncio.Event(), []

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def story():
        task = asyncio.ensure_future(Hand(read(hang), {}).perform())
        await begun.wait()
        task.cancel()
        await asyncio.wait({task})
        while not ended:
            await asyncio.sleep(0)

    asyncio.run(story())


# --------------------------------------------------------------------------------------------------------- injection


def test_what_stands_after_the_star_is_given_by_type():
    seen: dict[str, Any] = {}

    def pay(x: str, *, shop: Shop, key: CallKey, now: Call) -> None:
        seen.update(x=x, shop=shop, key=key, now=now)

    hand = Hand(write(pay), resources=(3, "text", OtherShop()))
    hand()
    assert (seen["x"], seen["shop"].name) == ("1", "theirs")
    assert seen["key"] == hand.call.key != ""
    assert seen["now"] == Call("r_1", hand.call.seq, 1, 5.0)


def test_a_page_is_fetched_with_its_cursor():
    def look(x: str, *, now: Call) -> str:
        return now.cursor

    hand = Hand(read(look))
    hand.run.returns([1], complete="partial", cursor="p2")
    hand.run.settle_down()
    hand.call = hand.run.call("look")
    hand.attempt = Attempt(hand.run.bound, hand.run.state, SECRET, lambda: START, 105.0, hand.late.append)
    assert hand().result == Inline("p2")


def test_a_resource_that_nobody_provides_is_named_and_nothing_is_done():
    done = []

    def pay(x: str, *, shop: Shop) -> None:
        done.append(x)

    fact = Hand(write(pay), resources=(3, "text"))()
    assert (fact.error, fact.fate, done) == ("raised", "not_done", [])
    assert "pay(shop) wants a Shop" in fact.message


def test_resources_may_come_later():
    hand = Hand(read(lambda *, shop: shop.name, name="look"), {})
    hand.run.bound.tools["look"]._hints["shop"] = Shop
    hand.performer.provide((Shop(),))
    assert hand().result == Inline("ours")


def test_a_tool_of_a_schema_gets_its_arguments_as_one_mapping():
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}

    def act(args: dict[str, Any], *, shop: Shop) -> Any:
        return {"got": args, "of": shop.name}

    made = from_schema(act, name="act", description="", schema=schema, effect="read")
    assert Hand(made, resources=(Shop(),))().result == Inline({"got": {"x": "1"}, "of": "ours"})


def test_a_plain_function_runs_in_a_thread_with_the_context_it_was_called_in():
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    def look() -> list[str]:
        return [user.get(), threading.current_thread().name]

    async def story():
        user.set("ann")
        return await Hand(read(look), {}).perform()

    name, thread = asyncio.run(story()).result.value
    assert name == "ann"
    assert thread.startswith("holdfast-tool")


def test_two_plain_functions_run_side_by_side():
    both = threading.Barrier(2, timeout=10)

    def look(x: str) -> str:
        both.wait()
        return x

    run = Story(desk(read(look)))
    run.asks_for(call("look", x="1"), call("look", x="2"))
    run.settle_down()

    async def story():
        performer = Performer(lambda name: None, clock=lambda: 0.0)
        attempt = Attempt(run.bound, run.state, SECRET, lambda: START, 5.0, [].append)
        wanted = [perform(performer, RunCall(seq, run.call(seq).start), attempt) for seq in run.state.turn]
        facts = await asyncio.gather(*wanted)
        performer.close()
        return [fact.result.value for fact in facts]

    assert asyncio.run(story()) == ["1", "2"]


# ------------------------------------------------------------------------------------------------- simulate, builtin


def test_in_simulate_mode_a_write_is_recorded_and_not_done_and_a_read_is_done():
    done = []
    fact = Hand(write(lambda: done.append(1), name="pay"), {}, mode="simulate")()
    assert (fact.complete, fact.result, done) == ("simulated", Inline(None), [])
    assert Hand(read(lambda: 7, name="look"), {}, mode="simulate")().result == Inline(7)


@pytest.mark.parametrize(
    ("result", "start", "shown"),
    [("8", WINDOW, "b" * 10 + f"\n[characters {WINDOW} to {WINDOW + 10} of {WINDOW + 10}]"), ("999", 0, "there is no such result"), ("1", 0, "there is no such result")],
)  # fmt: skip
def test_more_of_a_long_result_is_shown_from_the_journal(result, start, shown):
    run = Story(desk(order()))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns("a" * WINDOW + "b" * 10)
    answer = run.state.calls[run.state.turn[0]].answer
    run.asks_for(call("more", result=str(answer) if result == "8" else result, start=start))
    run.settle_down()
    attempt = Attempt(run.bound, run.state, SECRET, lambda: START, 5.0, [].append)
    more = run.call("more")
    fact = asyncio.run(perform(Performer(lambda name: None, clock=lambda: 0.0), RunCall(more.seq, more.start), attempt))
    assert fact.result == Inline(shown)
