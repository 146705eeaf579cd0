"""Traces: recorded runs with what each answer cost, played as ordinary runs whose model has a price for every step.

A trace pack holds sets `<stem>.jsonl.gz` of conversations, and nothing about the tools but how they were called: so every
tool takes what it is given, and counts as one that may change something.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from holdfast.agent import Agent
from holdfast.dialogue import Answer
from holdfast.events import Json, Price, Usage
from holdfast.tool import NEVER, Call, Tool, from_schema
from holdfast.views.trace import trace
from real.contracts import MODEL, TIMEOUT, World
from real.conversation import Part, Stage, play
from real.figures import Figure, Sheet, whole
from real.packs import Message, Pack, Run, ToolCall
from real.scripts import Script, of_run
from real.transcripts import calls_of, dropped, messages_of
from real.worlds import Tape

_END: Final = ".jsonl.gz"
NANO: Final = Decimal(1_000_000_000)


class Traced(msgspec.Struct, frozen=True):
    """A recorded run, and what its recorder says it cost."""

    run: Run
    answers: tuple[Answer, ...]
    """Usage and cost of each answer of the model, in order; text and calls are the script's."""
    usd: Decimal | None
    """The recorder's own sum; None where it has none."""
    errors: int
    """Results that the recorder marked as errors."""

    @property
    def won(self) -> bool:
        """Whether it was a success."""
        return self.run.reward >= 1


class _WireUsage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _WireCall(msgspec.Struct):
    id: str
    name: str
    arguments: dict[str, Any] | str
    requestor: str = "assistant"


class _WireMessage(msgspec.Struct):
    role: str
    content: str | None = None
    cost: Decimal | None = None
    usage: _WireUsage | None = None
    tool_calls: list[_WireCall] | None = None
    id: str | None = None
    error: bool = False


class _WireRun(msgspec.Struct):
    run_id: str
    task_id: int | str
    messages: list[_WireMessage]
    trial: int = 0
    reward: float | None = None
    agent_cost_usd: Decimal | None = None


def find_traces(data: Path, pattern: str) -> list[Pack]:
    """The packs in a folder whose names fit, and that hold traces instead of plain runs."""
    packs = [Pack(folder) for folder in sorted(data.glob(pattern)) if folder.is_dir()]
    return [pack for pack in packs if not pack.sets() and stems(pack)]


def stems(pack: Pack) -> list[str]:
    """The names of a pack's sets of traces."""
    return sorted(file.name.removesuffix(_END) for file in pack.folder.glob(f"*{_END}"))


@cache
def traces(pack: Pack, stem: str) -> list[Traced]:
    """Read every run of a set."""
    content = gzip.decompress((pack.folder / f"{stem}{_END}").read_bytes())
    return [_traced(wire, stem) for wire in msgspec.json.Decoder(_WireRun).decode_lines(content)]


def _traced(wire: _WireRun, model: str) -> Traced:
    messages = tuple(_message(message) for message in wire.messages)
    run = Run(wire.run_id, wire.task_id, wire.trial, model, wire.reward or 0.0, messages)
    answers = tuple(_priced(message) for message in wire.messages if message.role == "assistant")
    errors = sum(message.role == "tool" and message.error for message in wire.messages)
    return Traced(run, answers, wire.agent_cost_usd, errors)


def _message(wire: _WireMessage) -> Message:
    calls = tuple(ToolCall(call.id, call.name, _text(call.arguments)) for call in wire.tool_calls or ())
    return Message(wire.role, wire.content, calls, wire.id if wire.role == "tool" else None)


