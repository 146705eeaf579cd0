"""A folder of one's own for each test, and a command line in this process."""

from __future__ import annotations

import json
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
