"""The research brief by an orchestrator: the same questions, each part of them answered by a run of its own."""

from __future__ import annotations

import asyncio
import importlib
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdfast import lint
from holdfast.conditions import Scope
from holdfast.evals.trials.suite import suite_of, world_of
from holdfast.events import CallJudged, ChildClosed, ChildOpened
from holdfast.shell.folder import load
from holdfast.shell.run import Declined, Done
from holdfast.shell.runner import Runner

BRIEF = Path(__file__).parents[2] / "examples" / "research_brief"
SINGLE = load(str(BRIEF))
FOLDER = load(str(BRIEF / "orchestrator"))
library = importlib.import_module("research_brief.library")
CASES = {case.name: case for case in suite_of(SINGLE).cases}
MODELS = {f"script:{one.agent.name}": one.standin for one in FOLDER.family}
AGENT = FOLDER.agent.answered_by(lambda agent: [f"script:{agent.name}"])


@asynccontextmanager
async def resources_of(case):
    state = case.state or {}
    yield library.Library.of(library.DOCUMENTS, without=frozenset(state.get("without", ()))), library.Notebook()


async def played(case):
    """(result, the orchestrator's entries, how each call of a run below it was judged) of a case."""
    async with Runner.open("memory:", resources=lambda _: resources_of(case), model=MODELS) as runner:
        run = await runner.start(AGENT, case.input, by="t")
        result = await run.result()
        events = [entry.event for entry in await run.entries()]
        below = [event.child for event in events if isinstance(event, ChildOpened)]
        judged = [
            entry.event for name in below for entry in await runner.entries(name) if isinstance(entry.event, CallJudged)
        ]
        return result, events, judged


@pytest.fixture(scope="module")
def answers():
    """Case → what came of it."""

    async def everybody():
        return await asyncio.gather(*(played(case) for case in CASES.values()))

    return dict(zip(CASES, asyncio.run(everybody()), strict=True))


def test_contract_binds_and_the_researcher_is_the_single_agent():
    assert [found for found in lint.findings(FOLDER.agent.contract, FOLDER.agent.tools) if found.level == "error"] == []
    assert [one.agent.name for one in FOLDER.children] == ["research-brief"]
    assert FOLDER.agent.contract.tools["research"].agent == SINGLE.agent.contract.data
    assert FOLDER.resources is SINGLE.resources
    assert world_of(FOLDER) is world_of(SINGLE)


def test_readme_says_that_every_case_passes():
    rows = re.findall(r"^\| ([\w-]+) \|.*\| passes \|$", (BRIEF / "README.md").read_text("utf-8"), re.MULTILINE)
    assert set(rows) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_case_comes_out_right(answers, name):
    result, _, _ = answers[name]
    expect = CASES[name].expect
    if expect.outcome == "declined":
        assert isinstance(result, Declined)
        return
    assert isinstance(result, Done), result
    scope = Scope({"input": CASES[name].input, "output": result.output.model_dump()})
    assert [that for that in expect.that if not scope.holds(that)] == []


def test_every_part_is_a_run_of_its_own_and_all_are_closed(answers):
    _, events, _ = answers["halvorsen"]
    opened = [event.child for event in events if isinstance(event, ChildOpened)]
    closed = [event for event in events if isinstance(event, ChildClosed)]
    assert len(opened) == len(set(opened)) == len(closed) == CASES["halvorsen"].input["question"].count(";") + 1


def test_injection_reaches_a_researcher_only(answers):
    result, events, below = answers["polarline"]
    refused = [event for event in below if event.verdict == "refuse"]
    assert refused
    assert [event for event in events if isinstance(event, CallJudged) and event.verdict == "refuse"] == []
    assert "efficient enough" not in result.output.model_dump_json()


def test_brief_rests_only_on_what_was_taken_over(answers):
    result, events, _ = answers["roof"]
    assert isinstance(result, Done)
    assert len(result.output.contradictions) == 1
    assert all(event.verdict == "allow" for event in events if isinstance(event, CallJudged))


def test_stand_in_says_plainly_what_it_is():
    assert re.search(r"\*\*It is no model\*\*", (BRIEF / "orchestrator" / "standin.py").read_text("utf-8"))
