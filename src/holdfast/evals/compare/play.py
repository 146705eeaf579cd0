"""Playing a comparison: every case by every side, trial by trial, side after side, in one journal.

A trial of each side makes a pair: the same case, the same number, the same faults. Sides follow one another within each pair,
and who is first changes from pair to pair, each as often as the other; only the seed decides. So what changes while it is
played (a provider's mood, a machine's load) changes for all. A trial that has its verdict is not played again.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from holdfast.codec import canonical
from holdfast.core.state import State
from holdfast.errors import Bug, UsageError
from holdfast.evals.cases.case import Case
from holdfast.evals.cases.fixtures import Unserved
from holdfast.evals.cases.persons import reply
from holdfast.evals.compare.measured import BY, LANDED, Measured, measured
from holdfast.evals.compare.sides import Side, fitted
from holdfast.evals.drills.faults import Plan
from holdfast.evals.drills.hand import Hand, Landed
from holdfast.evals.drills.play import DrillRunner, by_the_world
from holdfast.evals.grading.finished import Finished
from holdfast.evals.trials.order import order_of
from holdfast.evals.trials.tree import runs_of
from holdfast.evals.trials.trial import Player, Suite, Trial
from holdfast.events import Json, Noted
from holdfast.journal.open import open_journal

OF_MODELS: Final = "model-"
"""How kinds of faults begin that strike a model."""

Told = Callable[[Measured], None]


class SidePlayer(Player):
    """Plays the trials of one side, with the faults that all sides get."""

    runner: DrillRunner

    def __init__(self, runner: DrillRunner, suite: Suite, *, label: str, faults: Plan | None) -> None:
        super().__init__(runner, suite, label=label)
        self._plan = faults
        self._broke: set[str] = set()
        """Runs of which a fault struck the model, so that its silence is no trouble from outside."""

    async def _to_the_end(self, case: Case, run: str) -> State:
        return await (super()._to_the_end(case, run) if self._plan is None else self._struck(case, run, self._plan))

    async def _reply(self, case: Case, state: State, messages: Iterator[Json]) -> bool:
        """As in any trial; where things go wrong, people rule on a write in doubt by the world's own account."""
        look = None if self._plan is None else by_the_world(self.runner, self.runner.worlds[state.run])
        return await reply(self.runner, case, state, messages, look=look)

    async def _struck(self, case: Case, run: str, plan: Plan) -> State:
        """The same, with what goes wrong."""
        opened = (await self.runner.state(run)).opened
        hand = Hand(plan.faults, plan.seed, case.name, int(opened.tags["trial"]))
        self.runner.rig.hands[run] = hand
        try:
            await self._delivered_again(case, run, hand)
            state = await super()._to_the_end(case, run)
        finally:
            del self.runner.rig.hands[run]
        for landed in hand.landed:
            await self._tell(run, landed)
        return state

    async def _tell(self, run: str, landed: Landed) -> None:
        """Note in a run what landed in it, so that whoever takes it up later knows."""
        struck = {landed.call, landed.start} - {0} if landed.run in ("", run) else set[int]()
        note = Noted(BY, LANDED + landed.kind, None, "", tuple(sorted(struck)))
        await self.runner.put(run, lambda _: note, actor=BY)
        if landed.kind.startswith(OF_MODELS):
            self._broke.add(run)

    async def _delivered_again(self, case: Case, run: str, hand: Hand) -> None:
        """Deliver the request once more under its key, where that is what goes wrong."""
        fault = hand.strikes_run()
        if fault is None:
            return
        opened = (await self.runner.state(run)).opened
        again = await self.runner.start(
            self.suite.agent, case.input, key=opened.key, by=case.by, on_behalf_of=case.on_behalf_of, tenant=case.tenant,
            tags=opened.tags,
        )  # fmt: skip
        if again.name != run:
            raise Bug("one request key gave two runs", run=again.name)
        hand.strike(fault, call=1)

    async def _graded(self, finished: Finished, number: int, trouble: str) -> Trial:
        """A model that gave no answer is what was wanted here, where a fault struck it."""
        run = finished.state.run
        if run in self._broke and Unserved.MARK not in trouble:
            trouble = ""
        self._broke.discard(run)
        return await super()._graded(finished, number, trouble)


def label_of(sides: Sequence[Side], seed: int, faults: Plan | None, extra: str = "") -> str:
    """Tells apart the trials of different comparisons in one journal: who is compared, by what code, seed and faults."""
    what = (
        [[side.agent.contract.digest, side.code] for side in sides],
        seed,
        faults.digest if faults is not None else "",
        extra,
    )
    return hashlib.sha256(canonical(what)).hexdigest()[:12]


def order_of_pairs(
    cases: Sequence[Case], trials: int, seed: int, sides: int
) -> list[tuple[Case, int, tuple[int, ...]]]:
    """(case, trial, the sides in the order in which they begin it): an order that only the seed decides.

    Each side is first as often as any other, give or take one.
    """
    pairs = order_of(cases, trials, seed)
    chance = random.Random(f"who is first, by {seed}")  # noqa: S311 - an order, and nobody's secret
    first = [at % sides for at in range(len(pairs))]
    chance.shuffle(first)
    found = []
    for (case, number), at in zip(pairs, first, strict=True):
        others = [side for side in range(sides) if side != at]
        chance.shuffle(others)
        found.append((case, number, (at, *others)))
    return found


class Match:
    """A comparison that is being played. `players`: by letter of the side."""

    def __init__(self, sides: Sequence[Side], players: Mapping[str, SidePlayer]) -> None:
        self.sides = sides
        self.players = players

    async def play(self, trials: int, seed: int, *, concurrency: int = 16) -> AsyncIterator[Measured]:
        """Every trial of every side, each as soon as it has its verdict."""
        if trials < 1 or concurrency < 1:
            raise UsageError("there is nothing to play", hint="at least one trial, one at a time")
        pairs = order_of_pairs(self.sides[0].suite.cases, trials, seed, len(self.sides))
        waiting = iter([(self.sides[at], case, number) for case, number, order in pairs for at in order])
        under_way: set[asyncio.Task[Measured]] = set()
        try:
            while True:
                while len(under_way) < concurrency and (one := next(waiting, None)) is not None:
                    under_way.add(asyncio.create_task(self._one(*one)))
                if not under_way:
                    return
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                wrong = [error for task in done if (error := task.exception()) is not None]
                if wrong:
                    raise wrong[0]
                for task in done:
                    yield task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _one(self, side: Side, case: Case, number: int) -> Measured:
        player = self.players[side.letter]
        trial = await player.one(case, number)
        return measured(side.letter, trial, await runs_of(player.runner, trial.run))


@asynccontextmanager
async def match(journal: str, sides: Sequence[Side], *, label: str, faults: Plan | None = None) -> AsyncIterator[Match]:
    """A comparison in a journal, each side with a runner of its own. Raises InputError where a world does not fit."""
    store = open_journal(journal)
    try:
        async with AsyncExitStack() as stack:
            ready = [await fitted(side, sides[0]) for side in sides]
            players = {}
            for side in ready:
                opened = DrillRunner.open(store, agents=[side.agent], model=side.models, drives=False)
                runner = await stack.enter_async_context(opened)
                assert isinstance(runner, DrillRunner)
                players[side.letter] = SidePlayer(
                    runner, side.suite, label=f"compare:{label}:{side.letter}", faults=faults
                )
            yield Match(ready, players)
    finally:
        await store.close()
