"""A run with the runs it opened, and those that they opened."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from holdfast.views.record import Trace


class Family(Struct, frozen=True):
    """A trace, and those of its children by the call that each answers."""

    seen: Trace
    children: dict[int, Family] = {}
    missing: tuple[str, ...] = ()
    """Children that are not here: too deep, too many, or not opened yet."""

    def below(self) -> Iterator[Trace]:
        """The traces of all runs below this one."""
        for child in self.children.values():
            yield child.seen
            yield from child.below()
