"""Trials: a case, played once by the ordinary runner, and what came of it.

Every trial is a run in a journal that one can open with `show` and `why`. Its verdict is a note in that run, so a suite that
was killed goes on where it stopped: a trial with a verdict is not played again, and one without is begun anew, in a new world.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from holdfast.agent import Agent
from holdfast.core.state import State
from holdfast.errors import InputError, UsageError
from holdfast.evals.cases.case import Case, Ends
from holdfast.evals.cases.fixtures import LIVE, recorded_world
from holdfast.evals.cases.persons import reply
from holdfast.evals.cases.world import MakeWorld, Stage, World
from holdfast.evals.grading.finished import Finished, Grader, Miss
from holdfast.evals.grading.judges import Bench, Unheard
from holdfast.evals.trials.order import order_of
from holdfast.evals.trials.outside import outside
from holdfast.evals.trials.rightly import speaks_against
from holdfast.evals.trials.tree import below
from holdfast.events import Entry, Json, Noted, PersonAsked, Price
from holdfast.journal.open import open_journal
from holdfast.journal.port import Row, Where
from holdfast.models.port import Model
from holdfast.shell import bodies
from holdfast.shell.runner import Runner

VERDICT: Final = "trial"
"""The finding under which a trial's verdict is noted."""

BY: Final = "svc:eval"

PLAYER: Final = "player"
"""The tag that names the worker that plays a trial, and that alone may: it holds the trial's world."""

LOOK: Final = 0.1
"""Seconds between looks at a trial that another one plays."""

KEYS: Final = 1_000
"""Runs of an agent that are looked through at once for its trials; with more to play, as many."""

ROUNDS: Final = 50
"""How often people answer in one trial before it counts as one that never ends."""

Live = Callable[[], AbstractAsyncContextManager[Sequence[object]]]
"""Opens an agent's real resources."""


class Trial(Struct, frozen=True):
    """One trial, and its verdict."""

    case: str
    family: str
    number: int
    """From 1."""
    run: str
    passed: bool | None
    """None: it could not be made; see `trouble`."""
    misses: tuple[Miss, ...] = ()
    trouble: str = ""
    """What outside the agent kept it from being made."""
    outcome: Ends = "waiting"
    nusd: int = 0
    seconds: float = 0.0
    steps: int = 0
    reviews: int = 0
    """Questions that were put before people."""
    unpriced: int = 0
    """Answers of models of which nobody knows the price."""
    against: tuple[str, ...] | None = None
    """What speaks against a success; see `rightly`. None: nobody looked."""


class Suite(Struct, frozen=True):
    """An agent, the cases for it, and how they are graded."""

    name: str
    agent: Agent[Any, Any]
    cases: tuple[Case, ...]
    graders: tuple[Grader, ...]
    world: MakeWorld | None = None
    """How a world is made of a case's state."""
    bench: Bench | None = None
    """The judges that its cases name."""
    live: Live | None = None
    """How the agent's real resources are opened, for cases that read live."""

    def check(self) -> None:
        """Raise InputError for a case that cannot be played here."""
        for case in self.cases:
            if case.state is not None and self.world is None:
                raise InputError(
                    f"case {case.name} has a state, and nothing makes a world of it",
                    hint="define `world` in world.py beside the contract, or give the case fixtures",
                )
            if case.state is None and case.fixtures is None:
                raise InputError(f"case {case.name} has no world", hint="give it fixtures or a state")

    @property
    def reads_live(self) -> str:
        """The first case that reads live; empty where none does."""
        return next((one.name for one in self.cases if one.fixtures is not None and one.fixtures.unmatched == LIVE), "")

    @asynccontextmanager
    async def living(self) -> AsyncIterator[tuple[object, ...]]:
        """The agent's real resources, for the length of an `async with`; none, and nothing opened, where no case reads live.

        Raises InputError where nothing opens them here, and what opening them raises.
        """
        if not self.reads_live:
            yield ()
            return
        if self.live is None:
            raise InputError(
                f"case {self.reads_live} reads live, and nothing opens the real resources of {self.name} here",
                hint="`holdfast eval` opens those of tools.py; or record the answers, with `unmatched: error` or `nearest`",
            )
        async with self.live() as resources:
            yield tuple(resources)


