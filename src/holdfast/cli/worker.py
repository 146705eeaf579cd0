"""`holdfast worker`: drive whatever is due, until told to stop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer
from msgspec import Struct

from holdfast.cli import agents, audited, environment, out
from holdfast.cli.audited import Anchors, KeyFile, Pubs
from holdfast.cli.notify import telling
from holdfast.cli.options import DEFAULT, AsJson, Journal, Settings, Work, pairs
from holdfast.shell.auditor import Auditor
from holdfast.shell.rhythm import Rhythm
from holdfast.shell.worker import Worker, stopping
from holdfast.views.note import Signer


class Order(Struct, frozen=True, kw_only=True):
    """What a worker is to do."""

    url: str
    places: list[str]
    """Of the agents."""
    model: str
    slots: int
    once: bool
    settings: dict[str, str]
    key: str
    """The file of the key that signs checkpoints; empty: none are taken."""
    anchors: list[str]
    pubs: list[str]


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def worker(  # noqa: PLR0917 - a command's arguments and options
        agent: Annotated[list[str], typer.Argument(metavar="AGENT…", help="Folders, or package.module:name.")],
        model: Annotated[str, typer.Option(help="For new runs: provider:model, or standin.")] = "",
        slots: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 200,
        once: Annotated[bool, typer.Option("--once", help="End when nothing is due any more.")] = False,
        setting: Settings = None,
        key: KeyFile = "",
        anchor: Anchors = None,
        pub: Pubs = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Drive the due runs of these agents, until SIGTERM or Ctrl-C; what is under way is finished first."""
        order = Order(
            url=journal, places=agent, model=model, slots=slots, once=once, settings=pairs(setting, "--setting"),
            key=key, anchors=anchor or [], pubs=pub or [],
        )  # fmt: skip
        return partial(_worker, order, as_json)


def _worker(order: Order, as_json: bool) -> int:
    signer = audited.signer(order.key) if order.key else None
    if order.anchors and signer is None:
        out.note("the anchors are given nothing: without a key no checkpoint is taken (--key FILE)")
    loaded = [agents.load_agent(place, order.model) for place in order.places]
    for one in loaded:
        if one.notice:
            out.note(f"{one.agent.name}: {one.notice}")
    if said := environment.told(order.url):
        out.note(said)
    name = asyncio.run(_work(order, loaded, signer))
    if as_json:
        out.give({"worker": name})
    return 0


async def _work(order: Order, loaded: list[agents.Loaded], signer: Signer | None) -> str:
    anchors, keys = audited.anchors(order.anchors), audited.public_keys(order.pubs)
    async with agents.opened(order.url, loaded, settings=order.settings, mode=environment.mode()) as runner:
        rhythm = None
        if signer is not None:
            rhythm = Rhythm(Auditor(runner.journal, signer, anchors, keys=keys), runner.journal, out.note)
        worker = Worker(runner, slots=order.slots, rhythm=rhythm)
        names = ", ".join(one.agent.name for one in loaded)
        signs = f", and signs checkpoints as {signer.key.name}" if signer is not None else ""
        async with telling(runner.journal, runner.worker, worker.stop, finish=order.once) as told:
            signs += f", tells {told} what waits for people" if told else ""
            out.note(f"{runner.worker} works for {names}{signs}; Ctrl-C ends it when what is under way is recorded")
            with stopping(worker):
                await worker.work(until_idle=order.once)
        return runner.worker
