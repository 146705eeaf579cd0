"""Disks that fail: by the kernel's own word, in one process and for the files of one journal only; and a disk that is full.

The first is a seccomp filter, which needs no privilege: from when it is set, the calls that it names give the error that it
names on those files, and cannot be made to succeed again. SQLite and everything above it cannot tell it from a broken disk.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from contextlib import suppress
from typing import Final, Literal

from msgspec import Struct

CALLS: Final = {
    "x86_64": {"seccomp": (317,), "write": (1, 18), "sync": (74, 75)},
    "aarch64": {"seccomp": (277,), "write": (64, 68), "sync": (82, 83)},
}
"""Machine → system calls by number: write and pwrite64, fsync and fdatasync."""

PR_SET_NO_NEW_PRIVS, SET_FILTER, ALL_THREADS = 38, 1, 1
LOAD, SAME, GIVE = 0x20, 0x15, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER, FIRST_ARGUMENT = 0, 16
"""Where a filter finds the number of a call, and (on a little-endian machine) the file it is about."""


class Fault(Struct, frozen=True):
    """What of the disk fails, and with which error."""

    call: Literal["write", "sync"]
    error: Literal["EIO", "ENOSPC"]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def can_break() -> bool:
    """Whether this machine's calls are known by number."""
    return platform.system() == "Linux" and platform.machine() in CALLS


def break_disk(fault: Fault, journal: str) -> None:
    """From now on nothing of this kind succeeds on the journal's files in this process. Raises OSError where it is not allowed."""
    calls = CALLS[platform.machine()]
    steps = b""
    for number in calls[fault.call]:
        for file in _files(journal):
            steps += _step(LOAD, NUMBER) + _step(SAME, number, 0, 3) + _step(LOAD, FIRST_ARGUMENT)
            steps += _step(SAME, file, 0, 1) + _step(GIVE, ERROR | getattr(errno, fault.error))
    steps += _step(GIVE, ALLOW)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(steps) // 8, steps)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(
        calls["seccomp"][0], SET_FILTER, ALL_THREADS, ctypes.byref(program)
    ):
        raise OSError(ctypes.get_errno(), "no filter could be set")


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _files(journal: str) -> list[int]:
    """The open files of a journal in this process: itself and its log, but not the memory its processes share."""
    names = {os.path.realpath(name) for name in (journal, f"{journal}-wal")}
    found = []
    for file in os.listdir("/proc/self/fd"):  # noqa: PTH208 - these are numbers
        with suppress(FileNotFoundError):
            if os.readlink(f"/proc/self/fd/{file}") in names:  # noqa: PTH115
                found.append(int(file))
    return found
