"""`holdfast show RUN --follow`: entries as they come, one line each, until the run is closed."""

from __future__ import annotations

import asyncio
import json

from holdfast import codec, units
from holdfast.cli import reading
from holdfast.cli.entry_text import line
from holdfast.cli.viewing import Viewer, with_label
from holdfast.events import Entry, Label, RunClosed
from holdfast.shell import bodies
from holdfast.views.carried import Carried


def follow(looks: Viewer, url: str, name: str, as_json: bool) -> int:
    """Print every entry of a run, those to come too; ends when the run does. The viewing is recorded once, at its beginning."""
    return asyncio.run(_follow(looks, url, name, as_json))


async def _follow(looks: Viewer, url: str, name: str, as_json: bool) -> int:
    async with reading.looking(url) as journal:
        run = (await reading.find_row(journal, name)).run
        looks.runs[run] = None
        await looks.record(url)
        carried, glass = Carried(), looks.glass()
        woken = asyncio.Event()
        deaf = journal.listen(lambda spoken, seq: woken.set() if spoken == run else None)
        seq, head, began = 0, codec.GENESIS, 0
        try:
            while True:
                woken.clear()
                for entry in await bodies.entries(journal, run, seq, head, durable=True):
                    seq, head, began = entry.seq, entry.digest, began or entry.at
                    _print(glass.of(entry) if glass is not None else entry, carried.take(entry), began, as_json)
                    if isinstance(entry.event, RunClosed):
                        looks.told(glass)
                        return 0
                await woken.wait()
        finally:
            deaf()


def _print(entry: Entry, label: Label, began: int, as_json: bool) -> None:
    if as_json:
        print(json.dumps(with_label(entry, label), ensure_ascii=False), flush=True)
        return
    print(f"{units.say_duration(entry.at - began):>8} {entry.seq:>5}  {line(entry)}", flush=True)
