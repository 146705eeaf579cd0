"""What a user holds of a run: its outcomes, and a handle on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from holdfast import units
from holdfast.agent import Agent
from holdfast.codec import value_of
from holdfast.core.fork import own
from holdfast.core.pending import Outlook
from holdfast.core.state import State
from holdfast.errors import Bug

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from holdfast.dialogue import Attached
    from holdfast.events import Entry
    from holdfast.files import Attachment
    from holdfast.shell.runner import Runner

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, kw_only=True)
class _Ended:
    why: str
    """One sentence for people."""
    run: str
    usd: str
    """What it cost, as far as anybody told."""
    unresolved: tuple[int, ...] = ()
    """Writes nobody could settle; see `holdfast review`."""


@dataclass(frozen=True)
class Done(Generic[Out]):
    """The task was finished, and the contract accepts what it states."""

    output: Out
    run: str
    usd: str


class Declined(_Ended):
    """The agent found that the task is not its own, or must not be done."""


class Escalated(_Ended):
    """A person took it on."""


class Stopped(_Ended):
    """A limit, a rule or a person stopped it."""


class Failed(_Ended):
    """It could not be done; `why` says whose fault that is."""


class Cancelled(_Ended):
    """Somebody cancelled it."""


@dataclass(frozen=True)
class Waiting:
    """Not over: it waits, and the process may exit."""

    on: str
    """`requester`, `person`, a role, or `time`."""
    until: int | None
    """µs since 1970 when it goes on by itself; None: when somebody answers."""
    run: str = field(default="")


Outcome: TypeAlias = Done[Out] | Declined | Escalated | Stopped | Failed | Cancelled
Result: TypeAlias = Outcome[Out] | Waiting

_ENDS: dict[str, type[_Ended]] = {
    "declined": Declined, "escalated": Escalated, "stopped": Stopped, "failed": Failed, "cancelled": Cancelled,
}  # fmt: skip


def result_of(agent: Agent[In, Out], state: State, stands: Outlook) -> Result[Out]:
    """How a run stands, as a user wants to know it."""
    closed = state.closed
    if closed is None:
        return Waiting(stands.waits_for or "time", stands.due, state.run)
    usd = units.say_usd(own(state).charged)
    if closed.outcome == "done":
        value = value_of(closed.output)
        return Done(agent.gives.python(value), state.run, usd)
    kind = _ENDS.get(closed.outcome)
    if kind is None:
        raise Bug(f"a run ended as {closed.outcome}", run=state.run, seq=state.seq)
    return kind(why=closed.reason, run=state.run, usd=usd, unresolved=state.unresolved)  # type: ignore[return-value]  # all five are outcomes


class Run(Generic[Out]):
    """A handle on one run. It holds nothing: the run is its journal."""

    def __init__(self, runner: Runner, agent: Agent[In, Out], name: str) -> None:
        self._runner = runner
        self._agent = agent
        self.name = name

    def __repr__(self) -> str:
        return f"<Run {self.name}>"

    async def result(self) -> Result[Out]:
        """Drive it here until it is closed or waits for somebody. Waits for time, and for another worker at it, are waited out."""
        state, stands = await self._runner.attend(self.name)
        return result_of(self._agent, state, stands)

    async def state(self) -> State:
        """What is known of it now."""
        return await self._runner.state(self.name)

    async def say(self, text: str, *attached: Attached | Attachment, by: str = "", ends: bool = False) -> None:
        """Speak to the agent as the requester. ends: nothing more will be said, and no answer is awaited."""
        await self._runner.say(self.name, text, *attached, by=by, ends=ends)

    async def cancel(self, by: str, because: str = "") -> None:
        """Ask it to end. What is being written is awaited; nothing new starts."""
        await self._runner.cancel(self.name, by=by, because=because)

    async def entries(self) -> list[Entry]:
        """Its journal."""
        return await self._runner.entries(self.name)

    async def follow(self) -> AsyncIterator[Entry]:
        """Its entries as they come, until it is closed."""
        async for entry in self._runner.follow(self.name):
            yield entry
