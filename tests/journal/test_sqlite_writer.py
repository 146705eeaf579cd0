from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from holdfast.errors import (
    Bug,
    JournalDamaged,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalNewer,
)
from holdfast.journal.port import Append, Committed, Moved
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, a_row, until


def run(story, path: Path, **options: object) -> None:
    async def whole() -> None:
        journal = SqliteJournal(path, **options)
        async with asyncio.timeout(30):
            await story(journal)

    asyncio.run(whole())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


# --------------------------------------------------------------------------------------- uncertain commits


def test_a_commit_that_failed_after_it_succeeded_is_found_in_the_file(path: Path, faulty):
    faulty.fail("after", "COMMIT", "SQLITE_INTERRUPT", times=1)

    async def story(journal: SqliteJournal) -> None:
        asked = [a_batch("a", durable=True), a_batch("a", 1, blobs=(("b", b"1"),)), a_batch("b", 9)]
        answers = await asyncio.gather(*map(journal.append, asked))
        assert answers == [Committed(1), Committed(2), Moved(0)]
        assert await journal.append(a_batch("a", 2)) == Committed(3)
        await journal.close()

    run(story, path, connection=faulty)


def test_a_commit_that_failed_left_nothing_and_can_be_asked_for_again(path: Path, faulty):
    faulty.fail("before", "COMMIT", "SQLITE_FULL", times=1)

    async def story(journal: SqliteJournal) -> None:
        with pytest.raises(JournalFull, match=r"no room left .* \(run a\)"):
            await journal.append(a_batch("a", row=a_row("a", 1, key="k")))
        assert await journal.read("a") == []
        assert await journal.append(a_batch("a", row=a_row("a", 1, key="k"))) == Committed(1)
        await journal.close()

    run(story, path, connection=faulty)


def test_after_a_failed_sync_nothing_is_written_any_more(path: Path, faulty):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r", durable=True))
        faulty.fail("before", "COMMIT", "SQLITE_IOERR_FSYNC", times=1)
        asked = [journal.append(a_batch("r", 1, durable=True)), journal.append(a_batch("r", 2))]
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, JournalError)
            assert "SQLITE_IOERR_FSYNC" in str(answer)
            assert "what to do: end this process" in str(answer)
        for write in (lambda: journal.append(a_batch("other")), journal.recovered, lambda: journal.reindex([])):
            with pytest.raises(JournalError, match="the disk failed"):
                await write()
        assert len(await journal.read("r")) == len(await journal.feed()) == 1
        with pytest.raises(JournalError, match="the disk failed"):
            await journal.close()

    run(story, path, connection=faulty)


@pytest.mark.parametrize("durable", [True, False])
def test_what_stands_in_the_file_after_a_failed_sync_is_committed_but_promised_to_nobody(path: Path, faulty, durable):
    faulty.fail("after", "COMMIT", "SQLITE_IOERR_FSYNC", times=1)

    async def story(journal: SqliteJournal) -> None:
        (answer,) = await asyncio.gather(journal.append(a_batch("r", durable=durable)), return_exceptions=True)
        assert type(answer) is (JournalError if durable else Committed)
        assert len(await journal.read("r")) == 1
        with pytest.raises(JournalError, match="end this process"):
            await journal.append(a_batch("more"))
        with pytest.raises(JournalError, match="end this process"):
            await journal.close()

    run(story, path, connection=faulty)


def test_lines_of_another_in_the_place_of_ours_are_not_taken_for_ours(path: Path, faulty, sqlite_error):
    async def overtake() -> None:
        other = SqliteJournal(path)
        assert await other.append(a_batch("r", text="theirs")) == Committed(1)
        await other.close()

    met: list[str] = []

    def before(sql: str) -> sqlite3.Error | None:
        """The commit fails; before it is looked at what is in the file, another process gets in."""
        if sql == "COMMIT" and not met:
            met.append(sql)
            return sqlite_error("SQLITE_FULL")
        if sql.startswith("SELECT digest"):
            asyncio.run(overtake())
        return None

    faulty.before = staticmethod(before)

    async def story(journal: SqliteJournal) -> None:
        with pytest.raises(JournalFull):
            await journal.append(a_batch("r", text="ours"))
        assert await journal.append(a_batch("r", text="ours")) == Moved(1)
        await journal.close()

    run(story, path, connection=faulty)


def test_a_disk_that_fails_under_a_checkpoint_ends_the_writing_too(path: Path, faulty, monkeypatch):
    monkeypatch.setattr("holdfast.journal.sqlite_writer.CHECKPOINT_PAGES", 1)
    faulty.fail("before", "PRAGMA wal_checkpoint", "SQLITE_IOERR_FSYNC")

    async def story(journal: SqliteJournal) -> None:
        assert await journal.append(a_batch("r", durable=True)) == Committed(1)

        async def refused() -> bool:
            try:
                await journal.append(a_batch("other"))
            except JournalError as error:
                return "end this process" in error.hint
            return False

        await until(refused)
        with pytest.raises(JournalError):
            await journal.close()

    run(story, path, connection=faulty)


