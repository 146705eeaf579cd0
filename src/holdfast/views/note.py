"""Signed notes: text under one or more Ed25519 signatures, in the form of https://c2sp.org/signed-note.

    the text, one or more lines
                                                          (an empty line)
    — name base64(key id ‖ signature)                     (one line a signature)

A signature is over the text with its last newline. The key id is the first four bytes of
`sha256(name ‖ 0x0A ‖ 0x01 ‖ public key)`. Signatures by keys nobody asked about are passed over: witnesses may add theirs.
Keys are written on one line: `name+id in hex+base64(0x01 ‖ public key)`, and the key that signs as
`PRIVATE+KEY+name+id+base64(0x01 ‖ seed)`.

What is wrong with a note has a name of its own:

    NoteError
    ├── NoteTruncated    the end of it is missing
    ├── NoteMalformed    it is no note
    ├── NoteForged       a key that is known is said to have signed it, and did not
    ├── NoteResigned     signed in the name of a known key, by another one
    └── NoteStranger     nobody known has signed it
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from msgspec import Struct

from holdfast.errors import JournalDamaged, SettingsError, UsageError

ED25519: Final = b"\x01"
"""The type of a signature, as the format numbers them."""

MAX_BYTES: Final = 1 << 20
MAX_SIGNATURES: Final = 64

_SIGNATURE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME: Final = re.compile(r"[^\s+]+")
_PRIVATE: Final = "PRIVATE+KEY+"


class NoteError(JournalDamaged):
    """A signed note that cannot stand."""


class NoteTruncated(NoteError):
    """The end of a signed note is missing."""


class NoteMalformed(NoteError):
    """This is no signed note."""


class NoteForged(NoteError):
    """A signature is not by the key that it names."""


class NoteResigned(NoteError):
    """A note was signed in the name of a known key, by another key."""


class NoteStranger(NoteError):
    """Nobody known has signed a note."""


class Signature(Struct, frozen=True):
    """One signature line."""

    name: str
    key_id: bytes
    data: bytes


class Note(Struct, frozen=True):
    """A note as it was read; nothing of it is verified."""

    text: str
    """With its last newline."""
    signatures: tuple[Signature, ...]


class Key(Struct, frozen=True):
    """A public key and the name it goes by."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes to find the key by; they prove nothing."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether this key made a signature over a text."""
        ed25519 = _ed25519()
        from cryptography.exceptions import InvalidSignature

        try:
            ed25519.Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Signer:
    """A key that signs. `seed`: 32 bytes nobody else knows.

    Raises UsageError for a name that cannot stand in a note, SettingsError where `cryptography` is not installed.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        if not _NAME.fullmatch(name) or _CONTROL.search(name):
            raise UsageError(f"{name!r} is no name of a key", hint="like example.com/desk: no spaces, no plus")
        self._seed = seed
        self._private = _ed25519().Ed25519PrivateKey.from_private_bytes(seed)
        self.key = Key(name, self._private.public_key().public_bytes_raw())

    def secret_text(self) -> str:
        """The key on one line, for a file that nobody else may read."""
        return f"{_PRIVATE}{self.key.name}+{self.key.id.hex()}+{base64.b64encode(ED25519 + self._seed).decode()}"

    def sign(self, text: str) -> str:
        """The note of a text, which ends in a newline, with this key's signature. Raises UsageError for no such text."""
        if not text.endswith("\n") or _CONTROL.search(text):
            raise UsageError("only whole lines without control characters can be signed")
        signature = base64.b64encode(self.key.id + self._private.sign(text.encode())).decode()
        return f"{text}\n— {self.key.name} {signature}\n"


def _ed25519() -> ModuleType:
    """The module that signs and verifies. Raises SettingsError where it is not installed."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise SettingsError(
            "signing and verifying checkpoints needs the package cryptography",
            hint='pip install "holdfast[audit]"',
        ) from None
    return ed25519


def read_key(line: str) -> Key:
    """The public key written on a line. Raises UsageError for anything else."""
    name, material = _key_parts(line.strip())
    key = Key(name, material)
    if line.strip() != str(key):
        raise UsageError(f"{line.strip()!r} is no public key: its id is not that of its name and key")
    return key


def read_signer(line: str) -> Signer:
    """The signing key written on a line. Raises UsageError for anything else, and never shows it."""
    text = line.strip()
    if not text.startswith(_PRIVATE):
        raise UsageError("this is no signing key", hint=f"one begins with {_PRIVATE}")
    try:
        signer = Signer(*_key_parts(text.removeprefix(_PRIVATE)))
    except UsageError:
        raise UsageError("this is no signing key: a part of it is missing or changed") from None
    if signer.secret_text() != text:
        raise UsageError("this is no signing key: its id is not that of its name and key")
    return signer


def _key_parts(text: str) -> tuple[str, bytes]:
    """The name on a key's line, and its 32 bytes."""
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")
    try:
        material = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if not _NAME.fullmatch(name) or len(material) != 33 or material[:1] != ED25519:
        raise UsageError(f"{text!r} is no Ed25519 key", hint="like example.com/desk+0123abcd+A…")
    return name, material[1:]


def parse(note: str) -> Note:
    """The parts of a note. Raises NoteTruncated or NoteMalformed."""
    if len(note) > MAX_BYTES:
        raise NoteMalformed(f"a note may have {MAX_BYTES:,} bytes")
    if _CONTROL.search(note) or "\ufffd" in note:
        raise NoteMalformed("a note has no control characters, and is valid UTF-8")
    text, gap, block = note.rpartition("\n\n")
    if not note.endswith("\n") or not gap or not block:
        raise NoteTruncated("a signed note ends with a line for each signature after an empty line, and this does not")
    if not text:
        raise NoteMalformed("a note without text")
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteMalformed(f"a note may have {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(_signature, lines)))


def _signature(line: str) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    try:
        data = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        data = b""
    if found is None or len(data) <= 4:
        raise NoteMalformed(f"{line!r} is no signature line")
    return Signature(found[1], data[:4], data[4:])


def verified(note: str, keys: Sequence[Key]) -> tuple[str, tuple[Key, ...]]:
    """The text of a note, and which of the keys have signed it: one at least.

    Raises the NoteError that fits. One signature that a known key did not make spoils the note, whatever others there are.
    """
    parts = parse(note)
    known = {(key.name, key.id): key for key in keys}
    signed: list[Key] = []
    for signature in parts.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None or key in signed:
            continue
        if not key.signed(parts.text, signature.data):
            raise NoteForged(f"the signature is not by the key {key.name}+{key.id.hex()}, which it names")
        signed.append(key)
    if signed:
        return parts.text, tuple(signed)
    names = {key.name for key in keys}
    for signature in parts.signatures:
        if signature.name in names:
            raise NoteResigned(
                f"signed as {signature.name} by the key {signature.key_id.hex()}, which is not a known one"
            )
    raise NoteStranger("no key that is known has signed it")
