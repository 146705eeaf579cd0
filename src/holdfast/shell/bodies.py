"""Bodies on their way to and from the journal: small plain ones stand in the entry, others beside the chain.

Those of a run about somebody all stand beside the chain, encrypted (see `cipher`). Whoever reads bodies reads them through
`Kept`, which opens them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from holdfast import codec
from holdfast.codec import GENESIS, canonical, keyed, parse
from holdfast.errors import Bug, JournalDamaged
from holdfast.events import (
    AnyEvent,
    AskedBack,
    Body,
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallSettled,
    CallStarted,
    CancelAsked,
    ContractAdopted,
    DoubtRaised,
    Entry,
    Erased,
    Inline,
    Json,
    Loaded,
    ModelAnswered,
    ModelFailed,
    Noted,
    OutputRejected,
    Paused,
    PersonAnswered,
    PersonAsked,
    PlaceAwaited,
    PlaceTaken,
    RunClosed,
    RunOpened,
    Stored,
    Unknown,
)
from holdfast.journal.port import Journal
from holdfast.shell.cipher import Cipher, changed, is_encrypted

INLINE_BYTES: Final = 2_048
"""Bodies up to this size stand in their entry, unless the run is about a person."""

BODY, ASIDE = "body", "aside"
"""What the name of a blob is a digest for: a body, or the words of an entry that were set aside."""

UNKEPT: Final = ""
"""The name of a body that came when the run had been erased: nothing was ever kept under it."""

Fetch: TypeAlias = Callable[[str], Awaitable[bytes | None]]
"""From the name of a body to the body as it was before it was encrypted; None where it is gone."""

_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(kind: type) -> tuple[str, ...]:
    """The fields of an event kind that hold bodies, or tuples of them."""
    if kind not in _FIELDS:
        found = [field.name for field in msgspec.structs.fields(kind) if _holds_body(str(field.type))]
        _FIELDS[kind] = tuple(found)
    return _FIELDS[kind]


def _holds_body(hint: str) -> bool:
    return "events.Inline" in hint


def store(event: AnyEvent, cipher: Cipher, *, personal: bool) -> tuple[AnyEvent, list[tuple[str, bytes]]]:
    """An event as it is written, and the blobs to write with it. A contract is one blob for all its runs, and never encrypted.

    cipher: of the run tree. Of a run about somebody whose secret was destroyed nothing is kept that comes later: without a
    key it could only stand there for everybody to read, under a name that can be guessed.
    """
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
        if personal and not cipher.secret:
            return Stored(UNKEPT, len(data))
        ref = keyed(cipher.secret, BODY, data)
        blobs.append((ref, cipher.encrypted(ref, data) if personal else data))
        return Stored(ref, len(data))

    for name in names:
        value = getattr(event, name)
        if name == "contract" and isinstance(value, Inline) and isinstance(event, RunOpened | ContractAdopted):
            ref, data = f"{CONTRACT}{event.contract_digest}", canonical(value.value)  # the same for all runs under it
            blobs.append((ref, data))
            changes[name] = Stored(ref, len(data))
        elif isinstance(value, tuple):
            changes[name] = tuple(put(item) for item in value)
        elif value is not None:
            changes[name] = put(value)
    return (msgspec.structs.replace(event, **changes) if changes else event), blobs


TEXTS: Final[dict[type, tuple[str, ...]]] = {
    ModelAnswered: ("calls",), ModelFailed: ("message",), OutputRejected: ("why",), CallAsked: ("problem",),
    CallJudged: ("rules", "shares"),
    CallStarted: ("shares",), PlaceAwaited: ("why", "name"), PlaceTaken: ("shares",), AskedBack: ("text",), Paused: ("why",),
    PersonAsked: ("text",), PersonAnswered: ("text",), CallReturned: ("missing", "cursor"), CallFailed: ("message",),
    CallLookedUp: ("message",), DoubtRaised: ("why",), CallSettled: ("text",), CancelAsked: ("because",), RunClosed: ("reason",),
    Noted: ("note",),
}  # fmt: skip
"""Fields that hold words, beside the bodies: in a run about somebody they may be about them too. So may the name of what runs
share: it is a digest without a key of what a call was counted with."""


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


async def load(entry: Entry, fetch: Fetch) -> Entry:
    """An entry with its bodies: a stored one is loaded, one that is gone is `Erased`; words that are gone are empty.

    Raises JournalDamaged, with the place, for a body that is not what was written.
    """
    if not is_stored(entry):
        return entry
    try:
        return await _loaded(entry, fetch)
    except JournalDamaged as error:
        raise JournalDamaged(error.what, run=entry.run, seq=entry.seq, hint=error.hint) from None


async def _loaded(entry: Entry, fetch: Fetch) -> Entry:
    event = entry.event
    assert not isinstance(event, Unknown)
    if entry.aside and (words := await fetch(entry.aside)) is not None:
        try:
            event = put_back(event, words)
        except msgspec.DecodeError:
            raise changed(entry.aside) from None
    changes: dict[str, Any] = {}
    for name in _fields(type(event)):
        value = getattr(event, name)
        if isinstance(value, Stored):
            changes[name] = await _fetched(value, fetch)
        elif isinstance(value, tuple) and any(isinstance(item, Stored) for item in value):
            changes[name] = tuple([await _fetched(item, fetch) if isinstance(item, Stored) else item for item in value])
    return msgspec.structs.replace(entry, event=msgspec.structs.replace(event, **changes))


async def _fetched(body: Stored, fetch: Fetch) -> Body:
    data = await fetch(body.ref) if body.ref != UNKEPT else None
    if data is None:
        return Erased(body.ref, body.size)
    try:
        return Loaded(body.ref, body.size, _value(body.ref, data))
    except msgspec.DecodeError:
        raise changed(body.ref) from None


def _value(ref: str, data: bytes) -> Json:
    """What stored bytes say. A contract stands in each of its runs, and what it says is kept once for all of them."""
    return _contract(data) if ref.startswith(CONTRACT) else parse(data)


@lru_cache(maxsize=64)
def _contract(data: bytes) -> Json:
    return parse(data)


class Kept:
    """The bodies that are kept beside the chain of one run, as they were before they were encrypted.

    cipher: of its run tree, where it is known; else the secret is asked for when the first encrypted body comes.
    """

    def __init__(self, journal: Journal, run: str, cipher: Cipher | None = None) -> None:
        self._journal, self._run, self._tree = journal, run, ""
        self._cipher = cipher if cipher is not None and cipher.secret else None

    async def load(self, entry: Entry) -> Entry:
        """An entry of this run with its bodies; see `load`."""
        if isinstance(entry.event, RunOpened):
            self._tree = entry.event.tree or self._run
        return await load(entry, self.fetch) if is_stored(entry) else entry

    async def fetch(self, ref: str) -> bytes | None:
        """One body; None where it is gone, or the secret that opens it. Raises JournalDamaged where it does not open."""
        data = await self._journal.blob(ref)
        if data is None or not is_encrypted(data):
            return data
        if self._cipher is None:
            self._cipher = Cipher(await self._journal.secret(await self._tree_of()))
        return self._cipher.opened(ref, data)

    async def _tree_of(self) -> str:
        """The tree of the run; where its beginning was not read here, as the index knows it."""
        if not self._tree:
            row = await self._journal.row(self._run)
            self._tree = (row.tree if row is not None else "") or self._run
        return self._tree


async def entries(
    journal: Journal, run: str, after: int = 0, head: bytes = GENESIS, *, durable: bool = False
) -> list[Entry]:
    """The entries of a run after seq `after`, whose digest is `head`, bodies loaded.

    durable: only those that are on the disk for good. Raises JournalDamaged where the chain does not hold, or a body is not
    what was written.
    """
    lines = await journal.read(run, after, durable=durable)
    kept = Kept(journal, run)
    return [await kept.load(entry) for entry in codec.entries(run, lines, head, after)]


def refs(entry: Entry) -> set[str]:
    """The blobs an entry names."""
    event = entry.event
    if isinstance(event, Unknown):
        return set()
    found = {entry.aside}
    for name in _fields(type(event)):
        value = getattr(event, name)
        found |= {body.ref for body in (value if isinstance(value, tuple) else (value,)) if isinstance(body, Stored)}
    return found - {UNKEPT}


CONTRACT: Final = "contract_"
"""What the name of a contract's blob begins with."""


