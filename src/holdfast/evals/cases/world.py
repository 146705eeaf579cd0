"""The world a trial meets: resources for real tools, or recorded answers instead of them, and what was changed in it.

An agent's folder says in `world.py` how a throw-away world is made of a case's `state`:

    @asynccontextmanager
    async def world(state):
        shop = Shop.in_memory(state)
        yield World(resources=(shop,), effects=lambda: [Effect("issue_refund", row) for row in shop.refunds()])

`effects` is asked after the run. It is the other side's own account of what happened, and graders and drills believe it and
not the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from msgspec import Struct

from holdfast.core.pending import Effected
from holdfast.core.state import CallState
from holdfast.events import Json
from holdfast.shell.perform import Attempt, Performer
from holdfast.tool import Tool


class Effect(Struct, frozen=True):
    """Something that was changed: by which tool, and as what."""

    tool: str
    args: dict[str, Json]


Serve: TypeAlias = Callable[[str, Tool[..., Any], CallState], Callable[[], object] | None]
"""What answers a call of a run instead of its tool; None where the tool itself does. It may raise what a tool may raise."""


@dataclass(frozen=True)
class World:
    """One throw-away world. resources: what tools want, by type. effects: what was changed, in order."""

    resources: Sequence[object] = ()
    effects: Callable[[], Sequence[Effect]] = tuple
    serve: Serve | None = None
    look_up: Serve | None = None


MakeWorld: TypeAlias = Callable[[Json], AbstractAsyncContextManager[World]]
"""What `world.py` defines as `world`."""


class Stage(Performer):
    """A performer whose tools meet, in each run, the world of that run."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.worlds: dict[str, World] = {}
        self._below: dict[str, str] = {}
        """Child run → the run at the top of its tree, whose world it shares."""

    async def perform(self, request: Effected, attempt: Attempt) -> None:
        """Do what was asked, in the world of the run's tree."""
        self.place(attempt)
        await super().perform(request, attempt)

    def place(self, attempt: Attempt) -> None:
        """Remember to which tree a run belongs."""
        above = attempt.state.opened.parent
        if above is not None:
            self._below[attempt.state.run] = self.top_of(above.run)

    def top_of(self, run: str) -> str:
        """The run at the top of a run's tree, as far as it was seen here; itself where it is that."""
        return self._below.get(run, run)

    def world_of(self, run: str) -> World | None:
        """The world that a run meets."""
        return self.worlds.get(run) or self.worlds.get(self.top_of(run))

    def resources_of(self, run: str) -> Sequence[object]:
        """The resources of a run's own world first."""
        world = self.world_of(run)
        return super().resources_of(run) if world is None else (*world.resources, *super().resources_of(run))

    def work(
        self, tool: Tool[..., Any], function: Callable[..., Any], call: CallState, attempt: Attempt
    ) -> Callable[[], Any]:
        """The call of a tool, or what the run's world answers in its place."""
        run = attempt.state.run
        world = self.world_of(run)
        serve = None if world is None else world.serve if function is tool.function else world.look_up
        served = serve(run, tool, call) if serve is not None else None
        return super().work(tool, function, call, attempt) if served is None else _like(function, served)


def _like(function: Callable[..., Any], served: Callable[[], object]) -> Callable[[], Any]:
    """What is served, awaitable where the function is."""
    import inspect

    if not inspect.iscoroutinefunction(function):
        return served

    async def answer() -> object:
        return served()

    return answer
