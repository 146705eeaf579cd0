"""What runs hold, in the tables: nothing is kept for ever, and nothing is looked at for nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from holdfast.events import Held, Hold
from holdfast.journal.port import KEPT, Committed, Full, Take
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, a_row
from holdfast.testing.journal_contract.holding import takes


def kept(path: Path, name: str) -> int:
    db = sqlite3.connect(path)
    (count,) = db.execute("SELECT count(*) FROM holds WHERE name = ?", (name,)).fetchone()
    db.close()
    return int(count)


def test_what_ended_is_deleted_by_whoever_comes_to_its_name_so_many_at_once(tmp_path: Path):
    now, path = [100], tmp_path / "journal.db"

    async def story() -> None:
        journal = SqliteJournal(path, clock=lambda: now[0])
        window = tuple(Hold("n", 1, 200 + end) for end in range(250))
        await journal.append(takes("a", 0, *window, Hold("m", 1, 200), Hold("n", 1, KEPT + 900)))
        assert (kept(path, "n"), kept(path, "m")) == (251, 1)
        now[0] = KEPT + 500
        assert await journal.held(["n", "m"]) == {"n": Held(1, "a", KEPT + 900), "m": Held()}
        assert kept(path, "n") == 251  # reading writes nothing
        assert await journal.append(a_batch("b", takes=(Take("n", 0),))) == Full("n", 1)
        assert kept(path, "n") == 151
        await journal.append(takes("b", 0, Hold("n", 1, KEPT + 900)))
        assert kept(path, "n") == 52
        await journal.append(a_batch("c", takes=(Take("n", 9),)))
        assert (kept(path, "n"), kept(path, "m")) == (2, 1)
        await journal.append(takes("a", 1))
        assert (kept(path, "n"), kept(path, "m")) == (1, 0)
        await journal.close()

    asyncio.run(story())


def test_an_append_that_shares_nothing_never_looks_at_what_is_held(tmp_path: Path, faulty):
    async def story() -> None:
        asked: list[str] = []
        faulty.before = staticmethod(asked.append)
        journal = SqliteJournal(tmp_path / "journal.db", connection=faulty)
        await journal.append(takes("other", 0, Hold("n")))
        asked.clear()
        await journal.append(a_batch("r", row=a_row("r", 1, holds=(Hold("n"),)), durable=True))
        await journal.append(a_batch("r", 1))
        assert not [statement for statement in asked if "holds" in statement]
        await journal.close()

    asyncio.run(story())


def test_a_transaction_that_failed_took_nothing(tmp_path: Path, faulty):
    """Each batch is then tried by itself, against what is really held."""

    async def story() -> None:
        journal = SqliteJournal(tmp_path / "journal.db", connection=faulty)
        bad = a_batch("bad", row=a_row("bad", 1, tags={"t": object()}))
        asked = [takes("a", 0, Hold("n"), top=1), bad, takes("b", 0, Hold("n"), top=1)]
        answers = await asyncio.gather(*map(journal.append, asked), return_exceptions=True)
        assert [answers[0], answers[2]] == [Committed(1), Full("n", 1)]
        assert isinstance(answers[1], Exception)
        faulty.fail("before", "COMMIT", "SQLITE_FULL", times=1)
        failed = await asyncio.gather(journal.append(takes("a", 1)), return_exceptions=True)
        assert isinstance(failed[0], Exception)
        assert await journal.append(takes("b", 0, Hold("n"), top=1)) == Full("n", 1)
        assert await journal.append(takes("a", 1)) == Committed(2)
        assert await journal.append(takes("b", 0, Hold("n"), top=1)) == Committed(3)
        await journal.close()

    asyncio.run(story())
