"""The text of a PDF, read in a process of its own with bounds on its time and memory: a PDF may be made to harm its reader.

Whatever is wrong with one is said in words; nothing is raised. The package that reads them is in the extra `holdfast[files]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.units import say_duration

MAX_PAGES: Final = 200
"""Pages that are read; the others are not."""

MAX_CHARACTERS: Final = 1_000_000
"""Characters of text that are kept."""

SECONDS: Final = 20
"""A reading may take; between two pages it stops by itself after half of them."""

MEMORY: Final = 1_000_000_000
"""Bytes a reader may have."""


class Paper(Struct, frozen=True):
    """What was read."""

    text: str = ""
    pages: int = 0
    """How many it has; 0 where not all of it was read."""
    note: str = ""
    """What a reader of the text has to know."""
    closed: bool = False
    """It could not be opened: it is broken, or wants a password."""


def read(data: bytes, seconds: float = SECONDS) -> Paper:
    """The text of a PDF, as far as there is one."""
    if find_spec("pypdf") is None:
        return Paper(note='its text was not read: that takes pip install "holdfast[files]"')
    command = [sys.executable, "-P", str(Path(__file__).with_name("paper_reader.py"))]
    bounds = (MAX_PAGES, MAX_CHARACTERS, max(int(seconds / 2), 1), max(int(seconds), 1), MEMORY)
    try:
        done = subprocess.run(  # noqa: S603 - our own reader, by its path
            [*command, *map(str, bounds)],
            input=data,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=_environment(),
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return Paper(
            note=f"its text was not read: that took more than {say_duration(round(seconds * 1e6))}", closed=True
        )
    except OSError as error:
        return Paper(note=f"its text was not read: no process could be started for it ({error.strerror})")
    try:
        return msgspec.json.decode(done.stdout, type=Paper)
    except (msgspec.DecodeError, UnicodeDecodeError):  # it was ended by a bound, before it could say so
        return Paper(note="its text was not read: reading it took more time or memory than it is given", closed=True)


def _environment() -> dict[str, str]:
    """What the reader needs to find its packages, and no secret of ours."""
    return {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV") if name in os.environ
    }
