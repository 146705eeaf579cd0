"""How a checkpoint stands in an entry of the run `audit`. The one place that knows which kind of entry that is."""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from holdfast import codec
from holdfast.errors import JournalError
from holdfast.events import AnyEvent, Noted, Unknown
from holdfast.views.checkpoint import Sealed
from holdfast.views.merkle import HASH_BYTES

FINDING: Final = "checkpoint"


class _Kept(msgspec.Struct, frozen=True):
    note: str
    frontier: str
    """Base64 of the roots, one after another."""


_kept: Final = msgspec.json.Decoder(_Kept)


def event_of(sealed: Sealed, by: str) -> AnyEvent:
    """The event that says a checkpoint was taken."""
    return Noted(by, FINDING, note=msgspec.json.encode(_Kept(sealed.note, pack(sealed.roots))).decode())


def sealed_in(event: AnyEvent | Unknown) -> Sealed | None:
    """The checkpoint in an event; None where there is none."""
    if not isinstance(event, Noted) or event.finding != FINDING:
        return None
    try:
        kept = _kept.decode(event.note)
        return Sealed(kept.note, unpack(kept.frontier))
    except (msgspec.DecodeError, ValueError):
        return None


def sealed_at(data: bytes) -> Sealed | None:
    """The checkpoint in the stored bytes of an entry; None where there is none, or the bytes are no entry."""
    try:
        return sealed_in(codec.decode(data).event)
    except (JournalError, msgspec.MsgspecError, LookupError):
        return None


def pack(roots: tuple[bytes, ...]) -> str:
    """Hashes as one line of base64."""
    return base64.b64encode(b"".join(roots)).decode()


def unpack(text: str) -> tuple[bytes, ...]:
    """The hashes in a line of base64. Raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if len(data) % HASH_BYTES:
        raise ValueError(f"{len(data)} bytes are no hashes")
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
