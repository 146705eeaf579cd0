"""The first page, help, version, and being called the wrong way."""

from __future__ import annotations

import json

import pytest

from holdfast.cli import front, main
from holdfast.cli.app import app
from holdfast.version import VERSION


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",), ("help",)])
def test_first_page_shows_the_verbs_of_a_newcomer_and_where_the_others_are(holdfast, args):
    found = holdfast(*args)
    assert found.code == 0
    lines = found.out.splitlines()
    assert [line.split()[1] for line in lines[:6]] == ["new", "run", "show", "why", "review", "eval"]
    assert lines[6] == "More (holdfast help GROUP):"
    assert max(len(line) for line in lines) <= 120


def test_every_verb_of_the_first_page_exists_and_every_verb_is_on_it(holdfast):
    named = {usage.split()[0] for usage, _ in front.FIRST}
    named |= {usage.split()[0] for verbs in front.MORE.values() for usage, _ in verbs}
    made = app()
    existing = {command.callback.__name__ for command in made.registered_commands}
    existing |= {group.name for group in made.registered_groups}
    assert named == existing


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(holdfast, flag):
    assert holdfast(flag) == (0, f"holdfast {VERSION}\n", "")


@pytest.mark.parametrize("group", list(front.MORE))
def test_help_lists_a_group(holdfast, group):
    found = holdfast("help", group)
    assert found.code == 0
    assert found.out.count("holdfast ") == len(front.MORE[group])


def test_help_of_a_verb_is_its_own_help(holdfast):
    assert "Usage: holdfast why" in holdfast("help", "why").out
    assert "--where" in holdfast("show", "--help").out
    assert "approve" in holdfast("review", "--help").out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("dance",), "No such command 'dance'"),
        (("help", "dance"), "there is no verb or group dance"),
        (("why",), "Missing argument 'RUN'"),
        (("show", "--sideways"), "No such option: --sideways"),
        (("run", "x", "y", "--mode", "reckless"), "reckless"),
        (("run", "x", "y", "--concurrency", "0"), "--concurrency"),
        (("show", "--where", "status"), "'status' is no key=value"),
    ],
)
def test_being_called_the_wrong_way_is_64(holdfast, args, text):
    found = holdfast(*args)
    assert (found.code, found.out) == (64, "")
    assert text in found.err
    assert found.err.startswith("holdfast: ")


def test_error_is_an_object_with_json(holdfast):
    found = holdfast("why", "--json")
    assert (found.code, found.err) == (64, "")
    assert found.json["error"]["kind"] == "UsageError"
    assert found.json["error"]["exit_code"] == 64


def test_unexpected_error_asks_to_be_reported(holdfast, monkeypatch):
    monkeypatch.setattr("holdfast.cli.front.front", lambda: 1 / 0)
    found = holdfast()
    assert found.code == 70
    assert found.err == "holdfast: ZeroDivisionError: division by zero\nplease report this, with what --debug prints\n"
    traced = holdfast("--debug")
    assert traced.code == 70
    assert "Traceback" in traced.err
    assert "please report" not in traced.err


def test_interruption_is_130_and_says_what_to_do(capsys, monkeypatch):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("holdfast.cli._do", interrupt)
    assert main(["show"]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_json_error_has_run_entry_and_hint(holdfast, waiting):
    found = holdfast("review", "approve", waiting, "--as", "ana", "--json")
    assert found.code == 3
    assert set(json.loads(found.out)["error"]) == {"kind", "what", "run", "seq", "hint", "exit_code"}
    assert found.json["error"]["run"] == waiting
