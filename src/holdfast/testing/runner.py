"""A desk for tests: an agent over a journal in memory, with a scripted model, objects for resources, and time that jumps.

    async with TestRunner(agent, model=script(...), resources=[Shop()]) as desk:
        run = await desk.run("A room for 40 on Friday", by="ana")
        assert run.outcome == "waiting"
        await desk.approve(run, by="kim")
        assert run.output.room == "Hall"

Everything a run needs is done when a method returns: it is closed, or it waits for somebody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, Final, Generic, Literal, Self, TypeVar

from holdfast.agent import Agent
from holdfast.core.pending import Outlook, Tend, outlook_after, pending
from holdfast.core.state import Moment, State
from holdfast.dialogue import Attached
from holdfast.errors import UsageError
from holdfast.events import Json, Mode
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.models.port import Model
from holdfast.shell.driver import LINGER
from holdfast.shell.runner import Runner
from holdfast.testing.clock import MONDAY, Clock
from holdfast.testing.ran import Ran

In = TypeVar("In")
Out = TypeVar("Out")

TICK: Final = 0.005
"""Seconds after which it is looked whether a run that is not over only waits for time."""


class TestRunner(Generic[In, Out]):
    """Opens runs of one agent, plays the people in them, and lets time pass.

    model: answers in the place of the contract's models; a mapping by name; None: they answer themselves. resources: what the
    tools want after their `*`, by type. clock: `virtual` jumps over waits, `real` waits them out. starts: when it begins.
    """

    __test__ = False

    def __init__(
        self, agent: Agent[In, Out], *, model: Model | Mapping[str, Model] | None = None, resources: Sequence[object] = (),
        mode: Mode = "live", clock: Literal["virtual", "real"] = "virtual", starts: datetime = MONDAY,
    ) -> None:  # fmt: skip
        self.agent = agent
        self.clock = Clock(starts if clock == "virtual" else None)
        self._jumps = clock == "virtual"
        self._parts: dict[str, Any] = {"model": model, "mode": mode, "resources": _given(resources)}
        self._stack = AsyncExitStack()
        self._runner: Runner | None = None
        self._ran: dict[str, Ran[Out]] = {}

    async def __aenter__(self) -> Self:
        """Open it. Raises ContractError and SettingsError as a runner does."""
        journal = MemoryJournal(clock=self.clock)
        opened = Runner.open(journal, agents=[self.agent], drives=False, **self._parts)
        self._runner = await self._stack.enter_async_context(opened)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def runner(self) -> Runner:
        """The ordinary runner below, for what has no method here."""
        if self._runner is None:
            raise UsageError("this test runner is not open", hint="async with TestRunner(...) as desk")
        return self._runner

    async def run(
        self, given: In | Json, *, by: str = "tester", on_behalf_of: str = "", key: str = "", tags: Mapping[str, str] | None = None,
        attachments: Sequence[Attached] = (),
    ) -> Ran[Out]:  # fmt: skip
        """Open a run, and drive it until it is closed or waits for somebody."""
        made = await self.runner.start(
            self.agent, given, key=key, by=by, on_behalf_of=on_behalf_of, tags=tags, attachments=attachments
        )
        ran = self._ran.setdefault(made.name, Ran(made.name, self.agent))
        return await self._drive(ran)

    # ---- people

    async def decide(self, run: Ran[Out], verdict: str, *, by: str, text: str = "", question: int = 0) -> Ran[Out]:
        """Answer the open question of a run. question: which one, where there are several. Raises NotAllowed, UsageError."""
        await self.runner.answer(run.name, question or run.question, verdict, by=by, text=text)
        return await self._drive(run)

    async def approve(self, run: Ran[Out], *, by: str, question: int = 0) -> Ran[Out]:
        """Say yes to what is reviewed."""
        return await self.decide(run, "approve", by=by, question=question)

    async def deny(self, run: Ran[Out], *, by: str, text: str = "", question: int = 0) -> Ran[Out]:
        """Say no to what is reviewed."""
        return await self.decide(run, "deny", by=by, text=text, question=question)

    async def amend(self, run: Ran[Out], changes: Mapping[str, Json], *, by: str, question: int = 0) -> Ran[Out]:
        """Change arguments of what is reviewed, or fields of an output."""
        await self.runner.amend(run.name, question or run.question, changes, by=by)
        return await self._drive(run)

    async def answer(self, run: Ran[Out], text: str, *, by: str = "tester", question: int = 0) -> Ran[Out]:
        """Answer what the agent asks."""
        return await self.decide(run, "answer", by=by, text=text, question=question)

    async def say(self, run: Ran[Out], text: str, *, by: str = "", ends: bool = False) -> Ran[Out]:
        """Speak as the requester. ends: that was all."""
        await self.runner.say(run.name, text, by=by, ends=ends)
        return await self._drive(run)

    async def settle(
        self, run: Ran[Out], verdict: Literal["happened", "did_not", "stop"], *, by: str, result: Json = None
    ) -> Ran[Out]:
        """Say what became of the write in doubt."""
        call = next((one.call for one in run.questions if one.about == "doubt"), 0)
        await self.runner.settle(run.name, call, verdict, by=by, result=result)
        return await self._drive(run)

    async def cancel(self, run: Ran[Out], *, by: str, because: str = "") -> Ran[Out]:
        """End a run."""
        await self.runner.cancel(run.name, by=by, because=because)
        return await self._drive(run)

    # ---- time

    async def advance(self, by: str) -> None:
        """Let time pass, like `"4h"`, and do what is due then in every run. Raises UsageError for a real clock."""
        if not self._jumps:
            raise UsageError("a real clock cannot be advanced", hint='TestRunner(..., clock="virtual")')
        self.clock.advance(by)
        for ran in [one for one in self._ran.values() if one.outcome == "waiting"]:
            await self._drive(ran)

    async def _drive(self, ran: Ran[Out]) -> Ran[Out]:
        """Drive a run; where all that is open only waits for time, go there."""
        attending = asyncio.create_task(self.runner.attend(ran.name))
        try:
            while not (await asyncio.wait({attending}, timeout=TICK if self._jumps else None))[0]:
                if await self._jump():
                    attending.cancel()  # it sleeps by the old time
                    await asyncio.wait({attending})
                    attending = asyncio.create_task(self.runner.attend(ran.name))
            attending.result()
        finally:
            attending.cancel()
        for one in self._ran.values():
            one.entries = tuple(await self.runner.entries(one.name))
        return ran

    async def _jump(self) -> bool:
        """Go to the next moment at which anything happens by itself; False while somebody is at work."""
        runner, now, moments = self.runner, self.clock(), list[int]()
        for row in await runner.find(Where(limit=1_000)):
            if row.status == "closed":
                continue
            stands = await self._stands(await runner.state(row.run))
            if stands.status == "closed":
                continue
            if stands.status == "working":
                return False
            if stands.due is not None and (stands.waits_for == "time" or stands.due <= now + LINGER):
                moments.append(stands.due)
        if not moments or min(moments) <= now:
            return False
        self.clock.advance(min(moments) - now)
        return True

    async def _stands(self, state: State) -> Outlook:
        """How a run stands; working where anything follows from its entries, or is being done."""
        agent = self.runner.agents[state.opened.agent]
        bound = agent.under(state.contract_digest, state.contract, state.run)
        secret = await self.runner.journal.secret(state.opened.tree or state.run) or b""
        moment = Moment(
            at=max(self.clock(), state.at), worker=self.runner.worker, secret=secret, epoch=self.runner.journal.epoch()
        )
        if state.closed is None and any(not isinstance(one, Tend) for one in pending(bound, state, moment)):
            return Outlook("working", 0)
        return outlook_after(bound, state, moment)


def _given(resources: Sequence[object]) -> Callable[[Mapping[str, str]], Any]:
    @asynccontextmanager
    async def give(_: Mapping[str, str]) -> AsyncIterator[tuple[object, ...]]:
        yield tuple(resources)

    return give
