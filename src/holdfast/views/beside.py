"""Which entries name a body that is kept beside the chain, or say that one was erased: told at a glance, for many entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args, get_type_hints

from holdfast import codec
from holdfast.events import AnyEvent, BodiesErased, Inline, Stored, Unknown


def _parts(hint: object) -> Iterator[object]:
    """A type, and all that it is made of."""
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _named(kind: type[Any]) -> tuple[str, ...]:
    return tuple(name for name, hint in get_type_hints(kind).items() if Stored in _parts(hint))


PLACES: Final[Mapping[type, tuple[str, ...]]] = {
    kind: names for kind in codec.KINDS.values() if (names := _named(kind))
} | {BodiesErased: ("refs",)}
"""Kind of event → its fields that may name a body, or several; kinds that have none are not here."""


def names_bodies(event: AnyEvent | Unknown) -> bool:
    """Whether a field of an event names a body that is kept elsewhere. Words that were set aside are not looked for."""
    for name in PLACES.get(event.__class__, ()):
        body = getattr(event, name)
        if body and body.__class__ is not Inline:
            return True
    return False
