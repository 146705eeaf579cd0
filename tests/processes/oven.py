"""A worker over work that takes long: `python -m tests.processes.oven JOURNAL FOLDER [ORDER]`.

The other side is a folder: `begun` has a line for each piece of work that was begun, `NAME.progress` says how far it is and
`NAME.done` that it is done. What the worker does is told on standard output, a word a line.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import BaseModel

from holdfast import Agent, Runner, call, done, tool
from holdfast.models.scripted import script
from holdfast.shell.worker import Worker, stopping
from holdfast.tool import Absent, Call, Found, Pending, Started

POLL = 0.05
"""Seconds between two looks."""


class Loaf(BaseModel):
    id: str
    weight: int


class Oven:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, name: str) -> str:
        """Begin a piece of work; its handle."""
        with (self.folder / "begun").open("a") as file:
            file.write(f"{name}\n")
        return name

    def begun(self) -> list[str]:
        """Everything that was ever begun."""
        path = self.folder / "begun"
        return path.read_text().split() if path.exists() else []


def find(order: str, *, oven: Oven, at: Call) -> Found[Loaf] | Absent | Pending:
    """Whether it is done; without a handle, whether it was begun at all."""
    name = at.handle or f"loaf-{order}"
    if name not in oven.begun():
        return Absent()
    if (oven.folder / f"{name}.done").exists():
        return Found(name, Loaf(id=name, weight=750))
    progress = oven.folder / f"{name}.progress"
    return Pending(progress.read_text() if progress.exists() else "", poll=POLL)


@tool.write(timeout=2, lookup=find, effect_id="id")
def bake(order: str, *, oven: Oven, at: Call) -> Loaf | Started:
    """Bake a loaf; it takes its time."""
    handle = oven.begin(f"loaf-{order}")
    tell("begun")
    if order.startswith("cut"):
        time.sleep(60)  # nobody will hear that it was begun
    return Started(handle, poll=POLL)


def tell(word: str) -> None:
    os.write(1, f"{word}\n".encode())


def baker(order: str) -> Agent[str, int]:
    """The agent."""
    return Agent(
        name="baker", task="Bake.", takes=str, gives=int, models=["script:x"], tools=[bake], limits={"wall": "1h"}
    )


async def work(journal: str, folder: str, order: str) -> None:
    """Work until SIGTERM, or SIGKILL."""
    agent = baker(order)
    model = script(call("bake", order=order), done(1))

    @asynccontextmanager
    async def resources(_: object) -> AsyncIterator[Oven]:
        yield Oven(Path(folder))

    async with Runner.open(journal, agents=[agent], model=model, resources=resources) as runner:
        worker = Worker(runner, slots=4, poll=0.05)
        with stopping(worker):
            await runner.start(agent, order, key=order, by="ann")
            tell("works")
            await worker.work()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:4]))
