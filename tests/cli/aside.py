"""A command line in this process, and a folder of its own: what fixtures have that outlive a test."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.cli import main

ELSEWHERE = (
    "HOLDFAST_JOURNAL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "COLUMNS",
    "HOLDFAST_AUDIT_KEY", "HOLDFAST_AUDIT_PUB", "HOLDFAST_AUDIT_ANCHORS", "HOLDFAST_AS", "HOLDFAST_ENV", "HOLDFAST_SETTINGS",
)  # fmt: skip


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def alone(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Be in a folder; with no key of any provider, and no journal of anybody else."""
    for name in ELSEWHERE:
        patch.delenv(name, raising=False)
    patch.setenv("USER", "ana")
    patch.chdir(folder)


def say(*args) -> Said:
    """A command line, where no test catches what is printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main([str(arg) for arg in args])
    return Said(code, out.getvalue(), err.getvalue())
