"""Opening the file of a journal, and saying in plain words what SQLite or the disk has against it."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from holdfast.errors import (
    JournalDamaged,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalNewer,
    JournalReadOnly,
    SettingsError,
)
from holdfast.journal.statements import load

SCHEMA = 2
"""Version of the tables; `PRAGMA user_version` of the file.

A file of an older version is brought up to this one by whoever first opens it for writing, in one transaction that only
adds (`sql/upgrade_<version>.sql`). From then on an older holdfast refuses the file, also one that has it open, at its next
append: it would write rows without what their runs hold, and limits would no longer hold. For reading only, an older file
is read as it stands: nobody holds or wants anything in it.
"""

APPLICATION = 0x686F6C64
"""`PRAGMA application_id` of the file."""

OLDEST_SQLITE = (3, 33, 0)

_SMALLEST = 512
"""Bytes of the smallest page SQLite has."""

STATEMENTS_KEPT = 256
"""Prepared statements kept for each connection: more than there are."""


def connect(
    path: Path, *, readonly: bool, wait: float, kind: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """Connect to the file of a journal, for whichever thread is to use it; nothing is looked at yet.

    Transactions begin only where they are asked for. `wait` is how many seconds a lock is waited for.
    """
    mode = "ro" if readonly else "rw"
    if readonly and _is_still(path):
        mode += "&immutable=1"
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=wait,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_KEPT,
        factory=kind,
    )


def _is_still(path: Path) -> bool:
    """Tell whether nobody has the file open and nothing can be written beside it.

    Told so, SQLite does without the files it would share with a writer, which it could not make there.
    """
    log = Path(f"{path}-wal")
    in_use = Path(f"{path}-shm").exists() or _size(log)
    return not in_use and not os.access(path.parent, os.W_OK)


def tune(db: sqlite3.Connection, *, readonly: bool) -> None:
    """Make the connection of the writing thread ready; all but `synchronous`, which every transaction chooses."""
    if not readonly:
        # Checkpoints are the writer's own, after it has answered: SQLite's automatic ones keep their errors to
        # themselves, and a failed sync must end the process.
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA journal_size_limit = 67108864")
        db.execute("PRAGMA secure_delete = ON")  # erased means overwritten
        db.execute("PRAGMA cache_size = -16384")
        db.execute("PRAGMA fullfsync = ON")  # what a sync means on macOS; elsewhere nothing
        db.execute("PRAGMA checkpoint_fullfsync = ON")
    # From this look on nobody can have the file for himself alone; the thread then waits for locks in its own way.
    db.execute(load("read")["extent"]).fetchone()
    db.execute("PRAGMA busy_timeout = 0")


def prepare(path: Path, *, readonly: bool, wait: float) -> None:
    """See that there is a journal at `path` that this version can use; make one where there is nothing.

    Raises the JournalError that fits; SettingsError where the SQLite of this Python is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise SettingsError(
            f"this Python has SQLite {sqlite3.sqlite_version}, and a journal needs 3.33 or newer",
            hint="use another build of Python",
        )
    try:
        new = _is_missing(path)
        if readonly and new:
            raise JournalError(f"there is no journal at {path}", hint="check the path")
        if not readonly:
            _make_place(path)
        db = connect(path, readonly=readonly, wait=wait)
        try:
            if not readonly:
                _write_ahead(db, path, wait)
                if _is_blank(db):
                    _create(db)
            _check(db, path)
            if not readonly:
                if check_version(db, path) < SCHEMA:
                    _upgrade(db)
                # A log left by a process whose disk failed may be in the system's memory only, and count as synced:
                # bringing it into the file writes it anew. Others at work keep what they need of it.
                db.execute(load("write")["checkpoint"]).fetchone()
        finally:
            db.close()
        if new:
            _settle(path)
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error


