# ruff: noqa: PTH110, PTH112, PTH114, PTH115
# paths are parts of a command line here
"""Starting a program under bubblewrap: namespaces of its own for everything, and nothing of the host but its system folders.

As root, everything is prepared first and bubblewrap is started by an account of its own, which no other program has: root is not
bound by the number of processes, and owns the switches in /proc/sys. As anybody else, a user namespace lets the launcher mount.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from holdfast.sandbox import kernel, seccomp
from holdfast.sandbox.launch.attend import Child

NOBODY = 65534
BOX = "/box"
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
PEOPLE = {
    "/etc/passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:{NOBODY}:{NOBODY}:nobody:/tmp:/bin/sh\n",
    "/etc/group": f"root:x:0:\nnogroup:x:{NOBODY}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}
OPEN_FILES = 256
SHARED_MEMORY = 16 << 20


def separate() -> None:
    """Leave the mounts of the host, and be allowed to mount: as root by right, as anybody else in a user namespace."""
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.NEW_MOUNTS | (0 if user == 0 else kernel.NEW_USERS))
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)


def opened(reads: list[str]) -> list[tuple[int, str]]:
    """(a descriptor, the path) of each folder to be read: to be taken after `separate`, and before anything is mounted over them."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    return [(os.open(path, flags), path) for path in reads]


def bound(sources: list[tuple[int, str]], under: str) -> list[tuple[str, str]]:
    """(where it can be bound from, where it shall be): at places that the program's account can walk to."""
    found = []
    for at, (source, path) in enumerate(sources):
        place = f"{under}/reads{at}"
        Path(place).mkdir(mode=0o755)
        kernel.bind(f"/proc/self/fd/{source}", place)
        found.append((place, path))
    return found


def arguments(
    request: dict[str, Any],
    place: str,
    reads: list[tuple[str, str]],
    files: dict[str, int],
    filter_at: int,
    status: int,
) -> list[str]:
    """The command line."""
    limits = request["limits"]
    out = [
        request["bwrap"], "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv",
        "--hostname", "sandbox", "--cap-drop", "ALL", "--uid", str(NOBODY), "--gid", str(NOBODY), "--ro-bind", "/usr", "/usr",
    ]  # fmt: skip
    for path in SYSTEM:
        if os.path.islink(path):
            out += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            out += ["--ro-bind", path, path]
    for path in SETTINGS:
        if os.path.exists(path):
            out += ["--ro-bind", path, path]
    for path, opened in files.items():
        out += ["--perms", "0444", "--ro-bind-data", str(opened), path]
    scratch = str(limits["disk"])
    out += ["--proc", "/proc", "--dev", "/dev", "--size", str(SHARED_MEMORY), "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108 - its own
    out += ["--remount-ro", "/dev", "--size", scratch, "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108 - its own
    for source, path in reads:
        out += ["--ro-bind", source, path]
    out += ["--bind", place, BOX]
    out += ["--remount-ro", "/", "--chdir", BOX, "--seccomp", str(filter_at), "--json-status-fd", str(status)]
    for name, value in request["environment"].items():
        out += ["--setenv", name, value]
    seconds = -(-limits["cpu"] // 1_000_000)
    out += [
        "--", "/usr/bin/prlimit", f"--as={limits['memory']}", f"--nproc={limits['processes'] + 1}",
        f"--cpu={seconds}:{seconds + 1}", f"--fsize={limits['file_size']}", f"--nofile={OPEN_FILES}", "--core=0",
        "--memlock=65536", "--msgqueue=0", "--sigpending=1024", "--",
    ]  # fmt: skip
    return [*out, *request["argv"]]


def memory_file(name: str, data: bytes) -> int:
    """A file that is nowhere but open, and that nobody can change, whoever opens it again."""
    opened = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    left = memoryview(data)
    while left:
        left = left[os.write(opened, left) :]
    os.lseek(opened, 0, os.SEEK_SET)
    fcntl.fcntl(
        opened, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    )
    return opened


def start(request: dict[str, Any], place: str, reads: list[tuple[str, str]], stdin: int) -> tuple[Child, int]:
    """Start the program; gives it, and where bubblewrap says how it ended."""
    filter_at = memory_file("filter", seccomp.program())
    files = {path: memory_file("file", text.encode()) for path, text in PEOPLE.items()}
    status_read, status = os.pipe()
    (out_read, out), (err_read, err) = os.pipe(), os.pipe()
    command = arguments(request, place, reads, files, filter_at, status)
    kept = [filter_at, status, *files.values()]
    pid = os.fork()
    if pid == 0:
        try:
            for source, target in ((stdin, 0), (out, 1), (err, 2)):
                os.dup2(source, target)
            for one in kept:
                os.set_inheritable(one, True)  # noqa: FBT003
            os.chdir("/")
            become(request["account"])
            os.execve(command[0], command, {})  # noqa: S606 - bubblewrap
        except BaseException as error:  # noqa: BLE001 - whatever it is, the launcher has to hear of it
            os.write(2, f"bwrap: {error}\n".encode())
        os._exit(127)
    for one in (out, err, stdin, *kept):
        os.close(one)
    for one in (out_read, err_read, status_read):
        os.set_blocking(one, False)
    return Child(pid, (out_read, err_read)), status_read


def become(account: int) -> None:
    """Be another account for good; 0: stay who one is."""
    if account:
        os.setgroups([])
        os.setresgid(account, account, account)
        os.setresuid(account, account, account)
    kernel.die_with_parent()
