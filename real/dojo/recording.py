"""Recorded runs of AgentDojo, as the pack has them."""

from __future__ import annotations

import gzip
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.events import Json
from real.dojo.script import Script, Wish
from real.packs import Pack

FILE: Final = "runs_gpt4o.jsonl.gz"


class Called(Struct, frozen=True):
    """A call as it was recorded."""

    function: str
    args: dict[str, Json]


class Message(Struct, frozen=True):
    """A message as it was recorded."""

    role: str
    content: str | None = None
    tool_calls: tuple[Called, ...] | None = None


class Run(Struct, frozen=True):
    """A recorded run, without its system message."""

    user_task: str
    injection_task: str | None
    injections: dict[str, str]
    utility: bool
    attack_succeeded: bool | None
    messages: tuple[Message, ...]

    def script(self) -> Script:
        """What the model did."""
        said = [message for message in self.messages if message.role == "assistant"]
        turns = [tuple(Wish(call.function, call.args) for call in message.tool_calls or ()) for message in said]
        answer = said[-1].content if said and not said[-1].tool_calls else ""
        return Script(tuple(turn for turn in turns if turn), answer or "")


def runs_of(pack: Pack, suite: str) -> list[Run] | None:
    """The recorded runs of a suite, in the order of their file; None where the pack has none."""
    path = pack.folder / suite / FILE
    if not path.is_file():
        return None
    return msgspec.json.Decoder(Run).decode_lines(gzip.decompress(path.read_bytes()))
