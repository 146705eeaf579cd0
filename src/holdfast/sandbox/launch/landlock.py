# ruff: noqa: PTH116, PTH208
# names in /proc and what is given by name to the kernel
"""Starting a program under Landlock: the same machine and processes as the host's, and next to nothing of it within reach."""

from __future__ import annotations

import contextlib
import os
import resource
from typing import Any

from holdfast.sandbox import kernel, seccomp
from holdfast.sandbox.launch.attend import Child
from holdfast.sandbox.launch.bubblewrap import OPEN_FILES, SETTINGS, SYSTEM, become

DEVICES_READ = ("/dev/zero", "/dev/urandom", "/dev/random")
DEVICES = ("/dev/null",)


def start(request: dict[str, Any], place: str, scratch: str, stdin: int) -> Child:
    """Start the program in a folder of its own."""
    (out_read, out), (err_read, err) = os.pipe(), os.pipe()
    limits, account = request["limits"], request["account"]
    program = seccomp.program((), apart=False, owns_nothing=bool(account))
    counted = limits["processes"] + (0 if account else _tasks())
    pid = os.fork()
    if pid == 0:
        try:
            for source, target in ((stdin, 0), (out, 1), (err, 2)):
                os.dup2(source, target)
            os.closerange(3, 4096)
            os.setsid()
            os.chdir(place)
            become(account)
            os.umask(0o022)
            _limit(limits, counted)
            reads = ("/usr", *SYSTEM, *SETTINGS, *DEVICES_READ, *request["reads"])
            kernel.landlock(reads, (place, scratch), DEVICES)
            kernel.filter_calls(program)
            _run(request["argv"], request["environment"])
        except BaseException as error:  # noqa: BLE001 - whatever it is, the launcher has to hear of it
            os.write(2, f"landlock: {error}\n".encode())
        os._exit(126)
    for one in (out, err, stdin):
        os.close(one)
    for one in (out_read, err_read):
        os.set_blocking(one, False)
    return Child(pid, (out_read, err_read))


def _run(argv: list[str], environment: dict[str, str]) -> None:
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - a program is what is asked for
    except FileNotFoundError:
        os.write(2, f"{argv[0]}: not found\n".encode())
        os._exit(127)


def _limit(limits: dict[str, int], processes: int) -> None:
    seconds = -(-limits["cpu"] // 1_000_000)
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits["memory"], limits["memory"]),
        (resource.RLIMIT_NPROC, processes, processes),
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_FSIZE, limits["file_size"], limits["file_size"]),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 65536, 65536),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_SIGPENDING, 1024, 1024),
    ):
        resource.setrlimit(what, (soft, hard))


def _tasks() -> int:
    """Processes and threads of this account: the kernel counts those against the limit too."""
    mine, count = os.getuid(), 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == mine:
                    count += len(os.listdir(f"/proc/{name}/task"))
    return count


def end_account(account: int) -> None:
    """End every process of an account that only one program has, at once."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            os.setresuid(account, account, account)
            os.kill(-1, 9)
        os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
