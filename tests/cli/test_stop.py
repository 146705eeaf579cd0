"""stop and resume for many runs at once: an agent, a tool, everything; and what is stopped now."""

from __future__ import annotations

import pytest


def paid(holdfast, payer, bill: int = 700) -> dict:
    """How a run of a bill stands."""
    return holdfast("run", payer, f'{{"bill": "{bill}"}}', "--json").json


@pytest.mark.parametrize("switch", [["payer"], ["--all"], ["--tool", "pay"]])
def test_what_is_stopped_begins_nothing_until_it_may_go_on(holdfast, payer, switch):
    assert paid(holdfast, payer)["outcome"] == "done"
    said = holdfast("stop", *switch, "--because", "a look", "--as", "kim")
    assert (said.code, "is stopped by kim: a look" in said.out) == (0, True)
    stands = paid(holdfast, payer)
    assert (stands["status"], stands["waits_for"]) == ("waiting", "stop")
    assert stands["steps"] == (2 if "--tool" in switch else 0)
    assert "by kim: a look; 1 run waits for its end" in holdfast("stop").out
    assert holdfast("show").out.startswith("stopped since ")
    went = holdfast("resume", *switch, "--as", "lee")
    assert "may go on" in went.out
    assert "1 run waited for it" in went.out
    assert holdfast("stop").out == "nothing is stopped for many runs at once\n"
    assert "stopped since" not in holdfast("show").out
    assert holdfast("resume", "--agent", payer, "--all", "--json").json[0]["outcome"] == "done"


def test_what_goes_on_and_what_does_not_is_said(holdfast, payer):
    paid(holdfast, payer)
    everything = " ".join(holdfast("stop", "--all").out.split())
    assert "goes on to its end and is recorded, writes and reads" in everything
    assert "Questions can be answered and messages sent" in everything
    tool = " ".join(holdfast("stop", "--tool", "pay").out.split())
    assert "everything else goes on" in tool
    assert max(map(len, holdfast("stop", "--all").out.splitlines())) <= 100


def test_a_name_that_no_contract_has_is_refused_with_the_near_ones(holdfast, payer):
    paid(holdfast, payer)
    agent, tool = holdfast("stop", "paier"), holdfast("stop", "--tool", "look")
    assert (agent.code, "there is no run and no agent 'paier'" in agent.err, "payer" in agent.err) == (64, True, True)
    assert (tool.code, "has a tool look" in tool.err, "look_up" in tool.err) == (64, True, True)
    assert holdfast("stop").out.startswith("nothing")


def test_an_agent_is_named_by_its_folder_too_and_a_run_by_its_own_name(holdfast, payer, waiting):
    assert holdfast("stop", payer, "--json").json["name"] == "payer"
    assert holdfast("resume", payer).code == 0
    assert "stopped for now" in holdfast("stop", "big").out  # a request key
    assert holdfast("stop").out.startswith("nothing")


@pytest.mark.parametrize("wrong", [["payer", "--all"], ["--tool", "pay", "--all"], ["--because", "x"]])
def test_one_thing_is_stopped_at_a_time(holdfast, payer, wrong):
    paid(holdfast, payer)
    assert holdfast("stop", *wrong).code == 64


def test_what_is_stopped_already_stays_who_stopped_it_first(holdfast, payer):
    paid(holdfast, payer)
    first = holdfast("stop", "--all", "--as", "kim", "--json").json
    second = holdfast("stop", "--all", "--as", "lee")
    assert "it was stopped already: everything is stopped by kim" in second.out
    (now,) = holdfast("stop", "--json").json
    assert (now["entry"], now["by"]) == (first["entry"], "kim")
    assert holdfast("resume", "--tool", "pay").code == 64


def test_whoever_is_no_person_of_the_settings_may_stop_and_not_let_go_on(holdfast, payer, place):
    paid(holdfast, payer)
    (place / "holdfast.toml").write_text('[roles.boss]\n[people]\nkim = ["boss"]\n')
    assert holdfast("stop", "--all", "--as", "lee").code == 0
    refused = holdfast("resume", "--all", "--as", "lee")
    assert (refused.code, "is not among the people" in refused.err) == (3, True)
    assert holdfast("resume", "--all", "--as", "kim").code == 0
