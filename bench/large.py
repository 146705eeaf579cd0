"""A large journal, and how long it takes to check it and to look at it: by default a million entries, in minutes.

    python -m bench.large 1000000

Beside each check stands the least it could take: SHA-256 over the same bytes and decoding them, in memory; and the same with
reading them from the file first.
"""

from __future__ import annotations

import asyncio
import hashlib
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
from holdfast.journal.open import open_journal
from holdfast.journal.port import Journal, Where
from holdfast.shell.body_check import BodyCheck
from holdfast.shell.proofs import verify_journal

STEPS = 50
"""Steps of each run of the journal; one run has a thousand."""

AT_ONCE = 200


def make(url: str, entries: int) -> None:
    """Play runs until there are so many entries."""
    workload.prepare(1000)
    asyncio.run(own.play(url, 1, 1000))
    while asyncio.run(_size(url)) < entries:
        asyncio.run(own.play(url, AT_ONCE, STEPS))


async def _size(url: str) -> int:
    return await _with(url, _watermark)


async def _watermark(journal: Journal) -> int:
    return journal.watermark()


async def _with(url: str, work: Callable[[Journal], Awaitable[Any]]) -> Any:
    journal = open_journal(url, readonly=True)
    try:
        return await work(journal)
    finally:
        await journal.close()


def _spent(work: Callable[[], object]) -> float:
    """CPU seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


def bare(lines: list[tuple[bytes, bytes]]) -> None:
    """What no check can do without: hash every entry after the one before it, and read it."""
    for data, prev in lines:
        hashlib.sha256(prev + data).digest()
        codec.decode(data)


def measure(entries: int) -> dict[str, float]:
    """CPU seconds of checking, and ms of looking."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/journal.db"
        make(url, entries)
        began = time.process_time()
        feed = asyncio.run(_with(url, lambda journal: journal.feed(0, 10 * entries)))
        read = time.process_time() - began
        lines = [(line.data, line.digest) for line in feed]
        least = _spent(partial(bare, lines))
        found: dict[str, float] = {
            "entries": len(lines),
            "bytes": sum(len(data) for data, _ in lines),
            "bare_s": least,
            "read_s": read,
        }
        feed, lines = [], []

        async def tree(journal: Journal) -> object:
            return await verify_journal(journal)

        async def all_of_it(journal: Journal) -> object:
            return await verify_journal(journal, bodies=BodyCheck(journal))

        found["tree_s"] = _spent(lambda: asyncio.run(_with(url, tree)))
        found["verify_s"] = _spent(lambda: asyncio.run(_with(url, all_of_it)))
        first = asyncio.run(_with(url, lambda journal: journal.find(Where(limit=10**6))))[-1].run

        async def page(journal: Journal) -> object:
            return await journal.find(Where(limit=50))

        found["list_ms"] = 1e3 * _spent(lambda: asyncio.run(_with(url, page)))

        def show() -> None:
            family = asyncio.run(relatives.family_of(url, first)).family
            assert sum(1 for _ in trace_text.lines(family, width=100, colour=False)) > 2_000

        found["show_ms"] = 1e3 * min(_spent(show) for _ in range(3))
        found["disk"] = Path(folder, "journal.db").stat().st_size
    for name in ("tree", "verify"):
        found[f"{name} / bare"] = found[f"{name}_s"] / least
        found[f"{name} / read and bare"] = found[f"{name}_s"] / (least + read)
    return found


if __name__ == "__main__":
    for name, value in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000).items():
        print(f"{name:22} {value:16,.2f}")
