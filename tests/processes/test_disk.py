"""A disk that fails or is full under a worker: it says so and ends; the next one goes on, and nothing is doubled."""

from __future__ import annotations

import asyncio
import resource
import sys

import pytest

from tests.processes.audit import cut_short
from tests.processes.check import check
from tests.processes.disk import Fault, can_break
from tests.processes.inbox import open_only
from tests.processes.people import Console
from tests.processes.yard import ROOT, Yard, until
from tests.small_disk import small_disk

ORDERS = [f"all:{n}" for n in range(16)]


async def goes_on(yard: Yard, console: Console) -> None:
    """A new process brings every run to where only people can help, and after they did to its end."""
    async with console.approving():
        hand = await yard.start()
        await until(console.is_quiet, "all runs are closed, or wait for a person")
        await check(console, over=False)
        await console.settle_all()
        await hand.finish()
    assert len(await console.rows()) == len(ORDERS)
    await check(console, over=True)


async def command(yard: Yard, size: int | None = None) -> tuple[int, str]:
    """`holdfast worker`, as a person starts it: its exit code, and what it says. size: bytes that no file may grow beyond."""
    said = yard.said.with_name("command.txt")
    with said.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "holdfast", "worker", "tests.processes.shop:shop", "--once", "--model", "standin",
            "--setting", f"ledger={yard.ledger}", "--journal", yard.url, cwd=ROOT, stderr=stream,
        )  # fmt: skip
    if size is not None:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
    try:
        async with asyncio.timeout(60):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        raise
    return code, said.read_text()


@pytest.mark.skipif(not can_break(), reason="no disk can be made to fail in one process of this machine")
@pytest.mark.parametrize(
    ("call", "error", "point", "n"),
    [("sync", "EIO", "about", 6), ("sync", "EIO", "did", 9), ("sync", "EIO", "commit", 60), ("write", "EIO", "append", 80),
     ("write", "EIO", "did", 3), ("write", "ENOSPC", "did", 12)],
)  # fmt: skip
def test_a_disk_that_fails_under_a_worker(play, call, error, point, n):
    """The kernel itself gives the error, from the n-th time on that a point is reached, and for the journal's files only."""

    async def story(yard: Yard, console: Console) -> None:
        await open_only(yard, ORDERS)
        hand = await yard.start(halt=(point, n), fault=Fault(call, error))
        assert await hand.until(lambda: hand.count("failed")), "the disk never failed"
        errors = {line["error"] for line in hand.told if line["what"] == "failed"}
        if error == "ENOSPC":  # it would wait a minute for room
            assert errors == {"JournalFull"}
            await hand.kill()
        else:
            assert errors == {"JournalError"}
            assert await hand.ended() == 4
            assert "the disk failed while the journal" in yard.said.read_text()
            assert "what to do: end this process and look at the disk" in yard.said.read_text()
        await goes_on(yard, console)

    play(story)


def test_a_file_that_may_not_grow(play):
    """RLIMIT_FSIZE: to SQLite, writing fails; to whoever started the worker, it ends with exit code 4 and says why."""

    async def story(yard: Yard, console: Console) -> None:
        await open_only(yard, ORDERS)
        sizes = [file.stat().st_size for file in yard.journal.parent.iterdir() if file.is_file()]
        code, said = await command(yard, max(sizes) + 300_000)
        assert code == 4
        assert "holdfast: the disk failed while the journal" in said
        assert console.ledger.acts()
        print(f"cut short: {dict(cut_short(await console.runs()))}; {len(console.ledger.acts())} effects by then")
        await goes_on(yard, console)

    play(story)


def test_a_person_reads_one_error_and_no_traceback(play):
    async def story(yard: Yard, console: Console) -> None:
        await open_only(yard, ORDERS)
        sizes = [file.stat().st_size for file in yard.journal.parent.iterdir() if file.is_file()]
        code, said = await command(yard, max(sizes) + 300_000)
        assert code == 4
        assert said.count("holdfast: the disk failed while the journal") == 1
        assert "Traceback" not in said

    play(story)


@pytest.mark.parametrize("leave", [0, 400_000])
def test_a_full_disk(play, tmp_path, leave):
    """From the start, or soon: what was under way when it was full is recorded once there is room, before the worker ends."""
    with small_disk(tmp_path / "disk", megabytes=8) as disk:

        async def story(yard: Yard, console: Console) -> None:
            await open_only(yard, ORDERS)
            disk.fill(leave)
            hand = await yard.start()
            failed = await hand.until(lambda: hand.count("failed"))
            assert failed or not leave, "the disk was never full"  # without any room it may not even open the journal
            assert {line["error"] for line in hand.told if line["what"] == "failed"} <= {"JournalFull"}
            disk.free()
            assert await hand.ended() == 4
            assert "there is no room left on the disk of the journal" in yard.said.read_text()
            assert "make room, then go on" in yard.said.read_text()
            assert console.ledger.acts() or not leave
            await goes_on(yard, console)
            assert not cut_short(await console.runs())

        play(story, disk.folder / "journal.db")
