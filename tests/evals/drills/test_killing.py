"""Worker processes that are really killed: moments by chance and seed, what was under way, and what the world says then."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli import main
from holdfast.cli.drill_worker import PROGRAM
from holdfast.errors import InputError, UsageError
from holdfast.evals.cases.case import parse
from holdfast.evals.drills.drill import Drill, Wish, drill
from holdfast.evals.drills.killing import Order
from holdfast.evals.drills.moments import LATEST, Tally, draw
from holdfast.evals.drills.process import KIND
from holdfast.evals.grading.graders import GRADERS
from holdfast.evals.readiness.drills import drilled
from holdfast.evals.readiness.read import read
from holdfast.evals.trials.suite import world_of
from holdfast.evals.trials.trial import Suite
from holdfast.events import Noted
from holdfast.journal.open import open_journal
from holdfast.journal.port import Where
from holdfast.shell import bodies
from holdfast.shell.folder import load

CONTRACT = """\
name: quay
task: Load one ship.
takes: str
gives: int
models: [anthropic:claude-sonnet-4-5-20250929]
tools:
  look:
  load:
  ring:
    review: [{because: the harbour master wants to know, by: master}]
"""
TOOLS = """\
from pathlib import Path

from pydantic import BaseModel
from holdfast import tool
from holdfast.tool import CallKey

class Book:
    "What was done, a line each; a line is there whole, or not at all."
    def __init__(self, path):
        self.path = Path(path)
        self.path.touch()
    def lines(self):
        return [line.split() for line in self.path.read_text().splitlines()]
    def act(self, *words):
        with self.path.open("a") as file:
            file.write(" ".join(words) + "\\n")

class Receipt(BaseModel):
    id: str

@tool.read(timeout=5)
async def look(ship: str, *, book: Book) -> dict[str, str]:
    "What is known of one ship, by its name."
    return {"ship": ship}

@tool.write(timeout=5, effect_id="id")
def load(ship: str, *, book: Book, key: CallKey) -> Receipt:
    "Load one ship. It cannot be unloaded."
    held = [line for line in book.lines() if line[0] == "load" and line[2] == key]
    if not (HONOURS and held):
        book.act("load", ship, str(key))
    return Receipt(id="l1")

@tool.write(timeout=5)
def ring(ship: str, *, book: Book) -> str:
    "Ring the bell for one ship, once the harbour master agrees."
    book.act("ring", ship)
    return "rang"
"""
WORLD = """\
from contextlib import asynccontextmanager
from holdfast.evals.cases.world import Effect, World
from .tools import Book

@asynccontextmanager
async def world(state, place=None):
    book = Book(place / "book")
    yield World((book,), lambda: [Effect(line[0], {"ship": line[1]}) for line in book.lines()])
