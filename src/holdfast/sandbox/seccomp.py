"""The filter of system calls: which are refused, and the program that the kernel runs before each call.

A deny list, closed above: what the table names is refused with EPERM, and a call with a number higher than any that was known
when the table was made does not exist (ENOSYS), so that a newer kernel opens nothing. `clone3` does not exist either: its
arguments lie in memory, where a filter cannot look; every C library falls back to `clone`, whose flags are looked at.

This module needs the standard library only: it is run by the launcher, which has no other packages.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable
from typing import Final

ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
ERRNO: Final = 0x00050000

LOAD, JUMP_EQUAL, JUMP_ATLEAST, JUMP_ABOVE, JUMP_ANY_BIT, RETURN, AND = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06, 0x54
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
"""Offsets in `struct seccomp_data`; each argument takes eight bytes, its lower half first."""

AF_UNIX: Final = 1
NAMESPACES: Final = 0x7E020000
"""The flags of clone(2) that make a namespace."""
TERMINAL: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: writing into a terminal as if somebody typed."""

MACHINES: Final = {"x86_64": (0, 0xC000003E, 470), "aarch64": (1, 0xC00000B7, 470)}
"""machine: (column in the tables, its audit architecture, the first number of a call that nobody looked at)."""

Numbers = dict[str, tuple[int | None, int | None]]

DENIED: Final[Numbers] = {
    # other processes, and what they hold
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    # mounts, roots and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "open_tree_attr": (467, 467), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "statmount": (457, 457),
    "listmount": (458, 458), "unshare": (272, 97), "setns": (308, 268),
    # wide doors into the kernel
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "vmsplice": (278, 75), "modify_ldt": (154, None), "personality": (135, 92),
    "uselib": (134, None), "_sysctl": (156, None), "sysfs": (139, None), "ustat": (136, None),
    "lookup_dcookie": (212, 18), "nfsservctl": (180, 42),
    # the machine itself
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116), "iopl": (172, None),
    "ioperm": (173, None), "vhangup": (153, 58), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # files by another way than their path
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    # memory that no limit of a process counts
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "move_pages": (279, 239), "migrate_pages": (256, 238), "mbind": (237, 235),
    "set_mempolicy": (238, 237),
}  # fmt: skip

SHARED: Final[Numbers] = {
    # Without namespaces, files that others may write and processes are within reach of calls that Landlock does not judge.
    "setxattr": (188, 5), "lsetxattr": (189, 6), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "setpriority": (141, 140), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),
    "ioprio_set": (251, 30), "mq_open": (240, 180), "mq_unlink": (241, 181),
}  # fmt: skip

OWNED: Final[Numbers] = {
    # What only the owner of a file may do: harmless from an account that owns nothing outside.
    "chmod": (90, None), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None), "lchown": (94, None),
    "fchownat": (260, 54),
}  # fmt: skip

JUDGED: Final[Numbers] = {
    "clone": (56, 220), "clone3": (435, 435), "socket": (41, 198), "socketpair": (53, 199), "ioctl": (16, 29),
    "prlimit64": (302, 261), "utimensat": (280, 88),
}  # fmt: skip
"""Calls whose arguments are looked at."""


class _Program:
    """Instructions with names to jump to: a jump says how many instructions it leaves out, which is known at the end."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, int, str, str]] = []
        self.labels: dict[str, int] = {}

    def add(self, code: int, value: int, then: str = "", otherwise: str = "") -> None:
        self.lines.append((code, value, then, otherwise))

    def label(self, name: str) -> None:
        self.labels[name] = len(self.lines)

    def bytes(self) -> bytes:
        out = b""
        for at, (code, value, then, otherwise) in enumerate(self.lines):
            far = [self.labels[name] - at - 1 if name else 0 for name in (then, otherwise)]
            assert all(0 <= one < 256 for one in far), "a jump of the filter is too far"
            out += struct.pack("=HBBI", code, far[0], far[1], value)
        return out


def program(
    families: Iterable[int] = (AF_UNIX,), *, apart: bool = True, owns_nothing: bool = True, machine: str = ""
) -> bytes:
    """The filter, as the kernel takes it.

    `families` are those of sockets that may be made. `apart` says that there are namespaces: without them, calls are refused too
    that reach files and processes outside; and unless the account `owns_nothing` there, those that an owner may make.
    Raises KeyError for a machine whose numbers are not in the tables.
    """
    column, architecture, unknown = MACHINES[machine or platform.machine()]
    made = _Program()
    made.add(LOAD, ARCHITECTURE)
    made.add(JUMP_EQUAL, architecture, "", "kill")
    made.add(LOAD, NUMBER)
    made.add(JUMP_ATLEAST, unknown, "absent")  # the 32-bit calls of x86-64 (x32) are above it too
    for name in JUDGED:
        if (number := JUDGED[name][column]) is not None and (name != "utimensat" or not apart):
            made.add(JUMP_EQUAL, number, "absent" if name == "clone3" else name)
    refused = {**DENIED, **({} if apart else SHARED), **({} if apart or owns_nothing else OWNED)}
    for number in sorted(one[column] for one in refused.values() if one[column] is not None):  # type: ignore[type-var]
        made.add(JUMP_EQUAL, number or 0, "refused")
    made.add(RETURN, ALLOW)

    made.label("clone")
    made.add(LOAD, ARGUMENTS)
    made.add(JUMP_ANY_BIT, NAMESPACES, "refused", "allowed")
    made.label("socketpair")
    made.add(LOAD, ARGUMENTS)
    made.add(JUMP_EQUAL, AF_UNIX, "allowed", "refused")
    made.label("socket")
    made.add(LOAD, ARGUMENTS)
    for family in families:
        made.add(JUMP_EQUAL, family, "allowed")
    made.add(JUMP_EQUAL, 0xFFFFFFFF, "refused", "refused")
    made.label("ioctl")
    made.add(LOAD, ARGUMENTS + 8)
    for request in TERMINAL:
        made.add(JUMP_EQUAL, request, "refused")
    made.add(RETURN, ALLOW)
    made.label("prlimit64")  # of oneself only
    made.add(LOAD, ARGUMENTS)
    made.add(JUMP_EQUAL, 0, "allowed", "refused")
    if not apart:
        made.label("utimensat")  # of an open file only; of a path it seems to work, so that copying and unpacking do
        made.add(LOAD, ARGUMENTS + 8)
        made.add(JUMP_EQUAL, 0, "", "pretended")
        made.add(LOAD, ARGUMENTS + 12)
        made.add(JUMP_EQUAL, 0, "allowed", "pretended")
        made.label("pretended")
        made.add(RETURN, ERRNO)

    made.label("refused")
    made.add(RETURN, ERRNO | errno.EPERM)
    made.label("absent")
    made.add(RETURN, ERRNO | errno.ENOSYS)
    made.label("kill")
    made.add(RETURN, KILL)
    made.label("allowed")
    made.add(RETURN, ALLOW)
    return made.bytes()
