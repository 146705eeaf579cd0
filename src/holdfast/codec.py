"""Between entries and bytes: the stored form, the chain over it, and keyed digests.

* The chain is taken over the bytes as they are stored, never over bytes made again: `digest = sha256(prev ‖ bytes)`.
  Whatever a later version reads into them, the chain still says whether they are the ones that were written.
* State is only ever advanced by what was decoded from stored bytes, in the process that wrote them too.
* A digest of content is keyed with the secret of the run tree and dies with it. A bare digest of a phone number can be
  guessed in a blink; this one cannot once the secret is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from holdfast.errors import Bug, JournalDamaged, JournalNewer
from holdfast.events import (
    SCHEMA,
    AnyEvent,
    Body,
    Entry,
    Erased,
    Event,
    Inline,
    Json,
    Line,
    Loaded,
    Stored,
    Unknown,
)

GENESIS: Final = b"\0" * 32
"""What the first entry of a run chains to."""


class _Whole(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A `Line` with its event as it is: the same bytes, written and read in one go. Its fields are those of `Line`, in order."""

    v: int
    run: str
    seq: int
    at: int
    cause: int
    actor: str
    event: AnyEvent
    aside: str = ""


_encoder = msgspec.json.Encoder(order="deterministic")
_line = msgspec.json.Decoder(Line)
_whole_line = msgspec.json.Decoder(_Whole)
_event = msgspec.json.Decoder(AnyEvent)
_json = msgspec.json.Decoder()


class _Kind(msgspec.Struct):
    kind: str


_kind = msgspec.json.Decoder(_Kind)

OLDEST: Final = 1
"""The first schema there was."""

Upcaster = Callable[[str, dict[str, Json]], dict[str, Json]]
UPCASTERS: dict[int, Upcaster] = {}
"""From schema version v to v + 1: (kind, fields) → fields. In memory, after the chain was checked."""


def canonical(value: Json) -> bytes:
    """JSON bytes with sorted keys and no white space: the same value gives the same bytes."""
    return _encoder.encode(value)


def parse(data: bytes | str) -> Json:
    """The JSON value in `data`. Raises msgspec.DecodeError."""
    return _json.decode(data)


def plain(value: object) -> Json:
    """A value as JSON would give it back, so that what is decided now and what is read tomorrow are the same."""
    return _json.decode(_encoder.encode(value))


def public_digest(value: Json) -> str:
    """sha256 of the canonical form, for what is no secret: contracts, schemas, code."""
    return hashlib.sha256(canonical(value)).hexdigest()


def keyed(secret: bytes, purpose: str, *parts: bytes | str) -> str:
    """A keyed digest over `parts`, in one domain per purpose: 32 hex digits.

    BLAKE2b in its keyed mode (RFC 7693), which is a MAC by itself and took a fifteenth of the time of HMAC-SHA256 here.
    128 bits keep accidental equality out of reach and halve what a journal spends on digests.
    """
    pieces = [purpose.encode()]
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        pieces += (len(data).to_bytes(8, "big"), data)
    return hashlib.blake2b(b"".join(pieces), key=secret, digest_size=16).hexdigest()


def value_of(body: Body | None) -> Json:
    """The value of a body; None where it is gone. Raises Bug for one that the shell forgot to load."""
    match body:
        case None | Erased():
            return None
        case Inline(value) | Loaded(_, _, value):
            return value
        case Stored(ref):
            raise Bug(f"the body {ref} was not loaded before it was read")


def encode(entry: Entry) -> bytes:
    """The stored bytes of an entry.

    Raises Bug for an entry that was read but not understood: it is never written again.
    """
    if isinstance(entry.event, Unknown):
        raise Bug(f"an entry of the unknown kind {entry.event.kind} cannot be written", run=entry.run, seq=entry.seq)
    try:
        whole = _Whole(SCHEMA, entry.run, entry.seq, entry.at, entry.cause, entry.actor, entry.event, entry.aside)
        return _encoder.encode(whole)
    except UnicodeEncodeError:  # a message or an answer with half a character in it
        body = msgspec.Raw(_encoder.encode(_whole(msgspec.to_builtins(entry.event))))
    return _encoder.encode(Line(SCHEMA, entry.run, entry.seq, entry.at, entry.cause, entry.actor, body, entry.aside))


