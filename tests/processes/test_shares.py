"""Limits over all runs, with real processes that are killed: never over, by the tools' own account and by the journal."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest

from holdfast import Runner
from holdfast.errors import NotAllowed
from holdfast.events import CallStarted, PlaceTaken
from holdfast.journal.port import Where
from holdfast.shell import bodies
from tests.processes import tide
from tests.processes.pier import MOST, RATE, Book, live, open_errands

PATIENCE = 300.0
"""Seconds after which a pier counts as standing still."""


class Pier:
    """The workers, and whoever kills them."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.url = f"sqlite:///{folder}/journal.db"
        self.book = folder / "account.jsonl"
        self.said = folder / "said.txt"
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["tests.processes.pier"])
        self.hands = [self._hire() for _ in range(workers)]
        self.kills = 0

    def _hire(self):
        hand = self._context.Process(target=live, args=(self.url, self.book, self.said), daemon=True)
        hand.start()
        return hand

    async def kill_one(self, chance: Random) -> None:
        """SIGKILL one of them, and start another in its place."""
        place = chance.randrange(len(self.hands))
        hand = self.hands[place]
        assert hand.is_alive(), self.said.read_text()[-3000:]
        hand.kill()
        await asyncio.to_thread(hand.join)
        self.kills += 1
        self.hands[place] = self._hire()

    async def end(self) -> None:
        """Let all of them end well."""
        for hand in self.hands:
            hand.terminate()
        for hand in self.hands:
            await asyncio.to_thread(hand.join, 60)
            assert hand.exitcode in (0, -signal.SIGTERM), self.said.read_text()[-3000:]  # or had not begun yet


async def settle(runner: Runner) -> None:
    """What the bank refused, and whose first answer was lost with its worker, nobody can be sure of: the run is stopped."""
    for row in await runner.find(Where(questions=True)):
        for question in (await runner.state(row.run)).questions.values():
            assert question.asked.about == "doubt"
            with suppress(NotAllowed):  # it was settled meanwhile
                await runner.settle(row.run, question.asked.call, "stop", by="rita")


async def all_over(runner: Runner) -> bool:
    """Whether no run is open."""
    return not [row for status in ("working", "waiting") for row in await runner.find(Where(status=status, limit=1))]


@pytest.mark.parametrize(
    ("runs", "workers", "subjects", "every"),
    [
        pytest.param(300, 4, 12, 1.0, id="300 runs"),
        pytest.param(2_000, 8, 40, 1.0, id="2000 runs", marks=pytest.mark.long),
    ],
)
def test_limits_over_all_runs_hold_while_workers_are_killed(tmp_path, seeded, runs, workers, subjects, every):
    chance = Random(seeded(1))

    async def story() -> None:
        url = f"sqlite:///{tmp_path}/journal.db"
        await open_errands(url, runs, subjects)
        pier = Pier(tmp_path, workers)
        began = time.monotonic()
        async with Runner.open(url, drives=False) as console:
            while not await all_over(console):
                await asyncio.sleep(every * chance.uniform(0.5, 1.5))
                await pier.kill_one(chance)
                await settle(console)
                assert time.monotonic() - began < PATIENCE, "it stands still"
            took = time.monotonic() - began
            await pier.end()
            entries = {
                row.run: await bodies.entries(console.journal, row.run) for row in await console.find(Where(limit=runs))
            }
            assert len(entries) == runs
            lines = Book(pier.book).lines()
            places: dict[str, dict[int, int]] = {run: {} for run in entries}
            position = 0
            while feed := await console.journal.feed(position):
                for line in feed:
                    places[line.run][line.seq] = position = line.position
            courses = {run: tide.course(own, places[run]) for run, own in entries.items()}

            assert not tide.account(lines)
            assert not tide.journalled(courses)
            late = max(
                line.at - courses[line.run].starts[line.call][line.attempt - 1]
                for line in lines
                if line.what == "begin"
            )
            weighed = [line.at for line in lines if (line.what, line.tool) == ("begin", "weigh")]
            assert tide.most_within(weighed, tide.SECOND - late) <= RATE

            held = await console.journal.held(
                {share.name for own in entries.values() for entry in own
                 if isinstance(entry.event, CallStarted | PlaceTaken) for share in entry.event.shares}
            )  # fmt: skip
            kept = sorted(known.used for name, known in held.items() if name.startswith("across:") and known.used)
            unsure = sum((one.unsure for one in courses.values()), Counter[str]())
            counted = tide.paid(lines) + unsure
            assert kept == sorted(counted.values()), (
                "what was paid is counted, what nobody is sure of, and nothing else"
            )
            assert not [
                name for name, known in held.items() if known.used and not name.startswith(("across:", "rate:"))
            ]
        waits = [(clause, until - since) for one in courses.values() for clause, since, until in one.waits]
        woken = tide.handovers(courses.values())
        by = {kind: sum(clause.endswith(kind) for clause, _ in waits) for kind in ("one_at_a_time", "at_once", "rate")}
        print(
            f"{runs} runs in {took:.1f} s, {runs / took:.0f} a second; {pier.kills} kills, {sum(one.lost for one in courses.values())}"
            f" attempts lost; waits {by}, the longest {tide.at([wait for _, wait in waits], 1):.1f} s; a turn was handed over"
            f" after {tide.at(woken, 0.5) * 1000:.0f} ms, p99 {tide.at(woken, 0.99) * 1000:.0f} ms, at most {tide.at(woken, 1):.1f} s;"
            f" at most {max(kept)} of {MOST}, {sum(one.refused for one in courses.values())} refused"
        )
        assert by["one_at_a_time"] > runs / 2
        assert min(by.values()) > 0
        assert pier.kills > 2

    asyncio.run(story())
