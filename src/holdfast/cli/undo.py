"""`holdfast undo`: what of a run can be taken back, and taking it back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from functools import partial
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from holdfast.cli import agents, out, reading, relatives
from holdfast.cli.operate import actor
from holdfast.cli.options import DEFAULT, AgentPath, AsJson, Journal, ModeName, RunName, Settings, Work, pairs
from holdfast.cli.progress import watching
from holdfast.cli.standing import Standing, report, standing
from holdfast.cli.viewing import Viewer, named
from holdfast.cli.viewing_runs import seen_standing
from holdfast.events import Mode
from holdfast.journal.port import Row
from holdfast.shell.runner import Runner
from holdfast.views.undo import Plan, elsewhere
from holdfast.views.visible import visible

replace = msgspec.structs.replace


class Wish(Struct, frozen=True, kw_only=True):
    """What `undo` is to do."""

    run: str
    journal: str
    after: int
    yes: bool
    by: str
    agent: str
    mode: Mode
    settings: Mapping[str, str]
    as_json: bool
    looks: Viewer


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def undo(  # noqa: PLR0917 - a command's arguments and options
        run: RunName,
        to: Annotated[
            int, typer.Option("--to", metavar="SEQ", help="Back to this entry: only what was begun after it.", min=0)
        ] = 0,
        yes: Annotated[bool, typer.Option("--yes", help="Do it, without asking; else the plan is shown.")] = False,
        agent: AgentPath = "",
        by: Annotated[str, typer.Option("--as", "--by", metavar="NAME", help="Who takes it back.")] = "",
        mode: ModeName = "live",
        setting: Settings = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Show what of a run can be taken back, newest first; take it back, in a run of its own."""
        wish = Wish(
            run=run, journal=journal, after=to, yes=yes, by=by or out.me(), agent=agent, mode=mode,
            settings=pairs(setting, "--setting"), as_json=as_json, looks=Viewer("undo", named(by)),
        )  # fmt: skip
        return partial(_undo, wish)


def _undo(wish: Wish) -> int:
    row = asyncio.run(_row(wish))
    loaded = agents.load_parked(wish.agent or row.tags.get("agent_path", ""), row)
    done = asyncio.run(_carried_out(wish, loaded, row))
    if done is None:
        return 0
    report(done, as_json=wish.as_json)
    return 1 if done.outcome == "declined" else done.code  # what was to be taken back was not, or not all of it


async def _row(wish: Wish) -> Row:
    async with reading.looking(wish.journal) as journal:
        return await reading.find_row(journal, wish.run)


async def _carried_out(wish: Wish, loaded: agents.Loaded, row: Row) -> Standing | None:
    async with agents.opened(wish.journal, [loaded], settings=wish.settings, mode=wish.mode) as runner:
        plan = await runner.plan_undo(row.run, after=wish.after)
        if not _is_wanted(wish, plan, await _shown(wish, plan, runner), runner):
            return None
        run = await runner.undo(plan, by=actor(wish.by))
        async with watching(runner, run.name, wish.looks):
            found = standing(*await runner.attend(run.name))
        return await seen_standing(found, runner, wish.looks)


async def _shown(wish: Wish, plan: Plan, runner: Runner) -> Plan:
    """The plan, as it is shown to who looks, with what runs below did that is not in it."""
    below = await relatives.entries_below(runner.journal, await runner.entries(plan.run))
    tools = {one.name: one.tools for agent in runner.agents.values() for one in agent.family}
    plan = replace(plan, below=elsewhere(below.values(), tools))
    _, glass = visible(await runner.entries(plan.run), wish.looks.sees)
    wish.looks.runs[plan.run] = None
    if glass is not None:
        steps = [
            replace(
                step, args=glass.value(step.args), given=glass.value(step.given), effect_id=glass.text(step.effect_id)
            )
            for step in plan.steps
        ]
        plan = replace(plan, steps=tuple(steps))
        wish.looks.noticed(glass)
    await wish.looks.record(wish.journal, runner.journal)
    return plan


def _is_wanted(wish: Wish, plan: Plan, shown: Plan, runner: Runner) -> bool:
    """Show the plan, as it is shown to who looks; whether it is to be carried out."""
    if wish.yes and wish.as_json:
        return True
    if wish.as_json:
        out.give(shown)
        return False
    from holdfast.cli.undo_text import text

    out.show(*text(shown, {one.name: one for agent in runner.agents.values() for one in agent.family}))
    if not plan.ready or wish.yes:
        return bool(plan.ready)
    if sys.stdin.isatty() and sys.stdout.isatty():
        return typer.confirm(f"Take {'this' if len(plan.ready) == 1 else 'these'} back?")
    print(f"nothing was done; to do it: holdfast undo {plan.run} --yes")
    return False
