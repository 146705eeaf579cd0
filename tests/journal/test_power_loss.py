"""What a loss of power leaves: the file, and of its log all that was synced and any part of what was not."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from holdfast.codec import GENESIS, check_chain
from holdfast.events import Hold
from holdfast.journal.port import Append, Committed, FeedLine, Take
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, a_row

FRAME = 4096 + 24


class Before:
    """A journal at the moment before the power goes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = Path(f"{path}-wal")
        self.synced = 0
        self.durable: dict[str, int] = {}
        self.written: dict[str, list[Append]] = {}
        self.shown: list[FeedLine] = []

    async def live(self, seed: int) -> None:
        chance = random.Random(seed)
        journal = SqliteJournal(self.path, flush_after=60)
        for n in range(chance.randint(20, 60)):
            batches = self.written.setdefault(f"run {chance.randrange(4)}", [])
            await self._append(journal, batches, durable=chance.random() < 0.2 or n == 10)
            self.shown += await journal.feed(after=len(self.shown))
        self.after = self.path.parent / "after"
        self.after.mkdir()
        shutil.copy(self.path, self.after)
        shutil.copy(self.log, self.after)
        await journal.close()

    async def _append(self, journal: SqliteJournal, batches: list[Append], *, durable: bool) -> None:
        run = next(name for name, known in self.written.items() if known is batches)
        head, prev = (batches[-1].row.seq, batches[-1].lines[-1][1]) if batches else (0, GENESIS)
        seq = head + 1 + len(run) % 3
        row = a_row(run, seq, due=seq, opened=1, holds=(Hold("n", seq), Hold("m", 1, 2**60))[: seq % 3])
        body = ((f"{run} {seq}", b"body"),)
        batch = a_batch(
            run, head, seq - head, prev=prev, row=row, durable=durable, blobs=body, holding=True,
            takes=(Take("n", 10**6),),
        )  # fmt: skip
        assert isinstance(await journal.append(batch), Committed)
        batches.append(batch)
        if durable:
            # The sync of this commit covers the log as it is now, with everything before it.
            self.synced = self.log.stat().st_size
            self.durable = {name: known[-1].row.seq for name, known in self.written.items() if known}


async def check_what_is_left(before: Before) -> None:
    journal = SqliteJournal(before.after / "journal.db")
    feed = await journal.feed(limit=10_000)
    rows = [row for run in await journal.runs() if (row := await journal.row(run))]
    for name, held in (await journal.held(["n", "m"])).items():
        assert held.used == sum(hold.amount for row in rows for hold in row.holds if hold.name == name)
    assert feed[: len(before.shown)] == before.shown
    for run in await journal.runs():
        lines = await journal.read(run)
        check_chain(run, lines)
        (last,) = [batch for batch in before.written[run] if batch.row.seq == len(lines)]  # whole batches only
        assert await journal.row(run) == last.row
        assert await journal.blob(last.blobs[0][0]) == b"body"
        nxt = a_batch(run, len(lines), prev=lines[-1][1], durable=True)
        assert isinstance(await journal.append(nxt), Committed)
    for run, seq in before.durable.items():
        assert len(await journal.read(run)) > seq
    assert [line.position for line in await journal.feed(limit=10_000)] == list(range(1, journal.watermark() + 1))
    await journal.close()


@pytest.mark.parametrize("seed", range(6))
def test_what_was_promised_survives_and_what_was_shown_is_not_taken_back(tmp_path: Path, seed: int):
    before = Before(tmp_path / "journal.db")
    asyncio.run(before.live(seed))
    log = (before.after / "journal.db-wal").read_bytes()
    file = (before.after / "journal.db").read_bytes()
    chance = random.Random(seed)
    lengths = {before.synced, len(log), chance.randint(before.synced, len(log))}
    lengths |= {min(before.synced + n * FRAME + chance.randrange(FRAME), len(log)) for n in range(6)}
    for length in lengths:
        for torn in (False, True):
            kept = bytearray(log[:length])
            if torn and length > before.synced:  # pages may also arrive out of order
                at = chance.randrange(before.synced, length)
                kept[at : at + 512] = bytes(len(kept[at : at + 512]))
            (before.after / "journal.db").write_bytes(file)
            (before.after / "journal.db-wal").write_bytes(kept)
            asyncio.run(check_what_is_left(before))
