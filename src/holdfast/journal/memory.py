"""A journal in memory: the same answers as on a disk, for tests and for runs nobody needs to keep.

What is queued is committed in the loop's next turn, all of it together, as a writer thread would. A batch that is not
durable becomes so with the next one that is, or shortly after; `power_loss` gives what would be left before that.
For one thread; several event loops one after another may use it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from holdfast.errors import JournalDamaged, UsageError
from holdfast.events import Held
from holdfast.journal.checks import check, fits
from holdfast.journal.holdings import Holdings
from holdfast.journal.listeners import Listeners
from holdfast.journal.port import (
    Append,
    Appended,
    Claimed,
    Committed,
    FeedLine,
    KeyTaken,
    Listener,
    Moved,
    Row,
    Where,
)

FLUSH_AFTER = 0.05
"""Seconds after which soft lines become durable by themselves."""


class MemoryJournal:
    """A journal that ends with the process. `clock` gives µs since 1970."""

    def __init__(self, *, clock: Callable[[], int] | None = None, flush_after: float = FLUSH_AFTER) -> None:
        self.url = "memory:"
        self._clock = clock or (lambda: time.time_ns() // 1000)
        self._flush_after = flush_after
        self._queue: list[tuple[Append, asyncio.Future[Appended]]] = []
        self._feed: list[FeedLine] = []
        self._durable = 0
        self._batches: list[Append] = []
        self._batches_durable = 0
        self._lines: dict[str, list[tuple[bytes, bytes]]] = {}
        self._rows: dict[str, Row] = {}
        self._keys: dict[str, str] = {}
        self._claims: dict[str, str] = {}
        self._holdings = Holdings()
        self._blobs: dict[str, bytes | None] = {}
        self._secrets: dict[str, bytes | None] = {}
        self._soft: dict[str, int] = {}
        self._flush_at: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None
        self._listeners = Listeners()
        self._workers: set[str] = set()
        self._epoch = 1
        self._closed = False

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch, to be committed in the loop's next turn. Raises Bug for one no store may take."""
        if self._closed:
            raise UsageError("the journal is closed", run=batch.run)
        check(batch)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        if not self._queue:
            loop.call_soon(self._commit, loop)
        self._queue.append((batch, future))
        return future

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        queue, self._queue = self._queue, []
        heads: dict[str, int] = {}
        full = False
        for batch, future in queue:
            answer = self._place(batch)
            if isinstance(answer, Committed):
                heads[batch.run] = batch.row.seq
            # Whoever is told that a run has the key is told of that run.
            full = full or (batch.durable and isinstance(answer, Committed | KeyTaken))
            if not future.done():
                future.set_result(answer)
        self._soft |= heads
        if full:
            heads = self._made_durable() | heads
        elif self._soft and (self._flush_at is None or self._flush_at[0] is not loop):
            self._flush_at = loop, loop.call_later(self._flush_after, self._flush, loop)
        self._listeners.tell(loop, heads)

    def _place(self, batch: Append) -> Appended:
        return self._refusal(batch) or self._write(batch)

    def _refusal(self, batch: Append) -> Appended | None:
        head = len(self._lines.get(batch.run, ()))
        if head != batch.expected:
            return Moved(head)
        for name in batch.needs:
            if self._claims.get(name, batch.run) != batch.run:
                return Claimed(name, self._claims[name])
        if not head and batch.row.key in self._keys:  # whose run is there already need not find room for another
            return KeyTaken(self._keys[batch.row.key])
        for run, seq in batch.heeds:
            other = len(self._lines.get(run, ()))
            if other != seq:
                return Moved(other, run)
        return self._holdings.refusal(batch, self._clock()) if batch.takes else None

    def _write(self, batch: Append) -> Committed:
        head = batch.expected
        if not head and batch.row.key:  # settled when a run is opened, for good
            self._keys[batch.row.key] = batch.run
        for name in (*batch.needs, *batch.claims):
            self._claims.setdefault(name, batch.run)
        for seq, (data, digest) in enumerate(batch.lines, head + 1):
            self._feed.append(FeedLine(len(self._feed) + 1, batch.run, seq, data, digest))
        self._lines.setdefault(batch.run, []).extend(batch.lines)
        self._rows[batch.run] = batch.row
        if batch.holding:
            self._holdings.replace(batch.row, self._clock(), len(self._feed))
        for ref, data in batch.blobs:
            self._blobs.setdefault(ref, data)
        if batch.secret is not None:
            self._secrets.setdefault(*batch.secret)
        for ref in batch.erase:
            if ref in self._blobs:
                self._blobs[ref] = None
        if batch.forget in self._secrets:
            self._secrets[batch.forget] = None
        self._batches.append(batch)
        return Committed(len(self._feed))

    def _made_durable(self) -> dict[str, int]:
        """Call everything durable; the heads of the runs of which that was not yet so."""
        if self._flush_at is not None:
            self._flush_at[1].cancel()
            self._flush_at = None
        self._durable = len(self._feed)
        self._batches_durable = len(self._batches)
        soft, self._soft = self._soft, {}
        return soft

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._flush_at = None
        self._listeners.tell(loop, self._made_durable())

    def _settle(self) -> None:
        """Flush in the place of a timer whose loop was closed before it rang."""
        if self._flush_at is not None and self._flush_at[0].is_closed():
            self._made_durable()

    def power_loss(self) -> MemoryJournal:
        """Give the journal that a loss of power now would leave: the durable prefix, and nobody at work."""
        left = MemoryJournal(clock=self._clock, flush_after=self._flush_after)
        for batch in self._batches[: self._batches_durable]:
            left._write(batch)  # what was looked at then is not looked at again
        left._made_durable()
        left._epoch = self._epoch
        return left

    async def read(self, run: str, after: int = 0, *, durable: bool = False) -> list[tuple[bytes, bytes]]:
        """Committed, or durable, lines of a run after seq `after`."""
        lines = self._lines.get(run, [])
        if durable:
            self._settle()
            lines = lines[: sum(line.run == run for line in self._feed[: self._durable])]
        return lines[max(after, 0) :]

    async def feed(self, after: int = 0, limit: int = 1000) -> list[FeedLine]:
        """Durable lines of all runs after a position."""
        self._settle()
        after = max(after, 0)
        return self._feed[after : min(self._durable, after + max(limit, 0))]

    def watermark(self) -> int:
        """Position up to which everything is durable."""
        self._settle()
        return self._durable

    async def row(self, run: str) -> Row | None:
        """Index row of a run."""
        return self._rows.get(run)

    async def due(self, now: int, limit: int = 100) -> list[Row]:
        """Rows due at `now`, longest due first."""
        due = [row for row in self._rows.values() if row.status != "closed" and row.due is not None and row.due <= now]
        return sorted(due, key=lambda row: row.due or 0)[: max(limit, 0)]

    async def find(self, where: Where) -> list[Row]:
        """Rows that fit, newest first."""
        found = [row for row in self._rows.values() if fits(row, where, self._keys)]
        return sorted(found, key=lambda row: (row.opened, row.run), reverse=True)[: max(where.limit, 0)]

    async def held(self, names: Iterable[str], *, but: str = "") -> dict[str, Held]:
        """What runs hold of each name now."""
        now = self._clock()
        return {name: self._holdings.held(name, now, but) for name in names}

    async def wanting(self, name: str, limit: int = 100) -> list[Row]:
        """Rows of open runs that wait for a part of a name, the one opened first before the others."""
        found = [row for row in self._rows.values() if name and row.wants == name and row.status != "closed"]
        return sorted(found, key=lambda row: (row.opened, row.run))[: max(limit, 0)]

    async def blob(self, ref: str) -> bytes | None:
        """Look up a stored body."""
        return self._blobs.get(ref)

    async def blobs(self, refs: Iterable[str]) -> dict[str, bytes]:
        """Look up stored bodies."""
        return {ref: data for ref in refs if (data := self._blobs.get(ref)) is not None}

    async def secret(self, tree: str) -> bytes | None:
        """Look up the secret of a run tree."""
        return self._secrets.get(tree)

    async def reindex(self, rows: Iterable[Row]) -> None:
        """Put these rows in the place of those there are; one that is not of its run's head is passed over."""
        fit = {row.run: row for row in rows if len(self._lines.get(row.run, ())) == row.seq}
        keys = {key: run for key, run in self._keys.items() if run not in fit}
        for row in fit.values():
            if row.key and keys.setdefault(row.key, row.run) != row.run:
                raise JournalDamaged(f"two runs carry the request key {row.key!r}", run=row.run, seq=row.seq)
        self._keys = keys
        self._rows |= fit
        ends = {line.run: line.position for line in self._feed}
        for row in fit.values():
            self._holdings.replace(row, self._clock(), ends[row.run])

    async def runs(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Names of runs after a name, in order."""
        names = sorted(name for name in self._lines if name > after)
        return names[: max(limit, 0)]

    def now(self) -> int:
        """Read the clock."""
        return self._clock()

    def epoch(self) -> int:
        """Give the epoch."""
        return self._epoch

    async def recovered(self) -> int:
        """Raise the epoch."""
        self._epoch += 1
        return self._epoch

    def alive(self, worker: str) -> bool | None:
        """Tell whether a worker was enlisted and not retired: whoever writes here is in this process."""
        return worker in self._workers

    def enlist(self, worker: str) -> None:
        """Say that `worker` lives."""
        self._workers.add(worker)

    def retire(self, worker: str) -> None:
        """Say that `worker` ended, as the end of a process would."""
        self._workers.discard(worker)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Be told of commits, and once more of those that became durable later."""
        return self._listeners.add(listener)

    async def close(self) -> None:
        """Commit what is queued."""
        if self._queue:
            self._commit(asyncio.get_running_loop())
        self._closed = True
        self._listeners.tell(asyncio.get_running_loop(), self._made_durable())
        self._workers.clear()
