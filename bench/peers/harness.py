"""What the peers' scripts share: the command line, the counted workload, the measuring, the line of JSON.

A script subclasses `Peer` and ends with `main(ThatPeer)`. Modes:

solo        the runs one after another, in the peer's synchronous face if it has one
concurrent  all runs at once in one event loop
threads     all runs at once in the synchronous face, on a pool of threads
resume      a run killed by SIGKILL inside a model call, and the time from starting a fresh process until that
            model call is made again; `--runs` is how often, the median is reported
"""

import argparse
import asyncio
import importlib.metadata
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from bench import workload

ROOT = Path(__file__).resolve().parents[2]
STARTED = "BENCH_STARTED_NS"
RESUMED_RUN = "resumed-run"
WARM_RUNS = 2
THREADS = 32
STAGE_TIMEOUT_S = 300

# No peer reports to anyone: tracing and telemetry off, and keys that could reach no service.
QUIET = {
    "DO_NOT_TRACK": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OPENAI_API_KEY": "none",
    "OTEL_SDK_DISABLED": "true",
}


class Peer(ABC):
    """One peer, driven over the shared workload; `steps` is how long a run is."""

    name: ClassVar[str]
    distributions: ClassVar[tuple[str, ...]]
    modules: ClassVar[tuple[str, ...]]
    durable: ClassVar[bool]
    modes: ClassVar[tuple[str, ...]] = ("solo", "concurrent")

    def __init__(self, mode: str, steps: int, directory: Path) -> None:
        self.mode = mode
        self.steps = steps
        self.database = directory / "peer.db"
        self._asked = itertools.count()
        self._served = itertools.count()

    def model(self, step: int) -> str | None:
        """The model was asked: what it says before this step's tool call, or nothing when it is done."""
        next(self._asked)
        return workload.model_text(step) if step < self.steps else None

    def tool(self, asked: str) -> str:
        """The tool was called: its result."""
        next(self._served)
        return workload.tool_result(workload.step_of(asked))

    def take_counts(self) -> tuple[int, int]:
        """How often the model was asked and the tool called since the last time this was read."""
        counts = next(self._asked), next(self._served)
        self._asked, self._served = itertools.count(), itertools.count()
        return counts

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The peer ready to run, and everything closed afterwards."""
        yield

    @abstractmethod
    async def one(self, key: str) -> str:
        """One run to its final answer."""

    def blocking(self, key: str) -> str:
        """One run to its final answer, in the synchronous face."""
        raise NotImplementedError(f"{self.name} has no synchronous face for run {key}")

    async def resume(self, key: str) -> str:
        """Go on with a run that a killed process left behind, to its final answer."""
        raise NotImplementedError(f"{self.name} resumes no run {key}")


async def run_all(peer: Peer, keys: Sequence[str]) -> list[str]:
    """Every run to its final answer, in the way the mode says."""
    if peer.mode == "solo":
        return [await peer.one(key) for key in keys]
    if peer.mode == "concurrent":
        return list(await asyncio.gather(*(peer.one(key) for key in keys)))
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as pool:
        return list(await asyncio.gather(*(loop.run_in_executor(pool, peer.blocking, key) for key in keys)))


async def measure(peer: Peer, runs: int) -> dict[str, object]:
    """Warm up, run the workload, and check that every model answer and tool call took place."""
    keys = [f"run-{number}" for number in range(runs)]
    async with peer.opened():
        for number in range(WARM_RUNS):
            await peer.one(f"warm-{number}")
        peer.take_counts()
        before = workload.sqlite_bytes(peer.database)
        with workload.Meter() as meter:
            answers = await run_all(peer, keys)
        disk = workload.sqlite_bytes(peer.database) - before
    wrong = [answer for answer in answers if answer != workload.FINAL]
    expected = runs * (peer.steps + 1), runs * peer.steps
    if wrong or (counts := peer.take_counts()) != expected:
        raise SystemExit(f"{peer.name} did other work: {wrong[:1]}, or {counts} calls and not {expected}")
    total = runs * peer.steps
    return {
        "steps_per_s": total / meter.wall,
        "cpu_ms_per_step": meter.cpu * 1e3 / total,
        "wall_ms_per_step": meter.wall * 1e3 / total,
        "disk_bytes": disk,
        "calibration_ms": meter.calibration_ms,
    }


class _Killed:
    """A peer's model that dies by SIGKILL when it is asked for the step after `survived`."""

    def __init__(self, peer: Peer, survived: int) -> None:
        self._answer = peer.model
        self._survived = survived

    def __call__(self, step: int) -> str | None:
        if step == self._survived:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._answer(step)


