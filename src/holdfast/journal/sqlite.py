"""A journal in one file, by the SQLite of the standard library: for one machine and any number of its processes.

The file is in write-ahead mode: readers and the writer do not wait for each other. `sqlite_writer` writes and
`sqlite_read` reads; `sqlite_file` opens, `sqlite_ledger` knows the tables, and beside the file lie the locks of the
workers that live (`workers`).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from holdfast.errors import JournalReadOnly
from holdfast.events import Held
from holdfast.journal.checks import check
from holdfast.journal.port import Append, Appended, FeedLine, Listener, Row, Where
from holdfast.journal.sqlite_file import connect, explain, prepare, tune
from holdfast.journal.sqlite_read import Reader
from holdfast.journal.sqlite_writer import Writer
from holdfast.journal.workers import Workers

LOCK_WAIT = 10.0
"""Seconds another program's lock is waited for."""

FLUSH_AFTER = 0.05
"""Seconds after which soft lines are synced by themselves."""


class SqliteJournal:
    """The journal in the file `path`; made there, with its folder, where there is none.

    `readonly` opens it for looking only, also on a disk that cannot be written. `clock` gives µs since 1970.
    `connection` is the class of the connection that writes; a test may give one that fails.

    Raises JournalDamaged for another kind of file or a damaged one, JournalNewer for one of a newer holdfast,
    JournalReadOnly where it cannot be written, JournalFull, JournalLocked, or JournalError for anything else.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        url: str = "",
        readonly: bool = False,
        clock: Callable[[], int] | None = None,
        lock_wait: float = LOCK_WAIT,
        flush_after: float = FLUSH_AFTER,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        # Absolute, since a process may change its folder, and the write-ahead log is found by this name.
        self._path = Path(path).absolute()
        self.url = url or f"sqlite:///{self._path}"
        self._readonly = readonly
        self._clock = clock or (lambda: time.time_ns() // 1000)
        prepare(self._path, readonly=readonly, wait=lock_wait)
        try:
            with ExitStack() as undo:
                writing = connect(self._path, readonly=readonly, wait=lock_wait, kind=connection)
                undo.callback(writing.close)
                tune(writing, readonly=readonly)
                self._reader = Reader(self._path, wait=lock_wait)
                undo.pop_all()
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        self._writer = Writer(writing, self._path, clock=self._clock, lock_wait=lock_wait, flush_after=flush_after)
        self._workers = Workers(Path(f"{self._path}.workers"))

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch; see the port.

        Raises Bug for one no store may take, JournalReadOnly, and UsageError when the journal is closed. The awaitable
        raises the JournalError that kept the batch from being written; once the disk has failed it always does, and
        the process must end.
        """
        check(batch)
        self._must_write()
        return self._writer.append(batch)

    async def read(self, run: str, after: int = 0, *, durable: bool = False) -> list[tuple[bytes, bytes]]:
        """Committed, or durable, lines of a run after seq `after`."""
        return await self._reader.lines(run, after, durable=durable)

    async def feed(self, after: int = 0, limit: int = 1000) -> list[FeedLine]:
        """Durable lines of all runs after a position."""
        lines = await self._reader.feed(after, max(limit, 0))
        if len(lines) < limit and not self._readonly:
            durable, last = self._reader.extent()
            if durable < last:
                # Ours would be flushed anyway; those of a process that was killed would wait for ever.
                self._writer.flush_soon()
        return lines

    def watermark(self) -> int:
        """Position up to which everything is durable."""
        return self._reader.extent()[0]

    async def row(self, run: str) -> Row | None:
        """Index row of a run."""
        return await self._reader.row(run)

    async def due(self, now: int, limit: int = 100) -> list[Row]:
        """Rows due at `now`, longest due first."""
        return await self._reader.due(now, max(limit, 0))

    async def find(self, where: Where) -> list[Row]:
        """Rows that fit, newest first."""
        return await self._reader.find(where)

    async def held(self, names: Iterable[str], *, but: str = "") -> dict[str, Held]:
        """What runs hold of each name now."""
        return await self._reader.held(names, self._clock(), but)

    async def wanting(self, name: str, limit: int = 100) -> list[Row]:
        """Rows of open runs that wait for a part of a name, the one opened first before the others."""
        return await self._reader.wanting(name, max(limit, 0))

    async def blob(self, ref: str) -> bytes | None:
        """Look up a stored body."""
        return await self._reader.blob(ref)

    async def blobs(self, refs: Iterable[str]) -> dict[str, bytes]:
        """Look up stored bodies."""
        return await self._reader.blobs(refs)

    async def secret(self, tree: str) -> bytes | None:
        """Look up the secret of a run tree."""
        return await self._reader.secret(tree)

    async def reindex(self, rows: Iterable[Row]) -> None:
        """Put these rows in the place of those there are; one that is not of its run's head is passed over.

        So a run that moved on since it was folded keeps the row that its own append wrote. Raises JournalDamaged where
        two runs carry one request key.
        """
        self._must_write()
        given = list(rows)
        await self._writer.do(lambda ledger: ledger.reindex(given))

    async def runs(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Names of runs after a name, in order."""
        return await self._reader.runs(after, max(limit, 0))

    def now(self) -> int:
        """Read the clock."""
        return self._clock()

    def epoch(self) -> int:
        """Give the epoch, also when another process has just raised it."""
        return self._reader.epoch()

    async def recovered(self) -> int:
        """Raise the epoch, durably."""
        self._must_write()
        return await self._writer.do(lambda ledger: ledger.raise_epoch())

    def alive(self, worker: str) -> bool | None:
        """Tell whether a process holds the worker's lock; None where no lock of that name was ever made here."""
        return self._workers.alive(worker)

    def enlist(self, worker: str) -> None:
        """Hold the worker's lock until this journal is closed or the process ends."""
        self._must_write()
        self._workers.enlist(worker)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Be told of commits, and once more of those that became durable later; also of other processes' commits."""
        durable, last = self._reader.extent()
        # From a position read before this returns: whoever now reads misses nothing (SEMANTICS D7).
        return self._writer.listen(listener, durable=durable, last=last)

    async def close(self) -> None:
        """Finish what is queued, make it durable, and let go of the file and of the workers' locks.

        Raises the JournalError that kept something from being made durable.
        """
        try:
            await asyncio.to_thread(self._writer.stop)
        finally:
            self._reader.close()
            self._workers.close()

    def _must_write(self) -> None:
        if self._readonly:
            raise JournalReadOnly(
                f"the journal {self._path} was opened for reading only", hint="open it without readonly=True"
            )
