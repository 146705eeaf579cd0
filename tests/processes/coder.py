"""A process that runs an agent with programs and a workspace until it waits for a person, says so, and then does nothing more.

python -m tests.processes.coder JOURNAL DATA
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from holdfast import Agent, Runner, call, done, program, script, tool, workspace

CODE = """
total = 0
for name in ["a", "b", "c"]:
    total += weigh(name)
note = publish(text=f"total {total}")
print("published")
[total, note]
"""
TURNS = (
    call("shell", command="wc -l < words.txt > count.txt; chmod 640 count.txt; rm old.txt"),
    call("compute", code=CODE),
    call("commit"),
    done(sentence="ok"),
)


class Answer(BaseModel):
    sentence: str


def coder(data: Path) -> Agent[str, Answer]:
    """The agent; what it weighs and publishes stands in files beside the folder, one line each time."""

    @tool.read(timeout=30, trust="trusted")
    def weigh(name: str) -> int:
        """How heavy something is."""
        _noted(data, f"weighed {name}")
        return len(name) * 7

    @tool.write(timeout=30)
    def publish(text: str) -> str:
        """Publish a text."""
        _noted(data, f"published {text}")
        return f"note: {text}"

    people = [{"because": "people read it first", "by": "desk"}]
    return Agent(
        name="coder", task="Weigh and publish.", takes=str, gives=Answer, models=["script:coder"], limits={"usd": None},
        tools={weigh: {}, publish: {"review": people}, program("compute", calls=[weigh, publish]): {}, **workspace(data, commit={"review": people})},
    )  # fmt: skip


def _noted(data: Path, line: str) -> None:
    with (data.parent / "ledger.txt").open("a") as ledger:
        ledger.write(f"{line}\n")


async def _main(url: str, data: Path) -> None:
    async with Runner.open(url, model=script(*TURNS)) as runner:
        run: Any = await runner.start(coder(data), "go", key="once")
        found = await run.result()
        print(f"{type(found).__name__} {run.name}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
