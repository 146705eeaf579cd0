"""drill: its table, its exit codes, and an unsafe tool by name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from holdfast.cli import main

DESK = Path(__file__).parents[2] / "examples" / "refund_desk"

CONTRACT = """\
name: till
task: Pay one order back.
takes: str
gives: int
models: [anthropic:claude-sonnet-4-5-20250929]
tools:
  look:
  pay:
"""
TOOLS = """\
from pydantic import BaseModel
from holdfast import tool
from holdfast.tool import CallKey

class Till:
    def __init__(self):
        self.paid = []

class Receipt(BaseModel):
    id: str

@tool.read(timeout=5)
def look(order: str, *, till: Till) -> dict[str, str]:
    "What is known of one order, by its number."
    return {"order": order}

@tool.write(timeout=5, effect_id="id")
def pay(order: str, *, till: Till, key: CallKey) -> Receipt:
    "Pay one order back. It cannot be taken back."
    held = [at for at, (_, one) in enumerate(till.paid) if HONOURS and one == key]
    if not held:
        till.paid.append((order, str(key)))
    return Receipt(id=f"p{held[0] if held else len(till.paid)}")
"""
WORLD = """\
from contextlib import asynccontextmanager
from holdfast.evals.cases.world import Effect, World
from .tools import Till

@asynccontextmanager
async def world(state):
    till = Till()
    yield World((till,), lambda: [Effect("pay", {"order": order}) for order, _ in till.paid])
"""
STANDIN = """\
from holdfast.models.scripted import call, done, script
standin = script(call("look", order="O-1"), call("pay", order="O-1"), done(1))
"""


@pytest.fixture
def till(tmp_path, monkeypatch):
    """A folder with an agent, and a file of inputs for it; honours: whether its tool honours the key it takes."""
    monkeypatch.chdir(tmp_path)

    def make(*, honours: bool, inputs: int = 3) -> list[str]:
        folder = tmp_path / f"till_{honours}_{abs(hash(tmp_path)) % 10**6}".lower()
        folder.mkdir()
        (folder / "contract.yaml").write_text(CONTRACT)
        (folder / "tools.py").write_text(TOOLS.replace("HONOURS", str(honours)))
        (folder / "world.py").write_text(WORLD)
        (folder / "standin.py").write_text(STANDIN)
        (tmp_path / "inputs.jsonl").write_text("".join(f'"order {n}"\n' for n in range(inputs)))
        return ["drill", str(folder), "--inputs", "inputs.jsonl", "--model", "standin"]

    return make


def test_an_honest_tool_holds_and_the_table_says_so(till, capsys):
    assert (
        main(
            [
                *till(honours=True),
                "--standard",
                "--kind",
                "timeout-after-commit",
                "--kind",
                "model-malformed",
                "--trials",
                "4",
            ]
        )
        == 0
    )
    text = capsys.readouterr().out
    assert re.search(r"timeout-after-commit +\d+ +\d+ of 12 .* 0 +0 +0$", text, re.MULTILINE)
    assert re.search(r"killed-during +3 +3 of 3 ", text)
    assert re.search(r"^pay +key +9 +safe +after each death", text, re.MULTILINE)
    assert re.search(r"it holds: \d+ faults landed", text)
    assert max(map(len, text.splitlines())) <= 100
    assert Path(".holdfast/drill.db").exists()
    assert not Path(".holdfast/journal.db").exists()


def test_a_tool_that_ignores_its_key_is_named_and_the_run_can_be_looked_at(till, capsys):
    assert main([*till(honours=False), "--standard", "--kind", "timeout-after-commit"]) == 1
    text = capsys.readouterr().out
    assert re.search(r"^pay +key +9 +not safe +it takes a key and does not", text, re.MULTILINE)
    assert "it does not hold" in text
    run = re.search(
        r"killed-during, case [\w.-]+: pay: it takes a key .*?\[(r_[0-9a-f]+)\]", text.replace("\n", " ")
    ).group(1)
    assert main(["show", run, "--journal", "sqlite:///.holdfast/drill.db"]) == 0
    assert "fault killed-during" in capsys.readouterr().out


def test_json_has_it_all(till, capsys):
    assert main([*till(honours=False), "--standard", "--kind", "answer-twice", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "does not hold"
    assert found["landed"] == sum(row["landed"] for row in found["rows"])
    by = {row["kind"]: row for row in found["rows"]}
    assert by["answer-twice"]["doubled"] == 0
    assert by["killed-after"]["doubled"] == 3
    assert by["killed-before"]["doubled"] == 0
    (pay,) = found["tools"]
    assert (pay["tool"], pay["verdict"], pay["doubled"], pay["declared"]) == ("pay", "not safe", 6, "key")


def test_too_few_faults_say_nothing(till, capsys):
    assert main([*till(honours=True, inputs=1), "--kind", "rate-limited"]) == 2
    assert "too few to say" in capsys.readouterr().out
    assert (
        main([*till(honours=False, inputs=1)[:1], *_again(), "--kind", "request-twice", "--probability", "1e-9"]) == 2
    )
    text = capsys.readouterr().out
    assert "landed nowhere, so nothing is known of them: request-twice" in text


def _again() -> list[str]:
    folder = next(Path().glob("till_false*"))
    return [str(folder), "--inputs", "inputs.jsonl", "--model", "standin"]


def test_a_plan_says_what_goes_wrong(till, capsys):
    args = till(honours=True)
    Path("plan.yaml").write_text(
        "drill: 1\nseed: 7\nfaults:\n  - {kind: timeout-after-commit, on: {tool: pay, attempt: 1}, probability: 1}\n"
    )
    assert main([*args, "--plan", "plan.yaml", "--trials", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["landed"]) for row in found["rows"]] == [("timeout-after-commit", 30)]
    assert found["seed"] == 7
    assert main([*args, "--plan", "plan.yaml", "--kind", "rate-limited"]) == 64
    Path("plan.yaml").write_text("faults:\n  - {kind: earthquake}\n")
    assert main([*args, "--plan", "plan.yaml"]) == 3
    assert "faults.0.kind" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--kind", "earthquake"], 64, "there is no fault of the kind earthquake"),
        (["--probability", "1.5"], 64, "--probability"),
        (["--cases", "x"], 64, "not both"),
        (["--trials", "0"], 64, "trials"),
    ],
)
def test_what_makes_no_sense_is_said(till, capsys, more, code, says):
    assert main([*till(honours=True), *more]) == code
    assert says in capsys.readouterr().err


def test_an_agent_without_a_world_or_without_cases_is_told_what_to_do(till, capsys):
    args = till(honours=True)
    assert main([*args[:2], "--model", "standin"]) == 3
    (Path(args[1]) / "world.py").unlink()
    assert main(args) == 3
    assert "world.py" in capsys.readouterr().err
    assert main([*args[:3], "nowhere.jsonl", *args[4:]]) == 3


def test_the_refund_desk_by_the_command_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = (DESK / "requests.jsonl").read_text().splitlines()
    Path("few.jsonl").write_text("\n".join(lines[:4]) + "\n")
    assert main(["drill", str(DESK), "--inputs", "few.jsonl", "--standard", "--model", "standin"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"send_message +bare +\d+ +needs a person", text)
    assert re.search(r"issue_refund +key and look-up +\d+ +safe", text)
