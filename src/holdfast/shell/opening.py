"""Opening a runner, and running one agent to its end."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from holdfast.agent import Agent
from holdfast.errors import UsageError
from holdfast.events import Json
from holdfast.journal.open import open_journal
from holdfast.journal.port import Journal
from holdfast.shell.run import Result
from holdfast.shell.runner import Parts, Runner

In = TypeVar("In")
Out = TypeVar("Out")


class Opening(AbstractAsyncContextManager[Runner]):
    """Opens what a runner needs, in order, and closes it in the reverse order. A journal that was given stays open."""

    def __init__(self, kind: type[Runner], parts: Parts) -> None:
        self._kind = kind
        self._parts = parts
        self._runner: Runner | None = None
        self._own: Journal | None = None

    async def __aenter__(self) -> Runner:
        parts = self._parts
        if isinstance(parts.journal, str):
            journal = self._own = open_journal(parts.journal)
        else:
            journal = parts.journal
        runner = self._kind(journal, mode=parts.mode)
        try:
            await runner.equip(parts)
        except BaseException:
            await runner.close(self._own)
            raise
        self._runner = runner
        return runner

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.close(self._own)


async def run_agent(agent: Agent[In, Out], given: In | Json, **options: Any) -> Result[Out]:
    """Run one agent on one input, to its end or until it waits. `options` are those of `Runner.open`."""
    async with Runner.open(**options) as runner:
        return await (await runner.start(agent, given)).result()


def run_sync(agent: Agent[In, Out], given: In | Json, **options: Any) -> Result[Out]:
    """The same for scripts. Raises UsageError inside a running event loop: use `await run_agent(...)` there."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run_agent(agent, given, **options))
    raise UsageError("run_sync was called inside a running event loop", hint="use `await run_agent(...)`, or a Runner")
