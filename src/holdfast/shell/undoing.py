"""Undoing a run: a run of its own, whose writes take back, newest first, what the other one did.

It is driven like any other run, so each compensation is judged, recorded, never repeated blindly, and put before a person
where its outcome is unknown. Its contract follows from the agent's: the undo of every tool that declares one, and for what a
person had to allow, by which rule, the same people have to agree that it is taken back. Its model is the plan (`models.undo`).

Which runs undo a run is told by their request keys, `undo:RUN:1`, `undo:RUN:2`, …: there is one at a time, each plans what
those before it left, and a call that one of them took back, or left in doubt, is in no plan again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel

from holdfast.agent import Agent
from holdfast.conditions import MAX_ITEMS
from holdfast.contract import Grant
from holdfast.errors import Conflict, ContractError, NotAllowed, UsageError
from holdfast.events import CallUndone, Mode, RunOpened
from holdfast.journal.port import Row, Where
from holdfast.models.undo import NAME, RECORD
from holdfast.tool import Call, Tool
from holdfast.tool import read as read_tool
from holdfast.views import undo
from holdfast.views.undo import Plan

if TYPE_CHECKING:
    from holdfast.events import Entry
    from holdfast.shell.run import Run
    from holdfast.shell.runner import Runner

WAS_REVIEWED: Final = 'input.calls.exists(c, c.undo == "{undo}" && c.args == args && "{rule}" in c.reviewed)'
"""Holds for what is taken back of a call that a person had to allow by a rule."""

MOST: Final = 100_000_000
"""Bytes of a plan and of what its steps gave."""

NAME_LENGTH: Final = 59
"""Characters of an agent's name that its undoing keeps."""


class Reversal(BaseModel):
    """One call that is taken back: by which tool, called with what."""

    call: int
    tool: str
    undo: str
    args: dict[str, Any]
    reviewed: list[str]


class Order(BaseModel):
    """What is taken back, in this order."""

    run: str
    calls: list[Reversal]


class Undone(BaseModel):
    """How many calls of a run were taken back, or would have been."""

    run: str
    undone: int
    simulated: int


class Left(BaseModel):
    """What became of the steps of a run that undoes another one."""

    undone: int
    simulated: int
    left: int


Undoing: TypeAlias = Agent[Order, Undone]


