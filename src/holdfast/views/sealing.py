"""How a checkpoint stands in an entry of the run `audit`. The one place that knows."""

from __future__ import annotations

import base64

import msgspec

from holdfast import codec
from holdfast.errors import JournalError
from holdfast.events import AnyEvent, Checkpointed, Unknown
from holdfast.views.checkpoint import Sealed
from holdfast.views.merkle import HASH_BYTES


def event_of(sealed: Sealed) -> Checkpointed:
    """The event that says a checkpoint was taken."""
    return Checkpointed(sealed.note, b"".join(sealed.roots))


def sealed_in(event: AnyEvent | Unknown) -> Sealed | None:
    """The checkpoint in an event; None where there is none."""
    if not isinstance(event, Checkpointed):
        return None
    try:
        return Sealed(event.note, _hashes(event.frontier))
    except ValueError:
        return None


def sealed_at(data: bytes) -> Sealed | None:
    """The checkpoint in the stored bytes of an entry; None where there is none, or the bytes are no entry."""
    try:
        return sealed_in(codec.decode(data).event)
    except (JournalError, msgspec.MsgspecError, LookupError, ValueError):
        return None


def pack(roots: tuple[bytes, ...]) -> str:
    """Hashes as one line of base64."""
    return base64.b64encode(b"".join(roots)).decode()


def unpack(text: str) -> tuple[bytes, ...]:
    """The hashes in a line of base64. Raises ValueError."""
    return _hashes(base64.b64decode(text, validate=True))


def _hashes(data: bytes) -> tuple[bytes, ...]:
    if len(data) % HASH_BYTES:
        raise ValueError(f"{len(data)} bytes are no hashes")
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
