"""Anchors: copies of the checkpoints where whoever can write to the journal cannot.

Without one, whoever holds the signing key can write the whole journal anew. A file is an anchor where it can be appended
to and not changed: `chattr +a`, a bucket under an object lock, a share of another machine. A git remote is one where its
branch takes no forced push.

An anchor's file holds the signed notes one after another, each followed by an empty line. A write that was torn leaves a
piece of a note; it is written again, whole, after it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from holdfast.errors import JournalError
from holdfast.views.note import NoteError, parse

TAIL: Final = 1 << 18
"""Bytes at the end of an anchor's file that adding to it looks at: hundreds of notes."""

_EMPTY_LINES: Final = re.compile(r"\n{2,}")


class AnchorError(JournalError):
    """An anchor could not be read or written."""


class Anchor(Protocol):
    """A place that keeps checkpoints."""

    name: str

    async def notes(self) -> list[str]:
        """All that it holds, in order; a note that was damaged is among them as it is. Raises AnchorError."""
        ...

    async def last(self) -> str:
        """The last note that it holds; empty for none. Raises AnchorError."""
        ...

    async def publish(self, notes: Sequence[str]) -> None:
        """Add those of the notes that it does not hold, in order, and return when they are kept. Raises AnchorError.

        Of what it holds only the newest part is looked at: notes come in the order of their numbers.
        """
        ...


def whole_notes(content: str) -> list[str]:
    """The notes in an anchor's file, without what torn writes left of a note that was then written again."""
    found: list[str] = []
    text = ""
    for block in (*_EMPTY_LINES.split(content.removesuffix("\n\n")), ""):
        if block.startswith("— ") and text:
            found.append(f"{text}\n\n{block}\n")
            text = ""
            continue
        if text:
            found.append(text)
        text = block
    kept: list[str] = []
    ended = content.endswith("\n\n")
    for note in reversed(found):
        if not _is_torn(note, kept[-1] if kept else "", ended=ended):
            kept.append(note)
        ended = True
    return kept[::-1]


def _is_torn(piece: str, later: str, *, ended: bool) -> bool:
    """Whether a piece is the beginning of the note that was then written whole; or the last, and not whole."""
    if later:
        return later.startswith(piece.rstrip("\n\ufffd"))
    try:
        parse(piece)
    except NoteError:
        return True
    return not ended


def added(content: str, notes: Sequence[str]) -> str:
    """What is to be appended to an anchor's file so that it holds these notes too."""
    held = set(whole_notes(content))
    new = "".join(f"{note}\n" for note in notes if note not in held)
    apart = "" if not content or content.endswith("\n\n") or not new else "\n\n"
    return apart + new


class FileAnchor:
    """A file that is only appended to; made where there is none, with its folder."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self.name = str(path)

    async def notes(self) -> list[str]:
        """All that it holds."""
        return await asyncio.to_thread(lambda: whole_notes(self._read()))

    async def last(self) -> str:
        """The last note that it holds."""
        return ((await asyncio.to_thread(lambda: whole_notes(self._read(TAIL)))) or [""])[-1]

    async def publish(self, notes: Sequence[str]) -> None:
        """Append those it does not hold, and sync them."""
        await asyncio.to_thread(self._append, notes)

    def _read(self, most: int = 0) -> str:
        """What the file holds; its last `most` bytes, if that is given."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - most, 0) if most else 0)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise AnchorError(f"the anchor {self._path} cannot be read: {error.strerror}") from error

    def _append(self, notes: Sequence[str]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._held() as (handle, new):
                more = added(self._read(TAIL), notes).encode()
                while more:
                    more = more[os.write(handle, more) :]
                os.fsync(handle)
            if new:
                _sync_folder(self._path.parent)
        except OSError as error:
            raise AnchorError(f"the anchor {self._path} cannot be written: {error.strerror}") from error

    @contextmanager
    def _held(self) -> Iterator[tuple[int, bool]]:
        """The open file, while no other process of this machine appends to it; and whether it is new."""
        new = not self._path.exists()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle, new
        finally:
            os.close(handle)


def _sync_folder(path: Path) -> None:
    """Make the name of a new file as lasting as what is in it."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
