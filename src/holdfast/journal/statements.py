"""SQL by name, from the `.sql` files beside this one.

A file holds statements one after another, each under a line `-- name: something`; other comment lines are for readers
of the file and are left out of what is given to the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


@cache
def load(file: str) -> Mapping[str, str]:
    """Read the statements of `sql/<file>.sql`, by name, in the order they are written."""
    text = resources.files("holdfast.journal").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    bodies = (_COMMENT.sub("", body).strip().rstrip(";") for body in parts[1::2])
    return MappingProxyType(dict(zip(parts[::2], bodies, strict=True)))