def _text(arguments: dict[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()


def _priced(wire: _WireMessage) -> Answer:
    """Usage and cost of an answer. One that took tokens and cost nothing has no price: nobody gives them away."""
    usage = wire.usage or _WireUsage()
    tokens = usage.prompt_tokens + usage.completion_tokens
    cost = None if wire.cost is None or (tokens and not wire.cost) else nusd(wire.cost)
    return Answer(usage=Usage(usage.prompt_tokens, usage.completion_tokens), cost=cost)


def nusd(usd: Decimal) -> int:
    """Nano-dollars of a recorded amount, to the nearest: recorders write sums of binary fractions."""
    return int((usd * NANO).to_integral_value(ROUND_HALF_EVEN))


def script_of(traced: Traced) -> Script:
    """What everybody says in a traced run, each answer with what it cost."""
    script = of_run(traced.run)
    answers = tuple(
        msgspec.structs.replace(said, usage=paid.usage, cost=paid.cost)
        for said, paid in zip(script.answers, traced.answers, strict=False)
    )
    return replace(script, answers=answers)


# ------------------------------------------------------------------------------------------------------- to play them


class Priced(Stage):
    """A model that says of each answer what it costs before it is asked, and nothing of one that nobody priced."""

    def price(self) -> Price | None:
        """What a token costs is not recorded."""
        return None

    def quote(self, run: str, step: int) -> int | None:
        """What is recorded for a step; the first of a run not known here is asked for before there is one, and free."""
        answers = self._answers.get(run)
        if answers is None:
            return 0
        return answers[step - 1].cost if step <= len(answers) else 0


def agent_for(pack: Pack, stem: str, usd: str | None = None) -> Agent[str, None]:
    """The agent of a set; usd: what a run may cost."""
    names = sorted(
        {call.name for one in traces(pack, stem) for message in one.run.messages for call in message.tool_calls}
    )
    return Agent(
        name=re.sub(r"[^A-Za-z0-9_-]", "-", f"pack-{pack.name}-{stem}")[:64],
        task=f"Serve the requester as recorded in {stem}.",
        takes=str,
        gives=None,
        tools=[_tool(name) for name in names],
        models=[MODEL],
        conversation=True,
        limits={
            "steps": 100_000, "usd": usd, "work": "365d", "wall": "365d", "retries": 10_000, "repeats": 1_000,
            "context": 1_000_000_000,
        },
        surprises={"exhausted": "tell", "limit": "stop"},
    )  # fmt: skip


def _tool(name: str) -> Tool[..., Any]:
    async def answer(args: dict[str, Json], *, world: World, call: Call) -> Json:
        return await world.answer(name, args, call)

    return from_schema(
        answer,
        name=name,
        description=f"Recorded answers of {name}; what it does is not recorded.",
        schema={"type": "object"},
        effect="write",
        timeout=TIMEOUT,
        retry=NEVER,
    )


@cache
def played(pack: Pack, stem: str, usd: str | None = None) -> list[Part]:
    """Play every run of a set, under a limit in US dollars if one is given."""
    return asyncio.run(
        play(agent_for(pack, stem, usd), [script_of(one) for one in traces(pack, stem)], Tape, kind=Priced)
    )


def check_import_traces(pack: Pack) -> Iterator[Figure]:
    """Count in the journals what was recorded."""
    for stem in stems(pack):
        sheet, expected = Sheet("import", pack, stem), pack.expected(stem)
        recorded, parts = traces(pack, stem), played(pack, stem)
        kept = [messages_of(part.entries) for part in parts]
        messages = [message for run in kept for message in run]
        asked = [call for message in messages for call in message.tool_calls]
        calls = [call for part in parts for call in calls_of(part.entries)]
        totals = [trace(part.entries).totals for part in parts]
        yield sheet.compare("runs", len(kept), whole(expected, "runs"))
        yield sheet.compare("messages", len(messages), sum(len(one.run.messages) for one in recorded))
        yield sheet.compare("tool calls", len(asked), whole(expected, "tool_calls"))
        parallel = sum(len(message.tool_calls) > 1 for message in messages)
        yield sheet.compare("parallel-call messages", parallel, whole(expected, "parallel_tool_call_messages"))
        malformed = sum(call.parsed() is None for call in asked)
        unread = sum(call.parsed() is None for one in recorded for m in one.run.messages for call in m.tool_calls)
        yield sheet.compare("malformed arguments", malformed, unread)
        errors = sum(str(call.result).startswith("Error") for call in calls if call.returned)
        yield sheet.compare("error results", errors, whole(expected, "tool_errors"))
        yield sheet.compare("prompt tokens", sum(one.input for one in totals), whole(expected, "prompt_tokens"))
        yield sheet.compare(
            "completion tokens", sum(one.output for one in totals), whole(expected, "completion_tokens")
        )
        pairs = zip((one.run for one in recorded), kept, strict=True)
        yield sheet.compare("dropped", sum(dropped(*pair) for pair in pairs), 0)
