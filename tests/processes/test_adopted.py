"""A deployment while three hundred runs are parked: the agent's folder is edited, and new worker processes take them up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from holdfast import Runner
from holdfast.cli.agents import load_agent
from holdfast.core.state import State
from holdfast.journal.port import Where
from holdfast.views.access import CONTROL
from tests.processes.yard import PATIENCE, ROOT, until

EACH = 75
KINDS = ("review", "ask", "backoff", "doubt")

CONTRACT = """\
name: teller
task: Pay one bill.
takes: Bill
gives: Receipt
models: [anthropic:claude-sonnet-4-5-20250929]
instructions: instructions.md
tools:
  look_up:
  pay:
    review:
      - {when: args.cents > 1000, because: big sums need a person}
  post:
limits: {steps: 9, retries: 9}
"""

TOOLS = '''\
"""Bills, and a file that says what was paid."""

import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import BaseModel

from holdfast import tool
from holdfast.tool import Call, NotDone, Unknown


class Bill(BaseModel):
    bill: str


class Receipt(BaseModel):
    paid: int


class Desk:
    def __init__(self, folder):
        self.folder = Path(folder)
        self._file = os.open(self.folder / "paid.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, what, bill, at):
        os.write(self._file, (json.dumps([what, bill, at.run, at.seq, at.attempt]) + "\\n").encode())


@tool.read(timeout=5)
def look_up(bill: str, *, desk: Desk) -> dict[str, str]:
    """What one bill says."""
    if bill.startswith("backoff") and not (desk.folder / "open").exists():
        raise NotDone("the office is closed", retry_after=6)
    return {"bill": bill}


@tool.write(timeout=5)
def pay(bill: str, cents: int, *, desk: Desk, at: Call) -> Receipt:
    """Pay one bill, once."""
    desk.note("pay", bill, at)
    if bill.startswith("doubt"):
        raise Unknown("no answer came")
    return Receipt(paid=cents)


@tool.write(timeout=5)
def post(bill: str, *, desk: Desk, at: Call) -> Receipt:
    """Send one receipt."""
    desk.note("post", bill, at)
    return Receipt(paid=0)


@asynccontextmanager
async def resources(settings):
    yield Desk(settings["folder"])
'''

STANDIN = '''\
"""Pays what it is told to, and sends a receipt."""

import json

from holdfast.models.scripted import call, done, script_by


def turns(first):
    bill = json.loads(first)["bill"]
    asks = [call("ask", question="shall I?")] if bill.startswith("ask") else []
    cents = 5000 if bill.startswith("review") else 700
    return [*asks, call("look_up", bill=bill), call("pay", bill=bill, cents=cents), call("post", bill=bill), done(paid=cents)]


standin = script_by(turns)
'''

EDITED = (
    CONTRACT.replace("args.cents > 1000", "args.cents > 600").replace("steps: 9", "steps: 12")
    + "surprises: {partial: tell}\n"
).replace("  post:\n", "  post:\n  remind:\n")

NEW_TOOLS = (
    TOOLS.replace("def post(bill: str, *,", 'def post(bill: str, note: str = "", *,')
    + '''

@tool.write(timeout=5)
def remind(bill: str, *, desk: Desk, at: Call) -> Receipt:
    """Remind somebody of one bill."""
    desk.note("remind", bill, at)
    return Receipt(paid=0)
'''
)


def write(folder: Path, contract: str, tools: str, instructions: str) -> Path:
    """The agent's folder."""
    folder.mkdir(exist_ok=True)
    for name, text in (
        ("contract.yaml", contract), ("tools.py", tools), ("standin.py", STANDIN), ("instructions.md", instructions),
    ):  # fmt: skip
        (folder / name).write_text(text)
    return folder


