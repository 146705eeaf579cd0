"""The refund desk's cases: what `holdfast case` makes of a day's journal, passed by the stand-in, and one of them weak on purpose."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shlex
import shutil
import sqlite3
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from ruamel.yaml import YAML

from holdfast.cli import main
from holdfast.evals.cases.case import load_all
from holdfast.evals.drills.drill import Wish, drill
from holdfast.evals.drills.faults import standard
from holdfast.evals.trials.nulls import screened
from holdfast.evals.trials.suite import suite_of
from holdfast.evals.trials.trial import playing
from holdfast.shell.folder import load

DESK = Path(__file__).parents[2] / "examples" / "refund_desk"
CASES = DESK / "cases"
FILES = sorted(CASES.glob("*.yaml"))
WEAK = "homework"
FOLDER = load(str(DESK))
SUITE = suite_of(FOLDER)
LINES = {json.loads(line)["key"]: line for line in (DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()}
UNWANTED = "mail:0021"


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def holdfast(*words):
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([str(word) for word in words])
    return Said(code, out.getvalue(), err.getvalue())


class Made(NamedTuple):
    """How a file says it was made: the command, and what was changed by hand afterwards."""

    command: list[str]
    by_hand: list[str]


def made(path):
    head = "".join(re.findall(r"(?m)^# ?(.*\n)", path.read_text(encoding="utf-8").partition("\ncase: ")[0] + "\n"))
    command = re.search(r"(?ms)^holdfast (.*?[^\\])$", head)[1]
    return Made(shlex.split(command.replace("\\\n", " ")), re.search(r"(?m)^by hand: (.*)$", head)[1].split(", "))


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The journal of the mails that cases were made of, worked through as in the demo: finance has approved the large refund."""
    place = tmp_path_factory.mktemp("day")
    keys = dict.fromkeys([*(made(path).command[1] for path in FILES), UNWANTED])
    (place / "mails.jsonl").write_text("".join(f"{LINES[key]}\n" for key in keys), encoding="utf-8")
    journal = f"sqlite:///{place}/journal.db"
    settings = ("--setting", f"shop={place}/shop.db", "--journal", journal)
    assert holdfast("run", DESK, "--batch", place / "mails.jsonl", "--model", "standin", *settings).code in (0, 1, 2)
    for words in (("review", "approve", "mail:0017", "--as", "ann", "--role", "finance"), ("resume", "mail:0017")):
        assert holdfast(*words, *(settings if words[0] == "resume" else ("--journal", journal))).code == 0
    return journal


# ----------------------------------------------------------------------------------------- what the tool makes


def plain(text):
    """The data of a case; the shop numbers refunds and messages in the order in which they come."""
    text = re.sub(r"\bre-\d+", "re-0", re.sub(r"\bmessage_id: \d+", "message_id: 0", text))
    return YAML(typ="safe").load(text)


def without(data, path):
    first, _, rest = path.partition(".")
    if rest:
        data[first] = without(dict(data[first]), rest)
        return data
    return {key: value for key, value in data.items() if key != first}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_case_is_what_the_tool_makes_of_the_journal_but_for_what_it_says(day, path):
    command, by_hand = made(path)
    said = holdfast(*command, "--out", "-", "--journal", day)
    assert said.code == 0, said.err
    kept, drawn = plain(path.read_text(encoding="utf-8")), plain(said.out)
    assert drawn["origin"]["contract"]
    # Another run each day; and the contract's digest is of what was in force when the case was made.
    for key in ("origin.run", "origin.contract", *by_hand, *(["fixtures"] if "state" in by_hand else [])):
        kept, drawn = without(kept, key), without(drawn, key)
    assert kept == drawn


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_case_has_what_it_says_was_added_by_hand(path):
    data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    added = {key for key in made(path).by_hand if "." not in key}
    assert {"about", "family", "human"} <= added
    assert added <= set(data)
    assert data["human"]["minutes"] > 0


def test_nobody_s_name_stands_in_a_case():
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript((DESK / "shop.sql").read_text(encoding="utf-8"))
        people = db.execute("SELECT name, email FROM customers").fetchall()
    names = {part for name, email in people for part in (*name.split(), email) if len(part) > 2}
    assert "Mara" in names
    for path in FILES:
        found = names & set(re.findall(r"[\w.@]+", path.read_text(encoding="utf-8")))
        assert not found, f"{path.name}: {found}"


def test_customers_have_placeholders_where_no_real_shop_has_to_know_them():
    kept = {case.name for case in SUITE.cases if case.on_behalf_of != "c:999"}
    assert kept == {case.name for case in SUITE.cases if case.state is not None}


def test_they_span_ends_tools_people_and_the_mistakes_models_make():
    assert 12 <= len(SUITE.cases) <= 14
    assert {case.expect.outcome for case in SUITE.cases} == {"done", "declined", "escalated", "waiting"}
    answered = {one.tool for case in SUITE.cases if case.fixtures is not None for one in case.fixtures.calls}
    evidence = {tool for case in SUITE.cases for tools in case.expect.evidence.values() for tool in tools}
    assert answered | evidence == set(FOLDER.agent.contract.tools)
    assert [case.name for case in SUITE.cases if case.expect.approved] == ["above-the-limit"]
    assert sum(bool(case.origin and case.origin.finding) for case in SUITE.cases) >= 3
    assert len({case.cluster for case in SUITE.cases}) >= 6


