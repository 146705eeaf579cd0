"""What a backend holds on this machine: found out by attacking it, and remembered until the machine or the backend changes.

An option that was accepted, or a version that promises something, is no evidence that a program was held. So a program that tries
to get out is run in the backend, with targets of its own outside; what arrived there counts, not what the program says, wherever
there is something to arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import platform
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from holdfast import codec
from holdfast.errors import SettingsError
from holdfast.sandbox import seccomp, started
from holdfast.sandbox.blobs import Blobs, MemoryBlobs
from holdfast.sandbox.port import MB, Capabilities, Held, Limits, Record, Spec
from holdfast.units import SECOND

ATTACK: Final = Path(__file__).with_name("attack.py")
_SMALL: Final = Limits(
    wall=20 * SECOND,
    cpu=10 * SECOND,
    memory=256 * MB,
    processes=16,
    file_size=4 * MB,
    disk=16 * MB,
    files=500,
    output=64 * 1024,
)


class Backend(Protocol):
    """What a probe needs of a backend."""

    name: str

    def why_not(self) -> str:
        """What is missing for it."""

    def version(self) -> str:
        """Of what it is made of."""

    async def run(self, spec: Spec, blobs: Blobs) -> Record:
        """Run one program."""


def interpreter() -> tuple[str, tuple[Path, ...]]:
    """(a Python that programs can run, the folders they have to be able to read for it): the system's before ours."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.access(path, os.X_OK):
            return path, ()
    return f"{sys.base_prefix}/bin/python3", (Path(sys.base_prefix),)


async def measured(backend: Backend, cache: Path | None) -> Capabilities:
    """What the backend holds here: from `cache`, if it was measured since this machine started, or by attacking it now."""
    if why := backend.why_not():
        return Capabilities(backend.name, "", "kernel", available=False, why_not=why)
    version = backend.version()
    kept = None if cache is None else cache / f"sandbox-{backend.name}-{os.geteuid()}.json"
    key = _key(backend.name, version)
    if kept is not None and (found := _remembered(kept, key)) is not None:
        return found
    try:
        found = await attacked(backend, version)
    except SettingsError as error:
        return Capabilities(
            backend.name, version, "kernel", available=False, why_not=f"{error.what}{_advice(error.what)}"
        )
    if kept is not None:
        with contextlib.suppress(OSError):  # a cache that cannot be written is no reason not to run
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            waiting = kept.with_suffix(f".{secrets.token_hex(4)}")
            waiting.write_bytes(msgspec.json.encode({"key": key, "found": found}))
            waiting.rename(kept)
    return found


