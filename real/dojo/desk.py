"""The desk: scripted agents at work in holdfast, each call judged by its contract and recorded in a journal.

What the tools do is not said here: whoever plays a script gives the hand that carries calls out, and the person who is
asked where a contract wants one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

from holdfast import codec
from holdfast.agent import Agent
from holdfast.core.state import State
from holdfast.dialogue import Answer, Request
from holdfast.events import CallAsked, CallJudged, Entry, Json, PersonAsked, Price, Wanted
from holdfast.models.port import ModelError
from holdfast.shell.run import Done, Waiting
from holdfast.shell.runner import Runner
from holdfast.tool import NEVER, Refused, Tool, from_schema
from real.contracts import MODEL, TIMEOUT
from real.dojo.catalog import Facts
from real.dojo.script import Script, Wish
from real.dojo.terms import Grants

REQUESTER: Final = "requester"
PERSON: Final = "reviewer"


class Kit(NamedTuple):
    """A tool as its suite has it."""

    facts: Facts
    description: str
    schema: Mapping[str, Json]
    trusted: bool = False
    """Whether nobody outside could have written its results."""


Carry: TypeAlias = Callable[[Wish], tuple[str, str]]
"""Carries a call out: the text it answers, and what is wrong, or empty."""

Decide: TypeAlias = Callable[[Wish], bool]
"""Whether a person lets a call pass."""


class Carried(NamedTuple):
    """A call that reached its tool."""

    wish: Wish
    answer: str
    error: str


class Played(Struct, frozen=True):
    """What became of a script."""

    carried: tuple[Carried, ...]
    asked: tuple[Wish, ...]
    """Calls that were put before a person, as the journal has them."""
    refused: Counter[str]
    """Calls that were refused without one, by the first rule that did; `unknown tool` for what the agent does not have."""
    entries: int


class Hand:
    """What stands behind the tools, for the run at hand."""

    def __init__(self) -> None:
        self.carry: Carry = lambda wish: ("", "nobody is at work")
        self.carried: list[Carried] = []

    def call(self, wish: Wish) -> Json:
        """Carry a call out. Raises Refused with what the tool said was wrong."""
        answer, error = self.carry(wish)
        self.carried.append(Carried(wish, answer, error))
        if error:
            raise Refused(error)
        return answer


class Voice:
    """The model: says what the script of the run at hand says next."""

    def __init__(self) -> None:
        self.script = Script(())

    async def answer(self, request: Request) -> Answer:
        """Give the turn of this step; after the last one, the answer."""
        turns = self.script.turns
        if request.step > len(turns) + 1:
            raise ModelError("rejected", f"the script has {len(turns)} turns and an answer", fate="not_done")
        last = request.step > len(turns)
        turn = (Wish("done", {"value": self.script.answer}),) if last else turns[request.step - 1]
        calls = [
            Wanted(f"s{request.step}c{at}", wish.tool, codec.canonical(wish.args).decode())
            for at, wish in enumerate(turn)
        ]
        return Answer("", tuple(calls), "calls")

    def price(self) -> Price | None:
        """A script costs nothing."""
        return Price(0, 0)

    def quote(self, run: str, step: int) -> int | None:
        """A script costs nothing."""
        return 0


def agent_of(name: str, kits: Mapping[str, Kit], grants: Grants) -> Agent[dict[str, Json], str]:
    """The agent that has these tools on these terms. It takes `{"request": text}` and gives a text."""
    return Agent(
        name=name,
        task="Do what the request says.",
        takes={
            "type": "object", "properties": {"request": {"type": "string"}}, "required": ["request"], "additionalProperties": False,
        },
        gives=str,
        tools={_tool(kits[title]): terms for title, terms in grants.items()},
        models=[MODEL],
        limits={
            "steps": 1_000, "usd": None, "work": "365d", "wall": "365d", "retries": 100, "repeats": 1_000, "context": 1_000_000_000,
        },
        surprises={"exhausted": "tell"},
    )  # fmt: skip


def _tool(kit: Kit) -> Tool[..., Any]:
    name = kit.facts.name

    async def call(args: dict[str, Json], *, hand: Hand) -> Json:
        return hand.call(Wish(name, args))

    return from_schema(
        call,
        name=name,
        description=kit.description,
        schema=kit.schema,
        # A request that leaves is an effect too, whatever it brings back.
        effect="write" if kit.facts.guarded else "read",
        timeout=TIMEOUT,
        retry=NEVER,
        trust="trusted" if kit.trusted else "untrusted",
    )


class Desk:
    """A runner on a journal in memory, for scripts played one after the other. Use it in a `with`."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()
        self._hand, self._voice = Hand(), Voice()
        self._opened: AbstractAsyncContextManager[Runner] | None = None

    def __enter__(self) -> Desk:
        @asynccontextmanager
        async def resources(settings: Mapping[str, str]) -> Any:
            yield self._hand

        self._opened = Runner.open("memory:", resources=resources, model=self._voice)
        self._runner = self._loop.run(self._opened.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._loop.run(self._opened.__aexit__(kind, error, trace))
        self._loop.close()

    def play(
        self, agent: Agent[dict[str, Json], str], request: str, script: Script, carry: Carry, decide: Decide
    ) -> Played:
        """Let an agent do what a script says. decide: the person who is asked.

        Raises RuntimeError where the run does not come to its end: then the figures would say nothing.
        """
        self._voice.script, self._hand.carry, self._hand.carried = script, carry, []
        entries = self._loop.run(self._play(agent, request, decide))
        return Played(tuple(self._hand.carried), tuple(_asked(entries)), _refused(entries), len(entries))

    async def _play(self, agent: Agent[dict[str, Json], str], request: str, decide: Decide) -> list[Entry]:
        run = await self._runner.start(agent, {"request": request}, by=REQUESTER)
        while isinstance(stands := await run.result(), Waiting):
            await self._decide(await run.state(), decide)
        if not isinstance(stands, Done):
            raise RuntimeError(f"{agent.name} ended as {type(stands).__name__}: {stands.why}")
        return await run.entries()

    async def _decide(self, state: State, decide: Decide) -> None:
        for question in state.questions.values():
            if question.asked.about != "review":
                raise RuntimeError(f"run {state.run} waits for {question.asked.about}: {question.asked.text}")
            call = state.calls[question.asked.call]
            yes = decide(Wish(call.tool, call.args))
            text = "" if yes else "nobody asked for this"
            await self._runner.answer(state.run, question.seq, "approve" if yes else "deny", by=PERSON, text=text)
            return
        raise RuntimeError(f"run {state.run} waits, and asks nothing")


def _asked(entries: list[Entry]) -> list[Wish]:
    """The calls of a journal that a person was asked about."""
    calls = {
        entry.seq: Wish(entry.event.tool, codec.value_of(entry.event.args))
        for entry in entries
        if isinstance(entry.event, CallAsked)
    }
    asked = (entry.event for entry in entries)
    return [calls[event.call] for event in asked if isinstance(event, PersonAsked) and event.about == "review"]


def _refused(entries: list[Entry]) -> Counter[str]:
    """The refusals of a journal, by rule."""
    found: Counter[str] = Counter()
    for entry in entries:
        if isinstance(entry.event, CallJudged) and entry.event.verdict == "refuse":
            rules = [fired.rule for fired in entry.event.rules if fired.verdict == "refuse"]
            found[rules[0] if rules else "order"] += 1
    return found
