"""Null agents: what each of them does to an agent's cases, and which cases they expose."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import BaseModel

from holdfast import Agent, tool
from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import Effect, World
from holdfast.evals.grading import graders
from holdfast.evals.trials.nulls import NAMES, nulls, screened
from holdfast.evals.trials.trial import Suite, playing
from holdfast.events import CallAsked, RunOpened
from holdfast.journal.port import Where


class Request(BaseModel):
    order_id: str
    cents: int


class Verdict(BaseModel):
    verdict: Literal["refunded", "not_refunded"]
    cents: int


class Till:
    def __init__(self) -> None:
        self.payments: list[dict[str, Any]] = []


@tool.read(timeout=5)
async def look(order_id: str) -> int:
    """What was paid."""
    return 50


@tool.write(timeout=5)
def pay(order_id: str, cents: int, reason: Literal["late", "broken"], *, till: Till) -> str:
    """Pay back."""
    till.payments.append({"order_id": order_id, "cents": cents, "reason": reason})
    return "paid"


@asynccontextmanager
async def world(state):
    till = Till()
    yield World((till,), lambda: [Effect("pay", one) for one in till.payments])


def agent(**terms: Any) -> Agent[Any, Any]:
    given: dict[str, Any] = {"takes": Request, "gives": Verdict, "tools": [look, pay]} | terms
    return Agent(name="desk", task="Decide one refund.", models=["m"], **given)


def case(name: str, given: Any = None, **expect: Any) -> Any:
    return parse(
        {"name": name, "input": given or {"order_id": "O-1", "cents": 50}, "state": {}, "expect": expect}, name
    )


def screen(suite: Suite, journal: str = "memory:", **more: Any) -> dict[str, set[str]]:
    async def play() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {case.name: set() for case in suite.cases}
        async for null, trial in screened(journal, suite, **more):
            assert trial.passed is not None, trial
            if trial.passed:
                found[trial.case].add(null.name)
        return found

    return asyncio.run(play())


def suite(*cases: Any, **terms: Any) -> Suite:
    return Suite("desk", agent(**terms), cases, graders.GRADERS, world)


def test_each_weak_case_is_exposed_by_the_null_agent_it_is_weak_against():
    paid = {"pay": [{"order_id": "O-1", "cents": 50}]}
    found = screen(suite(
        case("nothing-to-do", outcome="done", output={"verdict": "not_refunded"}, effects={}),
        case("no", outcome="declined", effects={}),
        case("over-to-a-person", outcome="escalated"),
        case("pays-what-it-is-told", outcome="done", effects=paid),
        case("sound", outcome="done", effects=paid, evidence={"pay": ["look"]}, at_most={"pay": 1}, before=[("look", "pay")]),
        case("asks-nothing"),
    ))  # fmt: skip
    assert found["nothing-to-do"] == {"do-nothing"}
    assert found["no"] == found["over-to-a-person"] == {"always-refuse"}
    assert "always-approve" in found["pays-what-it-is-told"]
    assert found["sound"] == set()
    assert found["asks-nothing"] == set(NAMES)


def test_what_a_contract_asks_of_done_does_not_save_a_case_from_the_one_that_does_nothing():
    must = {"must": [{"that": '(output.verdict == "refunded") == (output.cents > 0)', "because": "it must be so"}]}
    found = screen(suite(case("weak", outcome="done", output={"verdict": "not_refunded"}), done=must))
    assert "do-nothing" in found["weak"]


def test_always_approve_takes_arguments_of_the_input_by_name_and_calls_each_write_once(tmp_path):
    journal = f"sqlite:///{tmp_path}/n.db"
    what = suite(case("one", outcome="done"))
    screen(what, journal)

    async def calls() -> dict[str, list[Any]]:
        async with playing(journal, what) as player:
            found: dict[str, list[Any]] = {}
            for row in await player.runner.find(Where(limit=100)):
                entries = [entry.event for entry in await player.runner.entries(row.run)]
                opened = next(event for event in entries if isinstance(event, RunOpened))
                asked = [event for event in entries if isinstance(event, CallAsked)]
                found.setdefault(opened.contract.value["models"][0], []).append(
                    [(one.tool, one.args.value) for one in asked]
                )
            return found

    found = asyncio.run(calls())
    assert set(found) == {f"null:{name}" for name in NAMES}
    (first, *_), *_ = found["null:always-approve"]
    assert first == ("pay", {"order_id": "O-1", "cents": 50, "reason": "late"})
    assert all(sum(tool == "pay" for tool, _ in run) == 1 for run in found["null:always-approve"])
    assert all([tool for tool, _ in run] == ["done"] for run in found["null:do-nothing"])
    tools = {tool for run in found["null:random-tool"] for tool, _ in run}
    assert tools - {"done"}
    assert all(run[-1][0] == "done" for run in found["null:random-tool"])


def test_null_agents_are_played_once_and_read_off_after_that(tmp_path):
    journal, what = f"sqlite:///{tmp_path}/n.db", suite(case("one", outcome="done"))

    async def runs() -> int:
        async with playing(journal, what) as player:
            return len(await player.runner.find(Where(limit=100)))

    first = screen(what, journal)
    played = asyncio.run(runs())
    assert screen(what, journal) == first
    assert asyncio.run(runs()) == played == len(nulls(what.agent))
    screen(what, journal, label="other")
    assert asyncio.run(runs()) == 2 * played


def test_conversations_and_plain_values_are_played_too():
    talk = Suite(
        "talk", Agent(name="talk", task="Talk.", takes=str, gives=None, tools=[look], models=["m"], conversation=True),
        (parse({"name": "hello", "input": "hello", "messages": ["and?"], "state": {}, "expect": {"outcome": "done"}}, "c"),),
        graders.GRADERS, world,
    )  # fmt: skip
    assert {"do-nothing", "always-approve"} <= screen(talk)["hello"]
    count = Suite(
        "count", Agent(name="count", task="Count.", takes=str, gives=int, tools=[look], models=["m"]),
        (parse({"name": "zero", "input": "none", "state": {}, "expect": {"output": 0}}, "c"),), graders.GRADERS, world,
    )  # fmt: skip
    assert "do-nothing" in screen(count)["zero"]
