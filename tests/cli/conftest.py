"""A folder of one's own for each test, and a command line in this process."""

from __future__ import annotations

import os
import pty
import threading
from contextlib import suppress

import pytest

from holdfast.cli import main
from tests.cli.aside import Said, alone
from tests.cli.bills import write_agent


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to be in; no key of any provider, no journal of anybody else."""
    alone(monkeypatch, tmp_path)
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
