"""`--env NAME` and HOLDFAST_ENV: one environment for every verb, and what is said by hand wins."""

from __future__ import annotations

import os

import pytest
import typer

from holdfast.cli.app import app
from tests.cli.bills import TOOLS, write_agent

SETTINGS = """
mode = "simulate"
journal = "sqlite:///dev.db"
[env.prod]
mode = "live"
journal = "sqlite:///prod.db"
[env.bare]
mode = "supervise"
"""


@pytest.fixture
def desk(place):
    (place / "holdfast.toml").write_text(SETTINGS)
    return place


def verbs(command, name="holdfast"):
    yield name, command
    for inner, part in getattr(command, "commands", {}).items():
        yield from verbs(part, f"{name} {inner}")


def test_every_verb_takes_it():
    lacking = [
        name
        for name, command in verbs(typer.main.get_command(app()))
        if "--env" not in {option for param in command.params for option in param.opts}
    ]
    assert lacking == ["holdfast"]


def test_it_chooses_the_journal_and_the_mode(holdfast, desk, payer):
    first = holdfast("run", payer, '{"bill": "100"}', "--json")
    assert first.code == 0
    assert "no environment: mode simulate, writes are not carried out; journal sqlite:///dev.db" in first.err
    live = holdfast("run", payer, '{"bill": "100"}', "--env", "prod")
    assert (
        "environment prod: mode live, writes are carried out as the contract says; journal sqlite:///prod.db"
        in live.err
    )
    assert (desk / "dev.db").exists()
    assert (desk / "prod.db").exists()
    assert not (desk / ".holdfast").exists()
    assert len(holdfast("show", "--json").json) == len(holdfast("show", "--json", "--env", "prod").json) == 1
    assert holdfast("show", first.json["run"], "--env=prod").code == 64


def test_both_have_the_same_contract_and_each_run_its_mode(holdfast, desk, payer, monkeypatch):
    found = {}
    for env in ("", "prod", "bare"):
        monkeypatch.setenv("HOLDFAST_ENV", env)
        holdfast("run", payer, '{"bill": "100"}', "--key", env or "none")
        found[env] = next(one for one in holdfast("show", "--json").json if one["key"] == (env or "none"))
    assert len({one["contract"] for one in found.values()}) == 1
    assert [one.get("mode", "live") for one in found.values()] == ["simulate", "live", "supervise"]


def test_what_is_said_by_hand_wins(holdfast, desk, payer, monkeypatch):
    said = holdfast(
        "run", payer, '{"bill": "100"}', "--env", "prod", "--mode", "simulate", "--journal", "sqlite:///own.db"
    )
    assert "environment prod: mode simulate" in said.err
    assert "(the settings say mode live and journal sqlite:///prod.db)" in said.err
    assert (desk / "own.db").exists()
    monkeypatch.setenv("HOLDFAST_JOURNAL", "sqlite:///shell.db")
    said = holdfast("run", payer, '{"bill": "100"}', "--env", "prod")
    assert "journal sqlite:///shell.db (the settings say journal sqlite:///prod.db)" in said.err
    assert not (desk / "prod.db").exists()


def test_it_is_for_that_command_only(holdfast, desk, monkeypatch):
    monkeypatch.setenv("HOLDFAST_ENV", "bare")
    assert "there is no journal at prod.db" in holdfast("show", "--env", "prod").err
    assert os.environ["HOLDFAST_ENV"] == "bare"
    assert "there is no journal at dev.db" in holdfast("show").err
    monkeypatch.delenv("HOLDFAST_ENV")
    holdfast("show", "--env", "prod")
    assert "HOLDFAST_ENV" not in os.environ


def test_it_stands_before_or_behind_the_verb_of_a_verb(holdfast, desk):
    for args in (("--env", "prod"), ("--env", "prod", "list"), ("list", "--env", "prod")):
        assert "there is no journal at prod.db" in holdfast("review", *args).err, args


def test_journals_of_trials_are_their_own(desk):
    commands = typer.main.get_command(app()).commands
    for verb in ("eval", "drill", "compare"):
        context = commands[verb].make_context(verb, ["desk", "other", "--env", "prod"][: 1 if verb != "compare" else 2])
        assert "prod.db" not in context.params["journal"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("show", "--env", "prd"), "holdfast.toml has no environment prd"),
        (("check", "bills", "--env", "prd"), "holdfast.toml has no environment prd"),
        (("show", "--env"), "--env"),
    ],
)
def test_one_that_there_is_not_is_refused_by_every_verb(holdfast, desk, args, said):
    found = holdfast(*args)
    assert found.code in (4, 64)
    assert said in found.err


def test_help_is_given_whatever_stands_in_the_file(holdfast, desk):
    (desk / "holdfast.toml").write_text("jurnal = 3\n")
    assert holdfast("show", "--help").code == 0
    assert "jurnal is no setting" in holdfast("show").err
    assert holdfast("new", "another").code == 0


def test_without_settings_nothing_is_said_and_nothing_is_otherwise(holdfast, place, payer):
    found = holdfast("run", payer, '{"bill": "100"}')
    assert "environment" not in found.err
    assert (place / ".holdfast" / "journal.db").exists()
    assert "there is no holdfast.toml here to have an environment prod" in holdfast("show", "--env", "prod").err


VALUES = """
[values]
erp = "https://test.example"
token = {variable = "ERP_TOKEN"}
[env.prod.values]
erp = "https://erp.example"
"""

LEAKY = TOOLS.replace("    yield Desk()", "    desk = Desk()\n    desk.settings = settings\n    yield desk").replace(
    "return Found(bill=bill, cents=int(bill))",
    "return Found(bill=' '.join(f'{k}={v}' for k, v in desk.settings.items()), cents=int(bill))",
)


@pytest.mark.parametrize(
    ("args", "erp"),
    [
        ((), "https://test.example"),
        (("--env", "prod"), "https://erp.example"),
        (("--env", "prod", "--setting", "erp=by-hand"), "by-hand"),
    ],
)
def test_resources_are_given_the_values_and_no_credential_is_written(holdfast, place, monkeypatch, args, erp):
    (place / "holdfast.toml").write_text(VALUES)
    monkeypatch.setenv("ERP_TOKEN", "very-secret-1234")
    found = holdfast("run", write_agent(place, "leaky", tools=LEAKY), '{"bill": "100"}', "--json", *args)
    assert found.code == 0, found.err
    shown = holdfast("show", found.json["run"], "--json").out
    assert f"erp={erp} token=[redacted:token]" in shown
    journal = b"".join(file.read_bytes() for file in (place / ".holdfast").iterdir() if file.is_file())
    assert b"very-secret-1234" not in journal


def test_a_credential_that_is_not_set_is_named_before_anything_runs(holdfast, place, payer, monkeypatch):
    (place / "holdfast.toml").write_text(VALUES)
    monkeypatch.delenv("ERP_TOKEN", raising=False)
    found = holdfast("run", payer, '{"bill": "100"}')
    assert found.code == 4
    assert "ERP_TOKEN (for values.token)" in found.err
    assert holdfast("check", payer).code != 0
    assert not (place / ".holdfast").exists()
