"""Checkpoints come with entries, with time and with the ends of runs; failures are told and mended, and work goes on."""

from __future__ import annotations

import asyncio

import pytest

from holdfast import Done
from holdfast.errors import Bug, JournalLocked
from holdfast.journal.memory import MemoryJournal
from holdfast.shell.anchors import FileAnchor
from holdfast.shell.auditor import Auditor
from holdfast.shell.durable import seals
from holdfast.shell.proofs import verify_journal
from holdfast.shell.rhythm import Beat, Rhythm
from holdfast.shell.worker import Worker
from holdfast.testing.journal_contract import a_batch
from tests.shell.audited import DESK, KEYS
from tests.shell.bench import OK, PAY, Bank, Request, clerk, opened, story, until

NEVER = 1e6
SOON = 0.001


class Shelf:
    """An anchor in memory, which can be out of reach."""

    def __init__(self):
        self.name, self.held, self.why = "shelf", [], ""

    async def notes(self):
        return list(self.held)

    async def last(self):
        if self.why:
            from holdfast.shell.anchors import AnchorError

            raise AnchorError(self.why)
        return self.held[-1] if self.held else ""

    async def publish(self, notes):
        self.held += notes


class Keeping:
    """A rhythm that is kept for the length of an `async with`."""

    def __init__(self, journal, *anchors, **beat):
        self.said = []
        self.journal = journal
        times = Beat(**{"entries": 1 << 60, "seconds": NEVER, "pause": SOON, "again": NEVER} | beat)
        self.rhythm = Rhythm(Auditor(journal, DESK, anchors), journal, self.said.append, beat=times)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.rhythm.keep())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self.rhythm.stop()
        await self.task

    async def taken(self, count):
        while len(await seals(self.journal)) < count:
            await asyncio.sleep(SOON)


def test_what_was_there_is_covered_at_the_start_and_then_every_so_many_entries():
    async def work():
        journal = MemoryJournal()
        await journal.append(a_batch("a", durable=True))
        async with Keeping(journal, entries=3) as kept:
            await kept.taken(1)
            await journal.append(a_batch("b", count=2, durable=True))
            assert not kept.rhythm._is_due(SOON)
            await journal.append(a_batch("c", durable=True))
            await kept.taken(2)
        assert (await verify_journal(journal, KEYS)).uncovered == 0

    story(work)


def test_after_so_long_what_is_new_is_covered_and_nothing_where_nothing_is():
    async def work():
        journal = MemoryJournal()
        async with Keeping(journal, seconds=SOON) as kept:
            await journal.append(a_batch("a", durable=True))
            await kept.taken(1)
            await until(lambda: not kept.rhythm._is_due(NEVER))
            assert len(await seals(journal)) == 1
            await journal.append(a_batch("b", durable=True))
            await kept.taken(2)
        assert kept.said == []

    story(work)


def test_runs_that_end_together_share_a_checkpoint():
    async def work():
        journal = MemoryJournal()
        async with Keeping(journal, pause=0.05) as kept:
            for run in "abcdef":
                await journal.append(a_batch(run, durable=True))
                kept.rhythm.ended()
            await kept.taken(1)
            await kept.rhythm.finish()
            assert len(await seals(journal)) <= 2
            assert (await verify_journal(journal, KEYS)).uncovered == 0

    story(work)


def test_several_on_one_journal_do_not_fight():
    async def work():
        journal, said = MemoryJournal(), []
        keeping = [Keeping(journal, entries=2, seconds=SOON) for _ in range(4)]
        for one in keeping:
            await one.__aenter__()
        for number in range(30):
            await journal.append(a_batch(f"r{number}", durable=True))
            for one in keeping:
                one.rhythm.ended()
            if number == 10:
                await keeping[0].taken(1)
        for one in keeping:
            await one.__aexit__()
            await one.rhythm.finish()
            said += one.said
        verdict = await verify_journal(journal, KEYS)
        assert (verdict.good, verdict.uncovered, said) == (True, 0, [])
        assert verdict.checkpoints >= 2

    story(work)


