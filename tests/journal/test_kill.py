"""Four processes append to one file and are killed, again and again."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.codec import check_chain
from holdfast.journal.port import FeedLine
from holdfast.journal.sqlite import SqliteJournal

APPENDER = Path(__file__).with_name("appender.py")


async def start(path: Path, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(APPENDER), str(path), name, stdout=subprocess.PIPE, limit=1 << 22
    )


async def acknowledged(process: asyncio.subprocess.Process, count: int) -> list[bytes]:
    """What a process said before it was killed, once it had said `count` lines."""
    assert process.stdout is not None
    said = [await process.stdout.readline() for _ in range(count)]
    assert all(said), "the appender ended by itself"
    process.kill()
    said += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    return [line for line in said if line.endswith(b"\n")]  # the last may be cut off


async def follow(journal: SqliteJournal, seen: list[FeedLine], stop: asyncio.Event) -> None:
    while not stop.is_set():
        seen += await journal.feed(after=seen[-1].position if seen else 0)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_acknowledged_line_is_lost_when_processes_are_killed(tmp_path: Path, seed: int):
    async def story() -> None:
        chance = random.Random(seed)
        path = tmp_path / "journal.db"
        reader, seen, stop = SqliteJournal(path), [], asyncio.Event()
        following = asyncio.ensure_future(follow(reader, seen, stop))
        said: list[bytes] = []
        for _ in range(3):
            processes = [await start(path, f"p{n}") for n in range(4)]
            counts = [chance.randint(20, 300) for _ in processes]
            for lines in await asyncio.gather(*map(acknowledged, processes, counts)):
                said += lines
        stop.set()
        await following
        await reader.close()

        journal = SqliteJournal(path)
        runs = {run: await journal.read(run) for run in await journal.runs()}
        for run, lines in runs.items():
            check_chain(run, lines)
            row = await journal.row(run)
            assert row is not None
            assert row.seq == len(lines)
        for line in said:
            run, seq, digest = line.decode().split()
            assert runs[run][int(seq) - 1][1].hex() == digest
        assert len(said) > 200
        assert len([line for line in said if line.startswith(b"shared ")]) > 10
        feed = await journal.feed(limit=1_000_000)
        assert feed[: len(seen)] == seen
        assert [line.position for line in feed] == list(range(1, len(feed) + 1))
        await journal.close()

    asyncio.run(story())
