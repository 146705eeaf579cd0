"""The worker: finds runs that are due, parks by writing nothing, wakes when something is appended, takes up orphans."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from holdfast import Done, Runner, Waiting, fail, script
from holdfast.errors import JournalDamaged
from holdfast.journal.memory import MemoryJournal
from holdfast.shell import worker as module
from holdfast.shell.worker import Worker, stopping
from tests.shell.bench import (
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

REVIEWED = {"pay": {"review": [{"because": "people decide"}]}}


@pytest.fixture(autouse=True)
def _deaf_to_time(monkeypatch):
    """No test waits for a poll: what is not heard of at once is never found."""
    monkeypatch.setattr(module, "POLL", 1e6)
    monkeypatch.setattr(module, "ORPHANS", 1e6)


async def asked_for(journal: MemoryJournal, agent: Any, count: int = 1) -> list[str]:
    """Runs that nobody drives yet."""
    async with Runner.open(journal, model=script(), drives=False) as inbox:
        return [(await inbox.start(agent, Request(), by="ann")).name for _ in range(count)]


def test_a_worker_drives_what_is_due_and_stops_when_nothing_is():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank)
        names = await asked_for(journal, agent, count=5)
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            await Worker(runner).work(until_idle=True)
            for name in names:
                assert isinstance(await runner.run(name, agent).result(), Done)
        assert len(bank.paid) == 5
        check(journal)

    story(work)


def test_runs_of_agents_it_does_not_know_are_left_alone():
    async def work():
        journal = MemoryJournal()
        (name,) = await asked_for(journal, clerk(Bank(), name="stranger"))
        before = await journal.read(name)
        async with opened(journal, OK, agents=[clerk(Bank())]) as runner:
            await Worker(runner).work(until_idle=True)
        assert await journal.read(name) == before

    story(work)


def test_a_run_that_waits_is_parked_by_writing_nothing_and_wakes_when_something_is_appended():
    """SEMANTICS rule 8, history 17: whoever appends makes it due; there is no `park` to lose the wake-up to."""

    async def work():
        bank, journal = Bank(), MemoryJournal(flush_after=3600)
        agent = clerk(bank, terms=REVIEWED)
        (name,) = await asked_for(journal, agent)
        async with opened(journal, PAY, OK, agents=[agent]) as runner, opened(journal) as console:
            worker = Worker(runner)
            working = asyncio.create_task(worker.work())
            await until(lambda: journal._rows[name].waits_for == "person" and not worker._under_way)
            lines, mark = await journal.read(name), journal.watermark()
            for _ in range(50):
                await asyncio.sleep(0)
            assert (await journal.read(name), journal.watermark()) == (lines, mark)
            (question,) = (await console.state(name)).questions
            await console.answer(name, question, "approve", by="rita")
            await until(lambda: journal._rows[name].status == "closed")
            worker.stop()
            await working
        assert len(bank.paid) == 1
        check(journal)

    story(work)


def test_a_reviewer_who_answers_while_the_run_is_being_parked_is_not_missed():
    """SEMANTICS D7: whatever the moment at which the answer lands."""

    async def work(steps):
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank, terms=REVIEWED)
        (name,) = await asked_for(journal, agent)
        async with opened(journal, PAY, OK, agents=[agent]) as runner, opened(journal) as console:
            worker = Worker(runner)
            working = asyncio.create_task(worker.work())
            await until(lambda: any(b'"PersonAsked"' in data for data, _ in journal._lines[name]))
            for _ in range(steps):
                await asyncio.sleep(0)
            await console.answer(name, next(iter((await console.state(name)).questions)), "approve", by="rita")
            await until(lambda: journal._rows[name].status == "closed")
            worker.stop()
            await working
        assert len(bank.paid) == 1

    for steps in range(12):
        story(lambda steps=steps: work(steps))


def test_what_a_worker_that_died_was_driving_is_taken_up_by_another():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        agent = clerk(bank)
        dead = await opened(journal, PAY, OK).__aenter__()
        run = await dead.start(agent, Request())
        await bank.inside.wait()
        left = journal.power_loss()
        assert left.alive(dead.worker) is False
        bank.open.set()
        async with opened(left, PAY, OK, agents=[agent]) as runner:
            await Worker(runner).work(until_idle=True)
            assert isinstance(await runner.run(run.name, agent).result(), Done)
        await dead.close()
        assert len({key for key, _ in bank.paid}) == 1, "and under the same key"

    story(work)


def test_what_another_worker_that_lives_is_driving_is_left_to_it():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        agent = clerk(bank)
        async with opened(journal, PAY, OK) as busy, opened(journal, PAY, OK, agents=[agent]) as runner:
            run = await busy.start(agent, Request())
            await bank.inside.wait()
            before = len(await journal.read(run.name))
            await Worker(runner).work(until_idle=True)
            assert len(await journal.read(run.name)) == before
            bank.open.set()
            assert isinstance(await run.result(), Done)

    story(work)


def test_no_more_runs_are_driven_at_once_than_there_are_slots():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        agent = clerk(bank)
        await asked_for(journal, agent, count=7)
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            worker = Worker(runner, slots=3)
            working = asyncio.create_task(worker.work(until_idle=True))
            await bank.inside.wait()
            for _ in range(100):
                await asyncio.sleep(0)
                assert len(worker._under_way) <= 3
            assert sum(row.seq > 1 for row in journal._rows.values()) == 3
            bank.open.set()
            await working
        assert len(bank.paid) == 7

    story(work)


def test_a_run_that_waits_for_a_time_is_taken_up_when_it_has_come(monkeypatch):
    async def work():
        clock = Clock()
        journal = MemoryJournal(clock=clock)
        agent = clerk(Bank())
        (name,) = await asked_for(journal, agent)
        async with opened(journal, fail("overloaded", retry_after=60), OK, agents=[agent]) as runner:
            await Worker(runner).work(until_idle=True)
            assert journal._rows[name].status == "waiting"
            await Worker(runner).work(until_idle=True)
            assert journal._rows[name].status == "waiting"
            clock.pass_time(61)
            await Worker(runner).work(until_idle=True)
            assert journal._rows[name].status == "closed"

    story(work)


def test_a_worker_that_is_stopped_finishes_what_is_under_way_and_takes_up_nothing():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        agent = clerk(bank)
        first, *rest = await asked_for(journal, agent, count=3)
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            worker = Worker(runner, slots=1)
            working = asyncio.create_task(worker.work())
            await bank.inside.wait()
            worker.stop()
            for _ in range(20):
                await asyncio.sleep(0)
            bank.open.set()
            await working
            heads = sorted(row.seq for row in journal._rows.values())
            assert len(bank.paid) == 1
            assert heads[:2] == [1, 1]
            assert [data for run in (first, *rest) for data, _ in journal._lines[run] if b'"CallReturned"' in data]
        check(journal)

    story(work)


def test_a_worker_stops_on_the_signals_that_ask_it_to():
    async def work():
        journal = MemoryJournal()
        async with opened(journal, OK) as runner:
            for number in (signal.SIGTERM, signal.SIGINT):
                worker = Worker(runner)
                with stopping(worker):
                    working = asyncio.create_task(worker.work())
                    await asyncio.sleep(0)
                    os.kill(os.getpid(), number)
                    await working

    story(work)


def test_a_worker_that_cannot_trust_itself_ends():
    async def work():
        journal = MemoryJournal()
        agent = clerk(Bank())
        (name,) = await asked_for(journal, agent)
        data, digest = journal._lines[name][0]
        journal._lines[name][0] = (data.replace(b"ann", b"bob"), digest)
        async with opened(journal, OK, agents=[agent]) as runner:
            with pytest.raises(JournalDamaged, match="entry 1"):
                await Worker(runner).work(until_idle=True)

    story(work)


def test_a_result_may_be_awaited_while_a_worker_drives_the_run():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank, terms=REVIEWED)
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            worker = Worker(runner)
            working = asyncio.create_task(worker.work())
            run = await runner.start(agent, Request(), by="ann")
            assert isinstance(await run.result(), Waiting)
            await runner.answer(run.name, next(iter((await run.state()).questions)), "approve", by="rita")
            assert isinstance(await run.result(), Done)
            worker.stop()
            await working
        assert len(bank.paid) == 1

    story(work)


def test_after_the_first_of_two_voices_a_run_waits_still():
    """What a person said is in the journal, and nothing follows from it yet: the row says so too."""

    async def work():
        journal = MemoryJournal()
        agent = clerk(Bank(), terms={"pay": {"review": [{"because": "two decide", "people": 2}]}})
        async with opened(journal, PAY, OK) as runner:
            run = await runner.start(agent, Request(), by="ann")
            assert (await run.result()).on == "person"
            (question,) = (await run.state()).questions
            before = await journal.row(run.name)
            await runner.answer(run.name, question, "approve", by="rita")
            after = await journal.row(run.name)
            assert (before.status, after.status) == ("waiting", "waiting")
            assert (before.waits_for, after.waits_for) == ("person", "person")
            assert after.due == before.due
            await runner.answer(run.name, question, "approve", by="paul")
            assert isinstance(await run.result(), Done)

    story(work)
