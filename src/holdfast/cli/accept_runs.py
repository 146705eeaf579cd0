"""`holdfast accept --run`, `--waiting`: open runs go on under the agent's contract as it is now, from where they stand."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from holdfast.agent import Agent
from holdfast.cli import agents, diff, environment, out, reading
from holdfast.cli.accept import Order
from holdfast.cli.acting import acting
from holdfast.errors import HoldfastError
from holdfast.journal import walk
from holdfast.journal.port import Where
from holdfast.shell import adopting
from holdfast.shell.runner import Runner
from holdfast.views.backtest import Call, Tested


class Otherwise(Struct, frozen=True, kw_only=True):
    """A call of the past that would go otherwise now."""

    seq: int
    tool: str
    before: str
    after: str
    because: str


class Taken(Struct, frozen=True, kw_only=True):
    """A run, and whether it goes on under the contract."""

    run: str
    contract: str = ""
    refused: str = ""
    """Why it stays as it is."""
    calls: int = 0
    """Calls of its past that were decided again."""
    otherwise: tuple[Otherwise, ...] = ()
    limits: tuple[str, ...] = ()
    """Ceilings of the contract that it is over already."""


def adopt(order: Order, runs: tuple[str, ...], waiting: bool) -> int:
    """Put them under it; the exit code: 1 where one that was named stays as it is."""
    acting(environment.settings(), order.by)
    agent = agents.load_folder(order.where).agent
    found = asyncio.run(_all(order, agent, runs, waiting))
    if order.as_json:
        out.give(found)
    else:
        from holdfast.cli.accept_text import taken

        out.show(*taken(found, order))
    return 1 if runs and any(one.refused for one in found) else 0


async def _all(order: Order, agent: Agent[Any, Any], runs: tuple[str, ...], waiting: bool) -> list[Taken]:
    reading.must_exist(order.url)
    async with Runner.open(order.url, agents=[agent], drives=False, **environment.people()) as runner:
        named = [(await reading.find_row(runner.journal, name)).run for name in runs]
        if waiting:
            rows = walk.rows(runner.journal, Where(agent=agent.name, parent=""))
            named += [
                row.run async for row in rows if row.status != "closed" and not row.apart and row.run not in named
            ]
        found = [await _one(order, runner, agent, run) for run in named]
        await order.looks.record(order.url, runner.journal)
        return found


async def _one(order: Order, runner: Runner, agent: Agent[Any, Any], run: str) -> Taken:
    state = await runner.state(run)
    contract = adopting.contract_for(state, agent)
    if wrong := adopting.hindrance(state, agent, contract):
        return Taken(run=run, refused=wrong)
    entries = await reading.entries(runner.journal, run)
    tested = diff.as_shown(adopting.past(state, entries, agent, contract), entries, order.looks)
    if not order.only_looks:
        try:
            await adopting.adopt(runner, run, agent, contract, by=order.by, actor=f"cli:{order.by}")
        except HoldfastError as error:
            return Taken(run=run, refused=error.what)
    return Taken(
        run=run, contract=contract.digest, calls=tested.calls + tested.later, otherwise=_otherwise(tested),
        limits=tuple(tested.limits),
    )  # fmt: skip


def _otherwise(tested: Tested) -> tuple[Otherwise, ...]:
    return tuple(
        Otherwise(
            seq=call.seq, tool=call.tool, before=_SAID[call.before.verdict], after=_SAID[call.after.verdict],
            because=_why(call),
        )
        for call in tested.differing
    )  # fmt: skip


def _why(call: Call) -> str:
    rules = call.before.rules if call.change == "allowed" else call.after.rules
    return rules[0].because if rules else ""


_SAID = {"allow": "allowed", "review": "reviewed", "refuse": "refused"}
