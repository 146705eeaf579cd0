"""Many schedules, in as many processes as there are cores."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from holdfast.testing.mutants import BY_NAME
from holdfast.testing.sim.play import play

CHUNK: Final = 100
"""Schedules a process plays before it cleans up after itself."""

Found = tuple[int, list[str], int]
"""(seed, what is wrong, entries)."""


def played(seeds: Sequence[int], mutant: str = "") -> list[Found]:
    """Play some seeds, one after another."""
    gc.disable()  # what a schedule leaves behind is many small circles: collected once for all of these
    try:
        return [_played(seed, mutant) for seed in seeds]
    finally:
        gc.collect()
        gc.enable()


def _played(seed: int, mutant: str) -> Found:
    outcome = play(seed, mutant=BY_NAME[mutant].made() if mutant else None, decisions=not mutant)
    return seed, [str(violation) for violation in outcome.violations], outcome.entries


def many(first: int, count: int, *, jobs: int, mutant: str = "") -> Iterator[Found]:
    """Play seeds `first` and following, in several processes; their results in the order of the seeds."""
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    if jobs == 1:
        for chunk in chunks:
            yield from played(chunk, mutant)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for found in pool.map(played, chunks, [mutant] * len(chunks)):
            yield from found
