"""`holdfast accept`: the contract that new runs of an agent begin under, all of them or a part; and open runs put under it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec import Struct
from msgspec.structs import replace

from holdfast.agent import Agent
from holdfast.cli import agents, diff, environment, out, reading
from holdfast.cli.acting import acting
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work
from holdfast.cli.viewing import Viewer, named
from holdfast.contract import Contract
from holdfast.core.fold import fold_all
from holdfast.errors import UsageError
from holdfast.journal import walk
from holdfast.journal.port import Journal as Store
from holdfast.journal.port import Where
from holdfast.shell.control import Control, Published
from holdfast.shell.publishing import unfit
from holdfast.views.backtest import Terms, Tested, backtest, together
from holdfast.views.contract_diff import Change, differences

NEWEST: Final = 200
"""Runs that are decided again under both contracts, the newest ones."""


class Order(Struct, frozen=True, kw_only=True):
    """What is to be accepted, and by whom."""

    url: str
    where: str
    by: str
    why: str
    share: int = 100
    only_looks: bool = False
    as_json: bool = False
    looks: Viewer


class Accepted(Struct, frozen=True, kw_only=True):
    """What accepting a contract changes, and what came of it."""

    agent: str
    contract: str
    share: int
    by: str
    why: str
    before: str
    """The contract that new runs began under; empty: nothing says so."""
    entry: int
    """Of the stream `control`; 0: nothing was recorded."""
    note: str
    """Why nothing was, or what else there is to know."""
    changes: tuple[Change, ...]
    tested: Tested | None


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def accept(  # noqa: PLR0917 - a command's arguments and options
        agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its folder, or package.module:name.")],
        share: Annotated[
            str, typer.Option("--share", metavar="PERCENT", help="Of the new runs, by their request keys.")
        ] = "100%",
        listing: Annotated[
            bool, typer.Option("--list", help="What was accepted, and how the runs under each contract went.")
        ] = False,
        back: Annotated[
            bool, typer.Option("--back", help="Accept the one before once more; a contract for a part is given up.")
        ] = False,
        run: Annotated[
            list[str] | None,
            typer.Option("--run", metavar="RUN", help="Put this open run under it; may be repeated."),
        ] = None,
        waiting: Annotated[
            bool, typer.Option("--waiting", help="Put every open run of the agent that can under it.")
        ] = False,
        because: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
        by: Annotated[
            str, typer.Option("--as", "--by", metavar="NAME", help="Who accepts. An assertion, not an identity.")
        ] = "",
        dry: Annotated[bool, typer.Option("--dry-run", help="Say what it would change, and change nothing.")] = False,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Let new runs begin under an agent's contract as it is now, after saying what that changes."""
        if sum((listing, back, bool(run or waiting))) > 1:
            raise UsageError("--list, --back, and runs (--run, --waiting): one of them", hint="one after another")
        if listing:
            from holdfast.cli.accept_list import listed

            return partial(listed, journal, agent, as_json=as_json)
        verb = "accept --run" if run or waiting else "accept"
        order = Order(
            url=journal, where=agent, by=by or out.me(), why=because, share=percent(share), only_looks=dry, as_json=as_json,
            looks=Viewer(verb, named(by)),
        )  # fmt: skip
        if run or waiting:
            from holdfast.cli.accept_runs import adopt

            return partial(adopt, order, tuple(run or ()), waiting)
        return partial(_accept, order, back)


def percent(text: str) -> int:
    """A share: `10%`, or `10`. Raises UsageError."""
    digits = text.strip().removesuffix("%").strip()
    if not digits.isdecimal() or not 0 < int(digits) <= 100:
        raise UsageError(
            f"--share {text} is no share", hint="a whole number of percent from 1 to 100, like --share 10%"
        )
    return int(digits)


def _accept(order: Order, back: bool) -> int:
    acting(environment.settings(), order.by)
    found = asyncio.run(_backed(order) if back else _published(order))
    asyncio.run(order.looks.record(order.url))
    if order.as_json:
        out.give(found)
        return 0
    from holdfast.cli.accept_text import text

    out.show(*text(found, order))
    return 0


# ------------------------------------------------------------------------------------------------- publishing one


