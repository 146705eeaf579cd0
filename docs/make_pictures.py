"""Draws docs/show.svg: one trace of the refund desk, as the terminal shows it. Run it after `make demo`."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast.journal.open import open_journal
from holdfast.journal.port import Where

HERE = Path(__file__).resolve().parent
JOURNAL = f"sqlite:///{HERE.parent / 'build' / 'demo' / 'journal.db'}"
WIDTH = 104


async def run_of(key: str) -> str:
    """The run that a request of the demo became."""
    journal = open_journal(JOURNAL, readonly=True)
    try:
        return (await journal.find(Where(key=key, limit=1)))[0].run
    finally:
        await journal.close()


def main() -> None:
    """Draw the trace of the mail whose order note tried to have somebody else's money paid out."""
    run = asyncio.run(run_of("mail:0035"))
    words = [sys.executable, "-m", "holdfast", "show", run, "--journal", JOURNAL]
    env = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    shown = subprocess.run(words, capture_output=True, text=True, check=True, env=env).stdout  # noqa: S603
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown.rstrip()))
    drawn = console.export_svg(title=f"holdfast show {run}")
    # A picture fetches nothing: the fonts named in it are used where the reader has them.
    local = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    (HERE / "show.svg").write_text(local, encoding="utf-8")


if __name__ == "__main__":
    main()
