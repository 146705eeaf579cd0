"""`holdfast fork`: a run that begins as another one did, with something otherwise; and where the two part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from holdfast import codec
from holdfast.agent import Agent
from holdfast.cli import agents, out, reading
from holdfast.cli.options import DEFAULT, AgentPath, AsJson, Journal, RunName, Settings, Work, pairs
from holdfast.cli.progress import watching
from holdfast.cli.run import read_input
from holdfast.cli.standing import Standing, next_step, panel, standing
from holdfast.cli.viewing import Viewer, named
from holdfast.cli.viewing_runs import seen_standing
from holdfast.errors import InputError, UsageError
from holdfast.events import Entry, Json
from holdfast.journal.port import Row
from holdfast.shell.runner import Runner
from holdfast.views.parting import Parting, parting
from holdfast.views.visible import References


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be forked, and what is to be otherwise."""

    run: str
    at: int
    by: str
    model: str = ""
    contract: str = ""
    instructions: str = ""
    edits: Mapping[int, Json] = {}
    live: tuple[str, ...] = ()
    key: str = ""
    agent: str = ""
    settings: Mapping[str, str] = {}
    journal: str = DEFAULT
    as_json: bool = False
    looks: Viewer


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def fork(  # noqa: PLR0917 - a command's arguments and options
        run: RunName,
        at: Annotated[int, typer.Option("--at", metavar="SEQ", help="The last entry that the fork has from it.")],
        model: Annotated[str, typer.Option(help="Another model: provider:model, or standin.")] = "",
        contract: Annotated[
            str, typer.Option("--contract", metavar="AGENT", help="Another contract: that of an agent's folder.")
        ] = "",
        instructions: Annotated[str, typer.Option(metavar="FILE", help="Other instructions.")] = "",
        edit: Annotated[
            list[str] | None,
            typer.Option("--edit", metavar="SEQ=JSON", help="Another result, for the one in this entry; or SEQ=@FILE."),
        ] = None,
        live: Annotated[
            list[str] | None,
            typer.Option("--live", metavar="TOOL", help="Carry out the writes of this tool; else they are recorded."),
        ] = None,
        key: Annotated[str, typer.Option(help="A request key: the same key is the same fork.")] = "",
        agent: AgentPath = "",
        by: Annotated[str, typer.Option("--as", "--by", metavar="NAME", help="Who forks it.")] = "",
        setting: Settings = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Run again from an entry of a run on, with something otherwise; and show where the two part."""
        wanted = Wanted(
            run=run, at=at, by=by or out.me(), model=model, contract=contract, instructions=instructions, edits=_edits(edit),
            live=tuple(live or ()), key=key, agent=agent, settings=pairs(setting, "--setting"), journal=journal, as_json=as_json,
            looks=Viewer("fork", named(by)),
        )  # fmt: skip
        return partial(_fork, wanted)


def _edits(given: list[str] | None) -> dict[int, Json]:
    """`SEQ=JSON` options. Raises UsageError and InputError."""
    found: dict[int, Json] = {}
    for place, text in pairs(given, "--edit").items():
        if not place.isdecimal():
            raise UsageError(f"--edit {place}=… names no entry", hint="write it like --edit 7='{\"cents\": 400}'")
        try:
            found[int(place)] = codec.parse(read_input(text))
        except (msgspec.DecodeError, RecursionError) as error:
            raise InputError(f"--edit {place}: that is no JSON: {error}", hint="quote it for the shell") from None
    return found


def _fork(wanted: Wanted) -> int:
    row = asyncio.run(_row(wanted))
    where = wanted.agent or row.tags.get("agent_path", "")
    loaded = agents.load_parked(where, row)
    chosen = _chosen(wanted, where)
    contract = chosen.agent if chosen is not None and wanted.contract else None
    model = chosen.agent.contract.models[0] if chosen is not None and contract is None else ""
    if chosen is not None and chosen.notice:
        out.note(chosen.notice)
    began = time.monotonic()
    found, entries = asyncio.run(_run(wanted, loaded, row, model, contract))
    both = parting(*entries)
    if wanted.as_json:
        out.give({"run": found.run, "standing": found, "parting": both})
        return found.code
    from holdfast.cli.fork_text import table

    out.show(panel(found, round((time.monotonic() - began) * 1e6)), *table(both))
    print(f"next: {next_step(found)}")
    return found.code


def _chosen(wanted: Wanted, where: str) -> agents.Loaded | None:
    """Whose contract the fork goes on under, answered by what can answer as in `run`; None: the one in the journal."""
    if not wanted.contract and not wanted.model:
        return None
    path = Path(wanted.contract or where)
    inside = path.name == "contract.yaml" and path.is_file()
    return agents.load_agent(str(path.parent) if inside else wanted.contract or where, wanted.model)


async def _row(wanted: Wanted) -> Row:
    async with reading.looking(wanted.journal) as journal:
        return await reading.find_row(journal, wanted.run)


async def _run(
    wanted: Wanted, loaded: agents.Loaded, row: Row, model: str, contract: Agent[Any, Any] | None
) -> tuple[Standing, tuple[list[Entry], list[Entry]]]:
    """Fork it, say so, and drive the fork: how it stands then, and the entries of both."""
    instructions = read_input(f"@{wanted.instructions}") if wanted.instructions else None
    async with agents.opened(wanted.journal, [loaded], settings=wanted.settings) as runner:
        forked = await runner.fork(
            row.run, wanted.at, by=wanted.by, contract=contract, model=model, instructions=instructions, edit=wanted.edits,
            live=wanted.live, key=wanted.key,
        )  # fmt: skip
        if not wanted.as_json:
            _say(parting(*await _both(wanted, runner, row.run, forked.name)))
        async with watching(runner, forked.name, wanted.looks):
            state, stands = await runner.attend(forked.name)
        found = await seen_standing(standing(state, stands), runner, wanted.looks)
        return found, await _both(wanted, runner, row.run, forked.name)


async def _both(wanted: Wanted, runner: Runner, origin: str, fork: str) -> tuple[list[Entry], list[Entry]]:
    """The entries of both, as they are shown to who looks: what is equal in them has one reference."""
    shared = References()
    one, other = [wanted.looks.shown(await runner.entries(run), shared) for run in (origin, fork)]
    await wanted.looks.record(wanted.journal, runner.journal)
    return one, other


def _say(both: Parting) -> None:
    """What was forked from where, and what is otherwise, before it is driven."""
    from holdfast.cli.fork_text import head

    out.show(*head(both))
