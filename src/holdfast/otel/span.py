"""A span as the mapping gives it, and its ids: both follow from the journal alone, so whoever makes them makes the same."""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

from msgspec import Struct, field

Value: TypeAlias = str | bool | int | float | tuple[str, ...]
"""What an attribute can be."""

Attributes: TypeAlias = dict[str, Value]
Kind: TypeAlias = Literal["internal", "client"]
Status: TypeAlias = Literal["unset", "ok", "error"]


class Event(Struct, frozen=True):
    """Something at one moment of a span."""

    name: str
    at: int
    attributes: Attributes = field(default_factory=dict)


class Link(Struct, frozen=True):
    """Another span that this one has to do with."""

    trace: str
    span: str
    attributes: Attributes = field(default_factory=dict)


class Span(Struct, frozen=True, kw_only=True):
    """Something that is over. Times are µs since 1970; ids are hex."""

    over: int
    """The entry with which it was over. Nothing in the span comes from a later one."""
    trace: str
    id: str
    parent: str = ""
    name: str
    kind: Kind = "internal"
    start: int
    end: int
    status: Status = "unset"
    attributes: Attributes
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()


def trace_id(tree: str) -> str:
    """Of a run tree, by the name of its root: 16 bytes as hex."""
    return _id("trace", tree)[:32]


def span_id(run: str, seq: int, part: str = "") -> str:
    """Of what an entry of a run began: 8 bytes as hex.

    part: where one entry began two things, as the first request of a step begins the step too.
    """
    return _id("span", run, str(seq), part)[:16]


def _id(*parts: str) -> str:
    # An id of zeros means none in OTLP; a hash is not that in the life of the universe.
    return hashlib.sha256("\0".join(("holdfast", *parts)).encode()).hexdigest()
