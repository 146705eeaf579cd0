"""Raw floors: what SQLite and sha256 alone cost for the bytes holdfast writes.

`python -m bench.floor` prints one JSON line a floor, the median of interleaved rounds. Nothing here knows
holdfast: a floor is the same work without the runtime, and the runtime's figure is read beside it.
"""

import argparse
import asyncio
import hashlib
import json
import queue
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import workload

ROWS_PER_STEP = 5
ROW_BYTES = 350
BATCH_ROWS = 4_096

Row = tuple[int, int, bytes]
Figures = dict[str, object]

SCHEMA = """
CREATE TABLE events (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX events_run_seq ON events (run, seq);
"""
INSERT = "INSERT INTO events (run, seq, body) VALUES (?, ?, ?)"


def connect(database: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """A connection in WAL mode that begins transactions only when told to."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


def create(database: Path) -> None:
    """An empty journal: a rowid table and a unique index on (run, seq)."""
    connection = connect(database)
    connection.executescript(SCHEMA)
    connection.close()


def step_bodies(step: int) -> list[bytes]:
    """The bodies of one step's rows: five of about 350 bytes, the last with the tool's result on top."""
    bodies = [workload.words(f"row {step}.{row}", ROW_BYTES) for row in range(ROWS_PER_STEP)]
    bodies[-1] += workload.tool_result(step)
    return [body.encode() for body in bodies]


def step_rows(run: int, step: int, bodies: Sequence[bytes]) -> list[Row]:
    """The rows of one step of one run, in order."""
    return [(run, step * ROWS_PER_STEP + place, body) for place, body in enumerate(bodies)]


def commit(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """All of these rows in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")


def single_commit(commits: int = 300, row_bytes: int = 600) -> Figures:
    """One synchronous commit of one row, alone: the least that a promise to disk costs."""
    body = workload.words("alone", row_bytes).encode()
    took: list[float] = []
    with tempfile.TemporaryDirectory(prefix="floor-") as directory:
        database = Path(directory, "floor.db")
        create(database)
        connection = connect(database)
        with workload.Meter() as meter:
            for seq in range(commits):
                began = time.perf_counter()
                connection.execute(INSERT, (1, seq, body))
                took.append(time.perf_counter() - began)
        connection.close()
    return {
        "floor": "single_commit",
        "row_bytes": row_bytes,
        "commit_ms": statistics.median(took) * 1e3,
        "commits_per_s": commits / meter.wall,
        "cpu_ms_per_commit": meter.cpu * 1e3 / commits,
        "calibration_ms": meter.calibration_ms,
    }


class Writer(threading.Thread):
    """The one thread that writes: it commits whatever all runs have queued, then wakes them together."""

    def __init__(self, database: Path, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="floor-writer", daemon=True)
        self.commits = 0
        self._database = database
        self._loop = loop
        self._queue: queue.SimpleQueue[tuple[list[Row], asyncio.Future[None]] | None] = queue.SimpleQueue()

    def append(self, rows: list[Row]) -> asyncio.Future[None]:
        """Queue these rows; the future is done once they are on disk."""
        done = self._loop.create_future()
        self._queue.put((rows, done))
        return done

    def stop(self) -> None:
        """Commit what is queued, and end."""
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        connection = connect(self._database)
        running = True
        while running:
            rows: list[Row] = []
            waiting: list[asyncio.Future[None]] = []
            item = self._queue.get()
            while True:
                if item is None:
                    running = False
                    break
                rows += item[0]
                waiting.append(item[1])
                if len(rows) >= BATCH_ROWS:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if rows:
                commit(connection, rows)
                self.commits += 1
                self._loop.call_soon_threadsafe(_wake, waiting)
        connection.close()


def _wake(waiting: Sequence[asyncio.Future[None]]) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(None)


async def _produce(writer: Writer, run: int, steps: Sequence[Sequence[bytes]], waits: int) -> None:
    """One run: its steps one after another, each queued as `waits` appends that are waited for in turn."""
    size = -(-ROWS_PER_STEP // waits)
    for step, bodies in enumerate(steps):
        rows = step_rows(run, step, bodies)
        for start in range(0, ROWS_PER_STEP, size):
            await writer.append(rows[start : start + size])


async def _group(database: Path, runs: int, bodies: list[list[bytes]], waits: int) -> tuple[workload.Meter, int]:
    """All runs to their end, measured, and how many commits it took."""
    writer = Writer(database, asyncio.get_running_loop())
    writer.start()
    with workload.Meter() as meter:
        await asyncio.gather(*(_produce(writer, run, bodies, waits) for run in range(runs)))
    writer.stop()
    return meter, writer.commits


def group_commit(producers: int, steps: int, waits: int = 1) -> Figures:
    """`producers` runs at once through one writer thread that commits in groups, synchronous=FULL.

    `waits` says how often a step waits for the disk: once for all five rows, or more often with fewer.
    """
    bodies = [step_bodies(step) for step in range(steps)]
    with tempfile.TemporaryDirectory(prefix="floor-") as directory:
        database = Path(directory, "floor.db")
        create(database)
        meter, commits = asyncio.run(_group(database, producers, bodies, waits))
        disk = workload.sqlite_bytes(database)
    total = producers * steps
    return {
        "floor": "group_commit",
        "producers": producers,
        "steps": steps,
        "waits_per_step": waits,
        "steps_per_s": total / meter.wall,
        "wall_ms_per_step": meter.wall * 1e3 / total,
        "cpu_ms_per_step": meter.cpu * 1e3 / total,
        "steps_per_commit": total / commits,
        "disk_bytes_per_step": disk / total,
        "calibration_ms": meter.calibration_ms,
    }


def hash_and_insert(steps: int = 2_000) -> Figures:
    """The CPU alone: a sha256 chain over a step's rows, and their insertion with no flush at all."""
    bodies = [step_bodies(step) for step in range(steps)]
    with workload.Meter() as hashing:
        previous = b""
        for step in bodies:
            for body in step:
                previous = hashlib.sha256(previous + body).digest()
    with tempfile.TemporaryDirectory(prefix="floor-") as directory:
        database = Path(directory, "floor.db")
        create(database)
        connection = connect(database, synchronous="OFF")
        with workload.Meter() as inserting:
            for start in range(0, steps, 200):
                batch = range(start, min(start + 200, steps))
                commit(connection, [row for step in batch for row in step_rows(1, step, bodies[step])])
        connection.close()
    return {
        "floor": "hash_and_insert",
        "steps": steps,
        "hash_cpu_us_per_step": hashing.cpu * 1e6 / steps,
        "insert_cpu_us_per_step": inserting.cpu * 1e6 / steps,
        "calibration_ms": inserting.calibration_ms,
    }


def cases(scale: float = 1.0) -> dict[str, Callable[[], Figures]]:
    """Every floor by name; `scale` makes all of them shorter or longer."""

    def sized(number: int) -> int:
        return max(1, round(number * scale))

    return {
        "single_commit": partial(single_commit, sized(300)),
        "group_commit_1": partial(group_commit, 1, sized(300)),
        "group_commit_1_two_waits": partial(group_commit, 1, sized(300), 2),
        "group_commit_200": partial(group_commit, 200, sized(25)),
        "group_commit_200_two_waits": partial(group_commit, 200, sized(25), 2),
        "hash_and_insert": partial(hash_and_insert, sized(2_000)),
    }


def main() -> None:
    """Measure every floor and print one JSON line for each."""
    parser = argparse.ArgumentParser(description="Raw floors of this machine, one JSON line each.")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; the median is printed")
    parser.add_argument("--scale", type=float, default=1.0, help="how long each floor runs")
    options = parser.parse_args()
    taken = workload.interleave(cases(options.scale), options.rounds)
    for figures in taken.values():
        print(json.dumps(workload.median_of(figures) | {"rounds": options.rounds}), flush=True)


if __name__ == "__main__":
    main()
