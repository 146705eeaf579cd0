"""What the types of `holdfast.testing` say. mypy reads this; nobody runs it."""

from __future__ import annotations

from typing import assert_type

from pydantic import BaseModel

from holdfast import Agent, tool
from holdfast.testing import Made, Ran, TestRunner, call, course, done, load, playbook, script
from holdfast.tool import CallKey


class Answer(BaseModel):
    room: str


class Book: ...


@tool.write(timeout=5)
def book_room(room: str, *, book: Book, key: CallKey) -> Answer:
    """A tool is a plain callable in a user's own test."""
    return Answer(room=room)


assert_type(book_room("Hall", book=Book(), key=CallKey("k")), Answer)
book_room("Hall")  # type: ignore[call-arg]

agent = Agent(name="a", task="t", takes=str, gives=Answer, tools=[book_room], models=["m"])


async def use() -> None:
    async with TestRunner(
        agent, model=script(call("book_room", room="Hall"), done(room="Hall")), resources=[Book()]
    ) as desk:
        assert_type(desk, TestRunner[str, Answer])
        run = await desk.run("A room")
        assert_type(run, Ran[Answer])
        assert_type(run.output, Answer)
        assert_type(run.outcome, str)
        assert_type(run.calls, tuple[Made, ...])
        assert_type(await desk.approve(run, by="kim"), Ran[Answer])
        await desk.advance("4h")
        await desk.settle(run, "maybe", by="kim")  # type: ignore[arg-type]
        playbook(run, "done: room=…")
        assert_type(course(run.entries), list[str])
    TestRunner(agent, clock="fast")  # type: ignore[arg-type]


rooms = load("rooms")
TestRunner(rooms.agent, model=rooms.standin, resources=[Book()])
