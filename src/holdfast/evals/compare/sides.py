"""The sides of a comparison: agents that are given the same cases, and judged by the same expectations.

The suite has one owner: whose cases they are, and who makes the worlds that trials meet. Another side has a world of its own
where its folder defines one. Where it does not, it meets the owner's, and the two have to fit: its tools find what they want
in that world, or are those of the owner, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from holdfast.agent import Agent, Delegate
from holdfast.errors import InputError, UsageError
from holdfast.evals.cases.case import Case, load, load_all
from holdfast.evals.cases.world import World
from holdfast.evals.grading import graders
from holdfast.evals.grading.judges import Bench
from holdfast.evals.trials.code_digest import code_digest
from holdfast.evals.trials.suite import CASES, JUDGES, world_of
from holdfast.evals.trials.trial import Suite
from holdfast.models.port import Model
from holdfast.shape import Misfit
from holdfast.shell.folder import Folder
from holdfast.tool import Call, CallKey, Tool

LETTERS: Final = "ABCDEFGH"
"""How sides are called for short; the first is the one that others have to be worth more than."""

LIVE: Final = "live-read"
"""The policy of a case by which real systems are read."""


class Side(Struct, frozen=True):
    """One agent on the suite."""

    letter: str
    name: str
    """How it is called among the sides: the agent's name, or where it is where two have one name."""
    suite: Suite
    models: Mapping[str, Model] | Model | None = None
    """What answers instead of the models that its contract names."""
    code: str = ""
    """Digest of its code, and of the code beside the cases where that is nobody's here."""
    borrows: bool = False
    """Whether it meets a world that is not its own."""

    @property
    def agent(self) -> Agent[Any, Any]:
        """Who plays."""
        return self.suite.agent


class Entrant(Struct, frozen=True):
    """An agent as it was given to be compared."""

    where: str
    folder: Folder
    agent: Agent[Any, Any]
    """That of the folder, perhaps with other models."""
    models: Mapping[str, Model] = {}


def sides_of(entrants: Sequence[Entrant], suite: Path | None = None, only: Sequence[str] = ()) -> tuple[Side, ...]:
    """The sides of a comparison, the first the one to be better than. suite: a folder of cases, an agent's folder, or a case.

    Raises InputError where the cases, the inputs, the expectations or the worlds do not fit.
    """
    if not 2 <= len(entrants) <= len(LETTERS):
        raise UsageError(f"{len(entrants)} agents cannot be compared", hint=f"give two, up to {len(LETTERS)}")
    owner, where = _owner(entrants[0].folder, suite)
    cases = _cases(where, only)
    home = owner.path if owner.path.is_dir() else owner.path.parent
    bench = Bench.of(cases, home / JUDGES)
    theirs = world_of(owner)
    lent = code_digest(owner, entrants[0].agent) if owner is not entrants[0].folder else ""
    found = []
    for letter, name, one in zip(LETTERS, _names(entrants), entrants, strict=False):
        own = world_of(one.folder)
        played = Suite(one.agent.name, one.agent, cases, graders.GRADERS, own or theirs, bench)
        played.check()
        code = code_digest(one.folder, one.agent) + lent
        found.append(Side(letter, name, played, one.models or None, code, borrows=own is None))
    check(found, bench.names)
    return tuple(found)


def _owner(first: Folder, suite: Path | None) -> tuple[Folder, Path]:
    """Whose suite it is, and where its cases are."""
    if suite is None:
        home = first.path if first.path.is_dir() else first.path.parent
        return first, home / CASES
    if not suite.exists():
        raise InputError(f"there is no suite at {suite}", hint="a folder of cases, an agent's folder, or one case")
    if (suite / CASES).is_dir():
        return replace(first, path=suite.resolve()), suite / CASES
    above = suite.resolve().parents[: 2 if suite.is_file() else 1]
    homes = [one for one in above if (one / "world.py").exists() or (one / "contract.yaml").exists()]
    return (replace(first, path=homes[0]) if homes else first), suite


def _cases(where: Path, only: Sequence[str]) -> tuple[Case, ...]:
    found = [load(where)] if where.is_file() else load_all(where)
    missing = [name for name in only if name not in {case.name for case in found}]
    wanted = tuple(case for case in found if not only or case.name in only)
    if missing or not wanted:
        what = f"no case is called {missing[0]}" if missing else "there is no case"
        raise InputError(
            f"{where}: {what}", hint="--suite says where cases are; holdfast case RUN makes one from a run"
        )
    return wanted


