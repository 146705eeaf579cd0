"""`holdfast run AGENT INPUT --debug`: one run, step by step, where a breakpoint in a tool stops it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from holdfast.cli import agents, out
from holdfast.cli.entry_text import line
from holdfast.cli.run import Order, tags
from holdfast.cli.standing import Standing, report, standing
from holdfast.cli.viewing_runs import seen_standing
from holdfast.events import CallJudged, Entry, Json
from holdfast.journal.port import Where
from holdfast.shell.attach import attach
from holdfast.shell.debugging import Debugger, unhurried
from holdfast.views import words


def run(order: Order, loaded: agents.Loaded, value: Json) -> int:
    """Debug a run of this input; the exit code that says how it stands."""
    began = time.monotonic()
    found = asyncio.run(_run(order, loaded, value))
    return report(found, as_json=order.as_json, took=round((time.monotonic() - began) * 1e6))


async def _run(order: Order, loaded: agents.Loaded, value: Json) -> Standing:
    opened = agents.opened(order.journal, [loaded], settings=order.settings, mode=order.mode, kind=Debugger)
    with unhurried(loaded.agent):
        async with opened as runner:
            assert isinstance(runner, Debugger)
            if order.key and await runner.find(Where(key=order.key, limit=1)):
                out.note(f"the request key {order.key} came before: the same request is the same run")
            made = await runner.start(
                loaded.agent, value, key=order.key, by=order.by, on_behalf_of=order.on_behalf_of,
                tags={**tags(loaded), "debug": "true"}, attachments=[attach(path) for path in order.attach],
            )  # fmt: skip
            found = standing(*await runner.debug(made.name, _told(order, made.name), by=order.by))
            return await seen_standing(found, runner, order.looks)


def _told(order: Order, run: str) -> Callable[[Entry], None]:
    """Prints entries as they are written, as they are shown to who looks; those of another run with its name."""
    glass = order.looks.glass()

    def tell(entry: Entry) -> None:
        shown = glass.of(entry) if glass is not None else entry
        whose = "" if entry.run == run else f"{entry.run} "
        out.note(f"{whose}{entry.seq:>4}  {said(shown)}")

    return tell


def said(entry: Entry) -> str:
    """What an entry says; of a judgement, by which rules."""
    text, event = line(entry), entry.event
    if isinstance(event, CallJudged) and event.rules:
        return f"{text}  ({words.plain(', '.join(dict.fromkeys(fired.rule for fired in event.rules)))})"
    return text
