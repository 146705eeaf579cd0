"""Every command of docs/access.md, run in order in an empty folder; and its settings are some that can be read."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from holdfast.cli import main
from holdfast.shell.settings import parse
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "access.md"


def test_every_command_of_the_page_does_what_the_page_says(elsewhere, monkeypatch, capsys):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    run, said = "", {}
    lines = [line[2:] for one in samples(PAGE, "console") for line in one.text.splitlines() if line[:2] == "$ "]
    for line in lines:
        if line.startswith("printf"):
            subprocess.run(["bash", "-c", line], check=True, timeout=20)
            continue
        code = main([run if word == "r_" else word for word in shlex.split(line)[1:]])
        said[line] = capsys.readouterr().out
        assert code == 0, f"{line}\n{said[line]}"
        if named := re.search(r"r_[0-9a-f]{16}", said[line]):
            run = run or named.group()
    log = said["holdfast access"]
    assert [part for part in ("show", "why", "export", "noted: good") if part not in log] == []
    assert log.count("ben (by assertion)") == 4
    assert said["holdfast show access"].count("ben") == 4


def test_the_settings_of_the_page_are_settings():
    (sample,) = samples(PAGE, "toml")
    found = parse(sample.text)
    assert found.access.log
    assert not parse(sample.text, environment="test").access.log
    assert found.sees(["finance", "desk"]) == {"plain", "contact", "payment"}
    assert found.sees(["auditor"]) is None
    assert found.sees([]) == {"plain"}