def _names(entrants: Sequence[Entrant]) -> list[str]:
    """How each is called, so that no two are called the same."""
    names = [one.agent.name for one in entrants]
    for choice in ([Path(one.where).name or one.where for one in entrants], [one.where for one in entrants]):
        if len(set(names)) == len(names):
            return names
        names = [other if names.count(name) > 1 else name for name, other in zip(names, choice, strict=True)]
    twice = {name for name in names if names.count(name) > 1}
    for at, one in enumerate(entrants):
        names[at] = f"{one.agent.name} {at + 1}" if names[at] in twice else names[at]
    return names


# ---------------------------------------------------------------------------------------------------- what has to fit


def check(sides: Sequence[Side], judges: frozenset[str] = frozenset()) -> None:
    """Raise InputError for the first side that does not take the cases' inputs, or cannot be judged by what they expect."""
    for side in sides:
        for case in side.suite.cases:
            try:
                side.agent.takes.json(case.input)
            except Misfit as error:
                raise InputError(
                    f"case {case.name} is no input of {side.name}: {error}",
                    hint="agents that are compared take the same type of input",
                ) from None
            if case.fixtures is not None and case.fixtures.unmatched == LIVE:
                raise InputError(
                    f"case {case.name} reads live, and what is out there may change between one side and the other",
                    hint="record the answers, with `unmatched: error` or `nearest`; --case leaves it out",
                )
            graders.check_expectations(case, side.agent, judges)


async def fitted(side: Side, owner: Side) -> Side:
    """The side with tools that find what they want in the worlds it meets: its own, or those of the owner by name.

    Raises InputError where a tool wants what the world does not have.
    """
    case = next((case for case in side.suite.cases if case.state is not None), None)
    if case is None or side.suite.world is None:
        return side
    try:
        async with side.suite.world(case.state) as world:
            lacking = dict(_lacking(side.agent, world))
    except Exception as error:
        why = f"the world of case {case.name} cannot be made: {type(error).__name__}: {error}"
        raise InputError(why, hint="world.py makes it of the case's state") from error
    theirs, ours = _tools(owner.agent), _tools(side.agent)
    lent = {name: theirs[name] for name in lacking if name in theirs and _same(theirs[name], ours[name])}
    if missing := [name for name in lacking if name not in lent]:
        raise InputError(
            f"{side.name}: {missing[0]} wants a {lacking[missing[0]]}, and the world of the suite has none",
            hint="take the tool and its types from the folder of the suite, or define `world` in a world.py of its own",
        )
    return replace(side, suite=replace(side.suite, agent=_with(side.agent, lent))) if lent else side


def _lacking(agent: Agent[Any, Any], world: World) -> Iterator[tuple[str, str]]:
    """(tool, type that it wants and the world does not have), of an agent and those it may call."""
    for name, tool in _tools(agent).items():
        if tool.effect not in ("read", "write"):
            continue
        for kind in tool.injects.values():
            if kind in (Call, CallKey) or (
                isinstance(kind, type) and any(isinstance(one, kind) for one in world.resources)
            ):
                continue
            yield name, getattr(kind, "__name__", str(kind))


def _same(one: Tool[..., Any], other: Tool[..., Any]) -> bool:
    return (one.effect, one.takes.schema) == (other.effect, other.takes.schema)


def _tools(agent: Agent[Any, Any]) -> dict[str, Tool[..., Any]]:
    """The tools of an agent and of those it may call, by name; its own where two have one name."""
    return {name: tool for one in reversed(agent.family) for name, tool in one.tools.items()}


def _with(agent: Agent[Any, Any], tools: Mapping[str, Tool[..., Any]]) -> Agent[Any, Any]:
    """The same agent, under the same contract, with other code for tools of these names; those it may call alike."""
    other = copy(agent)
    for known in ("bound", "family"):
        other.__dict__.pop(known, None)
    other.tools = {
        name: Delegate(_with(one.agent, tools), name) if isinstance(one, Delegate) else tools.get(name, one)
        for name, one in agent.tools.items()
    }
    return other
