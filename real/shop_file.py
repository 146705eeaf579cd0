"""A shop in a file: what a write did, its result by its key and the new state are one transaction.

So a call that comes again with its key, after whoever made it died, is answered and not done again. The ledger has a
row for whatever was done, and nothing in it keeps a row from coming twice: it is what tells whether one did.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from holdfast.events import Json
from holdfast.tool import Call
from real.conversation import Stage
from real.retail import Db, invoke
from real.shops import Shops
from real.worlds import Live

_TABLES = """
CREATE TABLE IF NOT EXISTS ledger (run TEXT NOT NULL, call INTEGER NOT NULL, tool TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, result TEXT NOT NULL, again INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS states (run TEXT PRIMARY KEY, changed TEXT NOT NULL);
"""


class ShopFile:
    """The shops of many runs in one SQLite file."""

    def __init__(self, path: Path, shops: Shops) -> None:
        self._shops = shops
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def write(
        self, run: str, call: int, key: str, tool: str, args: dict[str, Json], step: Callable[[str], None]
    ) -> str:
        """Do a write, or say what came of it when it was done before. step: told when it is done and not kept yet."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            known = self._db.execute("SELECT result FROM results WHERE key = ?", (key,)).fetchone()
            if known is not None:
                self._db.execute("UPDATE results SET again = again + 1 WHERE key = ?", (key,))
                return str(known[0])
            shop = self.shop(run)
            result = invoke(shop, tool, args)
            changed = json.dumps(self._shops.changed(shop))
            self._db.execute("INSERT INTO ledger VALUES (?, ?, ?, ?)", (run, call, tool, key))
            self._db.execute("INSERT INTO results VALUES (?, ?, 0)", (key, result))
            self._db.execute("INSERT OR REPLACE INTO states VALUES (?, ?)", (run, changed))
            step("a write is not kept yet")
        return result

    def shop(self, run: str) -> Db:
        """Read the shop of a run, as the last write left it."""
        row = self._db.execute("SELECT changed FROM states WHERE run = ?", (run,)).fetchone()
        return self._shops.fresh(json.loads(row[0]) if row is not None else None)

    def writes(self) -> tuple[int, int]:
        """Count the writes done, and those of them that were done before."""
        done, distinct = self._db.execute("SELECT COUNT(*), COUNT(DISTINCT run || ' ' || call) FROM ledger").fetchone()
        return int(done), int(done) - int(distinct)

    def again(self) -> int:
        """Count how often a write came again and was answered by its key."""
        return int(self._db.execute("SELECT COALESCE(SUM(again), 0) FROM results").fetchone()[0])


class Filed(Live):
    """Our own tools over shops in a file; those that change something take a key."""

    def __init__(self, stage: Stage, shops: Shops, file: ShopFile) -> None:
        super().__init__(stage, shops)
        self._step = stage.step
        self._file = file

    def invoke(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> str:
        """Call one of our tools: with a key it writes, without one it reads."""
        self._step("a tool begins")
        if not key:
            return invoke(self._file.shop(call.run), tool, args)
        result = self._file.write(call.run, call.seq, key, tool, args, self._step)
        self._step("a write is kept")
        return result
