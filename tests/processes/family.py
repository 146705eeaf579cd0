"""A nursery of processes that run a parent and its children until they are killed with SIGKILL at one append, and others that go on.

    python -m tests.processes.family FOLDER

For each append there is, once before it is made and once after it was: a process is killed there, a second one takes the journal
up, and a line of JSON says what came of it. Forked, so that nothing is imported twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from holdfast import Agent, Runner, call, done, script, tool
from holdfast.journal.open import open_journal
from holdfast.journal.port import Append, Appended, Where
from holdfast.models.scripted import script_by
from holdfast.tool import CallKey

MOST = 200
"""Appends looked at, at most."""

TOPIC = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}


class Killed:
    """A journal whose nth append ends the process: before it is made, or when it was."""

    def __init__(self, journal: Any, at: int, *, after: bool) -> None:
        self._journal, self._at, self._after, self._count = journal, at, after, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def append(self, batch: Append) -> Awaitable[Appended]:
        self._count += 1
        if self._count != self._at:
            return self._journal.append(batch)
        return self._die(batch)

    async def _die(self, batch: Append) -> Appended:
        if self._after:
            await self._journal.append(batch)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def family(ledger: Path) -> Agent[Any, Any]:
    """A parent with a child that pays: each payment is a line beside the journal, under its key once."""

    @tool.write(timeout=60)
    def pay(topic: str, *, key: CallKey) -> str:
        """Pay for something."""
        known = ledger.read_text().splitlines() if ledger.exists() else []
        if not any(line.startswith(key) for line in known):
            with ledger.open("a") as file:
                file.write(f"{key} {topic}\n")
        return topic

    shared: dict[str, Any] = {"takes": TOPIC, "gives": TOPIC, "limits": {"usd": None}}
    child = Agent(name="payer", task="Pay once.", tools=[pay], models=["script:child"], **shared)
    return Agent(name="boss", task="Have it paid.", tools=[child], models=["script:boss"], **shared)


def pays(first: str) -> list[Any]:
    topic = json.loads(first)["topic"]
    return [call("pay", topic=topic), done(topic=topic)]


def models() -> dict[str, Any]:
    both = [call("payer", topic="a"), call("payer", topic="b")]
    return {"script:boss": script(both, done(topic="all")), "script:child": script_by(pays)}


async def live(home: Path, at: int = 0, *, after: bool = False) -> dict[str, Any]:
    """Run the family, or go on with it; killed at an append if one is named."""
    journal = open_journal(f"sqlite:///{home}/journal.db")
    used: Any = Killed(journal, at, after=after) if at else journal
    async with Runner.open(used, model=models()) as runner:
        run = await runner.start(family(home / "ledger"), {"topic": "all"}, key="once")
        found = await run.result()
        rows = await runner.find(Where(limit=50))
    await journal.close()
    return {
        "ends": type(found).__name__, "runs": sorted(row.agent for row in rows), "outcomes": sorted({str(row.outcome) for row in rows}),
        "paid": sorted(line.split()[1] for line in (home / "ledger").read_text().splitlines()),
    }  # fmt: skip


def forked(home: Path, at: int = 0, *, after: bool = False) -> tuple[int, str]:
    """(signal that ended it, what it said)."""
    told, say = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(told)
        found = asyncio.run(live(home, at, after=after))
        os.write(say, json.dumps(found).encode())
        os._exit(0)
    os.close(say)
    with os.fdopen(told) as file:
        said = file.read()
    return os.waitpid(process, 0)[1], said


def main(folder: Path) -> None:
    """Kill at every append, before and after."""
    for after in (False, True):
        for at in range(1, MOST):
            home = folder / f"{at}-{after}"
            home.mkdir(parents=True)
            how, _ = forked(home, at, after=after)
            if how == 0:  # it ended before there was such an append
                break
            _, said = forked(home)
            print(json.dumps({"at": at, "after": after, "signal": how, "then": json.loads(said or "{}")}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
