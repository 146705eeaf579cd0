"""`say`, `stop`, `resume`, `cancel`: what people do to a run that is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias, cast, get_args

import typer
from msgspec import Struct

from holdfast import units
from holdfast.cli import agents, out, reading
from holdfast.cli import switch as switch_
from holdfast.cli.options import DEFAULT, AgentPath, AsJson, Attach, By, Journal, RunName, Settings, Work, pairs
from holdfast.cli.progress import watching
from holdfast.cli.standing import Standing, report, standing
from holdfast.cli.viewing import Viewer, beside, named
from holdfast.cli.viewing_runs import seen_standing
from holdfast.core import desk
from holdfast.core.pending import outlook
from holdfast.core.state import State
from holdfast.errors import NotAllowed, UsageError
from holdfast.events import CancelAsked, LimitName, Paused
from holdfast.journal.port import Row, Where
from holdfast.shell.attach import attach, take_in
from holdfast.shell.runner import Runner
from holdfast.shell.worker import Worker

Because = Annotated[str, typer.Option(help="Why; it is recorded.")]
ToolName = Annotated[str, typer.Option("--tool", metavar="NAME", help="Calls of this tool, by all agents.")]

Told: TypeAlias = tuple[State, Standing]
"""What came of an act: what is known of the run, and how it stands."""


class Drive(Struct, frozen=True, kw_only=True):
    """What `resume` is to do."""

    run: str
    journal: str
    agent: str = ""
    by: str = ""
    every: bool = False
    grants: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}
    as_json: bool = False
    looks: Viewer


def actor(name: str) -> str:
    """How the journal says that a name was given on a command line, and not proven."""
    return f"cli:{name}"


def register(app: typer.Typer) -> None:
    """Put the verbs on the command line."""

    @app.command()
    def say(
        run: RunName,
        text: Annotated[str, typer.Argument(metavar="TEXT", help="What you say; - for stdin, @file.")],
        by: Annotated[str, typer.Option("--by", help="Who says it; whom the run is for where it is not given.")] = "",
        ends: Annotated[bool, typer.Option("--ends", help="That was all; no answer is awaited.")] = False,
        files: Attach = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Speak to the agent as the requester."""
        return partial(_say, journal, run, text, files or [], by, ends, as_json)

    @app.command()
    def stop(
        name: Annotated[
            str, typer.Argument(metavar="[RUN|AGENT]", help="A run; or an agent, by its name or folder.")
        ] = "",
        tool: ToolName = "",
        every: Annotated[bool, typer.Option("--all", help="Everything, of all agents.")] = False,
        because: Because = "",
        by: Annotated[str, typer.Option("--as", "--by", metavar="NAME", help="Who stops it.")] = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Let nothing new start in a run, in all of an agent, of a tool, or at all; alone: say what is stopped."""
        switch = switch_.scope_of(tool, every, name)
        if switch is not None:
            return partial(switch_.stop, journal, switch, by=by or out.me(), because=because, as_json=as_json)
        if not name:
            if because or by:
                raise UsageError("nothing is named that is to be stopped", hint="a run, an agent, --tool NAME or --all")
            return partial(switch_.listed, journal, as_json=as_json)
        return partial(_stop, journal, name, because, by, as_json)

    @app.command()
    def cancel(
        run: RunName,
        because: Because = "",
        by: By = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """End a run for good. What is being written is awaited first."""
        return partial(_cancel, journal, run, because, by, as_json)

    @app.command()
    def resume(  # noqa: PLR0917 - a command's arguments and options
        run: Annotated[
            str,
            typer.Argument(metavar="[RUN|AGENT]", help="A run; or an agent that was stopped, by its name or folder."),
        ] = "",
        agent: AgentPath = "",
        tool: ToolName = "",
        every: Annotated[
            bool, typer.Option("--all", help="What was stopped by --all; with --agent, every run of it that can go on.")
        ] = False,
        grant: Annotated[
            list[str] | None,
            typer.Option("--grant", metavar="LIMIT=AMOUNT", help="More of a limit: usd=0.10, steps=5."),
        ] = None,
        by: Annotated[str, typer.Option("--as", "--by", metavar="NAME", help="Who lets it go on.")] = "",
        setting: Settings = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Let a run go on and drive it here, until it ends or waits; or let go on what was stopped for many runs."""
        drive = Drive(
            run=run, journal=journal, agent=agent, by=by or out.me(), every=every, grants=pairs(grant, "--grant"),
            settings=pairs(setting, "--setting"), as_json=as_json, looks=Viewer("resume", named(by)),
        )  # fmt: skip
        if not (agent or grant) and (switch := switch_.scope_of(tool, every, run)) is not None:
            return partial(switch_.resume, journal, switch, by=drive.by, as_json=as_json)
        if tool:
            raise UsageError(
                "--tool says what may go on, and nothing else does with it", hint="holdfast resume --tool NAME"
            )
        return partial(_resume_all if every else _resume, drive)


# --------------------------------------------------------------------------------------------------- what is said


def _say(url: str, name: str, text: str, files: list[Path], by: str, ends: bool, as_json: bool) -> int:
    from holdfast.cli.run import read_input

    words, beside_it = read_input(text), [attach(path) for path in files]

    looks = Viewer("say", beside(by))

    async def speak() -> Told:
        async with reading.speaking(url) as runner:
            run = (await reading.find_row(runner.journal, name)).run
            taken = await take_in(beside_it)
            state = await runner.put(
                run, lambda state: desk.said(state, words, by, taken, ends=ends), actor=actor(by or "requester")
            )
            return await _stands(runner, looks, state, as_json)

    return _told(asyncio.run(speak()), "said", as_json)


def _stop(url: str, name: str, because: str, by: str, as_json: bool) -> int:
    if agent := asyncio.run(_agent(url, name)):
        return switch_.stop(url, ("agent", agent), by=by or out.me(), because=because, as_json=as_json)
    looks, by = Viewer("stop", beside(by)), by or out.me()

    async def pause() -> Told:
        async with reading.speaking(url) as runner:
            run = await _open_run(runner, name)
            state = await runner.put(run, lambda state: None if state.paused else Paused(by, because), actor=actor(by))
            return await _stands(runner, looks, state, as_json)

    return _told(asyncio.run(pause()), "stopped for now: nothing new starts", as_json)


def _cancel(url: str, name: str, because: str, by: str, as_json: bool) -> int:
    looks, by = Viewer("cancel", beside(by)), by or out.me()

    async def end() -> Told:
        async with reading.speaking(url) as runner:
            run = await _open_run(runner, name)
            state = await runner.put(
                run, lambda state: None if state.cancel else CancelAsked(by, because), actor=actor(by)
            )
            return await _stands(runner, looks, state, as_json)

    return _told(asyncio.run(end()), "it will end: nothing new starts, and what is being written is awaited", as_json)


async def _agent(url: str, name: str) -> str:
    """The agent that is meant, where no run is."""
    async with reading.looking(url) as journal:
        return await switch_.agent_of(journal, name)


async def _open_run(runner: Runner, name: str) -> str:
    """The run that is meant. Raises NotAllowed for one that is closed."""
    row = await reading.find_row(runner.journal, name)
    if row.status == "closed":
        raise NotAllowed(f"the run is closed: {row.outcome}", run=row.run, hint="nothing of it is under way")
    return row.run


async def _stands(runner: Runner, looks: Viewer, state: State, as_json: bool) -> Told:
    """How a run stands now, as JSON shows it to who acts; a text for people says nothing of what is in it."""
    found = standing(state, outlook(state))
    return state, await seen_standing(found, runner, looks) if as_json else found


def _told(told: Told, what: str, as_json: bool) -> int:
    """Say that something was recorded, and what takes it up."""
    state, found = told
    if as_json:
        out.give(found)
        return 0
    print(f"{state.run}: {what}")
    if not state.paused or state.cancel:
        print(f"next: holdfast resume {state.run}, where no worker drives it")
    else:
        print(f"next: holdfast resume {state.run}")
    return 0


# ------------------------------------------------------------------------------------------------------ going on


def _resume(drive: Drive) -> int:
    if not drive.run:
        raise UsageError("no run is named", hint="holdfast resume RUN, or holdfast resume --agent PATH --all")
    if not (drive.agent or drive.grants) and (agent := asyncio.run(_agent(drive.journal, drive.run))):
        return switch_.resume(drive.journal, ("agent", agent), by=drive.by, as_json=drive.as_json)
    row = asyncio.run(_row(drive.journal, drive.run))
    grants = _amounts(drive.grants)
    if row.status == "closed":
        raise NotAllowed(f"the run is closed: {row.outcome}", run=row.run, hint=f"holdfast show {row.run}")
    loaded = agents.load_parked(drive.agent or row.tags.get("agent_path", ""), row)
    return report(asyncio.run(_drive(drive, loaded, row, grants)), as_json=drive.as_json)


async def _row(url: str, name: str) -> Row:
    async with reading.looking(url) as journal:
        return await reading.find_row(journal, name)


def _amounts(grants: Mapping[str, str]) -> dict[LimitName, int]:
    """Grants in each limit's own unit. Raises UsageError."""
    found: dict[LimitName, int] = {}
    for name, text in grants.items():
        if name not in get_args(LimitName):
            raise UsageError(f"there is no limit {name}", hint=f"one of {', '.join(get_args(LimitName))}")
        limit = cast("LimitName", name)
        try:
            unit = desk.UNITS.get(limit)
            found[limit] = units.nusd(text) if unit == "dollars" else units.duration(text) if unit else int(text)
        except ValueError as error:
            raise UsageError(f"--grant {name}={text}: {error}", hint="like usd=0.10, wall=2d, steps=5") from None
    return found


async def _drive(drive: Drive, loaded: agents.Loaded, row: Row, grants: Mapping[LimitName, int]) -> Standing:
    async with agents.opened(drive.journal, [loaded], settings=drive.settings) as runner:
        for limit, amount in grants.items():
            await runner.grant(row.run, limit, amount, by=drive.by)
        await runner.resume(row.run, by=drive.by)
        async with watching(runner, row.run, drive.looks):
            found = standing(*await runner.attend(row.run))
        return await seen_standing(found, runner, drive.looks)


def _resume_all(drive: Drive) -> int:
    if drive.run or not drive.agent or drive.grants:
        raise UsageError("--all is about the runs of one agent", hint="holdfast resume --agent PATH --all")
    loaded = agents.load_parked(drive.agent, None)
    before, after = asyncio.run(_drive_all(drive, loaded))
    moved = [row for row in after if row.seq != before.get(row.run, 0)]
    if drive.as_json:
        out.give(
            [
                {"run": row.run, "status": row.status, "outcome": row.outcome, "waits_for": row.waits_for}
                for row in moved
            ]
        )
        return 0
    for row in moved:
        print(f"{row.run}  {row.outcome or f'waits for {row.waits_for}'}")
    left = [row for row in after if row not in moved and row.status != "closed"]
    print(f"{len(moved)} went on; {len(left)} wait, or were stopped and are resumed by their names")
    return 0


async def _drive_all(drive: Drive, loaded: agents.Loaded) -> tuple[dict[str, int], list[Row]]:
    async with agents.opened(drive.journal, [loaded], settings=drive.settings) as runner:
        name = loaded.agent.name
        open_ = [row for row in await runner.find(Where(agent=name, limit=10_000)) if row.status != "closed"]
        await Worker(runner).work(until_idle=True)
        after = [await runner.journal.row(row.run) for row in open_]
        return {row.run: row.seq for row in open_}, [row for row in after if row is not None]
