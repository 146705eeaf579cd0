"""Killing worker processes: cases played by real processes that are killed again and again, until their work is done.

The runs are opened, and people's part in them is played, by this process, which is not killed. Workers are born one after
another, each to be killed at a moment of its own; the next one takes up whatever the dead one left. The last one lives until
every run has ended or waits for somebody. Then the worlds are asked what happened in them.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.core.pending import outlook_after
from holdfast.core.state import Moment as At
from holdfast.core.state import State
from holdfast.errors import Bug, Conflict, InputError, NotAllowed, UsageError
from holdfast.evals.cases.case import Case
from holdfast.evals.cases.persons import reply
from holdfast.evals.cases.world import World
from holdfast.evals.drills.audit import audit
from holdfast.evals.drills.hand import Hand as Faults
from holdfast.evals.drills.moments import THINGS, Moment, Tally, Thing, draw
from holdfast.evals.drills.nursery import Hand, Nursery, nursery
from holdfast.evals.drills.play import FINDING, DrillPlayer, DrillRunner, Outcome, Played, by_the_world
from holdfast.evals.drills.process import KIND, PLACE, Play, lasts, opened_at
from holdfast.evals.grading.finished import Finished
from holdfast.evals.trials.trial import ROUNDS, Suite
from holdfast.events import CallAsked, CallFailed, CallStarted, Entry, Json, ModelFailed
from holdfast.shell import bodies

AT_ONCE: Final = 12
"""Runs with work left in them while workers are killed, at least."""

MORE: Final = 200
"""Runs that are opened for one worker, at most: after these the moment that does not come is given up."""

STUCK: Final = 20.0
"""Seconds after which the moment of a worker that does not come is given up waiting for: it is killed then."""

QUIET: Final = 300.0
"""Seconds without any news of a run after which what still moves counts as never coming to rest."""

LOOK: Final = 0.02
"""Seconds between looks at what the runs wait for."""


class Order(Struct, frozen=True, kw_only=True):
    """Which processes are to be killed, and how often."""

    kills: int
    program: tuple[str, ...]
    """The command of a nursery; see `holdfast.evals.drills.nursery`."""
    agent: str
    """Where another process finds the agent."""
    model: str = ""
    journal: str


class Kills(Struct, frozen=True, kw_only=True):
    """What came of the workers, and of the runs that they left."""

    wanted: int
    landed: int
    """Workers that were killed with something under way."""
    during: dict[Thing, int]
    """Of these, how many had a call of a model, a call of a tool and an append under way; one may have several."""
    idle: int
    """Workers that were killed with nothing under way."""
    late: int
    """Of all: killed after their moment did not come."""
    runs: int
    ended: int
    waiting: int
    """Runs that wait before a person or the requester."""
    restless: tuple[str, ...]
    """Runs that neither ended nor wait for anybody: there must be none."""
    models: int
    """Calls of a model that were cut short, by the journal."""
    reads: int
    writes: int
    """Attempts of tools that were cut short."""


def check(suite: Suite, order: Order) -> None:
    """Raise UsageError and InputError where worker processes cannot be killed here."""
    if not order.journal.startswith("sqlite:"):
        raise UsageError(
            "several processes share a journal on disk only", hint="--journal sqlite:///.holdfast/drill.db"
        )
    if not any(case.state is not None for case in suite.cases) or suite.world is None:
        raise InputError(
            "no case has a world of real tools, so a worker process would have nothing to do in it",
            hint="define `world` in world.py beside the contract, and give cases a state; docs/drill.md",
        )
    if len(suite.agent.family) > 1:
        raise InputError(
            f"{suite.agent.name} hands work to other agents, and the audit of a drill knows the calls of one run only",
            hint="kill the processes of each of these agents alone",
        )
    if not lasts(suite.world):
        raise InputError(
            f"the world of {suite.name} ends with the process that makes it, so nobody could say what a killed one did",
            hint=f"let `world(state, {PLACE}=None)` keep it in files of the folder {PLACE}, where one is given; docs/drill.md",
        )


class Killing:
    """One course of kills. tell: is told of each kill and of each run that is judged."""

    def __init__(
        self, runner: DrillRunner, suite: Suite, order: Order, *, trials: int, seed: int, tell: Callable[[], None]
    ) -> None:  # fmt: skip
        self._runner, self._suite, self._order = runner, suite, order
        self._cases = [case for case in suite.cases if case.state is not None]
        self._trials, self._seed, self._tell = trials, seed, tell
        self._label = f"drill:{KIND}:{seed}:{secrets.token_hex(4)}"
        self._players: dict[str, _Player] = {}
        self._during: Counter[Thing] = Counter()
        self._landed = self._idle = self._late = 0
        self._worlds = Path()
        self._heard: dict[str, None] = {}
        """Runs of which there is news, by whatever process."""
        self._order_of = _course(self._cases, trials, seed)

    async def play(self) -> tuple[list[Played], Kills]:
        """Kill, let everything come to rest, and judge. Raises InputError where no worker can work."""
        with tempfile.TemporaryDirectory(prefix="holdfast-drill-") as name:
            folder = Path(name)
            worlds = self._worlds = folder / "worlds"
            play = Play(
                agent=self._order.agent, model=self._order.model, journal=self._order.journal, label=self._label,
                states={case.name: case.state for case in self._cases}, worlds=str(worlds),
            )  # fmt: skip
            deaf = self._runner.journal.listen(lambda run, _: self._heard.setdefault(run))
            try:
                async with nursery(self._order.program, play, folder) as born:
                    for kill in range(self._order.kills):
                        await self._killed(born, draw(self._seed, kill), folder / f"tally-{kill}")
                        self._tell()
                    restless = await self._to_rest(born, folder / "tally-last")
            finally:
                deaf()
            played = [await player.judged() for player in self._players.values()]
        return played, self._kills(played, restless)

    # ---- killing

    async def _killed(self, born: Nursery, moment: Moment, place: Path) -> None:
        """One worker's life and death."""
        tally = Tally(place)
        try:
            hand = await born.birth(place, moment)
            await self._until_dead(born, hand)
            under_way = [thing for thing, many in tally.under_way().items() if many]
        finally:
            tally.close()
        if hand.ended.result() != -signal.SIGKILL:
            raise InputError(f"a worker process could not work:\n{born.said()}")
        self._during.update(under_way)
        self._landed, self._idle = self._landed + bool(under_way), self._idle + (not under_way)

    async def _until_dead(self, born: Nursery, hand: Hand) -> None:
        """Keep the worker in work until its moment comes, or it is clear that it will not."""
        loop = asyncio.get_running_loop()
        ends, before = loop.time() + STUCK, len(self._players)
        while not hand.ended.done():
            moving = await self._attend()
            if loop.time() > ends or len(self._players) - before > MORE:
                self._late += 1
                born.signal(hand, signal.SIGKILL)
                await hand.ended
                return
            for _ in range(AT_ONCE - moving):
                await self._open()
            await asyncio.wait({hand.ended}, timeout=LOOK)

    async def _open(self) -> None:
        case, number = next(self._order_of)
        player = _Player(
            self._runner, self._suite, f"{self._label}:{len(self._players)}", case, number, self._seed, self._worlds
        )
        run = await player.open()
        self._players[run] = player
        self._heard[run] = None

    async def _to_rest(self, born: Nursery, place: Path) -> list[str]:
        """Let a last worker finish what there is; the runs that came to no rest."""
        Tally(place).close()
        hand = await born.birth(place, None)
        loop = asyncio.get_running_loop()
        since, before = loop.time(), -1
        while await self._attend():
            if hand.ended.done():
                raise InputError(f"a worker process could not work:\n{born.said()}")
            news = sum(player.seq for player in self._players.values())
            if news != before:
                since, before = loop.time(), news
            if loop.time() - since > QUIET:
                break
            await asyncio.wait({hand.ended}, timeout=LOOK)
        born.signal(hand, signal.SIGTERM)
        await hand.ended
        return [run for run, player in self._players.items() if not player.rests]

    async def _attend(self) -> int:
        """Play people's part in every run that was heard of since; how many runs have work left."""
        heard, self._heard = self._heard, {}
        for run in heard:
            if run in self._players:
                await self._players[run].attend()
        return sum(not player.rests for player in self._players.values())

    # ---- judging

    def _kills(self, played: Sequence[Played], restless: Sequence[str]) -> Kills:
        cut = Counter[str]()
        for player in self._players.values():
            cut += player.cut
        ended = sum(one.ends != "waiting" for one in played)
        return Kills(
            wanted=self._order.kills, landed=self._landed, during={thing: self._during[thing] for thing in THINGS},
            idle=self._idle, late=self._late, runs=len(played), ended=ended, waiting=len(played) - ended - len(restless),
            restless=tuple(restless), models=cut["model"], reads=cut["read"], writes=cut["write"],
        )  # fmt: skip


