"""The other side: a shop's systems as one SQLite file apart from the journal. It survives whoever asked it for something.

Each request that arrived is a line: `done` if it had its effect, `again` if its key was known and nothing more happened, as
a vendor who honours keys would do it. Run, call, attempt and process stand beside it for the audit only; nothing of holdfast
ever reads them.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS acts(
    n INTEGER PRIMARY KEY, what TEXT, tool TEXT, item TEXT, key TEXT, run TEXT, call INTEGER, attempt INTEGER, pid INTEGER, at INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS one_effect_a_key ON acts(key) WHERE what = 'done' AND key <> '';
"""
WAIT = 30.0
"""Seconds for which another process is waited for."""


class Act(NamedTuple):
    """A request that arrived."""

    n: int
    what: str
    tool: str
    item: str
    key: str
    run: str
    call: int
    attempt: int
    pid: int
    at: int
    """µs since 1970, on the clock of the journal's entries."""

    @property
    def id(self) -> str:
        """The effect's name over there."""
        return f"{self.tool}-{self.n}"


class Ledger:
    """The file of a shop's systems, for any number of processes and threads."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        with self._open() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            yield db

    def act(self, tool: str, item: str, key: str, run: str, call: int, attempt: int) -> str:
        """Do what is asked for, unless its key is known; the effect's name. It is on the disk when this returns."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            known = db.execute("SELECT n FROM acts WHERE what = 'done' AND key = ? AND key <> ''", (key,)).fetchone()
            row = (
                "again" if known else "done",
                tool,
                item,
                key,
                run,
                call,
                attempt,
                os.getpid(),
                time.time_ns() // 1000,
            )
            new = db.execute(
                "INSERT INTO acts(what, tool, item, key, run, call, attempt, pid, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row
            ).lastrowid  # fmt: skip
            db.execute("COMMIT")
        return f"{tool}-{known[0] if known else new}"

    def find(self, tool: str, item: str) -> str:
        """The name of the effect on an item; empty where there is none."""
        with self._open() as db:
            found = db.execute(
                "SELECT n FROM acts WHERE what = 'done' AND tool = ? AND item = ?", (tool, item)
            ).fetchone()
        return f"{tool}-{found[0]}" if found else ""

    def acts(self) -> list[Act]:
        """Everything that arrived, in order."""
        with self._open() as db:
            return [Act(*row) for row in db.execute("SELECT * FROM acts ORDER BY n")]

    def effects(self) -> list[Act]:
        """What really happened."""
        return [act for act in self.acts() if act.what == "done"]
