"""The work every side of a comparison does, and the meters it is measured with.

A run is `steps` model answers with one tool call each, and a final answer. The model and the tool are local
and take no time. This file imports only the standard library, because every peer's environment imports it.
"""

import functools
import json
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard, TypeVar

Key = TypeVar("Key")
Figure = TypeVar("Figure")

SEED = 20_240_229
SYSTEM_CHARS = 1_024
RESULT_CHARS = 500
MODEL_CHARS = 40
TOOL_NAME = "lookup"
USER = "Look up every item on the list, one after another, and tell me when the last one is done."
FINAL = "Every item on the list has been looked up."


@functools.cache
def _vocabulary() -> tuple[str, ...]:
    """Four thousand made-up words, so that text is as varied as prose and no compressor is flattered."""
    source = random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = [1 / (rank + 2) for rank in range(len(letters))]
    return tuple("".join(source.choices(letters, weights, k=source.randint(2, 9))) for _ in range(4_000))


def words(label: str, chars: int) -> str:
    """Exactly `chars` characters of pseudo-random words, the same for the same label on every machine."""
    picked = random.Random(f"{SEED}:{label}").choices(_vocabulary(), k=chars // 3 + 1)
    return " ".join(picked)[:chars]


SYSTEM = words("system", SYSTEM_CHARS)


@functools.lru_cache(maxsize=10_000)
def model_text(step: int) -> str:
    """What the model says before its tool call of this step: forty characters."""
    return words(f"model {step}", MODEL_CHARS)


@functools.lru_cache(maxsize=10_000)
def tool_result(step: int) -> str:
    """What the tool answers at this step: five hundred characters, never the same twice."""
    return words(f"tool {step}", RESULT_CHARS)


def query(step: int) -> str:
    """The one argument of the tool call of this step."""
    return f"item {step}"


def step_of(asked: str) -> int:
    """The step a tool call's argument belongs to: the inverse of `query`."""
    return int(asked.removeprefix("item "))


def call_id(step: int) -> str:
    """The id of the tool call of this step."""
    return f"call_{step:06d}"


def prepare(steps: int) -> None:
    """Make every text of a run once, so that making text is in nobody's figure."""
    for step in range(steps + 1):
        model_text(step)
        tool_result(step)


_CALIBRATION = {"list": [1, 2, 3, {"text": "x" * 100}], "map": {f"key {i}": i for i in range(20)}}


def calibrate() -> float:
    """CPU milliseconds that a fixed piece of pure Python takes now.

    A shared host runs the same code at speeds that differ by half from one second to the next. Two figures
    compare only when this number beside them is about the same.
    """
    took: list[float] = []
    for _ in range(3):
        began = time.thread_time()
        for _ in range(200):
            json.loads(json.dumps(_CALIBRATION))
            sorted((i * i for i in range(50)), reverse=True)
        took.append((time.thread_time() - began) * 1e3)
    return statistics.median(took)


@dataclass(slots=True)
class Meter:
    """Wall and CPU seconds of a `with` block, over all threads of this process.

    `calibration_ms` is the mean of `calibrate()` before and after the block, outside both clocks.
    """

    wall: float = 0.0
    cpu: float = 0.0
    calibration_ms: float = 0.0
    _wall_began: float = field(default=0.0, repr=False)
    _cpu_began: float = field(default=0.0, repr=False)

    def __enter__(self) -> "Meter":
        self.calibration_ms = calibrate()
        self._cpu_began = time.process_time()
        self._wall_began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall_began
        self.cpu = time.process_time() - self._cpu_began
        self.calibration_ms = (self.calibration_ms + calibrate()) / 2


def sqlite_bytes(database: Path) -> int:
    """Bytes on disk of a SQLite database with its write-ahead log folded in; nothing if there is none."""
    if not database.exists():
        return 0
    connection = sqlite3.connect(database, timeout=30)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    files = (database, database.with_name(database.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def interleave(cases: Mapping[Key, Callable[[], Figure]], rounds: int) -> dict[Key, list[Figure]]:
    """Measure every case once a round, every second round backwards, so that noise falls on all alike."""
    taken: dict[Key, list[Figure]] = {key: [] for key in cases}
    for turn in range(rounds):
        order = list(cases)[:: 1 if turn % 2 == 0 else -1]
        for key in order:
            taken[key].append(cases[key]())
    return taken


def median_of(figures: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The figures of several rounds as one: the median of each number, everything else from the first."""
    if not figures:
        raise ValueError("no round was measured, so there is no median")
    merged = dict(figures[0])
    for key in merged:
        values = [row.get(key) for row in figures]
        numbers = [value for value in values if _is_number(value)]
        if len(numbers) == len(values):
            merged[key] = statistics.median(numbers)
    return merged


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
