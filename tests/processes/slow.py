"""Workers of two agents whose writes take time: `python -m tests.processes.slow`, with a `Spec` as its only argument.

The other side is a file that lines are appended to: one as a write begins, one as it ends, each with its moment. A parcel's
agent looks, sends and writes a letter; a note's agent looks and sends.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from pydantic import BaseModel

from holdfast import Agent, Runner, call, done, tool
from holdfast.models.scripted import Turn, script_by
from holdfast.shell.worker import Worker, stopping
from holdfast.tool import Call
from tests.processes.gate import Gate, GatedJournal

SENDS = 0.3
"""Seconds that a write takes."""

LOOKS = 0.05
"""Seconds that a read takes."""


class Spec(Struct, frozen=True):
    """What a worker is to do."""

    journal: str
    ledger: str
    halt: tuple[str, int] | None = None
    slots: int = 100


class Act(NamedTuple):
    """What the other side saw: `begins` or `ended`, of what, and when."""

    what: str
    tool: str
    item: str
    run: str
    call: int
    attempt: int
    at: int
    """µs since 1970."""
    boot: float
    """Seconds since the machine started, suspended or not."""


class FarSide:
    """The file that says when a write began."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, what: str, name: str, item: str, at: Call) -> None:
        """One line, whole, whoever else writes."""
        boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        act = Act(what, name, item, at.run, at.seq, at.attempt, time.time_ns() // 1000, boot)
        os.write(self._file, f"{json.dumps(act)}\n".encode())

    async def act(self, name: str, item: str, at: Call) -> Receipt:
        """Take the time that a write takes."""
        self.note("begins", name, item, at)
        await asyncio.sleep(SENDS)
        self.note("ended", name, item, at)
        return Receipt(item=item)


def acts(path: Path) -> list[Act]:
    """Everything that the other side saw, in order."""
    return [Act(*json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


class Receipt(BaseModel):
    item: str


@tool.read(timeout=30)
async def look(item: str) -> dict[str, str]:
    """What is known of one thing, by its number."""
    await asyncio.sleep(LOOKS)
    return {"item": item}


@tool.write(timeout=30)
async def send(item: str, *, far: FarSide, at: Call) -> Receipt:
    """Send one thing on its way."""
    return await far.act("send", item, at)


@tool.write(timeout=30)
async def letter(item: str, *, far: FarSide, at: Call) -> Receipt:
    """Write a letter about one thing that was sent."""
    return await far.act("letter", item, at)


def _agent(name: str, *tools: Any) -> Agent[str, int]:
    return Agent(name=name, task="Send one thing.", takes=str, gives=int, models=["script:slow"], tools=[look, *tools])


parcels, notes = _agent("parcels", send, letter), _agent("notes", send)


def wanted(agent: str) -> Counter[str]:
    """The writes that a run of an agent wants."""
    return Counter(["send", "letter"] if agent == "parcels" else ["send"])


def _turns(text: str) -> list[Turn]:
    found = re.search(r"(parcel|note):\d+", text)
    assert found, text
    item = found.group()
    writes = [[call("send", item=item)], [call("letter", item=item)]][: 2 if item.startswith("parcel") else 1]
    return [call("look", item=item), *writes, done(len(writes))]


standin = script_by(_turns)


async def work(spec: Spec) -> None:
    """Work until SIGTERM; whoever is held up goes on with SIGCONT."""
    gate = Gate(tells=True, halt=spec.halt)
    asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, gate.open)

    @asynccontextmanager
    async def resources(_: Any) -> Any:
        yield FarSide(spec.ledger)

    journal = GatedJournal(spec.journal, gate)
    try:
        async with Runner.open(journal, agents=[parcels, notes], model=standin, resources=resources) as runner:
            worker = Worker(runner, slots=spec.slots, poll=0.2)
            with stopping(worker):
                gate.tell("works", worker=runner.worker)
                await worker.work()
    finally:
        await journal.close()


if __name__ == "__main__":
    asyncio.run(work(msgspec.json.decode(sys.argv[1], type=Spec)))
