"""Detector 18: what went wrong in a workspace and was passed over."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import tool
from holdfast.models.scripted import call
from tests.core.story import Story, desk
from tests.views.test_detectors import calls, ends, found


@tool.read(timeout=5)
def shell(command: str, makes: list[str] = []) -> dict[str, Any]:  # noqa: B006 - a schema's default
    """Run a command in the workspace."""
    raise NotImplementedError


@tool.write(timeout=5)
def commit(layer: str = "") -> dict[str, Any]:
    """Take all of it over."""
    raise NotImplementedError


def ran(exit_code: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "exit": exit_code,
        "stdout": "",
        "stderr": "",
        "stopped": "",
        "lacking": [],
        "changes": [],
        "layer": "0",
    } | more


def run_of(*steps: tuple[Any, Any]) -> Story:
    run = Story(desk(shell, commit, limits={"repeats": 50}))
    for wanted, value in steps:
        calls(run, wanted, value)
    return ends(run)


MAKE = call("shell", command="make", makes=["a.csv"])
TEST = call("shell", command="pytest")
LACKS = ran(1, lacking=["a.csv: missing"])


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([(MAKE, LACKS)], "left a.csv: missing"), ([(MAKE, ran(1, lacking=["a.csv: stale"])), (TEST, ran())], "left a.csv: stale"),
        ([(TEST, ran(137, stopped="memory"))], "was stopped at its limit of memory"),
        ([(TEST, ran(stdout="collected 0 items"))], "ran no tests"), ([(TEST, ran(stderr="Ran 0 tests in 0.000s"))], "ran no tests"),
        ([(MAKE, LACKS), (call("shell", command="make", makes=["b.csv"]), ran())], "left a.csv"),
    ],
)  # fmt: skip
def test_what_failed_silently_and_was_passed_over_is_found(steps, said):
    (hit,) = found(run_of(*steps), 18)
    assert said in hit.sentence
    assert hit.grade == "E"


@pytest.mark.parametrize(
    "steps",
    [
        [(MAKE, ran())], [(MAKE, LACKS), (MAKE, ran())], [(TEST, ran(1, stderr="1 failed"))],
        [(MAKE, LACKS), (call("shell", command="other", makes=["a.csv", "b.csv"]), ran())],
        [(MAKE, LACKS), (call("commit"), {"committed": ["+ a.csv"]})],
        [(TEST, ran(stdout="collected 0 items")), (TEST, ran(stdout="3 passed"))],
    ],
)  # fmt: skip
def test_what_was_put_right_or_failed_aloud_is_none(steps):
    assert found(run_of(*steps), 18) == []


def test_a_run_that_did_not_end_as_done_passed_over_nothing():
    run = Story(desk(shell))
    calls(run, MAKE, LACKS)
    run.asks_for(call("decline", reason="it cannot be made"))
    run.settle_down()
    assert found(run, 18) == []


def test_a_rebuild_that_finds_nothing_to_do_is_the_named_false_positive():
    """`make` that leaves an artefact of an earlier run as it was says `stale`; a command that writes it again does not."""
    assert found(run_of((MAKE, ran(1, lacking=["a.csv: stale"]))), 18)