def _course(cases: Sequence[Case], trials: int, seed: int) -> Iterator[tuple[Case, int]]:
    """Trials of all cases, again and again, each time in another order."""
    chance = Random(seed)  # noqa: S311 - an order, and nobody's secret
    while True:
        order = [(case, number) for case in cases for number in range(1, trials + 1)]
        chance.shuffle(order)
        yield from order


class _Player(DrillPlayer):
    """One run that workers are killed over."""

    def __init__(
        self, runner: DrillRunner, suite: Suite, label: str, case: Case, number: int, seed: int, worlds: Path
    ) -> None:  # fmt: skip
        super().__init__(runner, suite, kind=KIND, faults=(), seed=seed, label=label)
        self._case, self._number, self._worlds = case, number, worlds
        self._messages: Iterator[Json] = iter(case.messages)
        self._replies = 0
        self._run = ""
        self.seq = 0
        """The entry up to which it was looked at."""
        self.rests = False
        """It has ended, or waits for what the case has no answer to."""
        self.cut: Counter[str] = Counter()
        """Attempts that were cut short, of `model`, `read` and `write`."""

    async def open(self) -> str:
        """Open the run, for workers to drive."""
        hand = Faults((), self._seed, self._case.name, self._number)
        self._run = await self._opened(self._case, self._number, self.key(self._case, self._number), hand)
        return self._run

    async def attend(self) -> None:
        """Say what the case has to say now; see whether anything more is to come."""
        state = await self.runner.state(self._run)
        self.seq, self.rests = state.seq, state.closed is not None
        if self.rests:
            return
        stands = outlook_after(self.suite.agent.bound, state, _now(self.runner))
        if stands.status != "waiting" or stands.waits_for == "time":
            return
        if self._replies < ROUNDS:
            with suppress(NotAllowed, Conflict):  # it moved on while it was being read
                if await reply(self.runner, self._case, state, self._messages, look=self._look):
                    self._replies += 1
                    return
        self.rests = True

    def _world_at(self) -> AbstractAsyncContextManager[World]:
        if self.suite.world is None:
            raise Bug("a world was there, and is not", run=self._run)
        return opened_at(self.suite.world, self._case.state, self._worlds, self._run)

    async def _look(self, state: State, call: int) -> bool:
        """Whether a write in doubt happened, as people find it out: nobody could know it before, since nobody chose what is killed."""
        async with self._world_at() as world:
            return await by_the_world(self.runner, world)(state, call)

    async def judged(self) -> Played:
        """What came of it: by its journal, and by what its world says was changed."""
        async with self._world_at() as world:
            effects = tuple(world.effects())
        entries = await bodies.entries(self.runner.journal, self._run)
        state = await self.runner.state(self._run)
        lost = list(_lost(entries))
        outcome = Outcome(
            audit=audit(entries, state, effects, self.suite.agent.contract),
            waits=state.closed is None and bool(state.questions or state.replied or state.paused),
            doubts=tuple(call.tool for call in state.calls.values() if call.status == "doubt"),
        )
        for _, seqs in lost:
            await self._note(self._run, f"fault {KIND}", "", seqs)
        self.cut.update(what for what, _ in lost)
        await self._note(self._run, FINDING, msgspec.json.encode(outcome).decode(), ())
        trial = await self._judged(Finished(self._case, state, entries, effects), self._number)
        return Played(KIND, trial, len(lost), outcome, "", self.label)


def _now(runner: DrillRunner) -> At:
    journal = runner.journal
    return At(at=journal.now(), worker=runner.worker, secret=b"", epoch=journal.epoch())


def _lost(entries: Sequence[Entry]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each attempt that was cut short: of what, and its entries: its call and its start, or what was asked of a model."""
    starts: dict[int, int] = {}
    effects: dict[int, str] = {}
    for entry in entries:
        match entry.event:
            case CallAsked(effect=effect):
                effects[entry.seq] = effect
            case CallStarted(call=call):
                starts[call] = entry.seq
            case CallFailed(call=call, error="lost"):
                yield "write" if effects[call] == "write" else "read", (call, starts[call])
            case ModelFailed(ask=ask, error="lost"):
                yield "model", (ask,)
