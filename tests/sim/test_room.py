"""The room in which schedules are played: one time for all, and processes that are stopped, woken and killed in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from holdfast.errors import Bug
from holdfast.testing.sim.room import SECOND, START, Process, Room

HORIZON = START + 1_000 * SECOND


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room(1)
    yield made
    made.close()


def never() -> bool:
    return False


def seconds(room: Room) -> float:
    return (room.now - START) / SECOND


def test_time_jumps_to_the_next_thing_that_happens(room):
    woken = []

    async def main(process: Process) -> None:
        for pause in (3.0, 500.0):
            await asyncio.sleep(pause)
            woken.append(seconds(room))

    room.process("one").start(main)
    began = time.monotonic()
    assert room.run(lambda: len(woken) == 2, HORIZON)
    assert (woken, time.monotonic() - began < 5) == ([3.0, 503.0], True)
    assert not room.run(never, HORIZON), "nothing happens any more"


def test_timers_that_were_cancelled_move_no_time(room):

    async def main(process: Process) -> None:
        asyncio.get_running_loop().call_later(900, print).cancel()
        await asyncio.sleep(2)

    room.process("one").start(main)
    assert not room.run(never, HORIZON)
    assert seconds(room) == 2


def test_a_process_that_is_stopped_does_on_waking_what_was_due_meanwhile(room):
    woken = []

    async def main(process: Process) -> None:
        await asyncio.sleep(5)
        woken.append((seconds(room), process.clock()))

    process = room.process("one")
    process.start(main)
    room.after(SECOND, process.freeze)
    room.after(60 * SECOND, process.wake)
    room.run(never, HORIZON)
    assert woken == [(60.0, 60.0)]


def test_a_process_that_was_killed_does_nothing_more_and_another_life_is_another_process(room):
    done = []

    async def main(process: Process) -> None:
        await asyncio.sleep(5)
        done.append(process.life)

    first = room.process("one")
    first.start(main)
    room.after(SECOND, first.kill)
    room.after(2 * SECOND, lambda: room.process("one").start(main))
    room.run(never, HORIZON)
    assert (done, first.ended_at) == ([2], START + SECOND)


def test_a_strand_waits_beside_its_loop_and_never_at_the_same_time(room):
    told = []

    async def main(process: Process) -> None:
        def work() -> str:
            process.strand_waits(4 * SECOND)
            told.append(("strand", seconds(room)))
            return "done"

        future = asyncio.get_running_loop().run_in_executor(None, work)
        await asyncio.sleep(1)
        told.append(("loop", seconds(room)))
        told.append((await future, seconds(room)))

    room.process("one").start(main)
    room.run(never, HORIZON)
    assert told == [("loop", 1.0), ("strand", 4.0), ("done", 4.0)]


def test_a_process_that_never_comes_to_rest_is_a_mistake(room):

    async def main(process: Process) -> None:
        while True:
            await asyncio.sleep(0)

    room.process("one").start(main)
    with pytest.raises(Bug, match="never comes to rest"):
        room.run(never, HORIZON)
    room.processes[0].kill()
