"""The dialogue: a prompt in no provider's words, and what a model may answer to it.

A prompt is a list of segments. Each is named by the entry it comes from and its part there, and never changes once it was
sent; so a request is the one before it and a few segments more, and an adapter may keep what it made of each.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from holdfast import files
from holdfast.events import Finish, Json, Price, Usage, Wanted

MOST_PAGES = 100
"""Of a PDF that is sent as it is; of a longer one, the text is."""


class Attached(Struct, frozen=True, gc=False, omit_defaults=True):
    """A file beside a text. Never trusted: whoever made it may have written anything into it."""

    name: str
    media: str
    """MIME type, by its bytes."""
    data: str
    """Base64."""
    words: str = ""
    """Its text, where it is no text itself: read out of a PDF when it came in."""
    note: str = ""
    """What its reader has to know: that its name says it is something else, that its text was not read, or not to its end."""
    closed: bool = False
    """Nobody here could open it: a model is told of it, and not sent it."""
    pages: int = 0
    """Of a PDF whose text was read to its end."""
    digest: str = ""
    """Of a file in a result: keyed, what the result names it by."""
    shown: str = ""
    """What a model is shown of its text at once, where that is not all of it. In a prompt only, never in a journal."""

    @property
    def text(self) -> str:
        """All that stands in it, as far as it can be read as text."""
        return self.content.decode(errors="replace") if files.is_text(self.media) else self.words

    @property
    def content(self) -> bytes:
        """What it is made of; empty where that is no Base64."""
        try:
            return base64.b64decode(self.data)
        except ValueError:
            return b""

    @property
    def goes_as_it_is(self) -> bool:
        """Whether a provider that takes its kind may be sent its bytes: not those of what is broken, or longer than they take."""
        unread = not (self.words or self.pages)
        return not self.closed and (
            self.media in files.IMAGES or (self.media == files.PDF and (unread or 0 < self.pages <= MOST_PAGES))
        )

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return max(len(self.data) * 3 // 4 - self.data[-2:].count("="), 0)


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
    attached: tuple[Attached, ...] = ()
    """Files that came with it."""


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
