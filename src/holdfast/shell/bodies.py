"""Bodies on their way to and from the journal: small plain ones stand in the entry, others beside the chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final

import msgspec

from holdfast import codec
from holdfast.codec import GENESIS, canonical, keyed, parse
from holdfast.errors import Bug
from holdfast.events import (
    AnyEvent,
    Body,
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallSettled,
    CancelAsked,
    ContractAdopted,
    DoubtRaised,
    Entry,
    Erased,
    Inline,
    Loaded,
    ModelAnswered,
    ModelFailed,
    Noted,
    OutputRejected,
    PersonAnswered,
    PersonAsked,
    RunClosed,
    RunOpened,
    Stored,
    Unknown,
)
from holdfast.journal.port import Journal

INLINE_BYTES: Final = 2_048
"""Bodies up to this size stand in their entry, unless the run is about a person."""

_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(kind: type) -> tuple[str, ...]:
    """The fields of an event kind that hold bodies, or tuples of them."""
    if kind not in _FIELDS:
        found = [field.name for field in msgspec.structs.fields(kind) if _holds_body(str(field.type))]
        _FIELDS[kind] = tuple(found)
    return _FIELDS[kind]


def _holds_body(hint: str) -> bool:
    return "events.Inline" in hint


def store(event: AnyEvent, secret: bytes, *, personal: bool) -> tuple[AnyEvent, list[tuple[str, bytes]]]:
    """An event as it is written, and the blobs to write with it. A contract is one blob for all its runs."""
    names = _fields(type(event))
    if not names:
        return event, []
    changes: dict[str, Any] = {}
    blobs: list[tuple[str, bytes]] = []

    def put(body: Body) -> Body:
        if not isinstance(body, Inline):
            return body
        data = canonical(body.value)
        if len(data) <= INLINE_BYTES and not personal:
            return body
        ref = keyed(secret, "body", data)
        blobs.append((ref, data))
        return Stored(ref, len(data))

    for name in names:
        value = getattr(event, name)
        if name == "contract" and isinstance(value, Inline) and isinstance(event, RunOpened | ContractAdopted):
            ref, data = f"contract_{event.contract_digest}", canonical(value.value)  # the same for all runs under it
            blobs.append((ref, data))
            changes[name] = Stored(ref, len(data))
        elif isinstance(value, tuple):
            changes[name] = tuple(put(item) for item in value)
        elif value is not None:
            changes[name] = put(value)
    return (msgspec.structs.replace(event, **changes), blobs) if blobs else (event, [])


TEXTS: Final[dict[type, tuple[str, ...]]] = {
    ModelAnswered: ("calls",), ModelFailed: ("message",), OutputRejected: ("why",), CallAsked: ("problem",), CallJudged: ("rules",),
    PersonAsked: ("text",), PersonAnswered: ("text",), CallReturned: ("missing", "cursor"), CallFailed: ("message",),
    CallLookedUp: ("message",), DoubtRaised: ("why",), CallSettled: ("text",), CancelAsked: ("because",), RunClosed: ("reason",),
    Noted: ("note",),
}  # fmt: skip
"""Fields that hold words, beside the bodies: in a run about somebody they may be about them too."""


def set_aside(event: AnyEvent) -> tuple[AnyEvent, bytes]:
    """An event without the words in it, and these as one body; empty where it has none."""
    words = {name: value for name in TEXTS.get(type(event), ()) if (value := getattr(event, name))}
    if not words:
        return event, b""
    bare = {name: () if isinstance(value, tuple) else "" for name, value in words.items()}
    return msgspec.structs.replace(event, **bare), canonical(words)


@cache
def _hints(kind: type[AnyEvent]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def put_back(event: AnyEvent, words: bytes) -> AnyEvent:
    """An event with the words that were set aside."""
    hints = _hints(type(event))
    found = {name: msgspec.convert(value, hints[name]) for name, value in parse(words).items()}
    return msgspec.structs.replace(event, **found)


async def load(entry: Entry, fetch: Callable[[str], Awaitable[bytes | None]]) -> Entry:
    """An entry with its bodies: a stored one is loaded, one that is gone is `Erased`; words that are gone are empty."""
    event = entry.event
    if isinstance(event, Unknown):
        return entry
    if entry.aside and (words := await fetch(entry.aside)) is not None:
        event = put_back(event, words)
        entry = msgspec.structs.replace(entry, event=event)
    changes: dict[str, Any] = {}
    for name in _fields(type(event)):
        value = getattr(event, name)
        if isinstance(value, Stored):
            changes[name] = await _fetched(value, fetch)
        elif isinstance(value, tuple) and any(isinstance(item, Stored) for item in value):
            changes[name] = tuple([await _fetched(item, fetch) if isinstance(item, Stored) else item for item in value])
    return msgspec.structs.replace(entry, event=msgspec.structs.replace(event, **changes)) if changes else entry


async def entries(
    journal: Journal, run: str, after: int = 0, head: bytes = GENESIS, *, durable: bool = False
) -> list[Entry]:
    """The entries of a run after seq `after`, whose digest is `head`, bodies loaded. Raises JournalDamaged where the chain does not hold.

    durable: only those that are on the disk for good.
    """
    lines = await journal.read(run, after, durable=durable)
    found = codec.entries(run, lines, head, after)
    return [await load(entry, journal.blob) if is_stored(entry) else entry for entry in found]


async def _fetched(body: Stored, fetch: Callable[[str], Awaitable[bytes | None]]) -> Body:
    data = await fetch(body.ref)
    return Erased(body.ref, body.size) if data is None else Loaded(body.ref, body.size, parse(data))


def refs(entry: Entry) -> set[str]:
    """The blobs an entry names."""
    event = entry.event
    if isinstance(event, Unknown):
        return set()
    found = {entry.aside} if entry.aside else set[str]()
    for name in _fields(type(event)):
        value = getattr(event, name)
        found |= {body.ref for body in (value if isinstance(value, tuple) else (value,)) if isinstance(body, Stored)}
    return found


def is_stored(entry: Entry) -> bool:
    """Whether an entry has a body, or words, that must be loaded."""
    event = entry.event
    if isinstance(event, Unknown):
        return False
    if entry.aside:
        return True
    for name in _fields(type(event)):
        value = getattr(event, name)
        if isinstance(value, Stored) or (isinstance(value, tuple) and any(isinstance(item, Stored) for item in value)):
            return True
    return False


def filled(entry: Entry, blobs: dict[str, bytes]) -> Entry:
    """An entry just written, with the bodies that were written with it."""
    event = entry.event
    if isinstance(event, Unknown):
        raise Bug("an unknown entry was written", run=entry.run, seq=entry.seq)
    if entry.aside:
        event = put_back(event, blobs[entry.aside])

    def take(body: Any) -> Any:
        if isinstance(body, Stored):
            return Loaded(body.ref, body.size, parse(blobs[body.ref]))
        return body

    changes: dict[str, Any] = {}
    for name in _fields(type(event)):
        value = getattr(event, name)
        if value is not None:
            changes[name] = tuple(take(item) for item in value) if isinstance(value, tuple) else take(value)
    return msgspec.structs.replace(entry, event=msgspec.structs.replace(event, **changes))
