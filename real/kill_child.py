"""Plays the runs of a set that are not over, in a journal file, step by step: the process that `kill` ends.

    python -m real.kill_child PACK STEM FOLDER

At every step it writes a line and waits for a byte, so that whoever reads it can end it just there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

from holdfast.journal.open import open_journal
from holdfast.journal.port import Where
from real.contracts import agent_of
from real.conversation import play
from real.packs import Pack
from real.scripts import of_run
from real.shop_file import Filed, ShopFile
from real.shops import Shops

AT_ONCE = 8
"""Conversations under way at the same time: so many attempts at most are cut short by one kill."""


def url_of(folder: Path) -> str:
    """Name the journal in a folder."""
    return f"sqlite:///{folder.absolute() / 'journal.db'}"


def shop_of(folder: Path) -> Path:
    """Name the file of shops in a folder."""
    return folder / "shop.db"


def _step(name: str) -> None:
    os.write(1, f"{name}\n".encode())
    if not os.read(0, 1):
        os._exit(3)  # nobody is there to go on for


async def _main(pack: Pack, stem: str, folder: Path) -> None:
    runs = pack.runs(stem)
    shops = Shops(pack.db() or {})
    file = ShopFile(shop_of(folder), shops)
    journal = open_journal(url_of(folder))
    try:
        over = {row.key for row in await journal.find(Where(status="closed", limit=len(runs)))}
        scripts = [of_run(run) for run in runs if run.run_id not in over]
        agent = agent_of(pack, keyed=True)
        await play(agent, scripts, partial(Filed, shops=shops, file=file), journal=journal, step=_step, at_once=AT_ONCE)
    finally:
        await journal.close()
        file.close()


if __name__ == "__main__":
    asyncio.run(_main(Pack(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3])))
