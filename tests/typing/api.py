"""What the types of the public interface say. mypy reads this; nobody runs it."""

from __future__ import annotations

from typing import Any, assert_never, assert_type

from pydantic import BaseModel

from holdfast import Agent, Cancelled, Declined, Done, Escalated, Failed, Run, Runner, Stopped, Waiting, run_sync, tool
from holdfast.tool import CallKey, Tool


class Question(BaseModel):
    order: str


class Answer(BaseModel):
    status: str


@tool.read(timeout=5)
def get_order(order_id: str) -> dict[str, str]:
    """A plain function stays one to its callers."""
    return {}


@tool.write(timeout=5)
async def ship(order_id: str, *, key: CallKey) -> int:
    """So does an async one."""
    return 1


assert_type(get_order("1"), dict[str, str])
get_order(1)  # type: ignore[arg-type]
tools: list[Tool[..., Any]] = [get_order, ship]

agent = Agent(name="a", task="t", takes=Question, gives=Answer, tools=tools, models=["m"], limits={"usd": "0.10"})
assert_type(agent, Agent[Question, Answer])
Agent(name="a", task="t", takes=str, gives=str, tools=[], models=["m"], limit={})  # type: ignore[call-arg]


async def shipped() -> None:
    assert_type(await ship("1", key=CallKey("k")), int)


async def use(runner: Runner) -> None:
    run = await runner.start(agent, Question(order="1"), key="k")
    assert_type(run, Run[Answer])
    match await run.result():
        case Done(output):
            assert_type(output, Answer)
        case Waiting(on, until):
            assert_type(on, str)
            assert_type(until, int | None)
        case Declined() | Escalated() | Stopped() | Failed() | Cancelled() as end:
            assert_type(end.why, str)
        case _ as never:
            assert_never(never)


outcome = run_sync(agent, Question(order="1"))
if isinstance(outcome, Done):
    assert_type(outcome.output, Answer)
