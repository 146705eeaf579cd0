"""Deaths: a worker that ends exactly before, during or after an effect, and another one that takes its run up.

The worker is one in this process, and dead all the same: from the moment of its death its journal refuses whatever it wants to
append, whoever asks is told that it is gone, and what it had in memory is thrown away. The world it worked on lives on.

* `killed-before`: the start of the attempt is on the disk, and the tool was not called.
* `killed-during`: the tool has done all it does, and what it gave is lost with the worker: nothing was told to the driver.
  Of an async tool that waits on the way, it is also killed at each of those places (up to `STOPS`), and never goes on.
* `killed-after`: the answer was told, and the worker dies as it appends it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from holdfast import units
from holdfast.core.pending import Effected, LookUp, RunCall
from holdfast.core.state import CallState
from holdfast.errors import Bug, JournalError
from holdfast.evals.cases.case import Case
from holdfast.evals.cases.persons import Look, reply
from holdfast.evals.cases.world import Stage, World
from holdfast.evals.drills.hand import Hand, Landed
from holdfast.evals.drills.play import DrillPlayer, DrillRunner, Models, by_the_world
from holdfast.evals.trials.trial import ROUNDS, Suite, TrialRunner
from holdfast.events import AnyEvent, CallLookedUp, Json
from holdfast.journal.port import Append, Appended, Journal
from holdfast.shell.perform import Attempt
from holdfast.shell.runner import Runner
from holdfast.tool import Tool

Point: TypeAlias = Literal["killed-before", "killed-during", "killed-after"]
POINTS: Final[dict[Point, str]] = {
    "killed-before": "killed between the start of an effect and the effect",
    "killed-during": "killed inside the tool, after its effect, or where it waits",
    "killed-after": "killed after the answer, before it was recorded",
}

STOPS: Final = 3
"""Places in an async tool at which it is killed, at most."""


class Death(Struct, frozen=True):
    """When a worker dies: at the nth attempt of a tool in a run."""

    point: Point
    tool: str
    nth: int
    stop: int = 0
    """Of the places in the tool at which it waits, the first (1) or a later one; 0: at its end."""

    @property
    def name(self) -> str:
        """Names it among the trials of one case."""
        return f"{self.point}:{self.tool}:{self.nth}" + (f":{self.stop}" if self.stop else "")


class Dead(JournalError):
    """The worker that wants this is dead."""


class Mortal:
    """A journal as one worker of a drill has it. Any number of them share one store, and know which workers are dead."""

    def __init__(self, store: Journal, graves: set[str], *, dies: bool) -> None:
        self._store = store
        self._graves = graves
        self._dies = dies
        self.worker = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch. Raises Dead."""
        if self.worker in self._graves:
            raise Dead("the worker was killed by the drill", run=batch.run)
        return self._store.append(batch)

    def enlist(self, worker: str) -> None:
        """Remember who works here; one that is to die holds no lock, since its process goes on."""
        self.worker = worker
        if not self._dies:
            self._store.enlist(worker)

    def alive(self, worker: str) -> bool | None:
        """Whether a worker lives; the dead do not, though their process does."""
        return False if worker in self._graves else self._store.alive(worker)

    def die(self) -> None:
        """From now on nothing of this worker gets in."""
        self._graves.add(self.worker)


def surviving(store: Journal, graves: set[str]) -> Journal:
    """A store as a worker has it that survives others."""
    return cast("Journal", Mortal(store, graves, dies=False))


