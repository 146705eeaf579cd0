"""What a sandbox is to the rest of holdfast: a program, its folder and its limits in; what became of it out.

A backend says what it holds *here*, found out by attacking it on this machine (`probe`), never by its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from holdfast.sandbox.blobs import Blobs
from holdfast.sandbox.plan import Plan
from holdfast.units import SECOND

Isolation: TypeAlias = Literal["language", "kernel", "strong"]
"""`language`: an interpreter that has no way out by construction. `kernel`: processes that the kernel keeps apart. `strong`: a
kernel of its own, or a machine."""

RANK: Final[dict[Isolation, int]] = {"language": 0, "kernel": 1, "strong": 2}

Stop: TypeAlias = Literal["exited", "signalled", "time", "cpu", "memory", "processes", "output", "disk"]
"""Why a program ended: by itself (`exited`), by a signal that was not ours, or because it was stopped at a limit.

A program that is refused memory or processes sees an error of the system and may go on: that is no stop. `memory` and `cpu` are the
sum over all its processes, beyond what was granted.
"""

MB: Final = 1 << 20


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What a program may use."""

    wall: int = 60 * SECOND
    """µs from its start to its end."""
    cpu: int = 30 * SECOND
    """µs of processor time of all its processes."""
    memory: int = 512 * MB
    """Bytes of address space of each process, and of memory of all together."""
    processes: int = 64
    """Processes and threads at a time."""
    file_size: int = 64 * MB
    """Bytes of one file."""
    disk: int = 128 * MB
    """Bytes it may add to its folder; as much again is there for temporary files."""
    files: int = 20_000
    """Files and folders it may add to its folder."""
    output: int = 256 * 1024
    """Bytes that are kept of each of standard output and error. A program that writes more than sixteen times as much is stopped."""


class Spec(Struct, frozen=True):
    """One program to be run."""

    argv: tuple[str, ...]
    """The program and its arguments; nothing is expanded. See `shell` for a line of shell."""
    base: Path | None = None
    """The folder it works in, which it sees as `/box` and which is never changed; empty without one."""
    layer: Plan = Plan()
    """What was changed over the base before, in earlier runs of the same layer."""
    stdin: bytes = b""
    environment: tuple[tuple[str, str], ...] = ()
    """(name, value) of what it finds besides PATH, HOME, TMPDIR, LANG, TZ and Python's settings. Nothing of ours is handed on."""
    reads: tuple[Path, ...] = ()
    """Folders of the host it may read besides the system's, at the same place: an environment of packages."""
    makes: tuple[str, ...] = ()
    """Patterns of files that it has to write."""
    limits: Limits = Limits()
    clock: int | None = None
    """µs since 1970 that it finds in SOURCE_DATE_EPOCH (in whole seconds); a program that asks the kernel gets the real time."""
    seed: int = 0
    """Python's hash seed."""


class Lacking(Struct, frozen=True):
    """An artefact that was declared and is not as it was to be."""

    pattern: str
    what: Literal["missing", "empty", "stale"]


class Output(Struct, frozen=True):
    """What a program wrote to one of its outputs."""

    text: str
    """As UTF-8, with what is none replaced. Where it was too long, its middle is left out, and that is said in it."""
    size: int
    """Bytes that were written, as far as they were read."""
    cut: int = 0
    """Bytes of these that are not in `text`."""


class Record(Struct, frozen=True):
    """What became of a program."""

    backend: str
    profile: str
    """sha256 of the rules it ran under: two records with the same profile were held in the same way."""
    stop: Stop
    code: int
    """As shells say it: what it exited with, or 128 and the number of the signal that ended it."""
    stdout: Output
    stderr: Output
    plan: Plan
    """All that is otherwise in its folder than in the base, this run and the layer before taken together."""
    written: tuple[str, ...]
    """Files that this run wrote, whether or not they are otherwise."""
    lacking: tuple[Lacking, ...]
    """Declared artefacts that are missing, empty, or not of this run."""
    wall: int
    """µs."""
    cpu: int
    """µs of all its processes."""
    memory: int
    """Bytes: the most that was seen of all its processes together."""

    @property
    def ok(self) -> bool:
        """Whether it ended well: with 0, by itself, with all it was to make."""
        return self.stop == "exited" and self.code == 0 and not self.lacking


Held: TypeAlias = Literal["held", "watched", "open"]
"""`held`: refused by the kernel at once. `watched`: looked at several times a second, and stopped. `open`: not bounded."""


class Capabilities(Struct, frozen=True):
    """What a backend really holds on this machine, as the attacks on it showed."""

    backend: str
    version: str
    isolation: Isolation
    available: bool
    why_not: str = ""
    """What is missing where it is not available, and how to get it."""
    reading: Held = "open"
    """Files outside its folder and the system's."""
    writing: Held = "open"
    """Files outside its folder, and their modes, owners and times."""
    names: Held = "open"
    """That a file outside exists, its size and its times."""
    network: Held = "open"
    """The internet protocols."""
    sockets: Held = "open"
    """Every other family of sockets, and sockets of the host."""
    processes_seen: Held = "open"
    """Signalling, tracing or seeing processes outside."""
    environment: Held = "open"
    """Variables and open files of the one who started it."""
    calls: Held = "open"
    """Dangerous system calls: mounts, namespaces, modules, keys, and so on."""
    processes: Held = "open"
    """Their number."""
    memory_each: Held = "open"
    """Memory of one process."""
    memory_total: Held = "open"
    """Memory of all its processes together."""
    file_size: Held = "open"
    disk: Held = "open"
    """Bytes and number of files in its folder."""
    cpu: Held = "open"
    """Processor time of all its processes together."""
    wall: Held = "open"
    output: Held = "open"
    survivors: Held = "open"
    """Processes that it leaves behind."""
    clock: bool = False
    """Whether the clock can be stopped for it."""
    not_covered: tuple[str, ...] = ()
    """What this backend does not hold here, in sentences for people."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """The fields that are open."""
        return tuple(name for name in FIELDS if getattr(self, name) == "open")


FIELDS: Final = (
    "reading", "writing", "names", "network", "sockets", "processes_seen", "environment", "calls", "processes", "memory_each",
    "memory_total", "file_size", "disk", "cpu", "wall", "output", "survivors",
)  # fmt: skip
"""Of `Capabilities`, those that say how something is held."""


class Sandbox(Protocol):
    """A place to run programs in."""

    name: str

    async def probe(self) -> Capabilities:
        """What it holds here; measured at the first use and then remembered until the machine starts anew."""

    async def run(self, spec: Spec, blobs: Blobs) -> Record:
        """Run one program to its end. New content of its folder is put into `blobs`, that of its layer taken from there.

        Cancelling it ends the program and every process it started. Raises SettingsError where the sandbox cannot be set up, and
        InputError where the layer does not lie over the base. A program that fails is no error.
        """


def shell(command: str) -> tuple[str, ...]:
    """A line or script of shell as arguments of a program: bash, without anybody's settings.

    It ends at the first command that fails (`-e`), and a pipeline fails with the last of its members that did (`pipefail`), so that
    `generate | sort` does not hide that `generate` broke. A reader that leaves early makes its writer fail: of `yes | head -1` the
    code is 141.
    """
    return ("/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", command)
