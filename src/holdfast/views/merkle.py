"""The tree over a journal's entries: RFC 6962, section 2.1, with SHA-256. Pure arithmetic over hashes.

There is one tree to a journal. Its leaves are the durable entries of all runs in the order of the feed. The *leaf* of an
entry is these bytes, and nothing else:

    the run's name in UTF-8, a newline (0x0A), the entry's seq in decimal digits, a newline, the 32 bytes of its digest

where the digest is the one stored beside the entry: `sha256(digest of the entry before ‖ stored bytes)`, see `codec.chain`.
It ends in a part of fixed length that follows a number, so no two entries have the same leaf. As the RFC says, a leaf is
hashed as `sha256(0x00 ‖ leaf)` and two parts are joined as `sha256(0x01 ‖ left ‖ right)`; the tree of no leaves has the
root `sha256("")`.

Leaves are never kept. A `Frontier` holds the roots of the complete subtrees, one for each one-bit of the size, and that
is enough to go on: a million leaves take twenty hashes. Proofs are lists of roots of ranges of leaves, so they too are
made while leaves pass by.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
EMPTY: Final = sha256(b"").digest()
"""The root of the tree without leaves."""

PAGE: Final = 4096
"""Hashes that are joined at once."""

Range: TypeAlias = tuple[int, int]
"""Leaves from one index up to, but not with, another."""


def leaf(run: str, seq: int, digest: bytes) -> bytes:
    """The leaf of an entry; see above."""
    return f"{run}\n{seq}\n".encode() + digest


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two parts of a tree side by side."""
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """A tree that only grows: its size, and the roots of its complete subtrees, the largest first."""

    __slots__ = ("_roots", "size")

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        if size < 0 or len(roots) != size.bit_count() or any(len(root) != HASH_BYTES for root in roots):
            raise ValueError(f"a tree of {size} leaves is not carried by {len(roots)} hashes like these")
        self.size = size
        self._roots = list(roots)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """What going on from here needs, besides the size."""
        return tuple(self._roots)

    def copy(self) -> Frontier:
        """The same tree, to grow on its own."""
        return Frontier(self.size, self._roots)

    def append(self, hashed: bytes) -> None:
        """One more leaf, by its hash."""
        size = self.size
        self.size += 1
        while size & 1:
            hashed = node_hash(self._roots.pop(), hashed)
            size >>= 1
        self._roots.append(hashed)

    def extend(self, hashes: Sequence[bytes]) -> None:
        """More leaves, by their hashes; a level of the tree at a time, which takes half the time of one by one."""
        new, start, spare = list(hashes), self.size, []
        self.size += len(new)
        while new:
            if start & 1:  # the last subtree of this height waits for its right side
                new.insert(0, self._roots.pop())
            if len(new) & 1:
                spare.append(new.pop())
            pairs = iter(new)
            new = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            start >>= 1
        self._roots += reversed(spare)

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        if not self._roots:
            return EMPTY
        return _joined(self._roots)


