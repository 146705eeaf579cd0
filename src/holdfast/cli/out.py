"""What is printed: text made for a hundred columns, or JSON, on stdout; notes to whoever watches, on stderr."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from holdfast.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

WIDTH: Final = 100
"""Columns where nobody says how many there are."""

WIDEST: Final = 140
"""Columns beyond which a line is hard to read."""


def console(*, stderr: bool = False) -> Console:
    """Where text goes. Nothing in it is taken for markup: what is shown was written by others."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size((WIDTH, 24)).columns if stream.isatty() or "COLUMNS" in os.environ else WIDTH
    return Console(file=stream, width=min(max(width, 40), WIDEST), highlight=False, markup=False, emoji=False)


def show(*parts: RenderableType) -> None:
    """Print for people; into a pipe without the blanks that fill a line."""
    place = console()
    if place.is_terminal:
        place.print(*parts, sep="\n")
        return
    with place.capture() as caught:
        place.print(*parts, sep="\n")
    print("\n".join(line.rstrip() for line in caught.get().splitlines()))


def note(text: str) -> None:
    """Say something beside the result, for whoever watches."""
    print(text, file=sys.stderr, flush=True)


def give(value: object) -> None:
    """Print JSON; indented where a person reads it."""
    plain = msgspec.to_builtins(value, str_keys=True)
    print(json.dumps(plain, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def page(path: Path, text: str) -> None:
    """Write a page, `-` to stdout. Raises InputError where that cannot be done."""
    if str(path) == "-":
        print(text, end="")
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"the page {path} cannot be written: {error.strerror}") from None
    note(f"wrote {path}, {len(text.encode()) // 1024 + 1:,} kB")


def me() -> str:
    """The name of whoever sits here, as the system knows it."""
    try:
        return os.environ.get("USER") or getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
