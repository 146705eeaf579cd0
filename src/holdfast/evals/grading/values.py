"""Values that are said in part: whether another value has that part, and where it differs.

A mapping names the fields that matter, each said in part again; others are free. A list is whole: as many items, in order.
Anything else is equal or it is not. Numbers are compared by value, and true is no 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.events import Json
from holdfast.views import words


def fits(part: Json, whole: Json) -> bool:
    """Whether a value has this part."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and fits(item, whole[key]) for key, item in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(fits, part, whole))
    return _same(part, whole)


def differences(part: Json, whole: Json, path: str) -> Iterator[str]:
    """A sentence for each place at which a value differs from a part; `path` says what the value is called."""
    if isinstance(part, dict) and isinstance(whole, dict):
        for key, item in part.items():
            place = f"{path}.{words.plain(key)}" if path else words.plain(key)
            if key in whole:
                yield from differences(item, whole[key], place)
            else:
                yield f"there is no {place}, and {words.value(item)} was expected"
    elif isinstance(part, list) and isinstance(whole, list) and len(part) == len(whole):
        for at, (item, other) in enumerate(zip(part, whole, strict=True)):
            yield from differences(item, other, f"{path}[{at}]")
    elif isinstance(part, list) and isinstance(whole, list):
        yield f"{path} has {words.count(len(whole), 'item')}, and {len(part)} were expected"
    elif not fits(part, whole):
        yield f"{path} is {words.value(whole)}, and {words.value(part)} was expected"


def _same(one: Json, other: Json) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
