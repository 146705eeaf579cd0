"""A worker: finds runs that are due, drives them, and parks them by forgetting them.

Nothing stands for a parked run but its row. A worker looks for due rows, hears of appends by any process, and takes up
what a worker that died was driving. On SIGTERM it starts nothing more, lets what is being performed finish and be
recorded, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable, Iterator
from typing import Any, Final

from holdfast.core.pending import Outlook
from holdfast.journal.port import Row, Where
from holdfast.shell.rhythm import Rhythm
from holdfast.shell.runner import Runner

POLL: Final = 1.0
"""Seconds between looks for due runs; appends are heard of at once."""

ORPHANS: Final = 5.0
"""Seconds between looks for runs whose worker died."""


class Worker:
    """Drives the due runs of a runner's agents until it is told to stop.

    slots: how many at once. poll: seconds between looks for due runs. rhythm: takes checkpoints meanwhile.
    """

    def __init__(self, runner: Runner, *, slots: int = 200, poll: float = POLL, rhythm: Rhythm | None = None) -> None:
        self.runner = runner
        self.rhythm = rhythm
        self.slots = slots
        self.poll = poll
        self._stop = asyncio.Event()
        self._heard = asyncio.Event()
        self._under_way: dict[str, tuple[Row, asyncio.Task[Outlook]]] = {}
        self._keeping: asyncio.Task[None] | None = None
        self._rests: dict[str, tuple[int, int | None]] = {}
        """Runs that are due by their rows and that were found to have nothing to do: (seq, until when)."""

    def stop(self) -> None:
        """Take up nothing more; `work` returns when what is under way is recorded."""
        self._stop.set()
        self._heard.set()

    async def work(self, *, until_idle: bool = False) -> None:
        """Work until stopped; with until_idle, until no run of these agents is due.

        Raises the first error of a driver that is no expected failure: a worker that cannot trust itself ends.
        """
        deaf = self.runner.journal.listen(lambda run, seq: self._heard.set())
        if self.rhythm is not None:
            self._keeping = asyncio.create_task(self.rhythm.keep(), name="checkpoints")
        loop = asyncio.get_running_loop()
        looked = deep = -ORPHANS
        try:
            while not self._stop.is_set():
                self._heard.clear()
                orphans = loop.time() - looked >= ORPHANS
                if orphans:
                    looked = loop.time()
                past_rests = loop.time() - deep >= self.poll
                if past_rests:
                    deep = loop.time()
                self._take(await self._due(orphans=orphans, past_rests=past_rests))
                if until_idle and not self._under_way:
                    return
                await self._wait()
        finally:
            deaf()
            try:
                await self.runner.drain()
            finally:  # one error is raised; what else failed with it is looked at, so that asyncio does not tell it too
                await asyncio.gather(*(task for _, task in self._under_way.values()), return_exceptions=True)
                await self._last_checkpoint()

    async def _last_checkpoint(self) -> None:
        """Cover what was recorded last, too."""
        keeping, self._keeping = self._keeping, None
        if self.rhythm is not None and keeping is not None:
            self.rhythm.stop()
            await keeping
            await self.rhythm.finish()

    async def _due(self, *, orphans: bool, past_rests: bool) -> list[Row]:
        """Rows to look into. Runs that wait stay due by their rows while they do; past_rests: see those behind them, too."""
        journal = self.runner.journal
        rows = await journal.due(journal.now(), self.slots + (len(self._rests) if past_rests else 0))
        if orphans:
            rows = [*rows, *await journal.find(Where(status="working", limit=self.slots))]
        rows = [*rows, *await self.runner.waiting_for_stops()]
        known = [row for row in rows if row.agent in self.runner.agents and not row.apart]
        if past_rests:
            self._rests = {row.run: self._rests[row.run] for row in known if row.run in self._rests}
        now = journal.now()
        return [row for row in known if (orphans and row.status == "working") or not self._is_at_rest(row, now)]

    def _is_at_rest(self, row: Row, now: int) -> bool:
        """Whether this row was looked into already: parking writes nothing, so it may go on saying `due`."""
        seq, due = self._rests.get(row.run, (0, 0))
        return seq == row.seq and (due is None or now < due)

    def _take(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if len(self._under_way) >= self.slots or self._stop.is_set():
                return
            if row.run not in self._under_way:
                task = asyncio.create_task(self.runner.drive(row.run), name=f"work {row.run}")
                self._under_way[row.run] = row, task

    async def _wait(self) -> None:
        """Until something is heard of, a run ends, or it is time to look again."""
        hearing = asyncio.ensure_future(self._heard.wait())
        working: list[asyncio.Task[Any]] = [task for _, task in self._under_way.values()]
        working += [self._keeping] if self._keeping is not None else []
        await asyncio.wait({hearing, *working}, timeout=self.poll, return_when=asyncio.FIRST_COMPLETED)
        hearing.cancel()
        if self._keeping is not None and self._keeping.done():
            self._keeping.result()
        for run, (row, task) in list(self._under_way.items()):
            if task.done():
                del self._under_way[run]
                stands = task.result()
                self._rests[run] = row.seq, stands.due or None  # 0: somebody else has to see to it
                if stands.status == "closed" and self.rhythm is not None:
                    self.rhythm.ended()


@contextlib.contextmanager
def stopping(worker: Worker) -> Iterator[None]:
    """Stop the worker on SIGTERM and SIGINT, for the length of a `with`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
