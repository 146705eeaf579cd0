from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.journal.port import Journal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import JournalContract, a_batch, until


class TestContract(JournalContract):
    @pytest.fixture(autouse=True)
    def _in(self, tmp_path: Path) -> None:
        self.path = tmp_path / "journal.db"

    def open(self) -> Journal:
        return SqliteJournal(self.path)

    def again(self, journal: Journal) -> Journal:
        return SqliteJournal(self.path)


def synced(statements: list[str]) -> list[bool]:
    """Of each transaction, whether it was synced."""
    full, out = False, []
    for statement in statements:
        if statement.startswith("PRAGMA synchronous"):
            full = statement.endswith("FULL")
        elif statement == "COMMIT":
            out.append(full)
    return out


@pytest.fixture
def statements(faulty) -> list[str]:
    """What the connection made of `faulty` is asked to do."""
    asked: list[str] = []
    faulty.before = staticmethod(asked.append)
    return asked


def test_a_group_is_synced_if_one_of_its_batches_must_be(tmp_path: Path, faulty, statements: list[str]):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db", connection=faulty, flush_after=60)
        await journal.append(a_batch("a"))
        await asyncio.gather(journal.append(a_batch("b")), journal.append(a_batch("c", durable=True)))
        await journal.append(a_batch("d"))
        done = synced(statements)
        # The two of one group may have been taken one by one, if the thread was quick.
        assert done in ([False, True, False], [False, False, True, False])
        assert journal.watermark() == 3
        await journal.close()
        assert synced(statements)[len(done) :] == [True]

    asyncio.run(story())


def test_soft_lines_are_flushed_by_a_transaction_that_writes(tmp_path: Path, faulty, statements: list[str]):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db", connection=faulty, flush_after=0.01)
        await journal.append(a_batch("a"))
        await until(lambda: journal.watermark() == 1)
        begun = len(statements) - 1 - statements[::-1].index("BEGIN IMMEDIATE")
        assert synced(statements) == [False, True]
        assert [text for text in statements[begun:] if text.startswith("UPDATE meta")]
        await journal.close()
        assert synced(statements) == [False, True]

    asyncio.run(story())


