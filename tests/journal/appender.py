"""A process that appends until it is killed, and says what was acknowledged.

python appender.py PATH NAME        prints `run seq digest` for every batch, after its answer
"""

from __future__ import annotations

import asyncio
import os
import sys

from holdfast.codec import GENESIS
from holdfast.journal.port import Committed
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch


async def write(journal: SqliteJournal, run: str, name: str) -> None:
    lines = await journal.read(run)
    for turn in range(1_000_000):
        prev = lines[-1][1] if lines else GENESIS
        text = f"{name} {turn} " + "x" * (turn % 700)
        batch = a_batch(run, len(lines), 1 + turn % 3, prev=prev, text=text, durable=turn % 2 == 0)
        if isinstance(await journal.append(batch), Committed):
            lines += batch.lines
            os.write(1, f"{run} {batch.row.seq} {lines[-1][1].hex()}\n".encode())
        else:
            lines += await journal.read(run, len(lines))


async def main(path: str, name: str) -> None:
    journal = SqliteJournal(path)
    await asyncio.gather(*[write(journal, f"{name}-{n}", name) for n in range(3)], write(journal, "shared", name))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
