"""The worker program: `python -m tests.processes.worker` is a nursery that forks a worker for each line it reads.

Python and its imports are paid for once, and each worker is a process of its own all the same: to be killed, stopped and
woken alone. Each line is a `Spec`; what workers tell, and how they ended, comes out of standard output as one JSON object a
line.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from holdfast import Runner
from holdfast.cli.failure import told
from holdfast.shell.worker import Worker, stopping
from tests.processes.disk import Fault, break_disk
from tests.processes.gate import Gate, GatedJournal
from tests.processes.ledger import Ledger
from tests.processes.shop import SHOPS, FarSide, standin


class Spec(Struct, frozen=True):
    """What a worker is to do."""

    journal: str
    ledger: str
    shop: str = "shop"
    orders: tuple[str, ...] = ()
    """Orders to open before working, each under a request key of its own: one that is there already stays as it is."""
    halt: tuple[str, int] | None = None
    holds: bool = False
    slots: int = 200
    fault: Fault | None = None
    """What happens to the disk at `halt`; nobody is held up there then."""


async def work(spec: Spec) -> None:
    """Open the orders and work until SIGTERM."""
    fault = spec.fault
    happens = partial(break_disk, fault, spec.journal) if fault is not None else None
    gate = Gate(tells=True, halt=spec.halt, holds=spec.holds, happens=happens)
    asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, gate.open)
    far = FarSide(Ledger(spec.ledger), gate)
    agent = SHOPS[spec.shop]

    @asynccontextmanager
    async def resources(_: Any) -> Any:
        yield far

    journal = GatedJournal(spec.journal, gate)
    try:
        async with Runner.open(journal, agents=[agent], model=standin, resources=resources) as runner:

            async def take(order: str) -> None:
                run = await runner.start(agent, order, key=order, by="svc:inbox")
                gate.tell("opened", order=order, run=run.name)

            worker = Worker(runner, slots=spec.slots, poll=0.1)
            with stopping(worker):
                gate.tell("works", worker=runner.worker)
                await gate.pass_by("works", "")
                async with asyncio.TaskGroup() as both:
                    both.create_task(worker.work())
                    for order in spec.orders:
                        both.create_task(take(order))
    finally:
        await journal.close()


def live(spec: Spec) -> int:
    """One worker's life; its exit code, as the command line gives it."""
    try:
        asyncio.run(work(spec))
    except BaseException as error:  # noqa: BLE001 - the outermost boundary, as that of the command line
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return told(error, as_json=False, debug=False) if isinstance(error, Exception) else 130
    return 0


def warm() -> None:
    """Let everything that is made at first use be made before the first fork."""
    for agent in SHOPS.values():
        for one in agent.tools.values():
            assert one.digest
            assert one.gives.schema
        assert agent.bound.versions


def _fork(line: bytes, wake: int) -> None:
    if os.fork():
        return
    code = 70
    try:
        Gate(tells=True).tell("forked")
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(wake)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = live(msgspec.json.decode(line, type=Spec))
    finally:
        sys.stderr.flush()
        os._exit(code)


def nursery() -> None:
    """Fork a worker for each line; say of each how it ended. Ends with its input, or with whoever started it."""
    warm()
    ears, mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(mouth)
    rest = b""
    while True:
        ready, _, _ = select.select([0, ears], [], [])
        if ears in ready:
            os.read(ears, 4096)
            _reap()
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _fork(line, ears)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        said = json.dumps({"pid": pid, "what": "ended", "code": os.waitstatus_to_exitcode(status)})
        os.write(1, f"{said}\n".encode())


if __name__ == "__main__":
    nursery()
