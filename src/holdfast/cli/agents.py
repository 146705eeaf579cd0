"""An agent as a command needs it: loaded, with a model that can answer, and with the resources its tools want."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from holdfast.agent import Agent
from holdfast.cli import environment, out
from holdfast.errors import ContractError, HoldfastError, SettingsError, UsageError
from holdfast.events import Mode
from holdfast.journal.port import Row
from holdfast.models import open_model
from holdfast.models.port import Model
from holdfast.models.provider import Provider
from holdfast.shell.folder import Folder, load
from holdfast.shell.perform import Performer
from holdfast.shell.runner import Runner
from holdfast.shell.undoing import undoing
from holdfast.shell.workspace import Desks
from holdfast.tool import Call, CallKey, Tool

STANDIN: Final = "standin"


class Loaded(Struct, frozen=True):
    """An agent with what this process needs to drive it."""

    where: str
    """As a later process can find it again."""
    folder: Folder
    agent: Agent[Any, Any]
    """Under its own contract, or with other models in it."""
    notice: str = ""
    """What whoever watches has to know about what answers."""

    @property
    def models(self) -> dict[str, Model]:
        """Models that are given and not opened: the stand-ins."""
        return {standin_name(one.agent): one.standin for one in self.folder.family if one.standin is not None}


def standin_name(agent: Agent[Any, Any]) -> str:
    """The name under which a journal says that a stand-in answered, and no model."""
    return f"script:{agent.name}"


def load_agent(where: str, model: str = "") -> Loaded:
    """The agent at a path, to be answered by `model`, by its contract's models, or by its stand-in.

    Raises UsageError where there is none, ContractError where it is wrong, SettingsError where nothing can answer.
    """
    folder = load_folder(where)
    agent, notice = _answered_by(folder, model)
    place = str(folder.path.resolve()) if folder.path.is_dir() else where
    return Loaded(place, folder, agent, notice)


def load_parked(where: str, row: Row | None) -> Loaded:
    """The agent of a run that exists: it goes on under the contract and the models in its journal.

    Raises UsageError where it is not known where the agent is, or where it is another one.
    """
    if not where:
        raise UsageError(
            "it is not known where the agent of this run is", run=row.run if row else "", hint="--agent PATH"
        )
    folder = load_folder(where)
    if row is None:
        return Loaded(where, folder, folder.agent)
    # A child is known by the place of the agent that its root was a run of.
    mine = next((one for one in folder.agent.family if row.agent in (one.name, _undoing(one))), None)
    if mine is None:
        raise UsageError(
            f"{where} is {folder.agent.name}, and the run is one of {row.agent}", run=row.run, hint="--agent PATH"
        )
    return Loaded(where, folder, mine)


def _undoing(agent: Agent[Any, Any]) -> str:
    """The name of the agent that takes back what an agent did; empty where none can."""
    back = undoing(agent)
    return back.name if back is not None else ""


def load_folder(where: str) -> Folder:
    """What is at a path; modules beside the caller can be named too."""
    if ":" in where and os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds texts
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    return load(where)


def _answered_by(folder: Folder, model: str) -> tuple[Agent[Any, Any], str]:
    if model == STANDIN:
        return _with_standin(folder), _NOTICE.format(why="as you asked")
    if model:
        _check(model)
        return folder.agent.answered_by([model]), ""
    mute = [error for one in folder.agent.family if (error := _mute(one)) is not None]
    if not mute:
        return folder.agent, ""
    if any(one.standin is None for one in _speaking(folder)):
        raise mute[0]
    return _with_standin(folder), _NOTICE.format(why=mute[0].what)


_NOTICE: Final = "a scripted stand-in answers, no model: read nothing about any model off it ({why})"


def _with_standin(folder: Folder) -> Agent[Any, Any]:
    lacking = next((one for one in _speaking(folder) if one.standin is None), None)
    if lacking is not None:
        raise UsageError(
            f"{lacking.agent.name} has no stand-in", hint="give a standin.py that defines `standin`, or name a model"
        )
    return folder.agent.answered_by(lambda agent: [standin_name(agent)])


def _speaking(folder: Folder) -> list[Folder]:
    """Those of a family for which a model answers: not a team, whose model is the order of rounds."""
    return [one for one in folder.family if one.agent.contract.team is None]


def _mute(agent: Agent[Any, Any]) -> SettingsError | None:
    """Why none of an agent's models can answer; None where one can."""
    missing = [_missing(model) for model in agent.contract.models]
    return missing[0] if all(missing) else None


