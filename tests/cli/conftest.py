"""A folder of one's own for each test, and a command line in this process."""

from __future__ import annotations

import json
import os
import pty
import threading
from contextlib import suppress
from typing import NamedTuple

import pytest

from holdfast.cli import main
from tests.cli.bills import write_agent


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to be in; no key of any provider, no journal of anybody else."""
    for name in (
        "HOLDFAST_JOURNAL",
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "ANTHROPIC_BASE_URL",
        "OPENAI_BASE_URL",
        "COLUMNS",
        "HOLDFAST_AUDIT_KEY",
        "HOLDFAST_AUDIT_PUB",
        "HOLDFAST_AUDIT_ANCHORS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "ana")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def holdfast(capsys):
    """`holdfast("show", "--json")`: a command line in this process."""

    def run(*args) -> Said:
        code = main([str(arg) for arg in args])
        caught = capsys.readouterr()
        return Said(code, caught.out, caught.err)

    return run


@pytest.fixture
def payer(place):
    """An agent that pays bills: 0 is declined, up to 1000 is paid, more goes before the boss."""
    return write_agent(place)


@pytest.fixture
def waiting(holdfast, payer):
    """The name of a run that waits for the boss."""
    found = holdfast("run", payer, '{"bill": "5000"}', "--key", "big", "--json")
    assert found.code == 2
    return found.json["run"]


@pytest.fixture
def on_terminal(monkeypatch):
    """`on_terminal(work)`: all that `work` shows on stderr, when that is a terminal."""

    def shown(work):
        master, slave = pty.openpty()
        parts: list[bytes] = []

        def listen():
            with suppress(OSError):  # the terminal was closed
                while data := os.read(master, 65_536):
                    parts.append(data)

        listener = threading.Thread(target=listen)
        listener.start()
        with os.fdopen(slave, "w") as screen, monkeypatch.context() as there:
            there.setattr("sys.stderr", screen)
            there.setenv("TERM", "xterm")
            work()
        listener.join(10)
        os.close(master)
        return b"".join(parts).decode()

    return shown
