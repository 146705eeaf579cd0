"""A large journal, and how long it takes to check it and to look at it: by default a million entries, in minutes.

    python -m bench.large 1000000

Beside each check stands the least it could take: SHA-256 over the same bytes and decoding them, once they are in memory; and
the same with reading them from the file first. All of it is the CPU time of one core, all threads together, the median of
rounds that are taken in turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import own, workload
from holdfast import codec
from holdfast.cli import relatives, trace_text
from holdfast.cli.verify_runs import by_run
from holdfast.cli.viewing import Viewer
from holdfast.journal.open import open_journal
from holdfast.journal.port import Journal, Where
from holdfast.shell.auditor import Auditor
from holdfast.shell.body_check import BodyCheck
from holdfast.shell.proofs import AT_ONCE, verify_journal
from holdfast.views.note import Signer

STEPS = 50
"""Steps of each run of the journal; one run has a thousand."""

RUNS = 200
"""Runs that are played at once."""

ROUNDS = 3

SIGNER = Signer("example.com/bench", b"b" * 32)


def make(url: str, entries: int) -> None:
    """Play runs until there are so many entries."""
    workload.prepare(1000)
    asyncio.run(own.play(url, 1, 1000))
    while asyncio.run(_with(url, _watermark)) < entries:
        asyncio.run(own.play(url, RUNS, STEPS))


async def _watermark(journal: Journal) -> int:
    return journal.watermark()


async def _with(url: str, work: Callable[[Journal], Awaitable[Any]], *, readonly: bool = True) -> Any:
    journal = open_journal(url, readonly=readonly)
    try:
        return await work(journal)
    finally:
        await journal.close()


async def _checkpoint(journal: Journal) -> object:
    return await Auditor(journal, SIGNER).checkpoint()


def _spent(work: Callable[[], object]) -> float:
    """CPU seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


async def bare(journal: Journal) -> tuple[float, float, int]:
    """What no check can do without: hash every entry after the one before it, and decode it.

    CPU seconds of reading, of hashing and decoding, and the bytes of all entries.
    """
    read = least = 0.0
    after = size = 0
    while True:
        began = time.process_time()
        page = await journal.feed(after, AT_ONCE)
        got = time.process_time()
        read += got - began
        if not page:
            return read, least, size
        for line in page:
            hashlib.sha256(line.digest + line.data).digest()
            codec.decode(line.data)
        least += time.process_time() - got
        after = page[-1].position
        size += sum(len(line.data) for line in page)


async def _by_feed(journal: Journal, since: int = 0) -> None:
    bodies = BodyCheck(journal)
    verdict = await verify_journal(journal, [SIGNER.key], since=since, bodies=bodies)
    assert verdict.good
    assert not bodies.finish()


async def _by_run(journal: Journal) -> None:
    assert not (await by_run(journal)).damaged


def compared(url: str, checks: dict[str, Callable[[Journal], Awaitable[None]]]) -> dict[str, float]:
    """CPU seconds of checks, and how many times as long as the bare loop each took."""
    taken: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        read, least, _ = asyncio.run(_with(url, bare))
        taken.setdefault("read", []).append(read)
        taken.setdefault("bare", []).append(least)
        for name, check in checks.items():
            taken.setdefault(name, []).append(_spent(partial(asyncio.run, _with(url, check))))
    found = {name: statistics.median(figures) for name, figures in taken.items()}
    result = {f"{name}_s": seconds for name, seconds in found.items()}
    for name in checks:
        result[f"{name} / read and bare"] = found[name] / (found["read"] + found["bare"])
        result[f"{name} / bare"] = found[name] / found["bare"]
    return result


def measure(entries: int) -> dict[str, float]:
    """CPU seconds of checking, and ms of looking."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/journal.db"
        make(url, entries)
        found: dict[str, float] = {
            "entries": asyncio.run(_with(url, _watermark)),
            "bytes": asyncio.run(_with(url, bare))[2],
            "disk": workload.sqlite_bytes(Path(folder, "journal.db")),
        }
        found |= {
            f"no checkpoint: {name}": value
            for name, value in compared(url, {"feed": _by_feed, "runs": _by_run}).items()
        }
        asyncio.run(_with(url, _checkpoint, readonly=False))
        found |= compared(url, {"verify": _by_feed})
        asyncio.run(own.play(url, 30, STEPS))
        asyncio.run(_with(url, _checkpoint, readonly=False))
        found["later entries"] = asyncio.run(_with(url, _watermark)) - found["entries"]
        since = partial(_by_feed, since=1)
        found["since_ms"] = 1e3 * statistics.median(
            _spent(lambda: asyncio.run(_with(url, since))) for _ in range(ROUNDS)
        )
        return found | looked_at(url)


def looked_at(url: str) -> dict[str, float]:
    """CPU ms of the first page of the list, and of the trace of a run of a thousand steps."""
    first = asyncio.run(_with(url, lambda journal: journal.find(Where(limit=10**6))))[-1].run

    def page() -> None:
        rows = asyncio.run(_with(url, lambda journal: journal.find(Where(limit=50))))
        assert len(rows) == 50

    def show() -> None:
        family = asyncio.run(relatives.family_of(Viewer("bench"), url, first)).family
        assert sum(1 for _ in trace_text.lines(family, width=100, colour=False)) > 2_000

    return {
        f"{work.__name__}_ms": 1e3 * statistics.median(_spent(work) for _ in range(ROUNDS)) for work in (page, show)
    }


if __name__ == "__main__":
    for name, value in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000).items():
        print(f"{name:36} {value:16,.2f}")
