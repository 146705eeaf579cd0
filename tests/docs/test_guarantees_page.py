"""docs/guarantees.md: its overview is whole, and what it says of a tool that breaks is what happens."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

import pytest

from holdfast import Agent, Done, Runner, Waiting, call, done, script, tool
from holdfast.tool import Absent, CallKey, CannotTell, Found, Retry
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
KINDS = ["read", "key", "lookup", "both", "bare", "Started", "simulate"]
SOON = Retry(times=0, wait=0.01)


def overview():
    """Event → kind of tool → what the page says."""
    under = TEXT.partition("## Overview")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in under.splitlines() if line[:1] == "|"]
    assert rows[0][1:] == KINDS
    return {re.sub(r"\[(.+?)\]\(.+?\)", r"\1", row[0]): dict(zip(KINDS, row[1:], strict=True)) for row in rows[2:]}


def test_the_overview_says_something_for_every_kind_and_event():
    cells = [cell for row in overview().values() for cell in row.values()]
    assert len(cells) >= 12 * len(KINDS)
    assert all(cells)


def test_every_event_says_what_never_happens():
    events = re.split(r"^### ", TEXT.partition("## Event by event")[2].partition("\n## ")[0], flags=re.MULTILINE)[1:]
    assert len(events) >= 10
    assert [event.splitlines()[0] for event in events if "*Never:*" not in event] == []


@dataclass
class World:
    """What a tool did, and what it was told."""

    event: str
    keys: list = field(default_factory=list)
    looks: int = 0

    async def act(self, key=""):
        self.keys.append(key)
        if len(self.keys) > 1:
            return {"id": "e1"}
        if self.event == "times out":
            await asyncio.sleep(30)
        raise ValueError("something broke after the request was sent")


def tool_of(kind, world):
    """A tool of a kind, that breaks at its first attempt."""

    async def find(n: int) -> Found[dict[str, str]] | Absent | CannotTell:
        world.looks += 1
        return Found("e1", {"id": "e1"})

    terms = {"timeout": 0.05, "retry": SOON, "name": "act"}
    if kind == "read":

        @tool.read(**{**terms, "retry": Retry(times=1, wait=0.01)})
        async def plain(n: int) -> dict[str, str]:
            """Do the one thing that this tool is there to do."""
            return await world.act()

        return plain
    if kind in ("lookup", "both"):
        terms |= {"lookup": find, "effect_id": "id", "settle": 0.0 if kind == "lookup" else 5.0}
    if kind in ("key", "both"):

        @tool.write(**terms)
        async def keyed(n: int, *, key: CallKey) -> dict[str, str]:
            """Do the one thing that this tool is there to do."""
            return await world.act(key)

        return keyed

    @tool.write(**terms)
    async def bare(n: int) -> dict[str, str]:
        """Do the one thing that this tool is there to do."""
        return await world.act()

    return bare


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Started"])
@pytest.mark.parametrize("event", ["raises anything else", "times out"])
def test_what_the_overview_says_of_a_tool_that_breaks_is_what_happens(event, kind):
    said, world = overview()[event][kind], World(event)
    agent = Agent(
        name="one", task="Act once.", takes=str, gives=int, tools=[tool_of(kind, world)], models=["script:one"]
    )
    mode = "simulate" if kind == "simulate" else "live"

    async def run():
        async with Runner.open("memory:", model=script(call("act", n=1), done(1)), mode=mode) as runner:
            return await (await runner.start(agent, "go", by="svc:test")).result()

    ended = asyncio.run(run())
    attempts, looks, waits = {
        "again": (2, 0, False),
        "told": (1, 0, False),
        "same key": (2, 0, False),
        "look up": (1, 1, False),
        "same key, look up": (2, 0, False),
        "**person**": (1, 0, True),
        "not called": (0, 0, False),
    }[said]
    assert (len(world.keys), world.looks) == (attempts, looks)
    assert len(set(world.keys)) <= 1, "all attempts have one key"
    assert isinstance(ended, Waiting if waits else Done)
