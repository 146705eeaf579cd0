"""What is stopped for many runs at once, by real processes: no write begins over it, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from holdfast import Runner, codec
from holdfast.events import CallFailed, CallReturned, CallStarted, SwitchedOff, SwitchedOn
from holdfast.journal.port import Row, Where
from holdfast.views.access import CONTROL
from tests.processes import slow
from tests.processes.slow import Spec, acts
from tests.processes.yard import PATIENCE, ROOT, until

SECOND = 1_000_000
RUNS = {"parcels": 200, "notes": 100}
SLOTS = 10
"""Runs at a time, of each worker: so that there is something left to stop when the command line has started."""

ASLEEP = 3.0
"""Seconds that a stopped process sleeps."""


class Hand:
    """A worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []

    async def listen(self) -> None:
        """Take down what it tells."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.told.append(json.loads(line))

    def has(self, what: str) -> list[dict[str, Any]]:
        """What it told of one kind."""
        return [one for one in self.told if one["what"] == what]

    async def still(self) -> None:
        """SIGSTOP, and the kernel says that it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        await until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the process stands still")


class Place:
    """A journal, the other side's file, workers, and a command line in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.journal, self.ledger = folder, folder / "journal.db", folder / "ledger.txt"
        self.url = f"sqlite:///{self.journal}"
        self.hands: list[Hand] = []

    async def hire(self, **more: Any) -> Hand:
        """A worker that works."""
        spec = Spec(journal=str(self.journal), ledger=str(self.ledger), **more)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.processes.slow", msgspec.json.encode(spec).decode(),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        hand = Hand(process)
        self.hands.append(hand)
        self._listening.append(asyncio.create_task(hand.listen()))
        return hand

    async def cli(self, *args: str) -> Any:
        """What a verb gives as JSON, once its process has ended."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "holdfast", *args, "--as", "kim", "--journal", self.url, "--json",
            cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return json.loads(out)

    async def open(self, runs: dict[str, int]) -> None:
        """Open runs, and leave them to others."""
        async with Runner.open(self.url, model=slow.standin, drives=False) as inbox:
            for agent in (slow.parcels, slow.notes):
                items = [f"{agent.name[:-1]}:{n}" for n in range(runs[agent.name])]
                await asyncio.gather(*(inbox.start(agent, item, key=item, by="svc:inbox") for item in items))

    @asynccontextmanager
    async def opened(self) -> Any:
        """A runner to look with; whoever works is ended at the end."""
        self._listening: list[asyncio.Task[None]] = []
        try:
            async with Runner.open(self.url) as runner:
                self.runner = runner
                yield self
        finally:
            for hand in self.hands:
                if hand.process.returncode is None:
                    hand.process.send_signal(signal.SIGCONT)
                    hand.process.kill()
                await hand.process.wait()
            await asyncio.gather(*self._listening)

    async def rows(self, **where: Any) -> list[Row]:
        """The runs like that."""
        return [row for row in await self.runner.find(Where(limit=10_000, **where)) if row.run != CONTROL]

    async def closed(self, count: int, **where: Any) -> bool:
        """Whether so many of the runs like that are closed."""
        rows = await self.rows(**where)
        return len([row for row in rows if row.status == "closed"]) == count

    def begun(self) -> list[slow.Act]:
        """The writes that began over there."""
        return [act for act in acts(self.ledger) if act.what == "begins"]

    def quiet(self) -> bool:
        """Whether every write that began has ended."""
        seen = acts(self.ledger)
        return Counter((act.run, act.call) for act in seen if act.what == "begins") == Counter(
            (act.run, act.call) for act in seen if act.what == "ended"
        )

    async def places(self) -> tuple[list[tuple[int, str, Any]], dict[tuple[str, int, int], int]]:
        """The journal in the order of commits, as (place, run, event); and where each attempt of a write began."""
        found, after = [], 0
        while lines := await self.runner.journal.feed(after, 5000):
            found += [(line.position, line.run, codec.decode(line.data).event) for line in lines]
            after = lines[-1].position
        starts = {(run, one.call, one.attempt): at for at, run, one in found if isinstance(one, CallStarted)}
        return found, starts

    async def everything_once(self, runs: dict[str, int]) -> None:
        """Every run ended as it should have, with each of its writes done once."""
        rows = await self.rows()
        assert Counter((row.agent, row.outcome) for row in rows) == Counter(
            {(name, "done"): count for name, count in runs.items()}
        )
        done = Counter((act.run, act.tool) for act in acts(self.ledger) if act.what == "ended")
        assert done == Counter({(row.run, name): 1 for row in rows for name in slow.wanted(row.agent)})
        assert self.quiet()


