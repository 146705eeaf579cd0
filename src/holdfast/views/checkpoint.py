"""Checkpoints: what a journal's tree was at one moment, said in the form of https://c2sp.org/tlog-checkpoint.

    example.com/desk                                          origin: which journal
    4711                                                      size: leaves of the tree, see `merkle`
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=              root of the tree, base64
    number 12                                                 its place in the run `audit`: the seq of its entry
    position 4711                                             the durable position of the feed that it covers
    previous 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=     digest of the checkpoint before

The last three lines are ours, in the place the format leaves for extensions. The digest of a checkpoint is the SHA-256 of
its text, without signatures: a witness may add one later. The first names 32 zero bytes. A checkpoint is signed as a note
(see `note`), by a key whose name is the origin.

A checkpoint counts only once it stands in the run `audit`, at the number that it names; of two signers one loses that
append. What was written after the last checkpoint that somebody else keeps a copy of can be cut off unseen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from holdfast.codec import GENESIS
from holdfast.views import merkle
from holdfast.views.merkle import HASH_BYTES, Frontier
from holdfast.views.note import Key, NoteError, NoteMalformed, Signer, verified

AUDIT: Final = "audit"
"""The run that checkpoints are appended to."""

LARGEST: Final = 2**63

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class CheckpointMalformed(NoteMalformed):
    """The text of a note is no checkpoint."""


class CheckpointForeign(NoteError):
    """A checkpoint is of another journal than the key that signed it."""


class Checkpoint(Struct, frozen=True):
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes
    number: int = 0
    """0: it does not say."""
    position: int = 0
    previous: bytes = b""

    def text(self) -> str:
        """The checkpoint as it is signed."""
        lines = [self.origin, str(self.size), _base64(self.root)]
        if self.number:
            lines += [f"number {self.number}", f"position {self.position}", f"previous {_base64(self.previous)}"]
        return "\n".join(lines) + "\n"


class Sealed(Struct, frozen=True):
    """A checkpoint as the run `audit` keeps it: the signed note, and what it takes to let the tree grow from there."""

    note: str
    roots: tuple[bytes, ...]
    """Of the complete subtrees, the largest first; see `merkle.Frontier`."""

    def tree(self, checkpoint: Checkpoint) -> Frontier | None:
        """The tree to go on from; None where the hashes kept here do not give the root that was signed."""
        try:
            tree = Frontier(checkpoint.size, self.roots)
        except ValueError:
            return None
        return tree if tree.root() == checkpoint.root else None


def digest(text: str) -> bytes:
    """The digest by which the next checkpoint names this one."""
    return hashlib.sha256(text.encode()).digest()


def text_of(note: str) -> str:
    """The text of a note, of which nothing is verified."""
    return note.rpartition("\n\n")[0] + "\n"


def read(text: str) -> Checkpoint:
    """What the text of a checkpoint says; extension lines that are not ours are passed over.

    Raises CheckpointMalformed.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise CheckpointMalformed("a checkpoint has three lines or more, none of them empty")
    origin, size, root, *more = lines[:-1]
    ours = dict(line.split(" ", 1) for line in more if line.startswith(("number ", "position ", "previous ")))
    if not ours:
        return Checkpoint(origin, _count(size, "size"), _hash(root, "root"))
    if len(ours) != 3:
        raise CheckpointMalformed("a checkpoint of a journal names its number, its position and the one before")
    return Checkpoint(
        origin,
        _count(size, "size"),
        _hash(root, "root"),
        _count(ours["number"], "number"),
        _count(ours["position"], "position"),
        _hash(ours["previous"], "digest of the one before"),
    )


def _count(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) >= LARGEST:
        raise CheckpointMalformed(f"{text!r} is no {what} of a checkpoint")
    return int(text)


def _hash(text: str, what: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != HASH_BYTES or _base64(found) != text:
        raise CheckpointMalformed(f"{text!r} is no {what} of a checkpoint")
    return found


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def opened(note: str, keys: Sequence[Key]) -> Checkpoint:
    """The checkpoint in a note that one of the keys has signed.

    Raises the NoteError that fits: forged, signed by another key, truncated, malformed, or of another journal.
    """
    text, signed = verified(note, keys)
    checkpoint = read(text)
    if checkpoint.origin not in {key.name for key in signed}:
        names = ", ".join(key.name for key in signed)
        raise CheckpointForeign(f"a checkpoint of {checkpoint.origin} was signed by {names} alone")
    return checkpoint


def seal(signer: Signer, tree: Frontier, *, number: int, position: int, before: Sealed | None) -> Sealed:
    """Sign a tree, as the checkpoint after `before`."""
    previous = digest(text_of(before.note)) if before is not None else GENESIS
    checkpoint = Checkpoint(signer.key.name, tree.size, tree.root(), number, position, previous)
    return Sealed(signer.sign(checkpoint.text()), tree.roots)


class Proof(Struct, frozen=True):
    """That an entry, and with it all before it in its run, stands in a journal as it was signed."""

    run: str
    seq: int
    digest: bytes
    """The chain digest of that entry: it covers every entry of the run up to there."""
    index: int
    """Which leaf it is, from 0."""
    path: tuple[bytes, ...]
    note: str

    def holds(self, signed: Checkpoint) -> bool:
        """Whether the entry is in the tree of a checkpoint."""
        hashed = merkle.leaf_hash(merkle.leaf(self.run, self.seq, self.digest))
        return merkle.included(hashed, self.index, signed.size, self.path, signed.root)

    def checkpoint(self, keys: Sequence[Key]) -> Checkpoint:
        """The checkpoint that covers the entry. Raises a NoteError where the proof proves nothing."""
        signed = opened(self.note, keys)
        if not self.holds(signed):
            raise NoteError("the entry is not in the tree that was signed", run=self.run, seq=self.seq)
        return signed
