"""What stands at a path: by kind, mode and content, never by time. Reading only, and no link is ever followed.

An image is a tuple, the same in memory and in JSON:

    ("nothing",)   ("folder", mode)   ("file", mode, sha256, bytes)   ("link", target)
    ("other", what)   a device, a socket, a pipe: never part of a plan
    ("unknown",)      somebody changed it while it was being read, or it cannot be read: equal to nothing that stands anywhere

A path is relative, with `/` between names that are neither empty nor `.` nor `..`. Everything is opened name by name below an
open folder with O_NOFOLLOW, so that a link planted on the way leads nowhere: what lies behind a link is not part of the folder.

This module needs the standard library only: it is run by the launcher, which has no other packages.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

Image: TypeAlias = tuple[Any, ...]
NOTHING: Final[Image] = ("nothing",)
UNKNOWN: Final[Image] = ("unknown",)

OWN: Final = ".holdfast-"
"""How names begin that a commit uses while it works."""
PIECE: Final = 1 << 20
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def names(path: str) -> list[str]:
    """The names of a path. Raises ValueError for one that is not relative and plain."""
    found = path.split("/")
    if not path or "\0" in path or any(name in ("", ".", "..") for name in found):
        raise ValueError(f"{path!r} is no path inside the folder")
    if len(os.fsencode(path)) > 4000 or any(len(os.fsencode(name)) > 255 for name in found):
        raise ValueError(f"{path[:40]!r}… is too long for a path")
    return found


def open_root(path: str) -> int:
    """A descriptor of a folder. Raises OSError."""
    return os.open(path, _FOLDER)


def enter(folder: int, name: str) -> int:
    """A descriptor of a folder in an open folder. Raises OSError, NotADirectoryError for a link too."""
    return os.open(name, _FOLDER, dir_fd=folder)


@contextmanager
def parent(root: int, path: str) -> Iterator[tuple[int, str]]:
    """(the folder that holds `path`, its last name). Raises OSError where there is no such folder."""
    *above, last = names(path)
    folder = os.dup(root)
    try:
        for name in above:
            below = enter(folder, name)
            os.close(folder)
            folder = below
        yield folder, last
    finally:
        os.close(folder)


class Room:
    """Bytes that may still be read: a file can say that it is larger than any disk, and be read for days."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, size: int) -> bool:
        """Whether a file of this size may be read; it counts if so."""
        if size > self.left:
            return False
        self.left -= size
        return True


TOO_MUCH: Final[Image] = ("other", "more than the folder may hold")


def image(root: int, path: str, room: Room | None = None) -> Image:
    """What stands at `path` below an open folder."""
    try:
        with parent(root, path) as (folder, name):
            return image_at(folder, name, room)
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    except OSError:
        return UNKNOWN


def image_at(folder: int, name: str, room: Room | None = None) -> Image:
    """What stands under a name in an open folder; TOO_MUCH where `room` does not hold it."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return NOTHING
    except OSError:
        return UNKNOWN
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode):
        return ("folder", mode)
    try:
        if stat.S_ISLNK(found.st_mode):
            return ("link", os.readlink(name, dir_fd=folder))
        if stat.S_ISREG(found.st_mode):
            return _file(folder, name) if room is None or room.take(found.st_size) else TOO_MUCH
    except OSError:
        return UNKNOWN
    return ("other", kind_of(found.st_mode))


def kind_of(mode: int) -> str:
    """What a thing is that is neither file, folder nor link, in words."""
    for test, words in (
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            return words
    return "no file, folder or link"


def _file(folder: int, name: str) -> Image:
    opened = os.open(name, _FILE, dir_fd=folder)
    try:
        before = os.fstat(opened)
        if not stat.S_ISREG(before.st_mode):
            return UNKNOWN
        digest, size = hashlib.sha256(), 0
        while piece := os.read(opened, PIECE):
            digest.update(piece)
            size += len(piece)
        return ("file", stat.S_IMODE(before.st_mode), digest.hexdigest(), size)
    finally:
        os.close(opened)


def content(folder: int, name: str) -> bytes:
    """The bytes of a file in an open folder. Raises OSError, also for what is no plain file."""
    opened = os.open(name, _FILE, dir_fd=folder)
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(22, f"{name} is no plain file")
        return file.read()


Looked: TypeAlias = Callable[[str, int, str, os.stat_result], None]
"""Told of a path: (the path, the folder that holds it, its name there, what lstat says)."""


DEEP: Final = 100
"""Folders in one another that are looked into; what lies deeper is refused with the folder it lies in."""


def walk(folder: int, look: Looked, above: str = "") -> None:
    """Tell `look` of everything below an open folder, a folder before what is in it, in the order of names."""
    for name in sorted(os.listdir(folder)):
        path = f"{above}{name}"
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        look(path, folder, name, found)
        if stat.S_ISDIR(found.st_mode) and path.count("/") < DEEP:
            below = enter(folder, name)
            try:
                walk(below, look, f"{path}/")
            finally:
                os.close(below)


def tree(root: int, room: Room | None = None) -> dict[str, Image]:
    """Everything below an open folder: path → image."""
    found: dict[str, Image] = {}

    def look(path: str, folder: int, name: str, _: os.stat_result) -> None:
        found[path] = image_at(folder, name, room)

    walk(root, look)
    return found


def linked_outside(root: int) -> set[str]:
    """Files below an open folder that have a name outside too: what they hold may be anything."""
    named: dict[tuple[int, int], list[str]] = {}
    links: dict[tuple[int, int], int] = {}

    def look(path: str, _folder: int, _name: str, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            named.setdefault((status.st_dev, status.st_ino), []).append(path)
            links[status.st_dev, status.st_ino] = status.st_nlink

    walk(root, look)
    return {path for key, paths in named.items() if len(paths) < links[key] for path in paths}


LINKED: Final[Image] = ("other", "a hard link to a file outside")


def why_refused(path: str, pre: Image, post: Image) -> str:
    """Why a program's change may be part of no plan; empty where it may.

    A link may lead up only at its beginning, and no further than to the folder: `..` after a name could be taken from wherever
    that name leads.
    """
    try:
        own = any(name.startswith(OWN) for name in names(path))
        path.encode()
    except (ValueError, UnicodeEncodeError):
        return "its name is no text, or too long"
    if own:
        return f"names that begin with {OWN} are used by commits"
    if path.count("/") >= DEEP and post[0] == "folder":
        return f"more than {DEEP} folders in one another"
    if post[0] in ("other", "unknown"):
        return str(post[1]) if post[0] == "other" else "it cannot be read"
    if pre[0] == "other":
        return f"{pre[1]} stands there"
    if post[0] == "link":
        return link_leaves(path, str(post[1]))
    special = int(post[1]) & ~0o777 if post[0] in ("file", "folder") else 0
    kept = int(pre[1]) & ~0o777 if pre[0] == post[0] == "folder" else 0
    return "it would run with its owner's rights (setuid, setgid or sticky)" if special & ~kept else ""


def link_leaves(path: str, target: str) -> str:
    """How a link at `path` leads out of the folder; empty where it does not."""
    try:
        target.encode()
    except UnicodeEncodeError:
        return "a link whose target is no text"
    if not target or target.startswith("/"):
        return "an absolute link"
    steps = [step for step in target.split("/") if step not in ("", ".")]
    up = next((at for at, step in enumerate(steps) if step != ".."), len(steps))
    if ".." in steps[up:]:
        return "a link that goes up again after a name"
    return "a link out of the folder" if up > path.count("/") else ""
