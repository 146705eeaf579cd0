"""A journal on the disk is checked against itself, its checkpoints and its anchors, and a run can be proven to stand in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from holdfast.errors import JournalDamaged, UsageError
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.shell.anchors import FileAnchor
from holdfast.shell.auditor import Auditor
from holdfast.shell.proofs import prove, verify_journal
from holdfast.testing.journal_contract import a_batch
from holdfast.views.checkpoint import AUDIT
from tests.shell.audited import DESK, KEYS, tell
from tests.shell.bench import story


@pytest.fixture
def place(tmp_path):
    """A folder with a journal of the usual story, and an anchor."""

    async def work():
        journal = SqliteJournal(tmp_path / "journal.db")
        await tell(journal, auditor=Auditor(journal, DESK, [FileAnchor(tmp_path / "anchor")]))
        await journal.close()

    story(work)
    return tmp_path


def checked(place, *, anchored=True, since=0):
    async def work():
        journal = SqliteJournal(place / "journal.db", readonly=True)
        try:
            return await verify_journal(journal, KEYS, [FileAnchor(place / "anchor")] if anchored else [], since=since)
        finally:
            await journal.close()

    return story(work)


def execute(place, statement, *values):
    with closing(sqlite3.connect(place / "journal.db")) as db:
        count = db.execute(statement, values).rowcount
        db.commit()
    return count


def found(verdict):
    return [(one.kind, one.run, one.seq, one.checkpoint) for one in verdict.findings]


OF = "run = (SELECT id FROM runs WHERE name = ?)"


def test_honest_journal_passes_whole_and_from_each_checkpoint(place):
    verdict = checked(place)
    assert (verdict.good, verdict.entries, verdict.checkpoints, verdict.anchored) == (True, 15, 3, 3)
    assert [checked(place, since=number).entries for number in (1, 2, 3)] == [10, 6, 2]
    assert all(checked(place, since=number).good for number in (1, 2, 3))
    with pytest.raises(UsageError, match="no checkpoint 4"):
        checked(place, since=4)


def test_flipped_bit_is_found_by_run_and_entry(place):
    changed = "CAST(replace(CAST(data AS TEXT), 'noted', 'notes') AS BLOB)"
    assert execute(place, f"UPDATE entries SET data = {changed} WHERE {OF} AND seq = 2", "b")
    assert found(checked(place)) == [("changed", "b", 2, 0)]
    assert checked(place, since=1).good


def test_what_stands_there_as_another_type_is_taken_by_what_it_says(place):
    execute(place, "UPDATE entries SET data = CAST(data AS TEXT)")
    assert checked(place).good
    execute(place, f"UPDATE entries SET digest = 'x', data = 5 WHERE {OF} AND seq = 2", "d")
    assert found(checked(place)) == [("changed", "d", 2, 0), ("rewritten", "", 0, 3)]


def test_removed_entry_run_end_and_tail_are_found_and_named(place):
    execute(place, f"DELETE FROM entries WHERE {OF} AND seq = 1", "a")
    assert found(checked(place)) == [("removed", "a", 1, 0), ("removed", "", 0, 1)]
    execute(place, f"DELETE FROM entries WHERE {OF}", "c")
    assert ("removed_run", "c", 1, 0) in found(checked(place))
    execute(place, "DELETE FROM runs WHERE name = 'c'")
    assert found(checked(place)) == [("removed", "a", 1, 0), ("removed", "", 0, 1), ("removed_run", "", 0, 2)]
    execute(place, f"DELETE FROM entries WHERE {OF} AND seq = 2", "d")
    assert ("removed_run", "d", 2, 0) in found(checked(place))


def test_tail_cut_off_with_all_traces_of_it_is_found_by_the_anchor_alone(place):
    execute(place, "DELETE FROM entries WHERE pos > 9")
    execute(place, "UPDATE meta SET value = 9 WHERE name = 'durable'")
    execute(
        place,
        "UPDATE runs SET row = CAST(replace(CAST(row AS TEXT), '\"seq\":' || seq, '\"seq\":' || (SELECT count(*) FROM entries WHERE run = runs.id)) AS BLOB), seq = (SELECT count(*) FROM entries WHERE run = runs.id)",
    )
    execute(place, "DELETE FROM runs WHERE seq = 0")
    assert checked(place, anchored=False).good
    assert found(checked(place)) == [("truncated", AUDIT, 2, 2), ("truncated", AUDIT, 3, 3)]


def test_what_is_committed_and_not_yet_durable_is_not_missed():
    async def work():
        journal = MemoryJournal(flush_after=1000)
        await tell(journal, ("a1", "!"))
        await journal.append(a_batch("b", count=2))
        verdict = await verify_journal(journal, KEYS)
        assert (verdict.good, verdict.entries) == (True, 2)

    story(work)


@pytest.mark.parametrize(
    ("run", "number", "seq", "index"),
    [("a", 0, 3, 8), ("a", 1, 2, 1), ("b", 0, 4, 10), ("c", 2, 2, 7), (AUDIT, 3, 2, 9)],
)
def test_a_run_is_proven_by_its_last_entry_under_a_checkpoint(run, number, seq, index):
    async def work():
        journal = await tell(MemoryJournal())
        proof = await prove(journal, run, number)
        assert (proof.run, proof.seq, proof.index) == (run, seq, index)
        assert proof.digest == (await journal.read(run))[seq - 1][1]
        assert proof.checkpoint(KEYS).number == (number or 3)

    story(work)


def test_what_is_not_covered_cannot_be_proven():
    async def work():
        journal = await tell(MemoryJournal(), ("a1", "!", "b1"))
        for run, number, says in (("b", 0, "covers nothing"), ("a", 2, "no such"), ("z", 0, "covers nothing")):
            with pytest.raises(UsageError, match=says):
                await prove(journal, run, number)
        with pytest.raises(UsageError, match="no such checkpoint"):
            await prove(MemoryJournal(), "a")

    story(work)


def test_a_journal_that_was_changed_proves_nothing(place):
    execute(place, f"UPDATE entries SET digest = zeroblob(32) WHERE {OF} AND seq = 1", "b")

    async def work():
        journal = SqliteJournal(place / "journal.db", readonly=True)
        try:
            with pytest.raises(JournalDamaged, match="not those that were signed"):
                await prove(journal, "a", 1)
        finally:
            await journal.close()

    story(work)
