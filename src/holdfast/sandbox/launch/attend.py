"""Waiting for a program: its outputs, its limits, its end, and whoever waits for it."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from holdfast.sandbox.launch import watch

LOOK = 0.05
"""Seconds between looks at what a program uses."""
FLOOD = 16
PATIENCE = 5
"""Seconds that outputs may stay open after everything was ended."""


class Child(NamedTuple):
    """A started program."""

    pid: int
    outputs: tuple[int, int]
    """Descriptors of its standard output and error."""


class Kept:
    """The first and the last bytes of an output."""

    def __init__(self, bound: int) -> None:
        self.half = max(1, bound // 2)
        self.size = 0
        self.head = bytearray()
        self.tail: deque[bytes] = deque()
        self.held = 0

    def add(self, data: bytes) -> None:
        """Take what came."""
        self.size += len(data)
        room = self.half - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if data:
            self.tail.append(data)
            self.held += len(data)
            while self.held - len(self.tail[0]) >= self.half:
                self.held -= len(self.tail.popleft())

    def parts(self) -> tuple[bytes, bytes, int]:
        """(the first bytes, the last bytes, how many are left out between them)."""
        tail = b"".join(self.tail)[-self.half :]
        return bytes(self.head), tail, self.size - len(self.head) - len(tail)


class Ended(NamedTuple):
    """How a program ended."""

    stop: str
    code: int
    outputs: tuple[Kept, Kept]
    wall: int
    cpu: int
    memory: int


def attend(
    child: Child, limits: dict[str, int], end: Callable[[int], Any], occupied: Callable[[], tuple[int, int]] | None
) -> Ended | None:
    """Wait until a program ends, or end it at a limit. None when nobody waits for it any more.

    `end` ends it and all it started; `occupied` says what it uses of the disk, where no kernel bounds that.
    """
    kept = (Kept(limits["output"]), Kept(limits["output"]))
    open_outputs = dict(zip(child.outputs, kept, strict=True))
    done = os.pidfd_open(child.pid)
    start = time.monotonic()
    until, looked, slow = start + limits["wall"] / 1e6, start, LOOK
    stop, code, cpu, peak, over = "", None, 0, 0, until + PATIENCE
    poll = select.poll()
    for one in (0, done, *child.outputs):
        poll.register(one, select.POLLIN | select.POLLHUP)
    while code is None or (open_outputs and time.monotonic() < over):
        now = time.monotonic()
        if not stop and now >= until:
            stop = "time"
        if not stop and code is None and now - looked >= slow:
            stop, cpu, peak = _limits(limits, cpu, peak, occupied)
            looked = time.monotonic()
            slow = max(LOOK, 4 * (looked - now))
        if stop and code is None:
            end(child.pid)
        wait = 0.002 if stop else max(0.001, min(until - now, slow))
        for ready, _ in poll.poll(wait * 1000):
            if ready == 0:
                if not os.read(0, 4096):
                    end(child.pid)
                    return None
            elif ready == done:
                poll.unregister(done)
                _, status, usage = os.wait4(child.pid, 0)
                code = os.waitstatus_to_exitcode(status)
                code = code if code >= 0 else 128 - code
                cpu = max(cpu, round((usage.ru_utime + usage.ru_stime) * 1e6))
                peak = max(peak, usage.ru_maxrss * 1024)
                over = time.monotonic() + PATIENCE
                end(child.pid)  # what it left behind holds its outputs open
            elif data := _read(ready):
                open_outputs[ready].add(data)
                if not stop and code is None and open_outputs[ready].size > FLOOD * limits["output"]:
                    stop = "output"
            else:
                poll.unregister(ready)
                del open_outputs[ready]
    os.close(done)
    cpu = max(cpu, _children_cpu())
    wall = round((time.monotonic() - start) * 1e6)
    return Ended(stop or _by_itself(code, cpu, limits), code, kept, wall, cpu, peak)


def _by_itself(code: int, cpu: int, limits: dict[str, int]) -> str:
    """Why a program ended that we did not end: the kernel signals what reached the limit of a process."""
    if code - 128 == signal.SIGXCPU or (code - 128 == signal.SIGKILL and cpu >= limits["cpu"] * 3 // 4):
        return "cpu"  # the kernel counts whole ticks, and comes to a quarter more or less
    if code - 128 == signal.SIGXFSZ:
        return "disk"
    return "signalled" if 128 < code <= 192 else "exited"


def _read(descriptor: int) -> bytes:
    with contextlib.suppress(BlockingIOError):
        return os.read(descriptor, 1 << 16)
    return b""


def _children_cpu() -> int:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1e6)


def _limits(
    limits: dict[str, int], cpu: int, peak: int, occupied: Callable[[], tuple[int, int]] | None
) -> tuple[str, int, int]:
    """(the limit that is reached, or nothing; µs of processor time; the most bytes of memory so far)."""
    pids = watch.below(os.getpid())
    use = watch.used(pids)
    cpu = max(cpu, use.cpu)
    memory = use.memory
    if memory > limits["memory"]:
        memory = watch.shared_out(pids) or memory
    peak = max(peak, memory)
    if cpu > limits["cpu"]:
        return "cpu", cpu, peak
    if memory > limits["memory"]:
        return "memory", cpu, peak
    if use.processes > limits["processes"] + 8:
        return "processes", cpu, peak
    if occupied is not None:
        size, names = occupied()
        if size > limits["room"] or names > limits["names"]:
            return "disk", cpu, peak
    return "", cpu, peak
