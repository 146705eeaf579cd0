"""Where the value of an argument came from.

Each leaf of a write's arguments is looked up in everything the run has seen: what stands in the request is `input` or
`said:<seq>`, what a tool returned is `trusted:<seq>` or `untrusted:<seq>`, what a person gave is `person:<name>`, and what
is found nowhere is `model`. Texts are compared with compatibility forms, case and white space folded, numbers by value.
Values under four characters that are no numbers prove nothing and count as `model`.

Computed values cannot be found this way; they belong in `must`. (Design after CaMeL, arXiv 2503.18813, and FIDES.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from holdfast.conditions import normal, stands
from holdfast.core.log import Log
from holdfast.core.state import Source
from holdfast.events import Json

SHORTEST = 4
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"(?<![\w.-])-?\d[\d,]*(?:\.\d+)?(?![\w])")


class _Seen:
    """The texts and numbers of one log's sources, taken down as they are asked for; positions say what an older version may see."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.words: list[frozenset[str]] = []
        self.by_trust: dict[bool, list[int]] = {True: [], False: []}
        self.numbers: dict[Decimal, list[int]] = {}
        self.counted = 0
        """Sources whose numbers are in `numbers`."""

    def extend(self, sources: Log[Source]) -> None:
        for at in range(len(self.texts), len(sources)):
            text = "\n".join(_strings(sources[at].value))
            self.texts.append(text)
            self.words.append(frozenset(_WORD.findall(text)))
            self.by_trust[sources[at].trusted].append(at)

    def count(self) -> None:
        for at in range(self.counted, len(self.texts)):
            for number in {_number(found) for found in _NUMBER.findall(self.texts[at])} - {None}:
                self.numbers.setdefault(number, []).append(at)  # type: ignore[arg-type]  # None was taken out
        self.counted = len(self.texts)


def _strings(value: Json) -> Iterator[str]:
    for _, leaf in leaves(value):
        if leaf is not None and not isinstance(leaf, bool):
            yield normal(str(leaf))


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """(path, leaf) of every leaf of a JSON value: `to[0].name`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from leaves(item, f"{path}[{at}]")
    else:
        yield path, value


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def origin(value: Json, sources: Log[Source]) -> str:
    """Where one leaf came from; the most trusted place that holds it."""
    if value is None or isinstance(value, bool):
        return "model"
    text = normal(str(value))
    number = _number(text) if not isinstance(value, str) or _NUMBER.fullmatch(text) else None
    if len(text) < SHORTEST and number is None:
        return "model"
    return next((sources[at].name for at in _places(text, number, sources)), "model")


def _places(text: str, number: Decimal | None, sources: Log[Source]) -> Iterator[int]:
    """Where it stands: the trusted places first, each kind in the order in which it was seen."""
    seen: _Seen = sources.memo.setdefault("seen", _Seen())
    seen.extend(sources)
    known = len(sources)
    if number is not None:
        seen.count()
        hits = [at for at in seen.numbers.get(number, ()) if at < known]
        yield from sorted(hits, key=lambda at: not sources[at].trusted)
        return
    rare = max(_WORD.findall(text), key=len, default="") if text.isascii() else ""
    for trusted in (True, False):
        for at in seen.by_trust[trusted]:
            if at < known and (not rare or rare in seen.words[at]) and stands(text, seen.texts[at]):
                yield at


def origins(args: Json, sources: Log[Source]) -> dict[str, str]:
    """Where each leaf of some arguments came from."""
    return {path: origin(leaf, sources) for path, leaf in leaves(args)}


def under(argument: str, found: dict[str, str]) -> dict[str, str]:
    """The origins of one argument's leaves."""
    return {
        path: name
        for path, name in found.items()
        if path == argument or path.startswith((f"{argument}.", f"{argument}["))
    }


def argument_of(path: str) -> str:
    """The argument that a path into arguments begins with: `to[0].name` → `to`."""
    return path.split(".", 1)[0].split("[", 1)[0]


def untrusted_parts(value: Json, schema: Json) -> tuple[Json, Json]:
    """An input split into (what its sender vouches for, what it marks as written by somebody else)."""
    properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
    if schema.get("x-untrusted"):
        return None, value
    if not isinstance(value, dict):
        return value, None
    marked = {key for key, part in properties.items() if isinstance(part, dict) and part.get("x-untrusted")}
    return (
        {key: part for key, part in value.items() if key not in marked},
        {key: part for key, part in value.items() if key in marked} or None,
    )
