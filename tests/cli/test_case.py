"""case: a failed run becomes a case in one command, fails before a fix and passes after it; failures says what has none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from holdfast.cli.agents import load_agent
from holdfast.evals.cases.case import load
from holdfast.evals.grading.graders import GRADERS
from holdfast.evals.trials.trial import Suite, playing
from tests.cli.bills import CONTRACT, STANDIN, write_agent

TWICE = (
    STANDIN.replace("finish]", "finish, finish]")
    .replace("isinstance(part, Result)]", "isinstance(part, Result) and not part.failed]")
    .replace("0 if last.failed else ", "")
)
"""It says the same again when it is told that it cannot stand."""

BROKEN = CONTRACT + "done: {must: [{that: output.paid == 0, because: it has to say what was paid}]}\n"


@pytest.fixture
def stopped(holdfast, place):
    """(an agent whose contract is wrong, a run of it that was stopped for it)."""
    agent = write_agent(place, contract=BROKEN, standin=TWICE)
    said = holdfast("run", agent, '{"bill": "700"}', "--json", "--on-behalf-of", "c:551")
    assert (said.code, said.json["outcome"]) == (1, "stopped")
    return agent, said.json["run"]


def played(agent, path):
    async def play():
        loaded = load_agent(str(agent), "standin")
        async with playing(
            "memory:", Suite("payer", loaded.agent, (load(path),), GRADERS), model=loaded.models
        ) as player:
            return [trial async for trial in player.play(1)]

    (trial,) = asyncio.run(play())
    return trial


WANTED = ("--expect", "outcome=done", "--expect", "output.paid=700", "--expect", 'effects={"pay": [{"cents": 700}]}')


def test_a_failed_run_is_a_case_in_one_command_that_fails_before_a_fix_and_passes_after(holdfast, stopped):
    agent, run = stopped
    said = holdfast("case", run, *WANTED, "--name", "pays-what-is-due")
    assert said.code == 0
    path = agent / "cases" / "pays-what-is-due.yaml"
    assert said.out.startswith(f"{path}: written; stands for 14")
    trial = played(agent, path)
    assert (trial.passed, trial.outcome) == (False, "stopped")
    contract = agent / "contract.yaml"
    contract.write_text(contract.read_text().replace("output.paid == 0", "output.paid > 0"))
    assert played(agent, path).passed is True


def test_without_anybody_s_word_it_exits_2_and_says_what_to_fill_in(holdfast, stopped):
    agent, run = stopped
    said = holdfast("case", run)
    assert said.code == 2
    assert "nobody said what should have come of it, so it judges next to nothing" in said.out
    (path,) = (agent / "cases").iterdir()
    text = path.read_text()
    assert "  # output: nobody said what it should have been\n" in text
    assert load(path).expect.outcome == ["done", "declined", "escalated"]
    assert "c:551" not in text
    assert "ana" not in text


def test_a_good_note_or_as_is_is_enough(holdfast, payer):
    run = holdfast("run", payer, '{"bill": "700"}', "--json").json["run"]
    assert holdfast("case", run, "--out", "-").code == 2
    assert holdfast("case", run, "--as-is", "--out", "-").code == 0
    holdfast("note", run, "good")
    said = holdfast("case", run, "--json")
    assert said.code == 0
    assert (said.json["judged"], said.json["run"], said.json["open"]) == (True, run, {})
    trial = played(payer, Path(said.json["path"]))
    assert trial.passed


def test_a_reviewer_s_word_counts(holdfast, payer, waiting):
    assert holdfast("review", "deny", waiting, "--as", "bo", "--role", "boss", "--text", "too much").code == 0
    holdfast("resume", waiting)
    said = holdfast("case", waiting, "--name", "denied")
    assert said.code == 0
    case = load(payer / "cases" / "denied.yaml")
    assert case.expect.effects == {}
    assert [(one.role, one.verdict) for one in case.people] == [("boss", "deny")]
    assert played(payer, payer / "cases" / "denied.yaml").passed


def test_a_case_never_takes_the_place_of_another(holdfast, stopped, place):
    agent, run = stopped
    assert holdfast("case", run, "--name", "one").code == 2
    before = (agent / "cases" / "one.yaml").read_bytes()
    again = holdfast("case", run, "--name", "one")
    assert again.code == 3
    assert "is there already" in again.err
    assert (agent / "cases" / "one.yaml").read_bytes() == before
    assert holdfast("case", run, "--out", place / "elsewhere.yaml").code == 2
    assert load(place / "elsewhere.yaml").origin.run == run


def test_stdout_holds_the_file_and_nothing_else(holdfast, stopped, place):
    _, run = stopped
    said = holdfast("case", run, "--out", "-", *WANTED)
    (place / "piped.yaml").write_text(said.out)
    assert load(place / "piped.yaml").expect.output == {"paid": 700}
    assert not (place / "payer" / "cases").exists()
    assert "replaced by placeholders" in said.err


def test_what_cannot_be_a_case_is_refused_with_the_reason(holdfast, stopped, place):
    agent, run = stopped
    assert holdfast("case", "nobody").code == 64
    wrong = holdfast("case", run, "--expect", "outcome=splendid")
    assert (wrong.code, "outcome" in wrong.err) == (3, True)
    assert holdfast("case", run, "--finding", "19").code == 3
    agent.rename(place / "moved")
    lost = holdfast("case", run)
    assert (lost.code, "--agent PATH" in lost.err) == (64, True)
    assert holdfast("case", run, "--agent", place / "moved").code == 2
    assert holdfast("erase", run, "--as", "dpo", "--because", "art. 17", "--yes").code == 0
    erased = holdfast("case", run, "--out", "-")
    assert (erased.code, erased.out) == (3, "")
    assert "dpo erased it (art. 17)" in erased.err


def test_failures_says_which_clusters_no_case_covers(holdfast, stopped, place):
    agent, run = stopped
    assert "none of these has a case: holdfast case RUN makes one" in holdfast("failures").out
    assert [one["covered"] for one in holdfast("failures", "--json").json["clusters"]] == [False]
    holdfast("case", run, *WANTED)
    found = holdfast("failures", "--json").json
    assert ([one["covered"] for one in found["clusters"]], found["cases"]) == ([True], True)
    assert "no case" not in holdfast("failures").out
    agent.rename(place / "moved")
    assert not holdfast("failures", "--json").json["clusters"][0]["covered"]
    assert holdfast("failures", "--json", "--agent", place / "moved").json["clusters"][0]["covered"]


def test_one_cluster_with_a_case_and_one_without(holdfast, place):
    stubborn = TWICE.replace(
        'call("look_up", bill=bill), call("pay"',
        'call("pay", bill=bill, cents=1), call("look_up", bill=bill), call("pay"',
    )
    agent = write_agent(place, contract=BROKEN, standin=stubborn)
    run = holdfast("run", agent, '{"bill": "700"}', "--json").json["run"]
    keys = [
        f"{one['number']} {one['tool']} {one['error']}".split()
        for one in holdfast("failures", "--json").json["clusters"]
    ]
    assert len(keys) == 2
    holdfast("case", run, "--finding", "14", *WANTED)
    text = holdfast("failures").out
    assert "1 of 2 has no case: holdfast case RUN makes one" in text
    (line,) = [line for line in text.splitlines() if "· no case" in line]
    assert line.startswith("8 out-of-scope attempt · pay")


def test_a_case_that_cannot_be_read_is_said_and_hides_no_failure(holdfast, stopped):
    agent, _ = stopped
    (agent / "cases").mkdir()
    (agent / "cases" / "odd.yaml").write_text("case: 99\n")
    said = holdfast("failures", "--json")
    assert said.code == 0
    assert len(said.json["clusters"]) == 1
    assert "the cases of payer count for none" in said.err
    assert json.dumps(said.json["cases"]) == "false"
