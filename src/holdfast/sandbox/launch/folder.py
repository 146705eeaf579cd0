"""The folder a program works in: an overlay over the base, or a copy of it; and afterwards what is otherwise in it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from holdfast.sandbox import artefacts, images, kernel
from holdfast.sandbox.settle import Triple, apply, copy

MOUNTED = "/tmp"  # noqa: S108 - covered by a mount that only the launcher and the program see
PAGE = 4096


class Found(NamedTuple):
    """What is otherwise in a folder."""

    changes: list[Triple]
    written: list[str]
    lacking: list[tuple[str, str]]


class Folder:
    """A folder made for one run. `place` is where it is."""

    def __init__(self, base: int | None, place: str, owner: tuple[int, int] | None, disk: int) -> None:
        self.base = base
        self.disk = disk
        self.place = place
        self.owner = owner
        self.before: dict[str, images.Image] = {}
        self.stamps: dict[str, artefacts.Stamp] = {}

    def start(self, layer: Iterable[Triple], get: Callable[[str], bytes]) -> None:
        """Copy the base, and lay the layer over it."""
        if self.base is not None:
            target = images.open_root(self.place)
            try:
                self.before = copy(self.base, target, self.owner)
            finally:
                os.close(target)
        self.lay(layer, get)

    def lay(self, layer: Iterable[Triple], get: Callable[[str], bytes]) -> None:
        """Lay the layer over what is there, and remember what is written after this."""
        changes = list(layer)
        apply(self.place, changes, get)
        for path, _, post in changes:
            if self.owner and post[0] != "nothing":
                os.chown(f"{self.place}/{path}", *self.owner, follow_symlinks=False)
        self.stamps = artefacts.stamps(Path(self.place))

    def end(self, makes: list[str], keep: Callable[[int, str, str], None]) -> Found:
        """What is otherwise now; `keep` takes the content of every new file: (its folder, its name, its hash)."""
        root = images.open_root(self.place)
        try:
            after = images.tree(
                root, images.Room(self.disk + sum(one[3] for one in self.before.values() if one[0] == "file"))
            )
            paths = sorted({*self.before, *after})
            found = self.compared(root, paths, keep, lambda path: after.get(path, images.NOTHING))
        finally:
            os.close(root)
        return self.seen(found, makes)

    def compared(
        self,
        root: int,
        paths: Iterable[str],
        keep: Callable[[int, str, str], None],
        post_of: Callable[[str], images.Image],
    ) -> list[Triple]:
        """(path, pre, post) of these paths where they differ; new content is kept."""
        found = []
        for path in paths:
            pre, post = self.pre(path), post_of(path)
            if pre == post:
                continue
            found.append((path, pre, post))
            if post[0] == "file" and not images.why_refused(path, pre, post):
                with images.parent(root, path) as (folder, name):
                    keep(folder, name, post[2])
        return found

    def pre(self, path: str) -> images.Image:
        """What stood at a path of the base."""
        return self.before.get(path, images.NOTHING)

    def seen(self, changes: list[Triple], makes: list[str]) -> Found:
        """The changes, the files that were written, and what of the declared artefacts is lacking."""
        now = artefacts.stamps(Path(self.place))
        written = sorted(path for path, stamp in now.items() if self.stamps.get(path) != stamp)
        return Found(
            changes, written, artefacts.lacking(makes, {path: stamp[3] for path, stamp in now.items()}, set(written))
        )


class Shared(Folder):
    """A copy on a disk of the host, which other files may be linked into."""

    def end(self, makes: list[str], keep: Callable[[int, str, str], None]) -> Found:
        """See `Folder`; a file that has a name outside is refused."""
        root = images.open_root(self.place)
        try:
            outside = images.linked_outside(root)
        finally:
            os.close(root)
        found = super().end(makes, keep)
        changes = [(path, pre, images.LINKED if path in outside else post) for path, pre, post in found.changes]
        return Found(changes, found.written, found.lacking)


class Overlay(Folder):
    """A layer of the kernel's over the base, which nothing is copied into before it is changed."""

    def __init__(self, base: int, upper: str, place: str, disk: int) -> None:
        super().__init__(base, place, None, disk)
        self.upper = upper
        self.began = 0

    def start(self, layer: Iterable[Triple], get: Callable[[str], bytes]) -> None:
        """See `Folder`; nothing is copied."""
        self.began = time.time_ns()
        self.lay(layer, get)

    def lay(self, layer: Iterable[Triple], get: Callable[[str], bytes]) -> None:
        """See `Folder`; stamps are those of the upper layer."""
        apply(self.place, layer, get)
        self.stamps = artefacts.stamps(Path(self.upper))

    def pre(self, path: str) -> images.Image:
        """What stands at a path of the base; unknown if somebody changed it while the program ran."""
        assert self.base is not None
        found = images.image(self.base, path)
        if found == images.NOTHING:
            return found
        with images.parent(self.base, path) as (folder, name):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return images.UNKNOWN if found[0] != "folder" and status.st_ctime_ns > self.began else found

    def end(self, makes: list[str], keep: Callable[[int, str, str], None]) -> Found:
        """See `Folder`: only what is in the upper layer is looked at, and it is read through the merged one."""
        assert self.base is not None
        paths: set[str] = set()
        written: list[str] = []
        upper = images.open_root(self.upper)

        def look(path: str, folder: int, name: str, status: os.stat_result) -> None:
            paths.add(path)
            hides = not stat.S_ISDIR(status.st_mode) or _opaque(folder, name)
            if hides:
                paths.update(self._below(path))
            if stat.S_ISREG(status.st_mode):
                stamp = (status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size)
                if self.stamps.get(path) != stamp:
                    written.append(path)

        try:
            images.walk(upper, look)
        finally:
            os.close(upper)
        root, room = images.open_root(self.place), images.Room(self.disk)
        try:
            changes = self.compared(root, sorted(paths), keep, lambda path: images.image(root, path, room))
        finally:
            os.close(root)
        sizes = {path: stamp[3] for path, stamp in artefacts.stamps(Path(self.place)).items()} if makes else {}
        return Found(changes, sorted(written), artefacts.lacking(makes, sizes, set(written)))

    def _below(self, path: str) -> list[str]:
        """What lies below a folder of the base."""
        assert self.base is not None
        found: list[str] = []

        def look(child: str, *_: object) -> None:
            found.append(child)

        try:
            with images.parent(self.base, path) as (folder, name):
                opened = images.enter(folder, name)
                try:
                    images.walk(opened, look, f"{path}/")
                finally:
                    os.close(opened)
        except OSError:
            return []
        return found


