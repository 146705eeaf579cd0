"""`holdfast eval`: the verdict and its exit code, what failed and how to open it, files for CI, and a kill in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

from tests.cli.bills import CONTRACT, TOOLS, write_agent

WORLD = '''\
"""A desk for each trial, and what was paid at it."""

from contextlib import asynccontextmanager

from holdfast.evals.cases.world import Effect, World

from .tools import Desk


@asynccontextmanager
async def world(state):
    desk = Desk()
    with open("played.txt", "a") as file:
        file.write("played\\n")
    yield World((desk,), lambda: [Effect("pay", {"cents": cents}) for cents in desk.paid.values()])
'''

PAYS = {
    "outcome": "done",
    "output": {"paid": 700},
    "effects": {"pay": [{"cents": 700}]},
    "evidence": {"pay": ["look_up"]},
}
BIG = {"outcome": "done", "effects": {"pay": [{"cents": 5000}]}, "approved": ["pay"]}


def suite(place, **cases):
    """Cases beside an agent."""
    (place / "world.py").write_text(WORLD)
    (place / "cases").mkdir(exist_ok=True)
    for name, case in cases.items():
        given = {"case": 1, "name": name, "input": {"bill": "700"}, "state": {}, "expect": PAYS, **case}
        with (place / "cases" / f"{name}.yaml").open("w") as file:
            YAML().dump(given, file)
    return place


@pytest.fixture
def desk(payer):
    """Two cases that the stand-in does."""
    people = [{"about": "review", "verdict": "approve"}]
    return suite(payer, small={}, big={"input": {"bill": "5000"}, "people": people, "expect": BIG})


def test_every_trial_passes(holdfast, desk):
    found = holdfast("eval", desk, "--trials", 3)
    assert found.code == 0
    assert "PASS  every one of 6 trials of 2 cases passed" in found.out
    assert "2 cases × 3 trials: a difference of" in found.err
    assert "a scripted stand-in answers" in found.err
    assert "6 of 6 trials passed, in 2 cases" in found.out
    assert "k = 3" in found.out
    assert max(map(len, found.out.splitlines())) <= 100


def test_a_miss_is_said_in_words_with_the_command_that_opens_its_trial(holdfast, desk):
    suite(desk, wrong={"about": "pays too little", "expect": {**PAYS, "effects": {"pay": [{"cents": 1}]}}})
    found = holdfast("eval", desk, "--trials", 2)
    assert found.code == 1
    assert "FAIL  2 trials of 1 case failed" in found.out
    assert "effects: pay(cents=1) had to happen and did not" in found.out
    (line,) = [line.split() for line in found.out.splitlines() if line.strip().startswith("holdfast show ")]
    assert line[3:] == ["--journal", "sqlite:///.holdfast/eval.db"]
    shown = holdfast(*line[1:])
    assert shown.code == 0
    assert "pay" in shown.out
    only = holdfast("eval", desk, "--trials", 2, "--case", "small", "--json")
    assert (only.code, [case["name"] for case in only.json["cases"]]) == (0, ["small"])


def test_a_contract_that_forbids_it_fails_and_its_fix_passes(holdfast, desk):
    contract = (desk / "contract.yaml").read_text()
    (desk / "contract.yaml").write_text(
        contract.replace("args.cents <= seen.look_up.cents", "args.cents < seen.look_up.cents")
    )
    broken = holdfast("eval", desk, "--trials", 2)
    assert broken.code == 1
    (desk / "contract.yaml").write_text(contract)
    assert holdfast("eval", desk, "--trials", 2).code == 0


def test_a_deliberately_weak_case_is_exposed_and_leaves_the_headline(holdfast, desk):
    suite(desk, weak={"expect": {"outcome": "declined"}})
    found = holdfast("eval", desk, "--trials", 2)
    assert found.code == 0
    assert "1 case left out as uninformative" in found.out
    assert "always-refuse passes it too" in found.out
    without = holdfast("eval", desk, "--trials", 2, "--no-nulls")
    assert without.code == 1
    assert "nobody knows which cases say anything" in without.out
    alone = holdfast("eval", desk, "--case", "weak")
    assert alone.code == 2
    assert "no case that could tell" in alone.out


def test_what_could_not_be_made_is_inconclusive(holdfast, desk):
    suite(desk, recorded={"state": None, "fixtures": {"calls": []}})
    path = desk / "cases" / "recorded.yaml"
    path.write_text(path.read_text().replace("state:\n", ""))
    found = holdfast("eval", desk, "--trials", 2, "--junit", "j.xml")
    assert found.code == 2
    assert "INCONCLUSIVE  2 trials could not be made" in found.out
    assert "no recorded answer fits look_up" in found.out
    assert "left out: pass^1 100.0 %" in " ".join(found.out.split())
    assert ET.parse("j.xml").getroot().find("testsuite").get("errors") == "1"


def test_a_required_rate_needs_enough_cases(holdfast, desk):
    found = holdfast("eval", desk, "--require", 0.9)
    assert found.code == 2
    assert "it cannot pass" in found.err
    assert "do not show on which side of 90 %" in found.out
    assert holdfast("eval", desk, "--require", 1.5).code == 64


def test_a_baseline_is_kept_and_compared_with(holdfast, desk, place):
    assert holdfast("eval", desk, "--save", "base.json").code == 0
    assert json.loads((place / "base.json").read_text())["holdfast_eval"] == 1
    contract = (desk / "contract.yaml").read_text()
    (desk / "contract.yaml").write_text(
        contract.replace("args.cents <= seen.look_up.cents", "args.cents < seen.look_up.cents")
    )
    found = holdfast("eval", desk, "--baseline", "base.json")
    assert found.code == 2
    assert "against the baseline" in found.out
    assert "-100.0 points" in found.out
    assert "do not show whether it is worse than the baseline by more than 10 points" in found.out
    assert holdfast("eval", desk, "--baseline", "none.json").code == 3


def test_files_for_ci_say_the_same(holdfast, desk, place):
    found = holdfast("eval", desk, "--trials", 2, "--junit", "j.xml", "--markdown", "m.md", "--json")
    assert found.json["verdict"] == "pass"
    suite_ = ET.parse("j.xml").getroot().find("testsuite")
    assert (suite_.get("tests"), suite_.get("failures")) == ("2", "0")
    assert (place / "m.md").read_text(encoding="utf-8").startswith("## ✅ payer: pass")
    assert holdfast("eval", desk, "--junit", "no/such/place.xml").code == 64


def test_answers_are_kept_where_asked(holdfast, desk, place):
    first = holdfast("eval", desk, "--trials", 2, "--cache", "--json").json
    again = holdfast("eval", desk, "--trials", 2, "--cache", "--label", "again", "--json").json
    assert (first["cached"], again["cached"]) == (0, 12)
    assert (place / ".holdfast" / "eval.answers.jsonl").exists()
    assert holdfast("eval", desk, "--cache", "--journal", "memory:").code == 64


def test_what_is_wrong_is_said_before_anything_is_played(holdfast, desk, payer, place):
    assert holdfast("eval", desk, "--case", "nobody").code == 3
    assert holdfast("eval", place / "nobody").code == 64
    assert "there is no case" in holdfast("eval", write_agent(place, "empty")).err
    suite(desk, odd={"expect": {"never": ["no_such_tool"]}})
    assert holdfast("eval", desk).code == 3
    assert not (place / "played.txt").exists()


def test_a_world_that_cannot_be_made_is_named_with_its_case(holdfast, desk, caplog):
    (desk / "world.py").write_text(
        WORLD.replace("    desk = Desk()", '    raise KeyError("orders")\n    desk = Desk()')
    )
    found = holdfast("eval", desk)
    assert found.code == 3
    assert "cannot be made: KeyError: 'orders'" in found.err
    assert "never retrieved" not in found.err + caplog.text


def test_progress_is_shown_on_a_terminal(holdfast, desk, on_terminal):
    shown = on_terminal(lambda: holdfast("eval", desk, "--trials", 2))
    assert "null agents" in shown
    assert "passed" in shown


def played(place):
    path = place / "played.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_suite_that_was_killed_goes_on_where_it_stopped(holdfast, place):
    slow = TOOLS.replace("def look_up(", "async def look_up(").replace(
        "    return Found(bill=bill, cents=int(bill))",
        "    await asyncio.sleep(0.02)\n    return Found(bill=bill, cents=int(bill))",
        1,
    )
    agent = suite(
        write_agent(place, "slow", CONTRACT, slow.replace("from contextlib", "import asyncio\nfrom contextlib")),
        small={},
    )
    command = ["eval", str(agent), "--trials", "60", "--concurrency", "4", "--no-nulls"]
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    deadline = time.monotonic() + 60
    while played(place) < 20:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    begun = played(place)
    assert begun < 60
    before = {run["run"] for run in holdfast("show", "--json", "--journal", "sqlite:///.holdfast/eval.db").json}
    found = holdfast(*command, "--json")
    assert found.code == 0
    (case,) = found.json["cases"]
    assert (case["passed"], case["failed"], case["broken"]) == (60, 0, 0)
    kept = before & set(case["runs"])
    assert begun - 4 <= len(kept) <= begun, "what had its verdict was not played again"
    assert played(place) == begun + 60 - len(kept)


def test_a_case_that_reads_live_reads_through_the_agent_s_own_resources(holdfast, desk):
    pays = {"tool": "pay", "args": {"bill": "700", "cents": 700}, "gives": {"bill": "700", "cents": 700}}
    world = {"state": None, "fixtures": {"unmatched": "live-read", "calls": [pays]}}
    suite(desk, small=world, big={"input": {"bill": "900"}, **world})
    found = holdfast("eval", desk, "--trials", 2)
    assert found.code == 2, "a write that was not recorded is not made"
    assert "no recorded answer fits pay" in found.out
    assert "small  " in found.out
    assert holdfast("eval", desk, "--trials", 2, "--case", "small").code == 0
    tools = (desk / "tools.py").read_text()
    needs = tools.replace("yield Desk()", "yield Desk(settings['key'])")
    other = suite(write_agent(desk.parent, name="shut", tools=needs), small=world)
    shut = holdfast("eval", other, "--case", "small")
    assert shut.code == 4
    assert "the resources of shut could not be opened: KeyError" in shut.err
    assert "--setting key=value" in shut.err
    bare = suite(write_agent(desk.parent, name="bare", tools=tools[: tools.index("@asynccontextmanager")]), small=world)
    lacks = holdfast("eval", bare, "--case", "small")
    assert lacks.code == 3
    assert "a case reads live, and tools want what nobody provides" in lacks.err
