"""A process that takes a part of one name, and lets go, again and again, and says when it held it.

python holder.py PATH NAME TOP SECONDS [stay]     prints `run from until` (monotonic ns) for every time it held a part

With `stay`, one of its runs then takes a part, says `run stays`, and keeps it until it is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from holdfast.events import Hold
from holdfast.journal.port import Committed
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract.holding import takes

NAME = "place"
RUNS = 2


async def take(journal: SqliteJournal, run: str, seq: int, top: int) -> None:
    batch = takes(run, seq, Hold(NAME), top=top, text="takes", durable=seq % 6 == 0)
    while not isinstance(await journal.append(batch), Committed):
        await asyncio.sleep(0.0005)


async def hold(journal: SqliteJournal, run: str, top: int, end: float) -> int:
    seq = 0
    while time.monotonic() < end:
        await take(journal, run, seq, top)
        since = time.monotonic_ns()
        await asyncio.sleep(0)
        until = time.monotonic_ns()
        assert isinstance(await journal.append(takes(run, seq + 1, text="lets go")), Committed)
        os.write(1, f"{run} {since} {until}\n".encode())
        seq += 2
    return seq


async def main(path: str, name: str, top: int, seconds: float, *, stays: bool) -> None:
    journal = SqliteJournal(path)
    end = time.monotonic() + seconds
    heads = await asyncio.gather(*[hold(journal, f"{name}-{n}", top, end) for n in range(RUNS)])
    if stays:
        await take(journal, f"{name}-0", heads[0], top)
        os.write(1, f"{name}-0 stays\n".encode())
        await asyncio.Event().wait()
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), stays="stay" in sys.argv))
