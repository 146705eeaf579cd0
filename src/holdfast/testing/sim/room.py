"""The room: one true time, the processes in it, and everything that is going to happen.

One seed is one schedule. Each process has an event loop of its own (`loop.VirtualLoop`) and may be killed, stopped and woken
like a real one. The room lets them do all they can do at a moment, in an order drawn from the seed, and then jumps to the next
moment at which anything happens. A process does everything between two dealings with the outside at one instant; so the
moments right before and after each dealing (`Process.point`) are all the moments at which killing it makes a difference.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias

from holdfast.testing.sim.loop import Handle, VirtualLoop

START: Final = 1_800_000_000_000_000
"""The true time at which every room begins, µs since 1970."""

SECOND: Final = 1_000_000

Main: TypeAlias = Callable[["Process"], Coroutine[Any, Any, object]]
PointHook: TypeAlias = Callable[["Process", str], None]


class Killed(BaseException):
    """The process of a strand is gone."""


class Strand:
    """A function that runs beside a loop and may wait: a real thread, but never at the same time as anything else."""

    def __init__(self, work: Callable[[], object], future: asyncio.Future[Any]) -> None:
        self.future = future
        self._work = work
        self._mine = threading.Lock()
        self._other = threading.Lock()
        self._mine.acquire()
        self._other.acquire()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.begun = False
        self.killed = False
        self.over = False
        self.result: object = None
        self.error: BaseException | None = None

    def go(self) -> bool:
        """Let it run until it waits or ends, and say whether it ended."""
        if self.begun:
            self._mine.release()
        else:
            self.begun = True
            self._thread.start()
        self._other.acquire()
        return self.over

    def wait(self) -> None:
        """Called in the strand: wait until somebody says `go`."""
        self._other.release()
        self._mine.acquire()
        if self.killed:
            raise Killed

    def _run(self) -> None:
        _here.strand = self
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - carried over to whoever waits for the result
            self.error = error
        self.over = True
        self._other.release()


class _Here(threading.local):
    strand: Strand | None = None


_here = _Here()


class Process:
    """A simulated process: a loop, a name, and a source of chance of its own."""

    def __init__(self, room: Room, name: str, life: int) -> None:
        self.room = room
        self.name = name
        self.life = life
        """Which process of that name it is, from 1."""
        self.chance = random.Random(room.chance.getrandbits(64))
        self.alive = True
        self.frozen = False
        self.skew = 0
        """µs its own wall clock is ahead. Nothing in holdfast may look at that clock."""
        self.said: list[dict[str, Any]] = []
        self.loop = VirtualLoop(  # type: ignore[abstract]  # what it lacks, nothing in a simulation may use
            self.clock, self._timer, self._begin_strand, self.said.append
        )
        self.missed: list[Handle] = []
        """Timers that were due while it was stopped."""
        self.main: asyncio.Task[object] | None = None
        self._strands: list[Strand] = []
        self.ended_at = 0

    def __repr__(self) -> str:
        return f"<{self.name}.{self.life}>"

    def start(self, main: Main) -> None:
        """Begin; the process ends when `main` does."""
        self.main = self.loop.create_task(main(self), name=f"{self.name}.{self.life}")
        self.main.add_done_callback(lambda _: self.kill())

    # ---- its own senses

    def clock(self) -> float:
        """Seconds since the room began, however long it was stopped meanwhile."""
        return (self.room.now - START) / SECOND

    def watch(self) -> int:
        """The same in nanoseconds."""
        return (self.room.now - START) * 1000

    def wall(self) -> int:
        """Its own wall clock, right or wrong."""
        return self.room.now + self.skew

    def _timer(self, when: float, handle: Handle) -> None:
        self.room.ring_at(START - int(-when * SECOND // 1), partial(self._ring, handle), handle)

    def _ring(self, handle: Handle) -> None:
        if self.alive:
            (self.missed if self.frozen else self.loop.ready).append(handle)

    def entropy(self, count: int) -> bytes:
        """Chance."""
        return self.chance.randbytes(count)

    # ---- dealings with the outside

    def point(self, what: str) -> bool:
        """Say that something is about to happen between this process and the outside; false if it died right then."""
        if self.alive and self.room.on_point is not None:
            self.room.on_point(self, what)
        return self.alive

    def deliver(self, future: asyncio.Future[Any], value: object) -> None:
        """Hand in what came from outside: a value, or an error to raise."""
        if self.alive:
            self.loop.call_soon(answer, future, value)

    def after(self, us: int, act: Callable[[], None]) -> None:
        """Let something happen in this process after a time, unless it is dead by then."""
        self.room.after(us, lambda: self.loop.call_soon(act) if self.alive else None)

    # ---- what may befall it

    def kill(self) -> None:
        """End at once: nothing in it is ever called again."""
        if self.alive:
            self.alive = False
            self.loop.halted = True
            self.ended_at = self.room.now
            self.room.died(self)

    def freeze(self) -> None:
        """Stop, as SIGSTOP does."""
        self.frozen = True

    def wake(self) -> None:
        """Go on, as SIGCONT does."""
        self.frozen = False
        self.loop.ready.extend(self.missed)
        self.missed.clear()

    # ---- strands

    def _begin_strand(self, work: Callable[[], object], future: asyncio.Future[Any]) -> None:
        strand = Strand(work, future)
        self._strands.append(strand)
        self.after(self.room.strand_delay(self), lambda: self._proceed(strand))

    def _proceed(self, strand: Strand) -> None:
        if not self.alive or strand.over or (strand.future.cancelled() and not strand.begun):
            return
        if strand.go():
            self._strands.remove(strand)
            self.deliver(strand.future, strand.error if strand.error is not None else strand.result)

    def strand_waits(self, us: int) -> None:
        """Called in a strand: let time pass."""
        strand = _here.strand
        assert strand is not None
        self.after(us, lambda: self._proceed(strand))
        strand.wait()

    def dispose(self) -> None:
        """Take a dead process apart without a sound. Nothing it still does reaches the outside."""
        self.alive = False
        for strand in self._strands:
            strand.killed = True
            while strand.begun and not strand.go():
                pass
        self._strands.clear()
        self.loop.halted = False
        for _ in range(20):
            open_tasks = [task for task in self.loop.tasks if not task.done()]
            if not open_tasks:
                break
            for task in open_tasks:
                task.cancel()
            with suppress(Exception):
                self.loop.burst()
        self.loop.ready.clear()
        self.loop.tasks.clear()
        self.missed.clear()
        self.main = None


def answer(future: asyncio.Future[Any], value: object) -> None:
    """Give a future its value, or its error, unless it has one or was cancelled."""
    if future.done():
        return
    if isinstance(value, BaseException):
        future.set_exception(value)
    else:
        future.set_result(value)


Due: TypeAlias = tuple[int, int, Callable[[], object], Handle | None]
"""When; a number that tells equal moments apart; what happens; and the timer it is, if it is one."""


class Room:
    """Time, chance, and who is there."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.now = START
        self.processes: list[Process] = []
        self.on_point: PointHook | None = None
        self.on_death: list[Callable[[Process], None]] = []
        self.strand_delay: Callable[[Process], int] = lambda _: 0
        """How long a thread of a pool takes to begin."""
        self.everybody: list[Process] = []
        """All there ever were, the dead ones too."""
        self._agenda: list[Due] = []
        self._numbers = itertools.count()
        self._lives: dict[str, int] = {}

    # ---- what happens

    def at(self, when: int, act: Callable[[], object]) -> None:
        """Let something happen at a moment."""
        heapq.heappush(self._agenda, (max(when, self.now), next(self._numbers), act, None))

    def ring_at(self, when: int, act: Callable[[], object], handle: Handle) -> None:
        """Let a timer of a process ring at a moment, unless it is cancelled by then."""
        heapq.heappush(self._agenda, (when, next(self._numbers), act, handle))

    def after(self, us: int, act: Callable[[], object]) -> None:
        """Let something happen after a time."""
        self.at(self.now + us, act)

    def process(self, name: str) -> Process:
        """Make a process."""
        self._lives[name] = self._lives.get(name, 0) + 1
        made = Process(self, name, self._lives[name])
        self.processes.append(made)
        self.everybody.append(made)
        return made

    def died(self, process: Process) -> None:
        """Note that a process is gone."""
        self.processes.remove(process)
        for heard in self.on_death:
            heard(process)

    def run(self, until: Callable[[], bool], horizon: int) -> bool:
        """Let things happen until a condition holds; false if it does not by `horizon`, or if nothing happens any more."""
        agenda = self._agenda
        self._settle()
        while not until():
            while agenda and agenda[0][3] is not None and agenda[0][3].over:
                heapq.heappop(agenda)
            if not agenda or agenda[0][0] > horizon:
                return False
            self.now = max(self.now, agenda[0][0])
            _, _, act, timer = heapq.heappop(agenda)
            act()
            while timer is not None and agenda and agenda[0][3] is not None and agenda[0][0] <= self.now:
                heapq.heappop(agenda)[2]()  # all timers of one moment ring before anybody acts
            self._settle()
        return True

    def _settle(self) -> None:
        while ready := [one for one in self.processes if one.loop.ready and not one.frozen]:
            (ready[0] if len(ready) == 1 else self.chance.choice(ready)).loop.burst()

    def close(self) -> None:
        """End everything that is still there, and let go of it."""
        for process in self.everybody:
            process.dispose()
        self.processes.clear()
        self.everybody.clear()
        self._agenda.clear()
        self.on_death.clear()
        self.on_point = None
