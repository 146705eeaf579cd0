"""Trials per second with a model that takes no time: `python -m bench.trials [--env .venv-inspect]`. Writes build/trials.json.

A trial is `steps` answers of the model with one call of a read tool each, and a final answer that is graded. Every one of ours
is a full journal on SQLite with its verdict in it. Beside it stands Inspect AI on the same task, with its own mock model, in
the same call: fresh processes, interleaved, the median of the rounds. Its environment is made by
`python bench/peers/setup.py .venv-inspect --requirements bench/peers/requirements-inspect.txt`.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from bench import workload
from bench.own import TERMS, Instant, lookup
from holdfast import Agent
from holdfast.dialogue import Answer, Request
from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import World
from holdfast.evals.grading import graders
from holdfast.evals.trials.trial import Suite, playing
from holdfast.events import Json, Noted, Usage, Wanted
from holdfast.journal.port import Where

ROOT = Path(__file__).resolve().parents[1]
TARGET = 10
TIMEOUT_S = 600

Figures = dict[str, object]


class Ends(Instant):
    """The model of the workload, with the final answer that is asked for."""

    async def answer(self, request: Request) -> Answer:
        """The next call, or the end."""
        if request.step <= self.steps:
            return await super().answer(request)
        said = json.dumps({"value": workload.FINAL})
        return Answer(calls=(Wanted("end", "done", said),), finish="calls", usage=Usage(1_000, 30))


@asynccontextmanager
async def world(state: Json) -> AsyncIterator[World]:
    """Nothing to change."""
    yield World()


def suite(cases: int) -> Suite:
    """So many cases that are all alike."""
    agent = Agent(name="reader", takes=str, gives=str, tools=[lookup], models=["bench:instant"], **TERMS)  # type: ignore[arg-type]
    expect = {"outcome": "done", "output": workload.FINAL}
    made = [
        parse({"name": f"c{number}", "input": workload.USER, "state": {}, "expect": expect}, "bench")
        for number in range(cases)
    ]
    return Suite("reader", agent, tuple(made), graders.GRADERS, world)


async def play(url: str, cases: int, trials: int, steps: int, concurrency: int) -> workload.Meter:
    """Play them, look that each is what it should be, and give the meter of the playing alone."""
    async with playing("memory:", suite(1), model=Ends(steps)) as warm:
        assert [trial.passed async for trial in warm.play(1)] == [True]
    async with playing(url, suite(cases), model=Ends(steps)) as player:
        with workload.Meter() as meter:
            found = [trial async for trial in player.play(trials, concurrency=concurrency)]
        if len(found) != cases * trials or not all(trial.passed and trial.steps == steps + 1 for trial in found):
            raise SystemExit(f"holdfast did other work: {[trial for trial in found if not trial.passed][:1]}")
        rows = await player.runner.journal.find(Where(limit=2))
        entries = [await player.runner.entries(row.run) for row in rows]  # raises where a chain does not hold
        if not rows or any(len(one) < 4 * steps or not isinstance(one[-1].event, Noted) for one in entries):
            raise SystemExit("a trial left no full journal")
    return meter


def own(cases: int, trials: int, steps: int, concurrency: int) -> Figures:
    """What holdfast does, in this process."""
    workload.prepare(steps)
    with tempfile.TemporaryDirectory(prefix="trials-") as folder:
        database = Path(folder) / "eval.db"
        meter = asyncio.run(play(f"sqlite:///{database}", cases, trials, steps, concurrency))
        size = workload.sqlite_bytes(database)
    made = cases * trials
    return {
        "version": "here", "trials_per_s": made / meter.wall, "cpu_ms": meter.cpu * 1e3 / made, "disk_bytes": size / made,
        "calibration_ms": meter.calibration_ms,
    }  # fmt: skip


def in_process(command: list[str]) -> Figures:
    """One measurement in a fresh process: the line of JSON it prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(python: Path | None, sizes: list[str], peer_sizes: list[str], rounds: int) -> dict[str, Figures]:
    """The medians of both sides, interleaved. python: that of the peers; None leaves them out."""
    sides: dict[str, Callable[[], Figures]] = {
        "holdfast": partial(in_process, [sys.executable, "-m", "bench.trials", "--own", *sizes])
    }
    if python is not None:
        script = str(ROOT / "bench" / "peers" / "inspect_trials.py")
        sides["inspect-ai"] = partial(in_process, [str(python), script, *peer_sizes])
    taken = workload.interleave(sides, rounds)
    return {name: workload.median_of(figures) | {"rounds": rounds} for name, figures in taken.items()}


def profile(cases: int, trials: int, steps: int, concurrency: int) -> None:
    """Where the time goes, by function."""
    profiler = cProfile.Profile()
    profiler.enable()
    own(cases, trials, steps, concurrency)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trials per second, beside Inspect AI.")
    parser.add_argument("--env", type=Path, help="the environment of Inspect AI, see below")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--peer-trials", type=int, default=4, help="fewer, since its rate does not depend on them")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--own", action="store_true", help="only holdfast, in this process, as one line of JSON")
    parser.add_argument(
        "--profile", action="store_true", help="only holdfast, in this process, with where its time goes"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "trials.json")
    options = parser.parse_args()
    sizes = (options.cases, options.trials, options.steps, options.concurrency)
    if options.profile:
        profile(*sizes)
        return
    if options.own:
        print(json.dumps(own(*sizes)))
        return
    python = options.env / "bin" / "python" if options.env is not None else None
    if python is not None and not python.exists():
        sys.exit(f"{options.env} holds no environment: {__doc__}")
    rows = measure(python, _sizes(options, options.trials), _sizes(options, options.peer_trials), options.rounds)
    if len(rows) == 2:
        ratio = float(str(rows["holdfast"]["trials_per_s"])) / float(str(rows["inspect-ai"]["trials_per_s"]))
        rows["ratio"] = {"trials_per_s": ratio, "target": TARGET, "ok": ratio >= TARGET}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    for name, row in rows.items():
        print(f"{name:12} {json.dumps(row)}")


def _sizes(options: argparse.Namespace, trials: int) -> list[str]:
    given = {
        "--cases": options.cases,
        "--trials": trials,
        "--steps": options.steps,
        "--concurrency": options.concurrency,
    }
    return [text for name, value in given.items() for text in (name, str(value))]


if __name__ == "__main__":
    main()