def own_refs(entry: Entry) -> set[str]:
    """The blobs an entry names that belong to its run tree; a contract belongs to all runs under it."""
    return {ref for ref in refs(entry) if not ref.startswith(CONTRACT)}


def fits(secret: bytes, ref: str, data: bytes) -> bool:
    """Whether these stored bytes are what was written under a name. secret: of the run tree."""
    try:
        plain = Cipher(secret).opened(ref, data)
    except JournalDamaged:
        return False
    return plain is not None and any(keyed(secret, purpose, plain) == ref for purpose in (BODY, ASIDE))


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


def filled(entry: Entry, blobs: dict[str, bytes], cipher: Cipher) -> Entry:
    """An entry just written, with the bodies that were written with it, read from what is stored."""
    event = entry.event
    if isinstance(event, Unknown):
        raise Bug("an unknown entry was written", run=entry.run, seq=entry.seq)

    def read(ref: str) -> bytes:
        data = cipher.opened(ref, blobs[ref])
        assert data is not None  # it was encrypted a moment ago
        return data

    if entry.aside:
        event = put_back(event, read(entry.aside))

    def take(body: Any) -> Any:
        if not isinstance(body, Stored):
            return body
        if body.ref == UNKEPT:
            return Erased(body.ref, body.size)
        return Loaded(body.ref, body.size, _value(body.ref, read(body.ref)))

    changes: dict[str, Any] = {}
    for name in _fields(type(event)):
        value = getattr(event, name)
        if value is not None:
            changes[name] = tuple(take(item) for item in value) if isinstance(value, tuple) else take(value)
    return msgspec.structs.replace(entry, event=msgspec.structs.replace(event, **changes))
