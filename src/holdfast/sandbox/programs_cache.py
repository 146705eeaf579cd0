"""Where an execution stood when it paused, kept so that what came before need not be executed again.

It is a cache and never the truth: what it holds is used only if it is, byte for byte, what was put there for exactly this
program, these answers, these limits and this version of the interpreter. Whatever else it holds is passed over, and the program
is executed from its start. A hash does not say who wrote something: whoever may write to a cache decides what a program of yours
seems to have come to, so keep it where you keep the journal.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.sandbox.programs_terms import Called, Limits, Program, Recorded

FORMAT: Final = 1
"""Of what is kept and of what stands before a program; one of another format is never found."""


class Cache(Protocol):
    """Bytes by key. It may forget anything at any time."""

    async def get(self, key: str) -> bytes | None:
        """What was put under a key."""

    async def put(self, key: str, data: bytes) -> None:
        """Keep bytes under a key of 64 hexadecimal digits."""


class MemoryCache:
    """A cache in this process: the last `most` places, each of at most `largest` bytes."""

    def __init__(self, most: int = 64, largest: int = 8 << 20) -> None:
        self.most, self.largest = most, largest
        self.kept: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """What was put under a key."""
        found = self.kept.get(key)
        if found is not None:
            self.kept.move_to_end(key)
        return found

    async def put(self, key: str, data: bytes) -> None:
        """Keep bytes under a key; the one not used for longest goes when there are too many."""
        if len(data) <= self.largest:
            self.kept[key] = data
            self.kept.move_to_end(key)
            while len(self.kept) > self.most:
                self.kept.popitem(last=False)


class Place(Struct, frozen=True):
    """Where an execution stands: what the interpreter holds, and what we counted."""

    dump: bytes
    printed: str
    made: int
    """Calls made so far, that which it pauses at not among them unless it is awaited."""
    trips: int
    pending: dict[int, Called]
    """Awaited calls without an answer, by the interpreter's number."""


_pack, _unpack = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Place)


def seal(key: str, place: Place) -> bytes:
    """A place as it is kept: the hash of its key and bytes, then the bytes."""
    data = _pack.encode(place)
    return hashlib.sha256(key.encode() + data).digest() + data


def unseal(key: str, data: bytes) -> Place | None:
    """The place in bytes that were kept under `key`; None where they are not those that `seal` gave for it."""
    if hashlib.sha256(key.encode() + data[32:]).digest() != data[:32]:
        return None
    try:
        return _unpack.decode(data[32:])
    except msgspec.DecodeError:
        return None


def keys(version: str, program: Program, recorded: Sequence[Recorded], limits: Limits) -> list[str]:
    """The keys of where an execution paused after none, the first, the first two … of these answers."""
    bare = msgspec.structs.replace(program, interpreter="")  # it is `version`, or nothing was executed
    start = [FORMAT, version, bare.digest(), msgspec.to_builtins(limits)]
    made = [hashlib.sha256(codec.canonical(start))]
    for one in recorded:
        further = made[-1].copy()
        further.update(codec.canonical(msgspec.to_builtins(one)) + b"\n")
        made.append(further)
    return [one.hexdigest() for one in made]
