"""Journals of older versions of the tables: read as they stand, brought up to date by whoever first writes."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import msgspec
import pytest

from holdfast.errors import JournalFull, JournalNewer
from holdfast.events import Held, Hold
from holdfast.journal import sqlite_file
from holdfast.journal.port import Committed, Full, Take, Where
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, a_row

SCHEMA_1 = Path(__file__).with_name("schema_1.sql")
"""The tables of version 1, as they were released."""

RUNS = [f"run {n}" for n in range(40)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal of version 1: forty runs of three lines."""
    path = tmp_path / "journal.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    for statement in re.sub(r"--.*\n", "", SCHEMA_1.read_text()).split(";"):
        db.execute(statement)
    for number, run in enumerate(RUNS, 1):
        row = a_row(run, 3, opened=number)
        db.execute(
            "INSERT INTO runs VALUES (?, ?, 3, 'clerk', '', ?, '', 'working', NULL, NULL, '', 0, 0, ?)",
            (number, run, number, msgspec.json.encode(row)),
        )
        for seq, (data, digest) in enumerate(a_batch(run, count=3).lines, 1):
            db.execute("INSERT INTO entries (run, seq, data, digest) VALUES (?, ?, ?, ?)", (number, seq, data, digest))
    db.execute("UPDATE meta SET value = 120 WHERE name = 'durable'")
    db.close()
    return path


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    (found,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return int(found)


def layout(path: Path) -> dict[str, object]:
    """Every table and index: its columns in order, with what is said of each."""
    db = sqlite3.connect(path)
    made = db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    found: dict[str, object] = {name: " ".join((sql or "").split()) for kind, name, sql in made if kind == "index"}
    found |= {name: db.execute(f"PRAGMA table_xinfo({name})").fetchall() for kind, name, _ in made if kind == "table"}
    db.close()
    return found


async def look(journal: SqliteJournal) -> None:
    assert await journal.runs() == sorted(RUNS)
    assert len(await journal.feed()) == journal.watermark() == 120
    assert await journal.read("run 7") == list(a_batch("run 7", count=3).lines)
    assert await journal.row("run 7") == a_row("run 7", 3, opened=8)
    assert [row.run for row in await journal.find(Where(limit=2))] == ["run 39", "run 38"]
    assert await journal.held(["n"]) == {"n": Held()}
    assert await journal.wanting("n") == []


def test_an_older_journal_is_read_as_it_stands(path: Path):
    async def story() -> None:
        journal = SqliteJournal(path, readonly=True)
        await look(journal)
        await journal.close()

    before = path.read_bytes()
    asyncio.run(story())
    assert path.read_bytes() == before
    assert version(path) == 1


def test_an_older_journal_becomes_what_a_new_one_is(path: Path, tmp_path: Path):
    async def story() -> None:
        journal = SqliteJournal(path)
        await look(journal)
        row = a_row("run 7", 4, holds=(Hold("n"),), opened=8)
        assert await journal.append(a_batch("run 7", 3, row=row, holding=True, takes=(Take("n", 1),))) == Committed(121)
        full = a_batch("run 8", 3, row=a_row("run 8", 4, holds=row.holds), takes=(Take("n", 1),), holding=True)
        assert await journal.append(full) == Full("n", 1)
        await journal.append(a_batch("run 8", 3, row=a_row("run 8", 4, wants="n")))
        assert await journal.held(["n"]) == {"n": Held(1, "run 7")}
        assert [waiting.run for waiting in await journal.wanting("n")] == ["run 8"]
        await journal.close()
        await SqliteJournal(tmp_path / "new.db").close()

    asyncio.run(story())
    assert version(path) == version(tmp_path / "new.db") == sqlite_file.SCHEMA
    assert layout(path) == layout(tmp_path / "new.db")


def test_whoever_only_looks_sees_what_is_held_from_the_upgrade_on(path: Path):
    async def story() -> None:
        looking = SqliteJournal(path, readonly=True)
        await look(looking)
        journal = SqliteJournal(path)
        await look(looking)
        await journal.append(a_batch("r", row=a_row("r", 1, holds=(Hold("n", 2),), wants="m"), holding=True))
        assert await looking.held(["n"]) == {"n": Held(2, "r")}
        assert [row.run for row in await looking.wanting("m")] == ["r"]
        await journal.close()
        await looking.close()

    asyncio.run(story())


def test_an_older_holdfast_at_work_stops_at_its_next_append(path: Path, monkeypatch: pytest.MonkeyPatch):
    """It would write rows without what their runs hold."""

    async def story() -> None:
        monkeypatch.setattr(sqlite_file, "SCHEMA", 1)
        older = SqliteJournal(path)
        monkeypatch.setattr(sqlite_file, "SCHEMA", 2)
        assert version(path) == 1
        await SqliteJournal(path).close()
        monkeypatch.setattr(sqlite_file, "SCHEMA", 1)
        with pytest.raises(JournalNewer, match=r"version 2, and this holdfast knows up to 1"):
            await older.append(a_batch("run 7", 3))
        await look(older)
        await older.close()

    asyncio.run(story())


def test_whoever_comes_second_finds_it_done(path: Path, monkeypatch: pytest.MonkeyPatch):
    async def story() -> None:
        for _ in range(2):
            journal = SqliteJournal(path)
            await look(journal)
            await journal.close()

    check = sqlite_file.check_version
    monkeypatch.setattr(sqlite_file, "check_version", lambda *given: min(1, check(*given)))
    asyncio.run(story())
    assert version(path) == 2


def test_an_upgrade_that_was_cut_off_left_nothing_and_is_made_again(
    path: Path, faulty, monkeypatch: pytest.MonkeyPatch
):
    before = layout(path)
    connect = sqlite_file.connect
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_file, "connect", lambda path, **given: connect(path, **given, kind=faulty))
        faulty.fail("before", "CREATE TABLE holds", "SQLITE_FULL")
        with pytest.raises(JournalFull):
            SqliteJournal(path)
    assert (version(path), layout(path)) == (1, before)
    asyncio.run(SqliteJournal(path).close())
    assert version(path) == 2
