"""Debugging: a runner in which nothing hurries, nothing happens beside anything else, and every step is told.

A tool, plain or async, runs in the main thread with the terminal as its own, so `breakpoint()` in it works, and the run goes
on where the debugger is left. Nothing is given up meanwhile: leases are a day long, and limits of time are raised by one.
"""

from __future__ import annotations

import asyncio
from bdb import BdbQuit
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from msgspec import structs

from holdfast import units
from holdfast.agent import Agent
from holdfast.core.pending import Effected, Outlook
from holdfast.core.state import State
from holdfast.events import AnyEvent, Entry
from holdfast.shell.perform import Attempt, Performer
from holdfast.shell.runner import Parts, Runner

LEASE: Final = units.DAY
"""µs that an attempt may take."""

BY: Final = "svc:debug"
"""Who raises the limits of time of a run that is debugged."""


class OneByOne(Performer):
    """A performer that does one thing at a time, in the main thread, however long it takes."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._turn = asyncio.Lock()
        self.before: Callable[[str], Awaitable[None]] | None = None
        """Called before each step with the name of its run."""
        self.quit: Callable[[], None] | None = None
        """Called when somebody leaves the debugger with `quit`."""
        self._over = False

    async def perform(self, request: Effected, attempt: Attempt) -> None:
        """Do what was asked, when all that was asked before it is over; nothing, once the debugger was left."""
        async with self._turn:
            if self._over:
                attempt.tell(self.cancelled(request, attempt))
                return
            if self.before is not None:
                await self.before(attempt.state.run)
            await super().perform(request, structs.replace(attempt, ends=self.clock() + LEASE / units.SECOND))

    async def _in_thread(
        self, work: Callable[[], Any], seconds: float, ends: float, late: Callable[[asyncio.Future[Any]], None]
    ) -> Any:
        """Run plain code here and now: a debugger wants the thread that has the terminal."""
        return work()

    def _raised(self, error: BaseException, *rest: Any) -> AnyEvent:
        if isinstance(error, BdbQuit):
            self._over = True
            if self.quit is not None:
                self.quit()
        return super()._raised(error, *rest)


class Debugger(Runner):
    """A runner whose runs are debugged. It drives none by itself: `debug` does."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, performer=OneByOne, **named)
        self._told: dict[str, int] = {}

    async def equip(self, parts: Parts) -> None:
        """Take what it was opened with; runs are driven by `debug` only."""
        await super().equip(structs.replace(parts, drives=False))

    async def debug(self, run: str, tell: Callable[[Entry], None], *, by: str) -> tuple[State, Outlook]:
        """Drive a run to its end, or until it waits for somebody. tell: gets each entry before what follows from it is done.

        Where somebody leaves the debugger with `quit`, the run is cancelled.
        """
        performer, leaving = self._performer, list[asyncio.Task[None]]()
        assert isinstance(performer, OneByOne)

        async def say(name: str) -> None:
            entries = await self.entries(name)
            for entry in entries[self._told.get(name, 0) :]:
                tell(entry)
            self._told[name] = len(entries)

        performer.before = say
        performer.quit = lambda: leaving.append(
            asyncio.create_task(self.cancel(run, by=by, because="the debugger was left"))
        )
        if (await self.state(run)).closed is None:
            await self.grant(run, "work", LEASE, by=BY)
            await self.grant(run, "wall", LEASE, by=BY)
        found = await self.attend(run)
        if leaving:
            await asyncio.gather(*leaving)
            found = await self.attend(run)
        await say(run)
        return found


@contextmanager
def unhurried(agent: Agent[Any, Any]) -> Iterator[None]:
    """Give every tool of an agent, and of those it may call, all the time there is, for the length of a `with`."""
    tools = [tool for one in agent.family for tool in one.tools.values()]
    before = [(tool, tool.timeout) for tool in tools]
    for tool in tools:
        tool.timeout = LEASE
    try:
        yield
    finally:
        for tool, timeout in before:
            tool.timeout = timeout
