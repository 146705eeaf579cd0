"""The agent that a pack describes: its policy as instructions, its schemas as tools, its word for their effects.

What the tools do is not said here. They ask a `World`, which is whatever a check puts behind them: the recorded
answers, our own shop, or a shop in a file.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, Literal

import jsonschema_rs

from holdfast.agent import Agent
from holdfast.events import Json
from holdfast.tool import NEVER, Call, CallKey, Retry, Tool, from_schema
from real.packs import Effect, Pack, Run, ToolCall, ToolSchema

MODEL = "recorded:answers"
"""The name the contract has for the model; the runner is given what stands behind it."""

TIMEOUT = 300.0
"""Seconds an attempt may take: nothing here waits, but a slow machine must not be taken for a lost attempt."""


class World(ABC):
    """What stands behind the tools, for all runs of one runner."""

    @abstractmethod
    async def answer(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> Json:
        """Answer a call. Raises what a tool may raise to say that it was not done."""


def missing(pack: Pack, *parts: Literal["policy", "tools", "effects", "db"]) -> str:
    """Name the fixed parts a check needs and the pack lacks, in a sentence; empty where it has them all."""
    read = {"policy": pack.policy, "tools": pack.tools, "effects": pack.effects, "db": pack.db}
    files = {"policy": "policy.md", "tools": "tools.json", "effects": "effects.json", "db": "db.json.gz"}
    lacking = [files[part] for part in parts if read[part]() is None]
    return f"{pack.name} has no {' and no '.join(lacking)}" if lacking else ""


def effect_of(effects: dict[str, Effect], tool: str) -> Literal["read", "write"]:
    """Say whether calling a tool may leave the world another; one nobody spoke of may."""
    known = effects.get(tool)
    return "read" if known is not None and known.effect in {"read", "pure"} else "write"


def agent_of(pack: Pack, *, keyed: bool = False, reads_again: Retry = NEVER) -> Agent[str, None]:
    """Make the agent of a pack that has all its fixed parts.

    keyed: its writes take a key, so that their world may know a call again. reads_again: how often the machine itself
    repeats a read that was not done.
    """
    effects = pack.effects() or {}
    tools = [_tool(schema, effect_of(effects, schema.name), reads_again, keyed=keyed) for schema in pack.tools() or []]
    return Agent(
        name=re.sub(r"[^A-Za-z0-9_-]", "-", f"pack-{pack.name}")[:64],
        task=f"Serve the requester as the policy of {pack.name} says.",
        takes=str,
        gives=None,
        tools=tools,
        models=[MODEL],
        instructions=pack.policy() or "",
        conversation=True,
        limits={
            "steps": 100_000, "usd": None, "work": "365d", "wall": "365d", "retries": 10_000, "repeats": 1_000,
            "context": 1_000_000_000,
        },
        surprises={"exhausted": "tell"},
    )  # fmt: skip


def _tool(schema: ToolSchema, effect: Literal["read", "write"], reads_again: Retry, *, keyed: bool) -> Tool[..., Any]:
    name = schema.name

    async def bare(args: dict[str, Json], *, world: World, call: Call) -> Json:
        return await world.answer(name, args, call)

    async def with_key(args: dict[str, Json], *, world: World, call: Call, key: CallKey) -> Json:
        return await world.answer(name, args, call, key)

    return from_schema(
        with_key if keyed and effect == "write" else bare,
        name=name,
        description=schema.description,
        schema=schema.parameters,
        effect=effect,
        timeout=TIMEOUT,
        retry=reads_again if effect == "read" else NEVER,
    )


class Fit:
    """Which recorded calls a contract lets through to a tool, as the pack's schemas tell it."""

    def __init__(self, pack: Pack) -> None:
        self._effects = pack.effects() or {}
        self._shapes = {tool.name: jsonschema_rs.validator_for(tool.parameters) for tool in pack.tools() or []}

    def is_fit(self, call: ToolCall) -> bool:
        """Tell whether the tool exists and the arguments are what it takes; no text at all means no arguments."""
        if call.name not in self._shapes:
            return False
        args = call.parsed() if call.arguments else {}
        return args is not None and self._shapes[call.name].is_valid(args)

    def writes(self, tool: str) -> bool:
        """Tell whether the contract takes a call of this tool for a write; one that does not exist changes nothing."""
        return tool in self._shapes and effect_of(self._effects, tool) == "write"

    def passing(self, run: Run) -> list[bool]:
        """Say of each call of a run, in its order, whether it reaches its tool.

        After a write that was refused, the further writes of the same turn are not started.
        """
        out: list[bool] = []
        for message in run.messages:
            refused = False
            for call in message.tool_calls:
                fit = self.is_fit(call) and not (refused and self.writes(call.name))
                refused = refused or (not fit and self.writes(call.name))
                out.append(fit)
        return out
