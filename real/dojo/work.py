"""Work side by side: a check's tasks over the processors there are."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final, TypeVar

T = TypeVar("T")

PART: Final = 10
"""Tasks of one job: few enough that the last ones do not work alone for long."""


def parts(tasks: Sequence[str]) -> list[Sequence[str]]:
    """Tasks in jobs of a bearable length."""
    return [tasks[at : at + PART] for at in range(0, len(tasks), PART)]


def side_by_side(work: Callable[..., T], jobs: Sequence[tuple[Any, ...]]) -> list[T]:
    """What each job gives, in their order."""
    at_once = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, len(jobs))
    if at_once < 2:
        return [work(*job) for job in jobs]
    with ProcessPoolExecutor(at_once, mp_context=multiprocessing.get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(work, *job) for job in jobs]]
