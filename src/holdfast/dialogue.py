"""The dialogue: a prompt in no provider's words, and what a model may answer to it.

A prompt is a list of segments. Each is named by the entry it comes from and its part there, and never changes once it was
sent; so a request is the one before it and a few segments more, and an adapter may keep what it made of each.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from holdfast.events import Finish, Json, Price, Usage, Wanted


class Attached(Struct, frozen=True, gc=False):
    """A file beside a text. Never trusted: whoever made it may have written anything into it."""

    name: str
    media: str
    """MIME type."""
    data: str
    """Base64."""

    @property
    def text(self) -> str:
        """What stands in it, where it is a text; empty otherwise."""
        return base64.b64decode(self.data).decode(errors="replace") if self.media.startswith("text/") else ""


class Told(Struct, frozen=True, gc=False):
    """Something the model is told: by the requester, or by the machine."""

    ref: tuple[int, int]
    source: Literal["input", "said", "machine"]
    text: str
    attached: tuple[Attached, ...] = ()


class Answered(Struct, frozen=True, gc=False):
    """What a model answered earlier."""

    ref: tuple[int, int]
    text: str
    calls: tuple[Wanted, ...] = ()
    model: str = ""
    payload: Json = None
    """The provider's own form, if it was kept."""


class Result(Struct, frozen=True, gc=False):
    """What became of a call the model asked for."""

    ref: tuple[int, int]
    id: str
    tool: str
    text: str
    failed: bool = False


Segment: TypeAlias = Told | Answered | Result


class Offer(Struct, frozen=True, gc=False):
    """A tool as a model is told of it."""

    name: str
    description: str
    schema: Json


class Request(Struct, frozen=True, gc=False):
    """One request to a model."""

    run: str
    step: int
    """Which answer of the run this is to be, from 1; the same for all attempts at it."""
    attempt: int
    model: str
    system: str
    offers: tuple[Offer, ...]
    segments: Sequence[Segment]
    max_output: int
    timeout: int
    """µs."""
    speaks: bool = False
    """Whether text without a call is an answer (a conversation)."""


class Answer(Struct, frozen=True, gc=False):
    """What a model answered."""

    text: str = ""
    calls: tuple[Wanted, ...] = ()
    finish: Finish = "stop"
    usage: Usage = Usage()
    cost: int | None = None
    """nusd, where the model itself knows it; otherwise it is computed from the price."""
    model: str = ""
    payload: Json = None


def cost_of(usage: Usage, price: Price) -> int:
    """nusd of these tokens at this price, rounded up."""
    cached = price.input if price.cached is None else price.cached
    pico = (usage.input - usage.cached) * price.input + usage.cached * cached + usage.output * price.output
    return -(-pico // 1000)