class Desk:
    """The journal, the agent's folder, and the command line in processes of its own."""

    def __init__(self, place: Path) -> None:
        self.place, self.url = place, f"sqlite:///{place / 'journal.db'}"
        self.folder = write(place / "teller", CONTRACT, TOOLS, "Pay what is owed.\n")
        self.workers: list[asyncio.subprocess.Process] = []

    async def process(self, *args: str) -> asyncio.subprocess.Process:
        """`holdfast`, with what every verb here is given."""
        env = {**os.environ, "PYTHONPATH": f"{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
        env.pop("ANTHROPIC_API_KEY", None)
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "holdfast", *args, "--journal", self.url, cwd=self.place, env=env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def cli(self, *args: str, code: int = 0) -> Any:
        """What a verb gives as JSON."""
        process = await self.process(*args, "--json")
        out, err = await process.communicate()
        assert process.returncode == code, err.decode()
        return json.loads(out)

    async def hire(self) -> None:
        """A worker process with the folder as it is now."""
        self.workers.append(await self.process("worker", str(self.folder), "--setting", f"folder={self.place}"))

    async def leave(self) -> None:
        """Workers end, and have recorded what was under way."""
        for worker in self.workers:
            if worker.returncode is None:
                worker.send_signal(signal.SIGTERM)
                _, err = await worker.communicate()
                assert worker.returncode == 0, err.decode()

    def done(self) -> Counter[tuple[str, str]]:
        """What was done over there: (what, bill)."""
        found = self.place / "paid.txt"
        return Counter((what, bill) for what, bill, *_ in map(json.loads, found.read_text().splitlines()))


async def states(runner: Runner) -> dict[str, State]:
    """Every run by its key."""
    rows = await runner.find(Where(limit=10_000))
    return {row.key: await runner.state(row.run) for row in rows if row.run != CONTROL}


def parked(state: State) -> str:
    """What a run waits for: one of KINDS, or nothing."""
    about = {question.asked.about for question in state.questions.values()}
    failed = any(call.status == "failed" for call in state.calls.values())
    kinds = {"review": "review" in about, "ask": "question" in about, "doubt": "doubt" in about, "backoff": failed}
    return next((kind for kind, so in kinds.items() if so), "")


async def park(desk: Desk) -> None:
    """Three hundred runs, each waiting for something, with nobody at work any more."""
    loaded = load_agent(str(desk.folder))
    async with Runner.open(desk.url, model=loaded.models, drives=False) as inbox:
        for key in (f"{kind}:{n}" for kind in KINDS for n in range(EACH)):
            await inbox.start(loaded.agent, {"bill": key}, key=key, by="svc:inbox")
    await desk.cli("worker", str(desk.folder), "--once", "--setting", f"folder={desk.place}")


async def answer(runner: Runner, every: dict[str, State]) -> None:
    """Everybody who is asked says yes; what is in doubt had happened."""
    for state in every.values():
        for question in state.questions.values():
            match question.asked.about:
                case "question":
                    await runner.answer(state.run, question.seq, "answer", by="ana", text="yes")
                case "review":
                    await runner.answer(state.run, question.seq, "approve", by="kim")
                case "doubt":
                    await runner.settle(state.run, question.asked.call, "happened", by="kim", text="it is in the books")


def test_the_folder_is_edited_while_three_hundred_runs_are_parked(tmp_path):
    async def story() -> None:
        desk = Desk(tmp_path)
        await park(desk)
        async with Runner.open(desk.url) as runner:
            before = await states(runner)
            assert Counter(map(parked, before.values())) == dict.fromkeys(KINDS, EACH)
            (old,) = {state.contract_digest for state in before.values()}
            kept = before["ask:0"].contract

            write(desk.folder, EDITED, NEW_TOOLS, "Pay what is owed, and not a cent more.\n")
            (tmp_path / "open").touch()
            found = await desk.cli("diff", before["ask:0"].run, str(desk.folder))
            changed = {change["path"] for change in found["changes"]}
            assert {"instructions", "tools.remind", "tools.pay.review", "limits.steps"} <= changed

            for _ in range(2):
                await desk.hire()
            await answer(runner, before)

            async def asked() -> bool:
                """Whether everybody came to the tool that takes more now: it is put before a person, whatever the contract says."""
                now = await states(runner)
                waiting = [state for state in now.values() if parked(state) == "review"]
                posts = [
                    one
                    for state in waiting
                    for one in state.calls.values()
                    if one.tool == "post" and one.status == "held"
                ]
                return len(posts) == sum(state.closed is None for state in now.values()) > 0 and _looked(now)

            def _looked(now: dict[str, State]) -> bool:
                return all(state.closed is not None or parked(state) == "review" for state in now.values())

            await until(asked, "every run comes to what changed, and says why it waits", PATIENCE)
            meanwhile = await states(runner)
            texts = {
                question.asked.text.partition(": ")[2]
                for one in meanwhile.values()
                for question in one.questions.values()
            }
            assert texts == {"post takes or gives something else than when this run began."}
            await answer(runner, meanwhile)

            async def over() -> bool:
                rows = await runner.find(Where(limit=10_000))
                return all(row.status == "closed" for row in rows)

            await until(over, "none is stranded", PATIENCE)
            await desk.leave()
            after = await states(runner)
            assert Counter(state.closed.outcome for state in after.values() if state.closed) == {
                "done": len(KINDS) * EACH
            }
            assert {(state.contract_digest, str(state.contract)) for state in after.values()} == {(old, str(kept))}
            assert desk.done() == Counter(
                {(what, f"{kind}:{n}"): 1 for what in ("pay", "post") for kind in KINDS for n in range(EACH)}
            )

    async def whole() -> None:
        async with asyncio.timeout(2 * PATIENCE):
            await story()

    asyncio.run(whole())
