"""The processes that interpret programs: started behind a wall, used for one step, and killed.

The interpreter runs in a process of its own and never in ours. That process is a fresh one for each step: whatever a program
may do to its interpreter ends with it. The operating system holds it as narrow as the machine allows (`Workers.wall`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, TypeVar

from holdfast.errors import SettingsError
from holdfast.sandbox import kernel, programs_launch, seccomp
from holdfast.sandbox.programs_terms import MOST
from holdfast.units import SECOND

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontySession, OSPolicy, ResourceLimits

T = TypeVar("T")

Wall: TypeAlias = Literal["bubblewrap", "landlock", "process"]
"""What stands around a worker, see `programs_launch.WALLS`."""

Launcher: TypeAlias = Callable[[Path], Sequence[str]]
"""The command that runs the worker at a path behind a wall of somebody else's; the worker's own argument is put after it."""

NOBODY: Final = "65534"
"""The account of a worker in namespaces."""
GRACE: Final = 0.5
"""Seconds a worker may go on beyond a limit of time before it is killed: a long operation is not interrupted in the middle."""

UNHEARD: Final = MOST.stretch / SECOND + 30
"""Seconds after which a worker that says nothing is given up, also one that is starting."""


def interpreter() -> ModuleType:
    """The package pydantic_monty. Raises SettingsError where it is not installed."""
    try:
        import pydantic_monty
    except ImportError:
        raise SettingsError(
            "programs need the package pydantic-monty", hint='pip install "holdfast[sandbox]"'
        ) from None
    return pydantic_monty


def version() -> str:
    """The version of the interpreter that is installed. Raises SettingsError where there is none."""
    return str(interpreter().__version__)


class Handle:
    """The means to kill one worker, from any thread and at any time: also before it began and after it ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._file: int | None = None
        self.killed = False

    def take(self, pid: int | None) -> None:
        """From here on it is about this process, which is ours to wait for and still there."""
        with self._lock:
            self._pid = pid
            if pid is not None and sys.platform == "linux":
                with contextlib.suppress(OSError):  # not everywhere; the number is good enough while we wait for it
                    self._file = os.pidfd_open(pid)
        if self.killed:
            self.kill()

    def kill(self) -> None:
        """End the worker in the middle of whatever it does."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            self.killed = True
            if self._file is not None:
                signal.pidfd_send_signal(self._file, signal.SIGKILL)
            elif self._pid is not None:
                os.kill(self._pid, signal.SIGKILL)

    def leave(self) -> None:
        """It ended, or will by itself."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._pid = self._file = None


