"""How the tests of a store are told, and what they write into it."""

from __future__ import annotations

import asyncio
import inspect
import unittest
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeAlias, TypeVar

from holdfast.codec import GENESIS, chain, encode
from holdfast.events import Entry, Noted
from holdfast.journal.port import Append, Journal, Row

PATIENCE = 30.0
"""Seconds after which a test that waits for something has failed."""

S = TypeVar("S", bound="Stories")
Story: TypeAlias = Callable[[S, Journal], Coroutine[object, object, None]]


def a_row(run: str, seq: int, **fields: object) -> Row:
    """Make an index row; what is not said is plain."""
    return Row(**({"run": run, "seq": seq, "agent": "clerk", "status": "working"} | fields))  # type: ignore[arg-type]


def a_batch(
    run: str,
    expected: int = 0,
    count: int = 1,
    *,
    prev: bytes = GENESIS,
    row: Row | None = None,
    text: str = "",
    **parts: object,
) -> Append:
    """Make a batch of `count` real entries after entry `expected`, whose digest is `prev`."""
    lines: list[tuple[bytes, bytes]] = []
    for seq in range(expected + 1, expected + count + 1):
        note = Noted(by="svc:test", finding="noted", note=text or f"{run} {seq}")
        data = encode(Entry(run, seq, at=seq, cause=0, actor="svc:test", event=note))
        prev = chain(prev, data)
        lines.append((data, prev))
    row = row or a_row(run, expected + count)
    return Append(run=run, expected=expected, lines=tuple(lines), row=row, **parts)  # type: ignore[arg-type]


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for something to become so; fails when it does not."""
    async with asyncio.timeout(PATIENCE):
        while True:
            so = condition()
            if await so if inspect.isawaitable(so) else so:
                return
            await asyncio.sleep(0.002)


def tells(story: Story[S]) -> Callable[[S], None]:
    """Make a plain test of a story: it gets a new journal, in an event loop of its own."""

    def test(self: S) -> None:
        async def whole() -> None:
            journal = self.open()
            try:
                async with asyncio.timeout(PATIENCE):
                    await story(self, journal)
            finally:
                await journal.close()

        asyncio.run(whole())

    test.__name__, test.__doc__ = story.__name__, story.__doc__
    return test


class Stories:
    """Tests of a store, each telling one story with one new journal."""

    def open(self) -> Journal:
        """Give a new, empty journal."""
        raise NotImplementedError

    def again(self, journal: Journal) -> Journal:
        """Give another journal on the store of `journal`, as another process would open it."""
        raise unittest.SkipTest(f"{journal.url} is of one process only")