def _opaque(folder: int, name: str) -> bool:
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return True
    try:
        return any(_attribute(opened, f"{kind}.overlay.opaque") for kind in ("user", "trusted"))
    finally:
        os.close(opened)


def _attribute(opened: int, name: str) -> bool:
    try:
        return os.getxattr(opened, name) in (b"y", b"x")
    except OSError:
        return False


def mounted(base: int | None, limits: dict[str, int], owner: tuple[int, int] | None) -> Folder:
    """A folder on a file system of its own, bounded in bytes and files, that only this process and its children see.

    An overlay for whoever owns the base; a copy for another account, because an overlay shows files with their owners.
    """
    over = base is not None and owner is None
    room, names = (0, 0) if base is None or over else _measure(base)
    options = f"size={limits['disk'] + room},nr_inodes={limits['files'] + names + 64},mode=755"
    kernel.mount("tmpfs", MOUNTED, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    place = f"{MOUNTED}/box"
    Path(place).mkdir(mode=0o700)
    if owner:
        os.chown(place, *owner)
    if not over or base is None:
        return Folder(base, place, owner, limits["disk"])
    for name in ("upper", "work"):
        Path(f"{MOUNTED}/{name}").mkdir(mode=0o700)
    Path(f"{MOUNTED}/upper").chmod(stat.S_IMODE(os.fstat(base).st_mode) | 0o700)
    options = f"lowerdir=/proc/self/fd/{base},upperdir={MOUNTED}/upper,workdir={MOUNTED}/work,userxattr"
    try:
        kernel.mount("overlay", place, "overlay", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    except OSError:  # the base lies on a file system that nothing can be laid over
        room, names = _measure(base)
        options = f"remount,size={limits['disk'] + room},nr_inodes={limits['files'] + names + 64}"
        kernel.mount(
            "tmpfs", MOUNTED, "tmpfs", 32 | kernel.MS_NOSUID | kernel.MS_NODEV, options.removeprefix("remount,")
        )
        return Folder(base, place, None, limits["disk"])
    return Overlay(base, f"{MOUNTED}/upper", place, limits["disk"])


def _measure(root: int) -> tuple[int, int]:
    """(bytes that a copy takes, names) of what lies in an open folder."""
    sizes: list[int] = []

    def look(_path: str, _folder: int, _name: str, status: os.stat_result) -> None:
        sizes.append(-(-status.st_size // PAGE) * PAGE + PAGE)

    images.walk(root, look)
    return sum(sizes), len(sizes)