def test_steady_soft_work_is_synced_all_the_same(tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db", flush_after=0.4)
        seq = 0
        async with asyncio.timeout(20):
            while journal.watermark() < 1:
                await journal.append(a_batch("r", seq))
                seq += 1
        await journal.close()

    asyncio.run(story())


def test_what_a_killed_process_left_unsynced_is_synced_for_whoever_reads_the_feed(tmp_path: Path):
    async def story() -> None:
        killed = SqliteJournal(tmp_path / "journal.db", flush_after=60)
        await killed.append(a_batch("r", count=2))
        other = SqliteJournal(tmp_path / "journal.db")
        assert (await other.feed(), other.watermark()) == ([], 0)
        woken = asyncio.Event()
        other.listen(lambda _run, _head: woken.set())
        async with asyncio.timeout(20):
            while len(await other.feed()) < 2:
                await woken.wait()
                woken.clear()
        await other.close()
        await killed.close()

    asyncio.run(story())


def test_a_listener_hears_of_lines_that_others_wrote_between_ones_own(tmp_path: Path, monkeypatch):
    async def story() -> None:
        one, other = (SqliteJournal(tmp_path / "journal.db", flush_after=60) for _ in "12")
        heads: dict[str, int] = {}
        monkeypatch.setattr("holdfast.journal.sqlite_news.POLL_EVERY", 3600)
        one.listen(heads.__setitem__)
        await one.append(a_batch("one"))
        await other.append(a_batch("other", durable=True))
        await one.append(a_batch("one", 1))
        await until(lambda: heads == {"one": 2})
        monkeypatch.setattr("holdfast.journal.sqlite_news.POLL_EVERY", 0.01)
        await one.append(a_batch("one", 2, durable=True))
        await until(lambda: heads == {"one": 3, "other": 1})
        await one.close()
        await other.close()

    asyncio.run(story())


@pytest.mark.parametrize("who", ["own", "other"])
def test_a_listener_hears_again_when_another_commit_made_lines_durable(tmp_path: Path, who: str):
    async def story() -> None:
        journals = {name: SqliteJournal(tmp_path / "journal.db", flush_after=60) for name in ("own", "other")}
        calls: list[tuple[str, int]] = []
        journals["own"].listen(lambda run, head: calls.append((run, head)))
        await journals["own"].append(a_batch("soft"))
        await until(lambda: calls == [("soft", 1)])
        await journals[who].append(a_batch("hard", durable=True))
        await until(lambda: sorted(calls) == [("hard", 1), ("soft", 1), ("soft", 1)])
        for journal in journals.values():
            await journal.close()

    asyncio.run(story())


def size(path: Path, suffix: str = "") -> int:
    return Path(f"{path}{suffix}").stat().st_size


def test_the_log_is_brought_into_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def story() -> None:
        path = tmp_path / "journal.db"
        journal = SqliteJournal(path)
        monkeypatch.setattr("holdfast.journal.sqlite_writer.CHECKPOINT_PAGES", 20)
        before = size(path)
        for seq in range(0, 50, 5):
            await journal.append(a_batch("r", seq, 5, text="x" * 2000))
        await until(lambda: size(path) > before + 20_000)
        assert size(path, "-wal") < 300_000
        await journal.close()

    asyncio.run(story())


def test_what_is_erased_is_gone_from_the_disk(tmp_path: Path):
    def on_disk() -> bool:
        return any(b"phone 0451" in file.read_bytes() for file in tmp_path.glob("journal.db*") if file.is_file())

    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        await journal.append(a_batch("r", blobs=(("b", b"phone 0451" * 2_000), ("c", b"phone 0451"))))
        assert on_disk()
        await journal.append(a_batch("r", 1, erase=("b", "c"), durable=True))
        await until(lambda: not on_disk())
        await journal.close()

    asyncio.run(story())


def test_an_erasure_beside_a_long_reader_is_finished_when_he_is(tmp_path: Path):
    async def story() -> None:
        path = tmp_path / "journal.db"
        journal = SqliteJournal(path)
        await journal.append(a_batch("r", blobs=(("b", b"phone 0451"),)))
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        await journal.append(a_batch("r", 1, erase=("b",), durable=True))
        await journal.append(a_batch("r", 2, durable=True))  # nobody waits for the reader
        assert size(path, "-wal") > 0
        reader.close()
        await until(lambda: size(path, "-wal") == 0)
        await journal.close()

    asyncio.run(story())


def test_a_closed_journal_says_so(tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        journal.enlist("w")
        await journal.append(a_batch("r"))
        await journal.close()
        await journal.close()
        for call in (lambda: journal.read("r"), journal.recovered, lambda: journal.append(a_batch("r", 1))):
            with pytest.raises(UsageError, match="the journal is closed"):
                await call()
        for look in (journal.epoch, journal.watermark, lambda: journal.listen(print)):
            with pytest.raises(UsageError, match="the journal is closed"):
                look()
        other = SqliteJournal(tmp_path / "journal.db")
        assert other.alive("w") is False
        assert len(await other.feed()) == 1
        await other.close()

    asyncio.run(story())


def test_a_listener_in_a_loop_that_is_gone_is_forgotten(tmp_path: Path):
    journal = SqliteJournal(tmp_path / "journal.db")

    async def first() -> None:
        journal.listen(lambda _run, _head: None)

    async def second() -> None:
        heads: dict[str, int] = {}
        journal.listen(heads.__setitem__)
        await journal.append(a_batch("r"))
        await until(lambda: heads == {"r": 1})
        await journal.close()

    asyncio.run(first())
    asyncio.run(second())


def test_a_poll_that_fails_is_made_again(tmp_path: Path, faulty):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db", connection=faulty)
        other = SqliteJournal(tmp_path / "journal.db")
        heads: dict[str, int] = {}
        faulty.fail("before", "SELECT name, seq", "SQLITE_BUSY", times=2)
        journal.listen(heads.__setitem__)
        await other.append(a_batch("r"))
        await until(lambda: heads == {"r": 1})
        await journal.close()
        await other.close()

    asyncio.run(story())


def test_opening_a_second_journal_keeps_the_locks_of_the_first(tmp_path: Path):
    """Closing any file of this name in this process would free them: that is how these locks work."""

    async def story() -> None:
        path = tmp_path / "journal.db"
        first = SqliteJournal(path)
        await first.append(a_batch("r"))
        await SqliteJournal(path).close()
        take = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('PRAGMA journal_mode = DELETE')"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", take, str(path), stderr=subprocess.PIPE)
        _, said = await process.communicate()
        assert b"database is locked" in said
        await first.close()

    asyncio.run(story())
