"""Attempts that are lost, late or superseded: nothing happens twice, and nothing is lost. Histories 6, 7, 9."""

from __future__ import annotations

import asyncio
import threading

from holdfast import Done, script, tool
from holdfast.events import (
    CallFailed,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallStarted,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    Price,
    QuestionWithdrawn,
)
from holdfast.journal.memory import MemoryJournal
from holdfast.tool import Absent, CallKey, Found
from tests.histories.scene import (
    SEND,
    Held,
    Shop,
    Wire,
    asked,
    events,
    kinds,
    senses,
    story,
    told,
    unhurried,
)
from tests.shell.bench import OK, PAY, Bank, Clock, Request, clerk, opened, until

# ------------------------------------------------------------------------------------------------------------ history 6


def test_06_sigstop_after_a_won_start_lookup_says_no_sigcont():
    """#6 CallStarted, won by W1, which is stopped right before it sends. A minute passes, `until` with it. W2 writes #7
    "lost", asks the shop, and is told no: #8. That is no proof: W1 holds its lock, so it may yet send. A person is asked, and
    told that the attempt is not proven over. W1 goes on, and sends: its answer comes late and settles the doubt, and the
    question is withdrawn. Sent once. (Had "no" counted, it would have been sent twice.)

    Rules 16, 22, 23.
    """

    async def work() -> None:
        shop, clock = Shop(), Clock()
        journal = MemoryJournal(clock=clock)
        stopped = Wire(journal)
        agent = clerk(Bank(), shop.tool)
        first = senses(clock).open(stopped, model=script(SEND, OK))
        second = senses(clock).open(journal, model=script(SEND, OK), agents=[agent])
        async with first as w1, second as w2:
            run = await w1.start(agent, Request(), by="ann")
            await shop.inside.wait()
            stopped.deaf = True
            clock.pass_time(61)
            assert (await w2.run(run.name, agent).result()).on == "person"
            (lost,) = await events(w2, run.name, CallFailed)
            assert (lost.error, lost.ended) == ("lost", False)
            assert [seen.answer for seen in await events(w2, run.name, CallLookedUp)] == ["absent"]
            assert (
                "not proven over" in (await w2.state(run.name)).questions[await asked(w2, run.name, "doubt")].asked.text
            )
            assert len(await events(w2, run.name, CallStarted)) == 1

            stopped.deaf = False
            shop.open.set()
            assert isinstance(await run.result(), Done)
            assert [late.result.value for late in await events(w2, run.name, CallReturnedLate)] == [{"id": "s1_A-1"}]
            assert [one.why for one in await events(w2, run.name, QuestionWithdrawn)] == ["resolved"]
        assert shop.sent == ["s1_A-1"]

    story(work)


def test_06_a_worker_that_was_stopped_before_it_looked_at_its_deadline_sends_nothing():
    """The same, and W1 is stopped between winning #6 and beginning. When it goes on it looks at its own deadline, on a clock
    that went on meanwhile, and begins nothing. Its "I did not" settles the doubt as well as a receipt would; the model tries
    again, and now it is sent: once.

    Rules 11, 15.
    """

    async def work() -> None:
        shop, clock = Shop(), Clock()
        shop.open.set()
        journal = MemoryJournal(clock=clock)
        stopped, won, cont = Wire(journal), asyncio.Event(), asyncio.Event()

        async def sigstop() -> None:
            won.set()
            await cont.wait()

        agent = clerk(Bank(), shop.tool)
        stopped.after(CallStarted, sigstop)
        first = senses(clock).open(stopped, model=script(SEND, SEND, OK))
        second = senses(clock).open(journal, model=script(SEND, SEND, OK), agents=[agent])
        async with first as w1, second as w2:
            run = await w1.start(agent, Request(), by="ann")
            await won.wait()
            clock.pass_time(61)
            assert (await w2.run(run.name, agent).result()).on == "person"
            assert shop.sent == []
            cont.set()
            assert isinstance(await run.result(), Done)
            (late,) = await events(w2, run.name, CallReturnedLate)
            assert (late.error, late.fate) == ("ended", "not_done")
        assert shop.sent == ["s1_A-1"]

    story(work)


def test_06_the_answer_to_a_superseded_attempt_is_kept_and_is_not_the_answer_to_the_running_one():
    """#6 CallStarted of a payment under a key, by W1, which is stopped. W2 writes #7 "lost" and, under the same key, #8
    CallStarted, attempt 2. W1 goes on, and the bank answers it while attempt 2 is running. That is kept as late; the call is
    answered by attempt 2. The bank knows the key, and paid once.

    Rules 16, 17.
    """

    async def work() -> None:
        clock, going, wakes = Clock(), asyncio.Event(), asyncio.Event()
        journal, paid, doors = MemoryJournal(clock=clock), dict[str, str](), [wakes, going]

        @tool.write(timeout=60)
        async def send(order: str, *, key: CallKey) -> dict[str, str]:
            """Send one order, under a key."""
            await doors.pop(0).wait()
            return {"id": paid.setdefault(key, f"s{len(paid) + 1}_{order}")}

        stopped, agent = Wire(journal), clerk(Bank(), send)
        first = senses(clock).open(stopped, model=script(SEND, OK))
        second = senses(clock).open(journal, model=script(SEND, OK), agents=[agent])
        async with first as w1, second as w2:
            run = await w1.start(agent, Request())
            await until(lambda: len(doors) == 1)
            stopped.deaf = True
            clock.pass_time(61)
            driving = asyncio.ensure_future(w2.run(run.name, agent).result())
            await until(lambda: not doors)
            wakes.set()
            await until(lambda: any(b'"CallReturnedLate"' in data for data, _ in journal._lines[run.name]))
            assert not driving.done()
            going.set()
            assert isinstance(await driving, Done)
            (late,) = await events(w2, run.name, CallReturnedLate)
            (answer,) = await events(w2, run.name, CallReturned)
            assert (late.attempt, answer.attempt) == (1, 2)
            assert len({one.key for one in await events(w2, run.name, CallStarted)}) == 1
        assert list(paid.values()) == ["s1_A-1"]

    story(work)


