"""SIGKILL at any moment: started again, it sends what was not sent, and what it sends twice is the same twice."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections import Counter
from random import Random

import pytest

from holdfast.journal.open import open_journal
from holdfast.otel.mapping import spans
from tests.otel import program
from tests.otel.told import DONE, STORY, batch, run

RUNS = 60
LIVES = 14
"""Senders that are killed before one may finish."""


async def write(path, chance):
    """Runs side by side in one file; what was written."""
    runs = [run(*STORY, DONE, name=f"r_{number}") for number in range(RUNS)]
    order = [number for number in range(RUNS) for _ in (*STORY, DONE)]
    chance.shuffle(order)
    told = Counter[int]()
    journal = open_journal(f"sqlite:///{path}")
    waiting = []
    for number in order:
        waiting.append(journal.append(batch(runs[number], told[number], upto=told[number] + 1)))
        told[number] += 1
    await asyncio.gather(*waiting)
    await journal.close()
    return runs


@pytest.fixture(scope="module")
def forge():
    """Processes that begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.otel.program"])
    return context


def drawn(chance):
    """The ends of all lives: (when, at which request). The first two come however fast the machine is."""
    ends = [(chance.choice(["comes", "taken", "later"]), chance.randint(1, 6)) for _ in range(LIVES - 2)]
    return [("comes", 1), ("taken", 1), *ends]


def killed(forge, path, collector, chance, moment, after):
    """One life, and its end: as a request comes, when it was taken and not answered, or soon after. How it ended."""
    process = forge.Process(target=program.main, args=(str(path), collector.url))
    gone = threading.Event()
    first = len(collector.requests)

    def end() -> bool:
        os.kill(process.pid, signal.SIGKILL)
        gone.set()
        return True

    def on(number: int) -> bool:
        if number - first != after:
            return False
        if moment == "later":
            threading.Timer(chance.random() * 0.02, end).start()
            return False
        return end()

    setattr(collector, "on_request" if moment != "taken" else "on_answer", on)
    process.start()
    process.join(60)
    collector.on_request = collector.on_answer = lambda number: None
    return moment, process.exitcode


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
def test_killed_at_random_moments_nothing_is_lost(tmp_path, collector, forge, seed):
    chance, path = Random(seed), tmp_path / "journal.db"
    runs = asyncio.run(write(path, chance))
    ends = Counter(killed(forge, path, collector, chance, *end) for end in drawn(chance))
    assert {"comes", "taken"} <= {moment for moment, code in ends if code == -signal.SIGKILL}

    last = forge.Process(target=program.main, args=(str(path), collector.url))
    last.start()
    last.join(60)
    assert last.exitcode == 0

    wanted = {span.id for entries in runs for span in spans(entries)}
    came: dict[str, set[bytes]] = {}
    for span in collector.spans:
        came.setdefault(span.span_id.hex(), set()).add(span.SerializeToString())
    assert set(came) == wanted
    assert all(len(forms) == 1 for forms in came.values())
    assert len(collector.spans) > len(wanted), "nothing was sent twice: the kills met nothing"
    before = len(collector.requests)
    program.main(str(path), collector.url)
    assert len(collector.requests) == before
