"""Calls of the Linux kernel that Python has no function for. Each raises OSError with the name of the call.

This module needs the standard library only: it is run by the launcher, which has no other packages.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

NEW_MOUNTS, NEW_USERS = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
_NO_NEW_PRIVILEGES, _SECCOMP, _SUBREAPER, _DEATH_SIGNAL = 38, 22, 36, 1
_RENAMEAT2: Final = {"x86_64": 316, "aarch64": 276}
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
EXCHANGE: Final = 2


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones."""
    _checked(_libc().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount a file system."""
    call = _libc().mount
    _checked(call(source.encode(), target.encode(), kind.encode(), flags, options.encode()), f"mount {kind or target}")


def bind(source: str, target: str) -> None:
    """Let a file or folder appear at another place too."""
    mount(source, target, "", 4096 | MS_REC)


def no_new_privileges() -> None:
    """No program that is started from here on gains rights by being started."""
    _checked(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl(no_new_privs)")


def adopt_orphans() -> None:
    """Processes below this one whose parent ends become children of this one."""
    _checked(_libc().prctl(_SUBREAPER, 1, 0, 0, 0), "prctl(subreaper)")


def die_with_parent() -> None:
    """SIGKILL to this process when its parent ends."""
    _checked(_libc().prctl(_DEATH_SIGNAL, 9, 0, 0, 0), "prctl(pdeathsig)")


def filter_calls(program: bytes) -> None:
    """Put this process, and all it starts, under a seccomp filter for good."""
    buffer = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _checked(_libc().prctl(_SECCOMP, 2, ctypes.c_char_p(head), 0, 0), "prctl(seccomp)")


def exchange(folder: int, one: str, other: str) -> None:
    """Swap two names in an open folder, at once."""
    number = _RENAMEAT2.get(os.uname().machine)
    if number is None or not hasattr(_libc(), "syscall"):
        raise OSError(38, "renameat2 is not known here")
    call = _libc().syscall
    _checked(call(number, folder, os.fsencode(one), folder, os.fsencode(other), EXCHANGE), "renameat2")


# ------------------------------------------------------------------------------------------------ Landlock

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_CHANGES: Final = sum(1 << bit for bit in range(4, 13))
"""Removing and making of every kind."""
_REFER, _TRUNCATE, _DEVICE = 1 << 13, 1 << 14, 1 << 15
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE
LEAST_LANDLOCK: Final = 3
"""The first version in which cutting a file off is judged; in Linux since 6.2."""


def landlock_version() -> int:
    """The version of Landlock's interface that this kernel has; 0 without it."""
    try:
        call = _libc().syscall
    except AttributeError:
        return 0
    if os.uname().sysname != "Linux":
        return 0
    return max(0, int(call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def landlock(reads: Iterable[str], writes: Iterable[str], both: Iterable[str] = ()) -> None:
    """From here on this process and all it starts may read and run below `reads`, and also change what lies below `writes`.

    `both` are single files that may be read and written. Paths that are not there are left out. TCP is refused altogether, and
    so are signals and abstract sockets to processes outside, where the kernel can. Raises OSError.
    """
    version = landlock_version()
    handled = _EXECUTE | _WRITE_FILE | _READ_FILE | _READ_FOLDER | _CHANGES | _REFER | _TRUNCATE
    handled |= _DEVICE if version >= 5 else 0
    network, scoped = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    wanted = struct.pack("=QQQ", handled, network, scoped)[:size]
    call = _libc().syscall
    rules = _checked(
        call(_CREATE_RULESET, ctypes.c_char_p(wanted), ctypes.c_size_t(size), ctypes.c_uint32(0)),
        "landlock_create_ruleset",
    )
    try:
        reading = _EXECUTE | _READ_FILE | _READ_FOLDER
        for path in reads:
            _grant(rules, path, reading)
        for path in writes:
            _grant(rules, path, handled & ~_DEVICE)
        for path in both:
            _grant(rules, path, _READ_FILE | _WRITE_FILE)
        no_new_privileges()
        _checked(call(_RESTRICT_SELF, rules, ctypes.c_uint32(0)), "landlock_restrict_self")
    finally:
        os.close(rules)


def _grant(rules: int, path: str, access: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = access if Path(path).is_dir() else access & _OF_FILES
            rule = struct.pack("=Qi", allowed, opened)
            call = _libc().syscall
            _checked(call(_ADD_RULE, rules, 1, ctypes.c_char_p(rule), ctypes.c_uint32(0)), f"landlock_add_rule {path}")
        finally:
            os.close(opened)
