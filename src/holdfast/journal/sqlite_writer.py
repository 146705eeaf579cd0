"""The one thread of a process that writes its journal: it takes whatever is queued and commits it together.

Theory of operation. Everybody who appends puts a batch into one queue and waits. The thread takes all that is there,
answers each batch inside one transaction, commits, and wakes the waiting with a single call into their event loop.
While it waits for the disk the next group gathers; so the more runs there are, the cheaper each commit is.

* A run that is alone is not sent through the queue: its soft batches, which need no disk, are committed where they are
  appended, if nothing else is being written. Two changes of thread would take longer than the commit.
* A group is synced if one of its batches must be. `durable` in the file says how far the last sync reaches, for every
  process that reads it.
* Committed lines that wait `flush_after` for a sync get one by a transaction of their own.
* When a commit fails, what is in the file is read before anybody is answered. When the disk fails while it is being
  written, nobody knows what it holds: nothing more is written, and the process has to end (SEMANTICS rule 6).
* While somebody listens, the thread also looks for commits of other processes.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypeVar, cast

from holdfast.errors import (
    Bug,
    HoldfastError,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalNewer,
    JournalReadOnly,
    UsageError,
)
from holdfast.journal.checks import again
from holdfast.journal.delivery import Answer, Future, deliver
from holdfast.journal.listeners import Listeners
from holdfast.journal.port import Append, Appended, Committed, KeyTaken, Listener
from holdfast.journal.sqlite_file import explain, is_disk_error
from holdfast.journal.sqlite_ledger import Ledger
from holdfast.journal.sqlite_news import News

GROUP_MAX: Final = 2_000
"""Batches in one transaction."""

RETRY_AFTER: Final = 1.0
"""Seconds until a flush is tried again that failed for want of a lock or of room."""

CHECKPOINT_PAGES: Final = 4_000
"""About so many pages of the write-ahead log are written before it is brought into the file: 16 MB."""

T = TypeVar("T")
_NOT_ONE_BATCHES_FAULT: Final = (JournalLocked, JournalFull, JournalNewer, JournalReadOnly)


class _Batch(NamedTuple):
    """A batch and who waits for its answer."""

    batch: Append
    future: Future


class _Task(NamedTuple):
    """Something else to be done in a synced transaction of its own."""

    work: Callable[[Ledger], object]
    future: Future


class _Call(NamedTuple):
    """Something the thread is to take note of."""

    call: Callable[[], None]


class _Stop:
    """The last thing in the queue."""


_Queued: TypeAlias = _Batch | _Task | _Call | _Stop


class Writer:
    """The writing thread of a journal, and the queue before it. The thread starts with the first thing queued."""

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        *,
        clock: Callable[[], int],
        lock_wait: float,
        flush_after: float,
    ) -> None:
        self.listeners = Listeners()
        self._db = db
        self._path = path
        self._flush_after = flush_after
        # Without a bound: every batch in it has somebody who waits for it.
        self._queue: queue.SimpleQueue[_Queued] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._asked = 0
        """Batches that were queued."""
        self._closed = False
        self._broken: HoldfastError | None = None
        self._writing = threading.Lock()
        # What follows belongs to whoever holds that lock: the thread, or a lone run's loop for the length of a commit.
        self._ledger = Ledger(db, path, clock=clock, lock_wait=lock_wait)
        self._news = News(self._ledger, self.listeners)
        self._hand: list[_Queued | None] = []
        """Taken from the queue, and perhaps not answered yet."""
        self._flush_at: float | None = None
        self._scrub_at: float | None = None
        self._pages = 0
        self._served = 0
        """Batches of these that were answered."""
        self._alone = ""
        """The run whose batch was the last group by itself."""

    # ------------------------------------------------------------------------------- called from event loops

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch. Raises UsageError when the journal is closed; the awaitable raises why it was not written."""
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        item = _Batch(batch, cast("Future", future))
        lone = batch.run == self._alone and not batch.durable and self._pages < CHECKPOINT_PAGES
        if not (lone and self._append_here(item)):
            self._ask(item, batch.run)
        return future

    def _append_here(self, item: _Batch) -> bool:
        """Commit the soft batch of a lone run at once; False where somebody else is writing, here or elsewhere."""
        if self._closed or self._broken is not None or not self._writing.acquire(blocking=False):
            return False
        try:
            if self._asked != self._served:
                return False  # what was queued before comes first
            due, news = self._flush_at, dict[str, int]()
            answer = self._guard(lambda: self._commit([item.batch], news, wait=False))
            if isinstance(answer, JournalLocked):
                return False
            told = again(answer, item.batch.run) if isinstance(answer, HoldfastError) else answer[0]
            deliver([(item.future, told)], self.listeners, news, item.future.get_loop())
            if due is None and self._flush_at is not None:
                self._put(_Call(lambda: None))  # the thread has to know until when it may wait
            return True
        finally:
            self._writing.release()

    def do(self, work: Callable[[Ledger], T]) -> Awaitable[T]:
        """Queue something that is to be done in a synced transaction of its own."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._ask(_Task(work, cast("Future", future)))
        return future

    def _ask(self, item: _Batch | _Task, run: str = "") -> None:
        if self._closed:
            raise UsageError("the journal is closed", run=run)
        if self._broken is None:
            if isinstance(item, _Batch):
                with self._starting:
                    self._asked += 1
            self._put(item)
        else:
            # By the same way as from the thread: whoever appends several at once is to hear of each.
            item.future.set_exception(again(self._broken, run))

    def flush_soon(self) -> None:
        """See to it that what other processes committed, and may have died over, becomes durable."""
        self._put(_Call(self._soften))

    def listen(self, listener: Listener, *, durable: int, last: int) -> Callable[[], None]:
        """Tell `listener` of commits, of other processes' too, after the positions that it may have read by itself.

        The first one is told of soft lines once more, so that somebody is told when these become durable.
        """
        first = not self.listeners
        stop = self.listeners.add(listener)
        since = durable if first else last
        self._put(_Call(lambda: self._news.since(since, first=first)))
        return stop

    def stop(self) -> None:
        """Finish what is queued and end the thread. Blocks. Raises the JournalError that kept it from being synced."""
        self._closed = True
        if self._thread is not None:
            self._queue.put(_Stop())
            self._thread.join()
            self._thread = None
        self._db.close()
        if self._broken is not None:
            raise again(self._broken)

    def _put(self, item: _Queued) -> None:
        self._queue.put(item)
        with self._starting:
            if self._thread is None:
                # A daemon: a process that ends without closing must not hang; it loses no more than a killed one.
                self._thread = threading.Thread(target=self._run, name="holdfast-journal", daemon=True)
                self._thread.start()

    # ------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        try:
            self._work()
        finally:
            # Reached by our own mistake too: whoever waits must not wait for ever.
            self._broken = self._broken or (None if self._closed else Bug("the journal's thread ended by mistake"))
            while not self._queue.empty():
                self._hand.append(self._queue.get_nowait())
            left = [item.future for item in self._hand if isinstance(item, _Batch | _Task)]
            self._post([(future, self._broken or UsageError("the journal is closed")) for future in left], {})

    def _work(self) -> None:
        other: _Queued | None = None
        while not isinstance(other, _Stop):
            batches, other = self._take()
            self._hand = [*batches, other]
            if batches:
                self._serve(batches)
            with self._writing:
                if isinstance(other, _Task):
                    self._serve_task(other)
                elif isinstance(other, _Call):
                    other.call()
                self._hand = []
                self._tend()
        with self._writing:
            if self._flush_at is not None:
                self._broken = self._flush() or self._broken
            if self._scrub_at is not None:
                self._scrub()
            self._checkpoint(at=1)

    def _take(self) -> tuple[list[_Batch], _Queued | None]:
        """Wait for batches and take all that are there, up to the first thing that is something else."""
        batches: list[_Batch] = []
        try:
            item = self._queue.get(timeout=self._patience())
            while isinstance(item, _Batch):
                batches.append(item)
                if len(batches) == GROUP_MAX:
                    return batches, None
                item = self._queue.get_nowait()
        except queue.Empty:
            return batches, None
        return batches, item

    def _patience(self) -> float | None:
        """Seconds until there is something to do with nothing queued; None for ever."""
        now = time.monotonic()
        waits = [self._news.patience(now)]
        waits += [max(0.0, at - now) for at in (self._flush_at, self._scrub_at) if at is not None]
        return min((wait for wait in waits if wait is not None), default=None)

    def _tend(self) -> None:
        """Do what falls due between two groups."""
        self._checkpoint(at=CHECKPOINT_PAGES)
        if self._is_due(self._flush_at):
            self._flush()
        if self._is_due(self._scrub_at):
            self._scrub()
        self._post([], self._news.poll())

    def _is_due(self, at: float | None) -> bool:
        return at is not None and time.monotonic() >= at

    def _post(self, answered: Sequence[tuple[Future, Answer]], heads: Mapping[str, int]) -> None:
        deliver(answered, self.listeners, heads)

    # ------------------------------------------------------------------------------- groups

    def _serve(self, asked: Sequence[_Batch]) -> None:
        news: dict[str, int] = {}
        with self._writing:
            answers = self._attempt([one.batch for one in asked], news)
            self._served += len(asked)
        self._alone = asked[0].batch.run if len(asked) == 1 else ""
        self._post([(one.future, answer) for one, answer in zip(asked, answers, strict=True)], news)

    def _attempt(self, batches: Sequence[Append], news: dict[str, int]) -> list[Answer]:
        """Answer every batch: in one transaction or, where one of them spoils it for all, in one each."""
        outcome = self._guard(lambda: self._commit(batches, news))
        if not isinstance(outcome, HoldfastError):
            return outcome
        if len(batches) > 1 and self._broken is None and not isinstance(outcome, _NOT_ONE_BATCHES_FAULT):
            return [self._attempt([batch], news)[0] for batch in batches]
        return [again(outcome, batch.run) for batch in batches]

    def _guard(self, work: Callable[[], T]) -> T | HoldfastError:
        """Do something in a transaction; what it gives, or what went wrong instead."""
        if self._broken is not None:
            return self._broken
        try:
            return work()
        except Exception as error:  # noqa: BLE001  the one boundary: only from here can those who wait be told
            return self._failed(error)

    def _commit(self, batches: Sequence[Append], news: dict[str, int], *, wait: bool = True) -> list[Answer]:
        ledger = self._ledger
        full = any(batch.durable for batch in batches)
        ledger.begin(full=full, wait=wait)
        answers: list[Answer] = [*ledger.place(batches)]
        heads = ledger.heads()
        if full and (heads or any(isinstance(answer, KeyTaken) for answer in answers)):
            ledger.mark_durable()  # whoever is told that a run has the key is told of that run
        try:
            ledger.commit()
        except sqlite3.Error as error:
            answers = self._find_out(batches, answers, error)
            if not any(isinstance(answer, Committed) for answer in answers):
                return answers
        if heads:
            news |= self._news.committed(heads, durable=full)
            self._flush_at = None if full else self._flush_at or time.monotonic() + self._flush_after
        self._pages += sum(4 + len(batch.lines) for batch in batches)
        if any(batch.erase or batch.forget for batch in batches):
            self._scrub_at = time.monotonic()
        return answers

    def _find_out(self, batches: Sequence[Append], answers: list[Answer], error: sqlite3.Error) -> list[Answer]:
        """Answer after a commit that reported an error: read what is in the file, and compare."""
        failure = self._failed(error)
        try:
            # In a transaction that could not even be left, one would find one's own lines whatever became of them.
            found = not self._db.in_transaction and all(
                self._ledger.holds(batch)
                for batch, answer in zip(batches, answers, strict=True)
                if isinstance(answer, Committed)
            )
        except sqlite3.Error as second:
            failure, found = self._break(second), False
        if not found:
            return [again(failure, batch.run) for batch in batches]
        if self._broken is None:
            return answers
        # What stands in the file survives the end of this process; whether it survives more, nobody can tell.
        return [
            again(self._broken, batch.run) if batch.durable else answer
            for batch, answer in zip(batches, answers, strict=True)
        ]

    def _failed(self, error: Exception) -> HoldfastError:
        """Leave the transaction; say what went wrong."""
        try:
            self._ledger.abandon()
        except sqlite3.Error as second:
            return self._break(second)
        if isinstance(error, HoldfastError):
            return error
        if not isinstance(error, sqlite3.Error) or not hasattr(error, "sqlite_errorcode"):
            return Bug(f"what was appended could not be written: {error!r}")
        failure = explain(error, self._path)
        if is_disk_error(error) and not isinstance(failure, JournalFull):
            return self._break(error)
        return failure

    def _break(self, error: sqlite3.Error) -> HoldfastError:
        """Write nothing more: after an error of the disk nobody knows what it holds until it is read anew."""
        name = getattr(error, "sqlite_errorname", error)
        self._broken = JournalError(
            f"the disk failed while the journal {self._path} was being written ({name});"
            " whether the last lines are in it is not known",
            hint="end this process and look at the disk; a new process goes on from what the disk holds,"
            " and what was acknowledged as durable is on it",
        )
        return self._broken

    # ------------------------------------------------------------------------------- everything else

    def _serve_task(self, task: _Task) -> None:
        answer = self._guard(lambda: self._carry_out(task))
        if isinstance(answer, HoldfastError):
            self._post([(task.future, again(answer))], {})
        else:
            self._flush_at = None
            self._post([(task.future, answer)], self._news.committed({}, durable=True))

    def _carry_out(self, task: _Task) -> object:
        self._ledger.begin(full=True)
        answer = task.work(self._ledger)
        self._ledger.mark_durable()
        self._ledger.commit()
        return answer

    def _soften(self) -> None:
        self._flush_at = self._flush_at or time.monotonic() + self._flush_after

    def _flush(self) -> HoldfastError | None:
        """Make everything durable that is committed; the error that kept it from being done, to be tried again."""
        self._flush_at = None
        if self._broken is not None:
            return self._broken
        try:
            last, durable = self._ledger.extent()
            if durable < last:
                self._ledger.begin(full=True)
                self._ledger.mark_durable()
                self._ledger.commit()
        except (sqlite3.Error, JournalError) as error:
            failure = self._failed(error)
            self._flush_at = time.monotonic() + RETRY_AFTER
            return failure
        self._post([], self._news.flushed())
        return None

    def _checkpoint(self, *, at: int) -> None:
        """Bring the log into the file when it is `at` pages long; after the answers, so that nobody waits for it."""
        if self._pages < at or self._broken is not None:
            return
        self._pages = 0
        try:
            self._ledger.checkpoint()
        except sqlite3.Error as error:
            self._failed(error)  # a full disk or a lock: the log holds everything, and the next one tries again

    def _scrub(self) -> None:
        """Cut off the log, after an erasure: what was erased must leave it too."""
        self._scrub_at = None
        if self._broken is not None:
            return
        try:
            done = self._ledger.scrub()
        except sqlite3.Error as error:
            self._failed(error)
            done = False
        if not done:
            self._scrub_at = time.monotonic() + RETRY_AFTER
