"""Blame, as `failures --blame` shows it: of runs of several agents who, of others why nobody."""

from __future__ import annotations

import json

import pytest

from holdfast.cli.blame import show
from holdfast.cli.viewing import Viewer
from holdfast.errors import JournalError, UsageError
from tests import kin

URL = "sqlite:///.holdfast/journal.db"


@pytest.fixture
def cancelled(holdfast, waiting, payer):
    """A run of one agent that was cancelled."""
    assert holdfast("cancel", waiting, "--because", "a mistake").code == 0
    assert holdfast("resume", waiting).code != 4
    return waiting


@pytest.fixture
def stopped(place):
    """A tree whose root was stopped: it had a claim assessed, which had the weather asked for, and went no further."""
    agent = kin.claims(limits={"usd": "0.50", "steps": 1}, surprises={"limit": "stop"})
    (place / ".holdfast").mkdir(exist_ok=True)
    return kin.played(agent, kin.models(), journal=URL, by="alice")


def test_a_run_of_one_agent_has_nobody_to_choose_from(cancelled, capsys):
    assert show(Viewer("failures --blame"), URL, [cancelled[:8]], as_json=False) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{cancelled}  payer  cancelled\n")
    assert "one agent only: to name one of several, a run needs more than one" in text
    assert "exact finding" in text


def test_agent_and_step_of_a_run_tree_are_named(stopped, capsys):
    assert show(Viewer("failures --blame"), URL, [stopped.root], as_json=False) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"{stopped.root} claims stopped most suspect: assessor at step ")
    assert f"[{stopped.of('assessor')[0].run} 18]" in text, "what it came back with"
    assert f"[{stopped.root} " in text, "the limit it reached is the earliest exact finding"
    assert show(Viewer("failures --blame"), URL, [], as_json=True) == 0
    (found,) = json.loads(capsys.readouterr().out)  # a child is read with the run it answers
    assert found["agents"] == ["claims", "assessor", "weather"]
    assert [one["agent"] for one in found["suspects"]] == ["assessor", "weather"]
    assert found["suspects"][1]["run"] == stopped.of("weather")[0].run


def test_failed_runs_of_one_agent_and_of_several_stand_beside_each_other(stopped, cancelled, capsys):
    assert show(Viewer("failures --blame"), URL, [], as_json=True) == 0
    found = {one["run"]: one for one in json.loads(capsys.readouterr().out)}
    assert set(found) == {stopped.root, cancelled}
    assert found[cancelled]["suspects"] == []


def test_lines_fit_a_hundred_columns(stopped, cancelled, capsys):
    show(Viewer("failures --blame"), URL, [], as_json=False)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_no_failed_runs_are_said_to_be_none(holdfast, payer, capsys):
    assert holdfast("run", payer, '{"bill": "700"}').code == 0
    assert show(Viewer("failures --blame"), URL, [], as_json=False) == 0
    assert capsys.readouterr().out == "no failed runs\n"


def test_a_run_or_a_journal_that_is_not_there_is_an_error(holdfast, place, payer):
    with pytest.raises(JournalError):
        show(Viewer("failures --blame"), URL, [], as_json=False)
    assert holdfast("run", payer, '{"bill": "700"}').code == 0
    with pytest.raises(UsageError, match="no run"):
        show(Viewer("failures --blame"), URL, ["r_nowhere"], as_json=False)
