"""Conversations: scripts played as ordinary runs of holdfast, with the recorded model and the recorded requester.

A run goes as its script says and not by any clock: the requester speaks when the run waits for him, and a script that
ends before the conversation does ends it by a cancellation. So playing again, from any point, comes to the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from holdfast import codec
from holdfast.agent import Agent
from holdfast.dialogue import Answer, Request, Result
from holdfast.events import CallAsked, Entry, Price, Said
from holdfast.journal.open import open_journal
from holdfast.journal.port import Journal
from holdfast.models.recorded import Recorded
from holdfast.shell.run import Waiting
from holdfast.shell.runner import Runner
from real.contracts import World
from real.scripts import Script

AT_ONCE = 16
"""Conversations under way at the same time."""

REQUESTER = "requester"
RECORDER = "recorder"
"""Who cancels a run whose recording ends."""


@dataclass
class Part:
    """A run of the journal and the script it plays."""

    run: str
    script: Script
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the model is asked for more than it has recorded."""
    shown: list[str] = field(default_factory=list)
    """What the model was last shown of its calls' results, in asked order."""
    entries: list[Entry] = field(default_factory=list)
    """Its journal, when it was played."""


class Stage:
    """The model of all conversations in one journal, and what is known of each while it is played.

    step: told of every moment at which a process may well die, before the next thing happens.
    """

    def __init__(self, journal: Journal, step: Callable[[str], None] = lambda name: None) -> None:
        self.journal = journal
        self.step = step
        self._answers: dict[str, Sequence[Answer]] = {}
        self._model = Recorded(self._answers)
        self._parts: dict[str, asyncio.Future[Part]] = {}
        self._asked: dict[str, list[int]] = {}
        self._read: dict[str, int] = {}

    def assign(self, part: Part) -> None:
        """Let a run play a script."""
        self._answers[part.run] = part.script.answers
        self._promise(part.run).set_result(part)

    async def part(self, run: str) -> Part:
        """Give the part of a run, as soon as it has one: a run begins to be driven before it can be named here."""
        return await self._promise(run)

    def _promise(self, run: str) -> asyncio.Future[Part]:
        if run not in self._parts:
            self._parts[run] = asyncio.get_running_loop().create_future()
        return self._parts[run]

    async def place(self, run: str, call: int) -> int:
        """Say which of its run's calls this is, from 0, as its journal has them: the same in every process."""
        asked = self._asked.setdefault(run, [])
        if call not in asked:
            seen = self._read.get(run, 0)
            lines = await self.journal.read(run, seen)
            fresh = [codec.decode(data) for data, _ in lines]
            asked += [
                e.seq for e in fresh if e.seq not in asked and isinstance(e.event, CallAsked) and not e.event.serves
            ]
            self._read[run] = max(seen + len(lines), self._read.get(run, 0))
        return asked.index(call)

    # ---- the model

    async def answer(self, request: Request) -> Answer:
        """Give the recorded answer; after the last one say that it is over, and wait for the run to end."""
        part = await self.part(request.run)
        part.shown = [segment.text for segment in request.segments if isinstance(segment, Result)]
        self.step("the model is asked")
        if request.step > len(part.script.answers):
            part.over.set()
            await asyncio.Event().wait()
        return await self._model.answer(request)

    def price(self) -> Price | None:
        """Recorded answers cost nothing."""
        return Price(0, 0)

    def quote(self, run: str, step: int) -> int | None:
        """Recorded answers cost nothing."""
        return 0


async def play(
    agent: Agent[str, None],
    scripts: Sequence[Script],
    world: Callable[[Stage], World],
    *,
    journal: Journal | None = None,
    step: Callable[[str], None] = lambda name: None,
    at_once: int = AT_ONCE,
    kind: type[Stage] = Stage,
) -> list[Part]:
    """Play scripts side by side, each to its end, and give what became of each in the order of the scripts.

    journal: where they are played, a new one in memory if none is given. What it holds already is gone on with. kind: of the
    model, where it is to say something else of its answers.
    """
    kept = journal or open_journal("memory:")
    stage = kind(kept, step)

    @asynccontextmanager
    async def resources(settings: Mapping[str, str]) -> AsyncIterator[object]:
        yield world(stage)

    seats = asyncio.Semaphore(at_once)
    async with Runner.open(kept, resources=resources, model=stage) as runner:

        async def seated(script: Script) -> Part:
            async with seats:
                return await _converse(runner, stage, agent, script)

        return list(await asyncio.gather(*(seated(script) for script in scripts)))


async def _converse(runner: Runner, stage: Stage, agent: Agent[str, None], script: Script) -> Part:
    run = await runner.start(agent, script.opening, key=script.key, by=REQUESTER)
    part = Part(run.name, script)
    stage.assign(part)
    said = sum(isinstance(entry.event, Said) for entry in await run.entries())
    closing = asyncio.create_task(_close(runner, part))
    try:
        while isinstance(stands := await run.result(), Waiting):
            stage.step("the run waits")
            if stands.on == "requester" and said < len(script.words):
                word = script.words[said]
                said += 1
                await run.say(word.text, by=REQUESTER, ends=word.ends)
            else:
                part.over.set()
                await closing
    finally:
        closing.cancel()
    part.entries = await run.entries()
    return part


async def _close(runner: Runner, part: Part) -> None:
    await part.over.wait()
    await runner.cancel(part.run, by=RECORDER, because=part.script.closing)
