from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.small_disk import SmallDisk, small_disk

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


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A tmpfs of one megabyte. Skips, saying so, where this user may not mount one."""
    with small_disk(tmp_path / "disk", megabytes=1) as made:
        yield made