def play(folder: Path, story: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(PATIENCE), Place(folder).opened() as place:
            await story(place)

    asyncio.run(whole())


def test_everything_is_stopped_under_load_and_no_write_begins_over_it(tmp_path):
    async def story(place: Place) -> None:
        await place.open(RUNS)
        sleeper = await place.hire(halt=("started", 10), slots=SLOTS)
        for _ in range(3):
            await place.hire(slots=SLOTS)
        await until(lambda: sleeper.has("halt"), "one of them has won a start, and did nothing about it")
        await sleeper.still()
        slept = asyncio.create_task(asyncio.sleep(ASLEEP))
        await until(lambda: len(place.begun()) >= 20, "the others are at work")

        stop = await place.cli("stop", "--all", "--because", "a drill")
        returned, returned_boot = time.time_ns() // 1000, time.clock_gettime(time.CLOCK_BOOTTIME)
        before = len(place.begun())
        assert (stop["scope"], stop["by"], stop["why"]) == ("all", "kim", "a drill")
        assert not await place.closed(sum(RUNS.values()))  # there was load to be stopped
        await slept
        sleeper.process.send_signal(signal.SIGCONT)

        async def rests() -> bool:
            rows = await place.rows()
            states = [await place.runner.state(row.run) for row in rows if row.status != "closed"]
            running = [call for state in states for call in state.calls.values() if call.status == "running"]
            return all(state.halted for state in states) and not running and place.quiet()

        await until(rests, "what was being done has ended, and nothing else began")
        stood = place.begun()
        late = [act for act in stood if act.at > returned + SECOND or act.boot > returned_boot + 1.0]
        assert not late
        print(
            f"{len(stood) - before} writes began after the command returned, the last "
            f"{max(act.at for act in stood) - returned} µs after it"
        )

        feed, starts = await place.places()
        (off,) = [at for at, _, event in feed if isinstance(event, SwitchedOff)]
        writes = {(act.run, act.call, act.attempt) for act in stood}
        assert all(starts[one] < off for one in writes)
        # What was being done is recorded: every write that began has its answer, and nothing is in doubt.
        answers = {(run, event.call) for _, run, event in feed if isinstance(event, CallReturned)}
        assert {(run, call) for run, call, _ in writes} <= answers
        assert not any(row.doubts for row in await place.rows())
        # Of the starts that were won before, only those have no effect that said so.
        undone = {(run, one.call, one.attempt): one for _, run, one in feed if isinstance(one, CallFailed)}
        assert {(one.error, one.fate) for one in undone.values()} == {("ended", "not_done")}
        assert not writes & set(undone)
        (held,) = {run for run, *_ in undone} & {
            row.run for row in await place.rows() if row.key == sleeper.has("halt")[0]["order"]
        }
        assert held not in {act.run for act in stood if act.at > returned}

        await place.cli("resume", "--all")
        await until(lambda: place.closed(sum(RUNS.values())), "all runs are closed")
        await place.everything_once(RUNS)
        feed, starts = await place.places()
        (on,) = [at for at, _, event in feed if isinstance(event, SwitchedOn)]
        effects = {(act.run, act.call, act.attempt) for act in place.begun()}
        assert not [one for one in effects if off < starts[one] < on]

    play(tmp_path, story)


def test_a_tool_and_an_agent_are_stopped_and_the_others_go_on(tmp_path):
    runs = {"parcels": 30, "notes": 20}

    async def story(place: Place) -> None:
        await place.open(runs)
        await place.cli("stop", "parcels")
        await place.cli("stop", "--tool", "letter")
        for _ in range(2):
            await place.hire()
        await until(lambda: place.closed(20, agent="notes"), "the other agent goes on")
        assert not [act for act in acts(place.ledger) if act.item.startswith("parcel")]

        await place.cli("resume", "parcels")
        sent = lambda: len([act for act in acts(place.ledger) if act.item.startswith("parcel") and act.what == "ended"])  # noqa: E731
        await until(lambda: sent() == 30, "everything but letters is done")

        async def waits() -> bool:
            return len(await place.runner.journal.wanting("stop:2", 100)) == 30

        await until(waits, "they wait for the tool")
        assert {act.tool for act in acts(place.ledger)} == {"send"}
        assert not await place.rows(agent="parcels", status="closed")

        await place.cli("resume", "--tool", "letter")
        await until(lambda: place.closed(30, agent="parcels"), "all runs are closed")
        await place.everything_once(runs)

    play(tmp_path, story)
