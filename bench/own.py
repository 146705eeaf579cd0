"""holdfast over the shared workload: figures of its own, each a small function that gives numbers."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import workload
from holdfast import Agent, Runner, Waiting, tool
from holdfast.dialogue import Answer, Request
from holdfast.events import Price, Usage, Wanted

ROOT = Path(__file__).resolve().parents[1]
UNBOUNDED = {"steps": 100_000, "repeats": 1_000, "context": 10**9, "work": "10m"}
TERMS = {"task": "Look every item up.", "instructions": workload.SYSTEM, "limits": UNBOUNDED}


@tool.read(timeout=30)
async def lookup(query: str) -> str:
    """Look one item up, by its number."""
    return workload.tool_result(workload.step_of(query))


@tool.write(timeout=30)
async def store(query: str, *, key: tool.CallKey) -> str:
    """Store one item, by its number."""
    return workload.tool_result(workload.step_of(query))


class Instant:
    """A model that answers at once: `steps` calls of one tool, then done."""

    def __init__(self, steps: int, name: str = "lookup") -> None:
        self.steps, self.name = steps, name

    async def answer(self, request: Request) -> Answer:
        """The next call, or the end."""
        usage = Usage(1_000, 30)
        if request.step > self.steps:
            return Answer(
                calls=(Wanted("end", "done", '{"value": "all items were looked up"}'),), finish="calls", usage=usage
            )
        asked = json.dumps({"query": workload.query(request.step)})
        wanted = Wanted(workload.call_id(request.step), self.name, asked)
        return Answer(workload.model_text(request.step), (wanted,), "calls", usage)

    def price(self) -> Price:
        """Free."""
        return Price(0, 0)

    def quote(self, run: str, step: int) -> None:
        """Nothing is known better than by price."""


def agent(name: str = "reader", made: tool.Tool[..., str] = lookup) -> Agent[str, str]:
    """The agent of the workload."""
    return Agent(name=name, takes=str, gives=str, tools=[made], models=["bench:instant"], **TERMS)  # type: ignore[arg-type]


async def play(url: str, runs: int, steps: int, *, writes: bool = False) -> dict[str, float]:
    """Play so many runs at once, of so many steps; steps/s, wall and CPU ms a step."""
    one = agent("writer", store) if writes else agent()
    model = Instant(steps, "store" if writes else "lookup")
    async with Runner.open("memory:", model=Instant(2, model.name)) as warm:
        await (await warm.start(one, "go")).result()
    async with Runner.open(url, model=model) as runner:
        began, cpu = time.perf_counter(), time.process_time()
        opened = await asyncio.gather(*(runner.start(one, workload.USER) for _ in range(runs)))
        ended = await asyncio.gather(*(run.result() for run in opened))
        wall, used = time.perf_counter() - began, time.process_time() - cpu
    wrong = [outcome for outcome in ended if type(outcome).__name__ != "Done"]
    if wrong:
        raise SystemExit(f"a run of the benchmark ended as {wrong[0]}")
    total = runs * steps
    return {"steps_per_s": total / wall, "wall_ms": wall * 1e3 / total, "cpu_ms": used * 1e3 / total}


def measure(runs: int, steps: int, *, writes: bool = False) -> dict[str, float]:
    """Steps/s, wall and CPU ms a step, disk bytes a step, of so many runs at once on SQLite."""
    workload.prepare(steps)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(play(f"sqlite:///{folder}/journal.db", runs, steps, writes=writes))
        disk = workload.sqlite_bytes(Path(folder) / "journal.db")
    return found | {"disk_bytes": disk / (runs * steps)}


def text_bytes(steps: int) -> float:
    """Bytes of the texts of one step: what is said, asked and returned."""
    asked = json.dumps({"query": workload.query(steps)})
    return float(len(workload.model_text(steps)) + len(asked) + len(workload.tool_result(steps)))


RESUME = """
import asyncio, sys, time
began = time.perf_counter()
from bench.own import Instant, agent
from holdfast import Runner
from holdfast.journal import sqlite
from holdfast.journal.port import Where
from holdfast.shell import opening
imported = time.perf_counter()
class Seen(BaseException): pass
class First(Instant):
    async def answer(self, request):
        print((imported - began) * 1e3, (time.perf_counter() - imported) * 1e3, len(request.segments), flush=True)
        import os; os._exit(0)
