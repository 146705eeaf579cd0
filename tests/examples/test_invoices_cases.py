"""The cases of accounts payable: passed by the stand-in, and by no agent that knows nothing. And the demo, from end to end."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from holdfast.evals.cases.case import load_all
from holdfast.evals.trials.nulls import screened
from holdfast.evals.trials.suite import suite_of
from holdfast.evals.trials.trial import playing
from holdfast.shell.folder import load

PLACE = Path(__file__).parents[2] / "examples" / "invoices"
FOLDER = load(str(PLACE))
SUITE = suite_of(FOLDER)
FILES = sorted((PLACE / "cases").glob("*.yaml"))


def test_every_file_of_the_folder_is_a_case_of_its_name():
    assert [case.name for case in load_all(PLACE / "cases")] == [path.stem for path in FILES]
    assert len({case.family for case in SUITE.cases}) >= 6
    assert all(case.human is not None and case.about for case in SUITE.cases)


def test_every_case_passes_with_the_stand_in_three_times():
    """Three trials of a case share its invoice and its vendor, and each has a world of its own: none waits for another."""

    async def play():
        async with playing("memory:", SUITE, model=FOLDER.standin) as player:
            return [trial async for trial in player.play(3)]

    trials = asyncio.run(play())
    assert len(trials) == 3 * len(FILES)
    assert {trial.case: trial.misses or trial.trouble for trial in trials if not trial.passed} == {}


def test_agents_that_know_nothing_pass_no_case():
    async def play():
        return [(null.name, trial.case) async for null, trial in screened("memory:", SUITE) if trial.passed]

    assert asyncio.run(play()) == []


@pytest.mark.long
def test_the_demo_runs_through(tmp_path, monkeypatch, capfd):
    from examples.invoices import demo

    monkeypatch.chdir(tmp_path)
    for name in ("HOLDFAST_JOURNAL", "HOLDFAST_ENV", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    demo.main()
    told = capfd.readouterr().out
    assert max(len(line) for line in told.splitlines()) <= 100
    assert "30 mails were delivered, and became 29 runs" in told
    assert (
        "40 invoices, 399,960.00 in all.\n2 were paid, 19,998.00 together.\n38 wait for 2 of finance: more than 25,000.00"
        in told
    )
    assert "the ERP's ledger and the journal hold the same 15 payments, 58,370.50 in all" in told
    assert len(re.findall(r"(?m)^  yes  ", told)) == 5
    assert "  NO   " not in told
