"""Processes, loops, listeners and the end."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import UsageError
from holdfast.journal.port import Committed, Journal, KeyTaken, Moved
from holdfast.testing.journal_contract.story import Stories, a_batch, a_row, tells, until


class Living(Stories):
    """A journal is used by loops that come and go, and by processes that do not know of each other."""

    @tells
    async def test_listeners_are_told_of_commits(self, journal: Journal) -> None:
        """Each run's head, in the loop's thread; one that raises stops nobody else."""
        heads: dict[str, int] = {}
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: faults.append(what["exception"]))

        def broken(run: str, head: int) -> None:
            raise ZeroDivisionError(run, head)

        journal.listen(broken)
        stop = journal.listen(heads.__setitem__)
        await asyncio.gather(journal.append(a_batch("a", count=2)), journal.append(a_batch("b")))
        await until(lambda: heads == {"a": 2, "b": 1} and len(faults) >= 2)
        stop()
        await journal.append(a_batch("a", 2, durable=True))
        await until(lambda: len(faults) >= 3)
        assert heads["a"] == 2

    @tells
    async def test_whoever_follows_the_feed_need_not_poll(self, journal: Journal) -> None:
        """Listeners hear of soft lines again when these became durable, and so may be shown."""
        await journal.append(a_batch("before"))
        woken = asyncio.Event()
        journal.listen(lambda _run, _head: woken.set())
        appended = asyncio.ensure_future(journal.append(a_batch("after", count=2)))
        while len(await journal.feed()) < 3:
            await woken.wait()
            woken.clear()
        await appended

    @tells
    async def test_listeners_are_told_of_other_processes(self, journal: Journal) -> None:
        """Of what is committed after `listen` returned, and soon."""
        other = self.again(journal)
        heads: dict[str, int] = {}
        try:
            await other.append(a_batch("before"))
            journal.listen(heads.__setitem__)
            await other.append(a_batch("a", count=3))
            await until(lambda: heads.get("a") == 3)
            await journal.append(a_batch("a", 3))
            await other.append(a_batch("a", 4, durable=True))
            await until(lambda: heads["a"] == 5)
        finally:
            await other.close()

    @tells
    async def test_processes_see_each_others_heads_keys_and_epoch(self, journal: Journal) -> None:
        """Nothing one remembers hides what another wrote."""
        other = self.again(journal)
        try:
            assert await journal.append(a_batch("r", row=a_row("r", 1, key="k"))) == Committed(1)
            assert await other.append(a_batch("r", 1)) == Committed(2)
            assert await journal.append(a_batch("r", 1)) == Moved(2)
            assert await journal.append(a_batch("r", 2, durable=True)) == Committed(3)
            assert await other.append(a_batch("s", row=a_row("s", 1, key="l"))) == Committed(4)
            assert await journal.append(a_batch("t", row=a_row("t", 1, key="l"))) == KeyTaken("s")
            raised = await other.recovered()
            assert journal.epoch() == raised
        finally:
            await other.close()

    @tells
    async def test_the_epoch_rises_with_every_restore(self, journal: Journal) -> None:
        """And only then."""
        first = journal.epoch()
        await journal.append(a_batch("r", durable=True))
        assert journal.epoch() == first >= 1
        assert await journal.recovered() == first + 1 == journal.epoch()

    @tells
    async def test_a_worker_lives_from_its_enlisting(self, journal: Journal) -> None:
        """Nobody is said to live who did not say so."""
        assert journal.alive("w1") is not True
        journal.enlist("w1")
        journal.enlist("w1")
        assert journal.alive("w1") is not False
        assert journal.alive("w2") is not True

    @tells
    async def test_the_clock_is_in_microseconds(self, journal: Journal) -> None:
        """Whole ones, and it does not stand still for ever."""
        start = journal.now()
        assert isinstance(start, int)
        await until(lambda: journal.now() > start)

    @tells
    async def test_an_answer_nobody_waits_for_any_more_harms_nobody(self, journal: Journal) -> None:
        """What was queued is committed all the same."""
        gone = asyncio.ensure_future(journal.append(a_batch("gone")))
        kept = asyncio.ensure_future(journal.append(a_batch("kept")))
        gone.cancel()
        assert isinstance(await kept, Committed)
        assert list(await journal.runs()) == ["gone", "kept"]

    def test_closing_finishes_what_is_queued(self) -> None:
        """And nothing can be appended after; nobody is left without an answer."""

        async def whole() -> None:
            journal = self.open()
            asked = [asyncio.ensure_future(journal.append(a_batch(f"r{n}"))) for n in range(50)]
            await journal.close()
            assert [type(await one) for one in asked] == [Committed] * 50
            with pytest.raises(UsageError):
                await journal.append(a_batch("late"))

        asyncio.run(whole())

    def test_one_journal_serves_one_event_loop_after_another(self) -> None:
        """As tests and small programs do."""
        journal = self.open()

        async def one(seq: int) -> None:
            journal.listen(lambda _run, _head: None)
            assert await journal.append(a_batch("r", seq)) == Committed(seq + 1)

        for seq in range(3):
            asyncio.run(one(seq))

        async def last() -> None:
            assert len(await journal.read("r")) == 3
            await until(lambda: journal.watermark() == 3)
            await journal.close()

        asyncio.run(last())
