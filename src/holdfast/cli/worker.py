"""`holdfast worker`: drive whatever is due, until told to stop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer

from holdfast.cli import agents, out
from holdfast.cli.options import DEFAULT, AsJson, Journal, Settings, Work, pairs
from holdfast.shell.worker import Worker, stopping


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def worker(
        agent: Annotated[list[str], typer.Argument(metavar="AGENT…", help="Folders, or package.module:name.")],
        model: Annotated[str, typer.Option(help="For new runs: provider:model, or standin.")] = "",
        slots: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 200,
        once: Annotated[bool, typer.Option("--once", help="End when nothing is due any more.")] = False,
        setting: Settings = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Drive the due runs of these agents, until SIGTERM or Ctrl-C; what is under way is finished first."""
        return partial(_worker, journal, agent, model, slots, once, pairs(setting, "--setting"), as_json)


def _worker(
    url: str, places: list[str], model: str, slots: int, once: bool, settings: dict[str, str], as_json: bool
) -> int:
    loaded = [agents.load_agent(place, model) for place in places]
    for one in loaded:
        if one.notice:
            out.note(f"{one.agent.name}: {one.notice}")
    name = asyncio.run(_work(url, loaded, slots, once, settings))
    if as_json:
        out.give({"worker": name})
    return 0


async def _work(url: str, loaded: list[agents.Loaded], slots: int, once: bool, settings: dict[str, str]) -> str:
    async with agents.opened(url, loaded, settings=settings) as runner:
        worker = Worker(runner, slots=slots)
        names = ", ".join(one.agent.name for one in loaded)
        out.note(f"{runner.worker} works for {names}; Ctrl-C ends it when what is under way is recorded")
        with stopping(worker):
            await worker.work(until_idle=once)
        return runner.worker
