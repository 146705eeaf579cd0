"""A simulated journal: one store for all processes of a room, with commits, syncs and answers that take their time.

A batch that is appended is under way; then it is committed, or not; then it is durable, at once if that was asked for and
otherwise with the next sync; then its answer is under way back. A process may die anywhere between. A loss of power keeps what
was synced. The store may be out of room (nothing was written), or its disk may fail, in which case what was being written is
in or is not, the answer is an error in both cases, and that process's way to the store is broken for good.

Beside what a journal keeps, it keeps what the history checker wants to know: when each line became durable, in true time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.errors import JournalError, JournalFull
from holdfast.events import Held
from holdfast.journal.checks import again, check, fits
from holdfast.journal.port import (
    Append,
    Appended,
    Committed,
    FeedLine,
    KeyTaken,
    Listener,
    Row,
    Where,
)
from holdfast.testing.sim.room import Process, Room, answer
from holdfast.testing.sim.tables import Tables

Trouble: TypeAlias = Literal["", "full", "cut", "cut but written", "failed", "failed but written"]
"""`cut`: the answer was an error, and the way to the store is open again. `failed`: it is not."""

FLUSH_AFTER: Final = 50_000
"""µs after which soft lines are synced by the process that wrote them."""


class JournalCut(JournalError):
    """The answer to an append was cut off."""


class Pace(Struct, frozen=True):
    """How long things take at most, µs."""

    sent: int = 300
    synced: int = 4_000
    answered: int = 300
    read: int = 0
    told: int = 500


class Store:
    """The store itself."""

    def __init__(self, room: Room, pace: Pace | None = None) -> None:
        self.room = room
        self.pace = pace or Pace()
        self.tables = Tables()
        self.trouble: Callable[[Process], Trouble] = lambda _: ""
        """What goes wrong with the next append of a process."""
        self.keeps: Callable[[Process], bool] = lambda process: process.chance.random() < 0.5
        """Whether an append that was under way when its process died gets in all the same."""
        self.tells = True
        """Whether it can tell if a worker still lives."""
        self.epoch = 1
        self.outages = 0
        self.shown: dict[tuple[str, int], bytes] = {}
        """Digest of every line that ever was durable, by run and seq; a restore takes back what came after the backup."""
        self._batches: list[Append] = []
        self._durable = 0
        self._durable_lines = 0
        self._durable_heads: dict[str, int] = {}
        self._workers: dict[str, Process] = {}
        self._listeners: list[tuple[Process, Listener]] = []
        self._under_way: list[tuple[Process, Append]] = []
        room.on_death.append(self._died)

    # ---- what happens to it

    def commit(self, batch: Append, *, synced: bool) -> Appended:
        """Take a batch in, and everything before it to the disk if it is to be synced: nobody sees it before it is."""
        answer = self.tables.place(batch, self.room.now)
        if isinstance(answer, Committed):
            self._batches.append(batch)
            self._tell({batch.run: batch.row.seq})
        if synced and isinstance(answer, Committed | KeyTaken):
            self.sync()  # a request key that is taken too: whoever is told of its run is told of something durable
        return answer

    def sync(self) -> None:
        """Make everything durable."""
        for line in self.tables.feed[self._durable_lines :]:
            self.shown[line.run, line.seq] = line.digest
        fresh = {line.run: line.seq for line in self.tables.feed[self._durable_lines :]}
        self._durable, self._durable_lines = len(self._batches), len(self.tables.feed)
        self._durable_heads |= fresh
        if fresh:
            self._tell(fresh)

    def lose_power(self) -> None:
        """Kill every process, and keep what was synced."""
        self.outages += 1
        for process in list(self.room.processes):
            process.kill()
        self._back_to(self._batches[: self._durable])

    def backup(self) -> tuple[Append, ...]:
        """Give a backup: what is durable now."""
        return tuple(self._batches[: self._durable])

    def restore(self, backup: Sequence[Append]) -> None:
        """Lose everything since a backup, with every process, and say so (`journal recovered`)."""
        for process in list(self.room.processes):
            process.kill()
        self._back_to(backup)
        self.epoch += 1

    def _back_to(self, batches: Sequence[Append]) -> None:
        self.tables, self._batches, self._durable_lines = Tables(), [], 0
        for batch in batches:
            self.tables.write(batch, self.room.now)  # what was looked at then is not looked at again
            self._batches.append(batch)
        self.shown.clear()
        self._durable_heads.clear()
        self.sync()

    def durable_head(self, run: str) -> int:
        """Seq up to which a run is durable."""
        return self._durable_heads.get(run, 0)

    def committed_head(self, run: str) -> int:
        """Seq up to which a run is committed."""
        return len(self.tables.lines.get(run, ()))

    @property
    def durable_lines(self) -> int:
        """How many lines of the feed are durable."""
        return self._durable_lines

    # ---- for connections

    def send(self, process: Process, batch: Append, answer: Callable[[Appended | JournalError], None], at: int) -> None:
        """Have a batch written at a moment, and answered."""
        self._under_way.append((process, batch))
        self.room.at(at, lambda: self._arrived(process, batch, answer))

    def _arrived(self, process: Process, batch: Append, answer: Callable[[Appended | JournalError], None]) -> None:
        if (process, batch) not in self._under_way or not process.point("append arrives"):
            return
        self._under_way.remove((process, batch))
        trouble = self.trouble(process)
        if trouble == "full":
            answer(JournalFull("no room is left on the simulated disk", run=batch.run))
        elif trouble:
            if trouble.endswith("written"):
                self.commit(batch, synced=False)
            kind = JournalError if trouble.startswith("failed") else JournalCut
            answer(kind("the simulated disk failed while a batch was written", run=batch.run))
        else:
            self._write(process, batch, answer)

    def _write(self, process: Process, batch: Append, answer: Callable[[Appended | JournalError], None]) -> None:
        placed = self.commit(batch, synced=batch.durable)
        if not process.point("append committed"):
            return
        answer(placed)
        if isinstance(placed, Committed) and not batch.durable:
            self.room.after(FLUSH_AFTER, lambda: self.sync() if process.alive else None)

    def _died(self, process: Process) -> None:
        mine = [batch for who, batch in self._under_way if who is process]
        self._under_way = [one for one in self._under_way if one[0] is not process]
        self._listeners = [one for one in self._listeners if one[0] is not process]
        for batch in mine:
            if self.keeps(process):
                self.commit(batch, synced=batch.durable)

    def _tell(self, heads: dict[str, int]) -> None:
        for process, listener in self._listeners:
            for run, head in heads.items():
                process.after(self._spread(self.pace.told), partial(listener, run, head))

    def _spread(self, most: int) -> int:
        return self.room.chance.randint(0, most) if most else 0

    def listen(self, process: Process, listener: Listener) -> Callable[[], None]:
        """Tell a process of commits."""
        entry = (process, listener)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry) if entry in self._listeners else None

    def enlist(self, worker: str, process: Process) -> None:
        """Note who a worker is."""
        self._workers[worker] = process

    def alive(self, worker: str) -> bool | None:
        """Whether a worker's process still lives; a stopped one does."""
        known = self._workers.get(worker)
        return known.alive if known is not None and self.tells else None