def test_an_anchor_that_fails_is_told_once_and_again_when_it_is_reached():
    async def work():
        journal, shelf = MemoryJournal(), Shelf()
        shelf.why = "nobody answers"
        async with Keeping(journal, shelf, entries=1, seconds=SOON) as kept:
            for run in "abc":
                await journal.append(a_batch(run, durable=True))
                await until(lambda run=run: kept.said)
            await kept.taken(1)
            assert kept.said == [
                "the anchor shelf does not hold the last checkpoints: nobody answers; it is tried again"
            ]
            shelf.why = "the disk is full"
            await until(lambda: len(kept.said) == 2)
            assert "the disk is full" in kept.said[1]
            shelf.why = ""
            await until(lambda: len(kept.said) == 3)
        assert "the anchor shelf is reached again, and was given" in kept.said[2]
        assert shelf.held == [one.note for one in (await seals(journal)).values()]

    story(work)


def test_what_does_not_go_at_the_end_is_said_at_the_end():
    async def work():
        journal, shelf = MemoryJournal(), Shelf()
        shelf.why = "nobody answers"
        await journal.append(a_batch("a", durable=True))
        async with Keeping(journal, shelf) as kept:
            await until(lambda: kept.said)
        await kept.rhythm.finish()
        assert len(kept.said) == 2
        assert kept.rhythm.failing

    story(work)


def test_a_journal_that_cannot_be_signed_is_told_and_a_bug_is_raised():
    async def work():
        journal = MemoryJournal()
        kept = Keeping(journal)
        wrong = iter([JournalLocked("somebody holds it"), Bug("this should not be")])

        class Failing:
            async def checkpoint(self):
                raise next(wrong)

        kept.rhythm._auditor = Failing()
        await kept.rhythm.take()
        assert kept.said == ["no checkpoint was taken: somebody holds it; it is tried again"]
        with pytest.raises(Bug):
            await kept.rhythm.take()

    story(work)


def test_a_worker_signs_what_it_did_and_leaves_nothing_uncovered(tmp_path):
    async def work():
        bank, journal, said = Bank(), MemoryJournal(), []
        agent, anchor = clerk(bank), FileAnchor(tmp_path / "anchor")
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            worker = Worker(runner, rhythm=Rhythm(Auditor(journal, DESK, [anchor]), journal, said.append))
            working = asyncio.create_task(worker.work())
            run = await runner.start(agent, Request(), by="ann")
            assert isinstance(await run.result(), Done)
            worker.stop()
            await working
        verdict = await verify_journal(journal, KEYS, [anchor])
        assert (verdict.good, verdict.uncovered, said) == (True, 0, [])
        assert verdict.anchored == verdict.last

    story(work)


def test_a_worker_whose_anchor_is_away_works_on():
    async def work():
        bank, journal, shelf, said = Bank(), MemoryJournal(), Shelf(), []
        shelf.why = "nobody answers"
        agent = clerk(bank)
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            rhythm = Rhythm(Auditor(journal, DESK, [shelf]), journal, said.append)
            worker = Worker(runner, rhythm=rhythm)
            working = asyncio.create_task(worker.work())
            run = await runner.start(agent, Request(), by="ann")
            assert isinstance(await run.result(), Done)
            worker.stop()
            await working
        assert len(bank.paid) == 1
        assert any("nobody answers" in one for one in said)
        assert (await verify_journal(journal, KEYS)).uncovered == 0

    story(work)


def test_a_worker_whose_rhythm_breaks_ends():
    async def work():
        journal = MemoryJournal()

        class Broken(Rhythm):
            async def take(self):
                raise Bug("this should not be")

        async with opened(journal, OK) as runner:
            with pytest.raises(Bug, match="this should not be"):
                await Worker(runner, rhythm=Broken(Auditor(journal, DESK), journal, print)).work()

    story(work)
