"""Every command of the tutorial, run in order in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from holdfast.cli import main

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    return [
        line.removeprefix("$ holdfast ") for block in blocks for line in block.splitlines() if line.startswith("$ ")
    ]


def files() -> dict[str, str]:
    found = re.findall(r"<!-- file: (\S+) -->\n```json\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


def test_every_command_of_the_tutorial_does_what_the_tutorial_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("HOLDFAST_JOURNAL", raising=False)
    for name, text in files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    run, printed = "", ""
    for line in commands():
        words = [run if word == "RUN" else word for word in shlex.split(line)]
        code = main(words)
        text = capsys.readouterr().out
        printed += text
        assert code == (2 if "for 40 on" in line else 0), f"{line}\n{text}"
        if words[0] == "run" and (named := re.search(r"r_[0-9a-f]{16}", text)):
            run = named.group()
    assert "You have Library on monday." in printed
    assert "You have Hall on friday." in printed
    assert "the office gives out the big rooms" in printed
    assert "nothing of them was repeated" in printed
    assert "everything is what was written" in printed
