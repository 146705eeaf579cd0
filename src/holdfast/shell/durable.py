"""Reading what is on the disk for good: the feed page by page, and the checkpoints that were taken of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from holdfast.journal.port import FeedLine, Journal
from holdfast.views.checkpoint import AUDIT, Sealed
from holdfast.views.sealing import sealed_at

PAGE: Final = 2000
"""Lines read at once."""


async def pages(journal: Journal, after: int, until: int, size: int = PAGE) -> AsyncIterator[list[FeedLine]]:
    """The durable feed after one position, and up to another with it. A page is read while the one before is looked at."""
    ahead = asyncio.ensure_future(journal.feed(after, size)) if after < until else None
    try:
        while ahead is not None and (page := await ahead):
            after = page[-1].position
            ahead = None
            if after < until:
                ahead = asyncio.ensure_future(journal.feed(after, size))
                await asyncio.sleep(0)  # it begins now, and not when the caller waits for something
            elif after > until:
                page = [line for line in page if line.position <= until]
            if page:
                yield page
    finally:
        if ahead is not None:
            ahead.cancel()


async def seals(journal: Journal, since: int = 0) -> dict[int, Sealed | None]:
    """What stands in each entry of the run `audit`, by seq, from `since` on; None for one that is no checkpoint."""
    first = max(since, 1)
    lines = await journal.read(AUDIT, first - 1, durable=True)
    return {number: sealed_at(data) for number, (data, _) in enumerate(lines, first)}