class Workers:
    """A context in which there are workers: `async with Workers() as workers: await step(program, [], workers=workers)`.

    `at_once` is how many there are at most; a step beyond waits for one to end. `wall` has to be there; None: the strongest that
    works on this machine. A `launcher` puts workers behind a wall of your own instead.

    After it was entered, `wall` says what stands around each worker. Raises SettingsError where none starts.

    Each worker is talked to by a thread of ours. The package has coroutines too; threads of its own then hold on to objects of
    Python, and a process that ends meanwhile is aborted.
    """

    def __init__(self, *, at_once: int = 4, wall: Wall | None = None, launcher: Launcher | None = None) -> None:
        self.at_once = at_once
        self.wall: Wall | Literal["launcher"] | None = "launcher" if launcher else wall
        self._launcher = launcher
        self._stack = ExitStack()
        self._pool: Monty | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._free = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> Self:
        with ExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(self.at_once, "holdfast-program"))
            self._pool = await asyncio.get_running_loop().run_in_executor(threads, self._open, stack)
            self._threads, self._stack = threads, stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool = self._threads = None
        self._stack.close()

    def _open(self, stack: ExitStack) -> Monty:
        """A pool behind the first wall that holds."""
        monty, worker = interpreter(), _binary()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-")))
        failed = []
        for number, (wall, command) in enumerate(self._commands(worker)):
            start = folder / f"worker{number}"
            start.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
            start.chmod(0o700)
            with ExitStack() as attempt:
                try:
                    pool: Monty = attempt.enter_context(
                        monty.Monty(
                            binary_path=start, min_processes=0, max_processes=self.at_once, max_checkouts_per_worker=1,
                            request_timeout=UNHEARD, feed_duration_limit_grace=GRACE, turn_duration_limit_grace=GRACE,
                        )
                    )  # fmt: skip
                    with pool.checkout() as session:
                        assert session.feed_run("1 + 1") == 2
                except (monty.MontyError, OSError, RuntimeError) as error:
                    failed.append(f"{wall}: {error}")
                    continue
                self.wall = wall
                stack.push(attempt.pop_all())
                return pool
        raise SettingsError(
            f"no worker of pydantic-monty starts ({'; '.join(failed) or 'this machine has no such wall'})"
        )

    async def use(
        self,
        work: Callable[[MontySession, Handle], T],
        limits: ResourceLimits,
        policy: OSPolicy,
        *,
        wall: float,
        stubs: str | None = None,
    ) -> T:
        """What `work` gives with a worker of its own, in a thread; with `stubs`, what is fed to it is checked for types first.

        After `wall` seconds, or when the caller is cancelled, the worker is killed. Raises TimeoutError then, and SettingsError
        where no worker starts.
        """
        assert self._pool is not None, "the workers are used outside of their context"
        checkout = self._pool.checkout(
            limits=limits, os_policy=policy, type_check=stubs is not None, type_check_stubs=stubs,
            type_check_format="json",
        )  # fmt: skip
        async with self._free:
            handle = Handle()
            working = asyncio.get_running_loop().run_in_executor(self._threads, _work, checkout, handle, work)
            working.add_done_callback(lambda done: done.exception())  # if it was killed, nobody else asks for it
            try:
                async with asyncio.timeout(wall):
                    return await asyncio.shield(working)
            finally:
                if not working.done():
                    handle.kill()
                    await asyncio.wait({working})

    def _commands(self, worker: Path) -> Iterator[tuple[Wall | Literal["launcher"], list[str]]]:
        if self._launcher is not None:
            yield "launcher", [*self._launcher(worker)]
            return
        ours = [sys.executable, "-I", "-S", str(Path(programs_launch.__file__).resolve())]
        for wall, filtered, before in _walls(worker):
            if self.wall in (None, wall):
                yield wall, [*ours, wall, filtered.hex(), *before]


def _walls(worker: Path) -> Iterator[tuple[Wall, bytes, list[str]]]:
    """The walls that this machine seems to have: (name, filter of system calls, command)."""
    if sys.platform == "linux":
        try:
            apart, shared = seccomp.program((), apart=True), seccomp.program((), apart=False)
        except KeyError:  # a machine whose system calls have other numbers
            apart = shared = b""
        bwrap = shutil.which("bwrap")
        if apart and bwrap:
            yield "bubblewrap", apart, _in_namespaces(bwrap, worker)
        if shared and kernel.landlock_version() >= kernel.LEAST_LANDLOCK:
            yield "landlock", shared, [str(worker)]
    yield "process", b"", [str(worker)]


def _in_namespaces(bwrap: str, worker: Path) -> list[str]:
    """The command that runs a worker with the libraries and nothing else."""
    words = [
        bwrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv",
        "--cap-drop", "ALL", "--uid", NOBODY, "--gid", NOBODY,
    ]  # fmt: skip
    for folder in map(Path, programs_launch.LIBRARIES):
        if folder.is_symlink():
            words += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            words += ["--ro-bind", str(folder), str(folder)]
    words += ["--ro-bind", str(worker), "/worker", "--chdir", "/", "--seccomp", str(programs_launch.FILTER)]
    return [*words, "--", "/worker"]


def _binary() -> Path:
    """Where the worker is: beside the Python that runs us, or on the path. Raises SettingsError."""
    places = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user")]
    found = os.environ.get("MONTY_BIN") or shutil.which("monty", path=os.pathsep.join(places)) or shutil.which("monty")
    if found is None or not Path(found).is_file():
        raise SettingsError("there is no worker of pydantic-monty", hint='pip install "holdfast[sandbox]"')
    return Path(found).resolve()


def _work(checkout: MontySession, handle: Handle, work: Callable[[MontySession, Handle], T]) -> T:
    from pydantic_monty import MontyError

    with ExitStack() as stack:
        try:
            session = stack.enter_context(checkout)
        except (MontyError, OSError, RuntimeError) as error:
            raise SettingsError(f"a worker of pydantic-monty did not start: {error}") from None
        handle.take(session.worker_pid)
        stack.callback(handle.leave)
        return work(session, handle)