def test_a_disk_that_fails_under_a_flush_ends_the_writing_too(path: Path, faulty):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        faulty.fail("before", "COMMIT", "SQLITE_IOERR_FSYNC")
        with pytest.raises(JournalError, match="the disk failed"):
            await journal.close()

    run(story, path, connection=faulty, flush_after=60)


def test_a_checkpoint_that_found_no_room_is_made_later(path: Path, faulty, monkeypatch):
    monkeypatch.setattr("holdfast.journal.sqlite_writer.CHECKPOINT_PAGES", 1)
    faulty.fail("before", "PRAGMA wal_checkpoint", "SQLITE_FULL", times=2)

    async def story(journal: SqliteJournal) -> None:
        for seq in range(5):
            assert await journal.append(a_batch("r", seq, durable=True)) == Committed(seq + 1)
        await journal.close()

    run(story, path, connection=faulty)


def test_a_scrub_that_failed_is_made_again_unless_it_was_the_disk(path: Path, faulty, monkeypatch):
    monkeypatch.setattr("holdfast.journal.sqlite_writer.RETRY_AFTER", 0.01)

    async def story(journal: SqliteJournal) -> None:
        faulty.fail("before", "PRAGMA wal_checkpoint(TRUNCATE)", "SQLITE_BUSY", times=1)
        await journal.append(a_batch("r", blobs=(("b", b"phone"),)))
        await journal.append(a_batch("r", 1, erase=("b",), durable=True))
        await until(lambda: Path(f"{path}-wal").stat().st_size == 0)
        faulty.fail("before", "PRAGMA wal_checkpoint(TRUNCATE)", "SQLITE_IOERR_FSYNC", times=1)
        await journal.append(a_batch("r", 2, forget="r", durable=True))
        with pytest.raises(JournalError, match="the disk failed"):
            await journal.close()

    run(story, path, connection=faulty)


def test_what_waits_behind_a_failed_sync_fails_too(path: Path, faulty):
    faulty.fail("before", "COMMIT", "SQLITE_IOERR_FSYNC", times=1)

    async def story(journal: SqliteJournal) -> None:
        asked = [journal.append(a_batch("r", erase=("b",))), journal.recovered(), journal.append(a_batch("s"))]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert ["the disk failed" in str(answer) for answer in answers] == [True] * 3
        assert journal.epoch() == 1
        with pytest.raises(JournalError):
            await journal.close()

    run(story, path, connection=faulty)


def test_a_mistake_of_ours_in_the_thread_leaves_nobody_waiting(path: Path, monkeypatch):
    hooked = []
    monkeypatch.setattr(threading, "excepthook", hooked.append)

    async def story(journal: SqliteJournal) -> None:
        all_asked = threading.Event()
        monkeypatch.setattr(journal._writer, "_serve", lambda _asked: 1 // (not all_asked.wait(10)))
        asked = [journal.append(a_batch("r")), journal.recovered(), journal.append(a_batch("s"))]
        all_asked.set()
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, Bug)
        await until(lambda: bool(hooked))
        with pytest.raises(Bug, match="ended by mistake"):
            await journal.append(a_batch("s"))
        with pytest.raises(Bug):
            await journal.close()

    run(story, path)


def test_a_rollback_that_fails_ends_the_writing_too(path: Path, faulty, sqlite_error):
    def before(sql: str) -> sqlite3.Error | None:
        return sqlite_error("SQLITE_FULL") if sql in {"COMMIT", "ROLLBACK"} else None

    faulty.before = staticmethod(before)

    async def story(journal: SqliteJournal) -> None:
        for _ in range(2):
            with pytest.raises(JournalError, match="the disk failed"):
                await journal.append(a_batch("r"))
        with pytest.raises(JournalError):
            await journal.close()

    run(story, path, connection=faulty)


def test_when_the_file_cannot_be_read_after_a_failed_commit_nobody_is_told_anything(path: Path, faulty, sqlite_error):
    failing = []

    def before(sql: str) -> sqlite3.Error | None:
        return sqlite_error("SQLITE_IOERR_READ") if failing and sql.startswith("SELECT digest") else None

    def after(sql: str) -> sqlite3.Error | None:
        return failing.append(1) or sqlite_error("SQLITE_INTERRUPT") if sql == "COMMIT" and not failing else None

    faulty.before, faulty.after = staticmethod(before), staticmethod(after)

    async def story(journal: SqliteJournal) -> None:
        with pytest.raises(JournalError, match="whether the last lines are in it is not known"):
            await journal.append(a_batch("r"))
        with pytest.raises(JournalError):
            await journal.close()

    run(story, path, connection=faulty)


# --------------------------------------------------------------------------------------- locks and room


