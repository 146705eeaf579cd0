"""The shop's database: made from `shop.sql` where it is missing, opened where it is not.

Everything that goes wrong here goes wrong by data (table `faults`) and is counted there too: a fault that
happens once happens once, whatever was restarted, forked or killed in between.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

SCHEMA: Final = Path(__file__).with_name("shop.sql")

Value: TypeAlias = str | int | None
Kind: TypeAlias = Literal["unavailable", "slow", "half", "lost", "late", "silent"]
"""How a call goes wrong; `shop.sql` says what each means."""


class Shop:
    """One connection to the shop. Several processes may each have theirs."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._db.row_factory = sqlite3.Row

    @classmethod
    def open(cls, path: Path) -> Shop:
        """The shop at `path`, created and filled first where there is none."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _create(path)
        return cls(path)

    @classmethod
    def in_memory(cls, *, faults: bool) -> Shop:
        """A shop of its own, as it is on the first morning; without `faults` everything in it works."""
        shop = cls(":memory:")
        shop._db.deserialize(_first_morning())
        if not faults:
            shop.all("DELETE FROM faults")
        return shop

    def keep(self, path: Path) -> None:
        """Write this shop to a file, unless there is one."""
        if not path.exists():
            _put(self._db.serialize(), path)

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()

    def all(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        """Every row of a statement."""
        return self._db.execute(sql, values).fetchall()

    def first(self, sql: str, *values: Value) -> sqlite3.Row | None:
        """The first row of a statement, if it has any."""
        return cast("sqlite3.Row | None", self._db.execute(sql, values).fetchone())

    def number(self, sql: str, *values: Value) -> int:
        """The one whole number that a statement gives."""
        return int(self._db.execute(sql, values).fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that nobody else writes beside: all of it, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            yield

    def fault(self, tool: str, about: str) -> Kind | None:
        """How this call goes wrong, if it does. Asking counts."""
        if not self.all("SELECT 1 FROM faults WHERE tool = ? AND about = ?", tool, about):
            return None
        with self.writing():
            row = self.first(
                "UPDATE faults SET seen = seen + 1"
                " WHERE tool = ? AND about = ? AND (times IS NULL OR seen < times) RETURNING kind",
                tool,
                about,
            )
        return None if row is None else cast("Kind", row["kind"])


@cache
def _first_morning() -> bytes:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA.read_text(encoding="utf-8"))
        return db.serialize()


def _create(path: Path) -> None:
    """The shop as it is on the first morning, unless there is one."""
    _put(_first_morning(), path)


def _put(shop: bytes, path: Path) -> None:
    """Fill a draft and put it in place in one step: nobody finds half a shop, and of two at once the first one's stays."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder, "shop.db")
        draft.write_bytes(shop)
        with suppress(FileExistsError):
            os.link(draft, path)