class Doomed(Stage):
    """A stage on which the worker dies, once."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.death: Death | None = None
        self.die: Callable[[], None] = lambda: None
        self.landed: Landed | None = None
        self.there = False
        """Whether the effect was there when the worker died."""
        self.stops = 0
        """At how many places the tool was seen to wait."""
        self._counts: Counter[str] = Counter()
        self._one = asyncio.Lock()
        """Held over each attempt of a tool, so that what the world gained can be told from what other runs do meanwhile."""

    async def perform(self, request: Effected, attempt: Attempt) -> None:
        """Do what was asked, unless this is where it ends."""
        if self.death is None or not isinstance(request, RunCall):
            await super().perform(request, attempt)
            return
        async with self._one:
            await self._carried_out(request, attempt, self.death)

    async def _carried_out(self, request: RunCall, attempt: Attempt, death: Death) -> None:
        """Perform an attempt of a tool, up to where the worker dies if it is this one."""
        if self.landed is not None:
            await super().perform(request, attempt)
            return
        call = attempt.state.calls[request.call]
        self._counts[call.tool] += 1
        if (call.tool, self._counts[call.tool]) != (death.tool, death.nth):
            await super().perform(request, attempt)
            return

        self.place(attempt)
        world = self.world_of(attempt.state.run)
        if world is None:
            raise Bug("a worker of a drill meets a run without a world", run=attempt.state.run)
        before = len(world.effects())

        def dies(fact: AnyEvent) -> None:
            if self.landed is None:
                self.landed = Landed(death.point, call.seq, request.start, run=attempt.state.run)
                self.there = len(world.effects()) > before
            self.die()
            attempt.tell(fact)  # the driver ends by what it can not append any more

        if death.point == "killed-before":
            dies(self.cancelled(request, attempt))
            return
        await super().perform(request, replace(attempt, tell=dies))

    def work(
        self, tool: Tool[..., Any], function: Callable[..., Any], call: CallState, attempt: Attempt
    ) -> Callable[[], Any]:
        """The call of a tool; one that is to die on its way is stopped there."""
        made = super().work(tool, function, call, attempt)
        death = self.death
        here = death is not None and (death.tool, death.nth) == (call.tool, self._counts[call.tool])
        if not here or death is None or function is not tool.function or not inspect.iscoroutinefunction(tool.function):
            return made

        async def stepped() -> object:
            return await _Stepped(made(), self, death.stop)

        return stepped


class _Stepped:
    """Awaits a coroutine, counting where it waits; at one of these places it is left for ever."""

    def __init__(self, inner: Any, stage: Doomed, stop: int) -> None:
        self._inner = inner
        self._stage = stage
        self._stop = stop

    def __await__(self) -> Generator[Any, Any, object]:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waits = self._inner.send(value) if error is None else self._inner.throw(error)
            except StopIteration as end:
                return end.value
            self._stage.stops += 1
            if self._stop and self._stage.stops == self._stop:
                _leave(self._inner, waits)
                raise Killed
            value, error = None, None
            try:
                value = yield waits
            except BaseException as thrown:  # noqa: BLE001 - whatever is thrown in belongs to the tool
                error = thrown


class Killed(Exception):
    """The tool was left where it was."""


def _leave(inner: Any, waits: object) -> None:
    """Leave a tool where it waits. What it holds is let go of, as the end of a process does; nothing more of it happens."""
    if isinstance(waits, asyncio.Future):
        waits.cancel()
    with suppress(BaseException):
        inner.close()


class DoomedRunner(TrialRunner):
    """A worker that is going to die."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, performer=Doomed, **named)

    @property
    def stage(self) -> Doomed:
        """Where it dies."""
        assert isinstance(self._performer, Doomed)
        return self._performer


class KillPlayer(DrillPlayer):
    """Plays trials of one case in which the first worker dies. runner: of the worker that takes over."""

    def __init__(
        self, runner: DrillRunner, suite: Suite, death: Death, *, store: Journal, graves: set[str], model: Models
    ) -> None:
        super().__init__(runner, suite, kind=death.point, faults=(), seed=0, label=f"drill:{death.name}")
        self.death = death
        self._store = store
        self._graves = graves
        self._model = model
        self._hit = death.tool
        self._there = False
        """Whether the effect was there when the worker had died."""

    async def _drive(self, case: Case, number: int, run: str, world: World, hand: Hand) -> None:
        messages = iter(case.messages)
        with suppress(Dead):
            await self._first(case, run, world, hand, messages)
        if hand.landed:
            await self._look(hand.landed[0].run or run, hand.landed[0].call)
        await to_the_end(self.runner, case, run, messages, by_the_world(self.runner, world))

    async def _first(self, case: Case, run: str, world: World, hand: Hand, messages: Iterator[Json]) -> None:
        """The first worker, until it dies or the run comes to rest. Raises Dead."""
        journal = Mortal(self._store, self._graves, dies=True)
        async with DoomedRunner.open(
            cast("Journal", journal), agents=[self.suite.agent], model=self._model, drives=False
        ) as worker:
            assert isinstance(worker, DoomedRunner)
            worker.worlds[run] = world
            stage = worker.stage
            stage.death, stage.die = self.death, journal.die
            try:
                await to_the_end(worker, case, run, messages, by_the_world(worker, world))
            finally:
                self._stops = stage.stops
                if stage.landed is not None:
                    hand.landed.append(stage.landed)
                    self._there = stage.there

    async def _look(self, run: str, call: int) -> None:
        """Ask the look-up of a tool that takes a key too: the machine asks it only once keys are not honoured any more."""
        state = await self.runner.state(run)
        agent = next(one for one in self.suite.agent.family if one.name == state.opened.agent)
        tool = agent.tools[self.death.tool]
        if tool.options.lookup is None or not tool.keyed or tool.effect != "write":
            return
        await asyncio.sleep(tool.options.settle)
        told: list[AnyEvent] = []
        secret = await self._store.secret(state.opened.tree or run) or b""
        rig = self.runner.rig
        ends = rig.clock() + tool.timeout / units.SECOND
        attempt = Attempt(agent.bound, state, secret, self._store.now, ends, told.append)
        await rig.perform(LookUp(call, state.calls[call].attempt), attempt)
        match told:
            case [CallLookedUp(answer="absent")] if self._there:
                self._lookup = (
                    "its look-up said absent, and the effect was there (it takes a key too, so nothing came twice yet)"
                )
            case [CallLookedUp(answer="found")] if not self._there:
                self._lookup = (
                    "its look-up found an effect that was not there (it takes a key too, so nothing was lost yet)"
                )
            case _:
                pass


async def to_the_end(runner: Runner, case: Case, run: str, messages: Iterator[Json], look: Look) -> None:
    """Drive a run by one worker until it is closed, or waits for what the case has no answer to."""
    state, _ = await runner.attend(run)
    for _ in range(ROUNDS):
        if state.closed is not None or not await reply(runner, case, state, messages, look=look):
            return
        state, _ = await runner.attend(run)
