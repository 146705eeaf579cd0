"""A pier: many short runs over a few subjects, under every limit that runs share; and its own account of who was at work when.

The account is lines in a file that the tools write, apart from the journal: what was begun, and what was ended. A process that
is killed leaves what it began without an end. Each line goes out in one write, so that it is there whole or not at all.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import Struct
from pydantic import BaseModel

from holdfast import Agent, Runner, call, done, tool
from holdfast.models.scripted import Turn, script_by
from holdfast.shell import worker as module
from holdfast.shell.worker import Worker, stopping
from holdfast.tool import Call, CallKey, Refused, Retry

AT_ONCE = 5
RATE = 25
"""Weighings a second."""
MOST = 2_000
"""Cents for one customer, over all runs, in the hour."""

ORPHANS = 1.0
"""Seconds between a worker's looks for runs whose worker died."""


class Errand(BaseModel):
    number: int
    subject: str
    customer: str
    cents: int
    refused: bool = False
    """Whether the other side refuses to pay, so that nothing was done."""


class Line(Struct, frozen=True):
    """Something began or ended."""

    what: str
    tool: str
    run: str
    call: int
    attempt: int
    subject: str
    pid: int
    at: int
    """µs since 1970."""
    key: str = ""
    customer: str = ""
    cents: int = 0


class Book:
    """The file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, what: str, name: str, subject: str, at: Call, **more: Any) -> None:
        """One line more."""
        line = Line(what, name, at.run, at.seq, at.attempt, subject, os.getpid(), time.time_ns() // 1000, **more)
        os.write(self._file, msgspec.json.encode(line) + b"\n")

    def lines(self) -> list[Line]:
        """Everything, in order."""
        decode = msgspec.json.Decoder(Line).decode
        return sorted((decode(line) for line in self.path.read_bytes().splitlines()), key=lambda line: line.at)


class Timing:
    """How long things take here; chance of each process."""

    def __init__(self) -> None:
        self.chance = Random(os.getpid())

    async def passes(self, most: float) -> None:
        await asyncio.sleep(self.chance.random() * most)


async def work_at(name: str, subject: str, at: Call, book: Book, timing: Timing, most: float) -> str:
    """Begin, take a while, end."""
    book.write("begin", name, subject, at)
    await timing.passes(most)
    book.write("end", name, subject, at)
    return subject


@tool.read(timeout=20, retry=Retry(times=8, wait=0.05))
async def lift(subject: str, *, at: Call, book: Book, timing: Timing) -> str:
    """Lift one thing with one of the few cranes."""
    return await work_at("lift", subject, at, book, timing, 0.03)


@tool.read(timeout=20, retry=Retry(times=8, wait=0.05))
async def weigh(subject: str, *, at: Call, book: Book, timing: Timing) -> str:
    """Weigh one thing on the scale that wants its rest."""
    return await work_at("weigh", subject, at, book, timing, 0.002)


@tool.write(timeout=20, retry=Retry(times=2, wait=0.05))
async def pay(
    subject: str, customer: str, cents: int, refused: bool, *, at: Call, key: CallKey, book: Book, timing: Timing
) -> str:
    """Pay a customer for one thing."""
    book.write("begin", "pay", subject, at)
    if refused:
        raise Refused("the bank does not want to")
    book.write("paid", "pay", subject, at, key=str(key), customer=customer, cents=cents)
    await timing.passes(0.005)
    book.write("end", "pay", subject, at)
    return subject


porter = Agent(
    name="porter", task="Run one errand.", takes=Errand, gives=int, models=["script:pier"], one_at_a_time="input.subject",
    tools={
        lift: {"at_once": AT_ONCE},
        weigh: {"rate": {"calls": RATE, "per": "1s"}},
        pay: {"across": {"per": "args.customer", "window": "1h", "sum": "args.cents", "at_most": MOST}},
    },
    limits={"retries": 20},
)  # fmt: skip


def errand(number: int, subjects: int) -> Errand:
    """The errands are the same each time: several to a subject, and to a customer more than may be paid."""
    chance = Random(number)
    customers = max(subjects // 2, 1)
    return Errand(
        number=number, subject=f"s{number % subjects}", customer=f"c{chance.randrange(customers)}",
        cents=chance.randint(1, 9) * 10, refused=chance.random() < 0.2,
    )  # fmt: skip


def _turns(text: str) -> list[Turn]:
    mine = Errand(**json.loads(text[text.index("{") : text.rindex("}") + 1]))
    paid = call("pay", subject=mine.subject, customer=mine.customer, cents=mine.cents, refused=mine.refused)
    return [[call("weigh", subject=mine.subject), call("lift", subject=mine.subject)], paid, done(mine.number)]


standin = script_by(_turns)


async def open_errands(journal: str, count: int, subjects: int) -> None:
    """Open runs, durably, and do nothing about them."""
    async with Runner.open(journal, model=standin, drives=False) as inbox:
        for first in range(0, count, 50):
            some = [errand(number, subjects) for number in range(first, min(first + 50, count))]
            await asyncio.gather(*[inbox.start(porter, one, key=str(one.number), by="svc:inbox") for one in some])


async def work(journal: str, book: Path) -> None:
    """One worker's life, until SIGTERM."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def resources(_: Any) -> Any:
        yield Book(book), Timing()

    module.ORPHANS = ORPHANS  # type: ignore[misc]  # a shorter look at who died: nobody waits for the test
    async with Runner.open(journal, agents=[porter], model=standin, resources=resources) as runner:
        worker = Worker(runner, poll=0.25)
        with stopping(worker):
            await worker.work()


def live(journal: str, book: Path, said: Path) -> None:
    """The process of one worker; what it says to people is added to a file."""
    sys.stderr = said.open("a", buffering=1)
    os.dup2(sys.stderr.fileno(), 2)
    asyncio.run(work(journal, book))