def root(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaves."""
    tree = Frontier()
    for data in leaves:
        tree.append(leaf_hash(data))
    return tree.root()


# ------------------------------------------------------------------------------------------------------- making proofs


def _middle(low: int, high: int) -> int:
    """Where a tree over a range of two or more leaves parts: the left side is the largest power of two below its size."""
    return low + (1 << (high - low - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> tuple[Range, ...]:
    """The ranges whose roots prove that leaf `index` (from 0) is in the tree of `size` leaves, the nearest first.

    Raises ValueError where it is not in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    low, high, found = 0, size, []
    while high - low > 1:
        middle = _middle(low, high)
        if index < middle:
            found.append((middle, high))
            high = middle
        else:
            found.append((low, middle))
            low = middle
    return tuple(reversed(found))


def consistency_ranges(before: int, size: int) -> tuple[Range, ...]:
    """The ranges whose roots prove that the tree of `before` leaves is the beginning of the tree of `size` leaves.

    Raises ValueError for a tree that is larger than the one it is to begin.
    """
    if not 0 <= before <= size:
        raise ValueError(f"a tree of {before} leaves is no beginning of one of {size}")
    if before in {0, size}:
        return ()
    low, high, found = 0, size, []
    while before != high:
        middle = _middle(low, high)
        if before <= middle:
            found.append((middle, high))
            high = middle
        else:
            found.append((low, middle))
            low = middle
    if low:  # else this subtree is the smaller tree itself, whose root the verifier has
        found.append((low, high))
    return tuple(reversed(found))


def roots(ranges: Sequence[Range], hashes: Iterable[bytes]) -> tuple[bytes, ...]:
    """The roots over ranges that do not overlap, in their order, from the hashes of all leaves, which may be a stream.

    Raises ValueError where there are fewer leaves than the ranges name.
    """
    stream, at, found = iter(hashes), 0, {}
    for low, high in sorted(ranges):
        at += sum(1 for _ in islice(stream, low - at))
        tree = Frontier()
        while at < high and (page := list(islice(stream, min(PAGE, high - at)))):
            tree.extend(page)
            at += len(page)
        if at < high:
            raise ValueError(f"there are {at} leaves, and {high} are needed")
        found[low, high] = tree.root()
    return tuple(found[one] for one in ranges)


def inclusion_proof(index: int, size: int, hashes: Iterable[bytes]) -> tuple[bytes, ...]:
    """That leaf `index` is in the tree of `size` leaves: at most one hash for each bit of the size."""
    return roots(inclusion_ranges(index, size), hashes)


class Nodes:
    """The roots over many ranges, as proofs of inclusion name them, all made while the leaves pass by once."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._found: dict[Range, bytes] = {}
        self._wanted: dict[int, list[int]] = {}
        """Height of a complete subtree → which ones of that height, in order."""
        for low, high in sorted({part for one in ranges for part in _complete(one)}):
            height = (high - low).bit_length() - 1
            self._wanted.setdefault(height, []).append(low >> height)
        self._made: list[int] = []
        """How many complete subtrees of each height there were."""
        self._waiting: list[bytes | None] = []
        """Of each height, the one that waits for its right side."""

    def extend(self, hashes: Sequence[bytes]) -> None:
        """The hashes of the leaves that come next."""
        new, height = list(hashes), 0
        while new:
            if height == len(self._made):
                self._made.append(0)
                self._waiting.append(None)
            self._keep(height, new)
            left = self._waiting[height]
            if left is not None:
                new.insert(0, left)
            self._waiting[height] = new.pop() if len(new) & 1 else None
            pairs = iter(new)
            new = [sha256(b"\1" + one + other).digest() for one, other in zip(pairs, pairs, strict=True)]
            height += 1

    def _keep(self, height: int, new: Sequence[bytes]) -> None:
        first = self._made[height]
        self._made[height] = end = first + len(new)
        wanted = self._wanted.get(height, [])
        for place in wanted[bisect_left(wanted, first) : bisect_left(wanted, end)]:
            self._found[place << height, place + 1 << height] = new[place - first]

    def roots(self, ranges: Iterable[Range]) -> tuple[bytes, ...]:
        """The roots over some of the ranges. Raises ValueError where not all of their leaves have passed."""
        try:
            return tuple(_joined([self._found[part] for part in _complete(one)]) for one in ranges)
        except KeyError as error:
            raise ValueError(f"the leaves {error.args[0]} have not passed") from None


def _complete(range_: Range) -> list[Range]:
    """The complete subtrees that a range of a proof consists of, the largest first."""
    low, high = range_
    found = []
    while low < high:
        size = 1 << (high - low).bit_length() - 1
        found.append((low, low + size))
        low += size
    return found


def _joined(parts: Sequence[bytes]) -> bytes:
    """The root over complete subtrees side by side, the largest first."""
    *rest, found = parts
    for left in reversed(rest):
        found = node_hash(left, found)
    return found


def consistency_proof(before: int, size: int, hashes: Iterable[bytes]) -> tuple[bytes, ...]:
    """That the tree of `size` leaves only added to the one of `before`."""
    return roots(consistency_ranges(before, size), hashes)


# ---------------------------------------------------------------------------------------------------- verifying proofs


def included(hashed: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the leaf with this hash is leaf `index` of the tree with this size and root."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, hashed
    for part in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(part, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, part)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def consistent(before: int, root_before: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that one tree, by its size and root, is the beginning of another."""
    if not 0 <= before <= size:
        return False
    if before in {0, size}:
        return not proof and root_before == (root if before else EMPTY)
    parts = list(proof) if before & (before - 1) else [root_before, *proof]
    if not parts:
        return False
    at, last = before - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = parts[0]
    for part in parts[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(part, old), node_hash(part, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, part)
        at, last = at >> 1, last >> 1
    return last == 0 and old == root_before and new == root
