"""`kill`: processes that play a set's runs are killed at random steps, and others go on; nothing may show of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from holdfast.codec import check_chain
from holdfast.core.essence import same
from holdfast.errors import JournalDamaged
from holdfast.events import CallAsked, CallFailed, Entry, ModelFailed
from holdfast.journal.open import open_journal
from holdfast.journal.port import Where
from holdfast.shell.runner import Runner
from real.contracts import Fit
from real.figures import Figure, Sheet
from real.kill_child import shop_of, url_of
from real.live import lacking, states_equal
from real.packs import INJECTED_FAULT, Pack, exchanges
from real.shop_file import ShopFile
from real.shops import Shops

KILLS = 50
"""Kills per pack, divided among its sets."""

SEED = 40
"""What the steps follow from."""

LATE = 0.005
"""Seconds within which a process is killed that was let go on."""

WRITE = "a write"
"""How the steps of a write begin."""

EARLY = 0.7
"""The part of the steps that kills are drawn from; the rest is for waiting, and for the last process to end with."""


@dataclass(frozen=True)
class Kill:
    """When a process is killed."""

    after: int
    """Steps it may make before."""
    in_write: bool
    """Whether a step of a write is waited for."""
    patience: int
    """Steps for which that is waited for at most."""
    late: float
    """Seconds for which it is let go on from there; 0: it is killed just there."""

    def hits(self, steps: int, name: str) -> bool:
        """Tell whether this step is its last."""
        waits = self.in_write and not name.startswith(WRITE)
        return steps >= self.after + (self.patience if waits else 0)


def schedule(steps: int, kills: int, stem: str) -> list[Kill]:
    """Draw the kills for runs that take so many steps undisturbed: a third in writes, a half of all a moment late."""
    chance = Random(f"{SEED} {stem}")  # noqa: S311 - a schedule that can be had again
    kills = min(kills, round(steps * EARLY) // 2)
    places = sorted(chance.sample(range(1, round(steps * EARLY)), kills))
    patience = round(steps * (1 - EARLY) / max(kills, 1))
    drawn: list[Kill] = []
    for before, place in zip([0, *places], places, strict=False):
        late = chance.random() * LATE if chance.random() < 1 / 2 else 0.0
        drawn.append(Kill(place - before, chance.random() < 1 / 3, patience, late))
    return drawn


@dataclass
class Left:
    """What the processes left behind in their folder."""

    journals: dict[str, list[Entry]] = field(default_factory=dict)
    """By the recorded runs' ids."""
    states: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Runs whose chain does not hold."""
    writes: int = 0
    repeated: int = 0
    again: int = 0
    """How often a write came again that had been done already."""

    @property
    def lost(self) -> str:
        """Say which attempts were under way when their process was killed."""
        count = Counter[str]()
        for journal in self.journals.values():
            effects = {entry.seq: entry.event.effect for entry in journal if isinstance(entry.event, CallAsked)}
            for entry in journal:
                match entry.event:
                    case ModelFailed(error="lost"):
                        count["answers"] += 1
                    case CallFailed(error="lost", call=call):
                        count[f"{effects[call]}s"] += 1
        return ", ".join(f"{number} {what}" for what, number in sorted(count.items()))


def check_kill(pack: Pack) -> Iterator[Figure]:
    """Kill, go on, and compare with what came of it undisturbed."""
    stems = pack.sets()
    for at, stem in enumerate(stems):
        sheet = Sheet("kill", pack, stem)
        if why := lacking(pack):
            yield sheet.skipped(why)
            continue
        kills = KILLS // len(stems) + (at < KILLS % len(stems))
        with tempfile.TemporaryDirectory() as folder:
            yield from _killed(sheet, pack, stem, Path(folder), kills)


def _killed(sheet: Sheet, pack: Pack, stem: str, folder: Path, kills: int) -> Iterator[Figure]:
    quiet, rough = folder / "quiet", folder / "rough"
    quiet.mkdir()
    rough.mkdir()
    steps, _ = _process(pack, stem, quiet)
    drawn = schedule(steps, kills, stem)
    done = [_process(pack, stem, rough, kill) for kill in drawn]
    _process(pack, stem, rough)
    undisturbed, left = (asyncio.run(_left(pack, where)) for where in (quiet, rough))
    runs, fit = pack.runs(stem), Fit(pack)
    places = ", ".join(str(made) for made, _ in done)
    note = f"seed {SEED}, each after so many steps of its own: {places}; cut short: {left.lost}; "
    note += f"asked again and found done: {left.again} writes"
    yield sheet.compare("kills", sum(killed for _, killed in done), len(drawn), note)
    ids = [run.run_id for run in runs]
    equal = sum(same(left.journals.get(key, []), undisturbed.journals.get(key, [])) for key in ids)
    yield sheet.compare("journals equal to undisturbed ones", equal, len(ids))
    yield sheet.compare("chains that hold", len(left.journals) - len(left.broken), len(ids))
    writes = sum(
        passes and fit.writes(pair.call.name) and pair.answer != INJECTED_FAULT
        for run in runs for pair, passes in zip(exchanges(run), fit.passing(run), strict=True)
    )  # fmt: skip
    yield sheet.compare("writes done", left.writes, writes)
    yield sheet.compare("writes repeated", left.repeated, 0)
    yield states_equal(sheet, pack.labels(stem), left.states)


def _process(pack: Pack, stem: str, folder: Path, kill: Kill | None = None) -> tuple[int, bool]:
    """Let a process play the runs until it is killed, or to the end. Gives its steps, and whether it was killed."""
    command = [sys.executable, "-m", "real.kill_child", str(pack.folder.absolute()), stem, str(folder)]
    root = Path(__file__).resolve().parents[1]
    steps, killed = 0, False
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:  # noqa: S603 - our own program
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("a process was made without its pipes")
            while name := process.stdout.read(100):  # it waits for our byte after every line, so this reads just one
                steps += 1
                killed = kill is not None and kill.hits(steps, name.decode())
                if kill is None or not killed or kill.late:
                    process.stdin.write(b".")
                if kill is not None and killed:
                    time.sleep(kill.late)
                    process.kill()
                    break
            ended = process.wait()
        except BaseException:
            process.kill()
            raise
    if ended != (-signal.SIGKILL if killed else 0):
        raise RuntimeError(f"the process that plays {pack.name} {stem} ended with {ended}")
    return steps, killed


async def _left(pack: Pack, folder: Path) -> Left:
    """Read what is in a folder, once nobody works there any more."""
    left, shops = Left(), Shops(pack.db() or {})
    journal, file = open_journal(url_of(folder)), ShopFile(shop_of(folder), shops)
    try:
        (left.writes, left.repeated), left.again = file.writes(), file.again()
        async with Runner.open(journal) as runner:
            for row in await runner.find(Where(limit=1_000_000)):
                left.journals[row.key] = await runner.entries(row.run)
                left.states[row.key] = shops.digest(file.shop(row.run))
                try:
                    check_chain(row.run, await journal.read(row.run))
                except JournalDamaged:
                    left.broken.append(row.run)
    finally:
        await journal.close()
        file.close()
    return left
