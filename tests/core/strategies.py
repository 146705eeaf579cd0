"""What property tests draw from: JSON, and events of every kind."""

from __future__ import annotations

from datetime import date
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from holdfast.codec import KINDS
from holdfast.events import Erased, Event, Inline, Loaded, Stored

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
whole = st.integers(-(2**63), 2**64 - 1)
json = st.recursive(
    st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)

_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: texts, bool: st.booleans(), float: st.floats(allow_nan=False, allow_infinity=False), NoneType: st.none(), Any: json,
    bytes: st.binary(max_size=8), date: st.dates(), Inline: st.builds(Inline, json), Stored: st.builds(Stored, texts, st.integers(0, 9**9)),
    Loaded: st.nothing(), Erased: st.nothing(),
}  # fmt: skip


def of(hint: Any, ints: st.SearchStrategy[int] = whole) -> st.SearchStrategy[Any]:
    """Values of a type that a field of an event has. Bodies are those that are written: inline, or stored."""
    if hint is int:
        return ints
    if hint in _PLAIN:
        return _PLAIN[hint]
    args = get_args(hint)
    match get_origin(hint):
        case origin if origin is Literal:
            return st.sampled_from(args)
        case origin if origin in (Union, UnionType):
            return st.one_of([of(part, ints) for part in args])
        case origin if origin is tuple:
            if args[-1] is Ellipsis:
                return st.lists(of(args[0], ints), max_size=3).map(tuple)
            return st.tuples(*(of(part, ints) for part in args))
        case origin if origin is dict:
            return st.dictionaries(of(args[0], ints), of(args[1], ints), max_size=3)
    return struct(hint, ints)


def struct(kind: Any, ints: st.SearchStrategy[int] = whole) -> st.SearchStrategy[Any]:
    """Instances of a struct, with any of its optional fields left out."""
    fields = msgspec.structs.fields(kind)
    required = {field.name: of(field.type, ints) for field in fields if field.required}
    optional = {field.name: of(field.type, ints) for field in fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: kind(**given))


BY_KIND: dict[str, st.SearchStrategy[Event]] = {name: struct(kind) for name, kind in KINDS.items()}
events = st.sampled_from(sorted(BY_KIND)).flatmap(BY_KIND.__getitem__)


def near(last: int) -> st.SearchStrategy[Event]:
    """Events of every kind whose places are those of a run of `last` entries, so that they mean something."""
    made = {name: struct(kind, st.integers(0, last)) for name, kind in KINDS.items()}
    return st.sampled_from(sorted(made)).flatmap(made.__getitem__)
