"""The tutorial, followed from its first line to its last in an empty folder: every command is run, every file and edit is made.

Blocks of `console` are command lines after a `$`. What a reader is told to write stands in a comment before a block, or before
the next command: `file: NAME` is a whole file, `append: NAME` goes to its end, `insert: NAME: TEXT` after the first line that
begins with TEXT, `change: NAME: OLD -> NEW` stands for itself. Edits of agents are `py` and `yml` blocks: `python` and `yaml` ones
are samples, which test_samples runs by themselves.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli import main

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
PARTS = re.compile(
    r"<!-- (?P<how>file|append|insert|change): (?P<name>[^\s:]+)(?:: (?P<what>.+?))? -->\n(?:```\w+\n(?P<text>.*?)```)?"
    r"|```console\n(?P<shown>.*?)```",
    re.DOTALL,
)
CODES = {"for 40 on": 2, "cancel b-1": 2}
"""Words of a command that is meant to wait."""


def steps():
    """(command line, what is shown below it) and edits, in the order of the page."""
    text = TUTORIAL.read_text(encoding="utf-8")
    text = re.sub(r"(<!-- change: .+? -->\n)(?=```console)", r"\1\n", text)  # such an edit has no block of its own
    for part in PARTS.finditer(text):
        if part["how"]:
            yield part.groupdict()
            continue
        for command in re.split(r"^\$ ", part["shown"], flags=re.MULTILINE)[1:]:
            line, _, shown = command.partition("\n")
            yield line, shown


def edit(part):
    """Do what a reader is told to do to a file."""
    file = Path(part["name"])
    if part["how"] == "file":
        file.write_text(part["text"], encoding="utf-8")
    elif part["how"] == "append":
        file.write_text(file.read_text(encoding="utf-8") + part["text"], encoding="utf-8")
    elif part["how"] == "change":
        old, new = part["what"].split(" -> ")
        assert old in file.read_text(encoding="utf-8")
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    else:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        at = next(at for at, line in enumerate(lines) if line.lstrip().startswith(part["what"]))
        file.write_text("".join([*lines[: at + 1], part["text"], *lines[at + 1 :]]), encoding="utf-8")


def forget(folder):
    """Modules of an agent are loaded once a process; here each command stands for a process of its own."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


class Reader:
    """Somebody who types what the tutorial says."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.run = ""
        self.printed = {}
        """Command → what it printed, the last time."""

    def type(self, line):
        """The exit code of a command."""
        forget(self.folder)
        program, *words = (self.run if word == "RUN" else word for word in shlex.split(line))
        if program == "python":
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, check=False)
            self.printed[line] = done.stdout + done.stderr
            return done.returncode
        assert program == "holdfast"
        code = main(words)
        caught = self.capsys.readouterr()
        self.printed[line] = caught.out
        if words[0] == "run" and "--again" not in words and (named := re.search(r"r_[0-9a-f]{16}", caught.out)):
            self.run = named.group()
        return code


def test_every_command_of_the_tutorial_does_what_the_tutorial_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "ANTHROPIC_API_KEY",
        "HOLDFAST_JOURNAL",
        "HOLDFAST_ENV",
        "HOLDFAST_SETTINGS",
        "HOLDFAST_AS",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)
    reader = Reader(tmp_path, capsys)
    commands = 0
    for step in steps():
        if isinstance(step, dict):
            edit(step)
            continue
        line, shown = step
        code = reader.type(line)
        commands += 1
        told = reader.printed[line]
        expected = (
            1 if "waiting (review for office)" in shown else next((CODES[few] for few in CODES if few in line), 0)
        )
        assert code == expected, f"{line}\n{told}"
        for text in wanted(shown):
            assert text in " ".join(told.split()), f"{line} does not print {text!r}:\n{told}"
    assert commands == len(re.findall(r"^\$ ", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE))


FREE = re.compile(r"r_[0-9a-f]{16}|contract [0-9a-f]{12}|^rooms: |\d+ms|\d{4}-\d\d-\d\d|[╭╰]|\[\d+\]")
"""What is another one each time, in a line that is shown."""


def wanted(shown):
    """The lines that a command is shown to print, but for those with names and moments in them."""
    for line in shown.splitlines():
        text = " ".join(line.strip("│ ").split())
        if text and not FREE.search(line):
            yield text