def _is_missing(path: Path) -> bool:
    """Tell whether there is nothing yet. Raises JournalDamaged for a stump that SQLite would take for nothing too."""
    log = _size(Path(f"{path}-wal"))  # looked at first: whoever makes a journal writes the file before its log
    size = _size(path)
    if 0 < size < _SMALLEST or (not size and log):
        raise JournalDamaged(
            f"the journal {path} was cut off: {size} bytes are left of it",
            hint="keep what is there; restore a backup, then call `recovered()` on the journal",
        )
    return not size


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _make_place(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise _read_only(path)
    # What agents were told is nobody else's to read. SQLite gives the files beside this one the same rights.
    # Never open one that is there: closing it again would free the locks this process holds on it through SQLite.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _write_ahead(db: sqlite3.Connection, path: Path, wait: float) -> None:
    """Put the file in write-ahead mode; a copy that SQLite made of one may be in another."""
    until = time.monotonic() + wait
    mode = ""
    while not mode:
        try:
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite does not wait here by itself when two processes begin at once.
            if not is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise JournalError(
            f"the file system of {path} cannot hold a journal: it lacks what a write-ahead log needs",
            hint="put the journal on a disk of this machine, not on a network share",
        )


def _is_blank(db: sqlite3.Connection) -> bool:
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    return not tables and not application


def _create(db: sqlite3.Connection) -> None:
    """Make the tables, unless another process has done so meanwhile."""
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    if _is_blank(db):
        for statement in load("schema").values():
            db.execute(statement)
    db.execute("COMMIT")


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Look at what tells a journal from other files, and its version."""
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise JournalDamaged(
            f"{path} is no journal of holdfast, or its first page is damaged",
            hint="check the path; if this was a journal, restore it from a backup and call `recovered()` on the journal",
        )
    check_version(db, path)
    db.execute(load("read")["extent"]).fetchone()


def _upgrade(db: sqlite3.Connection) -> None:
    """Bring older tables up to this version, unless another process has done so meanwhile."""
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for older in range(version, SCHEMA):
        for statement in load(f"upgrade_{older}").values():
            db.execute(statement)
    db.execute("COMMIT")


def check_version(db: sqlite3.Connection, path: Path) -> int:
    """Give the version of the tables. Raises JournalNewer for one that this holdfast does not know."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version < 1:
        raise JournalDamaged(
            f"the journal {path} has tables of version {version}, which there never was",
            hint="restore it from a backup, then call `recovered()` on the journal",
        )
    if version > SCHEMA:
        raise JournalNewer(
            f"the journal {path} has tables of version {version}, and this holdfast knows up to {SCHEMA}",
            hint="use the holdfast that wrote it, or a newer one",
        )
    return version


def _settle(path: Path) -> None:
    """Sync the folders of a new file: its name must survive a loss of power as its lines do."""
    for folder in (path.parent, path.parent.parent):
        entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)


def is_disk_error(error: BaseException) -> bool:
    """Tell whether SQLite met an I/O error: after one while writing, nobody knows what the disk holds."""
    return isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_IOERR


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else holds a lock that is needed."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def _code(error: sqlite3.Error) -> int:
    """Primary result code; errors that Python raises by itself have none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(error: sqlite3.Error | OSError, path: Path) -> JournalError:
    """Say what went wrong, where, and what to do."""
    if isinstance(error, OSError):
        return _explain_system(error, path)
    if is_busy(error):
        return JournalLocked(
            f"another program holds the journal {path}, and did not let go in time",
            hint="find it with `fuser` or `lsof`, end it or wait, then try again; nothing was written",
        )
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    match _code(error):
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return JournalDamaged(
                f"the journal {path} is damaged: {error}",
                hint="keep a copy, run `holdfast verify`, restore a backup, then call `recovered()` on the journal",
            )
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return _read_only(path)
        case sqlite3.SQLITE_CANTOPEN if not os.access(path.parent, os.W_OK):
            return JournalReadOnly(
                f"the journal {path} cannot be opened where nothing may be written: it was not closed properly",
                hint="copy it, with the -wal file beside it, to a folder that can be written, and open the copy",
            )
        case sqlite3.SQLITE_CANTOPEN:
            return JournalError(
                f"the journal {path} cannot be opened", hint="see that this user may read the file and enter its folder"
            )
        case sqlite3.SQLITE_IOERR if "_SHM" in name and _no_room(path):
            return _full(path)
        case sqlite3.SQLITE_IOERR:
            return JournalError(
                f"the disk under the journal {path} reported an error ({name})",
                hint="look at the disk and the system's log before anything is written again",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return JournalDamaged(
                f"what the journal {path} holds contradicts itself: {error}",
                hint="keep a copy of the file and run `holdfast verify`; `holdfast journal reindex` rebuilds the index",
            )
        case sqlite3.SQLITE_ERROR:
            return JournalDamaged(
                f"the journal {path} lacks what a journal holds: {error}",
                hint="restore it from a backup, then call `recovered()` on the journal",
            )
    return JournalError(
        f"the journal {path} could not be used: {error} ({name})", hint="look the name up at sqlite.org"
    )


def _explain_system(error: OSError, path: Path) -> JournalError:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return _full(path)
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return _read_only(path)
    return JournalError(
        f"the journal {path} cannot be opened: {error.strerror}", hint="check the path and every folder in it"
    )


def _full(path: Path) -> JournalFull:
    return JournalFull(
        f"there is no room left on the disk of the journal {path}",
        hint="make room, then go on: nothing that was acknowledged is lost, and this was not written",
    )


def _no_room(path: Path) -> bool:
    """Tell whether the disk has no room for even the files SQLite keeps beside the journal."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize < 1 << 16


def _read_only(path: Path) -> JournalReadOnly:
    return JournalReadOnly(
        f"the journal {path} cannot be written: the file, its folder or its disk is read-only for this user",
        hint="make it writable, or open it for reading only",
    )