class TrialRunner(Runner):
    """A runner whose runs each meet a world of their own."""

    def __init__(self, *given: Any, performer: type[Stage] = Stage, **named: Any) -> None:
        super().__init__(*given, performer=performer, **named)
        self._fleet.keeps_closed = True  # the verdict is noted right after the run closed

    @property
    def worlds(self) -> dict[str, World]:
        """Run → its world."""
        assert isinstance(self._performer, Stage)
        return self._performer.worlds

    live: Sequence[object] | None = None
    """The agent's real resources, for cases that read live; None: nothing reads live here."""

    def _apart(self, run: str) -> str:
        return run

    async def record(self, run: str) -> tuple[State, Sequence[Entry]]:
        """What was last seen of a run here, and the entries that say so. Raises UsageError for one that does not exist."""
        return await self._fleet.record(run)

    def at_hand(self, run: str) -> State | None:
        """What was last seen of a run here, where that was lately."""
        return self._fleet.at_hand(run)

    def model(self, name: str) -> Model:
        """What answers under the name of a model. Raises SettingsError where it cannot be opened."""
        return self._model(name)


@asynccontextmanager
async def playing(
    journal: str, suite: Suite, *, model: Model | Mapping[str, Model] | None = None, prices: Mapping[str, Price] | None = None,
    live: bool = True,
) -> AsyncIterator[Player]:  # fmt: skip
    """A player of this suite's trials, with a journal for them.

    model: answers instead of the contract's models. live: open the agent's real resources where a case reads live; without,
    what no recorded answer fits is answered by nothing.
    """
    suite.check()
    async with AsyncExitStack() as stack:
        real = await stack.enter_async_context(suite.living()) if live else None
        store = open_journal(journal)
        stack.push_async_callback(store.close)
        opened = TrialRunner.open(store, agents=[suite.agent], model=model, prices=prices, drives=False)
        runner = await stack.enter_async_context(opened)
        assert isinstance(runner, TrialRunner)
        runner.live = real
        yield Player(runner, suite)


