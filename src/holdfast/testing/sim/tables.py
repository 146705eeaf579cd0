"""What stands in a simulated store: what fits is taken in, and nothing takes time or fails here."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.errors import JournalDamaged
from holdfast.journal.holdings import Holdings
from holdfast.journal.port import Append, Appended, Claimed, Committed, FeedLine, KeyTaken, Moved, Row


class Tables:
    """What stands in a store."""

    def __init__(self) -> None:
        self.lines: dict[str, list[tuple[bytes, bytes]]] = {}
        self.rows: dict[str, Row] = {}
        self.keys: dict[str, str] = {}
        self.claims: dict[str, str] = {}
        self.holdings = Holdings()
        self.blobs: dict[str, bytes | None] = {}
        self.secrets: dict[str, bytes | None] = {}
        self.feed: list[FeedLine] = []
        self.open = 0
        """Runs that are not closed, by their rows."""

    def place(self, batch: Append, now: int) -> Appended:
        """Take a batch in, if it fits."""
        return self.refusal(batch, now) or self.write(batch, now)

    def refusal(self, batch: Append, now: int) -> Appended | None:
        """Say why a batch does not fit; None where it does."""
        head = len(self.lines.get(batch.run, ()))
        if head != batch.expected:
            return Moved(head)
        for name in batch.needs:
            if self.claims.get(name, batch.run) != batch.run:
                return Claimed(name, self.claims[name])
        if not head and batch.row.key in self.keys:
            return KeyTaken(self.keys[batch.row.key])
        for run, seq in batch.heeds:
            other = len(self.lines.get(run, ()))
            if other != seq:
                return Moved(other, run)
        return self.holdings.refusal(batch, now)

    def write(self, batch: Append, now: int) -> Committed:
        """Take a batch in that fits."""
        if not batch.expected and batch.row.key:
            self.keys[batch.row.key] = batch.run
        for name in (*batch.needs, *batch.claims):
            self.claims.setdefault(name, batch.run)
        for seq, (data, digest) in enumerate(batch.lines, batch.expected + 1):
            self.feed.append(FeedLine(len(self.feed) + 1, batch.run, seq, data, digest))
        self.lines.setdefault(batch.run, []).extend(batch.lines)
        if batch.holding:
            self.holdings.replace(batch.row, now, len(self.feed))
        before = self.rows.get(batch.run)
        self.open += (batch.row.status != "closed") - (before is not None and before.status != "closed")
        self.rows[batch.run] = batch.row
        for ref, data in batch.blobs:
            self.blobs.setdefault(ref, data)
        if batch.secret is not None:
            self.secrets.setdefault(*batch.secret)
        self.blobs |= {ref: None for ref in batch.erase if ref in self.blobs}
        if batch.forget in self.secrets:
            self.secrets[batch.forget] = None
        return Committed(len(self.feed))

    def reindex(self, rows: Iterable[Row], now: int) -> None:
        """Put rows in the place of those there are, where they are of their runs' heads."""
        fit = {row.run: row for row in rows if len(self.lines.get(row.run, ())) == row.seq}
        keys = {key: run for key, run in self.keys.items() if run not in fit}
        for row in fit.values():
            if row.key and keys.setdefault(row.key, row.run) != row.run:
                raise JournalDamaged(f"two runs carry the request key {row.key!r}", run=row.run, seq=row.seq)
        ends = {line.run: line.position for line in self.feed}
        self.keys = keys
        for row in fit.values():
            self.open += (row.status != "closed") - (self.rows[row.run].status != "closed")
            self.rows[row.run] = row
            self.holdings.replace(row, now, ends[row.run])
