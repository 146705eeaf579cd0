"""Transcripts: the messages of a recorded conversation, as a journal has them; and what the tools' answers became."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from holdfast.codec import value_of
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallReturned,
    CallStarted,
    Entry,
    Json,
    ModelAnswered,
    RunOpened,
    Said,
)
from real.packs import Message, Run, ToolCall
from real.scripts import SILENCE


@dataclass
class Asked:
    """A call as its journal has it."""

    tool: str
    effect: str
    problem: str = ""
    """What the contract found wrong with it as it was written."""
    refused: bool = False
    """It was answered without being started."""
    attempts: int = 0
    failures: list[str] = field(default_factory=list)
    """What attempts that gave no result said of themselves; lost ones left out."""
    result: Json = None
    returned: bool = False

    @property
    def answered(self) -> bool:
        """Whether the recorded model was given an answer that its recording can have."""
        return self.returned or self.refused


def calls_of(entries: Iterable[Entry]) -> list[Asked]:
    """Read the calls the model asked for, in asked order."""
    calls: dict[int, Asked] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, CallAsked) and not event.serves:
            calls[entry.seq] = Asked(event.tool, event.effect, event.problem)
        elif isinstance(event, CallStarted):
            calls[event.call].attempts += 1
        elif isinstance(event, CallFailed) and event.error != "lost":
            calls[event.call].failures.append(event.message)
        elif isinstance(event, CallReturned):
            calls[event.call].result = value_of(event.result)
            calls[event.call].returned = True
        elif isinstance(event, CallJudged) and event.verdict == "refuse":
            calls[event.call].refused = not calls[event.call].attempts
    return list(calls.values())


def messages_of(entries: Sequence[Entry]) -> list[Message]:
    """Read the conversation back: who said what, which calls were asked for, and what was answered to them.

    A tool's message without content stands for a call that the contract refused.
    """
    out: list[Message] = []
    calls = iter(calls_of(entries))
    for entry in entries:
        match entry.event:
            case RunOpened(input=given):
                opening = value_of(given)
                out += [Message("user", str(opening))] if opening else []
            case Said(text=text):
                out.append(Message("user", str(value_of(text))))
            case ModelAnswered() as answer:
                asked = tuple(ToolCall(call.id, call.tool, call.args) for call in answer.calls)
                spoken = str(value_of(answer.text) or "")
                out.append(Message("assistant", "" if spoken == SILENCE else spoken, asked))
                out += [_result(call) for call in _next(calls, len(asked)) if call.answered]
    return out


def _next(calls: Iterable[Asked], count: int) -> list[Asked]:
    return [call for _, call in zip(range(count), calls, strict=False)]


def _result(call: Asked) -> Message:
    return Message("tool", _text(call.result) if call.returned else None, name=call.tool)


def _text(result: Json) -> str:
    return result if isinstance(result, str) else str(result)


def dropped(run: Run, messages: Sequence[Message]) -> int:
    """Count the recorded messages that a journal's conversation does not have in their place.

    The place of a tool's answer is where its call was asked for among the calls of the turn.
    """
    return sum(
        recorded is not None and (kept is None or not _is_kept(recorded, kept))
        for recorded, kept in zip_longest(_in_asked_order(run.messages), messages)
    )


def _in_asked_order(messages: Sequence[Message]) -> list[Message]:
    ranks: list[tuple[int, int]] = []
    turn, asked = 0, dict[str | None, int]()
    for message in messages:
        if message.role != "tool":
            turn, asked = turn + 1, {call.id: at for at, call in enumerate(message.tool_calls, 1)}
        ranks.append((turn, asked.get(message.tool_call_id, len(asked)) if message.role == "tool" else 0))
    return [messages[at] for at in sorted(range(len(messages)), key=ranks.__getitem__)]


def _is_kept(recorded: Message, kept: Message) -> bool:
    if recorded.role == "tool":
        return kept.role == "tool" and kept.content in {None, recorded.content or ""}
    return (recorded.role, recorded.content or "", recorded.tool_calls) == (kept.role, kept.content, kept.tool_calls)
