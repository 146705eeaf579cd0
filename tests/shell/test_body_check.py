"""Bodies that are kept beside the chain are checked against the names that entries give them, many at once."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

import pytest

from holdfast import codec
from holdfast.codec import GENESIS, chain, keyed
from holdfast.events import BodiesErased, CallAsked, Entry, Inline, RunOpened, Stored
from holdfast.journal.port import Append
from holdfast.journal.sqlite import SqliteJournal
from holdfast.shell.body_check import _AT_ONCE, BodyCheck
from holdfast.shell.proofs import verify_journal
from holdfast.testing.journal_contract import a_row
from tests.shell.bench import story

SECRET = b"s" * 32
MANY = 2 * _AT_ONCE + 5
CONTRACT = b'{"agent":"a"}'
DIGEST = hashlib.sha256(CONTRACT).hexdigest()


def body(n):
    return b'"body %d"' % n


def ref(n):
    return keyed(SECRET, "body", body(n))


@pytest.fixture
def place(tmp_path):
    """A journal of a run whose first entry names its contract, and each later one a body."""
    opened = RunOpened("a", Stored(f"contract_{DIGEST}", len(CONTRACT)), DIGEST, Inline("go"), "ann")
    asked = [CallAsked(1, 0, "t", str(n), Stored(ref(n), len(body(n))), "d") for n in range(MANY)]
    lines, prev = [], GENESIS
    for seq, event in enumerate([opened, *asked, BodiesErased(by="dpo", basis="asked", refs=(ref(1),))], 1):
        data = codec.encode(Entry("r", seq, seq, 0, "x", event))
        prev = chain(prev, data)
        lines.append((data, prev))
    blobs = [(f"contract_{DIGEST}", CONTRACT), *((ref(n), body(n)) for n in range(MANY))]

    async def work():
        journal = SqliteJournal(tmp_path / "journal.db")
        row = a_row("r", len(lines))
        await journal.append(
            Append(run="r", expected=0, lines=lines, row=row, blobs=blobs, secret=("r", SECRET), erase=(ref(1),), durable=True)
        )  # fmt: skip
        await journal.close()

    story(work)
    return tmp_path / "journal.db"


def checked(place):
    async def work():
        journal = SqliteJournal(place, readonly=True)
        try:
            bodies = BodyCheck(journal)
            verdict = await verify_journal(journal, bodies=bodies)
            findings = bodies.finish()
            return verdict, bodies, [(one.kind, one.run, one.seq) for one in findings]
        finally:
            await journal.close()

    return story(work)


def execute(place, statement, *values):
    with closing(sqlite3.connect(place)) as db:
        assert db.execute(statement, values).rowcount == 1
        db.commit()


def test_all_of_them_are_what_was_written_but_for_the_one_that_was_erased(place):
    verdict, bodies, findings = checked(place)
    assert (verdict.good, findings) == (True, [])
    assert (bodies.good, bodies.erased, bodies.unkeyed) == (MANY, 1, 0)


@pytest.mark.parametrize("n", [0, _AT_ONCE - 2, _AT_ONCE - 1, MANY - 1])
def test_one_that_is_gone_or_another_one_is_named_by_its_entry(place, n):
    execute(place, "UPDATE blobs SET data = ? WHERE ref = ?", body(n + 1), ref(n))
    assert checked(place)[2] == [("body_changed", "r", n + 2)]
    execute(place, "UPDATE blobs SET data = NULL WHERE ref = ?", ref(n))
    assert checked(place)[2] == [("body_missing", "r", n + 2)]
    execute(place, "DELETE FROM blobs WHERE ref = ?", ref(n))
    assert checked(place)[2] == [("body_missing", "r", n + 2)]


def test_what_stands_there_as_text_is_taken_by_what_it_says(place):
    execute(place, "UPDATE blobs SET data = CAST(data AS TEXT) WHERE ref = ?", f"contract_{DIGEST}")
    execute(place, "UPDATE blobs SET data = CAST(data AS TEXT) WHERE ref = ?", ref(3))
    assert checked(place)[2] == []
    execute(place, "UPDATE blobs SET data = 'another' WHERE ref = ?", f"contract_{DIGEST}")
    assert checked(place)[2] == [("body_changed", "r", 1)]


def test_without_the_secret_they_are_counted_and_nothing_is_said_of_them(place):
    execute(place, "UPDATE secrets SET secret = NULL WHERE tree = 'r'")
    _, bodies, findings = checked(place)
    assert (bodies.unkeyed, bodies.good, findings) == (MANY - 1, 1, [])


def test_a_changed_entry_is_found_and_what_it_names_now_is_looked_for(place):
    execute(
        place,
        "UPDATE entries SET data = CAST(replace(CAST(data AS TEXT), ?, ?) AS BLOB) WHERE seq = 5",
        ref(3),
        "0" * 32,
    )
    verdict, _, findings = checked(place)
    assert [(one.kind, one.seq) for one in verdict.findings] == [("changed", 5)]
    assert findings == [("body_missing", "r", 5)]