async def main():
    async with Runner.open(sys.argv[1], model=First(10**6), agents=[agent()]) as runner:
        row = (await runner.find(Where(limit=1)))[0]
        await runner.attend(row.run)
asyncio.run(main())
"""


def resume(steps: int = 200) -> dict[str, float]:
    """ms in a fresh process from after the imports until the next model call of a run that was killed after `steps`."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/journal.db"
        workload.prepare(steps)
        subprocess.run([sys.executable, "-m", "bench.own", url, str(steps)], cwd=ROOT, check=True, timeout=120)
        line = subprocess.run(
            [sys.executable, "-c", RESUME, url], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
        ).stdout.split()
    if int(line[2]) < 2 * steps:
        raise SystemExit(f"the resumed run knew of {line[2]} segments only")
    return {"import_ms": float(line[0]), "resume_ms": float(line[1])}


class _Stops(Instant):
    """Ends the process in the middle of a run, as a kill would."""

    async def answer(self, request: Request) -> Answer:
        if request.step > self.steps:
            os._exit(0)
        return await super().answer(request)


async def _driven(url: str, steps: int) -> None:
    async with Runner.open(url, model=_Stops(steps)) as runner:
        run = await runner.start(agent(), workload.USER)
        await run.result()


async def _parked(url: str, runs: int) -> dict[str, float]:
    begun: list[float] = []

    @tool.write(timeout=30)
    async def store(query: str, *, key: tool.CallKey) -> str:
        """Store one item, by its number."""
        begun.append(time.perf_counter())
        return workload.tool_result(workload.step_of(query))

    reviewed = Agent(
        name="parks", takes=str, gives=str, models=["bench:instant"], task="Store one item.", limits=UNBOUNDED,
        tools={store: {"review": [{"because": "a person decides"}]}},
    )  # fmt: skip
    async with Runner.open(url, model=Instant(1, "store")) as runner:
        resident = 0
        for first in range(0, runs, 200):
            if not resident and first >= runs // 2:  # caches have their size by then
                resident = _resident()
            opened = await asyncio.gather(*(runner.start(reviewed, "go") for _ in range(min(200, runs - first))))
            held = await asyncio.gather(*(run.result() for run in opened))
            if not all(isinstance(one, Waiting) for one in held):
                raise SystemExit("a run of the benchmark did not wait for its review")
            del opened, held
        grown = (_resident() - resident) / (runs - runs // 2)
        tasks = len([task for task in asyncio.all_tasks() if task.get_name().startswith("drive")])
        wakes = []
        for row in (await runner.journal.find(_waiting(20)))[:20]:
            state = await runner.state(row.run)
            began = time.perf_counter()
            await runner.answer(row.run, next(iter(state.questions)), "approve", by="ann")
            await runner.attend(row.run)
            wakes.append((begun[-1] - began) * 1e3)
    return {"wake_ms": statistics.median(wakes), "tasks": float(tasks), "resident_bytes": grown}


def _resident() -> int:
    """Bytes of memory this process holds, with what it no longer needs given back."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _waiting(limit: int) -> object:
    from holdfast.journal.port import Where

    return Where(questions=True, limit=limit)


def parked(runs: int = 10_000) -> dict[str, float]:
    """10,000 runs that wait for a person: index bytes and resident memory a run, and ms from a person's word to the call it lets begin."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/journal.db"
        workload.prepare(2)
        found = asyncio.run(_parked(url, runs))
        found["index_bytes"] = _index_bytes(Path(folder) / "journal.db") / runs
    return found


def _index_bytes(database: Path) -> float:
    """Bytes of the index's table and its own indexes."""
    import sqlite3

    connection = sqlite3.connect(database)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE tbl_name = 'runs'")]
        marks = ",".join("?" * len(names))
        return float(
            connection.execute(f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({marks})", names).fetchone()[0] or 0
        )
    except sqlite3.OperationalError:
        rows = connection.execute("SELECT * FROM runs LIMIT 200").fetchall()
        return (
            statistics.mean(sum(len(str(value)) for value in row) for row in rows)
            * connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        )
    finally:
        connection.close()


def import_ms(module: str = "holdfast") -> float:
    """Median ms of importing a module in fresh processes."""
    code = f"import time; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1e3)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    return statistics.median(times)


if __name__ == "__main__":
    asyncio.run(_driven(sys.argv[1], int(sys.argv[2])))
