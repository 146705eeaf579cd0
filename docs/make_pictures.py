"""Draws the pictures of docs/: one trace of the refund desk, as the terminal and as the page show it.

    make demo && python docs/make_pictures.py

show.svg is what `holdfast show RUN` prints. trace.png is what `holdfast show RUN --html FILE` writes, in Debian's headless
Chromium (`apt-get install chromium`), with the call that the contract refused unfolded.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast.journal.open import open_journal
from holdfast.journal.port import Where

HERE = Path(__file__).resolve().parent
JOURNAL = f"sqlite:///{HERE.parent / 'build' / 'demo' / 'journal.db'}"
KEY = "mail:0035"
"""The mail whose order note tried to have somebody else's money paid out."""
WIDTH = 104
SIZE = "1180,1460"


async def run_of(key: str) -> str:
    """The run that a request of the demo became."""
    journal = open_journal(JOURNAL, readonly=True)
    try:
        return (await journal.find(Where(key=key, limit=1)))[0].run
    finally:
        await journal.close()


def shown(run: str, *options: str) -> str:
    """What `holdfast show` prints."""
    words = [sys.executable, "-m", "holdfast", "show", run, "--journal", JOURNAL, *options]
    env = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    return subprocess.run(words, capture_output=True, text=True, check=True, env=env).stdout  # noqa: S603


def draw_terminal(run: str) -> None:
    """Draw show.svg."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown(run).rstrip()))
    drawn = console.export_svg(title=f"holdfast show {run}")
    # A picture fetches nothing: the fonts named in it are used where the reader has them.
    local = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    (HERE / "show.svg").write_text(local, encoding="utf-8")


def draw_page(run: str) -> None:
    """Draw trace.png."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("trace.png is not drawn: apt-get install chromium")
    page = re.sub(r'<details (class="row" id="s14")', r"<details open \1", shown(run, "--html", "-"))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(page, encoding="utf-8")
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        ]
        where = [f"--window-size={SIZE}", f"--screenshot={HERE / 'trace.png'}", f"file://{folder}/page.html"]
        subprocess.run([browser, *options, *where], check=True, capture_output=True, timeout=120)  # noqa: S603


def main() -> None:
    """Draw them."""
    run = asyncio.run(run_of(KEY))
    draw_terminal(run)
    draw_page(run)


if __name__ == "__main__":
    main()
