"""Programs as a tool: the model writes a small Python program, and the program calls the contract's tools.

    agent = Agent(..., tools=[get_order, issue_refund, program("compute")])

The program runs in an interpreter that knows no files, no network and no other modules than its own few (`sandbox.programs`).
Each call it makes is a call of the run like any other: judged, recorded, reviewed, undone. While a person thinks about one, nothing
stands: the truth about a program is its code, its seed, its stopped clock and the answers it was given, all of which are in the
journal, so that it goes on in another process, tomorrow or after a crash, with its variables as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from holdfast.errors import UsageError
from holdfast.events import Json
from holdfast.tool import Options, Tool

TIMEOUT: Final = 60.0
"""Seconds that a program may take from one of its calls to the next."""

WORDS: Final = (
    "Run a small Python program and get the value of its last expression, and what it printed. It has no files, no network and only "
    "a few modules (math, json, re, datetime, decimal, collections, itertools). It may call these tools as functions: "
)
_CODE: Final[Mapping[str, Json]] = {
    "type": "object",
    "properties": {"code": {"type": "string", "description": "the program"}},
    "required": ["code"],
    "additionalProperties": False,
}
_RAN: Final[Mapping[str, Json]] = {
    "type": "object",
    "properties": {"value": {}, "printed": {"type": "string"}},
    "required": ["value", "printed"],
}


class ProgramTool(Tool[..., Any]):
    """A tool that runs programs. calls: the tools that they may call; empty: all of the contract's others."""

    def __init__(self, name: str, calls: Sequence[str] = ()) -> None:
        told = ", ".join(calls) if calls else "every other tool you have but done, ask and decline"
        options = Options(
            name=name, description=f"{WORDS}{told}.", trust="trusted", schema=_CODE, returns=_RAN, by_mapping=True
        )
        super().__init__(_never_called, effect="program", timeout=TIMEOUT, options=options)
        self.calls = tuple(calls)

    def offered(self, tools: Mapping[str, Tool[..., Any]]) -> dict[str, Tool[..., Any]]:
        """Of a contract's tools, those that a program may call."""
        return {
            name: made for name, made in tools.items()
            if made.effect != "program" and (not self.calls or name in self.calls)
        }  # fmt: skip


def program(name: str = "compute", *, calls: Sequence[Tool[..., Any] | str] = ()) -> ProgramTool:
    """Let the model write programs that call tools. calls: those they may call; all others of the contract without it."""
    return ProgramTool(name, [one if isinstance(one, str) else one.name for one in calls])


def _never_called(_: Any) -> None:
    raise UsageError("a program is no function", hint="it is run where an agent calls it")
