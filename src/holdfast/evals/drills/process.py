"""A worker process of a drill: the ordinary worker over the ordinary journal, whose tools meet worlds kept outside of it.

What a run's tools change lives where `world.py` puts it when it is given a folder: in files there, or in a system of which
the folder names the part. So a worker can be killed, and the next one goes on in the same world.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, Final, cast

from msgspec import Struct

from holdfast.agent import Agent
from holdfast.core.pending import Effected
from holdfast.core.state import CallState
from holdfast.dialogue import Answer, Request
from holdfast.evals.cases.world import MakeWorld, Stage, World
from holdfast.evals.drills.moments import Doom
from holdfast.evals.trials.trial import TrialRunner
from holdfast.events import Json, Price
from holdfast.journal.open import open_journal
from holdfast.journal.port import Append, Appended, Journal, Row, Where
from holdfast.models.port import Model
from holdfast.shell.perform import Attempt
from holdfast.shell.worker import Worker, stopping
from holdfast.tool import Tool

KIND: Final = "killed-process"
SAYS: Final = "a worker process killed at any moment"

PLACE: Final = "place"
"""The argument by which `world` is told where to keep a world that several processes share."""

POLL: Final = 0.05
ROWS: Final = 100_000


class Play(Struct, frozen=True, kw_only=True):
    """What the workers of a drill are to work on."""

    agent: str
    """Where it is, as `holdfast run` takes it."""
    model: str
    journal: str
    """The URL of one on disk."""
    label: str
    """Of the runs that are theirs; whatever else stands in the journal is left alone."""
    states: dict[str, Json]
    """Case → what its world is made of."""
    worlds: str
    """The folder in which each run has one for its world."""


class Crew(Struct, frozen=True):
    """What a worker needs of its agent."""

    agent: Agent[Any, Any]
    models: Mapping[str, Model]
    """Those that are given and not opened: the stand-in."""
    make: MakeWorld


def lasts(make: MakeWorld) -> bool:
    """Whether a world can be kept outside of the process that makes it."""
    return PLACE in inspect.signature(make).parameters


def opened_at(make: MakeWorld, state: Json, worlds: Path, run: str) -> AbstractAsyncContextManager[World]:
    """The world of a run, as it was left by whoever was in it before; made where nobody was."""
    place = worlds / run
    place.mkdir(parents=True, exist_ok=True)
    opening: Callable[..., AbstractAsyncContextManager[World]] = make
    return opening(state, place=place)


async def live(crew: Crew, play: Play, doom: Doom) -> None:
    """One worker's life, until SIGTERM, or until it is killed."""
    store = open_journal(play.journal)
    try:
        journal = cast("Journal", _Counted(store, doom))
        opening = DoomedRunner.open(journal, agents=[crew.agent], model=dict(crew.models) or None, drives=False)
        async with AsyncExitStack() as stack, opening as runner:
            assert isinstance(runner, DoomedRunner)
            runner.stage.enter(crew, play, doom, stack)
            worker = _Own(runner, play.label)
            with stopping(worker):
                doom.born()
                await worker.work()
    finally:
        await store.close()


class _Own(Worker):
    """A worker that takes up the runs of its drill only, and those of a worker that died as soon as it is there."""

    def __init__(self, runner: DoomedRunner, label: str) -> None:
        super().__init__(runner, slots=16, poll=POLL)
        self._label = label

    async def _due(self, *, orphans: bool, past_rests: bool) -> list[Row]:
        journal = self.runner.journal
        rows = await journal.due(journal.now(), ROWS)
        if orphans:
            rows += await journal.find(Where(status="working", limit=ROWS))
        mine = [row for row in rows if row.agent in self.runner.agents and is_of(row, self._label)]
        self._rests = {row.run: self._rests[row.run] for row in mine if row.run in self._rests}
        return [row for row in mine if orphans or not self._is_at_rest(row, journal.now())]


def is_of(row: Row, label: str) -> bool:
    """Whether a run belongs to the players under a label."""
    return f":{label}:" in row.key


class DoomedRunner(TrialRunner):
    """The runner of a worker that is going to be killed."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, performer=_Stage, **named)

    @property
    def stage(self) -> _Stage:
        """Where its tools meet their worlds."""
        assert isinstance(self._performer, _Stage)
        return self._performer

    def _model(self, name: str) -> Model:
        return _Counting(super()._model(name), self.stage)


class _Stage(Stage):
    """A stage that opens the world of a run when something is first to be done in it."""

    doom: Doom

    def enter(self, crew: Crew, play: Play, doom: Doom, stack: AsyncExitStack) -> None:
        self.doom = doom
        self._crew, self._play, self._stack = crew, play, stack
        self._opening = asyncio.Lock()

    async def perform(self, request: Effected, attempt: Attempt) -> None:
        async with self._opening:
            run = attempt.state.run
            if run not in self.worlds:
                state = self._play.states[attempt.state.opened.tags["case"]]
                world = opened_at(self._crew.make, state, Path(self._play.worlds), run)
                self.worlds[run] = await self._stack.enter_async_context(world)
        await super().perform(request, attempt)

    def work(
        self, tool: Tool[..., Any], function: Callable[..., Any], call: CallState, attempt: Attempt
    ) -> Callable[[], Any]:
        """The call of a tool or of its look-up, counted while it is under way."""
        made = super().work(tool, function, call, attempt)
        if not inspect.iscoroutinefunction(function):

            def plainly() -> object:
                with self.doom.under("tool"):
                    return made()

            return plainly

        async def awaited() -> object:
            with self.doom.under("tool"):
                return await made()

        return awaited


class _Counting:
    """A model whose calls are counted while they are under way."""

    def __init__(self, model: Model, stage: _Stage) -> None:
        self._model = model
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    async def answer(self, request: Request) -> Answer:
        with self._stage.doom.under("model"):
            return await self._model.answer(request)

    def price(self) -> Price | None:
        return self._model.price()

    def quote(self, run: str, step: int) -> int | None:
        return self._model.quote(run, step)


class _Counted:
    """A journal whose appends are counted while they are under way."""

    def __init__(self, store: Journal, doom: Doom) -> None:
        self._store = store
        self._doom = doom

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch; the worker may be killed before it is queued, while it is written and before anybody hears of it."""
        self._doom.begins("append")
        return self._written(self._store.append(batch))

    async def _written(self, queued: Awaitable[Appended]) -> Appended:
        try:
            return await queued
        finally:
            self._doom.ends("append")
