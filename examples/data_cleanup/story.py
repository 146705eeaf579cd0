"""What the stand-in has been told, read out of a request's segments."""

from __future__ import annotations

import json
from dataclasses import dataclass

from holdfast.dialogue import Answered, Request, Result, Told
from holdfast.events import Json, Wanted


@dataclass(frozen=True)
class Made:
    """A call it made, and what it was told became of it."""

    tool: str
    args: Json
    failed: bool
    found: tuple[Json, ...]
    text: str


@dataclass(frozen=True)
class Story:
    """A run, as far as it has been told."""

    request: Json
    calls: tuple[Made, ...]

    @staticmethod
    def told(request: Request) -> Story:
        """Everything that stands in the request's segments."""
        results = {part.id: part for part in request.segments if isinstance(part, Result)}
        answers = [part for part in request.segments if isinstance(part, Answered)]
        inputs = [part.text for part in request.segments if isinstance(part, Told) and part.source == "input"]
        return Story(
            request=next((value for text in inputs for value in values(text)), {}),
            calls=tuple(_made(want, results[want.id]) for part in answers for want in part.calls if want.id in results),
        )

    def made(self, tool: str) -> list[Made]:
        """Its calls of one tool."""
        return [one for one in self.calls if one.tool == tool]


def _made(want: Wanted, result: Result) -> Made:
    return Made(want.tool, _object(want.args), result.failed, tuple(values(result.text)), result.text)


def _object(text: str) -> Json:
    found = values(text)
    return found[0] if found else {}


def values(text: str) -> list[Json]:
    """The objects in the JSON that a text begins with, if it does; several pages come as a list."""
    try:
        value = json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        return []
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
