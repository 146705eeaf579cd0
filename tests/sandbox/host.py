"""What an attack is aimed at, and whether anything came of it: looked at from outside."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
from pathlib import Path

WATCHED = (
    "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/domainname", "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/modprobe", "/proc/swaps", "/etc/passwd", "/etc/hostname",
)  # fmt: skip


class Host:
    """A secret, files that anybody may write, a journal, a process, sockets, and a folder for the program."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.secret = f"secret-{secrets.token_hex(12)}"
        self.mark = f"mark-{secrets.token_hex(12)}"
        self.outside, self.base = folder / "outside", folder / "base"
        for one in (self.outside, self.base, self.base / "sub"):
            one.mkdir()
        self.outside.chmod(0o777)
        (self.outside / "secret").write_text(self.secret)
        (self.outside / "open").write_text("untouched")
        (self.outside / "open").chmod(0o666)
        (self.base / "a.txt").write_text("a\n")
        (self.base / "sub" / "b.txt").write_text("b\n")
        self.journal = self.outside / "journal.db"
        with sqlite3.connect(self.journal) as db:
            db.execute("create table entries (seq integer, event text)")
            db.executemany("insert into entries values (?, ?)", [(n, f"event {n}") for n in range(50)])
        db.close()
        self.journal.chmod(0o666)
        self.victim = subprocess.Popen(["/bin/sleep", "600"], cwd=self.outside, env={"PROBE": self.secret})
        self.tcp, self.six = socket.socket(), socket.socket(socket.AF_INET6)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.abstract, self.path = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self.tcp.bind(("127.0.0.1", 0))
        self.udp.bind(("127.0.0.1", 0))
        self.six_port = 0
        try:
            self.six.bind(("::1", 0))
            self.six_port = self.six.getsockname()[1]
        except OSError:
            pass
        self.abstract.bind(f"\0{self.mark}")
        self.path.bind(str(self.outside / "socket"))
        (self.outside / "socket").chmod(0o777)
        for one in (self.tcp, self.abstract, self.path, *([self.six] if self.six_port else [])):
            one.listen(5)
        for one in (self.tcp, self.six, self.udp, self.abstract, self.path):
            one.setblocking(False)
        self.inherited = os.open(self.outside / "open", os.O_RDWR)
        os.set_inheritable(self.inherited, True)
        self.before = self._facts()

    def given(self):
        """What a program is told of all this."""
        return {
            "outside": str(self.outside), "base": str(self.base), "victim": self.victim.pid, "parent": os.getpid(), "mark": self.mark,
            "journal": str(self.journal), "tcp": self.tcp.getsockname()[1], "udp": self.udp.getsockname()[1], "six": self.six_port,
            "home": str(Path.home()),
        }  # fmt: skip

    def _facts(self):
        """All that may not change."""
        found = {path: Path(path).read_text() for path in WATCHED if Path(path).exists()}
        mounts = [line.split()[:4] for line in Path("/proc/self/mounts").read_text().splitlines()]
        ours = ("/", "/usr", "/tmp", "/etc", "/dev", "/proc", "/sys")  # other tests mount elsewhere at the same time
        found["mounts"] = sorted(mount for mount in mounts if mount[1] in ours or mount[1].startswith(str(self.folder)))
        if Path("/proc/modules").exists():
            found["modules"] = sorted(line.split()[0] for line in Path("/proc/modules").read_text().splitlines())
        for top in (self.outside, self.base):
            for path in sorted(top.rglob("*")):
                status = path.lstat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
                found[str(path)] = (status.st_mode, status.st_nlink, status.st_uid, status.st_mtime_ns, content)
        for path in ("/usr", "/usr/bin", "/usr/local/bin", "/etc", "/dev", "/"):
            found[f"names in {path}"] = tuple(sorted(entry.name for entry in Path(path).iterdir()))
        true = Path("/usr/bin/true").resolve().stat()
        found["/usr/bin/true"] = (true.st_mtime_ns, true.st_size, true.st_mode)
        found["victim"] = (os.getpriority(os.PRIO_PROCESS, self.victim.pid), len(os.sched_getaffinity(self.victim.pid)))
        found["limits"] = Path(f"/proc/{self.victim.pid}/limits").read_text()
        return found

    def _arrived(self):
        found = []
        for name in ("tcp", "six", "udp", "abstract", "path"):
            one = getattr(self, name)
            if name == "six" and not self.six_port:
                continue
            try:
                one.recv(9) if name == "udp" else one.accept()[0].close()
                found.append(name)
            except BlockingIOError:
                pass
        return found

    def left(self):
        """Processes with the mark among their arguments, which a program puts there."""
        found = []
        for name in (entry.name for entry in Path("/proc").iterdir()):
            if name.isdigit():
                try:
                    if self.mark.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                        found.append(int(name))
                except OSError:
                    pass
        return found

    def contained(self):
        """Raises AssertionError where anything outside is otherwise than before."""
        assert self.victim.poll() is None, "the process outside was ended"
        now = self._facts()
        assert {key for key in {*now, *self.before} if now.get(key) != self.before.get(key)} == set()
        assert self._arrived() == []
        assert self.left() == []
        assert not any(self.mark in entry.name for entry in Path("/tmp").iterdir())
        assert os.read(self.inherited, 9) == b"untouched"
        with sqlite3.connect(self.journal) as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)
            assert db.execute("select count(*), max(event) from entries").fetchone() == (50, "event 9")
        db.close()

    def told(self, record, blobs):
        """Raises AssertionError where the secret came out by any way."""
        assert self.secret not in record.stdout.text + record.stderr.text
        for sha in record.plan.posts():
            assert self.secret.encode() not in blobs.get(sha)

    def close(self):
        for one in (self.tcp, self.six, self.udp, self.abstract, self.path):
            one.close()
        os.close(self.inherited)
        self.victim.kill()
        self.victim.wait()


def gone(condition, seconds=10.0):
    """Whether a condition holds before long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def folder():
    """A folder that every account can walk to."""
    return tempfile.TemporaryDirectory(prefix="holdfast-host-")
