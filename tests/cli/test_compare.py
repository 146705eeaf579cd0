"""`holdfast compare`: the verdict and its exit code, what it shows, files for CI, faults, and a kill in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree as ET

import pytest

from tests.evals import payers

FAULTS = """\
drill: 1
seed: 7
faults:
  - {kind: timeout-after-commit, on: {tool: pay}, probability: 0.5}
  - {kind: model-overloaded, probability: 0.1}
"""


@pytest.fixture
def two(place):
    """One that guesses, and owns the suite, and one that looks first."""
    return payers.both(place, 6, 6)


def test_dearer_and_more_often_right_earns_its_complexity(holdfast, two):
    found = holdfast("compare", *two, "--trials", 2)
    assert found.code == 0
    assert "EARNS ITS COMPLEXITY  looks is worth +14.50 USD a run more than guesses" in found.out
    assert "12 cases × 2 trials × 2 agents: a difference of" in found.err
    assert "a scripted stand-in answers" in found.err
    assert "ungrounded argument 12" in found.out
    assert max(map(len, found.out.splitlines())) <= 100
    for what in (
        "pass^1",
        "pass^2",
        "USD a success",
        "median · p95",
        "questions a run",
        "tokens a run",
        "net benefit",
        "McNemar",
    ):
        assert what in found.out


def test_the_verdict_flips_when_a_success_is_worth_less_and_nothing_is_played_again(holdfast, two, place):
    codes = [
        holdfast("compare", *two, "--trials", 2, "--worth", f"success={worth},failure=0").code
        for worth in ("4", "0.005", "0.001")
    ]
    assert codes == [0, 2, 1]
    assert (
        len((place / "played.txt").read_text().splitlines()) <= 2 * 12 * 2 + 6
    )  # a world each, and one to see what fits
    unsure = holdfast("compare", *two, "--trials", 2, "--worth", "success=0.005,failure=0")
    assert "NOT ENOUGH EVIDENCE" in unsure.out
    assert "cases more like these would decide" in " ".join(unsure.out.split())
    dear = holdfast("compare", *two, "--trials", 2, "--worth", "success=0.001,failure=0")
    assert "DOES NOT EARN ITS COMPLEXITY" in dear.out


def test_a_margin_speaks_for_the_simpler(holdfast, two):
    assert holdfast("compare", *two, "--trials", 1, "--worth", "success=1,failure=0").code == 0
    assert holdfast("compare", *two, "--trials", 1, "--worth", "success=1,failure=0", "--margin", 1).code == 1
    assert holdfast("compare", *two, "--margin", -1).code == 64


def test_a_trial_opens(holdfast, two):
    found = holdfast("compare", *two, "--trials", 1)
    (line,) = [line.split() for line in found.out.splitlines() if line.strip().startswith("holdfast show ")]
    shown = holdfast(*line[1:])
    assert shown.code == 0
    assert "pay" in shown.out


def test_json_has_all(holdfast, two):
    found = holdfast("compare", *two, "--trials", 2, "--json").json
    assert found["verdict"] == "earns its complexity"
    assert [side["name"] for side in found["sides"]] == ["guesses", "looks"]
    (pair,) = found["pairs"]
    assert pair["pairs"] == [12, 0, 12, 0]
    assert pair["net"]["low"] > 0
    assert found["plan"]["stakes"]["question_minutes"] == 2.0


def test_files_for_ci_and_pictures_say_the_same(holdfast, two, place):
    found = holdfast("compare", *two, "--trials", 2, "--markdown", "c.md", "--svg", "c.svg", "--png", "c.png")
    assert found.code == 0
    page = (place / "c.md").read_text(encoding="utf-8")
    assert page.startswith("## ✅ `looks` against `guesses`: earns its complexity\n")
    assert "| passes (pass^1) | 50.0 %" in page
    assert "$ holdfast show r_" in page
    assert ET.parse(place / "c.svg").getroot().tag.endswith("svg")
    assert (place / "c.png").read_bytes().startswith(b"\x89PNG")
    for option in ("--markdown", "--svg", "--png"):
        assert holdfast("compare", *two, "--trials", 2, option, "no/such/place").code == 64


def test_several_are_compared_at_once(holdfast, two, place):
    dearer = payers.LOOKS.replace("* 3", "* 5")
    team = payers.write(place, "team", dearer)
    found = holdfast("compare", *two, team, "--trials", 1)
    assert found.code == 0
    assert all(head in found.out for head in ("B − A", "C − A", "C − B", "98.33 %"))
    assert "no case parts them" not in found.out  # that is said of pairs with the first
    assert max(map(len, found.out.splitlines())) <= 100
    nothing = holdfast("compare", two[1], team, "--suite", two[0], "--trials", 1)
    assert nothing.code == 2
    assert "no case parts them in success" in nothing.out


def test_one_without_a_world_borrows_it_with_its_tools(holdfast, two, place):
    found = holdfast("compare", two[0], payers.borrower(place), "--trials", 1)
    assert found.code == 0
    unlike = payers.TOOLS.replace("def pay(bill: str, cents: int,", "def pay(bill: str, cents: int, why: str,")
    other = payers.write(place, "unlike", payers.LOOKS, world="", tools=unlike)
    refused = holdfast("compare", two[0], other, "--trials", 1)
    assert refused.code == 3
    assert "unlike: pay wants a Desk, and the world of the suite has none" in refused.err


def test_two_contracts_in_one_folder_share_all(holdfast, two, place):
    contract = two[0] / "contract.yaml"
    (two[0] / "strict.yaml").write_text(contract.read_text().replace("name: guesses", "name: strict"))
    found = holdfast("compare", two[0], two[0] / "strict.yaml", "--trials", 1)
    assert found.code == 2
    assert "A guesses · B strict" in found.out


def test_faults_strike_both(holdfast, two, place):
    (place / "faults.yaml").write_text(FAULTS)
    found = holdfast("compare", *two, "--trials", 2, "--faults", "faults.yaml", "--json").json
    assert found["plan"]["seed"] == 7
    assert all(side["landed"] > 0 for side in found["sides"])
    assert "faults that landed" in holdfast("compare", *two, "--trials", 2, "--faults", "faults.yaml").out
    other = holdfast("compare", *two, "--trials", 2, "--faults", "faults.yaml", "--seed", 1, "--json").json
    assert other["plan"]["faults"] != found["plan"]["faults"]
    assert holdfast("compare", *two, "--faults", "none.yaml").code == 3


def test_what_is_wrong_is_said_before_anything_is_played(holdfast, two, place):
    text = (two[0] / "contract.yaml").read_text()
    (two[0] / "contract.yaml").write_text("\n".join(line for line in text.splitlines() if not line.startswith("worth")))
    unsaid = holdfast("compare", *two)
    assert unsaid.code == 3
    assert "nobody says what a success is worth" in unsaid.err
    assert holdfast("compare", *two, "--worth", "price=1").code == 64
    assert holdfast("compare", two[0]).code == 64
    assert holdfast("compare", two[0], place / "nobody").code == 64
    assert holdfast("compare", *two, "--suite", place / "nowhere").code == 3
    assert holdfast("compare", *two, "--case", "nobody").code == 3
    assert not (place / "played.txt").exists()


def test_progress_is_shown_on_a_terminal(holdfast, two, on_terminal):
    shown = on_terminal(lambda: holdfast("compare", *two, "--trials", 1))
    assert "A 6 of 12 passed" in shown or "B 12 of 12 passed" in shown


def played(place):
    path = place / "played.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_one_that_was_killed_goes_on_where_it_stopped(holdfast, two, place):
    command = ["compare", *map(str, two), "--trials", "10", "--concurrency", "4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    deadline = time.monotonic() + 60
    while played(place) < 30:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    begun = played(place)
    found = holdfast(*command, "--json")
    assert found.code == 0
    assert [side["trials"] for side in found.json["sides"]] == [120, 120]
    assert [side["passed"] for side in found.json["sides"]] == [60, 120]
    fits = 2  # worlds that are made to see what fits
    cut = 10  # trials that the kill cut short, or that were not written yet
    assert played(place) - begun <= 240 - (begun - fits) + cut + fits  # those with a verdict are read off
    again = played(place)
    assert holdfast(*command, "--json").json == found.json
    assert played(place) - again <= 2


BOSS = """\
name: boss
task: Have one bill paid.
takes: Bill
gives: Receipt
models: [anthropic:claude-sonnet-4-5-20250929]
tools:
  looks: {agent: ../looks}
limits: {steps: 8, usd: "1.00"}
"""

HANDS_ON = payers.GUESSES.replace(
    'return [call("pay", bill=bill, cents=cents)', 'return [call("looks", bill=bill)'
).replace('cents = int(cents) if kind == "easy" else 1', "cents = int(cents)")


def test_an_orchestrator_is_compared_with_what_its_runs_below_cost(holdfast, two, place):
    boss = payers.write(place, "boss", HANDS_ON, world="", contract=BOSS)
    found = holdfast("compare", two[0], boss, "--trials", 1, "--json")
    assert found.code == 0
    single, team = found.json["sides"]
    assert (single["runs"], team["runs"], team["passed"]) == (1.0, 2.0, 12)
    alone = holdfast("compare", *two, "--trials", 1, "--json").json["sides"][1]
    assert team["usd_run"]["point"] > alone["usd_run"]["point"]
    assert "runs a trial" in holdfast("compare", two[0], boss, "--trials", 1).out
    dear = holdfast("compare", two[0], boss, "--trials", 1, "--worth", "success=0.001,failure=0")
    assert dear.code == 1
