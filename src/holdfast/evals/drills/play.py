"""Playing what a drill wants: trials of one kind of fault each, with what landed and what came of it noted in the run.

A trial that was played is not played again: what landed stands in its run as notes `fault KIND`, each with the entries of the
call that it struck, and what came of it as a note `drill`. So a drill that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.core.state import State
from holdfast.errors import Bug
from holdfast.evals.cases.case import Case, Ends
from holdfast.evals.cases.fixtures import Unserved
from holdfast.evals.cases.persons import Look, reply
from holdfast.evals.cases.world import World
from holdfast.evals.drills.audit import Audit, audit, happened
from holdfast.evals.drills.faults import NO_FAULTS, Fault
from holdfast.evals.drills.hand import Change, Hand, Landed, Rig, Unsteady, Watch
from holdfast.evals.drills.spoil import MARK
from holdfast.evals.grading.finished import Finished, Part
from holdfast.evals.trials.outside import outside
from holdfast.evals.trials.tree import below
from holdfast.evals.trials.trial import Player, Suite, Trial, TrialRunner
from holdfast.events import CallAsked, DoubtRaised, Entry, Json, ModelAsked, Noted
from holdfast.journal.port import Journal
from holdfast.models.port import Model
from holdfast.shell import bodies
from holdfast.shell.runner import Runner

BY: Final = "svc:drill"
FINDING: Final = "drill"
"""The finding under which what came of a trial is noted."""

Models: TypeAlias = Model | Mapping[str, Model] | None
"""What answers instead of the models that the contract names."""


class Outcome(Struct, frozen=True):
    """What came of one trial, as it is noted in its run."""

    audit: Audit
    changes: tuple[Change, ...] = ()
    """Of a clean trial: the attempts that changed something, whatever they were declared as."""
    asked: bool = False
    """A call followed an injected instruction."""
    waits: bool = False
    """It rests with somebody: a question is open, or it waits for the requester."""
    doubts: tuple[str, ...] = ()
    """Tools whose writes are in doubt before a person, or were until one ruled."""
    stops: int = 0
    """Of a death: at how many places the tool was seen to wait."""
    lookup: str = ""
    """Of a death: what was wrong with what the tool's look-up said."""


class Played(Struct, frozen=True):
    """One trial of a drill."""

    kind: str
    """Of what went wrong; empty: a clean trial."""
    trial: Trial
    landed: int
    outcome: Outcome
    hit: str = ""
    """The tool that was struck, where one was meant."""
    label: str = ""
    """Of its player."""

    @property
    def ends(self) -> Ends:
        """How the run ended; `waiting` where it rests with somebody."""
        return self.trial.outcome


