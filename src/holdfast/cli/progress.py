"""How a run or a batch goes, while it goes: a live line for who watches a terminal, plain lines for a log."""

from __future__ import annotations

import asyncio
import bisect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from holdfast import units
from holdfast.cli import out
from holdfast.cli.entry_text import line
from holdfast.cli.viewing import Viewer
from holdfast.shell.runner import Runner

STOPPED: Final = ("stopped", "failed", "cancelled")
TELLINGS: Final = 10
"""Plain lines a batch gets, at most."""


class Board:
    """The counts of a batch."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = self.waiting = self.stopped = self.bad = self.before = 0
        self.nusd = 0
        self.times: list[int] = []
        """µs each run took, sorted."""
        self.changed: Callable[[], None] = lambda: None

    @property
    def finished(self) -> int:
        """Lines that need nothing more now."""
        return self.done + self.waiting + self.stopped + self.bad

    def ended(self, word: str, nusd: int, took: int, *, before: bool) -> None:
        """A line came to its end, or waits."""
        if word in STOPPED:
            self.stopped += 1
        elif word in ("waiting", "working"):
            self.waiting += 1
        else:
            self.done += 1
        self.nusd += nusd
        if before:
            self.before += 1
        else:
            bisect.insort(self.times, took)
        self.changed()

    def is_bad(self) -> None:
        """A line could not be taken."""
        self.bad += 1
        self.changed()

    def text(self) -> str:
        """The counts in one line."""
        parts = [f"done {self.done}", f"waiting {self.waiting}", f"stopped {self.stopped}"]
        parts += [f"bad {self.bad}"] if self.bad else []
        parts += [f"{units.say_usd(self.nusd)} USD"]
        if self.times:
            p50, p95 = (units.say_duration(quantile(self.times, share)) for share in (0.5, 0.95))
            parts += [f"p50 {p50} p95 {p95}"]
        return " · ".join(parts)


def quantile(ordered: Sequence[int], share: float) -> int:
    """The value at or under which this share of the values lies (nearest rank)."""
    return ordered[max(-(-len(ordered) * round(share * 100) // 100) - 1, 0)]


@contextmanager
def watched(board: Board) -> Iterator[None]:
    """Show a board on stderr while it changes."""
    if not sys.stderr.isatty():
        board.changed = _Lines(board).tell
        yield
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.fields[text]}", markup=False))
    with Progress(*columns, console=out.console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=board.total, text=board.text())
        board.changed = lambda: progress.update(task, completed=board.finished, text=board.text())
        yield


@asynccontextmanager
async def watching(runner: Runner, run: str, looks: Viewer) -> AsyncIterator[None]:
    """Show on a terminal what one run is doing, while it does it, as it is shown to who looks."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.text import Text

    with out.console(stderr=True).status("") as status:
        glass = looks.glass()

        async def tell() -> None:
            async for entry in runner.follow(run):
                shown = glass.of(entry) if glass is not None else entry
                status.update(Text(line(shown), overflow="ellipsis", no_wrap=True))

        telling = asyncio.create_task(tell())
        try:
            yield
        finally:
            telling.cancel()


class _Lines:
    """Tells of a board now and then, in plain lines."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._told = 0

    def tell(self) -> None:
        board = self._board
        tenth = board.finished * TELLINGS // max(board.total, 1)
        if tenth > self._told:
            self._told = tenth
            out.note(f"{board.finished} of {board.total}: {board.text()}")
