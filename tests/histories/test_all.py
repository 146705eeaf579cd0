"""Every history is told here, under its number."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HISTORIES = range(1, 25)


def test_every_history_has_a_test_that_tells_it_and_names_its_rules():
    told: dict[int, list[str]] = {}
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(file.read_text()).body:
            found = re.match(r"test_(\d\d)_", node.name) if isinstance(node, ast.FunctionDef) else None
            if found and isinstance(node, ast.FunctionDef):
                told.setdefault(int(found[1]), []).append(ast.get_docstring(node) or "")
    assert sorted(told) == list(HISTORIES)
    for number, stories in told.items():
        assert any("#" in story or "RunOpened" in story for story in stories), f"history {number} names no entry"
        assert all(stories), f"a test of history {number} tells nothing"
        assert any(re.search(r"Rules? \d", story) for story in stories), f"history {number} names no rule"