class _Watched:
    """A peer's model that notes when it is first asked, since its process was started, and for which step."""

    def __init__(self, peer: Peer) -> None:
        self._answer = peer.model
        self.first: tuple[int, float] | None = None

    def __call__(self, step: int) -> str | None:
        if self.first is None:
            self.first = step, (time.monotonic_ns() - int(os.environ[STARTED])) / 1e6
        return self._answer(step)


async def _leave_behind(peer: Peer) -> None:
    peer.model = _Killed(peer, peer.steps)  # type: ignore[method-assign]  # the one place that dies on purpose
    peer.steps += 1
    async with peer.opened():
        await peer.one(RESUMED_RUN)


async def _take_up(peer: Peer) -> dict[str, object]:
    survived = peer.steps
    watched = _Watched(peer)
    peer.model = watched  # type: ignore[method-assign]  # to see the call come back
    peer.steps += 1
    async with peer.opened():
        answer = await peer.resume(RESUMED_RUN)
    if answer != workload.FINAL or watched.first is None or watched.first[0] != survived:
        raise SystemExit(f"{peer.name} resumed at {watched.first} and not at step {survived}: {answer!r}")
    return {"resume_ms": watched.first[1]}


def resume_once(script: str, steps: int) -> dict[str, object]:
    """Kill a run of `steps` steps in one process and take it up in another."""
    said = ""
    with tempfile.TemporaryDirectory(prefix="peer-") as directory:
        for stage in ("leave", "take-up"):
            done = subprocess.run(
                [sys.executable, script, "--steps", str(steps), "--stage", stage, "--directory", directory],
                env=os.environ | {STARTED: str(time.monotonic_ns())},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
                timeout=STAGE_TIMEOUT_S,
            )
            expected = -signal.SIGKILL if stage == "leave" else 0
            if done.returncode != expected:
                raise SystemExit(f"{script}: stage {stage} ended with {done.returncode}, not {expected}")
            said = done.stdout
    figures: dict[str, object] = json.loads(said.splitlines()[-1])
    return figures | {"calibration_ms": workload.calibrate()}


def import_seconds(modules: Sequence[str]) -> float:
    """How long a fresh interpreter takes to import these modules."""
    code = f"import time; began = time.perf_counter(); import {', '.join(modules)}; "
    code += "print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def run_stage(kind: type[Peer], options: argparse.Namespace) -> None:
    """One half of a resume, in the process that `resume_once` started for it."""
    peer = kind("solo", options.steps, Path(options.directory))
    if options.stage == "leave":
        asyncio.run(_leave_behind(peer))
    else:
        print(json.dumps(asyncio.run(_take_up(peer))), flush=True)


def figures_of(kind: type[Peer], options: argparse.Namespace) -> dict[str, object]:
    """The figures of the mode that was asked for."""
    if options.mode == "resume":
        return workload.median_of([resume_once(sys.argv[0], options.steps) for _ in range(options.runs)])
    workload.prepare(options.steps)
    with tempfile.TemporaryDirectory(prefix="peer-") as directory:
        return asyncio.run(measure(kind(options.mode, options.steps, Path(directory)), options.runs))


def main(kind: type[Peer]) -> None:
    """The command line of one peer's script."""
    os.environ.update(QUIET)
    parser = argparse.ArgumentParser(description=f"{kind.name} over the shared workload; prints one line of JSON.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--mode", choices=kind.modes, default="solo")
    parser.add_argument("--stage", choices=("leave", "take-up"), help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        run_stage(kind, options)
        return
    head = {
        "peer": kind.name,
        "version": "+".join(importlib.metadata.version(name) for name in kind.distributions),
        "durable": kind.durable,
        "mode": options.mode,
        "runs": options.runs,
        "steps": options.steps,
    }
    import_s = {"import_s": import_seconds(kind.modules)}
    print(json.dumps(head | figures_of(kind, options) | import_s), flush=True)