class Connection:
    """One process's way to the store: the journal as that process sees it."""

    def __init__(self, store: Store, process: Process) -> None:
        self.url = "simulated:"
        self._store = store
        self._process = process
        self._broken: JournalError | None = None
        self._last_arrival = 0
        self._last_answer = 0

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch."""
        check(batch)
        if self._broken is not None:
            raise again(self._broken, batch.run)
        future: asyncio.Future[Appended] = self._process.loop.create_future()
        if self._process.point("append sent"):
            room, pace = self._store.room, self._store.pace
            takes = room.chance.randint(0, pace.sent) + (room.chance.randint(0, pace.synced) if batch.durable else 0)
            self._last_arrival = max(self._last_arrival, room.now + takes)
            self._store.send(self._process, batch, lambda answer: self._answer(future, answer), self._last_arrival)
        return future

    def _answer(self, future: asyncio.Future[Appended], answer: Appended | JournalError) -> None:
        if isinstance(answer, JournalError) and not isinstance(answer, JournalFull | JournalCut):
            self._broken = answer
        room = self._store.room
        self._last_answer = max(self._last_answer, room.now + room.chance.randint(0, self._store.pace.answered))
        room.at(self._last_answer, lambda: self._back(future, answer))

    def _back(self, future: asyncio.Future[Appended], answer: Appended | JournalError) -> None:
        if self._process.point("append answered"):
            self._process.deliver(future, answer)

    async def _trip(self) -> None:
        most = self._store.pace.read
        if not self._process.alive:
            raise asyncio.CancelledError
        if most:
            future = self._process.loop.create_future()
            self._process.after(self._process.chance.randint(0, most), partial(answer, future, None))
            await future

    async def read(self, run: str, after: int = 0, *, durable: bool = False) -> list[tuple[bytes, bytes]]:
        """Committed, or durable, lines of a run after seq `after`."""
        await self._trip()
        until = self._store.durable_head(run) if durable else None
        return self._store.tables.lines.get(run, [])[max(after, 0) : until]

    async def feed(self, after: int = 0, limit: int = 1000) -> list[FeedLine]:
        """Durable lines of all runs after a position; what is not durable yet will soon be."""
        await self._trip()
        if self._store.durable_lines < len(self._store.tables.feed):
            self._store.room.after(FLUSH_AFTER, lambda: self._store.sync() if self._process.alive else None)
        return self._store.tables.feed[max(after, 0) : min(self._store.durable_lines, after + max(limit, 0))]

    def watermark(self) -> int:
        """Position up to which everything is durable."""
        return self._store.durable_lines

    async def row(self, run: str) -> Row | None:
        """Index row of a run."""
        await self._trip()
        return self._store.tables.rows.get(run)

    async def due(self, now: int, limit: int = 100) -> list[Row]:
        """Rows due at `now`, longest due first."""
        await self._trip()
        rows = self._store.tables.rows.values()
        due = [row for row in rows if row.status != "closed" and row.due is not None and row.due <= now]
        return sorted(due, key=lambda row: row.due or 0)[: max(limit, 0)]

    async def find(self, where: Where) -> list[Row]:
        """Rows that fit, newest first."""
        await self._trip()
        found = [row for row in self._store.tables.rows.values() if fits(row, where, self._store.tables.keys)]
        return sorted(found, key=lambda row: (row.opened, row.run), reverse=True)[: max(where.limit, 0)]

    async def held(self, names: Iterable[str], *, but: str = "") -> dict[str, Held]:
        """What runs hold of each name now."""
        await self._trip()
        return {name: self._store.tables.holdings.held(name, self._store.room.now, but) for name in names}

    async def wanting(self, name: str, limit: int = 100) -> list[Row]:
        """Rows of open runs that wait for a part of a name, the one opened first before the others."""
        await self._trip()
        rows = self._store.tables.rows.values()
        found = [row for row in rows if name and row.wants == name and row.status != "closed"]
        return sorted(found, key=lambda row: (row.opened, row.run))[: max(limit, 0)]

    async def blob(self, ref: str) -> bytes | None:
        """Look up a stored body."""
        return self._store.tables.blobs.get(ref)

    async def blobs(self, refs: Iterable[str]) -> dict[str, bytes]:
        """Look up stored bodies."""
        return {ref: data for ref in refs if (data := self._store.tables.blobs.get(ref)) is not None}

    async def secret(self, tree: str) -> bytes | None:
        """Look up the secret of a run tree."""
        return self._store.tables.secrets.get(tree)

    async def reindex(self, rows: Iterable[Row]) -> None:
        """Put these rows in the place of those there are."""
        self._store.tables.reindex(rows, self._store.room.now)

    async def runs(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Names of runs after a name, in order."""
        return sorted(name for name in self._store.tables.lines if name > after)[: max(limit, 0)]

    def now(self) -> int:
        """Read the store's clock: not this process's own."""
        return self._store.room.now

    def epoch(self) -> int:
        """Give the epoch."""
        return self._store.epoch

    async def recovered(self) -> int:
        """Raise the epoch."""
        self._store.epoch += 1
        return self._store.epoch

    def alive(self, worker: str) -> bool | None:
        """Tell whether a worker still lives."""
        return self._store.alive(worker)

    def enlist(self, worker: str) -> None:
        """Say that this process is a worker."""
        self._store.enlist(worker, self._process)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Be told of commits, and once more of those that became durable later."""
        return self._store.listen(self._process, listener)

    async def close(self) -> None:
        """Let go."""
        if self._process.alive and self._broken is None:
            self._store.sync()
