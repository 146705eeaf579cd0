from __future__ import annotations

import asyncio
import errno
import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import pytest

from holdfast.errors import (
    JournalDamaged,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalNewer,
    JournalReadOnly,
    SettingsError,
)
from holdfast.journal import sqlite_file
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, until


def open_and_close(path: Path, **options: object) -> None:
    asyncio.run(SqliteJournal(path, **options).close())


def read_all(path: Path, **options: object) -> int:
    async def story() -> int:
        journal = SqliteJournal(path, **options)
        try:
            lines = len(await journal.feed(limit=100_000))
            for run in await journal.runs():
                await journal.row(run)
                assert await journal.read(run)
            return lines
        finally:
            await journal.close()

    return asyncio.run(story())


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A closed journal of forty runs with five lines each."""
    path = tmp_path / "journal.db"

    async def story() -> None:
        journal = SqliteJournal(path)
        await asyncio.gather(*[journal.append(a_batch(f"run {n}", count=5, durable=True)) for n in range(40)])
        await journal.close()

    asyncio.run(story())
    assert [file.name for file in tmp_path.iterdir()] == ["journal.db"]
    return path


def flip(path: Path, offset: int, length: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        data = file.read(length)
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in data))


def test_a_closed_journal_is_one_file_and_opens_again(written: Path):
    assert read_all(written) == 200
    assert read_all(written, readonly=True) == 200


def test_tables_of_a_newer_version_are_left_alone(written: Path):
    db = sqlite3.connect(written)
    db.execute("PRAGMA user_version = 3")
    db.close()
    before = written.read_bytes()
    for readonly in (False, True):
        with pytest.raises(JournalNewer, match=r"version 3, and this holdfast knows up to 2[\s\S]*what to do"):
            open_and_close(written, readonly=readonly)
    assert written.read_bytes() == before


@pytest.mark.parametrize("offset", [0, 15, 60, 68, 100, 104])
def test_a_damaged_first_page_is_found_when_opening(written: Path, offset: int):
    flip(written, offset)
    with pytest.raises(JournalDamaged, match=r"what to do: "):
        open_and_close(written)


@pytest.mark.parametrize("size", [1, 99, 1000, 4096, 8192, 0.5, 0.9])
def test_a_file_cut_off_is_damaged(written: Path, size: float):
    whole = written.read_bytes()
    written.write_bytes(whole[: size if isinstance(size, int) else int(len(whole) * size)])
    with pytest.raises(JournalDamaged):
        read_all(written)


def test_a_damaged_page_in_the_middle_is_found_by_whoever_reads_it(written: Path):
    for page in range(1, written.stat().st_size // 4096):
        flip(written, page * 4096, 8)
    with pytest.raises(JournalDamaged, match="is damaged"):
        read_all(written)


@pytest.mark.parametrize("content", [b"hello", b"x" * 5000])
def test_another_kind_of_file_is_no_journal(tmp_path: Path, content: bytes):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(JournalDamaged):
        open_and_close(path)
    assert path.read_bytes() == content


def test_another_sqlite_file_is_no_journal(tmp_path: Path):
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE photos (id)")
    db.close()
    with pytest.raises(JournalDamaged, match="is no journal of holdfast"):
        open_and_close(path)


def test_a_journal_that_lost_a_table_is_damaged(written: Path):
    db = sqlite3.connect(written)
    db.execute("DROP TABLE meta")
    db.close()
    with pytest.raises(JournalDamaged, match="lacks what a journal holds"):
        open_and_close(written)


def test_an_empty_file_becomes_a_journal_but_not_for_looking(tmp_path: Path):
    path = tmp_path / "journal.db"
    path.touch()
    with pytest.raises(JournalError, match="there is no journal at"):
        open_and_close(path, readonly=True)
    open_and_close(path)
    assert read_all(path, readonly=True) == 0


def test_a_copy_made_by_sqlite_is_put_in_write_ahead_mode(written: Path, tmp_path: Path):
    copy = tmp_path / "copy.db"
    db = sqlite3.connect(written)
    db.execute("VACUUM INTO ?", (str(copy),))
    db.close()
    assert read_all(copy) == 200
    db = sqlite3.connect(copy)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_a_folder_in_the_place_of_the_file_or_of_a_folder(tmp_path: Path):
    with pytest.raises(JournalError, match=r"could not be used|cannot be opened"):
        open_and_close(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be opened"):
        open_and_close(tmp_path / "file" / "journal.db")


def test_several_processes_may_make_the_journal_at_once(tmp_path: Path):
    spawn = multiprocessing.get_context("spawn")
    for n in range(2):
        with spawn.Pool(4) as pool:
            pool.map(_open_and_append, [(str(tmp_path / f"{n}.db"), f"run {k}") for k in range(8)], chunksize=1)
        assert read_all(tmp_path / f"{n}.db") == 8


def _open_and_append(given: tuple[str, str]) -> None:
    path, run = given

    async def story() -> None:
        journal = SqliteJournal(path)
        await journal.append(a_batch(run, durable=True))
        await journal.close()

    asyncio.run(story())


def test_a_file_held_by_another_program_is_said_to_be_locked(written: Path):
    db = sqlite3.connect(written, isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalLocked, match=r"another program holds the journal .*journal\.db"):
        open_and_close(written, lock_wait=0.1)
    db.close()
    open_and_close(written, lock_wait=0.1)


def test_a_read_only_disk_can_be_looked_at(disk):
    path = disk.folder / "journal.db"
    open_and_close(path)
    asyncio.run(_append_and_close(path))
    disk.read_only()
    with pytest.raises(JournalReadOnly, match=r"journal\.db cannot be written.*[\s\S]*for reading only"):
        open_and_close(path)
    with pytest.raises(JournalReadOnly):
        open_and_close(disk.folder / "sub" / "new.db")
    assert read_all(path, readonly=True) == 1


async def _append_and_close(path: Path) -> None:
    journal = SqliteJournal(path)
    await journal.append(a_batch("r"))
    await journal.close()


def test_a_journal_that_was_not_closed_cannot_be_looked_at_where_nothing_can_be_written(disk, tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        await journal.append(a_batch("r", durable=True))
        for name in ("journal.db", "journal.db-wal"):
            shutil.copy(tmp_path / name, disk.folder / name)
        await journal.close()

    asyncio.run(story())
    disk.read_only()
    with pytest.raises(JournalReadOnly, match="copy it, with the -wal file"):
        open_and_close(disk.folder / "journal.db", readonly=True)


def test_a_journal_in_use_can_be_looked_at_and_not_written_through(tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        looking = SqliteJournal(tmp_path / "journal.db", readonly=True)
        heads: dict[str, int] = {}
        looking.listen(heads.__setitem__)
        await journal.append(a_batch("r", count=2, durable=True))
        assert len(await looking.read("r")) == 2
        for act in (
            lambda: looking.append(a_batch("r", 2)), looking.recovered, lambda: looking.reindex([]),
        ):  # fmt: skip
            with pytest.raises(JournalReadOnly, match="opened for reading only"):
                await act()
        with pytest.raises(JournalReadOnly):
            looking.enlist("w")
        await until(lambda: heads == {"r": 2})
        await looking.close()
        await journal.close()

    asyncio.run(story())


def test_a_full_disk_is_said_when_opening(disk):
    disk.fill(leave=8192)
    with pytest.raises(JournalFull, match="no room left"):
        open_and_close(disk.folder / "journal.db")


def test_a_file_system_without_shared_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Elsewhere(sqlite3.Connection):
        def execute(self, sql, *args):
            return super().execute("SELECT 'delete'" if sql == "PRAGMA journal_mode = WAL" else sql, *args)

    connect = sqlite_file.connect
    monkeypatch.setattr(sqlite_file, "connect", lambda path, **given: connect(path, **given, kind=Elsewhere))
    with pytest.raises(JournalError, match="not on a network share"):
        open_and_close(tmp_path / "journal.db")


def test_a_lock_while_the_mode_is_set_is_waited_for(tmp_path: Path, faulty, monkeypatch: pytest.MonkeyPatch):
    connect = sqlite_file.connect
    faulty.fail("before", "PRAGMA journal_mode", "SQLITE_BUSY", times=2)
    monkeypatch.setattr(sqlite_file, "connect", lambda path, **given: connect(path, **given, kind=faulty))
    open_and_close(tmp_path / "journal.db")


def test_a_connection_that_cannot_be_tuned_is_given_back(tmp_path: Path, faulty):
    faulty.fail("before", "PRAGMA secure_delete", "SQLITE_IOERR_READ")
    with pytest.raises(JournalError, match="SQLITE_IOERR_READ"):
        open_and_close(tmp_path / "journal.db", connection=faulty)
    assert not (tmp_path / "journal.db-wal").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY", JournalLocked), ("SQLITE_PROTOCOL", JournalLocked), ("SQLITE_CORRUPT", JournalDamaged),
        ("SQLITE_FULL", JournalFull), ("SQLITE_READONLY", JournalReadOnly), ("SQLITE_CANTOPEN", JournalError),
        ("SQLITE_IOERR_READ", JournalError), ("SQLITE_IOERR_SHMSIZE", JournalError), ("SQLITE_NOMEM", JournalError),
    ],
)  # fmt: skip
def test_every_error_says_what_where_and_what_to_do(tmp_path: Path, sqlite_error, name: str, kind: type):
    error = sqlite_file.explain(sqlite_error(name), tmp_path / "journal.db")
    assert type(error) is kind
    assert str(tmp_path / "journal.db") in error.what
    assert error.hint


def test_a_disk_without_room_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_args: object, **_given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(JournalFull, match="no room left"):
        open_and_close(tmp_path / "sub" / "journal.db")


def test_whoever_comes_second_finds_the_tables_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "journal.db"
    open_and_close(path)
    blank = sqlite_file._is_blank
    looks = iter([True])
    monkeypatch.setattr(sqlite_file, "_is_blank", lambda db: next(looks, None) or blank(db))
    open_and_close(path)
    assert next(looks, None) is None


def test_an_old_sqlite_is_a_setting_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 0))
    with pytest.raises(SettingsError, match=r"3\.33 or newer"):
        open_and_close(tmp_path / "journal.db")
