"""What passes between a program and us: JSON, and no more of it than allowed."""

from __future__ import annotations

import math
from typing import Final

from holdfast.events import Json

DEPTH: Final = 64
"""Lists within lists."""
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1


class NotPlain(Exception):
    """This is no JSON, or too much of it."""


class _Purse:
    """What is left of the bytes that a value may take."""

    def __init__(self, most: int) -> None:
        self.most = self.left = most

    def pay(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise NotPlain(f"it takes more than the {self.most:,} bytes allowed")


def plain(value: object, most: int) -> Json:
    """`value` as JSON gives it back: tuples become lists.

    It is measured while it is walked, so a list that holds itself a thousand times over costs no more than it may. Raises
    NotPlain for what is no JSON, takes more than `most` bytes, or is nested deeper than `DEPTH`.
    """
    return _plain(value, _Purse(most), 0)


def _plain(value: object, purse: _Purse, depth: int) -> Json:
    if depth > DEPTH:
        raise NotPlain(f"it is nested deeper than {DEPTH}")
    if isinstance(value, str):
        return _text(value, purse)
    if value is None or isinstance(value, bool):
        purse.pay(4)
        return value
    if isinstance(value, int):
        purse.pay(1)
        if not _LEAST <= value <= _MOST:
            raise NotPlain("a whole number has more than 64 bits; make it a text")
        purse.pay(len(str(value)) - 1)
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotPlain(f"{value} is no number in JSON")
        purse.pay(len(repr(value)))
        return float(value)
    if isinstance(value, list | tuple):
        purse.pay(2)
        return [_item(item, purse, depth) for item in value]
    if isinstance(value, dict):
        purse.pay(2)
        return {_key(key, purse): _item(item, purse, depth) for key, item in value.items()}
    kind = getattr(value, "name", "") or type(value).__name__  # one of the program's own classes has a name
    raise NotPlain(f"a value of type {kind} is no JSON; make it a text, a list or a dict")


def _item(item: object, purse: _Purse, depth: int) -> Json:
    purse.pay(1)
    return _plain(item, purse, depth + 1)


def _key(key: object, purse: _Purse) -> str:
    if not isinstance(key, str):
        raise NotPlain(f"a key of type {type(key).__name__} is none in JSON; make it a text")
    return _text(key, purse)


def _text(text: str, purse: _Purse) -> str:
    purse.pay(len(text) + 2)
    try:
        purse.pay(len(text.encode()) - len(text))
    except UnicodeEncodeError:
        raise NotPlain("a text has half a character in it") from None
    return str(text)