class Player:
    """Plays trials of one suite."""

    def __init__(self, runner: TrialRunner, suite: Suite, *, label: str = "", looks: bool = False) -> None:
        self.runner = runner
        self.suite = suite
        self.label = label
        """Tells apart the trials of two players in one journal."""
        self.looks = looks
        """Look at each success whether anything speaks against it."""

    async def play(
        self,
        trials: int,
        *,
        seed: int = 0,
        concurrency: int = 32,
        stop: Callable[[], bool] | None = None,
        whole: bool = False,
    ) -> AsyncIterator[Trial]:
        """`trials` of each case, in an order that only the seed decides; each as soon as it has its verdict.

        stop: asked before each is begun; True ends it, for a gate that has seen enough. whole: all trials of a case, and all
        cases of a family, one after another, for a gate that looks at whole ones.
        """  # fmt: skip
        if trials < 1 or concurrency < 1:
            raise UsageError("there is nothing to play", hint="at least one trial, one at a time")
        waiting = iter(order_of(self.suite.cases, trials, seed, whole=whole))
        under_way: set[asyncio.Task[Trial]] = set()
        ended: asyncio.Queue[asyncio.Task[Trial]] = asyncio.Queue()
        known = await self._keys(trials * len(self.suite.cases))
        try:
            while True:
                while len(under_way) < concurrency and not (stop is not None and stop()):
                    case_number = next(waiting, None)
                    if case_number is None:
                        break
                    task = asyncio.create_task(self.one(*case_number, known))
                    task.add_done_callback(ended.put_nowait)
                    under_way.add(task)
                if not under_way:
                    return
                done = [await ended.get()]
                while not ended.empty():
                    done.append(ended.get_nowait())
                under_way.difference_update(done)
                wrong = [
                    error for task in done if (error := task.exception()) is not None
                ]  # each is looked at, as asyncio wants
                if wrong:
                    raise wrong[0]
                for task in done:
                    yield task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _keys(self, trials: int) -> frozenset[str] | None:
        """The request keys of the agent's runs, so that not every trial has to look for itself.

        trials: that are about to be played. None: there are so many runs more that to look for each is less.
        """
        name, most = self.suite.agent.name, max(trials, KEYS)
        rows = await self.runner.journal.find(Where(agent=name, limit=most + 1))
        return frozenset([row.key for row in rows]) if len(rows) <= most else None

    async def one(self, case: Case, number: int, known: frozenset[str] | None = None) -> Trial:
        """One trial of one case; the one there is already, where it has its verdict, or another one is about to give it that.

        known: the request keys there were a while ago; one that is not among them is not looked for before it is played.
        """
        for again in range(1, 1_000):
            key = self.key(case, number, again)
            new = known is not None and key not in known
            rows = [] if new else await self.runner.journal.find(Where(key=key, limit=1))
            if not rows:
                played = await self._play(case, number, key)
                if played is not None:
                    return played
                rows = await self.runner.journal.find(Where(key=key, limit=1))
            found = await self._awaited(case, number, rows[0])
            if found is not None:
                return found
            await self.runner.cancel(rows[0].run, by=BY, because="its world is gone")
        raise UsageError(f"trial {number} of {case.name} was begun a thousand times and never ended")

    def key(self, case: Case, number: int, again: int = 1) -> str:
        """The request key of a trial: another contract or another case is another trial."""
        under = f"{self.suite.agent.contract.digest[:12]}:{case.digest}"
        return f"eval:{self.suite.name}:{self.label}:{under}:{case.name}:{number}:{again}"

    def tags(self, case: Case, number: int) -> dict[str, str]:
        """What a trial's run is found by: suite, case, number, the family of its case where it has one, and who plays it."""
        family = {"family": case.family} if case.family else {}
        return {"eval": self.suite.name, "case": case.name, "trial": str(number), **family, PLAYER: self.runner.worker}

    async def _is_mine(self, run: str) -> bool:
        """Whether a run that was just opened is played here: of two that open one trial at once, one does, and the other waits."""
        state = self.runner.at_hand(run)
        opened = await self.runner.journal.row(run) if state is None else state.opened
        return opened is None or opened.tags.get(PLAYER) == self.runner.worker

    async def _awaited(self, case: Case, number: int, row: Row) -> Trial | None:
        """The verdict of a trial, awaited while another one who lives plays it; None where it was cut short."""
        journal, looked = self.runner.journal, 0
        while True:
            player = row.tags.get(PLAYER, "")
            other = bool(player) and player != self.runner.worker
            played = other and journal.alive(player) is True  # asked before the verdict is looked for
            if looked != row.seq or not played:
                known, looked = await self._verdict(case, number, row.run), row.seq
                if known is not None or not played:
                    return known
            await asyncio.sleep(LOOK)
            row = await journal.row(row.run) or row

    async def _verdict(self, case: Case, number: int, run: str) -> Trial | None:
        """The trial that was played already; None where it was cut short."""
        entries = await bodies.entries(self.runner.journal, run)
        notes = [entry.event for entry in entries if isinstance(entry.event, Noted) and entry.event.finding == VERDICT]
        if not notes:
            return None
        passed = {1.0: True, 0.0: False}.get(-1.0 if notes[-1].score is None else notes[-1].score)
        state = await self.runner.state(run)
        misses = tuple(_read(line) for line in notes[-1].note.splitlines()) if passed is False else ()
        trouble = notes[-1].note if passed is None else ""
        finished = Finished(case, state, entries, (), await below(self.runner, run, entries))
        return self._trial(finished, number, passed=passed, misses=misses, trouble=trouble)

    async def _play(self, case: Case, number: int, key: str) -> Trial | None:
        """Play a trial; None where another one opened it at the same moment."""
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(self._world(case))
            run = await self.runner.start(
                self.suite.agent, case.input, key=key, by=case.by, on_behalf_of=case.on_behalf_of, tenant=case.tenant,
                tags=self.tags(case, number),
            )  # fmt: skip
            if not await self._is_mine(run.name):
                return None
            self.runner.worlds[run.name] = world
            try:
                await self._to_the_end(case, run.name)
                effects = tuple(world.effects())
            finally:
                del self.runner.worlds[run.name]
        state, entries = await self.runner.record(run.name)
        finished = Finished(case, state, entries, effects, await below(self.runner, run.name, entries))
        return await self._graded(finished, number, outside(state, entries, finished.below))

    async def _graded(self, finished: Finished, number: int, trouble: str) -> Trial:
        """Grade a trial and note its verdict. trouble: what outside the agent kept it from being made."""
        state = finished.state
        misses = () if trouble else tuple(miss for grader in self.suite.graders for miss in grader(finished))
        if self.suite.bench is not None and not trouble and not misses:  # a judge costs money: it is asked last
            try:
                await self.suite.bench.hear(finished)
                misses = tuple(self.suite.bench.grader(finished))
            except Unheard as error:
                trouble = error.what
        passed = None if trouble else not misses
        note = trouble or "\n".join(f"{miss.grader}: {' '.join(miss.why.split())}" for miss in misses) or "passed"
        seqs = tuple(sorted({seq for miss in misses for seq in miss.seqs}))
        score = None if passed is None else float(passed)
        await self.runner.put(state.run, lambda state: Noted(BY, VERDICT, score, note, seqs), actor=BY)
        return self._trial(finished, number, passed=passed, misses=misses, trouble=trouble)

    def _trial(
        self, finished: Finished, number: int, *, passed: bool | None, misses: tuple[Miss, ...], trouble: str
    ) -> Trial:  # fmt: skip
        """A trial with what all its runs came to together."""
        case, every = finished.case, [entry.event for part in finished.parts for entry in part.entries]
        looked = self.looks and passed
        against = [said for part in finished.parts for said in speaks_against(part.entries)] if looked else []
        return Trial(
            case.name, case.cluster, number, finished.state.run, passed, misses, trouble, finished.outcome, finished.nusd,
            finished.seconds, finished.steps, sum(isinstance(event, PersonAsked) for event in every), finished.unpriced,
            tuple(dict.fromkeys(against)) if looked else None,
        )  # fmt: skip

    @asynccontextmanager
    async def _world(self, case: Case) -> AsyncIterator[World]:
        """A case's own world. Raises InputError where it cannot be made."""
        async with AsyncExitStack() as stack:
            try:
                if case.fixtures is not None:
                    world = await stack.enter_async_context(recorded_world(case.fixtures, self.runner.live))
                else:
                    assert self.suite.world is not None
                    world = await stack.enter_async_context(self.suite.world(case.state))
            except Exception as error:
                why = f"the world of case {case.name} cannot be made: {type(error).__name__}: {error}"
                raise InputError(why, hint="world.py makes it of the case's state") from error
            yield world

    async def _to_the_end(self, case: Case, run: str) -> State:
        """Drive a run until it is closed, or waits for what the case has no answer to."""
        messages = iter(case.messages)
        state, _ = await self.runner.attend(run)
        for _ in range(ROUNDS):
            if state.closed is not None or not await self._reply(case, state, messages):
                break
            state, _ = await self.runner.attend(run)
        return state

    async def _reply(self, case: Case, state: State, messages: Iterator[Json]) -> bool:
        """Say what the people of a case have to say to a run; False where they have nothing."""
        return await reply(self.runner, case, state, messages)


def _read(line: str) -> Miss:
    grader, _, why = line.partition(": ")
    return Miss(grader, why)
