"""Walking through a journal page by page gives everything once, in order."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.journal import walk
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.testing.journal_contract.story import a_batch


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_every_row_and_every_name_comes_once(monkeypatch, page):
    monkeypatch.setattr(walk, "PAGE", page)

    async def look():
        journal = MemoryJournal()
        for name in "badce":
            await journal.append(a_batch(name))
        rows = [row.run async for row in walk.rows(journal)]
        few = [row.run async for row in walk.rows(journal, Where(limit=1), size=2)]
        names = [name async for name in walk.names(journal)]
        return rows, few, names

    rows, few, names = asyncio.run(look())
    assert rows == few
    assert sorted(rows) == names == list("abcde")