"""
STANDIN = """\
from holdfast.models.scripted import call, done, script
standin = script(call("look", ship="anna"), call("load", ship="anna"), call("ring", ship="anna"), done(1))
"""


@pytest.fixture
def quay(tmp_path):
    def make(*, honours: bool = True, world: str = WORLD) -> Path:
        folder = tmp_path / f"quay_{honours}_{abs(hash(tmp_path)) % 10**6}".lower()
        folder.mkdir()
        (folder / "contract.yaml").write_text(CONTRACT)
        (folder / "tools.py").write_text(TOOLS.replace("HONOURS", str(honours)))
        (folder / "world.py").write_text(world)
        (folder / "standin.py").write_text(STANDIN)
        (tmp_path / "inputs.jsonl").write_text("".join(f'"ship {n}"\n' for n in range(3)))
        return folder

    return make


def killed(folder: Path, kills: int, *, journal: str = "", seed: int = 0, agent: str = "", **more: Any) -> Drill:
    """A drill that only kills processes. Its clean trials have a world in the folder too."""
    from holdfast.cli.agents import load_agent

    loaded, url = load_agent(str(folder), "standin"), journal or f"sqlite:///{folder}/drill.db"
    people = [{"about": "review", "verdict": "approve"}]
    cases = tuple(
        parse({"name": f"c{n}", "input": f"ship {n}", "state": {}, "people": people, "expect": {}} | more, "")
        for n in range(3)
    )
    make = world_of(load(str(folder)))

    def world(state: Any, place: Path | None = None) -> Any:
        if place is None:
            place = folder / f"clean-{next(numbers)}"
            place.mkdir()
        return make(state, place=place)

    numbers = iter(range(1_000))
    order = Order(kills=kills, program=PROGRAM, agent=agent or str(folder), model="standin", journal=url)
    suite = Suite("quay", loaded.agent, cases, GRADERS, world)
    return asyncio.run(drill(url, suite, Wish(plan=None, processes=order, seed=seed), model=loaded.models))


async def kept(url: str) -> list[list[Any]]:
    journal = open_journal(url)
    try:
        return [await bodies.entries(journal, row.run) for row in await journal.find(Where(limit=10_000))]
    finally:
        await journal.close()


# ----------------------------------------------------------------------------------------------------------- moments


def test_moments_are_the_seed_s_and_of_every_sort():
    drawn = [draw(7, kill) for kill in range(300)]
    assert drawn == [draw(7, kill) for kill in range(300)]
    assert drawn != [draw(8, kill) for kill in range(300)]
    sorts = Counter((one.thing, one.ended, bool(one.lag)) for one in drawn)
    assert len(sorts) == 3 * 2 * 2 + 1  # of each thing its begin and its end, at once and later; and by the clock
    assert min(sorts.values()) >= 10
    assert all(1 <= one.nth <= LATEST[one.thing] for one in drawn if one.thing)


LIFE = """\
import sys, time
from pathlib import Path
from holdfast.evals.drills.moments import Doom, Moment, Tally
doom = Doom(Tally(Path(sys.argv[1])), Moment(*eval(sys.argv[2])))
doom.born()
for _ in range(3):
    with doom.under("model"):
        pass
    with doom.under("tool"):
        with doom.under("append"):
            pass
