"""Two immutable collections whose growth costs the same at a thousand items as at ten.

Many versions of a state are made while a run goes on, each a little longer than the one before. All of them share one
list; a version is that list and how much of it the version knows of. Growing the newest version appends to the shared
list; growing an older one copies its part first. What one version holds never changes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Log(Sequence[T], Generic[T]):
    """An immutable sequence that grows at its end in constant time."""

    __slots__ = ("_items", "_length", "memo")

    def __init__(self, items: Sequence[T] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)
        self.memo: dict[str, Any] = {}
        """For what is derived from the shared items and only ever grows with them."""

    def plus(self, *items: T) -> Log[T]:
        """A log that holds these items too."""
        grown: Log[T] = Log.__new__(Log)
        if self._length == len(self._items):
            grown._items, grown.memo = self._items, self.memo
        else:
            grown._items, grown.memo = self._items[: self._length], {}
        grown._items.extend(items)
        grown._length = self._length + len(items)
        return grown

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        if isinstance(at, slice):
            start, stop, step = at.indices(self._length)
            return self._items[start:stop:step] if step > 0 else [self._items[i] for i in range(start, stop, step)]
        if not -self._length <= at < self._length:
            raise IndexError(at)
        return self._items[at if at >= 0 else self._length + at]

    def __iter__(self) -> Iterator[T]:
        return islice(self._items, self._length)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Log) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]  # equal logs may hold unhashable items

    def __repr__(self) -> str:
        return f"Log({self[:]!r})"


class Tally:
    """An immutable count of keys that grows in constant time."""

    __slots__ = ("_at", "_length", "_shared")

    def __init__(self) -> None:
        self._at: dict[str, list[int]] = {}
        self._shared = [0]
        self._length = 0

    def plus(self, key: str) -> Tally:
        """A tally with `key` counted once more."""
        grown = Tally.__new__(Tally)
        if self._shared[0] == self._length:
            grown._at, grown._shared = self._at, self._shared
        else:
            grown._at = {name: places[: bisect_left(places, self._length)] for name, places in self._at.items()}
            grown._shared = [self._length]
        grown._at.setdefault(key, []).append(self._length)
        grown._shared[0] = grown._length = self._length + 1
        return grown

    def __getitem__(self, key: str) -> int:
        return bisect_left(self._at.get(key, ()), self._length)

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Tally)
            and len(self) == len(other)
            and all(self[k] == other[k] for k in {*self._at, *other._at})
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content

    def __repr__(self) -> str:
        return f"Tally({ {key: self[key] for key in self._at if self[key]}!r})"
