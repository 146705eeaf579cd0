"""`stop` and `resume` for many runs at once: those of an agent, calls of a tool, everything; and what is stopped now."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from msgspec import Struct

from holdfast import units
from holdfast.cli import control_text, environment, out, reading
from holdfast.cli.acting import acting
from holdfast.codec import value_of
from holdfast.core import shares
from holdfast.errors import UsageError
from holdfast.events import ContractAdopted, ContractPublished, Json, RunOpened, Scope
from holdfast.journal import walk
from holdfast.journal.port import Journal, Where
from holdfast.shell import bodies
from holdfast.shell.control import Control, Switch, said
from holdfast.views import words
from holdfast.views.access import CONTROL

MANY: Final = 1_000
"""Runs that are counted exactly, of those that wait for a stop to be over."""

WHAT_GOES_ON: Final = (
    "What is being done goes on to its end and is recorded, writes and reads. Nothing new begins: no write, no read, no "
    "request to a model. Questions can be answered and messages sent; they are taken up afterwards. The time that people "
    "have for a decision runs on."
)

WHAT_GOES_ON_WITHOUT: Final = (
    "Its calls that are being done go on to their end and are recorded; none begins any more. Runs that need one wait for "
    "it, and everything else goes on."
)


class Stopped(Struct, frozen=True, kw_only=True):
    """A stop in force, and what stands still for it."""

    scope: Scope
    name: str
    by: str
    why: str
    entry: int
    since: int
    """µs since 1970."""
    waiting: int
    """Runs that wait for its end; those of them that nobody looked at since do not know of it yet."""


# ------------------------------------------------------------------------------------------------------ what is meant


def scope_of(tool: str, every: bool, name: str) -> Switch | None:
    """What `--tool` and `--all` are about; None where neither is given. Raises UsageError for more than one thing."""
    if sum((bool(tool), every, bool(name))) > 1:
        raise UsageError("a run or an agent, --tool NAME or --all: one of them", hint="say them one after another")
    if tool:
        return "tool", tool
    return ("all", "") if every else None


async def agent_of(journal: Journal, name: str) -> str:
    """The agent that is meant by its name or by where it is; empty where a run is meant.

    A run's own name is always a run; an agent's name is that agent, were it a request key too. Raises UsageError where it is none
    of both.
    """
    if await journal.row(name) is not None:
        return ""
    if await _has_runs(journal, name):
        return name
    try:
        await reading.find_row(journal, name)
    except UsageError as error:
        if error.what.startswith("several") or name == CONTROL:
            raise
        if (found := _in_folder(name)) and await _has_runs(journal, found):
            return found
        known = {row.agent async for row in walk.rows(journal)}
        raise UsageError(
            f"there is no run and no agent {name!r} in {journal.url}", hint=_near(name, known, "agents")
        ) from None
    return ""


async def _has_runs(journal: Journal, agent: str) -> bool:
    return bool(agent) and bool(await journal.find(Where(agent=agent, limit=1)))


def _in_folder(name: str) -> str:
    """The name of the agent in a folder; empty where there is none."""
    from holdfast.cli import agents

    return agents.load_folder(name).agent.name if Path(name).is_dir() else ""


async def check_tool(journal: Journal, name: str) -> None:
    """Raise UsageError for a tool that no contract in the journal has: a stop of it would stop nothing."""
    known = set[str]()
    async for tools in _tools(journal):
        if name in tools:
            return
        known |= tools
    raise UsageError(f"no contract in {journal.url} has a tool {name}", hint=_near(name, known, "tools"))


async def _tools(journal: Journal) -> AsyncIterator[set[str]]:
    """The tools of each contract that a run has or had, those in use last first, and of what was published."""
    seen = set[str]()
    async for row in walk.rows(journal):
        if row.contract not in seen:
            seen.add(row.contract)
            events = [entry.event for entry in await bodies.entries(journal, row.run)]
            contracts = [value_of(one.contract) for one in events if isinstance(one, RunOpened | ContractAdopted)]
            yield {tool for contract in contracts for tool in _named(contract)}
    control = [entry.event for entry in await reading.entries(journal, CONTROL)]
    yield {tool for one in control if isinstance(one, ContractPublished) for tool in _named(value_of(one.contract))}


def _named(contract: Json) -> set[str]:
    """The tools of a contract, and of those that it holds."""
    tools = (contract or {}).get("tools", {})
    below = [_named(terms["agent"]) for terms in tools.values() if terms and terms.get("agent")]
    return {*tools, *(tool for found in below for tool in found)}


def _near(name: str, known: Iterable[str], what: str) -> str:
    """What may have been meant instead."""
    every = sorted(known)
    near = get_close_matches(name, every, n=3, cutoff=0.4) or every[:8]
    return f"{what} like that: {', '.join(near)}" if near else f"there are no {what} in it yet"


# --------------------------------------------------------------------------------------------------------- what is done


def stop(url: str, switch: Switch, *, by: str, because: str, as_json: bool) -> int:
    """Stop many; the exit code. When it returns no write of theirs begins any more."""
    found = asyncio.run(_stop(url, switch, by, because))
    if as_json:
        out.give(found)
        return 0
    why = f": {words.plain(found.why)}" if found.why else ""
    others = "" if found.by == by else "it was stopped already: "
    print(f"{others}{said(switch)} is stopped by {words.plain(found.by)}{why} ({CONTROL} entry {found.entry})")
    print(textwrap.fill(WHAT_GOES_ON_WITHOUT if found.scope == "tool" else WHAT_GOES_ON, out.WIDTH))
    print(f"next: holdfast resume {_again(switch)}")
    return 0


async def _stop(url: str, switch: Switch, by: str, because: str) -> Stopped:
    async with reading.speaking(url) as runner:
        if switch[0] == "tool":
            await check_tool(runner.journal, switch[1])
        await Control(runner.journal).stop(*switch, by=by, why=because, actor=f"cli:{by}")
        return next(one for one in await in_force(runner.journal) if (one.scope, one.name) == switch)


def resume(url: str, switch: Switch, *, by: str, as_json: bool) -> int:
    """Let go on what was stopped; the exit code. Raises UsageError where it is not, NotAllowed for who may not say so."""
    acting(environment.settings(), by)
    waiting, left = asyncio.run(_resume(url, switch, by))
    if as_json:
        out.give({"scope": switch[0], "name": switch[1], "by": by, "waiting": waiting, "stopped": left})
        return 0
    print(f"{said(switch)} may go on")
    if left:
        print(f"still stopped: {'; '.join(said((one.scope, one.name)) for one in left)}")
    if waiting:
        print(f"{_counted(waiting)} waited for it: a worker takes them up now")
        print("next: holdfast resume --agent PATH --all, where no worker works")
    return 0


async def _resume(url: str, switch: Switch, by: str) -> tuple[int, list[Stopped]]:
    async with reading.speaking(url) as runner:
        waiting = [one.waiting for one in await in_force(runner.journal) if (one.scope, one.name) == switch]
        await Control(runner.journal).resume(*switch, by=by, actor=f"cli:{by}")
        return sum(waiting), await in_force(runner.journal)


def _counted(waiting: int) -> str:
    return f"{MANY:,} runs or more" if waiting >= MANY else words.count(waiting, "run")


def _again(switch: Switch) -> str:
    scope, name = switch
    return "--all" if scope == "all" else f"--tool {name}" if scope == "tool" else name


# ------------------------------------------------------------------------------------------------------ what is stopped


async def in_force(journal: Journal) -> list[Stopped]:
    """What is stopped now, the oldest stop first."""
    stops = control_text.in_force(await reading.entries(journal, CONTROL))
    return [
        Stopped(
            scope=event.scope, name=event.name, by=event.by, why=event.why, entry=entry.seq, since=entry.at,
            waiting=len(await journal.wanting(shares.stop_name(entry.seq), MANY)),
        )
        for entry, event in stops
    ]  # fmt: skip


def listed(url: str, *, as_json: bool) -> int:
    """Print what is stopped, since when and by whom; the exit code."""
    stops, now = asyncio.run(_look(url))
    if as_json:
        out.give(stops)
        return 0
    if not stops:
        print("nothing is stopped for many runs at once")
        return 0
    for one in stops:
        print(line(one, now))
        print(f"  holdfast resume {_again((one.scope, one.name))}")
    return 0


def line(one: Stopped, now: int) -> str:
    """A stop on one line."""
    why = f": {words.plain(one.why)}" if one.why else ""
    waiting = f"; {_counted(one.waiting)} {'waits' if one.waiting == 1 else 'wait'} for its end" if one.waiting else ""
    since = units.say_duration(max(now - one.since, 0)).split()[0]
    return f"stopped since {since}: {words.plain(said((one.scope, one.name)))}, by {words.plain(one.by)}{why}{waiting}"


async def _look(url: str) -> tuple[list[Stopped], int]:
    async with reading.looking(url) as journal:
        return await in_force(journal), journal.now()
