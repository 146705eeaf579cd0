# ruff: noqa: PTH208
# names in /proc, 20 times a second
"""What a program and all that it started use, looked at from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


class Use(NamedTuple):
    """What a tree of processes uses at a moment."""

    processes: int
    cpu: int
    """µs, of those that are there and those that they waited for."""
    memory: int
    """Bytes in memory; what several share is counted for each."""


def below(pid: int) -> list[int]:
    """The processes that this one started, and theirs."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{one}/task"):
                with contextlib.suppress(OSError):
                    children = [int(child) for child in Path(f"/proc/{one}/task/{task}/children").read_text().split()]
                    found += children
                    waiting += children
    return found


def used(pids: list[int]) -> Use:
    """What these processes use."""
    cpu = memory = count = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cpu += sum(int(field) for field in fields[11:15])
            memory += int(fields[21]) * PAGE
            count += 1
    return Use(count, cpu * 1_000_000 // TICK, memory)


def shared_out(pids: list[int]) -> int:
    """Bytes in memory of these processes, where what several share is counted once; 0 where it cannot be told."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def end_all(pid: int, main: int, patience: float = 5.0) -> bool:
    """End everything below a process that adopts orphans: stopped first, so that nothing is started meanwhile. Whether it worked.

    `main` is left to whoever waits for it; every other one is let go of.
    """
    until = time.monotonic() + patience
    while time.monotonic() < until:
        stopped: set[int] = set()
        while more := {one for one in below(pid) if _alive(one)} - stopped:
            for one in more:
                _signal(one, signal.SIGSTOP)
            stopped |= more
        for one in stopped:
            _signal(one, signal.SIGKILL)
        left = _reap(pid, main)
        if not stopped and not left:
            return True
        time.sleep(0.001)
    return False


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def _reap(pid: int, main: int) -> bool:
    """Let go of adopted processes that ended; whether there are others."""
    left = False
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
            if int(child) != main:
                with contextlib.suppress(ChildProcessError):
                    left |= os.waitpid(int(child), os.WNOHANG)[0] == 0
    return left


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def occupied(folder: str) -> tuple[int, int]:
    """(bytes, names) in a folder of the host, as they are right now; what is going away meanwhile is left out."""
    size = names = 0
    waiting = [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                names += 1
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return size, names
