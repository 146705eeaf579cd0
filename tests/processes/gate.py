"""A gate in a worker's way: it tells the yard which point was reached, and holds up whoever is to be held up there.

Points: `works` (the worker is ready and has opened nothing yet) and, in the order of one effect, `append` (a batch is about to be queued), `commit` (a batch got in), `started` (the start of
a write got in, and nothing was done about it yet), `about` (the tool is about to have its effect), `did` (it had it, and has
not returned). Who is held up waits until SIGCONT, or for the end of the process; everybody else goes on.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from holdfast.errors import JournalError
from holdfast.journal.port import Append, Appended, Committed
from holdfast.journal.sqlite import SqliteJournal


class Gate:
    """Tells, and holds up.

    tells: whether somebody listens on standard output. halt: (point, n): whoever comes there as the n-th is held up. happens:
    what is done then instead. holds: whether orders that name a point of their own are held up there.
    """

    def __init__(
        self, *, tells: bool = False, halt: tuple[str, int] | None = None, holds: bool = False,
        happens: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._tells = tells
        self._happens = happens
        self._halt = halt
        self._holds = holds
        self._counts: Counter[str] = Counter()
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._awaited = asyncio.Event()

    def open(self) -> None:
        """Let everybody go on."""
        self._released.set()
        self._awaited.set()

    def tell(self, what: str, **more: object) -> None:
        """One line to the yard. Short enough to arrive whole, whoever else writes."""
        if self._tells:
            os.write(1, (json.dumps({"pid": os.getpid(), "what": what, **more}) + "\n").encode())

    def is_held(self, point: str, order: str) -> bool:
        """Whether whoever is here now is held up; told if so."""
        with self._lock:
            self._counts[point] += 1
            mine = self._holds and order.endswith(f":{point}") and order not in self._held
            if mine:
                self._held.add(order)
            nth = self._halt == (point, self._counts[point])
        if nth and self._happens is not None:
            self._happens()
            self.tell("broke")
            nth = False
        held = mine or nth
        if held:
            self.tell("halt", point=point, order=order)
        return held

    def reach(self, point: str, order: str, tool: str, run: str, call: int) -> None:
        """Be here, in a tool; blocks whoever is held up."""
        self.tell(point, order=order, tool=tool, run=run, call=call)
        if self.is_held(point, order):
            self._released.wait()

    async def pass_by(self, point: str, order: str) -> None:
        """Be here, in the event loop; only whoever is held up waits."""
        if self.is_held(point, order):
            await self._awaited.wait()


OPEN = Gate()
"""Holds up nobody and tells nobody."""


class GatedJournal(SqliteJournal):
    """A journal with a gate before each append and after it."""

    def __init__(self, path: Path | str, gate: Gate) -> None:
        super().__init__(path)
        self._gate = gate

    def append(self, batch: Append) -> Awaitable[Appended]:
        if self._gate.is_held("append", batch.row.key):
            return asyncio.get_running_loop().create_future()  # nobody goes on from here
        return self._passing(batch, super().append(batch))

    async def _passing(self, batch: Append, queued: Awaitable[Appended]) -> Appended:
        try:
            answer = await queued
        except JournalError as error:
            self._gate.tell("failed", error=type(error).__name__)
            raise
        if isinstance(answer, Committed):
            await self._gate.pass_by("commit", batch.row.key)
            if batch.durable and any(b'"CallStarted"' in data for data, _ in batch.lines):
                await self._gate.pass_by("started", batch.row.key)
        return answer
