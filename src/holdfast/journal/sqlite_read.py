"""Reading a journal file, beside whoever writes it.

A small read is made at once, in the event loop's thread: it takes some ten microseconds, and handing it to another
thread would cost ten times that or more (130 µs). Two things go to a thread: what is long (more than a page of lines,
a search, a big body), and what would have to wait for a lock, which the loop's own connection never does.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import starmap
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from holdfast.errors import JournalDamaged, UsageError
from holdfast.events import Held
from holdfast.journal.port import FeedLine, Row, Where
from holdfast.journal.sqlite_file import connect, explain, is_busy
from holdfast.journal.statements import load

PAGE: Final = 200
"""Lines read at once in the event loop's thread: less than half a millisecond."""

BIG: Final = 1 << 18
"""Bytes from which a body is read in a thread."""

REFS: Final = 100
"""Bodies that are looked up with one statement."""

HOLDINGS_SINCE: Final = 2
"""Version of the tables from which on they say what runs hold and want."""

_NEWEST: Final = (2**63 - 1, "")

_Given: TypeAlias = Mapping[str, object]
_Found: TypeAlias = list[tuple[Any, ...]]
"""What SQLite gives; the statements say what stands in it."""

_row: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(Row).decode


class Reader:
    """Two connections to a journal file that only read: one for the event loop's thread, one for others."""

    def __init__(self, path: Path, *, wait: float) -> None:
        self._path = path
        self._sql = load("read")
        self._quick = connect(path, readonly=True, wait=0)
        self._slow = connect(path, readonly=True, wait=wait)
        self._quick_lock = threading.Lock()
        self._slow_lock = threading.Lock()
        self._closed = False
        self._version = 0

    async def lines(self, run: str, after: int, *, durable: bool) -> list[tuple[bytes, bytes]]:
        """Committed, or durable, lines of a run after seq `after`."""
        asked = "durable_lines" if durable else "lines"
        found = await self._ask(asked, {"run": run, "after": after, "limit": PAGE})
        if len(found) == PAGE:
            found += await self._ask_slowly(asked, {"run": run, "after": found[-1][0], "limit": -1})
        return [(data, digest) for _, data, digest in found]

    async def feed(self, after: int, limit: int) -> list[FeedLine]:
        """Durable lines of all runs after a position."""
        found = await self._ask("feed", {"after": after, "limit": min(limit, PAGE)})
        if len(found) == PAGE < limit:
            found += await self._ask_slowly("feed", {"after": found[-1][0], "limit": limit - PAGE})
        return list(starmap(FeedLine, found))

    def extent(self) -> tuple[int, int]:
        """Durable position and last position."""
        ((durable, last),) = self._ask_now("extent")
        return durable, last

    def epoch(self) -> int:
        """Give the epoch."""
        ((epoch,),) = self._ask_now("epoch")
        return int(epoch)

    async def row(self, run: str) -> Row | None:
        """Index row of a run."""
        rows = self._rows(await self._ask("row", {"run": run}))
        return rows[0] if rows else None

    async def due(self, now: int, limit: int) -> list[Row]:
        """Rows due at `now`, longest due first."""
        return self._rows(await self._ask("due", {"now": now, "limit": limit}))

    async def find(self, where: Where) -> list[Row]:
        """Rows that fit, newest first."""
        opened, name = where.before or _NEWEST
        limit = max(where.limit, 0)
        given = msgspec.structs.asdict(where) | {"opened": opened, "name": name, "limit": limit}
        del given["before"]
        index = _leading(where)
        statement = self._sql["find"].format(index=index, lead=self._sql[index])
        return self._rows(await self._ask_slowly("find", given, statement))

    async def held(self, names: Iterable[str], now: int, but: str) -> dict[str, Held]:
        """What runs without the run `but` hold of each name at `now`: one look at one moment, however many names."""
        wanted = list(dict.fromkeys(names))
        held = dict.fromkeys(wanted, Held())
        if not wanted or not await self._know_holdings():
            return held
        # As many parameters as some power of two: so there are a few statements to prepare, and not one for each number.
        some = wanted + wanted[-1:] * ((1 << (len(wanted) - 1).bit_length()) - len(wanted))
        given = {"now": now, "but": but} | {f"name{n}": name for n, name in enumerate(some)}
        statement = self._sql["held"].format(names=", ".join(f":name{n}" for n in range(len(some))))
        for name, used, run, until, _ in await self._ask("held", given, statement):
            held[name] = Held(used, run, until)
        return held

    async def wanting(self, name: str, limit: int) -> list[Row]:
        """Rows of open runs that wait for a part of a name, the one opened first before the others."""
        if not await self._know_holdings():
            return []
        return self._rows(await self._ask("wanting", {"name": name, "limit": limit}))

    async def _know_holdings(self) -> bool:
        """Whether the tables say what is held; those of a file that is only looked at may be older, until somebody writes."""
        if self._version < HOLDINGS_SINCE:
            ((self._version,),) = await self._ask("version", {})
        return self._version >= HOLDINGS_SINCE

    async def runs(self, after: str, limit: int) -> list[str]:
        """Names of runs after a name, in order."""
        ask = self._ask if limit <= PAGE else self._ask_slowly
        return [name for (name,) in await ask("runs", {"after": after, "limit": limit})]

    async def blob(self, ref: str) -> bytes | None:
        """Look up a stored body."""
        size = await self._ask("blob_size", {"ref": ref})
        if not size or size[0][0] is None:
            return None
        ask = self._ask if size[0][0] < BIG else self._ask_slowly
        found = await ask("blob", {"ref": ref})
        return found[0][0] if found else None

    async def blobs(self, refs: Iterable[str]) -> dict[str, bytes]:
        """Look up stored bodies, so many with one statement; in a thread, since nobody knows how big they are."""
        wanted, found = list(refs), dict[str, bytes]()
        for first in range(0, len(wanted), REFS):
            some = wanted[first : first + REFS]
            given = {f"ref{n}": ref for n, ref in enumerate(some + some[-1:] * (REFS - len(some)))}
            statement = self._sql["blobs"].format(refs=", ".join(f":{name}" for name in given))
            found.update(await self._ask_slowly("blobs", given, statement))
        return found

    async def secret(self, tree: str) -> bytes | None:
        """Look up the secret of a run tree."""
        found = await self._ask("secret", {"tree": tree})
        return found[0][0] if found else None

    def close(self) -> None:
        """Let go of the file, after the reads that are under way."""
        self._closed = True
        with self._quick_lock, self._slow_lock:
            self._quick.close()
            self._slow.close()

    # ------------------------------------------------------------------------------------------- asking

    async def _ask(self, name: str, given: _Given, statement: str = "") -> _Found:
        try:
            return self._fetch(self._quick, self._quick_lock, statement or self._sql[name], given)
        except sqlite3.Error as error:
            if not is_busy(error):
                raise explain(error, self._path) from error
        return await self._ask_slowly(name, given, statement)

    async def _ask_slowly(self, name: str, given: _Given, statement: str = "") -> _Found:
        return await asyncio.to_thread(self._wait_for, statement or self._sql[name], given)

    def _ask_now(self, name: str) -> _Found:
        try:
            return self._fetch(self._quick, self._quick_lock, self._sql[name], {})
        except sqlite3.Error as error:
            if not is_busy(error):
                raise explain(error, self._path) from error
        return self._wait_for(self._sql[name], {})

    def _wait_for(self, statement: str, given: _Given) -> _Found:
        try:
            return self._fetch(self._slow, self._slow_lock, statement, given)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def _fetch(self, db: sqlite3.Connection, lock: threading.Lock, statement: str, given: _Given) -> _Found:
        with lock:
            if self._closed:
                raise UsageError("the journal is closed")
            return db.execute(statement, given).fetchall()

    def _rows(self, found: _Found) -> list[Row]:
        try:
            return [_row(data) for (data,) in found]
        except msgspec.DecodeError as error:
            raise JournalDamaged(
                f"the index of the journal {self._path} cannot be read: {error}",
                hint="rebuild it from the lines: `holdfast journal reindex`",
            ) from error


def _leading(where: Where) -> str:
    """The index that leaves least to look through, for what is asked."""
    leads = (
        ("runs_key", where.key),
        ("runs_parent", where.parent),
        ("runs_questions", where.questions),
        ("runs_attention", where.attention),
        ("runs_waits", where.waits_for),
        ("runs_status", where.status not in {None, "closed"}),
        ("runs_outcome", where.outcome),
        ("runs_agent", where.agent),
    )
    return next((index for index, asked in leads if asked), "runs_opened")