def test_a_lock_that_is_not_let_go_fails_what_waited_and_loses_nothing(path: Path):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(*[journal.append(a_batch(f"r{n}")) for n in range(20)], return_exceptions=True)
        assert {type(answer) for answer in answers} == {JournalLocked}
        with pytest.raises(JournalLocked, match=r"nothing was written"):
            await journal.recovered()
        assert await journal.runs() == ["r"]  # reading waits for nobody
        other.execute("ROLLBACK")
        other.close()
        assert isinstance(await journal.append(a_batch("r0")), Committed)
        await journal.close()

    run(story, path, lock_wait=0.05)


def test_a_lock_that_is_let_go_was_only_waited_for(path: Path):
    async def story(journal: SqliteJournal) -> None:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        asked = asyncio.ensure_future(journal.append(a_batch("r")))
        done, _ = await asyncio.wait({asked}, timeout=0.05)
        assert not done
        other.execute("ROLLBACK")
        other.close()
        assert await asked == Committed(1)
        await journal.close()

    run(story, path)


def test_a_flush_that_met_a_lock_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdfast.journal.sqlite_writer.RETRY_AFTER", 0.01)

    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLocked):
            await journal.append(a_batch("s"))
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: journal.watermark() == 1)
        await journal.close()

    run(story, path, lock_wait=0.05, flush_after=0.01)


async def _until_full(journal: SqliteJournal) -> int:
    """Append until there is no room; the head then."""
    for seq in range(0, 1000, 2):
        try:
            await journal.append(a_batch("r", seq, 2, text="x" * 4000, durable=True))
        except JournalFull:
            return seq
    pytest.fail("the disk was never full")


def test_a_full_disk_refuses_what_is_new_and_keeps_what_was_acknowledged(disk):
    path = disk.folder / "journal.db"

    async def story(journal: SqliteJournal) -> None:
        disk.fill(leave=200_000)
        seq = await _until_full(journal)
        assert seq > 0
        assert len(await journal.read("r")) == seq
        disk.free()
        assert isinstance(await journal.append(a_batch("r", seq, durable=True)), Committed)
        assert len(await journal.feed()) == seq + 1
        await journal.close()

    run(story, path)


# --------------------------------------------------------------------------------------- what spoils a group


def test_a_batch_that_cannot_be_written_fails_alone(path: Path):
    async def story(journal: SqliteJournal) -> None:
        good = a_batch("good")
        asked = [
            good,
            Append(run="bad", expected=0, lines=((object(), b""),), row=a_row("bad", 1)),  # type: ignore[arg-type]
            a_batch("broken \ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")),
            a_batch("good", 1, durable=True),
            Append(run="r\ud800", expected=0, lines=good.lines, row=a_row("r\ud800", 1)),
        ]
        answers = await asyncio.gather(*map(journal.append, asked), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Committed, Bug, Committed, Committed, Bug]
        assert "run bad" in str(answers[1])
        assert len(await journal.read("good")) == 2
        await journal.close()

    run(story, path)


def test_a_run_whose_index_is_wrong_fails_alone(path: Path):
    async def story(journal: SqliteJournal) -> None:
        await asyncio.gather(journal.append(a_batch("right")), journal.append(a_batch("wrong", count=2)))
        other = sqlite3.connect(path)
        other.execute("UPDATE runs SET seq = 1 WHERE name = 'wrong'")
        other.commit()
        other.close()
        asked = [journal.append(a_batch("wrong", 1)), journal.append(a_batch("right", 1))]
        wrong, right = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(wrong, JournalDamaged)
        assert "contradicts itself" in str(wrong)
        assert isinstance(right, Committed)
        await journal.close()

    run(story, path)


def test_a_newer_holdfast_that_changed_the_tables_meanwhile_is_noticed(path: Path):
    async def story(journal: SqliteJournal) -> None:
        await journal.append(a_batch("r"))
        other = sqlite3.connect(path)
        other.execute("PRAGMA user_version = 3")
        other.close()
        answers = await asyncio.gather(
            *[journal.append(a_batch("r", 1)), journal.append(a_batch("s"))], return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [JournalNewer, JournalNewer]
        with pytest.raises(JournalNewer):
            await journal.close()  # the first line is not durable, and may not be made so

    run(story, path, flush_after=60)


def test_more_runs_than_are_remembered(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdfast.journal.sqlite_ledger.HEADS_KEPT", 10)

    async def story(journal: SqliteJournal) -> None:
        for seq in range(3):
            answers = await asyncio.gather(*[journal.append(a_batch(f"r{n}", seq)) for n in range(40)])
            assert {type(answer) for answer in answers} == {Committed}
        await journal.close()

    run(story, path)


def test_more_batches_than_one_transaction_takes(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdfast.journal.sqlite_writer.GROUP_MAX", 7)

    async def story(journal: SqliteJournal) -> None:
        answers = await asyncio.gather(*[journal.append(a_batch(f"r{n}")) for n in range(100)])
        assert answers == [Committed(n) for n in range(1, 101)]
        await journal.close()

    run(story, path)
