"""Mistakes about disks, commits, conflicts, clocks, leases and requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from holdfast.core import decide
from holdfast.journal.port import Appended, Committed, Moved
from holdfast.shell import book, driver, perform, runner
from holdfast.testing.sim.mistake import Mutant, Patch
from holdfast.testing.sim.store import Connection

replace = msgspec.structs.replace


def _no_sync() -> Sequence[Patch]:
    return [(book, "_promised", lambda event, state: False)]


def _act_before_commit() -> Sequence[Patch]:
    original = driver.Driver._step

    async def step(self: Any, page: Any, moment: Any) -> Appended:
        append, clock = self.book.append, self.world.performer.clock()

        async def hasty(written: Any, stands: Any, **more: Any) -> Any:
            before = self.book.state, self.book.head
            self.book.state, self.book.head = written.state, written.head
            self._launch(moment, clock)
            self.book.state, self.book.head = before
            return await append(written, stands, **more)

        self.book.append = hasty
        try:
            return await original(self, page, moment)
        finally:
            del self.book.append

    return [(driver.Driver, "_step", step)]


def _conflict_ignored() -> Sequence[Patch]:
    original = book.Book.append

    async def append(self: Any, written: Any, outlook: Any, **more: Any) -> Any:
        answer = await original(self, written, outlook, **more)
        if isinstance(answer, Moved) and self.state is not None:
            self.state, self.head = written.state, written.head
            return Committed(0)
        return answer

    return [(book.Book, "append", append)]


def _fact_dropped() -> Sequence[Patch]:
    told_of, original = driver.Driver._told_of, driver.Driver._step
    told = dict[Any, Any]()

    def tell(self: Any, facts: Any, page: Any) -> Any:
        told[self] = facts
        return told_of(self, facts, page)

    async def step(self: Any, page: Any, moment: Any) -> Appended:
        facts = told.pop(self)
        answer = await original(self, page, moment)
        if not isinstance(answer, Committed):
            facts.clear()
        return answer

    return [(driver.Driver, "_told_of", tell), (driver.Driver, "_step", step)]


def _performed_twice() -> Sequence[Patch]:
    original = driver.Driver._launch

    def launch(self: Any, moment: Any, boot: float) -> None:
        waiting, self._facts = self._facts, []
        original(self, moment, boot)
        self._facts = [*waiting, *self._facts]

    return [(driver.Driver, "_launch", launch)]


def _deaf() -> Sequence[Patch]:
    return [(driver.Driver, "notify", lambda self, seq: None), (book.Book, "refresh", _once(book.Book.refresh))]


def _once(refresh: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def stale(self: Any) -> Any:
        return await refresh(self) if self.state is None or not self.expecting else self.state

    return stale


def _late_worker() -> Sequence[Patch]:
    original = perform.Performer.perform

    async def performed(self: Any, request: Any, attempt: Any) -> Any:
        if self.clock() >= attempt.ends:
            attempt = replace(attempt, ends=self.clock() + 8.0)
        return await original(self, request, attempt)

    return [(perform.Performer, "perform", performed)]


def _own_clock() -> Sequence[Patch]:
    return [(Connection, "now", lambda self: self._process.wall())]


def _lease_cut_short() -> Sequence[Patch]:
    original = decide._is_lost

    def is_lost(start: int, worker: str, until: int, moment: Any) -> bool:
        return original(start, worker, until - 5_000_000, moment)

    return [(decide, "_is_lost", is_lost)]


def _buried_alive() -> Sequence[Patch]:
    original = Connection.alive
    return [(Connection, "alive", lambda self, worker: bool(original(self, worker)))]


def _request_key_lost() -> Sequence[Patch]:
    original = runner.Runner._opened

    def opened(self: Any, agent: Any, value: Any, *, key: str, **rest: Any) -> Any:
        return original(self, agent, value, key=f"{key} {self._entropy(2).hex()}", **rest)

    return [(runner.Runner, "_opened", opened)]


JOURNAL: Final = (
    Mutant("no_sync", "1, 2", "nothing waits for the disk", _no_sync),
    Mutant("act_before_commit", "1, 15", "what was queued is performed before it is committed", _act_before_commit),
    Mutant("conflict_ignored", "5, 15", "a batch that lost its place counts as appended", _conflict_ignored),
    Mutant("fact_dropped", "5", "a fact whose append met a newer entry is thrown away", _fact_dropped),
    Mutant(
        "performed_twice", "15", "an attempt whose answer waits to be appended is performed again", _performed_twice
    ),
    Mutant("deaf", "5, 8", "a driver does not read what others append", _deaf),
    Mutant("late_worker", "11, 15", "a worker that wakes after its lease acts all the same", _late_worker),
    Mutant("own_clock", "9", "a worker goes by its own clock, not by the journal's", _own_clock),
    Mutant("lease_cut_short", "10, 15", "others' leases end five seconds early", _lease_cut_short),
    Mutant("buried_alive", "15, 22", "a worker of which the store knows nothing counts as gone", _buried_alive),
    Mutant("request_key_lost", "20", "the same request opens another run", _request_key_lost),
)
