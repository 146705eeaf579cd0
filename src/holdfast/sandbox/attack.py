# ruff: noqa: PTH101, PTH104, PTH108, PTH116, PTH123, PTH208
# what is tried are system calls
"""Runs inside a sandbox, and tries to get out; prints what it could do as one line of JSON. See `probe`.

Its argument says what to try and where. It is careful on purpose: what it opens it closes, and what it could break is the probe's own.
Only the standard library is there.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

MB = 1 << 20


def could(attempt: Callable[[], Any]) -> bool:
    """Whether an attempt worked."""
    try:
        attempt()
    except (OSError, ValueError, MemoryError):
        return False
    return True


def look(at: dict[str, Any]) -> dict[str, Any]:
    """What is within reach at once."""
    outside, victim = at["outside"], at["victim"]
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int) -> bool:
        ctypes.set_errno(0)
        return not (libc.syscall(number, 0, 0, 0, 0, 0, 0) < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS))

    def connect(family: int, where: Any) -> None:
        with socket.socket(family) as one:
            one.settimeout(1)
            one.connect(where)

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"x", ("127.0.0.1", at["udp"]))

    def make(family: int) -> None:
        kind = socket.SOCK_RAW if family == 16 else socket.SOCK_DGRAM if family == 44 else socket.SOCK_STREAM
        socket.socket(family, kind).close()

    def read(path: str) -> bytes:
        return Path(path).read_bytes()

    def opened() -> list[int]:
        return sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1]

    secret, open_file = f"{outside}/secret", f"{outside}/open"
    changes: dict[str, Callable[[], Any]] = {
        "write": lambda: Path(open_file).write_text("written"),
        "make": lambda: Path(f"{outside}/made").write_text("made"),
        "cut": lambda: os.truncate(open_file, 0),
        "mode": lambda: os.chmod(open_file, 0o600),
        "time": lambda: os.utime(open_file, (1, 1)),
        "rename": lambda: os.rename(open_file, f"{outside}/gone"),
        "attribute": lambda: os.setxattr(open_file, "user.probe", b"1"),
        "link": lambda: os.link(open_file, "linked"),
    }
    return {
        "reading": [path for path in (secret, "/etc/shadow", "/etc/hostname") if could(partial(read, path))],
        "writing": [name for name, attempt in changes.items() if could(attempt)],
        "names": could(lambda: os.stat(secret)),
        "tcp": could(lambda: connect(socket.AF_INET, ("127.0.0.1", at["tcp"]))),
        "udp": could(send),
        "families": [family for family in (2, 10, 16, 17, 38, 40, 44) if could(partial(make, family))],
        "abstract": could(lambda: connect(socket.AF_UNIX, "\0" + at["abstract"])),
        "path": could(lambda: connect(socket.AF_UNIX, f"{outside}/socket")),
        "signal": could(lambda: os.kill(victim, signal.SIGUSR1)),
        "seen": could(lambda: Path(f"/proc/{victim}/cmdline").read_bytes()),
        "limits": could(lambda: __import__("resource").prlimit(victim, 7, (3, 3))),
        "environment": sorted(os.environ),
        "files": opened() if could(opened) else [],
        "calls": [name for name, number in at["calls"].items() if call(number)],
    }  # fmt: skip


def processes(at: dict[str, Any]) -> dict[str, Any]:
    """How many there can be."""
    made: list[int] = []
    with contextlib.suppress(OSError):
        for _ in range(at["many"]):
            pid = os.fork()
            if not pid:
                time.sleep(5)
                os._exit(0)
            made.append(pid)
    for pid in made:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return {"made": len(made)}


def memory(at: dict[str, Any]) -> dict[str, Any]:
    """How much one process can hold."""
    held = []
    with contextlib.suppress(MemoryError):
        for _ in range(at["megabytes"]):
            held.append(b"x" * MB)  # noqa: PERF401
    return {"megabytes": len(held)}


def crowd(at: dict[str, Any]) -> dict[str, Any]:
    """How much several processes can hold together, or spin."""
    made = []
    for _ in range(at["processes"]):
        pid = os.fork()
        if not pid:
            held = b"x" * (at["megabytes"] * MB)
            until = time.monotonic() + at["seconds"]
            while time.monotonic() < until:
                if at["spin"]:
                    held[0]
                else:
                    time.sleep(0.05)
            os._exit(0)
        made.append(pid)
    return {"well": sum(os.waitpid(pid, 0)[1] == 0 for pid in made)}


def disk(at: dict[str, Any]) -> dict[str, Any]:
    """How much can be written: in one file, in many, and how many of them."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    one = total = names = 0
    with contextlib.suppress(OSError), open("one", "wb", buffering=0) as file:
        while one < at["megabytes"]:
            file.write(b"x" * MB)
            one += 1
    with contextlib.suppress(OSError):
        os.unlink("one")
        for number in range(at["total"]):
            Path(f"big{number}").write_bytes(b"x" * MB)
            total += 1
    for number in range(total + 1):
        with contextlib.suppress(OSError):
            os.unlink(f"big{number}")
    with contextlib.suppress(OSError):
        for number in range(at["names"]):
            os.close(os.open(f"name{number}", os.O_CREAT | os.O_WRONLY))
            names += 1
    return {"one": one, "total": total, "names": names}


def survive(at: dict[str, Any]) -> dict[str, Any]:
    """A process that wants to outlive everything."""
    if not os.fork():
        os.setsid()
        if not os.fork():
            for number in (0, 1, 2):
                os.close(number)
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(20)", at["mark"]])  # noqa: S606
        os._exit(0)
    time.sleep(0.3)
    return {}


def flood(_: dict[str, Any]) -> dict[str, Any]:
    """Output without end."""
    while True:
        os.write(1, b"x" * 65536)


def sleep(_: dict[str, Any]) -> dict[str, Any]:
    """Time without end."""
    time.sleep(600)
    return {}


def main() -> None:
    """Try what the argument says."""
    at = json.loads(sys.argv[1])
    attempts = (look, processes, memory, crowd, disk, survive, flood, sleep)
    found = {one.__name__: one for one in attempts}[at["try"]](at)
    print(json.dumps(found))  # noqa: T201 - its only way to say anything


if __name__ == "__main__":
    main()
