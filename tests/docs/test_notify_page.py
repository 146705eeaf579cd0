"""Every command of docs/notify.md, run in order in an empty folder; its settings, and its fields."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

from holdfast.cli import main
from holdfast.shell.settings import parse
from holdfast.views.notices import Kind, Notice
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "notify.md"


def test_every_command_of_the_page_does_what_the_page_says(elsewhere, monkeypatch, capsys):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    lines = [line[2:] for one in samples(PAGE, "console") for line in one.text.splitlines() if line[:2] == "$ "]
    said = {}
    for line in lines:
        code = main(shlex.split(line)[1:])
        said[line] = capsys.readouterr()
        assert code in ((0, 2) if line.startswith("holdfast run") else (0,)), f"{line}\n{said[line]}"
    first, again = [said[line].out for line in lines if "--command" in line]
    assert "is asked" in said["holdfast notify --list"].out
    assert first == "told command tee 1 notice\n"
    assert json.loads(again)["told"] == 0
    assert json.loads(Path("told.json").read_text())["kind"] == "asked"


def test_the_settings_of_the_page_are_settings():
    command, webhook = (parse(sample.text).notify for sample in samples(PAGE, "toml"))
    assert command.command[0] == "/usr/local/bin/tell-the-desk"
    assert (webhook.webhook, webhook.secret) == ("https://hooks.example.com/holdfast", "NOTIFY_KEY")


def test_the_page_names_every_kind_and_only_fields_there_are():
    text = PAGE.read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == [
        "asked",
        "ending",
        "expired",
        "doubt",
        "limit",
        "attention",
    ]
    assert set(Kind.__args__) == {"asked", "ending", "expired", "doubt", "limit", "attention"}
    (sample,) = samples(PAGE, "json")
    assert set(json.loads(sample.text)) - {"text"} <= set(Notice.__struct_fields__)