# ------------------------------------------------------------------------------------------------------------ history 7


def test_07_thread_tool_ignoring_cancellation_finishing_after_its_timeout():
    """#6 CallStarted of a plain function: it runs in a thread, and nothing stops a thread. #7 its time is up. The shop is
    asked and says no; the thread still lives, so no attempt is made and a person is asked. Then the thread comes to its end,
    and the order is sent: the answer is kept, resolves the doubt, and the model is told. Sent once.

    Rules 16, 22, 23, 25.
    """
    release, made = threading.Event(), list[str]()

    def find(order: str) -> Found[dict[str, str]] | Absent:
        return Found(made[0], {"id": made[0]}) if made else Absent()

    @tool.write(timeout=0.05, lookup=find, effect_id="id")
    def send(order: str) -> dict[str, str]:
        """Send one order, slowly, and do not be stopped."""
        release.wait(20)
        made.append(f"s{len(made) + 1}_{order}")
        return {"id": made[-1]}

    async def work() -> None:
        async with unhurried(MemoryJournal(), SEND, OK) as runner:
            run = await runner.start(clerk(Bank(), send), Request(), by="ann")
            assert (await run.result()).on == "person"
            assert [(one.error, one.ended) for one in await events(runner, run.name, CallFailed)] == [
                ("timeout", False)
            ]
            assert made == []
            release.set()
            heard = [entry async for entry in run.follow()]
            assert isinstance(await run.result(), Done)
            named = [type(entry.event).__name__ for entry in heard]
            assert named.count("CallStarted") == 1
            assert named.index("DoubtRaised") < named.index("CallReturnedLate") < named.index("QuestionWithdrawn")
            assert '{"id":"s1_A-1"}' in await told(runner, run.name)
        assert made == ["s1_A-1"]

    story(work)


# ------------------------------------------------------------------------------------------------------------ history 9


def test_09_two_workers_on_one_unanswered_model_asked():
    """#2 ModelAsked says: attempt 1, by W1, until a moment. W2 takes up the run too, sees a request without an answer, and
    leaves it: it is W1's. The model is asked once, and paid once.

    Rules 15, 1.
    """

    async def work() -> None:
        bank, journal, model = Bank(), MemoryJournal(), Held(PAY, OK)
        model.open.clear()
        agent = clerk(bank)
        async with opened(journal, model=model) as w1, opened(journal, model=model, agents=[agent]) as w2:
            run = await w1.start(agent, Request())
            await model.inside.wait()
            row = await w2.drive(run.name)
            assert (row.status, model.asked) == ("working", 1)
            assert await kinds(w2, run.name) == ["RunOpened", "ModelAsked"]
            model.open.set()
            assert isinstance(await run.result(), Done)
        assert (model.asked, len(bank.paid)) == (2, 1)

    story(work)


def test_09_the_answer_to_a_superseded_request_settles_money_and_nothing_else():
    """#2 ModelAsked by W1, which is stopped. Its lease passes; W2 writes #3 "lost" and keeps the worst case of #2 charged,
    then #4 ModelAsked, attempt 2. Both answer in the end, and both say "pay". #4's answer is acted on. #2's comes late: it
    tells what it cost, so that the worst case is no longer charged, and pays nothing a second time.

    Rules 15, 16, 30.
    """

    async def work() -> None:
        bank, clock = Bank(), Clock()
        journal = MemoryJournal(clock=clock)
        stopped = Wire(journal)
        price = Price(input=1_000_000, output=1_000_000)
        slow, quick = Held(PAY, OK, price=price), Held(PAY, OK, price=price)
        slow.open.clear()
        agent = clerk(bank, limits={"output": 500})
        first = senses(clock).open(stopped, model=slow)
        second = senses(clock).open(journal, model=quick, agents=[agent])
        async with first as w1, second as w2:
            run = await w1.start(agent, Request())
            await slow.inside.wait()
            stopped.deaf = True
            clock.pass_time(181)
            assert isinstance(await w2.run(run.name, agent).result(), Done)
            (lost,) = await events(w2, run.name, ModelFailed)
            (first_ask, *_) = await events(w2, run.name, ModelAsked)
            assert lost.unsettled == first_ask.reserved > 0
            assert (await w2.state(run.name)).spent.unsettled == first_ask.reserved, "lost, and charged"
            slow.open.set()
            await until(lambda: any(b'"ModelAnsweredLate"' in data for data, _ in journal._lines[run.name]))
            (late,) = await events(w2, run.name, ModelAnsweredLate)
            spent = (await w2.state(run.name)).spent
            answers = await events(w2, run.name, ModelAnswered)
            assert (spent.unsettled, spent.nusd) == (0, late.cost + sum(answer.cost for answer in answers))
        assert len(bank.paid) == 1

    story(work)
