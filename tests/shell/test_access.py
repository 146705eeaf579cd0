"""Viewings are appended one after another, whoever else appends; and refused where they cannot be."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.codec import check_chain, entries
from holdfast.errors import JournalError
from holdfast.events import Viewed
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.shell.access import record
from holdfast.views.access import ACCESS, about, viewings


def test_many_at_once_are_all_kept_in_one_chain():
    async def story():
        journal = MemoryJournal()
        await asyncio.gather(
            *(record(journal, Viewed(f"p{at}", "show", (f"r_{at}",), 1), f"cli:p{at}") for at in range(20))
        )
        lines = await journal.read(ACCESS, durable=True)
        check_chain(ACCESS, lines)
        found = [*viewings(entries(ACCESS, lines))]
        assert sorted(act.by for act in found) == sorted(f"p{at}" for at in range(20))
        assert [act.at for act in found] == sorted(act.at for act in found)
        assert all(act.asserted for act in found)
        row = await journal.row(ACCESS)
        assert (row.seq, row.status, row.questions) == (20, "closed", 0)

    asyncio.run(story())


def test_a_journal_that_is_only_read_takes_none_and_says_so(tmp_path):
    async def story():
        written = SqliteJournal(tmp_path / "journal.db")
        await record(written, Viewed("ana", "show"), "cli:ana")
        await written.close()
        journal = SqliteJournal(tmp_path / "journal.db", readonly=True)
        try:
            with pytest.raises(JournalError, match="nothing is shown") as caught:
                await record(journal, Viewed("ana", "show"), "cli:ana")
            assert "[access] log = true" in caught.value.hint
        finally:
            await journal.close()

    asyncio.run(story())


def test_an_act_without_names_may_have_been_about_any_run():
    one, many = viewings(entries_of(Viewed("ana", "show", ("r_1",), 1), Viewed("ana", "export", (), 5_000, "all runs")))
    assert (about(one, "r_1"), about(one, "r_2"), about(many, "r_2")) == (True, False, True)
    assert (one.kind, many.kind) == ("viewed", "exported")


def entries_of(*events):
    async def kept():
        journal = MemoryJournal()
        for event in events:
            await record(journal, event, "cli:ana")
        return [*entries(ACCESS, await journal.read(ACCESS))]

    return asyncio.run(kept())
