"""The real program: in a pipe, cut short, without a terminal, and as a module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def shell(command, **more):
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "USER": "ana"}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        env=env,
        check=False,
        timeout=60,
        **more,
    )


@pytest.fixture
def rooms(holdfast):
    """The new agent, with a run behind it."""
    holdfast("new", "rooms")
    holdfast("run", "rooms", "A room for 6 on Monday, please. Ana", "--key", "k")


def test_output_can_be_cut_short(rooms):
    found = shell("holdfast show k --full --json | head -c 1; holdfast show | head -1")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("{")


def test_json_goes_through_a_pipe_whole(rooms):
    found = shell(f"holdfast show k --json | {sys.executable} -m json.tool")
    assert found.returncode == 0
    assert json.loads(found.stdout)["agent"] == "rooms"


def test_no_colour_and_no_blanks_at_the_end_of_a_line_in_a_pipe(rooms):
    found = shell("holdfast show k | cat; holdfast why k | cat; holdfast show | cat")
    assert "\x1b" not in found.stdout
    assert [line for line in found.stdout.splitlines() if line != line.rstrip()] == []


def test_input_through_a_pipe_and_exit_codes(rooms):
    found = shell("echo 'A room for 40 on Friday' | holdfast run rooms - --json; echo code $?")
    assert found.stdout.splitlines()[-1] == "code 2"
    assert json.loads(found.stdout.splitlines()[0])["waits_for"] == "office"
    assert shell("holdfast run rooms 'what?' >/dev/null").returncode == 0
    assert shell("holdfast show nobody").returncode == 64


def test_batch_through_a_pipe(rooms):
    rows = "\n".join(json.dumps(f"A room for 2 on {day}") for day in ("tuesday", "wednesday"))
    found = shell("holdfast run rooms --batch - --json", input=rows)
    assert found.returncode == 0
    assert json.loads(found.stdout)["outcomes"] == {"done": 2}


def test_module_is_the_program():
    found = subprocess.run([sys.executable, "-m", "holdfast"], capture_output=True, text=True, check=False)
    assert found.returncode == 0
    assert found.stdout.startswith("holdfast new NAME")


def test_version_needs_neither_typer_nor_rich():
    program = (
        "import sys; from holdfast.cli import main; main(['--version']);"
        "sys.exit('typer' in sys.modules or 'rich' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
