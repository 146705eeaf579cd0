"""A run as a test looks at it: what came out, what was done, what is asked. It is as new as the last thing that was done to it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec import Struct

from holdfast.agent import Agent
from holdfast.errors import UsageError
from holdfast.events import Entry, Json, Verdict
from holdfast.testing.lines import course
from holdfast.views import words
from holdfast.views.record import Call, Question, Trace
from holdfast.views.trace import trace

Out = TypeVar("Out")


class Made(Struct, frozen=True):
    """One call that the agent made."""

    tool: str
    args: dict[str, Json]
    verdict: Verdict | None
    """What the contract said of it first; None where it was not judged."""
    fate: str
    """What became of it: `done`, `refused`, `simulated`, `waits for a person`, …"""
    because: str = ""
    """Why it was not simply let through."""
    result: Json = None
    seq: int = 0
    """Its entry."""


class Ran(Generic[Out]):
    """One run of a `TestRunner`."""

    def __init__(self, name: str, agent: Agent[Any, Out]) -> None:
        self.name = name
        self.entries: tuple[Entry, ...] = ()
        """Its journal."""
        self._agent = agent

    def __repr__(self) -> str:
        return f"<{self.name}: {self.outcome}>"

    @property
    def trace(self) -> Trace:
        """All that is known of it; see `holdfast.views.trace`."""
        return trace(self.entries)

    @property
    def outcome(self) -> str:
        """`done`, `declined`, `escalated`, `stopped`, `failed` or `cancelled`; `waiting` while it is open."""
        end = self.trace.end
        return end.outcome if end is not None else "waiting"

    @property
    def why(self) -> str:
        """Why it ended so, or what it waits for."""
        return course(self.entries)[-1].partition(": ")[2] if self.outcome == "waiting" else self._end

    @property
    def output(self) -> Out:
        """What it gave, of the agent's own type. Raises UsageError, with the reason, where it is not done."""
        end = self.trace.end
        if end is None or end.outcome != "done":
            raise UsageError(f"it has no output: it is {self.outcome}: {self.why}", run=self.name)
        value: Out = self._agent.gives.python(end.output.value if end.output is not None else None)
        return value

    @property
    def calls(self) -> tuple[Made, ...]:
        """Its calls of tools, in the order in which it asked for them."""
        return tuple(
            _made(call) for call in self.trace.calls.values() if call.effect != "builtin" and not call.serves
        )  # fmt: skip

    @property
    def questions(self) -> tuple[Question, ...]:
        """What waits for somebody."""
        return self.trace.open_questions

    @property
    def question(self) -> int:
        """The one question that is open. Raises UsageError where there is none, or more than one."""
        if len(self.questions) == 1:
            return self.questions[0].seq
        there = ", ".join(f"{one.seq} ({one.about} for {one.role or 'a person'})" for one in self.questions)
        raise UsageError(
            f"{'several questions are' if there else 'no question is'} open", run=self.name,
            hint=f"question=… names one of {there}" if there else f"it is {self.outcome}: {self.why}",
        )  # fmt: skip

    @property
    def _end(self) -> str:
        end = self.trace.end
        return end.reason if end is not None else ""


def _made(call: Call) -> Made:
    first = call.judged[0] if call.judged else None
    held = [fired.because for judged in call.judged for fired in judged.rules if fired.verdict != "allow"]
    return Made(
        call.tool, call.args.value, first.verdict if first is not None else None, words.fate(call), held[0] if held else "",
        call.result.value if call.result is not None else None, call.seq,
    )  # fmt: skip
