"""Which workers live: a lock of the operating system on a file each, held as long as the process is there.

The system frees the lock when the process ends, however it ends. So a free lock proves that whatever that worker had
begun is over, on this host; a lock of a stopped (SIGSTOP) process is still held, as it must be.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from holdfast.errors import JournalError, UsageError

KEPT_DAYS = 90
"""A worker's file that nobody holds stays this long as the proof that it ended; then nobody can tell any more."""

_NAME_MAX = 200


class Workers:
    """The locks of one journal's workers, in the folder beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def enlist(self, worker: str) -> None:
        """Hold the lock of `worker` until `close`, or until this process ends.

        Raises UsageError where another holds it: two cannot be one incarnation; JournalError where the folder cannot be
        written.
        """
        if worker in self._held:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._prune()
            lock = os.open(self._file(worker), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(
                f"the lock of worker {worker} cannot be made in {self._folder}: {error.strerror}",
                hint="make the folder of the journal writable for this user",
            ) from error
        if not _taken(lock):
            os.close(lock)
            raise UsageError(
                f"another process is worker {worker}",
                hint="every process needs a name of its own: take the default one, which is",
            )
        os.utime(lock)
        self._held[worker] = lock

    def alive(self, worker: str) -> bool | None:
        """Tell whether the lock is held; None where there is no such file, which proves nothing.

        The folder may have been left behind in a restore while the worker goes on beside the lost journal.
        """
        if worker in self._held:
            return True
        try:
            return _is_held(self._file(worker))
        except OSError as error:
            raise JournalError(
                f"the lock of worker {worker} cannot be looked at in {self._folder}: {error.strerror}",
                hint="make the folder of the journal readable for this user",
            ) from error

    def close(self) -> None:
        """Free the locks this journal holds."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _file(self, worker: str) -> Path:
        name = quote(worker, safe="")
        if len(name) > _NAME_MAX:
            name = f"{name[: _NAME_MAX // 2]}-{hashlib.sha256(worker.encode()).hexdigest()}"
        return self._folder / f"{name}.lock"

    def _prune(self) -> None:
        """Remove what nobody holds and nobody will ask for."""
        oldest = time.time() - KEPT_DAYS * 86_400
        for file in self._folder.glob("*.lock"):
            with suppress(FileNotFoundError):  # another process may be pruning too
                if file.stat().st_mtime < oldest and _is_held(file) is False:
                    file.unlink()


def _is_held(file: Path) -> bool | None:
    """Tell whether somebody holds the lock on a file; None where there is no such file."""
    try:
        lock = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _taken(lock: int) -> bool:
    """Take a lock that nobody but `alive` may be touching, and that for an instant only."""
    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)
        else:
            return True
    return False
