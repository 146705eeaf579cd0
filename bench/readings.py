"""How fast recorded runs are judged and decided again: the refund desk's day, over and over, on SQLite. One core, its CPU time.

python -m bench.readings 40        with so many days
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from holdfast.cli.agents import load_agent
from holdfast.cli.decisions import checked
from holdfast.cli.many import read_all
from holdfast.contract import Contract
from holdfast.shell.runner import Runner
from holdfast.views.backtest import Terms, backtest, together

DESK = Path(__file__).resolve().parents[1] / "examples" / "refund_desk"


async def _days(folder: str, days: int) -> Contract:
    loaded = load_agent(str(DESK), "standin")
    lines = [json.loads(line) for line in (DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()]
    for day in range(days):
        settings = {"shop": f"{folder}/shop{day}.db"}
        opening = Runner.open(
            f"sqlite:///{folder}/journal.db", resources=loaded.folder.resources, settings=settings, model=loaded.models
        )
        async with opening as runner:
            runs = [
                await runner.start(
                    loaded.agent, line["input"], key=f"{day} {line['key']}", by=line["by"], on_behalf_of=line["on_behalf_of"]
                )
                for line in lines
            ]  # fmt: skip
            await asyncio.gather(*(run.result() for run in runs))
    return loaded.agent.contract


def measure(days: int) -> dict[str, float]:
    """Calls a minute that are judged under two contracts, and batches of decisions a second that are decided again."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/journal.db"
        contract = asyncio.run(_days(folder, days))
        stricter = json.loads(json.dumps(contract.data).replace("args.cents > 10000", "args.cents > 5000"))
        one, other = Terms(contract), Terms(Contract.parse(stricter))
        began, wall = time.process_time(), time.perf_counter()
        found = together(read_all(url, {}, "", lambda entries: backtest(entries, one, other)))
        judged, took = time.process_time() - began, time.perf_counter() - wall
        began = time.process_time()
        again = asyncio.run(checked(url, "", []))
        decided = time.process_time() - began
    if found.unjudged or again.diverged or not found.newly("reviewed"):
        raise SystemExit("the benchmark's journal is not judged as it should be")
    calls = found.calls + found.later + found.beside
    return {
        "calls": calls, "calls_per_min": calls / judged * 60, "wall_calls_per_min": calls / took * 60,
        "batches_per_s": again.batches / decided,
    }  # fmt: skip


if __name__ == "__main__":
    for name, value in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20).items():
        print(f"{name:20} {value:12,.0f}")
