"""A run that is alone is committed where it appends, when nothing is promised by it and nobody else writes."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from holdfast.errors import JournalFull
from holdfast.events import Held, Hold
from holdfast.journal import sqlite_writer
from holdfast.journal.port import Committed, Full, Moved
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, until
from holdfast.testing.journal_contract.holding import takes
from tests.journal.test_sqlite_writer import path, run

__all__ = ["path"]


async def alone(journal: SqliteJournal, seq: int = 1) -> int:
    """Append to the run until one batch was answered at once; the thread may still be tidying up. Gives the head."""
    done = False
    while not done:
        asked = journal.append(a_batch("r", seq))
        done, seq = asked.done(), seq + 1
        assert isinstance(await asked, Committed)
    return seq


def test_a_lone_run_is_answered_at_once_and_becomes_durable_later(path: Path):
    async def story(journal: SqliteJournal) -> None:
        heard: dict[str, int] = {}
        journal.listen(heard.__setitem__)
        await journal.append(a_batch("r", durable=True))
        seq = await alone(journal)
        assert heard["r"] == seq
        await until(lambda: journal.watermark() == seq)
        assert len(await journal.read("r")) == len(await journal.feed()) == seq
        await journal.close()

    run(story, path, flush_after=0.01)


def test_what_is_promised_or_of_another_run_goes_to_the_thread(path: Path):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        for batch in (a_batch("r", 1, durable=True), a_batch("other"), a_batch("r", 2)):
            asked = journal.append(batch)
            assert not asked.done()
            assert isinstance(await asked, Committed)
        assert await alone(journal, 3) > 3
        await journal.close()

    run(story, path)


def test_a_lone_run_that_was_overtaken_is_told(path: Path):
    async def story(journal: SqliteJournal) -> None:
        other = SqliteJournal(path)
        await journal.append(a_batch("r"))
        seq = await alone(journal)
        await other.append(a_batch("r", seq))
        asked = journal.append(a_batch("r", seq))
        assert asked.done()
        assert await asked == Moved(seq + 1)
        await other.close()
        await journal.close()

    run(story, path)


def test_while_another_process_writes_the_loop_is_not_held_up(path: Path):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        asked = journal.append(a_batch("r", 1))
        assert not asked.done()
        other.execute("COMMIT")
        other.close()
        assert await asked == Committed(2)
        await journal.close()

    run(story, path)


def test_a_lone_run_is_told_of_a_full_disk_and_goes_on_when_there_is_room(path: Path, faulty):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        faulty.fail("before", "COMMIT", "SQLITE_FULL", times=1)
        with pytest.raises(JournalFull, match="no room left"):
            await journal.append(a_batch("r", 1))
        assert await journal.append(a_batch("r", 1)) == Committed(2)
        await journal.close()

    run(story, path, connection=faulty)


def test_a_lone_run_is_held_to_its_conditions(path: Path):
    """What another process took, and how far another run came, is seen where it appends."""

    async def story(journal: SqliteJournal) -> None:
        other = SqliteJournal(path)
        await journal.append(a_batch("r"))
        seq = await alone(journal)
        await other.append(takes("other", 0, Hold("n")))
        for batch, answer in (
            (takes("r", seq, Hold("n"), top=1), Full("n", 1)),
            (a_batch("r", seq, heeds=(("other", 0),)), Moved(1, "other")),
            (takes("r", seq, Hold("n"), top=2, heeds=(("other", 1), ("none", 0))), Committed(seq + 2)),
        ):
            asked = journal.append(batch)
            assert asked.done()
            assert await asked == answer
        assert await other.held(["n"]) == {"n": Held(2, "other")}
        assert await other.append(takes("third", 0, Hold("n"), top=2)) == Full("n", 2)
        await other.close()
        await journal.close()

    run(story, path)


def test_a_lone_runs_conditions_wait_for_what_was_queued_before(path: Path):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        seq = await alone(journal)
        before = [journal.append(takes("x", 0, Hold("n"))), journal.append(takes("r", seq, Hold("n"), top=1))]
        assert not before[1].done()
        assert await asyncio.gather(*before) == [Committed(seq + 1), Full("n", 1)]
        await journal.close()

    run(story, path)


def test_the_log_is_brought_into_the_file_by_the_thread(path: Path, monkeypatch: pytest.MonkeyPatch):
    threads: set[str] = set()
    original = sqlite_writer.Writer._checkpoint

    def checkpoint(self, *, at):
        threads.add(threading.current_thread().name)
        original(self, at=at)

    monkeypatch.setattr(sqlite_writer, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(sqlite_writer.Writer, "_checkpoint", checkpoint)

    async def story(journal: SqliteJournal) -> None:
        answered = []
        for seq in range(40):
            asked = journal.append(a_batch("r", seq))
            answered.append(asked.done())
            await asked
        assert 0 < sum(answered) < 40
        await journal.close()

    run(story, path)
    assert threads == {"holdfast-journal"}


def test_two_runs_at_once_share_commits(path: Path):
    async def story(journal: SqliteJournal) -> None:
        for seq in range(3):
            asked = [journal.append(a_batch(name, seq)) for name in ("a", "b")]
            assert not any(one.done() for one in asked)
            assert all(isinstance(answer, Committed) for answer in await asyncio.gather(*asked))
        await journal.close()

    run(story, path)
