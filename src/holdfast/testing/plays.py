"""A playbook: the course that a test expects, as lines; where the run went otherwise, the difference as a unified diff.

    playbook(run, \"\"\"
        ana: A room for 6 on Monday
        free_rooms(day="monday") → done
        book_room(day="monday", people=6, room="Library") → done
        done: room="Library", sentence="You have Library on monday."
        \"\"\")

    playbook(run, Path(__file__).with_name("library.txt"))

With HOLDFAST_UPDATE=1 in the environment what really came is written where the expectation stands: into the file, or into the
text of the call. Read the difference before you keep it.
"""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from textwrap import dedent
from typing import Final, Protocol

from holdfast.errors import UsageError
from holdfast.events import Entry
from holdfast.testing.lines import course

UPDATE: Final = "HOLDFAST_UPDATE"
"""The variable that says to write down what came instead of comparing it."""


class Ran(Protocol):
    """A run whose entries are known."""

    @property
    def entries(self) -> Sequence[Entry]:
        """All of them."""
        ...


def playbook(run: Ran, expected: str | Path) -> None:
    """Compare the course of a run with what is expected: lines, or a file of them.

    Raises AssertionError with the difference, UsageError where an expectation cannot be rewritten.
    """
    came = course(run.entries)
    wanted = dedent(expected) if isinstance(expected, str) else _kept(expected)
    lines = [line.rstrip() for line in wanted.strip("\n").splitlines() if line.strip()]
    if lines == came:
        return
    if os.environ.get(UPDATE, "") not in ("", "0"):
        _write(came, expected)
        return
    diff = unified_diff(lines, came, "expected", "came", lineterm="", n=1_000)
    raise AssertionError("\n".join(["the run went otherwise", *diff, f"({UPDATE}=1 keeps what came)"]))


def _kept(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _write(came: Sequence[str], expected: str | Path) -> None:
    if isinstance(expected, Path):
        expected.write_text("\n".join(came) + "\n", encoding="utf-8")
        return
    caller = next(one for one in inspect.stack() if one.filename != __file__)
    _rewrite(Path(caller.filename), expected, came)


def _rewrite(file: Path, expected: str, came: Sequence[str]) -> None:
    """Put other lines in the place of a text that a file gives to `playbook`."""
    source = file.read_text(encoding="utf-8")
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        given = next((one for one in call.args[1:] if isinstance(one, ast.Constant) and one.value == expected), None)
        if given is None or getattr(call.func, "id", getattr(call.func, "attr", "")) != "playbook":
            continue
        old, indent = ast.get_source_segment(source, given) or "", " " * (call.col_offset + 4)
        text = "\n".join(["", *(indent + line.replace("\\", "\\\\").replace('"""', '\\"""') for line in came), indent])
        file.write_text(source.replace(old, f'"""{text}"""', 1), encoding="utf-8")
        return
    raise UsageError(f"the expectation stands nowhere in {file}", hint="give the text right in the call of playbook")
