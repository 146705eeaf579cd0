"""The lines of a batch: what each asks for, or why it cannot be taken."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.errors import InputError
from holdfast.events import Json

MAX_LINE: Final = 10_000_000
"""Characters of one line."""

KEYS: Final = ("input", "key", "by", "on_behalf_of", "then")
WHENS: Final = ("review", "question", "doubt", "surprise", "limit", "output", "reply")


class Later(Struct, frozen=True):
    """A message of the requester, for when the run waits."""

    say: str
    when: str
    """What the run must be waiting with: a kind of question, or `reply` in a conversation."""


class Line(Struct, frozen=True, kw_only=True):
    """One request of a batch."""

    number: int
    key: str
    input: Json
    by: str = ""
    on_behalf_of: str = ""
    then: tuple[Later, ...] = ()


class BadLine(Struct, frozen=True):
    """A line that cannot be taken."""

    number: int
    why: str


def read(path: Path) -> Iterator[Line | BadLine]:
    """The lines of a file, `-` for stdin; blank ones are passed over. Raises InputError where it cannot be read.

    A line without a key gets one from the file's name and its own text, so that running the file again repeats
    nothing. The same text twice is two requests.
    """
    times: dict[str, int] = {}
    try:
        file = sys.stdin.buffer if str(path) == "-" else path.open("rb")
        with file:
            for number, data in enumerate(file, 1):
                if data.strip():
                    yield _line(data, number, path.name, times)
    except OSError as error:
        raise InputError(f"the batch {path} cannot be read: {error.strerror}") from None


def _line(data: bytes, number: int, file: str, times: dict[str, int]) -> Line | BadLine:
    if len(data) > MAX_LINE:
        return BadLine(number, f"it has more than {MAX_LINE:,} characters")
    try:
        value = codec.parse(data)
    except (msgspec.DecodeError, RecursionError) as error:
        return BadLine(number, f"it is no JSON: {error}")
    request: dict[str, Any] = value if isinstance(value, dict) and "input" in value else {"input": value}
    strange = [key for key in request if key not in KEYS]
    if strange:
        return BadLine(number, f"it has the key {strange[0]}; a request has {', '.join(KEYS)}")
    for key in ("key", "by", "on_behalf_of"):
        if not isinstance(request.get(key, ""), str):
            return BadLine(number, f"its {key} is no text")
    then = _then(request.get("then", []))
    if isinstance(then, str):
        return BadLine(number, then)
    return Line(
        number=number, key=request.get("key") or _key(data.strip(), file, times), input=request["input"],
        by=request.get("by", ""), on_behalf_of=request.get("on_behalf_of", ""), then=then,
    )  # fmt: skip


def _then(given: object) -> tuple[Later, ...] | str:
    if not isinstance(given, list):
        return 'its then is no list of {"say": …, "when": …}'
    found: list[Later] = []
    for item in given:
        if not isinstance(item, dict) or not isinstance(item.get("say"), str) or set(item) - {"say", "when"}:
            return 'its then is no list of {"say": …, "when": …}'
        when = item.get("when", "review")
        if when not in WHENS:
            return f"its then waits for {when!r}; it can be one of {', '.join(WHENS)}"
        found.append(Later(item["say"], when))
    return tuple(found)


def _key(data: bytes, file: str, times: dict[str, int]) -> str:
    digest = hashlib.sha256(data).hexdigest()[:16]
    times[digest] = times.get(digest, 0) + 1
    again = f"#{times[digest]}" if times[digest] > 1 else ""
    return f"{file}:{digest}{again}"
