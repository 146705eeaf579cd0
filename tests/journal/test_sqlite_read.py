from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from holdfast.errors import JournalDamaged, JournalError
from holdfast.journal.port import Where
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch


def test_a_read_that_meets_a_lock_waits_for_it_in_a_thread(tmp_path: Path, faulty):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        await journal.append(a_batch("r", durable=True))
        faulty.fail("before", "SELECT", "SQLITE_BUSY")
        journal._reader._quick = sqlite3.connect(":memory:", factory=faulty)
        assert len(await journal.read("r")) == 1
        assert (journal.watermark(), journal.epoch()) == (1, 1)
        await journal.close()

    asyncio.run(story())


def test_what_the_disk_has_against_a_read_is_said(tmp_path: Path, faulty):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        faulty.fail("before", "SELECT", "SQLITE_IOERR_READ")
        journal._reader._quick = sqlite3.connect(":memory:", factory=faulty)
        with pytest.raises(JournalError, match="SQLITE_IOERR_READ"):
            await journal.read("r")
        with pytest.raises(JournalError, match="SQLITE_IOERR_READ"):
            journal.watermark()
        journal._reader._slow = journal._reader._quick
        with pytest.raises(JournalError, match="SQLITE_IOERR_READ"):
            await journal.find(Where())
        await journal.close()

    asyncio.run(story())


def test_an_index_row_that_cannot_be_read_says_how_to_rebuild_it(tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        await journal.append(a_batch("r"))
        db = sqlite3.connect(tmp_path / "journal.db")
        db.execute("UPDATE runs SET row = x'7b7d'")
        db.commit()
        db.close()
        with pytest.raises(JournalDamaged, match="journal reindex"):
            await journal.row("r")
        await journal.close()

    asyncio.run(story())


def test_runs_in_pages_longer_than_is_read_at_once(tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        names = [f"run {n:04}" for n in range(500)]
        await asyncio.gather(*[journal.append(a_batch(name)) for name in names])
        assert await journal.runs() == names
        assert await journal.runs(limit=3) == names[:3]
        await journal.close()

    asyncio.run(story())


def test_lines_that_a_hand_in_the_file_made_texts_of_come_as_bytes(tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        batch = a_batch("r", durable=True)
        await journal.append(batch)
        other = sqlite3.connect(tmp_path / "journal.db")
        other.execute("UPDATE entries SET data = CAST(data AS TEXT)")
        other.commit()
        other.close()
        assert await journal.read("r") == await journal.read("r", durable=True) == list(batch.lines)
        assert [line.data for line in await journal.feed()] == [batch.lines[0][0]]
        await journal.close()

    asyncio.run(story())
