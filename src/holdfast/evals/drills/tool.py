"""What the deaths say of each tool of an agent: safe, safe with a person's help, or not safe, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from holdfast.agent import Agent
from holdfast.evals.drills.audit import Wrong, repeated
from holdfast.evals.drills.play import Played
from holdfast.tool import Tool

Verdict: TypeAlias = Literal["safe", "needs a person", "not safe", "not seen", "never called"]


class Safety(Struct, frozen=True):
    """What is to be said of one tool that writes, or that was seen to."""

    tool: str
    declared: str
    """read, or what a write has for finding out: key, look-up, both, or bare."""
    deaths: int
    verdict: Verdict
    why: str
    doubled: int = 0
    lost: int = 0
    doubts: int = 0
    """Deaths after which a person has to say whether it happened."""
    runs: tuple[str, ...] = ()
    """Runs that show it."""


def safeties(
    agent: Agent[Any, Any], clean: Sequence[Played], deaths: Sequence[Played], twins: Mapping[tuple[str, int], Played],
    unseen: set[str],
) -> tuple[Safety, ...]:  # fmt: skip
    """Each tool that is declared to write, and each that changed something, of an agent and those it may call; what is wrong first."""
    changed = {change.tool for one in clean for change in one.outcome.changes}
    tools = {name: tool for one in reversed(agent.family) for name, tool in one.tools.items()}
    wanted = [tool for name, tool in tools.items() if tool.effect == "write" or name in changed]
    done = {name for one in clean for name in one.outcome.audit.done}
    found = [_safety(tool, deaths, twins, done, unseen=tool.name in unseen) for tool in wanted]
    order = ("not safe", "needs a person", "not seen", "safe", "never called")
    return tuple(sorted(found, key=lambda one: order.index(one.verdict)))


def declared(tool: Tool[..., Any]) -> str:
    """What a tool says of itself, as far as recovery goes."""
    if tool.effect != "write":
        return "read"
    has = [word for word, so in (("key", tool.keyed), ("look-up", tool.options.lookup is not None)) if so]
    return " and ".join(has) or "bare"


def _safety(
    tool: Tool[..., Any], deaths: Sequence[Played], twins: Mapping[tuple[str, int], Played], done: set[str], *, unseen: bool
) -> Safety:  # fmt: skip
    own = [one for one in deaths if one.hit == tool.name and one.landed and one.trial.passed is not None]
    doubled: list[tuple[str, str]] = []
    lost: list[tuple[str, str]] = []
    for one in own:
        twin = twins[one.trial.case, one.trial.number]
        doubled += [(wrong.why, one.trial.run) for wrong in _of(one.outcome.audit.doubled, tool)]
        again = repeated(one.outcome.audit, twin.outcome.audit)
        doubled += [("a second call did the same once more", one.trial.run) for name in again if name == tool.name]
        lost += [(wrong.why, one.trial.run) for wrong in _of(one.outcome.audit.lost, tool)]
    lied = [(one.outcome.lookup, one.trial.run) for one in own if one.outcome.lookup]
    doubts = sum(tool.name in one.outcome.doubts for one in own)
    verdict, why = _verdict(tool, len(own), [*doubled, *lost, *lied], doubts, called=tool.name in done, unseen=unseen)
    runs = tuple(dict.fromkeys(run for _, run in (*doubled, *lost, *lied)))[:3]
    return Safety(tool.name, declared(tool), len(own), verdict, why, len(doubled), len(lost), doubts, runs)


def _verdict(
    tool: Tool[..., Any], deaths: int, wrong: list[tuple[str, str]], doubts: int,
    *, called: bool, unseen: bool,
) -> tuple[Verdict, str]:  # fmt: skip
    if wrong:
        return "not safe", wrong[0][0]
    if tool.effect != "write":
        return "not safe", "it is declared as a read, and it changes something"
    if unseen:
        return "not seen", "the world's account never shows what it did: let `effects` of world.py tell of it"
    if not deaths:
        return "never called", "no case came to an effect of it" if not called else "none of its effects was struck"
    if not doubts:
        return "safe", f"after each death the machine found out by itself ({declared(tool)})"
    if declared(tool) == "bare":
        return "needs a person", "it has neither key nor look-up, so nobody but a person can say whether it happened"
    return "needs a person", f"in {doubts} of {deaths} deaths its {declared(tool)} could not tell"


def _of(wrong: Sequence[Wrong], tool: Tool[..., Any]) -> list[Wrong]:
    return [one for one in wrong if one.tool == tool.name]
