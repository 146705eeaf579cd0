"""Telling people: each notice once where nothing goes wrong, at least once where anything does, and nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import asynccontextmanager

import pytest

from holdfast import Done, ask, codec, script, units
from holdfast.codec import check_chain
from holdfast.events import Notified
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.shell import telling
from holdfast.shell.notify import Notifier, Patience
from holdfast.shell.receivers import Answer
from holdfast.shell.telling import Account
from holdfast.shell.worker import Worker
from holdfast.views.access import NOTIFY
from tests.shell.bench import OK, PAY, REVIEWED, START, Bank, Clock, Request, clerk, opened, story, until

TAKES = Answer(ok=True)
NO = Answer(ok=False, why="it answered 500")


class Ear:
    """A receiver: keeps what it is told. `script` holds its next answers; after them it takes everything."""

    name = "ear"

    def __init__(self, *script):
        self.script = list(script)
        self.ids = []
        self.open = asyncio.Event()
        """Cleared: it does not answer."""
        self.open.set()

    async def send(self, body, at):
        self.ids.append(json.loads(body)["id"])
        await self.open.wait()
        return self.script.pop(0) if self.script else TAKES

    async def close(self):
        pass


def notifier(journal, ear, *, worker="w_1", said=None, **more):
    return Notifier(journal, ear, worker=worker, tell=(said if said is not None else []).append, **more)


@asynccontextmanager
async def waiting(journal, count=1, terms=REVIEWED):
    """A runner, and the names of so many runs that wait for finance."""
    async with opened(journal, PAY, OK) as runner:
        agent = clerk(Bank(), terms=terms)
        names = []
        for _ in range(count):
            run = await runner.start(agent, Request(), by="ann")
            await run.result()
            names.append(run.name)
        yield runner, agent, names


async def notified(journal):
    """What was recorded, without where in the feed."""
    lines = await journal.read(NOTIFY, durable=True)
    check_chain(NOTIFY, lines)
    return [entry.event for entry in codec.entries(NOTIFY, lines)]


async def states(journal):
    return [event.state for event in await notified(journal)]


# ------------------------------------------------------------------------------------------------------------ at all


def test_each_notice_is_told_once_and_recorded_before_and_after():
    async def work():
        journal, ear = MemoryJournal(), Ear()
        async with waiting(journal, 3) as (_, _, names):
            done = await notifier(journal, ear).once()
            assert (done.told, done.left) == (3, 0)
            assert [one.split(".")[0] for one in ear.ids] == names
            assert await states(journal) == ["read", *["sending", "told"] * 3]
            one = (await notified(journal))[2]
            assert (one.id, one.to, one.attempt, one.why) == (ear.ids[0], "ear", 1, "")
            for _ in range(3):  # each of them begins anew, as a process does
                assert await notifier(journal, ear).once() == type(done)()
            assert len(ear.ids) == 3
            row = await journal.row(NOTIFY)
            assert (row.status, row.attention, row.due) == ("closed", False, None)

    story(work)


def test_what_was_decided_meanwhile_is_not_told():
    async def work():
        journal, ear = MemoryJournal(), Ear()
        async with waiting(journal, 2) as (runner, agent, names):
            run = runner.run(names[0], agent)
            (seq,) = (await run.state()).questions
            await runner.answer(names[0], seq, "approve", by="rita")
            assert isinstance(await run.result(), Done)
            assert (await notifier(journal, ear).once()).told == 1
            assert ear.ids[0].startswith(names[1])

    story(work)


def test_time_brings_notices_too_and_what_followed_is_told():
    async def work():
        clock, ear = Clock(), Ear()
        journal = MemoryJournal(clock=clock)
        async with waiting(journal) as (runner, _, (name,)):
            kinds = []
            for minutes in (0, 44, 1, 10, 5):
                clock.pass_time(minutes * 60)
                if minutes == 5:
                    await runner.drive(name)
                before = len(ear.ids)
                await notifier(journal, ear).once()
                kinds.append([one.split(".")[-1] for one in ear.ids[before:]])
            assert kinds == [["asked"], [], ["ending"], [], ["expired"]]

    story(work)


def test_what_happened_before_anybody_was_to_be_told_is_told_only_where_somebody_waits():
    async def work():
        clock, ear = Clock(), Ear()
        journal = MemoryJournal(clock=clock)
        async with waiting(journal) as (runner, agent, (old,)):
            clock.pass_time(3600)
            await runner.drive(old)
            clock.pass_time(1)
            run = await runner.start(agent, Request(), by="ann")
            await run.result()
            await notifier(journal, ear).once()
            assert [one.split(".")[::2] for one in ear.ids] == [[run.name, "asked"]]

    story(work)


# ----------------------------------------------------------------------------------------------------- what goes wrong


def test_what_was_not_taken_is_sent_again_under_the_same_name_later_each_time():
    async def work():
        clock, ear, said = Clock(), Ear(NO, NO, Answer(ok=False, why="busy", after=3600.0)), []
        journal = MemoryJournal(clock=clock)
        async with waiting(journal, terms={"pay": {"review": [{"because": "people decide"}]}}):
            waits = []
            while not waits or (await states(journal))[-1] == "failed":
                at = clock.us
                done = await notifier(journal, ear, said=said).once()
                if not done.told and not done.failed:
                    clock.pass_time(5)
                    continue
                last = (await notified(journal))[-1]
                waits.append(
                    (
                        last.state,
                        last.attempt,
                        (last.until - at) // units.SECOND if last.until else 0,
                        last.first - START,
                    )
                )
            assert waits == [("failed", 1, 30, 0), ("failed", 2, 60, 0), ("failed", 3, 3600, 0), ("told", 4, 0, 0)]
            assert len(set(ear.ids)) == 1
            assert "it answered 500; it is tried again, nothing is lost" in said[0]

    story(work)


def test_after_a_day_it_is_given_up_and_needs_attention_until_something_is_taken():
    async def work():
        clock, ear, said = Clock(), Ear(NO, NO), []
        journal = MemoryJournal(clock=clock)
        async with waiting(journal, terms={"pay": {"review": [{"because": "people decide"}]}}) as (runner, agent, _):
            assert (await notifier(journal, ear).once()).left == 1
            clock.pass_time(86_400)
            done = await notifier(journal, ear, said=said).once()
            assert (done.given_up, done.failed, done.left) == (1, 0, 0)
            assert "was not told of" in said[0]
            last = (await notified(journal))[-1]
            assert (last.state, last.why, last.attempt) == ("given_up", "it answered 500", 2)
            assert (await journal.row(NOTIFY)).attention
            clock.pass_time(86_400)
            assert (await notifier(journal, ear).once()).told == 0
            assert len(ear.ids) == 2
            await (await runner.start(agent, Request(), by="ann")).result()
            assert (await notifier(journal, ear).once()).told == 1
            assert not (await journal.row(NOTIFY)).attention

    story(work)


def test_a_receiver_that_takes_nothing_is_left_alone_after_three():
    async def work():
        journal, ear = MemoryJournal(), Ear(NO, NO, NO)
        async with waiting(journal, 5):
            one = notifier(journal, ear)
            done = await one.once()
            assert (done.failed, done.down, done.left, len(ear.ids)) == (3, True, 5, 3)
            done = await one.once()
            assert (done.told, done.left) == (2, 3), "those that were not tried come first; the others wait their time"
            assert len(set(ear.ids)) == 5

    story(work)


def test_one_notice_that_is_never_taken_keeps_nobody_else_from_being_told():
    class Picky(Ear):
        async def send(self, body, at):
            await super().send(body, at)
            return NO if self.ids[-1] == self.ids[0] else TAKES

    async def work():
        clock, ear = Clock(), Picky()
        journal = MemoryJournal(clock=clock)
        async with waiting(journal, 6):
            for _ in range(3):
                await notifier(journal, ear).once()
                clock.pass_time(120)
            assert len(set(ear.ids)) == 6
            assert ear.ids.count(ear.ids[0]) == 3
            assert (await states(journal)).count("told") == 5

    story(work)


def test_a_run_that_cannot_be_read_is_said_and_the_others_are_told(tmp_path):
    import sqlite3

    async def work():
        file, ear, said = tmp_path / "journal.db", Ear(), []
        journal = SqliteJournal(file)
        async with waiting(journal, 2) as (_, _, names):
            pass
        await journal.close()
        with sqlite3.connect(file) as there:
            there.execute(
                "UPDATE entries SET data = CAST(REPLACE(CAST(data AS TEXT), 'people decide', 'people decidE') AS BLOB)"
                " WHERE run = (SELECT MIN(run) FROM entries)"
            )
        there.close()
        journal = SqliteJournal(file)
        try:
            await notifier(journal, ear, said=said).once()
        finally:
            await journal.close()
        assert [one.split(".")[0] for one in ear.ids] == names[1:]
        assert any(names[0] in text and "holdfast verify" in text for text in said)

    story(work)


# ------------------------------------------------------------------------------------------------- killed in between


def test_sent_and_not_recorded_is_sent_again_when_its_sender_is_gone(tmp_path):
    """The state that a SIGKILL between sending and recording leaves; tests/cli kills a real process."""

    async def work():
        clock, ear = Clock(), Ear()
        journal = MemoryJournal(clock=clock)
        async with waiting(journal):
            ear.open.clear()
            journal.enlist("w_dead")
            sending = asyncio.create_task(notifier(journal, ear, worker="w_dead").once())
            await until(lambda: ear.ids)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            ear.open.set()
            assert await states(journal) == ["read", "sending"]

            assert (await notifier(journal, ear, worker="w_2").once()).left == 1, "somebody may be sending it"
            assert ear.ids == ear.ids[:1], "it is alive as far as anybody knows, so its minute is its own"
            clock.pass_time(60)
            assert (await notifier(journal, ear, worker="w_2").once()).told == 1
            assert ear.ids == ear.ids[:1] * 2
            told = (await notified(journal))[-1]
            assert (told.state, told.attempt) == ("told", 2)

    story(work)


def test_a_sender_that_is_proven_dead_is_not_waited_for(tmp_path):
    async def work():
        ear = Ear()
        journal = SqliteJournal(tmp_path / "journal.db")
        async with waiting(journal):
            pass
        other = SqliteJournal(tmp_path / "journal.db")
        other.enlist("w_dead")
        ear.open.clear()
        sending = asyncio.create_task(notifier(other, ear, worker="w_dead").once())
        while not ear.ids:
            await asyncio.sleep(0.001)
        assert (await notifier(journal, Ear(), worker="w_2").once()).told == 0, "its lock is held"
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await other.close()  # as the system frees the locks of a process that is killed
        ear.open.set()
        assert (await notifier(journal, ear, worker="w_2").once()).told == 1
        assert ear.ids == ear.ids[:1] * 2
        await journal.close()

    story(work)


def test_of_two_that_send_at_once_each_notice_goes_to_one():
    async def work():
        journal, ear = MemoryJournal(), Ear()
        async with waiting(journal, 12):
            journal.enlist("w_1")
            journal.enlist("w_2")
            both = [notifier(journal, ear, worker=name) for name in ("w_1", "w_2")]
            one, two = await asyncio.gather(*(each.once() for each in both))
            assert one.told + two.told == 12
            assert len(ear.ids) == len(set(ear.ids)) == 12
            await notified(journal)

    story(work)


# ---------------------------------------------------------------------------------------------------------- the cursor


def test_whoever_begins_anew_reads_what_still_says_something_and_no_more(monkeypatch):
    monkeypatch.setattr(telling, "FAR", 50)

    async def work():
        journal = MemoryJournal()
        async with waiting(journal, 30):
            await notifier(journal, Ear()).once()
            await notifier(journal, Ear()).once()
        account = Account(journal, "w")
        await account.refresh()
        last = (await notified(journal))[-1]
        total = (await journal.row(NOTIFY)).seq
        assert total > 60
        assert last.since >= total - 2, "all was told, so nothing of the past says anything any more"
        assert account.read > journal.watermark() - 60 - total
        assert len(account.standings) <= 2

    story(work)


def test_what_is_not_told_yet_is_found_again_however_much_came_after_it(monkeypatch):
    monkeypatch.setattr(telling, "FAR", 1)

    async def work():
        clock = Clock()
        journal = MemoryJournal(clock=clock)
        async with waiting(journal, terms={"pay": {"review": [{"because": "people decide"}]}}) as (
            runner,
            agent,
            names,
        ):
            await notifier(journal, Ear(NO)).once()
            for _ in range(10):
                await (await runner.start(agent, Request(), by="ann")).result()
                clock.pass_time(1)
                await notifier(journal, Ear()).once()
            clock.pass_time(60)
            ear = Ear()
            assert (await notifier(journal, ear).once()).told == 1
            assert ear.ids[0].startswith(names[0])
            (told,) = [one for one in await notified(journal) if one.id == ear.ids[0] and one.state == "told"]
            assert told.attempt == 2

    story(work)


# ------------------------------------------------------------------------------------------------------- beside a worker


def test_what_is_appended_is_told_at_once_and_stopping_ends_it():
    async def work():
        journal, ear = MemoryJournal(), Ear()
        one = notifier(journal, ear, patience=Patience(pause=0.0, look=1e6))
        keeping = asyncio.create_task(one.keep())
        async with waiting(journal, 2):
            await until(lambda: len(ear.ids) == 2)
            one.stop()
            await keeping

    story(work)


def test_a_receiver_that_hangs_delays_no_run():
    async def work():
        journal, ear = MemoryJournal(), Ear()
        ear.open.clear()
        agent = clerk(Bank())
        async with opened(journal, ask("Which?"), OK) as runner:
            await (await runner.start(clerk(Bank(), name="asker"), Request(), by="ann")).result()
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            one = notifier(journal, ear, worker=runner.worker)
            keeping = asyncio.create_task(one.keep())
            await until(lambda: ear.ids)
            for _ in range(5):
                run = await runner.start(agent, Request(), by="ann")
                assert isinstance(await run.result(), Done)
            assert not keeping.done()
            ear.open.set()
            one.stop()
            await keeping

    story(work)


def test_a_receiver_that_is_down_gets_its_rest_and_is_told_when_it_is_back():
    async def work():
        journal, ear, said = MemoryJournal(), Ear(*[NO] * 6), []
        calm = Patience(pause=0.0, look=1e6, rest=0.001, longest_rest=0.002, again=0)
        one = notifier(journal, ear, said=said, patience=calm)
        async with waiting(journal, 3):
            keeping = asyncio.create_task(one.keep())
            while (await states(journal)).count("told") < 3:
                await asyncio.sleep(0.001)
            one.stop()
            await keeping
        assert len(ear.ids) == 9
        assert said == ["ear: it answered 500; it is tried again, nothing is lost", "ear takes notices again"]

    story(work)


def test_a_worker_goes_on_while_people_are_told():
    async def work():
        journal, ear = MemoryJournal(), Ear()
        agent = clerk(Bank(), terms=REVIEWED)
        async with opened(journal, model=script(), drives=False) as inbox:
            names = [(await inbox.start(agent, Request(), by="ann")).name for _ in range(4)]
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            one = notifier(journal, ear, worker=runner.worker, patience=Patience(pause=0.0, look=1e6))
            keeping = asyncio.create_task(one.keep())
            await Worker(runner).work(until_idle=True)
            await until(lambda: len(ear.ids) == 4)
            one.stop()
            await keeping
        assert sorted(one.split(".")[0] for one in ear.ids) == sorted(names)

    story(work)


# ------------------------------------------------------------------------------------------------------ erased, removed


def test_of_a_run_that_was_cancelled_and_erased_meanwhile_nothing_is_told():
    async def work():
        journal, ear = MemoryJournal(), Ear()
        async with waiting(journal) as (runner, _, (name,)):
            await runner.cancel(name, by="bo")
            await runner.drive(name)
            await runner.erase(name, by="eve", basis="asked to")
            assert (await notifier(journal, ear).once()).told == 0
            assert isinstance((await notified(journal))[0], Notified)

    story(work)


def test_of_somebodys_run_no_word_is_sent():
    class Whole(Ear):
        def __init__(self):
            super().__init__()
            self.bodies = []

        async def send(self, body, at):
            self.bodies.append(body)
            return await super().send(body, at)

    async def work():
        journal, ear = MemoryJournal(), Whole()
        async with opened(journal, PAY, OK) as runner:
            run = await runner.start(
                clerk(Bank(), terms=REVIEWED), Request(order="A-1"), by="ann", on_behalf_of="c:551"
            )
            await run.result()
            assert (await notifier(journal, ear).once()).told == 1
        (sent,) = [json.loads(body) for body in ear.bodies]
        assert set(sent) <= {"id", "kind", "run", "seq", "agent", "at", "role", "until", "text"}
        assert not [word for word in ("A-1", "c:551", "people decide", "ann") if word in json.dumps(sent)]

    story(work)


def test_a_backup_from_before_a_notice_was_recorded_sends_it_again_under_the_same_name(tmp_path):

    async def work():
        file, ear = tmp_path / "journal.db", Ear()
        journal = SqliteJournal(file)
        async with waiting(journal):
            pass
        await journal.close()
        shutil.copy(file, tmp_path / "backup.db")
        for name in ("journal.db", "backup.db"):
            journal = SqliteJournal(tmp_path / name)
            assert (await notifier(journal, ear).once()).told == 1
            await journal.close()
        assert ear.ids == ear.ids[:1] * 2

    story(work)