def _missing(model: str) -> SettingsError | None:
    try:
        _check(model)
    except SettingsError as error:
        return error
    return None


def _check(model: str) -> None:
    opened = open_model(model)
    if isinstance(opened, Provider):
        opened.check()


# ------------------------------------------------------------------------------------------------------- resources


@asynccontextmanager
async def opened(
    url: str, loaded: Sequence[Loaded], *, settings: Mapping[str, str], mode: Mode = "live", kind: type[Runner] = Runner
) -> AsyncIterator[Runner]:
    """A runner that knows these agents and has what their tools want.

    Raises ContractError where a tool wants what nobody provides, SettingsError where the resources cannot be opened.
    """
    models = {name: model for one in loaded for name, model in one.models.items()}
    async with provided(loaded, settings) as resources:
        missing = [what for one in loaded for agent in one.agent.family for what in unprovided(agent, resources)]
        if missing:
            raise ContractError("\n  ".join(["tools want what nobody provides:", *missing]), hint=PROVIDE)
        agents = [one.agent for one in loaded]
        opening = kind.open(
            url,
            agents=agents,
            resources=_given(resources),
            mode=mode,
            model=models,
            secrets=environment.credentials(),
            **environment.people(),
        )
        async with opening as runner:
            try:
                yield runner
            except asyncio.CancelledError:
                out.note("finishing what is under way; Ctrl-C once more leaves it")
                raise


PROVIDE: Final = "yield it from the function `resources` in tools.py, alone or in a tuple"


def _given(resources: Sequence[object]) -> Any:
    @asynccontextmanager
    async def give(_: Mapping[str, str]) -> AsyncIterator[tuple[object, ...]]:
        yield tuple(resources)

    return give


@asynccontextmanager
async def provided(loaded: Sequence[Loaded], settings: Mapping[str, str]) -> AsyncIterator[tuple[object, ...]]:
    """The resources of these agents together. Raises UsageError where two agents provide the same type."""
    settings = environment.given(settings)
    async with AsyncExitStack() as stack:
        found: list[object] = []
        begun: list[object] = []
        for one in (folder for item in loaded for folder in item.folder.family):
            opening = one.resources
            if opening is None or opening in begun:
                continue
            begun.append(opening)
            given = await _enter(stack, opening, settings, one.agent.name)
            mine = list(given) if isinstance(given, tuple | list) else [given]
            both = {type(item).__name__ for item in mine} & {type(item).__name__ for item in found}
            if both:
                raise UsageError(
                    f"{one.agent.name} and another agent both provide a {min(both)}",
                    hint="drive them in two processes",
                )
            found += mine
        yield tuple(found)


async def _enter(stack: AsyncExitStack, opening: Any, settings: Mapping[str, str], name: str) -> object:
    try:
        return await stack.enter_async_context(opening(settings))
    except HoldfastError:
        raise
    except Exception as error:
        raise SettingsError(
            f"the resources of {name} could not be opened: {type(error).__name__}: {error}",
            hint="--setting key=value gives the function `resources` what it needs",
        ) from error


def unprovided(agent: Agent[Any, Any], resources: Sequence[object]) -> list[str]:
    """Each injected type of an agent's tools that is not among the resources, in a sentence."""
    performer = Performer(open_model, resources)
    try:
        return list(_unprovided(agent, performer))
    finally:
        performer.close()


def _unprovided(agent: Agent[Any, Any], performer: Performer) -> Iterator[str]:
    tools = [made for one in agent.tools.values() for made in (one, one.reversal) if made is not None]
    for made in tools:
        for function in (made.function, made.options.lookup):
            if function is None:
                continue
            wanted = (
                made.injects
                if function is made.function
                else Tool(function, effect="read", timeout=1, options=type(made.options)()).injects
            )
            for argument, kind in wanted.items():
                if kind in (CallKey, Call, Desks):
                    continue
                try:
                    performer.resource(kind, f"{made.name}({argument})")
                except SettingsError as error:
                    yield error.what
