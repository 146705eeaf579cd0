"""Walking through a journal, page by page: the rows of its index, and the names of its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from holdfast.journal.port import Journal, Row, Where

PAGE: Final = 500
"""Rows, or names, that are asked for at once."""


async def rows(journal: Journal, where: Where | None = None, size: int = PAGE) -> AsyncIterator[Row]:
    """All rows that fit, the newest first; the limit in `where` is not looked at. size: of a page."""
    size = min(size, PAGE)
    asked = msgspec.structs.replace(where or Where(), limit=size)
    while page := await journal.find(asked):
        for row in page:
            yield row
        if len(page) < size:
            return
        asked = msgspec.structs.replace(asked, before=(page[-1].opened, page[-1].run))


async def names(journal: Journal) -> AsyncIterator[str]:
    """The names of all runs, in order; also of those that the index does not know."""
    page = await journal.runs(limit=PAGE)
    while page:
        for name in page:
            yield name
        page = await journal.runs(after=page[-1], limit=PAGE)
