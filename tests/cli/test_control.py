"""What was stopped for many runs is shown and counted as decisions; and how a run stands that waits for no person."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.cli.list_text import _waits
from holdfast.cli.standing import Standing, _somebody, next_step, standing
from holdfast.core.state import Stop
from holdfast.events import Held
from holdfast.journal.open import open_journal
from holdfast.journal.port import Row
from holdfast.shell.control import Control
from tests.cli.aside import alone, say
from tests.core.story import Story, desk, order

URL = "sqlite:///journal.db"


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A journal in which somebody stopped everything and let it go on, and somebody else stopped a tool."""
    alone(monkeypatch, tmp_path)

    async def act():
        journal = open_journal(URL)
        control = Control(journal)
        await control.stop("all", by="olga", why="prices are wrong", actor="cli:olga")
        await control.resume("all", by="olga")
        await control.stop("tool", "pay", by="lea", why="wrong account")
        await control.publish("desk", {"name": "desk"}, "0123456789abcdef", by="lea")
        await journal.close()

    asyncio.run(act())


def test_the_control_stream_is_shown_with_what_is_stopped_now(stopped):
    found = say("show", "control", "--journal", URL)
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].endswith("1  olga stopped everything: prices are wrong (by assertion)")
    assert lines[1].endswith("2  olga let everything go on")
    assert lines[2].endswith("3  lea stopped the tool pay: wrong account")
    assert lines[3].endswith("4  lea accepted contract 0123456789ab for new runs of desk")
    assert lines[-1].startswith("stopped since ")
    assert lines[-1].endswith(": the tool pay, by lea")
    assert len(say("show", "control", "--limit", "1", "--journal", URL).out.splitlines()) == 3
    told = say("show", "control", "--json", "--journal", URL).json
    assert [one["event"]["kind"] for one in told["entries"]] == [
        "SwitchedOff",
        "SwitchedOn",
        "SwitchedOff",
        "ContractPublished",
    ]
    assert told["stopped"] == [{"entry": 3, "what": "the tool pay", "by": "lea", "why": "wrong account"}]


def test_the_account_of_decisions_holds_those_for_many_runs(stopped):
    acts = say("access", "--json", "--journal", URL).json["acts"]
    assert [(act["by"], act["what"], act["run"]) for act in acts] == [
        ("olga", "stopped everything", "control"), ("olga", "let everything go on", "control"), ("lea", "stopped the tool pay", "control"),
        ("lea", "accepted contract 0123456789ab for new runs of desk", "control"),
    ]  # fmt: skip


def test_it_is_no_run_of_an_agent(stopped):
    found = say("why", "control", "--journal", URL)
    assert found.code != 0
    assert "holdfast show control" in found.err


def test_a_journal_in_which_nothing_was_stopped_says_so(tmp_path, monkeypatch):
    alone(monkeypatch, tmp_path)

    async def make():
        await open_journal(URL).close()

    asyncio.run(make())
    assert "nothing was ever stopped" in say("show", "control", "--journal", URL).out


# ------------------------------------------------------------------------------------------------------------ standing


def stands(run: Story) -> Standing:
    return standing(run.state, run.stands())


def test_a_run_that_waits_for_others_or_is_stopped_waits_for_no_person():
    run = Story(desk(order(), one_at_a_time="input.order"))
    run.elsewhere["turn"] = Held(1, "r_9")
    run.settle_down()
    found = stands(run)
    assert (found.waits_for, found.code, _somebody(found)) == ("place", 2, False)
    assert found.awaits == ("waits for run r_9, which is about the same thing (one_at_a_time)",)
    assert next_step(found) == "holdfast resume r_1"
    run.stopped = Stop(7, "olga", "prices are wrong")
    run.settle_down()
    found = stands(run)
    assert (found.waits_for, found.code, _somebody(found)) == ("stop", 2, False)
    assert found.halted == "olga stopped it: prices are wrong (control entry 7)"
    assert next_step(found).startswith("a worker goes on with it when the stop is over")


@pytest.mark.parametrize(
    ("waits_for", "shown"), [("place", "other runs"), ("stop", "a stop's end"), ("finance", "finance")]
)
def test_the_list_says_in_words_for_what_is_waited(waits_for, shown):
    row = Row(run="r", seq=1, agent="a", status="waiting", due=None, opened=0, at=0, by="x", waits_for=waits_for)
    assert _waits(row, 0) == shown
