"""Work that outlives who began it: a worker is killed in the middle, and another asks on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdfast.events import CallLookedUp, CallReturned, CallStarted, RunClosed
from holdfast.journal.port import Where
from holdfast.journal.sqlite import SqliteJournal
from holdfast.shell import bodies

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


class Kitchen:
    """A journal, a folder, and workers on them."""

    def __init__(self, folder: Path, order: str) -> None:
        self.folder, self.order = folder, order
        self.journal = folder / "journal.db"
        self.loaf = f"loaf-{order}"
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "tests.processes.oven",
            f"sqlite:///{self.journal}",
            str(self.folder),
            self.order,
        ]
        self.workers.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        return self.workers[-1]

    def entries(self):
        async def read():
            journal = SqliteJournal(self.journal)
            try:
                rows = await journal.find(Where(key=self.order, limit=1))
                return await bodies.entries(journal, rows[0].run) if rows else []
            finally:
                await journal.close()

        return asyncio.run(read())

    def until(self, happened):
        """Wait until the journal says so; its entries then."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            if self.journal.exists():
                entries = self.entries()
                if happened(entries):
                    return entries
            time.sleep(0.05)
        raise AssertionError("it did not come to that")

    def end(self) -> None:
        for one in self.workers:
            one.kill()
            one.wait()
            one.stdout.close()


@pytest.fixture
def kitchen(tmp_path):
    made: list[Kitchen] = []

    def open_(order):
        made.append(Kitchen(tmp_path, order))
        return made[-1]

    yield open_
    for one in made:
        one.end()


def looks(entries, answer="pending"):
    return [entry for entry in entries if isinstance(entry.event, CallLookedUp) and entry.event.answer == answer]


def test_work_that_was_begun_is_asked_about_by_whoever_comes_after(kitchen):
    place = kitchen("rye")
    (place.folder / f"{place.loaf}.progress").write_text("40 %")
    first = place.start()
    seen = place.until(lambda entries: len(looks(entries)) >= 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    known = len(place.entries())
    (place.folder / f"{place.loaf}.progress").write_text("80 %")
    second = place.start()
    place.until(lambda entries: any(look.event.message == "80 %" for look in looks(entries)))
    second.send_signal(signal.SIGKILL)
    second.wait()
    (place.folder / f"{place.loaf}.done").touch()
    place.start()
    entries = place.until(lambda entries: entries and isinstance(entries[-1].event, RunClosed))
    assert entries[-1].event.outcome == "done"
    assert (place.folder / "begun").read_text() == f"{place.loaf}\n", "it was begun once"
    assert len([entry for entry in entries if isinstance(entry.event, CallStarted)]) == 1
    assert [entry.event.complete for entry in entries if isinstance(entry.event, CallReturned)] == ["started"]
    assert looks(entries, "found")[0].event.effect_id == place.loaf
    assert known >= len(seen)
    by = {look.actor for look in looks(entries)}
    assert len(by) == 2, "another worker asked on"
    assert all(look.event.again_at > look.at for look in looks(entries))


def test_work_of_which_nobody_was_told_that_it_was_begun_is_found(kitchen):
    """Its worker is killed after the other side began, before the handle was recorded."""
    place = kitchen("cut")
    first = place.start()
    assert first.stdout is not None
    while first.stdout.readline() not in (b"begun\n", b""):
        pass
    first.send_signal(signal.SIGKILL)
    first.wait()
    (place.folder / f"{place.loaf}.done").touch()
    place.start()
    entries = place.until(lambda entries: entries and isinstance(entries[-1].event, RunClosed))
    assert entries[-1].event.outcome == "done"
    assert (place.folder / "begun").read_text() == f"{place.loaf}\n", "it was begun once"
    assert looks(entries, "found")