if sys.argv[3] == "waits":
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("moment", "waits", "under_way"),
    [
        (("model", False, 2, 0), "", {"model": 1, "tool": 0, "append": 0}),
        (("append", True, 3, 0), "", {"model": 0, "tool": 1, "append": 1}),
        (("tool", True, 1, 0), "", {"model": 0, "tool": 1, "append": 0}),
        ((None, False, 1, 50_000), "waits", {"model": 0, "tool": 0, "append": 0}),
        (("tool", False, 3, 200_000), "waits", {"model": 0, "tool": 0, "append": 0}),
    ],
)
def test_a_process_is_killed_at_its_moment_and_what_it_had_under_way_is_known(tmp_path, moment, waits, under_way):
    place = tmp_path / "tally"
    tally = Tally(place)
    ended = subprocess.run([sys.executable, "-c", LIFE, place, repr(moment), waits], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert tally.under_way() == under_way
    tally.close()


def test_a_process_whose_moment_does_not_come_lives(tmp_path):
    made = Tally(tmp_path / "tally")
    given = [sys.executable, "-c", LIFE, tmp_path / "tally", "('tool', False, 4, 0)", ""]
    ended = subprocess.run(given, timeout=60, check=False)
    assert ended.returncode == 0
    assert not any(made.under_way().values())
    made.close()


# ------------------------------------------------------------------------------------------------------------ kills


def test_nothing_comes_twice_and_nothing_is_lost_however_often_processes_are_killed(quay):
    folder = quay()
    found = killed(folder, 15)
    (row,) = found.rows
    assert (row.kind, row.doubled, row.lost, row.overrun) == (KIND, 0, 0, 0)
    kills = found.kills
    assert (kills.wanted, kills.landed + kills.idle) == (15, 15)
    assert kills.landed > 8
    assert all(kills.during.values())
    assert kills.runs >= 12
    assert (kills.ended + kills.waiting, kills.restless) == (kills.runs, ())
    assert kills.models
    assert kills.writes
    assert row.landed == kills.models + kills.reads + kills.writes
    assert found.verdict == "holds"

    entries = asyncio.run(kept(f"sqlite:///{folder}/drill.db"))
    struck = [one for one in entries if one[0].event.tags["drill"] == KIND]
    assert len(struck) == kills.runs
    workers = {event.worker for one in struck for event in _events(one) if hasattr(event, "worker")}
    assert len(workers) > 8  # each of them a process of its own
    notes = [event for one in struck for event in _events(one) if isinstance(event, Noted)]
    assert sum(note.finding == f"fault {KIND}" for note in notes) == row.landed
    told = drilled([made for one in entries if (made := read(one)) is not None])
    assert [(one.kind, one.landed, one.doubled) for one in told.faults] == [(KIND, row.landed, 0)]


def _events(entries: list[Any]) -> list[Any]:
    return [entry.event for entry in entries]


def test_people_look_before_they_say_what_became_of_a_write_in_doubt(quay):
    people = [{"about": "review", "verdict": "approve"}, {"about": "doubt", "verdict": "happened"}]
    found = killed(quay(), 20, seed=2, people=people)
    (row,) = found.rows
    assert (row.doubled, row.lost, found.kills.waiting, found.kills.restless) == (0, 0, 0, ())
    assert found.verdict == "holds"


def test_a_tool_that_ignores_its_key_does_it_twice_when_its_process_is_killed(quay):
    found = killed(quay(honours=False), 25, seed=1)
    (row,) = found.rows
    assert row.doubled > 0
    assert any("does not honour" in example.why for example in row.examples)
    assert found.verdict == "does not hold"


def test_a_world_that_forgets_what_was_done_in_it_is_seen(quay):
    forgets = WORLD.replace(
        "for line in book.lines()]", 'for line in book.lines() if line[0] == "ring" or place.parent.name != "worlds"]'
    )
    found = killed(quay(world=forgets), 10)
    assert found.rows[0].lost > 0
    assert {example.what for example in found.rows[0].examples} == {"lost"}
    assert found.verdict == "does not hold"


def test_what_cannot_be_killed_is_said(quay):
    folder = quay()
    with pytest.raises(UsageError, match="on disk"):
        killed(folder, 1, journal="memory:")
    with pytest.raises(InputError, match="no case has a world"):
        killed(folder, 1, state=None, fixtures={"calls": []})


def test_an_agent_that_another_process_cannot_read_is_said_with_what_it_wrote(quay):
    with pytest.raises(InputError, match="no agent at nowhere"):
        killed(quay(), 1, agent="nowhere")


# ------------------------------------------------------------------------------------------------------ command line


def test_the_table_says_what_the_kills_met(quay, tmp_path, monkeypatch, capsys):
    world = WORLD.replace("    book", "    import tempfile\n    from pathlib import Path\n    book").replace(
        "place /", "(place or Path(tempfile.mkdtemp())) /"
    )
    folder = quay(world=world)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # the terminal's own width is not this test's
    given = ["drill", str(folder), "--inputs", "inputs.jsonl", "--model", "standin", "--kill-processes", "12"]
    assert main(given) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^{KIND} +\d+ +\d+ of \d+ .* 0 +0 +0$", text, re.MULTILINE)
    assert re.search(r"^a model's call +\d+ +\d+ requests?$", text, re.MULTILINE)
    assert re.search(r"^a tool's call +\d+ +\d+ reads? and \d+ writes?$", text, re.MULTILINE)
    assert re.search(r"^an append +\d+ ", text, re.MULTILINE)
    assert "12 kills" in text
    assert re.search(r"\d+ ended, \d+ waiting for a person or the requester, 0 neither", text)
    assert "timeout-after-commit" not in text  # nothing but what was asked for
    assert max(map(len, text.splitlines())) <= 100
    (folder / "world.py").write_text(world.replace(", place=None", ""))
    assert main([*given, "--journal", "memory:"]) == 64
    capsys.readouterr()
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]
    assert main(given) == 3
    assert "place" in capsys.readouterr().err


@pytest.mark.long
def test_the_refund_desk_keeps_its_effects_under_hundreds_of_kills(tmp_path, monkeypatch, capsys):
    desk = Path(__file__).parents[3] / "examples" / "refund_desk"
    monkeypatch.chdir(tmp_path)
    given = [
        "--inputs",
        str(desk / "requests.jsonl"),
        "--model",
        "standin",
        "--kill-processes",
        "300",
        "--seed",
        "9",
        "--json",
    ]
    assert main(["drill", str(desk), *given]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert (row["doubled"], row["lost"], row["overrun"], found["kills"]["restless"]) == (0, 0, 0, [])
    assert found["kills"]["landed"] > 200
    assert min(found["kills"]["during"].values()) > 20
