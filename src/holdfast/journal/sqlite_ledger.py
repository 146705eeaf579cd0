"""How a group of batches gets into the tables: what is compared, what is written, in which order.

A ledger belongs to the one thread that writes. It remembers the heads of runs between transactions, and forgets them
whenever `data_version` says that another process has committed; so they are compared, inside the transaction, with
what really stands in the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from holdfast.journal.port import Append, Appended, Claimed, Committed, KeyTaken, Moved, Row
from holdfast.journal.sqlite_file import check_version, is_busy
from holdfast.journal.sqlite_holdings import Holdings
from holdfast.journal.statements import load

HEADS_KEPT: Final = 2_000
"""Runs whose heads are remembered; with more at work at once they are looked up again. A parked run soon holds nothing."""

LOCK_PAUSE: Final = 0.001
"""Seconds between two tries to get the lock."""

_encode: Final[Callable[[Row], bytes]] = msgspec.json.Encoder().encode

_Values: TypeAlias = tuple[object, ...]
"""Column values, as SQLite takes and gives them."""


class _Head(msgspec.Struct, gc=False):
    """What the index says of a run."""

    id: int
    seq: int
    moving: _Values
    """Columns searched by that change while a run goes on."""
    fixed: _Values
    """Columns searched by that are settled when it opens."""


def _moving(row: Row) -> _Values:
    return (row.status, row.due, row.outcome, row.waits_for, row.attention, row.questions, row.wants)


def _fixed(row: Row) -> _Values:
    return (row.agent, row.parent, row.opened)


class _Change:
    """One run in a transaction: how it stood before, and its head and row now."""

    __slots__ = ("before", "id", "key", "row", "seq")

    def __init__(self, run: int, before: _Head | None) -> None:
        self.id = run
        self.before = before
        self.key = ""
        self.seq = before.seq if before else 0
        self.row: Row | None = None


class Ledger:
    """The tables of a journal, as the one who writes them sees them."""

    def __init__(self, db: sqlite3.Connection, path: Path, *, clock: Callable[[], int], lock_wait: float) -> None:
        self._db = db
        self._lock_wait = lock_wait
        self._path = path
        self._sql = load("write")
        self._holdings = Holdings(db, clock)
        self._heads: dict[str, _Head] = {}
        self._changes: dict[str, _Change] = {}
        self._keys: dict[str, str] = {}
        self._version = -1
        self._full: bool | None = None
        self._last_id = 0
        self.base = 0
        """Last position before this transaction: lines up to here that are not ours are another process's."""
        self.last = 0
        """Last position, with this transaction's own lines."""

    # ------------------------------------------------------------------------------------------- transactions

    def begin(self, *, full: bool, wait: bool = True) -> None:
        """Begin a transaction that will be synced at its commit, or will not. wait: for another process that writes."""
        if full is not self._full:  # SQLite listens to this outside transactions only
            self._db.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full = full
        self._lock(self._lock_wait if wait else 0)
        version = self._number("changes")
        if version != self._version:
            check_version(self._db, self._path)
            self._heads.clear()
            self.last, self._last_id, _ = self._db.execute(self._sql["extent"]).fetchone()
            self._version = version
        self.base = self.last

    def _lock(self, seconds: float) -> None:
        """Begin, as soon as no other process writes; for so long it is waited for.

        SQLite's own waiting doubles its pauses up to a tenth of a second; beside several busy writers one of them then
        starves. Transactions last a few milliseconds, and so do these pauses.
        """
        until = time.monotonic() + seconds
        while True:
            try:
                self._db.execute(self._sql["begin"])
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= until:
                    raise
                time.sleep(LOCK_PAUSE)
            else:
                return

    def heads(self) -> dict[str, int]:
        """Heads of the runs that this transaction appends to."""
        return {run: change.seq for run, change in self._changes.items() if change.row is not None}

    def commit(self) -> None:
        """Commit. An error here leaves open whether it happened."""
        self._db.execute(self._sql["commit"])
        if len(self._heads) > HEADS_KEPT:
            self._heads.clear()
        for run, change in self._changes.items():
            if change.row is not None:
                self._heads[run] = _Head(change.id, change.seq, _moving(change.row), _fixed(change.row))
        self._end()

    def abandon(self) -> None:
        """Leave the transaction, if there still is one, and look everything up anew in the next."""
        self._end()
        self._version = -1
        self._heads.clear()
        if self._db.in_transaction:
            self._db.execute(self._sql["rollback"])

    def _end(self) -> None:
        self._changes.clear()
        self._keys.clear()

    def mark_durable(self) -> None:
        """Write that the commit of this (full) transaction covers everything: a sync needs a changed page too."""
        self._db.execute(self._sql["set_durable"], (self.last,))

    # ------------------------------------------------------------------------------------------- appends

    def place(self, batches: Sequence[Append]) -> list[Appended]:
        """Answer batches in their order and write those that fit. To be called once in a transaction."""
        answers: list[Appended] = []
        lines: list[_Values] = []
        blobs: list[_Values] = []
        for batch in batches:
            change = self._change(batch.run)
            answer = self._refusal(batch, change)
            if answer is None:
                pos, seq, run = self.last, change.seq, change.id
                for data, digest in batch.lines:
                    pos += 1
                    seq += 1
                    lines.append((pos, run, seq, data, digest))
                self.last, change.seq, change.row = pos, seq, batch.row
                if batch.holding:
                    self._holdings.replace(run, batch.row.holds, pos)
                blobs += batch.blobs
                if batch.needs or batch.claims:
                    self._db.executemany(
                        self._sql["claim"], [(name, batch.run) for name in (*batch.needs, *batch.claims)]
                    )
                if batch.secret or batch.erase or batch.forget:
                    self._db.executemany(self._sql["put_blob"], blobs)
                    blobs.clear()
                    self._keep_secrets(batch)
                answer = Committed(pos)
            answers.append(answer)
        self._db.executemany(self._sql["put_line"], lines)
        if blobs:
            self._db.executemany(self._sql["put_blob"], blobs)
        self._write_rows()
        return answers

    def _change(self, run: str) -> _Change:
        change = self._changes.get(run)
        if change is None:
            before = self._heads.get(run) or self._look_up(run)
            change = self._changes[run] = _Change(0 if before is None else before.id, before)
        return change

    def _look_up(self, run: str) -> _Head | None:
        found = self._db.execute(self._sql["head"], (run,)).fetchone()
        if found is None:
            return None
        number, seq, agent, parent, opened, *moving = found
        return _Head(number, seq, tuple(moving), (agent, parent, opened))

    def _refusal(self, batch: Append, change: _Change) -> Appended | None:
        if batch.expected != change.seq:
            return Moved(change.seq)
        for name in batch.needs:
            claimed = self._db.execute(self._sql["claimed_by"], (name,)).fetchone()
            if claimed is not None and claimed[0] != batch.run:
                return Claimed(name, claimed[0])
        key = "" if change.seq else batch.row.key
        owner = (self._keys.get(key) or self._key_owner(key)) if key else None
        if owner is not None:  # whose run is there already need not find room for another
            return KeyTaken(owner)
        for run, seq in batch.heeds:
            head = self._change(run).seq
            if head != seq:
                return Moved(head, run)
        if batch.takes and (full := self._holdings.refusal(batch, change.id)):
            return full
        if not change.seq:
            # A new run: its request key is settled here, for good.
            if key:
                self._keys[key] = batch.run
            self._last_id += 1
            change.id, change.key = self._last_id, key
        return None

    def _key_owner(self, key: str) -> str | None:
        found = self._db.execute(self._sql["key_owner"], (key,)).fetchone()
        return None if found is None else str(found[0])

    def _keep_secrets(self, batch: Append) -> None:
        if batch.secret is not None:
            self._db.execute(self._sql["put_secret"], batch.secret)
        for ref in batch.erase:
            self._db.execute(self._sql["erase_blob"], (ref,))
        if batch.forget:
            self._db.execute(self._sql["forget_secret"], (batch.forget,))

    def _write_rows(self) -> None:
        """Write the index rows, each once however many batches a run had, and no index that stays as it is."""
        new: list[_Values] = []
        touched: list[_Values] = []
        moved: list[_Values] = []
        for run, change in self._changes.items():
            row, before = change.row, change.before
            if row is None:
                continue
            data, moving, fixed = _encode(row), _moving(row), _fixed(row)
            if before is None:
                new.append((row.seq, data, *moving, *fixed, change.key, change.id, run))
            elif fixed != before.fixed:
                self._db.execute(self._sql["replace_run"], (row.seq, data, *moving, *fixed, change.id))
            elif moving != before.moving:
                moved.append((row.seq, data, *moving, change.id))
            else:
                touched.append((row.seq, data, change.id))
        for statement, values in (("put_run", new), ("move_run", moved), ("touch_run", touched)):
            if values:
                self._db.executemany(self._sql[statement], values)

    # ------------------------------------------------------------------------------------------- other writing

    def reindex(self, rows: Iterable[Row]) -> None:
        """Put these rows in the place of those there are; one that is not of its run's head is passed over."""
        fit = [(row, head) for row in rows if (head := self._look_up(row.run)) and head.seq == row.seq]
        self._heads.clear()
        # First no key at all: two rows may have each other's.
        self._db.executemany(self._sql["set_key"], [("", head.id) for _, head in fit])
        self._db.executemany(
            self._sql["replace_run"],
            [(row.seq, _encode(row), *_moving(row), *_fixed(row), head.id) for row, head in fit],
        )
        self._db.executemany(self._sql["set_key"], [(row.key, head.id) for row, head in fit])
        for row, head in fit:
            since = self._db.execute(self._sql["position"], (head.id, head.seq)).fetchone()[0] if row.holds else 0
            self._holdings.replace(head.id, row.holds, since)

    def raise_epoch(self) -> int:
        """Raise the epoch; the new one."""
        self._db.execute(self._sql["raise_epoch"])
        return self._number("epoch")

    # ------------------------------------------------------------------------------------------- looking

    def holds(self, batch: Append) -> bool:
        """Tell whether this very batch is in the file: its last digest, which covers all before it, stands there."""
        found = self._db.execute(self._sql["digest_at"], (batch.run, batch.row.seq)).fetchone()
        return found is not None and bytes(found[0]) == batch.lines[-1][1]

    def changes(self) -> int:
        """Give a number that changes when another process commits."""
        return self._number("changes")

    def extent(self) -> tuple[int, int]:
        """Last position and durable position, as of now."""
        last, _, durable = self._db.execute(self._sql["extent"]).fetchone()
        return last, durable

    def told(self, after: int, until: int) -> dict[str, int]:
        """Heads of the runs that have lines after one position and up to another."""
        return dict(self._db.execute(self._sql["told"], (after, until)).fetchall())

    def checkpoint(self) -> None:
        """Bring the log into the file, as far as readers let it."""
        self._db.execute(self._sql["checkpoint"]).fetchone()

    def scrub(self) -> bool:
        """Bring the log into the file and cut it off; False where somebody who reads kept it from being done."""
        busy, _, _ = self._db.execute(self._sql["scrub"]).fetchone()
        return not busy

    def _number(self, name: str) -> int:
        return int(self._db.execute(self._sql[name]).fetchone()[0])
