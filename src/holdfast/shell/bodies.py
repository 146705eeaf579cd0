"""Bodies on their way to and from the journal: small plain ones stand in the entry, others beside the chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from holdfast.codec import canonical, keyed, parse
from holdfast.errors import Bug
from holdfast.events import (
    AnyEvent,
    Body,
    ContractAdopted,
    Entry,
    Erased,
    Inline,
    Loaded,
    RunOpened,
    Stored,
    Unknown,
)

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


async def load(entry: Entry, fetch: Callable[[str], Awaitable[bytes | None]]) -> Entry:
    """An entry with its bodies: a stored one is loaded, one that is gone is `Erased`."""
    event = entry.event
    if isinstance(event, Unknown):
        return entry
    changes: dict[str, Any] = {}
    for name in _fields(type(event)):
        value = getattr(event, name)
        if isinstance(value, Stored):
            changes[name] = await _fetched(value, fetch)
        elif isinstance(value, tuple) and any(isinstance(item, Stored) for item in value):
            changes[name] = tuple([await _fetched(item, fetch) if isinstance(item, Stored) else item for item in value])
    return msgspec.structs.replace(entry, event=msgspec.structs.replace(event, **changes)) if changes else entry


async def _fetched(body: Stored, fetch: Callable[[str], Awaitable[bytes | None]]) -> Body:
    data = await fetch(body.ref)
    return Erased(body.ref, body.size) if data is None else Loaded(body.ref, body.size, parse(data))


def is_stored(entry: Entry) -> bool:
    """Whether an entry has a body that must be loaded."""
    event = entry.event
    if isinstance(event, Unknown):
        return False
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
