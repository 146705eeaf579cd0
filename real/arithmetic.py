"""Sums as an agent writes them: numbers, `+ - * /`, parentheses and spaces, and nothing that could run.

    sum     = product { ("+" | "-") product }
    product = factor { ("*" | "/") factor }
    factor  = { "+" | "-" } ( number | "(" sum ")" )

Whole numbers stay whole until a division or a decimal number meets them, so that a sum is as exact as it
can be.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

LONGEST: Final = 2_000
"""Characters in an expression; the longest recorded has some 200."""

DEEPEST: Final = 50
"""Parentheses within each other: each is a call on the stack."""

_ALLOWED: Final = re.compile(r"[0-9.+\-*/() ]*")
_TOKEN: Final = re.compile(r" *([0-9]+\.?[0-9]*|\.[0-9]+|[-+*/()])")


class ExpressionError(ValueError):
    """The text is no sum, or its result is no number; the message says which in words for the caller."""


def evaluate(expression: str) -> float:
    """Work out an expression, or say with `ExpressionError` why it has no value."""
    if len(expression) > LONGEST:
        raise ExpressionError(f"expression is longer than {LONGEST} characters")
    if not _ALLOWED.fullmatch(expression):
        raise ExpressionError("expression can only contain numbers, operators (+, -, *, /), parentheses, and spaces")
    reader = _Reader(_tokens(expression))
    try:
        value = float(reader.sum(0))
    except ZeroDivisionError:
        raise ExpressionError("division by zero") from None
    except OverflowError:
        raise ExpressionError("result is too large") from None
    if reader.peek():
        raise _malformed()
    if not isfinite(value):
        raise ExpressionError("result is too large")
    return value


def _malformed() -> ExpressionError:
    return ExpressionError("expression is not valid")


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    text = expression.rstrip(" ")
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _malformed()
        tokens.append(match[1])
        at = match.end()
    return tokens


class _Reader:
    """Reads tokens from left to right; one method for each line of the grammar."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> str:
        """Look at the next token; at the end it is empty."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def sum(self, depth: int) -> int | float:
        """Add and subtract products from left to right."""
        value = self._product(depth)
        while (sign := self.peek()) in {"+", "-"}:
            self._at += 1
            other = self._product(depth)
            value = value + other if sign == "+" else value - other
        return value

    def _product(self, depth: int) -> int | float:
        value = self._factor(depth)
        while (sign := self.peek()) in {"*", "/"}:
            self._at += 1
            other = self._factor(depth)
            value = value * other if sign == "*" else value / other
        return value

    def _factor(self, depth: int) -> int | float:
        negative = False
        while (sign := self.peek()) in {"+", "-"}:
            negative ^= sign == "-"
            self._at += 1
        value = self._atom(depth)
        return -value if negative else value

    def _atom(self, depth: int) -> int | float:
        found = self.peek()
        self._at += 1
        if found == "(" and depth < DEEPEST:
            value = self.sum(depth + 1)
            if self.peek() != ")":
                raise _malformed()
            self._at += 1
            return value
        if found[:1].isdigit() or found[:1] == ".":
            return int(found) if found.isdigit() else float(found)
        raise _malformed()
