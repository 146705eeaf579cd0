"""The launcher of an interpreter's worker: it gives up what a worker does not need, then becomes the worker.

    python -I -S programs_launch.py WALL FILTER COMMAND...

It holds on to nothing but the pipes it talks through: no environment, no other open file, no folder. WALL is one of `WALLS`,
FILTER the filter of system calls in hexadecimal, which bubblewrap is given as an open file. What cannot be set up ends it.

It runs without holdfast: it needs the standard library, and for some walls `kernel.py` beside it. Few modules are imported:
each worker waits for them.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

WALLS: Final = ("bubblewrap", "landlock", "process")
"""From strong to weak. `bubblewrap`: namespaces without network, files or other processes. `landlock`: no file but the
libraries, and no network. `process`: limits of a process only."""

ADDRESS_SPACE: Final = 4 << 30
CPU: Final = 900
"""Seconds; a worker serves one step, which a clock on the other side ends long before. This ends it when that side is gone."""
FILES: Final = 32
FILTER: Final = 9
"""The number under which bubblewrap finds the filter."""

LIBRARIES: Final = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
"""All that a worker may read, and only outside of `process`."""


def give_up() -> None:
    """Close what was inherited, and set the limits of a process."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.closerange(3, 1 << 20)
    os.chdir("/")
    for what, most in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_CPU, CPU),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))


def hand_over(filtered: bytes) -> None:
    """Keep the filter open for the program that this process becomes."""
    reading, writing = os.pipe()
    os.write(writing, filtered)
    os.close(writing)
    os.dup2(reading, FILTER)


def confine(wall: str, filtered: bytes, worker: str) -> None:
    """Take rights from this process: new ones, and behind Landlock every file but the libraries and the worker."""
    sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120  # pathlib takes as long to import as all the rest
    import kernel  # type: ignore[import-not-found]  # the file beside this one; there is no package here

    if wall == "landlock":
        kernel.landlock([*LIBRARIES, "/etc/ld.so.cache", worker], [])
        kernel.filter_calls(filtered)
    else:
        kernel.no_new_privileges()


def main(words: list[str]) -> None:
    """Become the worker."""
    wall, filtered, *command = words
    give_up()
    if wall == "bubblewrap":
        hand_over(bytes.fromhex(filtered))
    elif sys.platform == "linux":
        confine(wall, bytes.fromhex(filtered), command[0])
    os.execve(command[0], command, {})  # noqa: S606  # to become it is what this program is for


if __name__ == "__main__":
    main(sys.argv[1:])
