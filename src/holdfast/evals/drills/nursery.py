"""A nursery of worker processes: one process that has read the agent and forks a worker whenever it is told to.

Python, holdfast and the agent are read once, and each worker is a process of its own all the same, to be killed alone. The
nursery reads what the workers are to work on in its first line, then an order a line; it tells how each worker ended. It ends,
and every worker of it with it, when its input does: also when whoever started it was killed.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import traceback
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.errors import InputError
from holdfast.evals.drills.moments import Doom, Moment, Tally
from holdfast.evals.drills.process import Crew, Play, live

PATIENCE: Final = 60.0
"""Seconds in which the agent has to be read."""

LOG: Final = "workers.log"
FAILED: Final = 70
"""The code with which a worker ends that could not work."""


class Birth(Struct, frozen=True):
    """Fork a worker."""

    tally: str
    moment: Moment | None


class Sign(Struct, frozen=True, tag=True):
    """Send a worker a signal, if it is still there."""

    pid: int
    number: int


class Order(Struct, frozen=True):
    """One line to the nursery: one of the two."""

    birth: Birth | None = None
    sign: Sign | None = None


class News(Struct, frozen=True):
    """One line of the nursery."""

    pid: int = 0
    """0: it is ready itself."""
    code: int | None = None
    """How a worker ended; minus the number of the signal that ended it. None: it was born."""


# ---------------------------------------------------------------------------------------------------- in its own process


def nurse(load: Callable[[Play], Crew]) -> int:
    """Be a nursery: read what is to be played, load the agent, then fork. Its exit code."""
    mouth = os.dup(1)
    os.dup2(2, 1)  # whatever an agent prints is no news
    lines = _Lines()
    first = lines.next()
    if first is None:
        return 0
    play = msgspec.json.decode(first, type=Play)
    crew = load(play)
    assert crew.agent.bound.versions  # made at first use, and so before the first fork
    ears, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    _tell(mouth, News())
    alive: set[int] = set()
    try:
        while True:
            ready, _, _ = select.select([0, ears], [], [])
            if ears in ready:
                os.read(ears, 4096)
                _reap(mouth, alive)
            if 0 in ready:
                data = lines.read()
                for line in lines.whole():
                    _obey(msgspec.json.decode(line, type=Order), mouth, alive, crew, play)
                if not data:
                    return 0
    finally:
        for pid in alive:
            os.kill(pid, signal.SIGKILL)


class _Lines:
    """Standard input, line by line, read as it comes."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self) -> bytes:
        data = os.read(0, 65536)
        self._rest += data
        return data

    def whole(self) -> list[bytes]:
        *lines, self._rest = self._rest.split(b"\n")
        return [line for line in lines if line]

    def next(self) -> bytes | None:
        while b"\n" not in self._rest:
            if not self.read():
                return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def _obey(order: Order, mouth: int, alive: set[int], crew: Crew, play: Play) -> None:
    if order.sign is not None and order.sign.pid in alive:
        os.kill(order.sign.pid, order.sign.number)
    if order.birth is None:
        return
    pid = os.fork()
    if pid:
        alive.add(pid)
        _tell(mouth, News(pid))
        return
    code = FAILED
    try:
        os.close(mouth)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        asyncio.run(live(crew, play, Doom(Tally(Path(order.birth.tally)), order.birth.moment)))
        code = 0
    except BaseException:  # noqa: BLE001 - the outermost boundary of a process: it is told, and the process ends
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _reap(mouth: int, alive: set[int]) -> None:
    while alive:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        alive.discard(pid)
        _tell(mouth, News(pid, os.waitstatus_to_exitcode(status)))


def _tell(mouth: int, news: News) -> None:
    os.write(mouth, msgspec.json.encode(news) + b"\n")


# ------------------------------------------------------------------------------------------------- in whoever started it


class Hand:
    """One worker process, as whoever had it forked knows it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Its exit code; minus the number of the signal that ended it."""


class Nursery:
    """The nursery as whoever started it knows it. Made by `nursery`."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._hands: dict[int, Hand] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._born: asyncio.Queue[Hand] = asyncio.Queue()
        self.listening = asyncio.create_task(self._listen(), name="nursery")

    async def ready(self) -> None:
        """Wait until the agent was read. Raises InputError where it cannot be."""
        await asyncio.wait({self._ready, self.listening}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.done():
            raise InputError(f"no worker process can be made of this agent:\n{self.said()}")

    async def birth(self, tally: Path, moment: Moment | None) -> Hand:
        """Fork a worker. Raises InputError where the nursery is gone."""
        self._order(Order(birth=Birth(str(tally), moment)))
        coming = asyncio.ensure_future(self._born.get())
        await asyncio.wait({coming, self.listening}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            raise InputError(f"the nursery of the worker processes is gone:\n{self.said()}")
        return coming.result()

    def signal(self, hand: Hand, number: signal.Signals) -> None:
        """Send a worker a signal."""
        self._order(Order(sign=Sign(hand.pid, number)))

    def said(self) -> str:
        """The last lines that the workers wrote about themselves."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])

    def _order(self, order: Order) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                news = msgspec.json.decode(line, type=News)
                if not news.pid:
                    self._ready.set_result(None)
                elif news.code is None:
                    self._hands[news.pid] = Hand(news.pid)
                    self._born.put_nowait(self._hands[news.pid])
                else:
                    self._hands.pop(news.pid).ended.set_result(news.code)
        finally:  # with the nursery its workers are gone
            for hand in self._hands.values():
                hand.ended.set_result(-signal.SIGKILL)


@asynccontextmanager
async def nursery(program: Sequence[str], play: Play, folder: Path) -> AsyncIterator[Nursery]:
    """A nursery, with all of its workers, for the length of an `async with`. program: the command that calls `nurse`.

    Raises InputError where the agent cannot be read there.
    """
    log = folder / LOG
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, stderr=said)
    made = Nursery(process, log)
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(play) + b"\n")
        await made.ready()
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), PATIENCE)
        made.listening.cancel()
        await asyncio.gather(made.listening, return_exceptions=True)
