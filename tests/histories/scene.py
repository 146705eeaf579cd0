"""What the histories are played with: the bench of the shell's tests, and a few ways to let two things meet.

A `Wire` is one worker's connection to a journal that others use too. Somebody else can be let in right before or right after
an append of a certain kind, so that a race is told as a line of the story and not left to chance. A `Disk` remembers how
much of a file was synced, and gives what a loss of power would leave of it.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import Runner, call, script, tool
from holdfast.core.pending import Outlook
from holdfast.dialogue import Answer
from holdfast.events import AnyEvent
from holdfast.journal.port import Append, Appended, Committed
from holdfast.journal.sqlite import SqliteJournal
from holdfast.tool import Absent, Found
from tests.shell.bench import Clock

Interlude = Callable[[], Awaitable[Any]]

PATIENCE = 20.0
"""Seconds after which a story that does not come to its end has failed."""


def story(work: Interlude) -> Any:
    """Run an async story in a loop of its own, with an end to its patience, and tell what went wrong in it."""

    async def whole() -> Any:
        told = asyncio.ensure_future(work())
        done, _ = await asyncio.wait({told}, timeout=PATIENCE)
        if not done:  # it may be failing already, and wait for something that it held up itself
            for other in asyncio.all_tasks() - {asyncio.current_task()}:
                other.cancel()
            await asyncio.wait({told}, timeout=PATIENCE)
        if not told.done() or told.cancelled():
            pytest.fail("the story does not come to its end")
        return told.result()

    return asyncio.run(whole())


# ------------------------------------------------------------------------------------------------------------ entries


async def kinds(runner: Runner, run: str) -> list[str]:
    """The kinds of a run's entries, in order."""
    return [type(entry.event).__name__ for entry in await runner.entries(run)]


async def events(runner: Runner, run: str, kind: type) -> list[Any]:
    """The events of one kind in a run."""
    return [entry.event for entry in await runner.entries(run) if isinstance(entry.event, kind)]


async def asked(runner: Runner, run: str, about: str) -> int:
    """The one open question, which is about this."""
    (question,) = (await runner.state(run)).questions.values()
    assert question.asked.about == about
    return int(question.seq)


async def told(runner: Runner, run: str) -> list[str]:
    """What the model has been shown, in order."""
    return [segment.text for segment in (await runner.state(run)).transcript]


async def waited_out(runner: Runner, run: str, clock: Clock) -> Outlook:
    """Drive a run until it waits for somebody; while it waits for time alone, that passes at once."""
    stands = await runner.drive(run)
    while stands.waits_for == "time" and stands.due is not None:
        clock.us = max(clock.us, stands.due)
        stands = await runner.drive(run)
    return stands


# ------------------------------------------------------------------------------------------------- somebody in between


class Wire:
    """A journal as one worker reaches it."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self._before: dict[str, Interlude] = {}
        self._after: dict[str, Interlude] = {}
        self.answers: list[Appended] = []
        """What appends were answered, in order."""
        self.appended: list[Append] = []
        """The batches that got in."""
        self.deaf = False
        """Nothing is heard of what others append: as in a process that is stopped."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def before(self, kind: type[AnyEvent], interlude: Interlude) -> None:
        """Once, when an entry of this kind is about to be appended: let something else happen first."""
        self._before[kind.__name__] = interlude

    def after(self, kind: type[AnyEvent], interlude: Interlude) -> None:
        """Once, when an entry of this kind got in and its writer does not know it yet."""
        self._after[kind.__name__] = interlude

    def listen(self, listener: Callable[[str, int], None]) -> Callable[[], None]:
        stop: Callable[[], None] = self._journal.listen(lambda run, seq: None if self.deaf else listener(run, seq))
        return stop

    async def append(self, batch: Append) -> Appended:
        await self._let(self._before, batch)
        answer: Appended = await self._journal.append(batch)
        self.answers.append(answer)
        if isinstance(answer, Committed):
            self.appended.append(batch)
        await self._let(self._after, batch)
        return answer

    async def _let(self, interludes: dict[str, Interlude], batch: Append) -> None:
        data = b"".join(line for line, _ in batch.lines)
        for kind in [kind for kind in interludes if f'"kind":"{kind}"'.encode() in data]:
            await interludes.pop(kind)()


def senses(clock: Clock, ahead: float = 0) -> type[Runner]:
    """Runners whose own clocks go with a test's clock, `ahead` seconds ahead of it."""

    class Sensing(Runner):
        def __init__(self, journal: Any, *, mode: Any = "live") -> None:
            here = round(ahead * 1e6)
            super().__init__(
                journal, mode=mode, clock=lambda: (clock.us + here) / 1e6, watch=lambda: (clock.us + here) * 1000
            )

    return Sensing


def unhurried(journal: Any, *turns: Any) -> Any:
    """A runner whose tools in threads always begin in time, however busy the machine is; their time is up all the same."""
    return senses(Clock()).open(journal, model=script(*turns))


class Held:
    """A scripted model that counts how often it was asked, and can be held up."""

    def __init__(self, *turns: Any, **options: Any) -> None:
        self._inner = script(*turns, **options)
        self.asked = 0
        self.inside, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def answer(self, request: Any) -> Answer:
        self.asked += 1
        self.inside.set()
        await self.open.wait()
        return await self._inner.answer(request)


# --------------------------------------------------------------------------------------------------------------- disks


class Disk:
    """A journal's file, and what of it was synced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.synced = 0
        """Bytes of the write-ahead log that the last sync covered."""

    def journal(self) -> SqliteJournal:
        """A journal in the file that syncs only what it must."""
        disk = self

        class Watched(sqlite3.Connection):
            full = False

            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:  # type: ignore[override]
                cursor = super().execute(sql, *args)
                if sql.startswith("PRAGMA synchronous"):
                    self.full = sql.endswith("FULL")
                if sql == "COMMIT" and self.full:
                    disk.synced = Path(f"{disk.path}-wal").stat().st_size
                return cursor

        return SqliteJournal(self.path, flush_after=3600, connection=Watched)

    def power_loss(self, name: str = "after.db") -> Disk:
        """The file as a loss of power now would leave it: without the frames of the log that were not synced."""
        left = Disk(self.path.parent / name)
        shutil.copy(self.path, left.path)
        Path(f"{left.path}-wal").write_bytes(Path(f"{self.path}-wal").read_bytes()[: self.synced])
        return left


# --------------------------------------------------------------------------------------------------------- other systems

SEND = call("send", order="A-1")


class Shop:
    """An other system that has no keys, and can be asked what it did."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.inside, self.open = asyncio.Event(), asyncio.Event()
        self.looks = 0

    @property
    def tool(self) -> Any:
        async def find(order: str) -> Found[dict[str, str]] | Absent:
            self.looks += 1
            return Found(self.sent[0], {"id": self.sent[0]}) if self.sent else Absent()

        @tool.write(timeout=60, lookup=find, effect_id="id")
        async def send(order: str) -> dict[str, str]:
            """Send one order."""
            self.inside.set()
            await self.open.wait()
            self.sent.append(f"s{len(self.sent) + 1}_{order}")
            return {"id": self.sent[-1]}

        return send
