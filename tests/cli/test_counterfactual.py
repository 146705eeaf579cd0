"""`holdfast why RUN --counterfactual DECISION`: its verdicts and exit codes, what it prints, and what it does not do."""

from __future__ import annotations

import re

import pytest

from tests.cli.bills import STANDIN, write_agent
from tests.cli.test_eval import suite

DECISIONS = """\
decisions: 1
pay:
  tool: pay
  rests_on: [look_up:cents]
  flip:
    look_up:cents: {any: true, to: 1, expected: deny}
  withhold: [look_up]
  placebo: {look_up:bill: "the same bill"}
"""
"""Of an agent that is to pay only what the look-up says is owed."""

HONEST = STANDIN.replace(
    'return [call("look_up", bill=bill), call("pay", bill=bill, cents=int(bill)), finish]',
    """\
def decide(request):
        last = [part for part in request.segments if isinstance(part, Result)][-1]
        if last.failed:
            return decline("the bill could not be read")
        cents = json.loads(last.text.splitlines()[0])["cents"]
        return call("pay", bill=bill, cents=cents) if cents == int(bill) else done(paid=0)

    return [call("look_up", bill=bill), decide, finish]""",
)


@pytest.fixture
def agent(place):
    def made(standin):
        folder = write_agent(place, standin=standin)
        (folder / "decisions.yaml").write_text(DECISIONS)
        return folder

    return made


@pytest.fixture
def asked(holdfast):
    def run(folder, *bills):
        return [holdfast("run", folder, f'{{"bill": "{bill}"}}', "--json").json["run"] for bill in bills]

    return run


def test_an_honest_one_is_right(holdfast, agent, asked):
    (run,) = asked(agent(HONEST), 900)
    found = holdfast("why", run, "--counterfactual", "pay", "--k", "16")
    assert found.code == 0, found
    assert "RIGHT_REASON  what it decides follows what it has to rest on" in found.out
    assert "and no model" in found.out
    assert "64 forks of 1 run, 16 in each arm: 16 control, 16 flip, 16 withhold, 16 placebo" in found.err
    assert "8 forks with another value of a field, 16 with a tool withheld and 16 placebos" in found.err
    assert max(map(len, found.out.splitlines())) <= 100
    fork = re.search(r"holdfast show\s+(r_\w+)", found.out)[1]
    assert "counterfactual" in holdfast("show", fork).out


def test_one_that_does_not_look_is_wrong(holdfast, agent, asked):
    (run,) = asked(agent(STANDIN), 900)
    assert holdfast("note", run, "good").code == 0
    found = holdfast("why", run, "--counterfactual", "pay")
    assert found.code == 1
    assert "too few of fields, what is withheld and placebos: this cannot come to RIGHT_REASON" in found.err
    said = " ".join(found.out.split())
    assert "WRONG_REASON the outcome is right, and what it decides does not follow what it has to rest on." in said
    assert "with look_up:cents → 1 it does not decide as that demands." in said


def test_json_says_everything(holdfast, agent, asked):
    (run,) = asked(agent(HONEST), 900)
    found = holdfast("why", run, "--counterfactual", "pay", "--k", "2", "--json")
    assert found.code == 2
    said = found.json
    assert (said["verdict"], said["scripted"], said["k"]) == ("INCONCLUSIVE", True, 2)
    assert said["figures"]["flips"][0]["above"]["point"] == 1
    assert said["figures"]["times"] == 8
    (one,) = said["runs"]
    assert (one["run"], one["decided"]["word"], one["passed"]) == (run, "pay", None)
    assert [(evidence["field"], evidence["state"]) for evidence in one["evidence"]] == [("look_up:cents", "read")]
    assert sorted({(fork["kind"], fork["sort"]) for fork in one["forks"]}) == [
        ("control", "same"), ("flip", "expected"), ("placebo", "same"), ("withhold", "safe"),
    ]  # fmt: skip
    again = holdfast("why", run, "--counterfactual", "pay", "--k", "2", "--json").json
    assert again["runs"] == said["runs"], "the same forks are made once"


def test_an_undecided_verdict_says_what_it_would_take(holdfast, agent, asked):
    (run,) = asked(agent(HONEST), 900)
    found = holdfast("why", run, "--counterfactual", "pay", "--k", "2")
    assert found.code == 2
    assert "--k 16 would decide it: 56 forks more" in " ".join(found.out.split())