async def _published(order: Order) -> Accepted:
    """Accept the agent's contract as it stands in its folder: never one in which a stand-in answers."""
    agent = agents.load_folder(order.where).agent
    async with reading.speaking(order.url) as runner:
        control = Control(runner.journal)
        await control.refresh()
        force = control.in_force(agent.name)
        note = ""
        if force and force[-1].digest == agent.contract.digest and force[-1].share >= order.share:
            note = f"it is accepted already, by {force[-1].by}" + (
                f" for {force[-1].share} %" if force[-1].share < 100 else ""
            )
        elif order.only_looks:
            note = "nothing was recorded"
        return await _made(order, runner.journal, control, agent.contract, agent, note)


async def _backed(order: Order) -> Accepted:
    """Accept the contract for all once more that was in force before; of one for a part, what the others begin under."""
    async with reading.speaking(order.url) as runner:
        control = Control(runner.journal)
        await control.refresh()
        agent, name = agent_at(order.where)
        before = _previous(control, name)
        contract = Contract.parse(before.contract, f"the contract that {before.by} accepted for {name}")
        wrong = unfit(agent, contract) if agent is not None else ""
        note = "nothing was recorded" if order.only_looks else ""
        found = await _made(order, runner.journal, control, contract, agent, note)
        if wrong:
            note = f"{found.note + '; ' if found.note else ''}the code at {order.where} cannot carry it: {wrong}"
            return replace(found, note=note)
        return found


def agent_at(where: str) -> tuple[Agent[Any, Any] | None, str]:
    """(the agent at a place, its name); of one that is only named, no code."""
    if Path(where).exists() or ":" in where:
        agent = agents.load_folder(where).agent
        return agent, agent.name
    return None, where


def _previous(control: Control, name: str) -> Published:
    every, force = [one for one in control.published(name) if one.share == 100], control.in_force(name)
    if not force:
        raise UsageError(f"no contract of {name} was ever accepted", hint=f"holdfast accept {name}")
    if len(force) > 1:
        return force[0]
    earlier = [one for one in every if one.digest != force[0].digest]
    if not earlier:
        raise UsageError(f"no other contract of {name} was accepted before", hint=f"holdfast accept {name} --list")
    return earlier[-1]


async def _made(
    order: Order, journal: Store, control: Control, contract: Contract, agent: Agent[Any, Any] | None, note: str
) -> Accepted:
    """Say what a contract changes against the one in force, and let new runs begin under it where nothing speaks against it."""
    before, tested = await in_force(journal, control, contract.name), None
    changes: tuple[Change, ...] = ()
    if before is not None:
        changes = differences(before, contract)
        if before.digest != contract.digest:
            tested = await _tested(order, journal, agent, before, contract)
    entry = 0
    if not note:
        published = await control.publish(
            contract.name, contract.data, contract.digest, by=order.by, share=order.share, why=order.why, actor=f"cli:{order.by}"
        )  # fmt: skip
        entry = published.seq
    return Accepted(
        agent=contract.name, contract=contract.digest, share=order.share, by=order.by, why=order.why,
        before=before.digest if before is not None else "", entry=entry, note=note, changes=changes, tested=tested,
    )  # fmt: skip


async def in_force(journal: Store, control: Control, name: str) -> Contract | None:
    """What most new runs of an agent begin under: what was accepted for all, and before that what the last one began under."""
    if force := control.in_force(name):
        return Contract.parse(force[0].contract, f"the contract accepted for {name}")
    for row in await journal.find(Where(agent=name, parent="", limit=NEWEST)):
        if not row.apart:
            state = fold_all(await reading.entries(journal, row.run))
            return Contract.parse(state.contract, f"the contract of run {row.run}")
    return None


async def _tested(
    order: Order, journal: Store, agent: Agent[Any, Any] | None, one: Contract, other: Contract
) -> Tested:
    """The newest recorded runs of the agent, decided again under both."""
    predicates = agent.predicates if agent is not None else {}
    terms, found = (Terms(one, predicates), Terms(other, predicates)), list[Tested]()
    async for row in walk.rows(journal, Where(agent=one.name)):
        if row.apart or not (entries := await reading.entries(journal, row.run)):
            continue
        found.append(diff.as_shown(backtest(entries, *terms), entries, order.looks))
        if len(found) == NEWEST:
            break
    return together(found)
