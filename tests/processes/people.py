"""People: a reviewer with a console of their own on the journal. They drive nothing; they read, answer and settle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

from holdfast import Runner
from holdfast.core.state import Question, State
from holdfast.errors import NotAllowed
from holdfast.events import Entry
from holdfast.journal.port import Row, Where
from tests.processes.ledger import Ledger
from tests.processes.yard import PATIENCE

RITA = "rita"
ALL = 1_000_000


class Console:
    """What a reviewer does at a runner that knows no agent."""

    def __init__(self, runner: Runner, ledger: Ledger) -> None:
        self.runner = runner
        self.ledger = ledger

    async def rows(self) -> list[Row]:
        """All runs there are."""
        return await self.runner.find(Where(limit=ALL))

    async def runs(self) -> dict[str, list[Entry]]:
        """The entries of all runs; each chain holds, or this raises."""
        return {row.run: await self.runner.entries(row.run) for row in await self.rows()}

    async def named(self, order: str) -> str:
        """The run of an order."""
        (row,) = await self.runner.find(Where(key=order))
        return row.run

    async def state(self, order: str) -> State:
        """What is known of an order's run."""
        return await self.runner.state(await self.named(order))

    async def questions(self, about: str) -> list[tuple[State, Question]]:
        """The open questions of one kind."""
        rows = await self.runner.find(Where(questions=True, limit=ALL))
        states = [await self.runner.state(row.run) for row in rows]
        return [(state, one) for state in states for one in state.questions.values() if one.asked.about == about]

    async def approve(self) -> int:
        """Say yes to every proposal that waits; how many."""
        asked = await self.questions("review")
        for state, one in asked:
            with suppress(NotAllowed):  # it moved on while it was being read
                await self.runner.answer(state.run, one.seq, "approve", by=RITA)
        return len(asked)

    @asynccontextmanager
    async def approving(self) -> AsyncIterator[None]:
        """Sit there and say yes, for the length of a `with`."""

        async def sit() -> None:
            while True:
                await self.approve()
                await asyncio.sleep(0.05)

        sitting = asyncio.create_task(sit())
        try:
            yield
        finally:
            sitting.cancel()
            with suppress(asyncio.CancelledError):
                await sitting

    async def settle_all(self) -> None:
        """Settle what is in doubt until every run is over."""
        async with asyncio.timeout(PATIENCE):
            while not await self.is_over():
                await self.settle()
                await asyncio.sleep(0.02)

    async def settle(self) -> int:
        """Look over at the other side and say of every write in doubt what became of it; how many."""
        asked = await self.questions("doubt")
        happened = {(act.run, act.call) for act in self.ledger.effects()}
        for state, one in asked:
            verdict: Literal["happened", "did_not"] = (
                "happened" if (state.run, one.asked.call) in happened else "did_not"
            )
            with suppress(NotAllowed):
                await self.runner.settle(state.run, one.asked.call, verdict, by=RITA)
        return len(asked)

    async def is_quiet(self) -> bool:
        """Whether every run is closed or in doubt: nothing comes any more unless somebody settles something.

        Asked of the runs themselves: a row goes on saying `working` after a fact that called for nothing.
        """
        before = await self.rows()
        for row in before:
            if row.status != "closed" and not _is_in_doubt(await self.runner.state(row.run)):
                return False
        return await self.rows() == before

    async def is_over(self) -> bool:
        """Whether every run is closed."""
        return all(row.status == "closed" for row in await self.rows())


def _is_in_doubt(state: State) -> bool:
    """Whether a run waits for somebody to settle a write, and for nothing else."""
    if state.closed is not None:
        return True
    doubts = [one for one in state.questions.values() if one.asked.about == "doubt"]
    going = {call.status for call in state.calls.values()} - {"doubt", "answered"}
    asking = state.asking is not None and state.asking.status != "answered"
    return (
        bool(doubts)
        and not going
        and not asking
        and all(state.calls[one.asked.call].status == "doubt" for one in doubts)
    )
