"""Content by its sha256: what a plan names, kept wherever you like.

`FolderBlobs` keeps it in a folder, synced to the disk before `put` returns; `MemoryBlobs` in memory. Anything else with these
three methods will do, a journal's bodies too.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Protocol

from holdfast.errors import InputError


class Blobs(Protocol):
    """Bytes by their sha256, in hexadecimal."""

    def put(self, data: bytes) -> str:
        """Keep these bytes; gives their hash. When it returns they survive whatever the keeper promises to survive."""

    def get(self, sha: str) -> bytes:
        """The bytes with this hash. Raises InputError where they are not kept, or are not what they were."""

    def has(self, sha: str) -> bool:
        """Whether they are kept."""


class MemoryBlobs:
    """In memory."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """See `Blobs`."""
        sha = hashlib.sha256(data).hexdigest()
        self._kept[sha] = data
        return sha

    def get(self, sha: str) -> bytes:
        """See `Blobs`."""
        try:
            return self._kept[sha]
        except KeyError:
            raise _missing(sha) from None

    def has(self, sha: str) -> bool:
        """See `Blobs`."""
        return sha in self._kept


class FolderBlobs:
    """In a folder: `ab/abcd…`, each file synced and then renamed into place, so that what is there is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, sha: str) -> Path:
        if len(sha) != 64 or not all(letter in "0123456789abcdef" for letter in sha):
            raise InputError(f"{sha!r} is no sha256")
        return self.folder / sha[:2] / sha

    def put(self, data: bytes) -> str:
        """See `Blobs`; synced to the disk."""
        sha = hashlib.sha256(data).hexdigest()
        path = self._path(sha)
        if path.exists():
            sync(path.parent)  # whoever put it there may have died before that
            return sha
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            sync(self.folder)
        waiting = path.with_name(f"{sha}.{secrets.token_hex(4)}")
        with waiting.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        waiting.rename(path)
        sync(path.parent)
        return sha

    def get(self, sha: str) -> bytes:
        """See `Blobs`."""
        try:
            data = self._path(sha).read_bytes()
        except FileNotFoundError:
            raise _missing(sha) from None
        if hashlib.sha256(data).hexdigest() != sha:
            raise InputError(f"the content kept as {sha[:12]}… is not what was kept")
        return data

    def has(self, sha: str) -> bool:
        """See `Blobs`."""
        return self._path(sha).exists()


def sync(folder: Path) -> None:
    """Let the names in a folder reach the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _missing(sha: str) -> InputError:
    return InputError(f"the content {sha[:12]}… is not kept", hint="give the store of content the plan was made with")
