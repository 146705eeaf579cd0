"""Between our words and pydantic-ai's: segments to messages, its answers to ours.

Imports pydantic-ai; `provider` imports this at the first answer and nobody else does.

A message is made once a segment. An earlier answer is rebuilt from the provider's own form where that was
kept, still says what the journal says, and comes from the same provider; in all other cases from its text
and calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import pydantic
from pydantic_ai import messages as ai
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from holdfast import codec, files
from holdfast.dialogue import Answer, Answered, Attached, Offer, Request, Result, Segment, Told
from holdfast.events import Finish, Json, Usage, Wanted
from holdfast.models.kept import Kept

PAYLOAD: Final = 1
"""Version of the form of `Answer.payload`: {"form", "provider", "response"}."""

_FINISH: Final[Mapping[str | None, Finish]] = {
    "stop": "stop",
    "tool_call": "calls",
    "length": "length",
    "content_filter": "filter",
}
_EVERY: Final = frozenset({*files.IMAGES, files.PDF})
_TAKES: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("anthropic", "openai", "openai-responses", "openai-chat", "bedrock", "mistral"), _EVERY),
    **dict.fromkeys(("google", "google-gla", "google-vertex", "google-cloud"), _EVERY - {"image/gif"}),
    **dict.fromkeys(("groq", "xai", "azure", "openrouter"), frozenset(files.IMAGES)),
}
"""Provider → the kinds of files that it is sent as they are; of all others, their text. Those that are not here get texts only."""

_IN_RESULTS: Final = frozenset({"anthropic", "openai", "openai-responses"})
"""Providers that take files within a result; others are sent them right behind it."""

_DROPPED: Final = frozenset({"usage", "timestamp", "state"})
"""Fields of a pydantic-ai response that say nothing to the provider, or that we must not say again."""

_adapter = ai.ModelMessagesTypeAdapter

_Settled: TypeAlias = tuple[tuple[Offer, ...], ModelRequestParameters]


class Conversation:
    """What is sent to one provider: messages and tools, each made once and kept while there is room."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._messages: Kept[list[ai.ModelMessage]] = Kept()
        self._settled: OrderedDict[tuple[str, int], _Settled] = OrderedDict()

    def messages(self, request: Request) -> list[ai.ModelMessage]:
        """The messages of a request; what was made for its run's earlier steps is used again."""
        count, known = self._messages.get(request.run, request.segments) or (0, [])
        if count == len(request.segments):
            return list(known)
        made = _extended(known, request.segments[count:], self._provider)
        self._messages.put(request.run, request.segments, made)
        # The caller gets a list of its own: a lost attempt may still read it while the next one extends ours.
        return list(made)

    def parameters(self, request: Request) -> ModelRequestParameters:
        """The system prompt and the tools of a request."""
        key = (request.system, len(request.offers))
        held = self._settled.get(key)
        if held is not None and held[0] == request.offers:
            return held[1]
        made = ModelRequestParameters(
            function_tools=[_tool(one) for one in request.offers],
            instruction_parts=[ai.InstructionPart(content=request.system)] if request.system else [],
        )
        self._settled[key] = (request.offers, made)
        if len(self._settled) > 64:
            self._settled.popitem(last=False)
        return made


def _tool(offer: Offer) -> ToolDefinition:
    return ToolDefinition(name=offer.name, description=offer.description, parameters_json_schema=offer.schema)


def _extended(known: list[ai.ModelMessage], fresh: Sequence[Segment], provider: str) -> list[ai.ModelMessage]:
    out = list(known)
    parts: list[ai.ModelRequestPart] = []
    if out and isinstance(last := out[-1], ai.ModelRequest):
        # A message of the requester between two attempts belongs to the same turn as the results before it.
        parts = list(last.parts)
        out.pop()
    for segment in fresh:
        if not isinstance(segment, Answered):
            parts += _parts(segment, provider)
        elif (response := _response(segment, provider)) is not None:
            if parts:
                out.append(_turn(parts))
                parts = []
            out.append(response)
    if parts:
        out.append(_turn(parts))
    return out


def _turn(parts: list[ai.ModelRequestPart]) -> ai.ModelRequest:
    # Providers want the results of calls directly after the calls, and everything else behind them.
    return ai.ModelRequest(parts=sorted(parts, key=lambda part: not isinstance(part, ai.ToolReturnPart)))


