"""The yard: the parent of all workers. It starts them, listens, kills, stops and wakes them, and waits for how they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import msgspec

from tests.processes.worker import Spec

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds after which what is waited for counts as never coming."""

Told: TypeAlias = dict[str, Any]


class Hand:
    """One worker, as its yard knows it."""

    def __init__(self, orders: tuple[str, ...]) -> None:
        self.orders = orders
        self.pid = 0
        self.name = ""
        """The worker's own, once it works."""
        self.told: list[Told] = []
        self.code: int | None = None
        """How it ended; a signal is negative."""
        self.news = asyncio.Event()

    def count(self, *what: str) -> int:
        """How often it told one of these."""
        return sum(line["what"] in what for line in self.told)

    def opened(self) -> set[tuple[str, str]]:
        """The orders that it opened, or found open: (order, run)."""
        return {(line["order"], line["run"]) for line in self.told if line["what"] == "opened"}

    def halts(self) -> set[tuple[str, str]]:
        """Where it is held up: (point, order)."""
        return {(line["point"], line["order"]) for line in self.told if line["what"] == "halt"}

    async def until(self, so: Callable[[], object], patience: float = PATIENCE) -> bool:
        """Wait until something is so that it tells; False when it was not so in time, or it ended before."""
        try:
            async with asyncio.timeout(patience):
                while not so():
                    if self.code is not None:
                        return False
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            return False
        return True

    async def began(self) -> None:
        """It works, and all its orders are open."""
        assert await self.until(lambda: self.name and len(self.opened()) == len(self.orders)), "it never began"

    async def ended(self) -> int:
        """How it ended, once it has."""
        await self.until(lambda: self.code is not None)
        assert self.code is not None, f"process {self.pid} does not end"
        return self.code

    async def kill(self) -> None:
        """SIGKILL, and it is gone."""
        self.signal(signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL

    async def finish(self) -> None:
        """SIGTERM, once it has begun: it records what is under way, and ends well."""
        await self.began()
        self.signal(signal.SIGTERM)
        code = await self.ended()
        assert code == 0, f"worker {self.name} ended with {code}"

    async def stop(self) -> None:
        """SIGSTOP, and the kernel says that it stands still."""
        self.signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.pid}/stat")
        await until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", f"process {self.pid} stands still")

    def wake(self) -> None:
        """SIGCONT: it goes on, and so does whoever was held up in it."""
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Only one that was forked here and was not waited for yet is sent anything."""
        if self.code is None:
            os.kill(self.pid, number)


class Yard:
    """`async with Yard(folder)`: a nursery process, and the workers that it forks. journal: a file elsewhere."""

    def __init__(self, folder: Path, journal: Path | None = None) -> None:
        self.journal = journal or folder / "journal.db"
        self.ledger = folder / "ledger.db"
        self.said = folder / "stderr.txt"
        """What all workers said to people."""
        self.hands: list[Hand] = []
        self._unborn: asyncio.Queue[Hand] = asyncio.Queue()

    @property
    def url(self) -> str:
        """The journal's."""
        return f"sqlite:///{self.journal}"

    async def __aenter__(self) -> Yard:
        with self.said.open("ab") as said:
            self._nursery = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.processes.worker", cwd=ROOT, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=said,
            )  # fmt: skip
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for hand in self.hands:
            hand.signal(signal.SIGKILL)
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        await self._nursery.wait()
        await self._listening
        if error is not None:
            error.add_note(f"what the workers said:\n{self.said.read_text()[-4000:]}")

    async def start(self, *orders: str, **more: Any) -> Hand:
        """Fork a worker; it has a process now, and may not have come to anything yet."""
        spec = Spec(journal=str(self.journal), ledger=str(self.ledger), orders=orders, **more)
        hand = Hand(orders)
        self.hands.append(hand)
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(msgspec.json.encode(spec) + b"\n")
        self._unborn.put_nowait(hand)
        assert await hand.until(lambda: hand.pid), "no worker was forked"
        return hand

    async def _listen(self) -> None:
        assert self._nursery.stdout is not None
        while line := await self._nursery.stdout.readline():
            told = json.loads(line)
            if told["what"] == "forked":
                hand = self._unborn.get_nowait()
                hand.pid = told["pid"]
            else:
                hand = next(one for one in self.hands if one.pid == told["pid"] and one.code is None)
            hand.told.append(told)
            if told["what"] == "works":
                hand.name = told["worker"]
            if told["what"] == "ended":
                hand.code = told["code"]
            hand.news.set()


async def until(so: Callable[[], Any], what: str, patience: float = PATIENCE) -> None:
    """Look again and again until something is so. Raises AssertionError when it never is."""
    try:
        async with asyncio.timeout(patience):
            while True:
                found = so()
                if (await found) if asyncio.iscoroutine(found) else found:
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never came: {what}") from None
