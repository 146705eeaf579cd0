"""What a stand-in was told, read out of a request: for scripted models whose answers follow from what they saw.

def turn(request):
    story = Story.told(request)
    return call("get_order", order_id=story.request["order_id"]) if not story.made("get_order") else done(...)

Nothing is remembered from one turn to the next: what was told stands in the request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from holdfast.dialogue import Answered, Request, Result, Told
from holdfast.events import Json, Wanted


@dataclass(frozen=True)
class Made:
    """A call it made, and what it was told became of it."""

    tool: str
    args: Json
    failed: bool
    found: tuple[Json, ...]
    """The objects in what it was told; several pages come as several."""
    text: str
    wrote: str = ""
    """Its arguments as it wrote them, which may be no JSON."""


@dataclass(frozen=True)
class Story:
    """A run, as far as it has been told."""

    request: Json
    """The run's input, where that is an object."""
    calls: tuple[Made, ...]
    said: tuple[str, ...] = ()
    """What the requester said later, answers to its questions first."""
    words: tuple[str, ...] = ()
    """What it said itself without calling anything."""

    @classmethod
    def told(cls, request: Request) -> Self:
        """Everything that stands in the request's segments."""
        results = {part.id: part for part in request.segments if isinstance(part, Result)}
        answers = [part for part in request.segments if isinstance(part, Answered)]
        told = [part for part in request.segments if isinstance(part, Told)]
        calls = tuple(_made(want, results[want.id]) for part in answers for want in part.calls if want.id in results)
        replies = [made.text for made in calls if made.tool == "ask" and not made.failed]
        return cls(
            request=next((value for part in told if part.source == "input" for value in values(part.text)), {}),
            calls=calls,
            said=(*replies, *(part.text for part in told if part.source == "said")),
            words=tuple(part.text for part in answers if not part.calls),
        )

    def made(self, tool: str) -> list[Made]:
        """Its calls of one tool."""
        return [one for one in self.calls if one.tool == tool]

    def found(self, tool: str) -> list[Json]:
        """What its calls of one tool gave, oldest first."""
        return [value for one in self.made(tool) if not one.failed for value in one.found]


def _made(want: Wanted, result: Result) -> Made:
    return Made(want.tool, _object(want.args), result.failed, tuple(values(result.text)), result.text, want.args)


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