class Origin:
    """How a run that undoes another one reaches that one's journal."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def note(self, run: str) -> Left:
        """Say in the other run which of its calls this one took back; what was said already is not said again."""
        mine = await self._runner.entries(run)
        fates = undo.taken_back(mine)
        other = (await self._runner.state(run)).opened.undoes
        said = {e.event.call for e in await self._runner.entries(other) if isinstance(e.event, CallUndone)}
        done = [call for call, fate in fates.items() if fate == "done"]
        for call in done:
            if call not in said:
                await self._say(other, CallUndone(call, run))
        simulated = sum(fate == "simulated" for fate in fates.values())
        return Left(undone=len(done), simulated=simulated, left=len(fates) - len(done) - simulated)

    async def _say(self, run: str, fact: CallUndone) -> None:
        await self._runner.put(run, lambda _: fact, actor=self._runner.worker)


@read_tool(timeout=60, trust="trusted", name=RECORD)
async def record_undone(*, at: Call, origin: Origin) -> Left:
    """Note in the other run which of its calls were taken back, and count them."""
    return await origin.note(at.run)


@lru_cache(maxsize=256)
def undoing(agent: Agent[Any, Any]) -> Undoing | None:
    """The agent that takes back what an agent did; None where none of its tools declares an undo.

    Raises ContractError for an undo that does not fit its tool, and for two of one name.
    """
    tools: dict[Tool[..., Any], Grant] = {record_undone: Grant()}
    shared: dict[Any, Tool[..., Any]] = {}
    for name, made in agent.tools.items():
        if made.reversal is not None:
            back = shared.setdefault(made.reversal.function, made.reversal)  # two tools may name one function
            reviews = [
                rule.model_copy(update={"when": WAS_REVIEWED.format(undo=back.name, rule=f"tools.{name}.review[{at}]")})
                for at, rule in enumerate(agent.contract.tools[name].review)
            ]
            tools[back] = Grant(review=[*tools.get(back, Grant()).review, *reviews])
    if len(tools) == 1:
        return None
    try:
        return Agent(
            name=f"{agent.name[:NAME_LENGTH]}-undo", task=f"Take back what a run of {agent.name} did, newest first.",
            takes=Order, gives=Undone, tools=tools, models=[NAME],
            worth=agent.contract.worth.model_dump(),
            limits={"steps": MAX_ITEMS + 2, "usd": None, "work": "1d", "retries": 100, "context": MOST},
        )  # fmt: skip
    except ContractError as error:
        raise ContractError(f"what agent {agent.name} did cannot be undone: {error.what}", hint=error.hint) from None


async def plan_of(runner: Runner, run: str, after: int = 0) -> Plan:
    """What undoing a closed run would do. Raises NotAllowed for one that is open, or is being undone."""
    state = await runner.state(run)
    agent = runner.agents.get(state.opened.agent)
    if agent is None:
        raise UsageError(
            f"the code of its agent, {state.opened.agent}, is not here", run=run, hint="open the runner with that agent"
        )
    if state.opened.undoes:
        raise NotAllowed(
            f"it took back run {state.opened.undoes}", run=run, hint="do again what is wanted in a new run"
        )
    if state.closed is None:
        raise NotAllowed("it is still open", run=run, hint=f"holdfast cancel {run}, and undo it when it has ended")
    before: list[list[Entry]] = []
    async for row in _earlier(runner, run):
        if row.status != "closed":
            raise NotAllowed(f"run {row.run} is undoing it", run=run, hint=f"holdfast show {row.run}")
        before.append(await runner.entries(row.run))
    return undo.plan(await runner.entries(run), agent.tools, after=after, before=before)


async def carry_out(runner: Runner, plan: Plan, *, by: str) -> Run[Undone]:
    """Open the run that does what a plan says, and begin to drive it.

    Raises Conflict where the plan is not today's any more, NotAllowed where there is nothing in it to do.
    """
    state = await runner.state(plan.run)
    if await plan_of(runner, plan.run, plan.after) != plan:
        raise Conflict("what undoing it would do has changed since it was planned", run=plan.run, hint="plan it again")
    agent = undoing(runner.agents[state.opened.agent])
    if agent is None or not plan.ready:
        raise NotAllowed("nothing of it can be taken back", run=plan.run, hint=f"holdfast undo {plan.run} says why")
    if len(plan.ready) > MAX_ITEMS:
        last = plan.ready[MAX_ITEMS - 1].call
        raise NotAllowed(
            f"{len(plan.ready)} calls are more than one run takes back",
            run=plan.run,
            hint=f"the newest first: --to {last}",
        )
    return await runner.start(
        agent, _order(plan), key=_key(plan.run, plan.number), by=by, on_behalf_of=state.opened.on_behalf_of,
        tenant=state.opened.tenant, tags=state.opened.tags, mode=_mode(runner.mode, state.opened), undoes=plan.run,
    )  # fmt: skip


def _order(plan: Plan) -> Order:
    calls = [
        Reversal(call=step.call, tool=step.tool, undo=step.undo, args=step.given, reviewed=list(step.reviewed))
        for step in plan.ready
    ]
    return Order(run=plan.run, calls=calls)


async def _earlier(runner: Runner, run: str) -> AsyncIterator[Row]:
    """The rows of the runs that undo a run, oldest first."""
    number = 1
    while rows := await runner.find(Where(key=_key(run, number), limit=1)):
        yield rows[0]
        number += 1


def _key(run: str, number: int) -> str:
    return f"undo:{run}:{number}"


def _mode(ours: Mode, opened: RunOpened) -> Mode:
    """The mode that lets less happen, ours or the run's; a fork that was let write at all wrote under supervision."""
    theirs: Mode = "supervise" if opened.live else opened.mode
    order: tuple[Mode, ...] = ("simulate", "supervise", "live")
    return min(ours, theirs, key=order.index)
