"""A program that waits for a person, its process killed: it goes on elsewhere with its variables, and all of it can be taken back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast import Done, Runner, Waiting, script
from tests.processes.coder import TURNS, coder
from tests.sandbox.backends import backend
from tests.shell.test_workspace import picture

pytest.importorskip("pydantic_monty", reason="the extra `sandbox` is not installed")


def killed_while_it_waits(url: str, data: Path) -> str:
    """Start the process, wait until it waits, kill it; the run."""
    line = [sys.executable, "-m", "tests.processes.coder", url, str(data)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline().split()
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert told[0] == "Waiting", told
    return told[1]


async def answered(url: str, data: Path, run: str, verdict: str) -> Any:
    async with Runner.open(url, agents=[coder(data)], model=script(*TURNS), drives=False) as runner:
        handle = runner.run(run, coder(data))
        question = next(iter((await handle.state()).questions))
        await runner.answer(run, question, verdict, by="bob", roles=["desk"])
        return await handle.result(), await handle.state()


def test_a_program_killed_while_it_waits_goes_on_with_its_variables_and_the_folder_can_be_restored(tmp_path):
    backend("bubblewrap", None)
    data = tmp_path / "data"
    data.mkdir()
    (data / "words.txt").write_text("one\ntwo\n")
    (data / "old.txt").write_text("old\n")
    before, url = picture(data), f"sqlite:///{tmp_path}/journal.db"
    run = killed_while_it_waits(url, data)
    assert picture(data) == before
    found, state = asyncio.run(answered(url, data, run, "approve"))  # the program, in this process
    assert isinstance(found, Waiting), "now the commit waits"
    shown = [getattr(one, "text", "") for one in state.transcript]
    assert any('"value":[21,"note: total 21"]' in text for text in shown)
    found, _ = asyncio.run(answered(url, data, run, "approve"))
    assert isinstance(found, Done)
    assert (data / "count.txt").read_text().strip() == "2"
    assert not (data / "old.txt").exists()
    ledger = (tmp_path / "ledger.txt").read_text().splitlines()
    assert ledger == ["weighed a", "weighed b", "weighed c", "published total 21"], "nothing was done twice"

    async def undo() -> Any:
        async with Runner.open(url, agents=[coder(data)], model=script(*TURNS)) as runner:
            return await (await runner.undo(await runner.plan_undo(run), by="ann")).result()

    assert isinstance(asyncio.run(undo()), Waiting | Done)

    async def approve() -> Any:
        async with Runner.open(url, agents=[coder(data)], model=script(*TURNS)) as runner:
            from holdfast.journal.port import Where

            row = (await runner.find(Where(agent="coder-undo", limit=1)))[0]
            state = await runner.state(row.run)
            for question in state.questions:
                await runner.answer(row.run, question, "approve", by="bob", roles=["desk"])
            return (await runner.attend(row.run))[1]

    assert asyncio.run(approve()).status == "closed"
    assert picture(data) == before
