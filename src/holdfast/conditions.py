"""Conditions: the one-line rules of a contract, written in CEL and evaluated without side effects.

Names a condition can use: `args`, `input`, `seen.<tool>`, `run`, `caller`, `effects`, `output`. Own functions:
`total(list, "field")` and `quotes(text, source)`. An error or a missing field is never an answer: the caller refuses.

CEL (github.com/google/cel-spec) runs in Rust at about 2 µs a decision and has no cost limit, so length and depth are bounded
here: 500 characters, one macro deep.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from holdfast.errors import ContractError
from holdfast.events import Json

if TYPE_CHECKING:
    from cel import Program

NAMES: Final = frozenset({"args", "input", "seen", "run", "caller", "effects", "output"})
RUN: Final = frozenset({"usd", "steps", "trusted", "classes", "findings"})
"""What `run` has."""
MAX_LENGTH: Final = 500
MAX_ITEMS: Final = 1_000
"""Items of a list a macro may walk: checked when a value is bound, since CEL itself counts nothing."""

_MACRO = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_PATH = re.compile(r"(?<![\w.\"'])([A-Za-z_]\w*)((?:\s*\.\s*[A-Za-z_]\w*+(?!\s*\())*)")


class Unanswered(Exception):
    """A condition could not be evaluated: a missing field, a wrong type, no truth value."""


def total(items: Json, field: str) -> Json:
    """The sum of `field` over a list of objects; 0 for an empty list. Money is integers: so is their sum."""
    if not isinstance(items, list):
        raise TypeError("total() takes a list")
    return sum(item[field] for item in items)


def normal(text: str) -> str:
    """Text as a reader compares it: compatibility forms, case and white space folded."""
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


def quotes(text: Json, source: Json) -> bool:
    """Whether `text` stands word for word in `source` (a text, or any value that holds texts)."""
    if not isinstance(text, str):
        raise TypeError("quotes() takes a text first")
    wanted = normal(text)
    return bool(wanted) and any(stands(wanted, normal(piece)) for piece in texts_in(source))


LONG: Final = 12
"""Characters from which a text that is not ASCII may stand inside longer words: not every script parts its words."""


def stands(text: str, within: str) -> bool:
    """Whether a text stands there, and is not merely a part of longer words. Both as `normal` gives them."""
    if text not in within:
        return False
    apart = rf"(?<!\w){re.escape(text)}(?!\w)"
    return (len(text) > LONG and not text.isascii()) or re.search(apart, within) is not None


def texts_in(value: Json) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_in(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    return []


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Program:
    """The program of an expression. Raises ContractError where it cannot be one."""
    import cel

    if len(expression) > MAX_LENGTH:
        raise ContractError(
            f"a condition of {len(expression)} characters: {expression[:60]}…",
            hint=f"keep it under {MAX_LENGTH}; split it into several, or use a named Python predicate",
        )
    try:
        program = cel.compile(expression)
    except (ValueError, SyntaxError, TypeError, RuntimeError) as error:
        raise ContractError(
            f"this is no CEL expression: {expression}\n  {error}", hint="see docs/contract.md, conditions"
        ) from None
    if _depth(expression) > 1:
        raise ContractError(
            f"a list macro inside a list macro: {expression}", hint="use one level, or a named Python predicate"
        )
    return program


def _depth(expression: str) -> int:
    """How deep list macros stand in each other."""
    bare = _STRING.sub('""', expression)
    deepest = 0
    opened: list[int] = []
    level = 0
    parens = {bare.rindex("(", match.start(), match.end()) for match in _MACRO.finditer(bare)}
    for at, char in enumerate(bare):
        if char == "(":
            level += 1
            if at in parens:
                opened.append(level)
                deepest = max(deepest, len(opened))
        elif char == ")":
            if opened and opened[-1] == level:
                opened.pop()
            level -= 1
    return deepest


@lru_cache(maxsize=4096)
def paths(expression: str) -> tuple[tuple[str, ...], ...]:
    """The dotted names an expression reads: `args.cents` → ("args", "cents"). Names bound by a macro are left out."""
    bare = _STRING.sub('""', expression)
    bound = {match.group(2) for match in _MACRO.finditer(bare)}
    found: dict[tuple[str, ...], None] = {}
    for match in _PATH.finditer(bare):
        head = match.group(1)
        after = bare[match.end() :].lstrip()
        if (
            head in bound
            or head in {"true", "false", "null", "in", "has"}
            or (not match.group(2) and after.startswith("("))
        ):
            continue
        rest = tuple(part.strip() for part in match.group(2).split(".") if part.strip())
        found[head, *rest] = None
    return tuple(found)


@lru_cache(maxsize=4096)
def has_macro(expression: str) -> bool:
    """Whether an expression walks a list."""
    return _MACRO.search(expression) is not None


@lru_cache(maxsize=4096)
def asked_for(expression: str) -> tuple[str, ...]:
    """The variables of an expression, names bound by a macro among them."""
    return tuple(compiled(expression).variables())


def unknown_names(expression: str) -> list[str]:
    """Variables of an expression that no contract has."""
    bound = {match.group(2) for match in _MACRO.finditer(_STRING.sub('""', expression))}
    return [name for name in asked_for(expression) if name not in NAMES and name not in bound]


class Scope:
    """The values that conditions of one judgement see, bound once."""

    def __init__(self, values: Mapping[str, Json]) -> None:
        import cel

        self.names = values
        self._context = cel.Context({}, {"total": total, "quotes": quotes})
        self._given = set[str]()
        """Names that the context has: each is converted when a condition first asks for it."""

    @cached_property
    def _long(self) -> bool:
        return _longest(self.names) > MAX_ITEMS

    def value(self, expression: str) -> Json:
        """What an expression gives. Raises Unanswered."""
        if has_macro(expression) and self._long:
            raise Unanswered(f"a list of more than {MAX_ITEMS} items")
        try:
            for name in asked_for(expression):
                if name not in self._given and name in self.names:
                    self._context.add_variable(name, self.names[name])
                    self._given.add(name)
            return compiled(expression).execute(self._context)
        except (KeyError, TypeError, ValueError, ArithmeticError, RuntimeError, IndexError) as error:
            raise Unanswered(_short(error)) from None

    def holds(self, expression: str) -> bool:
        """Whether an expression is true. Raises Unanswered where it gives neither true nor false."""
        answer = self.value(expression)
        if not isinstance(answer, bool):
            raise Unanswered(f"it gives {type(answer).__name__}, not true or false")
        return answer


def _longest(values: Mapping[str, Json]) -> int:
    """Items of the longest list in these JSON values."""
    longest, todo = 0, list(values.values())
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += [item for item in value.values() if isinstance(item, dict | list)]
        elif isinstance(value, list):
            longest = max(longest, len(value))
            todo += [item for item in value if isinstance(item, dict | list)]
    return longest


def _short(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]}"
    return str(error).split(". ")[0][:200]