class DrillRunner(TrialRunner):
    """A runner whose tools and models go wrong in some runs."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, performer=Rig, **named)

    @property
    def rig(self) -> Rig:
        """Where hands are put."""
        assert isinstance(self._performer, Rig)
        return self._performer

    def _model(self, name: str) -> Model:
        return Unsteady(super()._model(name), self.rig.hand_of)


@asynccontextmanager
async def runners(journal: str | Journal, suite: Suite, model: Models = None) -> AsyncIterator[DrillRunner]:
    """A runner for the trials of a drill."""
    async with DrillRunner.open(journal, agents=[suite.agent], model=model, drives=False) as runner:
        assert isinstance(runner, DrillRunner)
        yield runner


class DrillPlayer(Player):
    """Plays trials in which faults of one kind strike. label: tells its trials apart from those of other drills."""

    runner: DrillRunner

    def __init__(
        self, runner: DrillRunner, suite: Suite, *, kind: str, faults: Sequence[Fault], seed: int, label: str
    ) -> None:
        super().__init__(runner, suite, label=label)
        self._kind = kind
        self._faults = faults
        self._seed = seed
        self._hit = ""
        self._stops = 0
        self._lookup = ""
        self._fresh: dict[str, tuple[int, Outcome]] = {}
        """What came of trials that were played just now, so that it is not read again."""

    async def played(self, case: Case, number: int) -> Played:
        """One trial of one case; the one there is already, where it has its verdict."""
        trial = await self.one(case, number)
        fresh = self._fresh.pop(trial.run, None)
        if fresh is not None:
            return Played(self._kind, trial, *fresh, self._hit, self.label)
        entries = await bodies.entries(self.runner.journal, trial.run)
        notes = [entry.event for entry in entries if isinstance(entry.event, Noted) and entry.event.by == BY]
        own = [note for note in notes if note.finding == FINDING]
        if not own:
            raise Bug("a drilled trial has no account of what came of it", run=trial.run)
        landed = sum(note.finding == f"fault {self._kind}" for note in notes)
        return Played(self._kind, trial, landed, msgspec.json.decode(own[-1].note, type=Outcome), self._hit, self.label)

    async def _play(self, case: Case, number: int, key: str) -> Trial | None:
        hand = Hand(self._faults, self._seed, case.name, number)
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(self._world(case))
            run = await self._opened(case, number, key, hand)
            if not await self._is_mine(run):
                return None
            self.runner.worlds[run], self.runner.rig.hands[run] = world, hand
            watch = Watch(world)
            if self._kind == NO_FAULTS:
                self.runner.rig.watches[run] = watch
            try:
                await self._drive(case, number, run, world, hand)
                effects = tuple(world.effects())
            finally:
                del self.runner.worlds[run], self.runner.rig.hands[run]
                self.runner.rig.watches.pop(run, None)
        entries = await bodies.entries(self.runner.journal, run)
        state = await self.runner.state(run)
        finished = Finished(case, state, entries, effects, await below(self.runner, run, entries))
        told = [entry for part in finished.parts for entry in part.entries]
        states = [part.state for part in finished.parts]
        outcome = Outcome(
            audit=audit(entries, state, effects, self.suite.agent.contract, finished.below),
            changes=tuple(watch.changes),
            asked=any(isinstance(entry.event, CallAsked) and MARK in str(entry.event.args) for entry in told),
            waits=state.closed is None and any(one.questions or one.replied for one in states if one.closed is None),
            doubts=tuple(tool for part in finished.parts for tool in _doubted(part.entries)),
            stops=self._stops,
            lookup=self._lookup,
        )
        for landed in hand.landed:
            struck = next((part for part in finished.parts if part.state.run == landed.run), finished.parts[0])
            seqs = struck.seqs(_places(landed, struck.entries))
            await self._note(run, f"fault {landed.kind}", struck.where.strip(), seqs)
        self._fresh[run] = len(hand.landed), outcome
        await self._note(run, FINDING, msgspec.json.encode(outcome).decode(), ())
        return await self._judged(finished, number)

    async def _opened(self, case: Case, number: int, key: str, hand: Hand) -> str:
        """Open the run of a trial; twice under the one key, where that is what goes wrong."""
        tags = self.tags(case, number) | {"drill": self._kind or "clean"}

        async def start() -> str:
            run = await self.runner.start(
                self.suite.agent, case.input, key=key, by=case.by, on_behalf_of=case.on_behalf_of, tenant=case.tenant, tags=tags
            )  # fmt: skip
            return run.name

        first = await start()
        fault = hand.strikes_run()
        if fault is not None:
            other = await start()
            if other != first:
                raise Bug("one request key gave two runs", run=other)
            hand.strike(fault, call=1)
        return first

    async def _drive(self, case: Case, number: int, run: str, world: World, hand: Hand) -> None:
        await self._to_the_end(case, run)

    async def _reply(self, case: Case, state: State, messages: Iterator[Json]) -> bool:
        """As in any trial; but on a write in doubt the people of a case rule by the world's own account, as nobody knew before."""
        look = by_the_world(self.runner, self.runner.worlds[state.run])
        return await reply(self.runner, case, state, messages, look=look)

    async def _note(self, run: str, finding: str, note: str, evidence: Sequence[int]) -> None:
        await self.runner.put(run, lambda state: Noted(BY, finding, None, note, tuple(evidence)), actor=BY)

    async def _judged(self, finished: Finished, number: int) -> Trial:
        """Grade a trial and note its verdict. A model that gave no answer is what was wanted here, where a fault said so."""
        trouble = outside(finished.state, finished.entries, finished.below)
        if self._kind != NO_FAULTS and Unserved.MARK not in trouble:
            trouble = ""
        return await self._graded(finished, number, trouble)


def _doubted(entries: Sequence[Entry]) -> list[str]:
    """Tools of the calls of a run that a person had to be asked about."""
    tools = {entry.seq: entry.event.tool for entry in entries if isinstance(entry.event, CallAsked)}
    asked = dict.fromkeys(entry.event.call for entry in entries if isinstance(entry.event, DoubtRaised))
    return [tools[call] for call in asked]


def by_the_world(runner: Runner, world: World) -> Look:
    """How people find out whether a write in doubt happened: they look whether the world holds an effect that is no other call's."""

    async def look(state: State, call: int) -> bool:
        top = state.opened.tree or state.run
        entries = await bodies.entries(runner.journal, top)
        parts = [Part(await runner.state(top), entries), *await below(runner, top, entries)]
        return happened(parts, tuple(world.effects()), state.run, call)

    return look


def _places(landed: Landed, entries: Sequence[Entry]) -> tuple[int, ...]:
    """The entries of what a fault struck."""
    if landed.call:
        return tuple(sorted({landed.call, landed.start} - {0}))
    return tuple(
        entry.seq
        for entry in entries
        if isinstance(entry.event, ModelAsked)
        and (entry.event.step, entry.event.attempt) == (landed.step, landed.attempt)
    )
