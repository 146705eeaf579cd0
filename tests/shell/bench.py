"""What tests of the shell are set up with: a journal in memory, tools that do as they are told, a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from holdfast import Agent, Runner, call, done, script, tool
from holdfast.codec import check_chain
from holdfast.journal.memory import MemoryJournal
from holdfast.tool import CallKey, Retry

PATIENCE = 30.0
"""Seconds after which a test that waits for something has failed."""

START = 1_800_000_000_000_000


class Request(BaseModel):
    order: str = "A-1"


class Answer(BaseModel):
    status: str


class Clock:
    """A journal's clock that moves when it is told to."""

    def __init__(self) -> None:
        self.us = START

    def __call__(self) -> int:
        return self.us

    def pass_time(self, seconds: float) -> None:
        self.us += round(seconds * 1e6)


def story(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run an async story in a loop of its own, with an end to its patience."""

    async def whole() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await work()

    return asyncio.run(whole())


async def until(condition: Callable[[], object]) -> None:
    """Let others run until something is so."""
    while not condition():
        await asyncio.sleep(0)


class Bank:
    """The other system: it remembers what was paid, under which key, and can be held up."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, str]] = []
        self.reads = 0
        self.inside = asyncio.Event()
        """Somebody is being served."""
        self.open = asyncio.Event()
        """Cleared: whoever comes waits."""
        self.open.set()

    async def serve(self) -> None:
        self.inside.set()
        await self.open.wait()


def tools(bank: Bank) -> tuple[Any, Any]:
    """A read and a keyed write over a bank."""

    @tool.read(timeout=60, retry=Retry(times=1, wait=0.001))
    async def get_order(order: str) -> dict[str, str]:
        """Everything known of one order."""
        bank.reads += 1
        await bank.serve()
        return {"order": order}

    @tool.write(timeout=60)
    async def pay(order: str, *, key: CallKey) -> dict[str, str]:
        """Pay one order."""
        await bank.serve()
        if key not in [known for known, _ in bank.paid]:
            bank.paid.append((key, order))
        return {"id": f"p_{order}"}

    return get_order, pay


def clerk(bank: Bank, *more: Any, name: str = "clerk", terms: Any = None, **given: Any) -> Agent[Request, Answer]:
    """An agent over a bank. terms: of the tools, by name."""
    made = {one: (terms or {}).get(one.name, {}) for one in (*tools(bank), *more)}
    fields = {"takes": Request, "gives": Answer, "models": ["script:x"], "tools": made} | given
    return Agent(name=name, task="Look and pay.", **fields)


def bytes_of(journal: MemoryJournal) -> bytes:
    """Everything a journal holds, as one heap of bytes."""
    lines = [data for lines in journal._lines.values() for data, _ in lines]
    return b"\n".join([*lines, *(blob for blob in journal._blobs.values() if blob), repr(journal._rows).encode()])


def check(journal: MemoryJournal) -> None:
    """Every chain holds."""
    for run, lines in journal._lines.items():
        check_chain(run, lines)


LOOK = call("get_order", order="A-1")
PAY = call("pay", order="A-1")
OK = done(status="ok")
REVIEWED = {"pay": {"review": [{"because": "people decide", "by": "finance", "within": "1h"}], "amendable": ["order"]}}
"""Terms of a clerk's tools."""


def opened(journal: Any, *turns: Any, **options: Any) -> Any:
    """A runner over a journal, whose model says these turns."""
    return Runner.open(journal, **({"model": script(*turns)} | options))
