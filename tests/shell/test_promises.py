"""Promises that reach over one call: effects of other runs, words about people, roles, approvals."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, Declined, Done, Runner, Waiting, call, decline, done, script, tool
from holdfast.errors import NotAllowed
from holdfast.events import CallReturned, CallStarted, PersonAsked
from holdfast.tool import Absent, CallKey, Found, NotDone, Partial, Retry, Unknown
from tests import pauses

PHONE = "+49-170-5550199"


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(work())  # type: ignore[arg-type]


class Payment(BaseModel):
    id: str


def test_a_lost_payment_is_never_answered_by_another_runs_payment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses.short(monkeypatch)
    made: list[str] = []

    async def find(order: str) -> Found[Payment] | Absent:
        return Found(made[0], Payment(id=made[0])) if made else Absent()

    @tool.write(timeout=5, lookup=find, effect_id="id")
    async def pay(order: str) -> Payment:
        """Pay an order; the second time the connection breaks before anything is sent."""
        if made:
            raise Unknown("the connection broke")
        made.append("p-1")
        return Payment(id="p-1")

    agent = Agent(name="payer", task="Pay.", takes=str, gives=str, tools=[pay], models=["script:x"])

    async def work() -> tuple[object, object]:
        model = script(call("pay", order="o-1"), done("paid"))
        async with Runner.open(f"sqlite:///{tmp_path}/j.db", model=model) as runner:
            first = await (await runner.start(agent, "one")).result()
            second = await runner.start(agent, "two")
            result = await second.result()
            state = await second.state()
            assert [q.asked.about for q in state.questions.values()] == ["doubt"]
            return first, result

    first, second = run(work)
    assert isinstance(first, Done)
    assert isinstance(second, Waiting)


@tool.write(timeout=5)
async def mail(to: str) -> str:
    """Send a mail to somebody who asked for it."""
    return f"sent to {to}"


def test_nothing_said_in_a_run_about_somebody_stands_in_the_chain(tmp_path: Path) -> None:
    reviewed = {mail: {"review": [{"because": "a person looks"}]}}
    agent = Agent(name="mailer", task="Mail.", takes=str, gives=str, tools=reviewed, models=["script:x"])

    async def work() -> None:
        model = script(call("mail", to=PHONE), done(f"wrote to {PHONE}"))
        async with Runner.open(f"sqlite:///{tmp_path}/j.db", model=model) as runner:
            made = await runner.start(agent, f"I am {PHONE}", on_behalf_of="c:1", by="svc:inbox")
            await made.result()
            question = next(iter((await made.state()).questions))
            await runner.answer(made.name, question, "approve", by="ann", text=f"fine, {PHONE}")
            result = await made.result()
            assert isinstance(result, Done)
            assert result.output == f"wrote to {PHONE}"
            asked = [e.event for e in await made.entries() if isinstance(e.event, PersonAsked)]
            assert PHONE in asked[0].text  # it is read back, from beside the chain

    run(work)
    db = sqlite3.connect(tmp_path / "j.db")
    lines = [data for (data,) in db.execute("SELECT data FROM entries")]
    rows = [row for (row,) in db.execute("SELECT row FROM runs")]
    assert lines
    assert not [data for data in (*lines, *rows) if PHONE.encode() in data]


def test_erasing_a_closed_run_leaves_no_word_of_it_and_a_chain_that_verifies(tmp_path: Path) -> None:
    agent = Agent(name="mailer", task="Mail.", takes=str, gives=str, tools=[mail], models=["script:x"])

    async def work() -> None:
        async with Runner.open(f"sqlite:///{tmp_path}/j.db", model=script(decline(f"not {PHONE}"))) as runner:
            made = await runner.start(agent, f"I am {PHONE}", on_behalf_of="c:1", by="svc:inbox")
            assert isinstance(await made.result(), Declined)
            assert await runner.erase(made.name, by="dpo", basis="request of the person") >= 3
            assert PHONE not in str(await made.entries())  # and reading checks the chain

    run(work)
    assert PHONE.encode() not in (tmp_path / "j.db").read_bytes()


def test_an_open_run_cannot_be_erased() -> None:
    reviewed = {mail: {"review": [{"because": "a person looks"}]}}
    agent = Agent(name="mailer", task="Mail.", takes=str, gives=str, tools=reviewed, models=["script:x"])

    async def work() -> None:
        async with Runner.open("memory:", model=script(call("mail", to="x"))) as runner:
            made = await runner.start(agent, "hello", by="svc")
            await made.result()
            with pytest.raises(NotAllowed, match="open run"):
                await runner.erase(made.name, by="dpo", basis="x")

    run(work)


def test_each_role_that_the_contract_names_has_to_say_yes() -> None:
    both = {
        mail: {"review": [{"by": "legal", "because": "legal looks"}, {"by": "finance", "because": "finance looks"}]}
    }
    agent = Agent(name="mailer", task="Mail.", takes=str, gives=str, tools=both, models=["script:x"])

    async def work() -> list[str]:
        roles: list[str] = []
        async with Runner.open("memory:", model=script(call("mail", to="x"), done("ok"))) as runner:
            made = await runner.start(agent, "hello", by="svc")
            for name in ("ann", "ben"):
                assert isinstance(await made.result(), Waiting)
                [(seq, question)] = (await made.state()).questions.items()
                roles.append(question.asked.role)
                await runner.answer(made.name, seq, "approve", by=name, roles=[question.asked.role])
            assert isinstance(await made.result(), Done)
        return roles

    assert sorted(run(work)) == ["finance", "legal"]


def test_an_approval_is_used_up_by_one_start() -> None:
    tried: list[int] = []

    @tool.write(timeout=5, retry=Retry(times=2, wait=0))
    async def send(to: str) -> str:
        """Send something; the first time it surely does not go out."""
        tried.append(1)
        if len(tried) == 1:
            raise NotDone("busy")
        return "sent"

    agent = Agent(
        name="sender",
        task="Send.",
        takes=str,
        gives=str,
        tools={send: {"review": [{"because": "a person looks"}]}},
        models=["script:x"],
    )

    async def work() -> int:
        yes = 0
        async with Runner.open("memory:", model=script(call("send", to="x"), done("ok"))) as runner:
            made = await runner.start(agent, "hello", by="svc")
            while isinstance(await made.result(), Waiting):
                [seq] = (await made.state()).questions
                await runner.answer(made.name, seq, "approve", by="ann")
                yes += 1
        return yes

    assert run(work) == len(tried) == 2


def test_a_write_is_never_called_again_for_the_rest_of_its_result() -> None:
    @tool.write(timeout=5)
    async def export(what: str, *, key: CallKey) -> list[int] | Partial[list[int]]:
        """Export something, and say that there is more of the receipt."""
        return Partial([1], missing="the rest", cursor="2")

    agent = Agent(
        name="exporter", task="Export.", takes=str, gives=str, tools={export: {"at_most": 1}}, models=["script:x"]
    )

    async def work() -> list[object]:
        async with Runner.open("memory:", model=script(call("export", what="x"), done("ok"))) as runner:
            made = await runner.start(agent, "hello", by="svc")
            assert isinstance(await made.result(), Done)
            return [e.event for e in await made.entries()]

    events = run(work)
    assert sum(isinstance(event, CallStarted) for event in events) == 1
    assert [event.complete for event in events if isinstance(event, CallReturned)] == ["partial"]
