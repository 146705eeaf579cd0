"""docs/programs.md: its tables are those of the code, and its limits are the default ones."""

from __future__ import annotations

import asyncio
import re
from typing import get_args

import pytest

from holdfast.sandbox.programs import Broke, Finished, Limits, Offered, Program, Stop, Workers, step
from holdfast.sandbox.programs_launch import WALLS
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")


def rows(heading):
    """The names in the first column of the table under a heading."""
    under = TEXT.partition(f"## {heading}")[2].partition("\n## ")[0]
    return [
        name for row in re.findall(r"^\| (`[^|]+) \|", under, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    ]


def test_every_reason_to_stop_stands_on_it():
    assert rows("How far it may go") == list(get_args(Stop))


def test_every_wall_stands_on_it():
    assert rows("What stands around it") == list(WALLS)


def test_its_limits_are_the_default_ones():
    told = TEXT.partition("`Limits` bound")[2].partition("What is beyond")[0]
    limits = Limits()
    numbers = [limits.stretch // 10**6, limits.wall // 10**6, limits.memory >> 20, limits.recursion, limits.calls,
               limits.printed >> 10, limits.value >> 10, limits.code >> 10]  # fmt: skip
    assert [int(one) for one in re.findall(r"\d+", told)] == numbers


@pytest.fixture(scope="module")
def outcome():
    with asyncio.Runner() as runner:
        workers = Workers()
        runner.run(workers.__aenter__())
        tools = (Offered(name="tool", parameters={"properties": {"x": {}}}),)
        yield lambda code: runner.run(step(Program(code=code, tools=tools), workers=workers))
        runner.run(workers.__aexit__(None, None, None))


@pytest.mark.parametrize(
    "code",
    ["class A: pass\nclass B(A): pass", "def f():\n    yield 1", "x = 1\ndel x", "import numpy", "list(map(tool, [1]))", "sorted([1], key=lambda x: tool(x))"],
)  # fmt: skip
def test_what_it_says_there_is_not_is_not_there(outcome, code):
    assert isinstance(outcome(code), Broke)


def test_the_modules_it_names_are_there(outcome):
    named = TEXT.partition("of the standard library")[2].partition("and a few more")[0]
    modules = {name.partition(".")[0] for name in re.findall(r"`([\w.]+)`", named)}
    assert len(modules) == 11
    assert outcome(f"import {', '.join(sorted(modules))}\n'there'") == Finished("there", "")


def test_a_function_as_a_result_is_its_text(outcome):
    assert outcome("lambda: 1").value.startswith("<function")
