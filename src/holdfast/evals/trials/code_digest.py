"""The digest of an agent's code: trials made with other code are other trials, and are not taken for those of today's."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from holdfast.agent import Agent
from holdfast.core.prompt import wording_digest
from holdfast.evals.trials.suite import CASES
from holdfast.shell.folder import Folder
from holdfast.version import VERSION

KINDS: Final = frozenset({".py", ".sql", ".json", ".yaml", ".yml", ".toml", ".csv", ".txt"})
MOST: Final = 1_000
"""Files of a folder that are looked at."""


def code_digest(folder: Folder, agent: Agent[Any, Any]) -> str:
    """Of the files beside a contract and those its tools are written in, and of what holdfast itself says to a model.

    Cases are left out: each has a digest of its own. So is what tools import from elsewhere.
    """
    found = hashlib.sha256(f"{VERSION} {wording_digest()}".encode())
    for file in sorted({*_beside(folder.path), *_tools(agent)}):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def _beside(place: Path) -> Iterator[Path]:
    if place.is_file():
        world = place.with_name("world.py")
        yield from (place.resolve(), *((world.resolve(),) if world.exists() else ()))
        return
    seen = 0
    for file in sorted(place.rglob("*")):
        inner = file.relative_to(place).parts
        if inner[0] == CASES or any(part.startswith((".", "__pycache__")) for part in inner):
            continue
        if file.suffix in KINDS and file.is_file():
            yield file.resolve()
            seen += 1
            if seen == MOST:
                return


def _tools(agent: Agent[Any, Any]) -> Iterator[Path]:
    for tool in agent.tools.values():
        try:
            file = inspect.getsourcefile(inspect.unwrap(tool.function))
        except TypeError:  # made by no file, as a built-in
            continue
        if file is not None and Path(file).is_file():
            yield Path(file).resolve()