def _whole(value: Json) -> Json:
    """A value with a question mark for each part of its texts that is no Unicode."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list | tuple) else value


def chain(prev: bytes, data: bytes) -> bytes:
    """The digest of an entry stored as `data` after the entry with digest `prev`."""
    return hashlib.sha256(prev + data).digest()


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What bytes raise that are no JSON, no UTF-8, or nested without end."""


def decode(data: bytes, prev: bytes = b"", digest: bytes = b"") -> Entry:
    """The entry in stored bytes; a kind this version does not know comes as `Unknown`.

    Raises JournalDamaged where the bytes are no entry, JournalNewer where their schema is newer than ours.
    """
    try:
        whole = _whole_line.decode(data)
    except UNREADABLE:
        return _decoded(data, prev, digest)
    if whole.v != SCHEMA:
        return _decoded(data, prev, digest)
    return Entry(whole.run, whole.seq, whole.at, whole.cause, whole.actor, whole.event, prev, digest, whole.aside)


def _decoded(data: bytes, prev: bytes, digest: bytes) -> Entry:
    """What is no entry of today's kinds and schema: an older one, a newer one, an unknown one, or none at all."""
    try:
        line = _line.decode(data)
    except UNREADABLE as error:
        raise JournalDamaged(f"an entry cannot be read: {error}", hint="holdfast verify says which") from None
    if line.v > SCHEMA:
        raise JournalNewer(
            f"an entry was written in schema {line.v}, and this holdfast reads up to {SCHEMA}",
            run=line.run, seq=line.seq, hint="read it with the holdfast that wrote it, or a newer one",
        )  # fmt: skip
    raw: bytes | msgspec.Raw = _upcast(line) if line.v < SCHEMA else line.event
    try:
        event: AnyEvent | Unknown = _event.decode(raw)
    except msgspec.ValidationError:
        event = _unknown(line, bytes(raw))
    except UNREADABLE as error:
        raise JournalDamaged(f"an event cannot be read: {error}", run=line.run, seq=line.seq) from None
    return Entry(line.run, line.seq, line.at, line.cause, line.actor, event, prev, digest, line.aside)


def _upcast(line: Line) -> bytes:
    if line.v < OLDEST:
        raise JournalDamaged(f"there never was a schema {line.v}", run=line.run, seq=line.seq)
    fields: dict[str, Json] = _json.decode(line.event)
    for version in range(line.v, SCHEMA):
        fields = UPCASTERS[version](fields["kind"], fields)
    return canonical(fields)


def _unknown(line: Line, raw: bytes) -> Unknown:
    try:
        kind = _kind.decode(raw).kind
    except UNREADABLE as error:
        raise JournalDamaged(f"an entry has no kind: {error}", run=line.run, seq=line.seq) from None
    if kind in KINDS:
        raise JournalDamaged(f"an entry of kind {kind} does not have that kind's fields", run=line.run, seq=line.seq)
    return Unknown(kind, raw)


KINDS: Final[dict[str, type[Event]]] = {kind.__name__: kind for kind in AnyEvent.__args__}


def entries(run: str, lines: Iterable[tuple[bytes, bytes]], prev: bytes = GENESIS, seq: int = 0) -> Iterator[Entry]:
    """The entries in stored (bytes, digest) lines, from the one after `seq`, whose digest is `prev`.

    Raises JournalDamaged at the first line that is not what was written, in its place; and what `decode` raises.
    """
    for data, digest in lines:
        seq += 1
        if chain(prev, data) != digest:
            raise JournalDamaged(
                "the stored bytes are not what the chain says was written", run=run, seq=seq, hint="holdfast verify"
            )
        entry = decode(data, prev, digest)
        if (entry.run, entry.seq) != (run, seq):
            raise JournalDamaged(f"here stands entry {entry.seq} of run {entry.run}", run=run, seq=seq)
        prev = digest
        yield entry


def check_chain(run: str, lines: Iterable[tuple[bytes, bytes]], prev: bytes = GENESIS, seq: int = 0) -> bytes:
    """The head digest of stored lines; see `entries`."""
    for entry in entries(run, lines, prev, seq):
        prev = entry.digest
    return prev
