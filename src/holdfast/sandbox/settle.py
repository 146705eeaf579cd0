# ruff: noqa: PTH208
# descriptors of folders, which have no Path
"""Making a folder be what a plan says, one path at a time, so that whoever stops it leaves each path as it was or as it shall be.

Order: what goes away, deepest first; then what comes, highest first; then the modes of folders, deepest first. A file is written
under a name of its own, synced, and renamed over what stood there; a folder takes the place of a file, or the reverse, by an
exchange of names. A folder that may not be written to is opened for the time being, and its mode is put back at the end.

This module needs the standard library only: it is run by the launcher, which has no other packages.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterable

from holdfast.sandbox import kernel
from holdfast.sandbox.images import NOTHING, OWN, UNKNOWN, Image, enter, image, image_at, open_root, parent

Step = Callable[[str], None]
"""Told before every change of the disk what is about to be done; a test stops the work by raising."""
Triple = tuple[str, Image, Image]
"""(path, what stands there, what shall stand there)."""


class Moved(Exception):
    """What stands at these paths is neither what was nor what shall be."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(sorted(set(paths)))
        super().__init__(", ".join(self.paths))


def quiet(_: str) -> None:
    """A step that nobody watches."""


class Settling:
    """One plan over one open folder.

    `token` is part of the names it works under, and is the same when the work is taken up again. `synced` is false where nobody
    needs the result after a crash. `opened` are the folders that could not be written to, with their modes.
    """

    def __init__(
        self,
        root: int,
        changes: Iterable[Triple],
        get: Callable[[str], bytes],
        token: str,
        *,
        synced: bool = True,
        step: Step = quiet,
    ) -> None:
        self.root = root
        self.changes = sorted(changes)
        self.get = get
        self.token = token
        self.synced = synced
        self.step = step
        self.opened: dict[str, int] = {}
        self._wanted = {path: post for path, _, post in self.changes}
        self._touched: set[str] = set()

    # ---------------------------------------------------------------------------------------------- before

    def look(self, *, again: bool = False) -> None:
        """Raises Moved where something else stands than `pre` or `post`, before anything is touched.

        `again` says that the work was begun before: then modes of folders may be in between.
        """
        wrong = []
        for path, pre, post in self.changes:
            have = image(self.root, path)
            if not _fits(have, pre, post, again=again) or (post[0] != "nothing" and not self._has_parent(path)):
                wrong.append(path)
            elif have[0] == "folder" and post[0] != "folder":
                wrong += [child for child in self._children(path) if self._wanted.get(child, UNKNOWN) != NOTHING]
        if wrong:
            raise Moved(wrong)

    def closed_folders(self) -> dict[str, int]:
        """The folders in which something changes and that their owner may not write to, with their modes."""
        above = {path.rpartition("/")[0] for path, _, _ in self.changes}
        found = {}
        for path in sorted(above):
            mode = self._mode(path)
            if mode is not None and not mode & stat.S_IWUSR:
                found[path] = mode
        return found

    def _mode(self, path: str) -> int | None:
        if not path:
            return stat.S_IMODE(os.fstat(self.root).st_mode)
        have = image(self.root, path)
        return int(have[1]) if have[0] == "folder" else None

    def _has_parent(self, path: str) -> bool:
        above = path.rpartition("/")[0]
        wanted = self._wanted.get(above)
        return not above or (wanted or image(self.root, above))[0] == "folder"

    def _children(self, path: str) -> list[str]:
        with parent(self.root, path) as (folder, name):
            try:
                opened = enter(folder, name)
            except PermissionError:
                return [path]
            try:
                return [f"{path}/{child}" for child in os.listdir(opened) if not child.startswith(OWN + self.token)]
            finally:
                os.close(opened)

    # ------------------------------------------------------------------------------------------------ work

    def work(self) -> None:
        """Make every path what it shall be. May be called again after it was stopped. Raises Moved, OSError."""
        for path in sorted(self.opened, key=lambda one: one.count("/")):
            self._chmod(path, self.opened[path] | stat.S_IRWXU, "open")
        gone = [one for one in self.changes if one[2] == NOTHING]
        for path, pre, _ in sorted(gone, key=lambda one: (-one[0].count("/"), one[0])):
            self._remove(path, pre)
        coming = [one for one in self.changes if one[2] != NOTHING]
        for path, pre, post in sorted(coming, key=lambda one: (one[0].count("/"), one[0])):
            self._settle(path, pre, post)
        modes = {path: mode for path, mode in self.opened.items() if path not in self._wanted}
        modes |= {path: int(post[1]) for path, _, post in coming if post[0] == "folder"}
        for path in sorted(modes, key=lambda one: (-one.count("/"), one)):
            self._chmod(path, modes[path], "close")
        if self.synced:
            for path in sorted(self._touched):
                self._sync(path)

    def _remove(self, path: str, pre: Image) -> None:
        have = image(self.root, path)
        if have == NOTHING:
            with contextlib.suppress(OSError), parent(self.root, path) as (folder, name):
                self._clear(folder, self._own(name, path))
            return
        if not _fits(have, pre, NOTHING, again=True):
            raise Moved([path])
        with parent(self.root, path) as (folder, name):
            self._clear(folder, self._own(name, path))
            self.step(f"remove {path}")
            self._touch(path)
            try:
                (os.rmdir if have[0] == "folder" else os.unlink)(name, dir_fd=folder)
            except OSError as error:
                if have[0] == "folder" and error.errno in (17, 39, 66):  # something came into it
                    raise Moved([path]) from None
                raise

    def _settle(self, path: str, pre: Image, post: Image) -> None:
        with parent(self.root, path) as (folder, name):
            own = self._own(name, path)
            self._clear(folder, own)
            have = image_at(folder, name)
            if have == post or (have[0] == post[0] == "folder"):
                return  # a folder's mode comes at the end
            if not _fits(have, pre, post, again=True):
                raise Moved([path])
            self.step(f"write {path}")
            self._touch(path)
            self._make(folder, own, name, post)
            if image_at(folder, name) != have:
                raise Moved([path])
            self.step(f"place {path}")
            if "folder" in (have[0], post[0]) and have != NOTHING:
                self._swap(folder, own, name, have)
            else:
                os.rename(own, name, src_dir_fd=folder, dst_dir_fd=folder)

    def _make(self, folder: int, own: str, name: str, post: Image) -> None:
        uid, gid = _owner(folder, name)
        if post[0] == "folder":
            os.mkdir(own, 0o700, dir_fd=folder)
        elif post[0] == "link":
            os.symlink(post[1], own, dir_fd=folder)
        else:
            data = self.get(post[2])
            if hashlib.sha256(data).hexdigest() != post[2]:
                raise OSError(5, f"the content of {name} is not what the plan names")
            opened = os.open(
                own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
            )
            with os.fdopen(opened, "wb") as file:
                file.write(data)
                file.flush()
                if uid is not None:
                    os.fchown(opened, uid, gid)
                os.fchmod(opened, post[1])
                if self.synced:
                    os.fsync(opened)
            return
        if uid is not None:
            os.chown(own, uid, gid, dir_fd=folder, follow_symlinks=False)

    def _swap(self, folder: int, own: str, name: str, have: Image) -> None:
        """A folder for what is none, or the reverse; where names cannot be exchanged there is nothing for a moment."""
        away = os.rmdir if have[0] == "folder" else os.unlink
        try:
            kernel.exchange(folder, own, name)
        except OSError:
            away(name, dir_fd=folder)
            os.rename(own, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        self.step(f"drop {name}")
        away(own, dir_fd=folder)

    def _own(self, name: str, path: str) -> str:
        return f"{OWN}{self.token}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"

    def _clear(self, folder: int, own: str) -> None:
        """Remove what an earlier attempt left under its own name."""
        left = image_at(folder, own)
        if left != NOTHING:
            self.step(f"clear {own}")
            (os.rmdir if left[0] == "folder" else os.unlink)(own, dir_fd=folder)

    def _chmod(self, path: str, mode: int, word: str) -> None:
        have = self._mode(path)
        if have is None or have == mode:
            return
        self.step(f"{word} {path}")
        opened = open_folder(self.root, path)
        try:
            os.fchmod(opened, mode)
            if self.synced:
                os.fsync(opened)
        finally:
            os.close(opened)

    def _touch(self, path: str) -> None:
        self._touched.add(path.rpartition("/")[0])

    def _sync(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            opened = open_folder(self.root, path)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)


def _fits(have: Image, pre: Image, post: Image, *, again: bool) -> bool:
    if have in (pre, post):
        return have != UNKNOWN
    if not again:
        return False
    if have[0] == "folder":
        return "folder" in (pre[0], post[0])
    return have == NOTHING and pre[0] != post[0] and "folder" in (pre[0], post[0])


def _owner(folder: int, name: str) -> tuple[int | None, int]:
    """Whose a thing under this name shall be, where that can be chosen: as what stands there, or as the folder."""
    if os.geteuid() != 0:
        return None, 0
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        found = os.fstat(folder)
    return found.st_uid, found.st_gid


def open_folder(root: int, path: str) -> int:
    """A descriptor of a folder below an open one; of that itself for the empty path."""
    if not path:
        return os.dup(root)
    with parent(root, path) as (folder, name):
        return enter(folder, name)


def copy(source: int, target: int, owner: tuple[int, int] | None = None, above: str = "") -> dict[str, Image]:
    """Copy what lies in an open folder into an empty one, and give the images of what was copied.

    Links are copied as links, and what is neither file, folder nor link is left out. `owner` owns the copies.
    """
    found: dict[str, Image] = {}
    for name in sorted(os.listdir(source)):
        path = f"{above}{name}"
        status = os.stat(name, dir_fd=source, follow_symlinks=False)
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(name, 0o700, dir_fd=target)
            one, other = enter(source, name), enter(target, name)
            try:
                found[path] = ("folder", mode)
                found |= copy(one, other, owner, f"{path}/")
                if owner:
                    os.fchown(other, *owner)
                os.fchmod(other, mode)
            finally:
                os.close(one)
                os.close(other)
        elif stat.S_ISLNK(status.st_mode):
            leads = os.readlink(name, dir_fd=source)
            os.symlink(leads, name, dir_fd=target)
            if owner:
                os.chown(name, *owner, dir_fd=target, follow_symlinks=False)
            found[path] = ("link", leads)
        elif stat.S_ISREG(status.st_mode):
            found[path] = _copy_file(source, target, name, owner)
    return found


def _copy_file(source: int, target: int, name: str, owner: tuple[int, int] | None) -> Image:
    one = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=source)
    try:
        other = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            mode = stat.S_IMODE(os.fstat(one).st_mode)
            digest, size = hashlib.sha256(), 0
            while piece := os.read(one, 1 << 20):
                digest.update(piece)
                size += len(piece)
                left = memoryview(piece)
                while left:
                    left = left[os.write(other, left) :]
            if owner:
                os.fchown(other, *owner)
            os.fchmod(other, mode & 0o777)
            return ("file", mode, digest.hexdigest(), size)
        finally:
            os.close(other)
    finally:
        os.close(one)


def apply(folder: str, changes: Iterable[Triple], get: Callable[[str], bytes]) -> None:
    """Lay changes over a folder that nobody else uses and that is made again if this is stopped. Raises Moved, OSError."""
    root = open_root(folder)
    try:
        settling = Settling(root, changes, get, "new", synced=False)
        settling.opened = settling.closed_folders()
        settling.work()
    finally:
        os.close(root)