def _remembered(kept: Path, key: str) -> Capabilities | None:
    class Kept(msgspec.Struct):
        key: str
        found: Capabilities

    try:
        read = msgspec.json.decode(kept.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read.found if read.key == key else None


def _key(name: str, version: str) -> str:
    boot = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    attack = hashlib.sha256(ATTACK.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    quota = ""
    with contextlib.suppress(OSError):
        quota = Path("/proc/sys/user/max_user_namespaces").read_text().strip()
    return codec.public_digest(
        [started.profile(name, version, _SMALL), attack, boot, os.uname().release, os.geteuid(), quota]
    )


def _advice(what: str) -> str:
    if any(word in what for word in ("uid map", "user namespace", "unshare", "namespace")):
        return (
            ". User namespaces are refused here: by a container's profile (docker run --security-opt seccomp=unconfined, or a profile"
            " that allows unshare), by AppArmor (a profile for bwrap with userns), or by user.max_user_namespaces=0"
        )
    return ""


class Targets:
    """Things outside that nobody in a sandbox may reach, and what reached them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.outside.chmod(0o777)
        (self.outside / "secret").write_text("secret")
        (self.outside / "open").write_text("untouched")
        (self.outside / "open").chmod(0o666)
        self.victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "import time; time.sleep(120)"], stdout=subprocess.DEVNULL, env={}
        )
        self.tcp, self.udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.abstract, self.path = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self.name = f"holdfast-{secrets.token_hex(8)}"
        for one in (self.tcp, self.udp):
            one.bind(("127.0.0.1", 0))
        self.abstract.bind("\0" + self.name)
        self.path.bind(str(self.outside / "socket"))
        (self.outside / "socket").chmod(0o777)
        for listening in (self.tcp, self.abstract, self.path):
            listening.listen(5)
        for one in (self.tcp, self.udp, self.abstract, self.path):
            one.setblocking(False)  # noqa: FBT003

    def given(self) -> dict[str, Any]:
        """What an attack has to know."""
        column = seccomp.MACHINES[platform.machine()][0]
        calls = {name: numbers[column] for name, numbers in seccomp.DENIED.items() if numbers[column] is not None}
        return {
            "outside": str(self.outside), "victim": self.victim.pid, "tcp": self.tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1], "abstract": self.name, "calls": calls,
        }  # fmt: skip

    def arrived(self, one: socket.socket) -> bool:
        """Whether anything came to a socket."""
        try:
            if one.type == socket.SOCK_DGRAM:
                one.recv(10)
            else:
                one.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def untouched(self) -> bool:
        """Whether the files outside are as they were."""
        names = sorted(path.name for path in self.outside.iterdir())
        status = (self.outside / "open").stat()
        whole = names == ["open", "secret", "socket"] and (self.outside / "open").read_text() == "untouched"
        return whole and status.st_mode & 0o777 == 0o666 and status.st_mtime > 1 and status.st_nlink == 1

    def close(self) -> None:
        """Let go of all of it."""
        for one in (self.tcp, self.udp, self.abstract, self.path):
            one.close()
        self.victim.kill()
        self.victim.wait()


@contextlib.contextmanager
def targets() -> Iterator[Targets]:
    """Things outside, for as long as an attack lasts."""
    with tempfile.TemporaryDirectory(prefix="holdfast-probe-") as folder:
        made = Targets(Path(folder))
        try:
            yield made
        finally:
            made.close()


class _Battery:
    """The attacks, one after another."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.python, self.reads = interpreter()

    async def attack(self, word: str, limits: Limits = _SMALL, **at: Any) -> tuple[Record, dict[str, Any]]:
        """(what became of it, what it says it could do)."""
        argv = (self.python, "-s", "-P", "-", json.dumps({"try": word, **at}))
        spec = Spec(argv, stdin=ATTACK.read_bytes(), reads=self.reads, limits=limits)
        record = await self.backend.run(spec, MemoryBlobs())
        said: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            said = json.loads(record.stdout.text)
        return record, said


async def attacked(backend: Backend, version: str) -> Capabilities:
    """Attack the backend now. Raises SettingsError where it cannot even be set up."""
    battery = _Battery(backend)
    held: dict[str, Held] = {}
    with targets() as made:
        record, said = await battery.attack("look", **made.given())
        if not said:
            raise SettingsError(f"nothing can be run in it: {record.stderr.text.strip()[-300:] or record.stop}")
        network = any(made.arrived(one) for one in (made.tcp, made.udp)) or {2, 10} & {*said["families"]}
        sockets = any(made.arrived(one) for one in (made.abstract, made.path)) or {*said["families"]} - {2, 10}
        dead = made.victim.poll() is not None
        held["reading"] = _held(not said["reading"])
        held["writing"] = _held(made.untouched() and not (set(said["writing"]) - {"time"}))
        held["names"] = _held(not said["names"])
        held["network"], held["sockets"] = _held(not network), _held(not sockets)
        held["processes_seen"] = _held(not (dead or said["signal"] or said["seen"] or said["limits"]))
        ours = {*started.environment(Spec(("x",)), ""), "PWD", "LC_CTYPE", "OLDPWD", "SHLVL", "_"}
        held["environment"] = _held(not (set(said["environment"]) - ours or set(said["files"]) - {0, 1, 2}))
        held["calls"] = _held(not said["calls"])
    held |= await _bounds(battery)
    found = Capabilities(backend.name, version, "kernel", available=True, **held)  # type: ignore[arg-type]
    return msgspec.structs.replace(found, not_covered=_not_covered(found))


async def _bounds(battery: _Battery) -> dict[str, Held]:
    small = _SMALL
    held: dict[str, Held] = {}
    record, said = await battery.attack("processes", many=4 * small.processes)
    held["processes"] = "watched" if record.stop == "processes" else _held(0 < said.get("made", 0) <= small.processes)
    _, said = await battery.attack("memory", megabytes=2 * small.memory // MB)
    held["memory_each"] = _held(0 < said.get("megabytes", 0) <= small.memory // MB)
    record, _ = await battery.attack("crowd", processes=6, megabytes=small.memory // MB // 3, seconds=6, spin=False)
    held["memory_total"] = "watched" if record.stop == "memory" else "open"
    spinning = msgspec.structs.replace(small, cpu=SECOND)
    record, _ = await battery.attack("crowd", spinning, processes=3, megabytes=1, seconds=6, spin=True)
    held["cpu"] = "watched" if record.stop == "cpu" and record.cpu < 3 * SECOND else "open"
    record, said = await battery.attack("disk", megabytes=8, total=4 * small.disk // MB, names=2 * small.files)
    held["file_size"] = _held(said.get("one", 0) <= small.file_size // MB or record.stop == "disk")
    walled = 0 < said.get("total", 0) <= small.disk // MB and said.get("names", 0) <= small.files + 64
    held["disk"] = "watched" if record.stop == "disk" else _held(walled)
    record, _ = await battery.attack("flood")
    held["output"] = _held(record.stop == "output" and len(record.stdout.text) < 2 * small.output)
    record, _ = await battery.attack("sleep", msgspec.structs.replace(small, wall=SECOND // 2))
    held["wall"] = _held(record.stop == "time" and record.wall < 5 * SECOND)
    mark = f"holdfast-{secrets.token_hex(8)}"
    await battery.attack("survive", mark=mark)
    held["survivors"] = _held(not await asyncio.to_thread(_marked, mark))
    return held


def _held(yes: bool) -> Held:  # noqa: FBT001
    return "held" if yes else "open"


def _marked(mark: str) -> bool:
    """Whether a process with this argument is there; it is ended if so."""
    found = False
    for name in (entry.name for entry in Path("/proc").iterdir()):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if mark.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                    found = True
                    os.kill(int(name), signal.SIGKILL)
    return found


_SAYS: Final = {
    "reading": "It can read files outside its folder.",
    "writing": "It can change files outside its folder.",
    "names": "It can find out that a file outside exists, how large it is and when it was changed, if this account can.",
    "network": "It can reach the network.",
    "sockets": "It can make sockets that lead out of the sandbox.",
    "processes_seen": "It can see or signal other processes of this account.",
    "environment": "It can read variables or open files of the one who started it.",
    "calls": "System calls that should be refused are not.",
    "processes": "The number of its processes is not bounded.",
    "memory_each": "The memory of a process is not bounded.",
    "memory_total": "The memory of all its processes together is not bounded.",
    "file_size": "The size of a file is not bounded.",
    "disk": "What it writes into its folder is not bounded.",
    "cpu": "The processor time of all its processes together is not bounded.",
    "wall": "It is not ended when its time is over.",
    "output": "Its output is not bounded.",
    "survivors": "Processes that it starts outlive it.",
}
_WATCHED: Final = {
    "memory_total": "The memory of all its processes together is looked at 20 times a second and not refused by the kernel: for a moment"
    " it can be more.",
    "cpu": "The processor time of all its processes together is looked at 20 times a second; that of each is bounded by the kernel.",
    "disk": "What it writes is looked at several times a second and not refused by the kernel: for a moment it can be more.",
    "processes": "The number of its processes is looked at 20 times a second and not refused by the kernel.",
}
ALWAYS: Final = (
    "A mistake in the kernel can let a program out: where programs of strangers are run, use a machine of its own.",
    "Memory that the kernel holds for it, as buffers of sockets and pipes, is bounded by their number only.",
    "It sees the real time, the kind of processor, and how busy the machine is.",
)


def _not_covered(found: Capabilities) -> tuple[str, ...]:
    open_ones = [words for name, words in _SAYS.items() if getattr(found, name) == "open"]
    watched = [words for name, words in _WATCHED.items() if getattr(found, name) == "watched"]
    own: tuple[str, ...] = ()
    if found.backend == "landlock":
        own = ("Should the launcher be killed, processes of the program can go on until their own limits.",)
        if os.geteuid():
            own += ("It cannot change the mode or the owner of a file, not even of its own: `chmod` fails.",)
    return (*open_ones, *watched, *own, *ALWAYS)