def test_several_runs_are_asked_together_and_forks_are_not_among_them(holdfast, agent, asked):
    runs = asked(agent(HONEST), 900, 800, 700, 600, 0)
    named = holdfast("why", *runs[:4], "--counterfactual", "pay", "--k", "4", "--json")
    assert (named.code, named.json["verdict"], len(named.json["runs"])) == (0, "RIGHT_REASON", 4)
    chosen = holdfast("why", "--where", "agent=payer", "--counterfactual", "pay", "--k", "4")
    assert chosen.code == 2, "the one that declined had read nothing"
    assert all(run in chosen.out for run in runs)
    assert "decline" in chosen.out
    assert "it is said of these 5 runs; of others like them it takes 10 or more" in chosen.out
    assert "look_up:cents: nothing of look_up stood before the model when it decided (1 run)" in chosen.out


def test_a_run_that_waits_for_a_person_has_decided(holdfast, agent, asked):
    (run,) = asked(agent(HONEST), 5000)
    found = holdfast("why", run, "--counterfactual", "pay", "--k", "2", "--json")
    assert found.json["runs"][0]["decided"]["word"] == "pay"
    waiting = [row["run"] for row in holdfast("review", "--json").json]
    assert waiting == [run], "no fork asks anybody"


def test_what_is_asked_wrongly_is_said(holdfast, agent, asked, place):
    folder = agent(HONEST)
    (run,) = asked(folder, 900)
    assert holdfast("why", run, "--counterfactual", "other").code == 3
    assert holdfast("why", "--counterfactual", "pay").code == 64
    assert holdfast("why", run, "--where", "agent=payer", "--counterfactual", "pay").code == 64
    assert holdfast("why", "--where", "agent=nobody", "--counterfactual", "pay").code == 64
    assert holdfast("why").code == 64
    assert holdfast("why", run, run).code == 64
    assert holdfast("why", run, "7").code == 0 or "belongs to no call" in holdfast("why", run, "7").err
    (folder / "decisions.yaml").unlink()
    missing = holdfast("why", run, "--counterfactual", "pay")
    assert missing.code == 3
    assert "decisions.yaml" in missing.err


def test_what_is_found_is_noted_in_the_run_once_and_again_where_it_became_another(holdfast, agent, asked):
    (run,) = asked(agent(STANDIN), 900)
    assert holdfast("why", run, "--counterfactual", "pay").code == 1
    shown = holdfast("show", run).out
    assert shown.count("pay: WRONG_REASON") == 1
    assert "and a script answered" in " ".join(shown.split())
    assert holdfast("why", run, "--counterfactual", "pay").code == 1
    assert holdfast("show", run).out == shown, "the same words are not said again"
    assert holdfast("why", run, "--counterfactual", "pay", "--k", "6").code == 1
    assert holdfast("show", run).out.count("pay: WRONG_REASON") == 2
    assert holdfast("show", run).out.count("in 24 forks") == 1


def test_eval_and_report_find_a_wrong_reason_in_the_trials_it_was_found_of(holdfast, agent, place):
    folder, url = agent(STANDIN), "sqlite:///.holdfast/eval.db"
    for cents in (700, 900):
        pays = {"outcome": "done", "effects": {"pay": [{"cents": cents}]}, "output": {"paid": cents}}
        suite(folder, **{f"of-{cents}": {"family": "bills", "input": {"bill": str(cents)}, "expect": pays}})
    before = holdfast("eval", folder, "--trials", "3", "--json").json
    assert (before["corrupt"]["passes"], before["corrupt"]["corrupt"]) == (6, 0)
    run = before["cases"][0]["runs"][0]
    given = ["why", run, "--journal", url, "--agent", folder, "--counterfactual", "pay", "--k", "5"]
    assert holdfast(*given).code == 1
    found = holdfast("eval", folder, "--trials", "3")
    assert found.code == 0, "a success that is corrupt stays one for the gate"
    assert re.search(r"^k = 1 +100.0 % .* 83.3 % +100.0 %", found.out, re.MULTILINE)
    assert re.search(r"^corrupt +1 of 6 passes, 16.7 % .*: wrong reason 1$", found.out, re.MULTILINE)
    assert re.search(r"^of-700 +3/3 +passed .* 1 corrupt: wrong reason$", found.out, re.MULTILINE)
    assert max(map(len, found.out.splitlines())) <= 100
    after = holdfast("eval", folder, "--trials", "3", "--json").json
    assert (after["corrupt"]["against"], after["corrupt"]["runs"]) == ({"wrong reason": 1}, [run])
    report = holdfast("report", folder, "--json").json
    assert report["repeatability"]["corrupt"] == 1
    assert report["repeatability"]["against"] == {"wrong reason": 1}
    page = holdfast("report", folder).out
    assert "(wrong reason 1)" in " ".join(page.split())
    assert re.search(r"bills +2 +6/6 +100.0 % .* 1 *$", page, re.MULTILINE), "a row for the family"
