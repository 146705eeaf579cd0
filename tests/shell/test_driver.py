"""The driver: append, then act; what happens when others append too, when this process ends, when it comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Cancelled, Done, Runner, ask, call, codec, fail, script, tool
from holdfast.dialogue import Answer as ModelAnswer
from holdfast.errors import NotAllowed
from holdfast.events import CallFailed, CallReturnedLate, CallStarted, ModelAsked, ModelFailed, Noted
from holdfast.journal.memory import MemoryJournal
from holdfast.shell import deadline
from holdfast.shell.driver import LINGER
from tests.shell.bench import (
    LOOK,
    OK,
    PAY,
    Bank,
    Clock,
    Request,
    check,
    clerk,
    opened,
    story,
    until,
)
from tests.shell.told import stubborn


async def kinds(run: Any) -> list[str]:
    return [type(entry.event).__name__ for entry in await run.entries()]


class Counting:
    """A model that counts how often it was asked, and can be held up."""

    def __init__(self, *turns: Any) -> None:
        self.inner = script(*turns)
        self.asked = 0
        self.inside, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()

    async def answer(self, request: Any) -> ModelAnswer:
        self.asked += 1
        self.inside.set()
        await self.open.wait()
        return await self.inner.answer(request)

    def price(self) -> Any:
        return self.inner.price()

    def quote(self, run: str, step: int) -> int | None:
        return None


# ------------------------------------------------------------------------------------------------------ append, act


def test_nothing_is_done_before_its_start_is_appended():
    """SEMANTICS rules 1 and 15; and the start of a write is on the disk before the write is made."""
    seen: dict[str, tuple[bool, bool]] = {}

    async def work():
        journal = MemoryJournal(flush_after=3600)

        def look_around(what: str) -> None:
            (lines,) = journal._lines.values()
            durable = journal.power_loss()._lines
            last = [b'"CallStarted"' in data for data, _ in lines]
            kept = [b'"CallStarted"' in data for data, _ in next(iter(durable.values()), [])]
            seen[what] = (any(last), any(kept))

        @tool.read()
        async def look(x: str) -> int:
            """Look, and look around."""
            look_around("read")
            return 1

        @tool.write(timeout=5)
        async def act(x: str) -> int:
            """Act, and look around."""
            look_around("write")
            return 1

        for turn in (call("look", x="1"), call("act", x="1")):
            journal = MemoryJournal(flush_after=3600)
            async with opened(journal, turn, OK) as runner:
                await (await runner.start(clerk(Bank(), look, act), Request())).result()

    story(work)
    assert seen == {"read": (True, False), "write": (True, True)}


def test_a_result_and_a_message_that_meet_are_both_kept():
    """SEMANTICS rule 5, history 3: the tool returns while `Said` lands."""

    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        agent = clerk(bank)
        async with opened(journal, PAY, OK, agents=[agent]) as runner, opened(journal, OK) as console:
            run = await runner.start(agent, Request(), by="ann")
            await bank.inside.wait()
            for at in range(4):
                await console.say(run.name, f"word {at}", by="ann")
            bank.open.set()
            await console.say(run.name, "word 4", by="ann")
            assert isinstance(await run.result(), Done)
            state = await run.state()
            told = [segment.text for segment in state.transcript]
            assert '{"id":"p_A-1"}' in told
            assert [text for text in told if text.startswith("word")] == [f"word {at}" for at in range(5)]
        check(journal)

    story(work)


def test_two_workers_drive_one_run_and_nothing_is_asked_or_done_twice():
    """SEMANTICS history 9."""

    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent, model = clerk(bank), Counting(LOOK, PAY, OK)
        async with opened(journal, model=model) as one, opened(journal, model=model) as two:
            run = await one.start(agent, Request())
            results = await asyncio.gather(run.result(), two.run(run.name, agent).result())
            assert any(isinstance(result, Done) for result in results)
            assert isinstance(await run.result(), Done)
            assert (model.asked, bank.reads, len(bank.paid)) == (3, 1, 1)
            assert {"w" if entry.actor.startswith("w") else entry.actor for entry in (await run.entries())[1:]} == {"w"}
        check(journal)

    story(work)


def test_a_note_that_lands_in_between_changes_nothing():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        async with opened(journal, PAY, OK) as runner, opened(journal, OK) as detector:
            run = await runner.start(clerk(bank), Request())
            await bank.inside.wait()
            await detector.put(run.name, lambda state: Noted("svc:detector", "loop"), actor="svc:detector")
            bank.open.set()
            assert isinstance(await run.result(), Done)
            assert (await kinds(run)).count("Noted") == 1

    story(work)


# --------------------------------------------------------------------------------------------------------- parking


def test_a_run_that_waits_holds_no_task_no_timer_and_writes_nothing():
    async def work():
        journal = MemoryJournal()
        terms = {"pay": {"review": [{"because": "b"}]}}
        async with opened(journal, PAY, OK) as runner:
            run = await runner.start(clerk(Bank(), terms=terms), Request(), by="ann")
            await run.result()
            mark, before = journal.watermark(), len(await journal.read(run.name))
            await until(lambda: not runner._fleet._drivers)
            assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
            for _ in range(3):
                assert (await run.result()).on == "person"
            assert (journal.watermark(), len(await journal.read(run.name))) == (max(mark, before), before)
            await runner.answer(run.name, next(iter((await run.state()).questions)), "approve", by="rita")
            assert isinstance(await run.result(), Done)

    story(work)


def test_a_short_wait_is_waited_out_where_the_run_is():
    async def work():
        clock = Clock()
        journal = MemoryJournal(clock=clock)
        async with opened(journal, fail("overloaded", retry_after=0.01), OK) as runner:
            run = await runner.start(clerk(Bank()), Request())
            await until(lambda: any(b'"ModelFailed"' in data for data, _ in journal._lines[run.name]))
            assert run.name in runner._fleet._drivers, f"it is nearer than {LINGER} µs"
            clock.pass_time(1)
            assert isinstance(await run.result(), Done)

    story(work)


# ---------------------------------------------------------------------------------------- a process that ends, another


def test_closing_a_runner_lets_what_is_being_done_finish_and_be_recorded():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        agent = clerk(bank)
        async with opened(journal, PAY, OK) as runner:
            run = await runner.start(agent, Request())
            await bank.inside.wait()
            asyncio.get_running_loop().call_soon(bank.open.set)
        entries = [type(entry.event).__name__ for entry in await Runner(journal).entries(run.name)]
        assert entries[-1] == "CallReturned"
        row = await journal.row(run.name)
        assert (row.outcome, row.due) == (None, 0), "somebody is to go on"
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            assert isinstance(await runner.run(run.name, agent).result(), Done)
        assert len(bank.paid) == 1

    story(work)


@pytest.mark.parametrize("what", ["model", "read", "keyed write"])
def test_after_a_crash_the_run_goes_on_and_nothing_is_done_twice(what):
    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent, model = clerk(bank), Counting({"model": LOOK, "read": LOOK, "keyed write": PAY}[what], OK)
        (model if what == "model" else bank).open.clear()
        crashed = await opened(journal, model=model).__aenter__()
        run = await crashed.start(agent, Request())
        await (model if what == "model" else bank).inside.wait()
        left = journal.power_loss()
        for held in (model, bank):
            held.open.set()
        async with opened(left, model=model, agents=[agent]) as runner:
            resumed = runner.run(run.name, agent)
            assert isinstance(await resumed.result(), Done)
            events = [entry.event for entry in await resumed.entries()]
        lost = [event for event in events if isinstance(event, CallFailed | ModelFailed)]
        begun = sum(isinstance(event, CallStarted | ModelAsked) for event in events)
        if what == "keyed write":
            assert [event.error for event in lost] == ["lost"]
        assert begun == 3 + len(lost)
        await crashed.close()
        assert len({key for key, _ in bank.paid}) == (what == "keyed write")

    story(work)


def test_a_bare_write_under_way_at_a_crash_is_put_before_a_person():
    async def work():
        begun, release, sent = asyncio.Event(), asyncio.Event(), []

        @tool.write(timeout=60)
        async def send(x: str) -> int:
            """Send something that cannot be sent twice."""
            begun.set()
            await release.wait()
            sent.append(x)
            return 1

        journal, agent = MemoryJournal(), clerk(Bank(), send)
        crashed = await opened(journal, call("send", x="1"), OK).__aenter__()
        run = await crashed.start(agent, Request(), by="ann")
        await begun.wait()
        left = journal.power_loss()
        async with opened(left, call("send", x="1"), OK, agents=[agent]) as runner:
            resumed = runner.run(run.name, agent)
            assert (await resumed.result()).on == "person"
            (question,) = (await resumed.state()).questions.values()
            assert question.asked.about == "doubt"
            assert "proven over" in question.asked.text
            await resumed.cancel("rita")
            end = await resumed.result()
            assert (type(end), len(end.unresolved)) == (Cancelled, 1)
            assert (await left.row(run.name)).attention
        release.set()
        await crashed.close()

    story(work)


def test_a_write_outlives_the_driver_and_what_became_of_it_is_recorded():
    """SEMANTICS rule 25: a running write is not cancelled by us except by its timeout."""

    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        async with opened(journal, PAY, OK) as runner:
            run = await runner.start(clerk(bank), Request())
            await bank.inside.wait()
            _, task = runner._fleet._drivers[run.name]
            task.cancel()
            await asyncio.wait({task})
            bank.open.set()
            assert isinstance(await run.result(), Done)
            assert len(bank.paid) == 1
        check(journal)

    story(work)


def test_what_a_tool_in_a_thread_says_after_its_time_is_kept_and_resolves_the_doubt():
    """SEMANTICS history 7 and rule 23."""
    import threading

    release = threading.Event()

    @tool.write(timeout=0.05)
    def send(x: str) -> int:
        """Send slowly, and do not be stopped."""
        release.wait(10)
        return 7

    async def work():
        journal = MemoryJournal()
        async with opened(journal, call("send", x="1"), OK) as runner:
            run = await runner.start(clerk(Bank(), send), Request())
            assert (await run.result()).on == "person"
            release.set()
            await until(lambda: any(b'"CallReturnedLate"' in data for data, _ in journal._lines[run.name]))
            assert isinstance(await run.result(), Done)
            late = [entry.event for entry in await run.entries() if isinstance(entry.event, CallReturnedLate)]
            assert [event.result.value for event in late] == [7]
            state = await run.state()
            assert "7" in [segment.text for segment in state.transcript]

    story(work)


# ----------------------------------------------------------------------------------------------------- what breaks


def test_an_error_that_is_no_expected_failure_reaches_whoever_waits():
    class Quit(BaseException):
        pass

    @tool.read()
    async def look(x: str) -> int:
        """Break the worker."""
        raise Quit("not here")

    async def work():
        async with opened(MemoryJournal(), call("look", x="1"), OK) as runner:
            run = await runner.start(clerk(Bank(), look), Request())
            with pytest.raises(Quit):
                await run.result()

    story(work)


def test_a_restored_journal_sends_its_writes_before_a_person():
    """SEMANTICS rule 7, history 12."""

    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank)
        async with opened(journal, LOOK, PAY, OK) as runner:
            bank.open.clear()
            run = await runner.start(agent, Request(), by="ann")
            await bank.inside.wait()
            backup = journal.power_loss()
            bank.open.set()
            assert isinstance(await run.result(), Done)
        await backup.recovered()
        async with opened(backup, LOOK, PAY, OK, agents=[agent]) as runner:
            restored = runner.run(run.name, agent)
            assert (await restored.result()).on == "person"
            (question,) = (await restored.state()).questions.values()
            assert (question.asked.about, question.asked.text.startswith("pay(")) == ("review", True)
        assert len(bank.paid) == 1

    story(work)


@pytest.mark.parametrize("effect", ["read", "write"])
def test_an_attempt_that_cancels_the_task_it_runs_in_has_failed(effect):
    """The run goes on: a read is told to the model, a bare write is in doubt."""

    async def act() -> int:
        """Cancel whatever runs this."""
        asyncio.current_task().cancel()
        await asyncio.sleep(0)
        return 1

    async def work():
        made = (tool.read if effect == "read" else tool.write)(timeout=5)(act)
        async with opened(MemoryJournal(), call("act"), OK) as runner:
            run = await runner.start(clerk(Bank(), made), Request())
            outcome = await run.result()
            failed = [entry.event for entry in await run.entries() if isinstance(entry.event, CallFailed)]
        assert [(event.fate, event.ended) for event in failed] == [
            ("not_done" if effect == "read" else "unknown", True)
        ]
        assert isinstance(outcome, Done) if effect == "read" else outcome.on == "person"

    story(work)


def test_what_a_tool_that_was_given_up_does_after_all_is_kept(monkeypatch):
    """SEMANTICS rules 16 and 23: it ignored that its time was up, and came to an end while a person was asked."""
    monkeypatch.setattr(deadline, "GRACE", 0.01)

    async def work():
        release = asyncio.Event()

        @tool.write(timeout=0.02)
        async def send(x: str) -> int:
            """Send, whatever comes."""
            return await stubborn(release)

        async with opened(MemoryJournal(), call("send", x="1"), OK) as runner:
            run = await runner.start(clerk(Bank(), send), Request())
            assert (await run.result()).on == "person"
            release.set()
            kinds = [type(entry.event).__name__ async for entry in run.follow()]
            assert isinstance(await run.result(), Done)
        assert "CallReturnedLate" in kinds
        assert "QuestionWithdrawn" in kinds

    story(work)


def test_closing_does_not_wait_for_a_tool_that_never_ends(monkeypatch):
    """It is given up while the runner is closing already: what is awaited is what is told of it, not its end."""
    monkeypatch.setattr(deadline, "GRACE", 0.01)

    async def work():
        inside, release = asyncio.Event(), asyncio.Event()

        @tool.write(timeout=0.1)
        async def send(x: str) -> int:
            """Send, and never come back."""
            inside.set()
            return await stubborn(release)

        journal = MemoryJournal()
        async with opened(journal, call("send", x="1"), OK) as runner:
            run = await runner.start(clerk(Bank(), send), Request())
            await inside.wait()
        kinds = [codec.decode(data).event for data, _ in await journal.read(run.name)]
        assert [(event.error, event.ended) for event in kinds if isinstance(event, CallFailed)] == [("timeout", False)]
        release.set()

    story(work)


# ---------------------------------------------------------------------------------------------- what is still at hand


def test_what_is_at_hand_of_a_run_is_no_more_than_a_guess():
    """A run that waited here and was answered elsewhere: driven from what was last seen of it, it is looked at again."""

    async def work():
        agent, journal = clerk(Bank()), MemoryJournal()
        async with opened(journal, ask("which?"), OK, agents=[agent]) as runner, opened(journal, OK) as console:
            runner._fleet.drives = console._fleet.drives = False
            run = await runner.start(agent, Request(), by="ann")
            state, stands = await runner.attend(run.name)
            assert (stands.status, runner._fleet.at_hand(run.name)) == ("waiting", state)
            await console.say(run.name, "the blue one", by="ann")
            assert runner._fleet.at_hand(run.name) == state
            assert (await runner.attend(run.name))[0].closed.outcome == "done"

    story(work)


@pytest.mark.parametrize("refuses", [True, False])
def test_a_fact_is_made_from_what_it_meets_and_not_from_what_is_at_hand(refuses):
    async def work():
        agent, journal, met = clerk(Bank()), MemoryJournal(), list[int]()

        def noted(state):
            met.append(state.said)
            if state.said:
                return Noted("ann", "seen", note=str(state.said))
            if refuses:
                raise NotAllowed("nothing was said yet")
            return None

        async with opened(journal, ask("which?"), OK, agents=[agent]) as runner, opened(journal, OK) as console:
            runner._fleet.drives = console._fleet.drives = False
            run = await runner.start(agent, Request(), by="ann")
            await runner.attend(run.name)
            await console.say(run.name, "the blue one", by="ann")
            state = await runner.put(run.name, noted, actor="ann")
            assert met == [0, state.said]
            assert (await kinds(run))[-2:] == ["Said", "Noted"]

    story(work)


def test_a_run_that_was_opened_here_is_not_read_to_be_driven():
    async def work():
        agent, journal, read = clerk(Bank()), Reading(), list[str]()
        async with opened(journal, LOOK, OK, agents=[agent]) as runner:
            journal.read_of = read
            run = await runner.start(agent, Request(), by="ann")
            assert isinstance(await run.result(), Done)
            assert run.name not in read

    story(work)


class Reading(MemoryJournal):
    """A journal that says of which runs lines were read."""

    read_of: list[str] | None = None

    async def read(self, run: str, after: int = 0, *, durable: bool = False) -> list[tuple[bytes, bytes]]:
        if self.read_of is not None:
            self.read_of.append(run)
        return await super().read(run, after, durable=durable)
