"""An agent's folder as a suite: its cases, the world it makes for them, and how they are graded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.agent import Agent
from holdfast.errors import InputError
from holdfast.evals.cases.case import load, load_all
from holdfast.evals.cases.world import MakeWorld
from holdfast.evals.grading import graders
from holdfast.evals.grading.judges import Bench
from holdfast.evals.trials.trial import Suite
from holdfast.shell.folder import Folder, beside

CASES, JUDGES = "cases", "judges"
"""The folders beside a contract that hold its cases, and the labels its judges are calibrated with."""


def suite_of(
    folder: Folder, agent: Agent[Any, Any] | None = None, *, cases: Path | None = None, only: Sequence[str] = ()
) -> Suite:
    """The suite of an agent's folder. agent: that of the folder with other models; cases: a file or a folder elsewhere.

    Raises InputError where there are no cases, or one of them cannot be played; WeakJudge for a judge too weak to gate.
    """
    home = folder.path if folder.path.is_dir() else folder.path.parent
    where = cases or home / CASES
    found = [load(where)] if where.is_file() else load_all(where)
    wanted = [case for case in found if not only or case.name in only]
    missing = [name for name in only if name not in {case.name for case in found}]
    if missing or not wanted:
        what = f"no case is called {missing[0]}" if missing else "there is no case"
        raise InputError(
            f"{where}: {what}", hint="holdfast case RUN makes one from a run; docs/cases.md says what is in it"
        )
    agent = agent or folder.agent
    bench = Bench.of(wanted, home / JUDGES)
    for case in wanted:
        graders.check_expectations(case, agent, bench.names)
    suite = Suite(agent.name, agent, tuple(wanted), graders.GRADERS, world_of(folder), bench)
    suite.check()
    return suite


def world_of(folder: Folder) -> MakeWorld | None:
    """What makes the worlds of an agent's cases; None where its folder has no world.py."""
    module = beside(folder, "world")
    return getattr(module, "world", None) if module is not None else None
