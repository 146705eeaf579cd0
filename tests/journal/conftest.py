from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Trip = Callable[[str], sqlite3.Error | None]


def make_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(f"made by a test: {name}")
    error.sqlite_errorname = name
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


class FaultyConnection(sqlite3.Connection):
    """Fails as told: `before` a statement is carried out, or `after` it was."""

    before: Trip = staticmethod(lambda _sql: None)
    after: Trip = staticmethod(lambda _sql: None)

    @classmethod
    def fail(cls, when: str, statement: str, error: str, *, times: int = 1_000_000) -> None:
        left = [make_error(error) for _ in range(min(times, 100))]
        setattr(cls, when, staticmethod(lambda sql: left.pop() if left and sql.startswith(statement) else None))

    def execute(self, sql: str, *args: object) -> sqlite3.Cursor:  # type: ignore[override]
        if error := self.before(sql):
            raise error
        cursor = super().execute(sql, *args)  # type: ignore[arg-type]
        if error := self.after(sql):
            raise error
        return cursor


@pytest.fixture
def faulty() -> type[FaultyConnection]:
    """A class of connections of this test's own, to be told how to fail."""
    return type("Faulty", (FaultyConnection,), {})


@pytest.fixture
def sqlite_error() -> Callable[[str], sqlite3.OperationalError]:
    """Makes the error that SQLite gives by this name."""
    return make_error


class Disk:
    """A small disk of its own, to be filled and to be made read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, leave: int = 0) -> None:
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            room = os.statvfs(self.folder)
            for _ in range((room.f_bavail * room.f_frsize - leave) // 4096):
                ballast.write(b"x" * 4096)

    def free(self) -> None:
        (self.folder / "ballast").unlink()

    def read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A tmpfs of one megabyte. Skips, saying so, where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("a full or read-only disk is not tested here: there is no mount command")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a full or read-only disk is not tested here: {made.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)
