"""A day at the refund desk, with people acting in it: runs of every kind, as entries to read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from holdfast.cli.agents import load_agent
from holdfast.core.fold import fold_all
from holdfast.journal.memory import MemoryJournal
from holdfast.shell.runner import Runner

DESK = Path(__file__).parents[2] / "examples" / "refund_desk"


def question(state, about=""):
    return next(seq for seq, one in state.questions.items() if about in ("", one.asked.about))


async def decided(runner, runs):
    """What people do to the runs that wait."""

    async def state(key):
        return await runner.state(runs[key])

    async def answer(key, verdict, by, text=""):
        await runner.answer(runs[key], question(await state(key)), verdict, by=by, text=text)

    await answer("mail:0017", "deny", "fin", "not this one")
    await runner.amend(runs["mail:0018"], question(await state("mail:0018")), {"cents": 4000}, by="fin")
    await answer("mail:0020", "approve", "care")
    await answer("mail:0023", "take", "lea")
    await runner.say(runs["mail:0025"], "O-1025, the picnic set", by="c:025")
    await runner.cancel(runs["mail:0033"], by="lea", because="spam")
    await answer("mail:0038", "stop", "fin", "fraud")
    await answer("mail:0043", "retry", "ops")
    await answer("mail:0045", "tell", "ops", "decide without it")
    await runner.grant(runs["mail:0059"], "steps", 3, by="boss")
    doubt = next(iter((await state("mail:0049")).questions.values())).asked.call
    await runner.settle(
        runs["mail:0049"], doubt, "happened", by="ops", result={"message_id": 9, "customer_id": "c:031"}
    )
    await runner.pause(runs["mail:0052"], by="ops", why="let me look")
    await runner.resume(runs["mail:0052"], by="ops")
    await asyncio.gather(*(runner.drive(run) for run in runs.values()))


async def day(path):
    loaded = load_agent(str(DESK), "standin")
    lines = [json.loads(line) for line in (DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()]
    opening = Runner.open(
        MemoryJournal(),
        resources=loaded.folder.resources,
        settings={"shop": str(path / "shop.db")},
        model=loaded.models,
    )

    async def served(runner, line):
        run = await runner.start(
            loaded.agent, line["input"], key=line["key"], by=line["by"], on_behalf_of=line["on_behalf_of"]
        )
        await run.result()
        for later in line.get("then", []):
            await run.say(later["say"], by=line["on_behalf_of"])
            await run.result()
        return line["key"], run.name

    async with opening as runner:
        runs = dict(await asyncio.gather(*(served(runner, line) for line in lines)))
        await decided(runner, runs)
        return {key: await runner.entries(run) for key, run in runs.items()}


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    """Request key → entries."""
    return asyncio.run(day(tmp_path_factory.mktemp("desk")))


@pytest.fixture(scope="session")
def folded(desk):
    """Request key → the state after each entry, from the first."""
    return {key: [fold_all(entries[:count]) for count in range(1, len(entries) + 1)] for key, entries in desk.items()}
