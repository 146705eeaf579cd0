"""Four processes fight over one name in one file, and one of them is killed while it holds a part."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from holdfast.events import Held, Hold
from holdfast.journal.port import Committed, Full
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract.holding import takes
from holdfast.testing.journal_contract.story import until
from tests.journal.holder import NAME

HOLDER = Path(__file__).with_name("holder.py")
TOP = 3
SECONDS = 2.0


async def start(path: Path, name: str, seconds: float, *more: str) -> asyncio.subprocess.Process:
    asked = [sys.executable, str(HOLDER), str(path), name, str(TOP), str(seconds), *more]
    return await asyncio.create_subprocess_exec(*asked, stdout=subprocess.PIPE, limit=1 << 24)


async def killed_while_it_stays(process: asyncio.subprocess.Process) -> list[bytes]:
    """What it said; it then holds a part, and is gone."""
    assert process.stdout is not None
    said = [await process.stdout.readline()]
    while said[-1] and not said[-1].endswith(b"stays\n"):
        said.append(await process.stdout.readline())
    process.kill()
    await process.wait()
    return said


async def ended(process: asyncio.subprocess.Process) -> list[bytes]:
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.splitlines()


def most_at_once(said: list[bytes]) -> int:
    """How many parts were held at one moment, by what the holders say."""
    moments = [(int(at), step) for line in said for at, step in zip(line.split()[1:], (1, -1), strict=True)]
    now = most = 0
    for _, step in sorted(moments):
        now += step
        most = max(most, now)
    return most


def test_four_processes_never_hold_more_than_there_is(tmp_path: Path):
    async def story() -> None:
        path = tmp_path / "journal.db"
        journal = SqliteJournal(path)
        doomed = await start(path, "doomed", SECONDS / 2, "stay")
        others = [await start(path, f"p{n}", SECONDS) for n in range(3)]
        async with asyncio.timeout(60):
            stayed, *said = await asyncio.gather(killed_while_it_stays(doomed), *map(ended, others))
        assert stayed.pop() == b"doomed-0 stays\n"
        assert min(map(len, [stayed, *said])) > 5
        assert most_at_once([line for lines in [stayed, *said] for line in lines]) <= TOP

        # In the order of the feed, which is that of the commits.
        rows = [row for run in await journal.runs() if (row := await journal.row(run))]
        await until(lambda: journal.watermark() == sum(row.seq for row in rows))
        lines = await journal.feed(limit=1_000_000)
        held: dict[str, int] = {}
        for line in lines:
            held[line.run] = 1 if b'"takes"' in line.data else 0
            assert sum(held.values()) <= TOP

        # What a killed process holds is held until somebody appends to its runs; others do not get it.
        assert await journal.held([NAME]) == {NAME: Held(1, "doomed-0")}
        row = await journal.row("doomed-0")
        assert row is not None
        late = [takes(f"late {n}", 0, Hold(NAME), top=TOP) for n in range(3)]
        assert [type(await journal.append(batch)) for batch in late] == [Committed, Committed, Full]
        assert await journal.append(takes(row.run, row.seq)) == Committed(len(lines) + 3)
        assert await journal.append(late[2]) == Committed(len(lines) + 4)
        await journal.close()

    asyncio.run(story())
