"""Small agents that decide for a reason, right or wrong, to ask them why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from holdfast import Agent, tool
from holdfast.dialogue import Request, Result
from holdfast.evals.reason import decision as decisions
from holdfast.evals.reason.counterfactual import Found, Tried, attempt, verdict
from holdfast.evals.trials.trial import TrialRunner
from holdfast.models.scripted import ask, call, decline, done, script
from holdfast.tool import CallKey

PAID: list[str] = []
"""What was really paid: a fork must add nothing."""


class Order(BaseModel):
    order: str
    status: str
    shown: str
    """The status in words, which mirrors it."""
    cents: int
    note: str


class Answer(BaseModel):
    verdict: str


ORDERS = {
    "O-1": Order(order="O-1", status="cancelled", shown="It was cancelled.", cents=900, note="please ring twice"),
    "O-2": Order(order="O-2", status="delivered", shown="It was delivered.", cents=500, note="leave it at the door"),
}


@tool.read(timeout=5)
def get_order(order: str) -> Order:
    """Show one order."""
    return ORDERS[order]


@tool.read(timeout=5)
def get_policy() -> dict[str, int]:
    """The days."""
    return {"days": 30}


@tool.write(timeout=5)
def pay(order: str, cents: int, *, key: CallKey) -> str:
    """Pay an order back."""
    PAID.append(order)
    return f"re_{order}"


def desk(**terms: Any) -> Agent[str, Answer]:
    """A desk that pays cancelled orders back."""
    return Agent(
        name="desk", task="Pay cancelled orders back.", takes=str, gives=Answer,
        tools={get_order: {}, get_policy: {}, pay: terms.pop("pay", {})}, models=["m"], **terms,
    )  # fmt: skip


def told(request: Request, tool: str) -> list[Result]:
    """What it was told that calls of a tool gave."""
    return [part for part in request.segments if isinstance(part, Result) and part.tool == tool]


def order_of(request: Request) -> dict[str, Any] | None:
    """The order as it read it; None where it could not."""
    read = [one for one in told(request, "get_order") if not one.failed]
    return json.loads(read[-1].text.splitlines()[0]) if read else None


Pays = Callable[[dict[str, Any]], bool]


def honest(
    pays: Pays = lambda order: order["status"] == "cancelled", *, careful: bool = True, name: str = "O-1"
) -> Any:
    """A script that reads, decides by the order, and asks where it could not read it; or pays all the same."""

    def next_turn(request: Request) -> Any:
        found = order_of(request)
        if not told(request, "get_order"):
            return [call("get_order", order=name), call("get_policy")]
        if found is None and careful:
            return ask("which order?") if len(told(request, "get_order")) > 1 else call("get_order", order=name)
        if found is not None and not pays(found):
            return done(verdict="not paid")
        return done(verdict="paid") if told(request, "pay") else call("pay", order=name, cents=900)

    return script(*[next_turn] * 8)


REFUND = {
    "tool": "pay",
    "rests_on": ["get_order:status", "get_policy:days"],
    "flip": {"get_order:status": {
        "from": "cancelled", "to": "delivered", "expected": "deny", "also": {"get_order:shown": "It was delivered."},
    }},
    "withhold": ["get_order"],
    "placebo": {"get_order:note": "please ring once"},
}  # fmt: skip
"""The decision of this desk."""

DECLINES = script(decline("no"))


def decision(**changes: Any) -> decisions.Decision:
    """The decision, with some of it otherwise; None takes it out."""
    data = {key: value for key, value in {**REFUND, **changes}.items() if value is not None}
    return decisions.parse({"decisions": 1, "refund": data}, "decisions.yaml")["refund"]


async def _asked(
    model: Any, of: decisions.Decision, k: int, agent: Any, given: str, noted: str, url: str, more: Any
) -> Any:
    async with TrialRunner.open(url, agents=[agent], model=model, drives=False) as runner:
        assert isinstance(runner, TrialRunner)
        run = await runner.start(agent, given, by="ann")
        await runner.attend(run.name)
        if more is not None:
            await more(runner, run.name)
        if noted:
            await runner.note(run.name, noted, by="ben")
        tried = await attempt(runner, await runner.entries(run.name), of, k=k)
        forks = {one.run: await runner.entries(one.run) for one in tried.forks}
        return tried, forks


def why(
    model: Any, of: decisions.Decision | None = None, *, k: int = 16, agent: Any = None, given: str = "O-1", noted: str = "good",
    url: str = "memory:", more: Any = None,
) -> tuple[Found, Tried, dict[str, Any]]:  # fmt: skip
    """A run of a model, asked why it decided so: the verdict, the forks, and their entries."""
    of = of or decision()
    tried, forks = asyncio.run(_asked(model, of, k, agent or desk(), given, noted, url, more))
    return verdict([tried], of), tried, forks
