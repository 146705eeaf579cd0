"""Every command of docs/audit.md, run in order in an empty folder; and its words for findings are those that are said."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from holdfast.cli import main
from holdfast.views.tampering import WORDS
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "audit.md"


def commands():
    return [
        line.removeprefix("$ ")
        for one in samples(PAGE, "console")
        for line in one.text.splitlines()
        if line[:2] == "$ "
    ]


def test_every_command_of_the_page_does_what_the_page_says(elsewhere, monkeypatch, capsys):
    for script in ("verify_export.py", "verify_proof.py"):
        shutil.copy(ROOT / "docs" / script, elsewhere)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(elsewhere / "cache"))
    run, said = "", {}
    for line in commands():
        program, *words = shlex.split(line)
        if program == "export":
            monkeypatch.setenv(*words[0].split("=", 1))
            continue
        if program == "holdfast":
            code = main([run if word == "r_" else word for word in words])
            text = capsys.readouterr().out
        else:
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=60)
            code, text = done.returncode, done.stdout + done.stderr
        assert code == 0, f"{line}\n{text}"
        said[line] = text
        if words[0] == "run" and (named := re.search(r"r_[0-9a-f]{16}", text)):
            run = run or named.group()
    told = list(said.items())
    assert any("checkpoint 1 covers" in text for _, text in told)
    assert any("none was taken" in text and "desk-anchor.git" in text for _, text in told)
    verified = said["holdfast verify --pub desk.key.pub --anchor elsewhere/desk"]
    assert "is the last that an anchor holds too: elsewhere/desk" in verified
    assert "no entry of a run came after it" in verified
    assert "everything is what was written and signed" in told[-2][1]
    assert "these runs are what was written and signed" in told[-1][1]


def test_the_page_has_a_word_for_every_finding():
    text = PAGE.read_text(encoding="utf-8")
    missing = {word for word, _ in WORDS.values() if f"`{word}`" not in text}
    assert not missing