def _parts(segment: Told | Result, provider: str) -> list[ai.ModelRequestPart]:
    beside = [part for file in segment.attached for part in _file(file, provider)]
    if isinstance(segment, Told):
        if not beside:
            return [ai.UserPromptPart(segment.text)]
        return [ai.UserPromptPart([segment.text, *beside] if segment.text else beside)]
    # The result and the words beside it are one text: some providers take no more than one in a result.
    text = "\n\n".join([segment.text, *(part for part in beside if isinstance(part, str))])
    whole = [part for part in beside if isinstance(part, ai.BinaryContent)]
    within = whole if provider in _IN_RESULTS else []
    part = ai.ToolReturnPart(segment.tool, [text, *within] if within else text, tool_call_id=segment.id)
    made: list[ai.ModelRequestPart] = [replace(part, outcome="failed") if segment.failed else part]
    if whole and not within:
        named = ", ".join(one.identifier for one in whole)
        made.append(ai.UserPromptPart([f"What came with the result of {segment.tool}: {named}", *whole]))
    return made


def _file(file: Attached, provider: str) -> Sequence[str | ai.BinaryContent]:
    """A file as a provider takes it: as it is, or as the text that stands in it, or as the words that it cannot be shown."""
    name = f"File {file.name} ({file.media})"
    known = f"{name}: {file.note}" if file.note else f"{name}:"
    if files.is_text(file.media):
        # Text is sent as text: every provider reads it, while few take it as a document.
        return [f"{known}\n\n{file.shown or file.text}"]
    if file.goes_as_it_is and file.media in _TAKES.get(provider, ()):
        return [known, ai.BinaryContent(file.content, media_type=file.media, identifier=file.name)]
    if file.words:
        return [f"{known}\n\n{file.shown or file.words}"]
    return [f"{name} cannot be shown to you: {file.note or 'this model is sent no files of this kind'}"]


def _response(segment: Answered, provider: str) -> ai.ModelResponse | None:
    kept = _from_payload(segment.payload, provider)
    if kept is not None and (_text(kept), _calls(kept)) == (segment.text, segment.calls):
        # Otherwise the journal says something else now: a text was erased, or calls were not admitted.
        return kept
    parts: list[ai.ModelResponsePart] = [ai.TextPart(segment.text)] if segment.text else []
    parts += [ai.ToolCallPart(one.tool, one.args, one.id) for one in segment.calls]
    return ai.ModelResponse(parts) if parts else None


def _from_payload(payload: Json, provider: str) -> ai.ModelResponse | None:
    if not isinstance(payload, dict) or payload.get("form") != PAYLOAD or payload.get("provider") != provider:
        return None
    try:
        (message,) = _adapter.validate_json(codec.canonical([payload.get("response")]))
    except pydantic.ValidationError:
        # Written by a pydantic-ai whose form this one no longer reads. Text and calls are still there.
        return None
    return message if isinstance(message, ai.ModelResponse) else None


def answer_of(response: ai.ModelResponse, provider: str) -> Answer:
    """A provider's answer as ours, without its cost."""
    calls = _calls(response)
    text = _text(response)
    details = response.provider_details or {}
    used = response.usage
    usage = Usage(max(used.input_tokens, used.cache_read_tokens), used.output_tokens, used.cache_read_tokens)
    return Answer(
        text=text or str(details.get("refusal") or ""),
        calls=calls,
        finish=_finish(response, provider, calls=bool(calls)),
        usage=usage,
        model=response.model_name or "",
        payload=_payload(response, provider) if _says_more(response) else None,
    )


def _finish(response: ai.ModelResponse, provider: str, *, calls: bool) -> Finish:
    finish = _FINISH.get(response.finish_reason, "unknown")
    if response.state != "complete":
        return "unknown"
    details = response.provider_details or {}
    if provider == "openai-chat" and finish == "stop" and "finish_reason" not in details:
        # pydantic-ai reads a missing finish reason as "stop"; nobody said that the answer is whole.
        return "unknown"
    return "calls" if finish == "stop" and calls else finish


def _text(response: ai.ModelResponse) -> str:
    return response.text or ""


def _calls(response: ai.ModelResponse) -> tuple[Wanted, ...]:
    found = [part for part in response.parts if isinstance(part, ai.ToolCallPart)]
    return tuple(Wanted(part.tool_call_id, part.tool_name, _args(part.args)) for part in found)


def _args(args: str | Mapping[str, Json] | None) -> str:
    if not args:
        # Some providers write nothing at all for a call without arguments.
        return "{}"
    return args if isinstance(args, str) else codec.canonical(args).decode()


def _says_more(response: ai.ModelResponse) -> bool:
    return any(
        not isinstance(part, ai.TextPart | ai.ToolCallPart) or part.provider_details is not None
        for part in response.parts
    )


def _payload(response: ai.ModelResponse, provider: str) -> Json:
    (fields,) = _adapter.dump_python([response], mode="json")
    kept = {name: value for name, value in fields.items() if value is not None and name not in _DROPPED}
    return {"form": PAYLOAD, "provider": provider, "response": kept}