# ------------------------------------------------------------------------------------------------- how they end


def test_every_case_passes_with_the_stand_in():
    async def play():
        async with playing("memory:", SUITE, model=FOLDER.standin) as player:
            return [trial async for trial in player.play(1)]

    trials = asyncio.run(play())
    assert len(trials) == len(FILES)
    assert {trial.case: trial.misses or trial.trouble for trial in trials if not trial.passed} == {}


def test_agents_that_know_nothing_pass_the_weak_case_and_no_other():
    async def play():
        return [(null.name, trial.case) async for null, trial in screened("memory:", SUITE) if trial.passed]

    assert set(asyncio.run(play())) == {("always-refuse", WEAK)}
    assert "# Weak on purpose: it expects a refusal and nothing else" in (CASES / f"{WEAK}.yaml").read_text()


def test_no_effect_comes_twice_or_is_lost_in_a_standard_drill_of_them(tmp_path):
    wish = Wish(plan=standard(("timeout-before-commit", "timeout-after-commit", "request-twice")), kills=True)
    found = asyncio.run(drill(f"sqlite:///{tmp_path}/drill.db", SUITE, wish, model=FOLDER.standin))
    assert found.landed > 60
    assert [row.kind for row in found.rows if row.doubled or row.lost or row.overrun] == []
    assert {tool.tool: tool.verdict for tool in found.tools} == {
        "issue_refund": "safe",
        "send_message": "needs a person",
    }
    assert found.verdict == "holds"


# ----------------------------------------------------------------------------------------------- before and after


def test_a_run_nobody_wanted_is_a_case_in_one_command_that_fails_before_the_contract_is_stricter_and_passes_after(
    day, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    desk = tmp_path / "desk"
    shutil.copytree(DESK, desk, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(day.removeprefix("sqlite:///"), tmp_path / "day.db")
    journal = ("--journal", f"sqlite:///{tmp_path}/day.db")

    def uncovered():
        said = holdfast("failures", "--agent", desk, *journal, "--json")
        return {(one["tool"], one["error"]) for one in json.loads(said.out)["clusters"] if not one.get("covered")}

    cluster = ("issue_refund", "tools.issue_refund.must[2]")
    assert cluster in uncovered()

    assert holdfast("note", UNWANTED, "bad", "--reason", "nobody had looked", "--as", "ann", *journal).code == 0
    wanted = ("--expect", "outcome=waiting", "--expect", "effects={}")
    said = holdfast("case", UNWANTED, "--name", "paid-after-refusal", *wanted, "--agent", desk, *journal)
    assert said.code == 0
    assert "stands for 8 issue_refund tools.issue_refund.must[2]" in said.out

    few = [word for name in ("paid-after-refusal", "above-the-limit", WEAK) for word in ("--case", name)]
    suite = ("eval", desk, *few, "--trials", "2", "--model", "standin", "--journal", f"sqlite:///{tmp_path}/eval.db")
    before = holdfast(*suite)
    assert before.code == 1
    assert "FAIL  2 trials of 1 case failed" in before.out
    assert "paid-after-refusal  2 of 2 trials failed  nobody had looked" in before.out
    assert "outcome: it ended as done (the task was finished), and waiting was expected" in before.out
    assert 'effects: issue_refund(cents=5000, order_id="O-1021", reason="cancelled") happened' in before.out
    assert re.search(rf"{WEAK} +2/2  uninformative .* always-refuse passes it too", before.out)

    contract = desk / "contract.yaml"
    contract.write_text(contract.read_text().replace("args.cents > 10000", "args.cents > 3000"))
    after = holdfast(*suite)
    assert after.code == 0, after.out
    assert "PASS  every one of 4 trials of 2 cases passed" in after.out
    assert cluster not in uncovered()


def test_the_other_cases_do_not_rest_on_the_limit_that_the_story_changes(tmp_path):
    desk = tmp_path / "desk"
    shutil.copytree(DESK, desk, ignore=shutil.ignore_patterns("__pycache__"))
    contract = desk / "contract.yaml"
    contract.write_text(contract.read_text().replace("args.cents > 10000", "args.cents > 3000"))
    stricter = load(str(desk))

    async def play():
        async with playing("memory:", suite_of(stricter), model=stricter.standin) as player:
            return [trial async for trial in player.play(1)]

    assert {trial.case: trial.misses for trial in asyncio.run(play()) if not trial.passed} == {}


def test_every_file_of_the_folder_is_a_case_of_its_name():
    assert [case.name for case in load_all(CASES)] == [path.stem for path in FILES]


@pytest.mark.long
def test_the_demo_runs_through(tmp_path, monkeypatch, capfd):
    from examples.refund_desk import demo

    monkeypatch.chdir(tmp_path)
    for name in ("HOLDFAST_JOURNAL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    demo.main()
    told = capfd.readouterr().out
    assert re.findall(r"(?m)^exit code \d$", told) == ["exit code 1", "exit code 0"]
    failing, passing = told.partition("so the desk's cases fail")[2].split("under it the cases pass")
    assert re.search(rf"{WEAK} .* always-refuse passes it too", failing)
    assert "PASS  every one of 26 trials of 13 cases passed" in passing
    assert "10 of 12 have no case" in told
    assert "9 of 12 have no case" in passing
