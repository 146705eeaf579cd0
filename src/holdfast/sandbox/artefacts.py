"""What a program was to make: there, not empty, and written by this run.

Exit 0 says that a program thinks it is done. Whether the report is there is looked at.

This module needs the standard library only: it is run by the launcher, which has no other packages.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from holdfast.sandbox import images

MISSING: Final = "missing"
EMPTY: Final = "empty"
STALE: Final = "stale"
"""It is there, and this run did not write it."""

Stamp = tuple[int, int, int, int]
"""(device, inode, time of change in ns, bytes): another one after a file was written, whatever was written."""


def fits(pattern: str) -> re.Pattern[str]:
    """A pattern as paths are held against it: `*` and `?` within a name, `**` over any number of folders."""
    out = ""
    for piece in re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./")):
        out += {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}.get(piece, re.escape(piece))
    return re.compile(out + r"\Z", re.DOTALL)


def lacking(makes: Iterable[str], sizes: Mapping[str, int], written: Collection[str]) -> list[tuple[str, str]]:
    """(pattern, what is wrong) of each declared artefact that is not as it was to be.

    `sizes` are the files there are, with their bytes; `written` those that this run wrote. A pattern is kept when it fits at least
    one file that was written, and none of those is empty.
    """
    wrong = []
    for pattern in makes:
        found = [path for path in sizes if fits(pattern).match(path)]
        fresh = [path for path in found if path in written]
        if not found:
            wrong.append((pattern, MISSING))
        elif not fresh:
            wrong.append((pattern, EMPTY if not any(sizes[path] for path in found) else STALE))
        elif any(not sizes[path] for path in fresh):
            wrong.append((pattern, EMPTY))
    return wrong


def stamps(folder: Path) -> dict[str, Stamp]:
    """The files in a folder as they are before a run, for `missing`."""
    found: dict[str, Stamp] = {}
    root = images.open_root(str(folder.resolve()))

    def look(path: str, _folder: int, _name: str, status: object) -> None:
        mode, inode, device, size, changed = (
            getattr(status, f"st_{name}") for name in ("mode", "ino", "dev", "size", "ctime_ns")
        )
        if stat.S_ISREG(mode):
            found[path] = (device, inode, changed, size)

    import os

    try:
        images.walk(root, look)
    finally:
        os.close(root)
    return found


def missing(makes: Iterable[str], folder: Path, before: Mapping[str, Stamp]) -> list[tuple[str, str]]:
    """(pattern, `missing`, `empty` or `stale`) of each artefact that a run in `folder` was to make and did not.

    `before` are the stamps of the folder before the run; none of a folder that was not there.
    """
    after = stamps(folder)
    written = {path for path, stamp in after.items() if before.get(path) != stamp}
    return lacking(makes, {path: stamp[3] for path, stamp in after.items()}, written)
