"""A seeded mistake in the runtime: a small change to a function, made for as long as a schedule plays.

What it breaks is said by the number of its rule in the semantics.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from msgspec import Struct

Patch: TypeAlias = tuple[Any, Any, Any]
"""(module, class or table; name or key; what stands there instead)."""


class Mutant(Struct, frozen=True):
    """One mistake."""

    name: str
    rules: str
    what: str
    patches: Callable[[], Sequence[Patch]]

    @contextmanager
    def made(self) -> Iterator[None]:
        """The mistake is there, for the length of a `with`."""
        kept: list[Patch] = []
        try:
            for where, name, instead in self.patches():
                kept.append((where, name, where[name] if isinstance(where, dict) else where.__dict__[name]))
                _put(where, name, instead)
            yield
        finally:
            for where, name, before in reversed(kept):
                _put(where, name, before)


def everywhere(function: object, instead: object) -> list[Patch]:
    """Put something in a function's place wherever it was imported to."""
    modules = [module for name, module in sorted(sys.modules.items()) if name.startswith("holdfast.")]
    return [(module, name, instead) for module in modules for name, value in vars(module).items() if value is function]


def _put(where: Any, name: Any, value: Any) -> None:
    if isinstance(where, dict):
        where[name] = value
    else:
        setattr(where, name, value)
