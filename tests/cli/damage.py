"""Damage to a journal file, as a bad disk or a curious hand would do it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from msgspec import structs

from holdfast import codec
from holdfast.views.checkpoint import AUDIT, seal
from holdfast.views.merkle import Frontier, leaf, leaf_hash
from holdfast.views.sealing import event_of

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


def flip_bodies(place, where="ref NOT LIKE 'contract_%'"):
    """One bit in the middle of each of these bodies is another one; their refs."""
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        found = db.execute(f"SELECT ref, data FROM blobs WHERE data IS NOT NULL AND {where}").fetchall()
        for ref, data in found:
            at = len(data) // 2
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            db.execute("UPDATE blobs SET data = ? WHERE ref = ?", (changed, ref))
        db.commit()
        return [ref for ref, _ in found]


def execute(place, statement, *values):
    """Change the file behind the journal's back; how many rows that was."""
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        count = db.execute(statement, values).rowcount
        db.commit()
        return count


def rewrite(place, signer, run, change):
    """Change the first entry of a run, and chain and sign everything after it anew: what somebody with the key can do."""
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        rows = db.execute(
            "SELECT pos, name, entries.seq, data FROM entries JOIN runs ON entries.run = runs.id ORDER BY pos"
        ).fetchall()
        heads, tree, before = {}, Frontier(), None
        for pos, name, seq, stored in rows:
            data = change(stored) if (name, seq) == (run, 1) else stored
            if name == AUDIT:
                before = seal(signer, tree, number=seq, position=pos - 1, before=before)
                data = codec.encode(structs.replace(codec.decode(stored), event=event_of(before)))
            heads[name] = digest = codec.chain(heads.get(name, codec.GENESIS), data)
            db.execute("UPDATE entries SET data = ?, digest = ? WHERE pos = ?", (data, digest, pos))
            tree.append(leaf_hash(leaf(name, seq, digest)))
        db.commit()


def cut(place, position):
    """Take everything after a position away, and every trace of it: rows of the index and the mark of what is durable."""
    execute(place, "DELETE FROM entries WHERE pos > ?", position)
    execute(place, "UPDATE meta SET value = ? WHERE name = 'durable'", position)
    length = "(SELECT count(*) FROM entries WHERE run = runs.id)"
    execute(
        place,
        "UPDATE runs SET row = CAST(replace(CAST(row AS TEXT), '\"seq\":' || seq, '\"seq\":' || "
        + length
        + ") AS BLOB),"
        f" seq = {length}",
    )
    execute(place, "DELETE FROM runs WHERE seq = 0")
