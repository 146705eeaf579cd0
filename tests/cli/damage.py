"""Damage to a journal file, as a bad disk or a curious hand would do it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

JOURNAL = ".holdfast/journal.db"


def flip(place, run, seq):
    """One bit in the middle of one stored entry is another one; nothing else in the file changes."""
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        found = "run = (SELECT id FROM runs WHERE name = ?) AND seq = ?"
        (data,) = db.execute(f"SELECT data FROM entries WHERE {found}", (run, seq)).fetchone()
        at = len(data) // 2
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        db.execute(f"UPDATE entries SET data = ? WHERE {found}", (changed, run, seq))
        db.commit()


def execute(place, statement, *values):
    """Change the file behind the journal's back; how many rows that was."""
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        count = db.execute(statement, values).rowcount
        db.commit()
        return count
