"""What runs hold of what they share, in the tables of a journal: looked at and written in the transaction of an append."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from holdfast.events import Hold
from holdfast.journal.checks import live
from holdfast.journal.port import KEPT, Append, Full
from holdfast.journal.statements import load


class Holdings:
    """The holdings, as the one thread that writes sees them. Runs go by their numbers; `clock` is the journal's.

    What ceased to count is deleted, `KEPT` later, when its name is next written to or checked, so many at once.
    """

    def __init__(self, db: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._db = db
        self._clock = clock
        self._sql = load("write")

    def refusal(self, batch: Append, run: int) -> Full | None:
        """Give the condition of a batch that does not hold, if there is one. run: 0 where there is none yet."""
        now = self._clock()
        for take in batch.takes:
            at = min(take.at or now, now)
            self._db.execute(self._sql["drop_ended"], (take.name, now - KEPT))
            (used,) = self._db.execute(self._sql["used"], (take.name, run, at)).fetchone()
            own = sum(amount for (name, _), amount in live(batch.row.holds, at).items() if name == take.name)
            if used + own > take.top or at < now - KEPT:
                return Full(take.name, used)
        return None

    def replace(self, run: int, holds: Sequence[Hold], since: int) -> None:
        """Put these in the place of what the run held. A part that it had keeps its age.

        since: position in the feed from which on it holds what it did not hold before.
        """
        now = self._clock()
        held = live(holds, now - KEPT)
        before = {(name, until): amount for name, until, amount in self._db.execute(self._sql["held_by"], (run,))}
        changed = [key for key in held if held[key] != before.get(key)]
        gone = before.keys() - held.keys()
        self._db.executemany(self._sql["drop_hold"], [(*key, run) for key in gone])
        self._db.executemany(self._sql["put_hold"], [(*key, run, held[key], since) for key in changed])
        for name in {name for name, _ in (*changed, *gone)}:
            self._db.execute(self._sql["drop_ended"], (name, now - KEPT))
