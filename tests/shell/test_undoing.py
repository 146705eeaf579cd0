"""Undoing a run: newest first, judged like any write, and whatever kills it, nothing is taken back twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, Cancelled, Declined, Done, Runner, Waiting, call, done, script, tool
from holdfast.errors import Conflict, ContractError, NotAllowed, UsageError
from holdfast.events import CallStarted, CallUndone, RunOpened
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.tool import Absent, CallKey, Found, NotDone, Refused
from tests.shell.bench import story

WRITES = [("pay", 1), ("ship", 2), ("book", 3), ("pay", 4), ("mail", 5)]
"""The writes of the run that is undone, in order."""


PROCESS: ContextVar[asyncio.Event] = ContextVar("PROCESS")
"""The process that a task belongs to: tasks inherit it from those that begin them."""


class Thing(BaseModel):
    id: str


class Town:
    """The other side: what was done there, and what was taken back. A point may be its last."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.back: list[str] = []
        """Effects that took something back, one a key."""
        self.keys: dict[str, str] = {}
        self.asked = 0
        self.points = 0
        self.last = 0
        self.over = asyncio.Event()
        self.refuses = ""
        self.doubts = 0

    def begin(self, last: int) -> None:
        """A process begins that ends at its `last` point; 0: at none. Whoever belongs to another one does nothing more."""
        self.points, self.last, self.over = 0, last, asyncio.Event()
        PROCESS.set(self.over)

    async def point(self) -> None:
        """A moment at which the process may end: then nobody comes back from here."""
        if PROCESS.get(self.over) is not self.over:
            raise asyncio.CancelledError
        self.points += 1
        if self.points == self.last:
            self.over.set()
        if self.over.is_set():
            await asyncio.Event().wait()

    async def reverse(self, thing: str, key: str) -> Thing:
        self.asked += 1
        await self.point()
        if thing == self.refuses:
            raise Refused("too late")
        if not key or key not in self.keys:
            self.back.append(thing)
        if key:
            assert self.keys.setdefault(key, thing) == thing, "one key, one reversal"
        await self.point()
        return Thing(id=thing)


class Mortal(MemoryJournal):
    """A journal whose process may end just before, or just after, any of its appends."""

    def __init__(self, town: Town) -> None:
        super().__init__()
        self._town = town

    def append(self, batch: Any) -> Any:
        return self._passing(batch)

    async def _passing(self, batch: Any) -> Any:
        await self._town.point()
        answer = await super().append(batch)
        await self._town.point()
        return answer

    def power_loss(self) -> Mortal:
        left = Mortal(self._town)
        left.__dict__.update(super().power_loss().__dict__, _town=self._town)
        return left


def agent(town: Town, review: bool = False) -> Agent[str, int]:
    """Writes whose undo takes a key, can be looked up, is bare, and one that has none."""

    async def unpay(paid: Thing, n: int, *, key: CallKey) -> Thing:
        """Take a payment back."""
        assert paid.id == f"pay{n}"
        return await town.reverse(paid.id, key)

    async def find(sent: Thing) -> Found[Thing] | Absent:
        return Found(sent.id, sent) if sent.id in town.back else Absent()

    @tool.write(timeout=20, lookup=find, effect_id="id")
    async def recall(sent: Thing) -> Thing:
        """Call a parcel back."""
        return await town.reverse(sent.id, "")

    async def unbook(booked: Thing) -> Thing:
        """Cancel a booking."""
        return await town.reverse(booked.id, "")

    def make(name: str, undo: Any) -> Any:
        async def act(n: int) -> Thing:
            """Do something over there."""
            town.done.append(f"{name}{n}")
            return Thing(id=f"{name}{n}")

        return tool.write(timeout=20, name=name, undo=undo)(act)

    made = [make(*one) for one in (("pay", unpay), ("ship", recall), ("book", unbook), ("mail", None))]
    terms = {"review": [{"when": "args.n > 3", "because": "much", "by": "finance"}]} if review else {}
    return Agent(
        name="clerk", task="Do things.", takes=str, gives=int, models=["script:x"],
        tools={one: terms if one.name == "pay" else {} for one in made},
    )  # fmt: skip


MODEL = script(*(call(name, n=n) for name, n in WRITES), done(5))


def opened(journal: Any, clerk: Any, **options: Any) -> Any:
    return Runner.open(journal, agents=[clerk], model=MODEL, **options)


async def five_writes(runner: Runner, clerk: Any) -> str:
    """A run that made them; of those that finance has to allow it allowed each."""
    run = await runner.start(clerk, "x", by="ann")
    while isinstance(await run.result(), Waiting):
        (question,) = (await run.state()).questions
        await runner.answer(run.name, question, "approve", by="fay")
    assert isinstance(await run.result(), Done)
    return run.name


@asynccontextmanager
async def written(
    journal: MemoryJournal | None = None, *, review: bool = False
) -> AsyncIterator[tuple[Runner, str, Town]]:
    """A runner, the run that made five writes, and the town that has them."""
    town = Town()
    clerk = agent(town, review)
    async with opened(journal or MemoryJournal(), clerk) as runner:
        yield runner, await five_writes(runner, clerk), town


async def undone_by(runner: Runner, run: str) -> dict[int, str]:
    return {e.event.call: e.event.by for e in await runner.entries(run) if isinstance(e.event, CallUndone)}


def test_a_run_is_taken_back_newest_first_by_a_run_of_its_own():
    async def work():
        async with written() as (runner, run, town):
            plan = await runner.plan_undo(run)
            assert [(step.tool, step.can) for step in plan.steps] == [
                ("mail", "irreversible"), ("pay", "ready"), ("book", "ready"), ("ship", "ready"), ("pay", "ready"),
            ]  # fmt: skip
            undo = await runner.undo(plan, by="bob")
            end = await undo.result()
            assert isinstance(end, Done)
            assert (end.output.run, end.output.undone, end.output.simulated) == (run, 4, 0)
            assert town.back == ["pay4", "book3", "ship2", "pay1"]
            first = (await undo.entries())[0]
            assert isinstance(first.event, RunOpened)
            assert (first.event.undoes, first.event.by, first.event.agent) == (run, "bob", "clerk-undo")
            assert await undone_by(runner, run) == {step.call: undo.name for step in plan.ready}
            again = await runner.plan_undo(run)
            assert {step.can for step in again.steps} == {"undone", "irreversible"}
            with pytest.raises(NotAllowed, match="nothing of it can be taken back"):
                await runner.undo(again, by="bob")
            with pytest.raises(NotAllowed, match="took back run"):
                await runner.plan_undo(undo.name)

    story(work)


def test_a_fork_undoes_none_of_the_writes_it_was_forked_with():
    async def work():
        async with written() as (runner, run, _):
            starts = [e.seq for e in await runner.entries(run) if isinstance(e.event, CallStarted)]
            fork = await runner.fork(run, starts[2] - 1, by="fay")
            assert isinstance(await fork.result(), Done)
            steps = (await runner.plan_undo(fork.name)).steps
            assert {step.can for step in steps} == {"nothing"}, "what it wrote itself was only recorded"
            assert len((await runner.plan_undo(run)).ready) == 4

    story(work)


def test_only_what_was_done_after_an_entry_and_then_the_rest():
    async def work():
        async with written() as (runner, run, town):
            starts = [e.seq for e in await runner.entries(run) if isinstance(e.event, CallStarted)]
            for after, back in ((starts[2], ["pay4"]), (0, ["pay4", "book3", "ship2", "pay1"])):
                undo = await runner.undo(await runner.plan_undo(run, after=after), by="bob")
                assert isinstance(await undo.result(), Done)
                assert town.back == back

    story(work)


def test_what_does_not_go_back_ends_it_and_says_what_is_left():
    async def work():
        async with written() as (runner, run, town):
            town.refuses = "book3"
            undo = await runner.undo(await runner.plan_undo(run), by="bob")
            end = await undo.result()
            assert isinstance(end, Declined)
            assert end.why.startswith(f"1 of 4 calls of run {run} were taken back; unbook did not take back call ")
            assert "too late" in end.why
            assert town.back == ["pay4"]
            assert [step.can for step in (await runner.plan_undo(run)).steps] == [
                "irreversible",
                "undone",
                *["ready"] * 3,
            ]

    story(work)


def test_one_that_is_open_or_being_undone_or_unknown_here_is_not_undone():
    async def work():
        journal = MemoryJournal()
        async with written(journal, review=True) as (runner, run, town):
            plan = await runner.plan_undo(run)
            undo = await runner.undo(plan, by="bob")
            waiting = await undo.result()
            assert isinstance(waiting, Waiting), "what finance had to allow, finance has to take back"
            assert waiting.on == "finance"
            assert [step.reviewed for step in plan.steps if step.tool == "pay"] == [("tools.pay.review[0]",), ()]
            with pytest.raises(NotAllowed, match=f"run {undo.name} is undoing it"):
                await runner.plan_undo(run)
            (question,) = (await undo.state()).questions
            with pytest.raises(NotAllowed, match="opened"):
                await runner.answer(undo.name, question, "approve", by="bob")
            await undo.cancel("bob", "enough")
            assert isinstance(await undo.result(), Cancelled)
            assert town.back == []
            second = await runner.plan_undo(run)
            assert (second.number, len(second.ready)) == (2, 4)
            with pytest.raises(Conflict, match="changed since it was planned"):
                await runner.undo(plan, by="bob")
            undo = await runner.undo(second, by="bob")
            assert isinstance(await undo.result(), Waiting)
            (question,) = (await undo.state()).questions
            await runner.answer(undo.name, question, "approve", by="fay")
            assert isinstance(await undo.result(), Done), "pay1 needed nobody, and needs nobody to go back"
            assert town.back == ["pay4", "book3", "ship2", "pay1"]
        async with Runner.open(journal) as runner:
            with pytest.raises(UsageError, match="the code of its agent, clerk, is not here"):
                await runner.plan_undo(run)

    story(work)


@pytest.mark.parametrize(("mode", "back", "says"), [("simulate", 0, Done), ("supervise", 0, Waiting)])
def test_the_mode_that_lets_less_happen_counts(mode, back, says):
    async def work():
        town = Town()
        clerk = agent(town)
        journal = MemoryJournal()
        async with opened(journal, clerk) as runner:
            run = await five_writes(runner, clerk)
        async with opened(journal, clerk, mode=mode) as runner:
            end = await (await runner.undo(await runner.plan_undo(run), by="bob")).result()
            assert isinstance(end, says)
            assert len(town.back) == back
            if isinstance(end, Done):
                assert (end.output.undone, end.output.simulated) == (0, 4)
                assert await undone_by(runner, run) == {}

    story(work)


def test_an_undo_that_wants_what_its_tool_never_got_is_an_error_of_the_contract():
    def unpay(paid: dict[str, str], customer: str) -> None:
        """Take it back."""

    @tool.write(timeout=1, undo=unpay)
    def pay(order: str) -> dict[str, str]:
        """Pay something."""
        return {}

    with pytest.raises(ContractError, match="its undo, unpay, wants customer, which pay does not get"):
        Agent(name="a", task="t.", takes=str, gives=int, models=["script:x"], tools=[pay])


def test_two_tools_may_be_taken_back_by_one_function():
    async def work():
        back = []

        async def undo(thing: Thing) -> Thing:
            """Take it back."""
            back.append(thing.id)
            return thing

        def make(name: str) -> Any:
            async def act() -> Thing:
                """Do something over there."""
                return Thing(id=name)

            return tool.write(timeout=5, name=name, undo=undo)(act)

        clerk = Agent(
            name="a", task="t.", takes=str, gives=int, models=["script:x"],
            tools={make("send"): {}, make("keep"): {"review": [{"because": "people decide"}]}},
        )  # fmt: skip
        async with Runner.open(MemoryJournal(), model=script(call("send"), call("keep"), done(1))) as runner:
            run = await runner.start(clerk, "x", by="ann")
            await run.result()
            await runner.answer(run.name, *(await run.state()).questions, "approve", by="fay")
            assert isinstance(await run.result(), Done)
            undone = await runner.undo(await runner.plan_undo(run.name), by="bob")
            assert isinstance(await undone.result(), Waiting), "what a person had to allow"
            await runner.answer(undone.name, *(await undone.state()).questions, "approve", by="fay")
            assert isinstance(await undone.result(), Done)
        assert back == ["keep", "send"]

    story(work)


def test_a_compensation_that_surely_did_not_happen_is_tried_again_when_a_person_says_so():
    async def work():
        broken = [True]

        async def unpay(paid: Thing, *, key: CallKey) -> Thing:
            """Take it back."""
            if broken:
                broken.clear()
                raise NotDone("the bank is closed")
            return paid

        @tool.write(timeout=5, undo=unpay)
        async def pay(n: int) -> Thing:
            """Pay something."""
            return Thing(id=f"p{n}")

        clerk = Agent(name="a", task="t.", takes=str, gives=int, models=["script:x"], tools=[pay])
        async with Runner.open(MemoryJournal(), model=script(call("pay", n=1), done(1))) as runner:
            run = await runner.start(clerk, "x", by="ann")
            await run.result()
            undo = await runner.undo(await runner.plan_undo(run.name), by="bob")
            waiting = await undo.result()
            assert isinstance(waiting, Waiting)
            (question,) = (await undo.state()).questions
            await runner.answer(undo.name, question, "retry", by="cleo")
            assert isinstance(await undo.result(), Done)

    story(work)


# -------------------------------------------------------------------------------------------- killed at every point


async def _undone(runner: Runner, run: str) -> Any:
    """The run that undoes a run: the one there is, or one that is ordered now, as a person would."""
    rows = await runner.find(Where(key=f"undo:{run}:1"))
    if rows:
        await runner.attend(rows[0].run)
        return runner.run(rows[0].run, runner.agents["clerk-undo"])
    return await runner.undo(await runner.plan_undo(run), by="bob")


async def _ordered(journal: Mortal, clerk: Any, run: str) -> tuple[Any, Any]:
    """One life: the run that undoes a run, and how it ends, if the process does not end before."""
    runner = await opened(journal, clerk).__aenter__()
    undo = await _undone(runner, run)
    end = await undo.result()
    if isinstance(end, Waiting):
        await _settle(runner, undo)
        end = await undo.result()
    return runner, (undo, end)


async def _settle(runner: Runner, undo: Any) -> None:
    """A person looks what became of the one that nobody can tell of, and says so."""
    (question,) = (await undo.state()).questions.values()
    assert question.asked.about == "doubt"
    doubtful = (await undo.state()).calls[question.asked.call]
    assert doubtful.tool == "unbook", "what takes a key, or can be looked up, is never in doubt"
    happened = "book3" in TOWNS[-1].back
    TOWNS[-1].doubts += 1
    thing = Thing(id="book3").model_dump() if happened else None
    await runner.settle(undo.name, doubtful.seq, "happened" if happened else "did_not", by="cleo", result=thing)


async def _lives(deaths: tuple[int, ...], power: bool) -> tuple[int, Counter[str]]:
    """Undo five writes; each life ends at a point, the last one does not. How many points it had, and how all of it ended."""
    town = Town()
    TOWNS[:] = [town]
    clerk, seen = agent(town), Counter[str]()
    journal = Mortal(town)
    async with opened(journal, clerk) as runner:
        run = await five_writes(runner, clerk)
    journal = journal.power_loss()
    for last in (*deaths, 0):
        town.begin(last)
        life = asyncio.create_task(_ordered(journal, clerk, run))
        over = asyncio.create_task(town.over.wait())
        await asyncio.wait({life, over}, return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            break
        seen["died"] += 1
        if not power:
            journal._made_durable()
        journal = journal.power_loss()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # a dead process does nothing more; what it waits for never comes
        await asyncio.sleep(0)
    over.cancel()
    runner, (undo, end) = await life
    assert max(Counter(town.back).values()) == 1, "nothing is taken back twice"
    assert isinstance(end, Done) == (town.back == ["pay4", "book3", "ship2", "pay1"])
    noted = await undone_by(runner, run)
    assert len(noted) == len(town.back), "the other run says what was taken back"
    assert set(noted.values()) == {undo.name}
    points = town.points
    await runner.close()
    return points, seen + Counter({type(end).__name__: 1, "in doubt": town.doubts})


TOWNS: list[Town] = []
"""The town of the life at hand."""


@pytest.mark.parametrize("power", [False, True], ids=["process", "power"])
def test_killed_at_every_point_it_ends_complete_or_in_doubt_and_takes_nothing_back_twice(power):
    points, seen = asyncio.run(_lives((), power))
    assert seen == {"Done": 1}
    assert points > 40
    total: Counter[str] = Counter()
    for last in range(1, points + 1):
        total += asyncio.run(_lives((last,), power))[1]
    print(f"{points} points: {dict(total)}")
    assert total["died"] == points
    assert total["in doubt"] >= 2
    assert total["Done"] + total["Declined"] == points
    assert total["Declined"] >= 1, "a person found that the bare one did not happen"


@pytest.mark.long
@pytest.mark.parametrize("power", [False, True], ids=["process", "power"])
def test_killed_at_every_pair_of_points(power):
    points, _ = asyncio.run(_lives((), power))
    total: Counter[str] = Counter()
    for first in range(1, points + 1):
        for second in range(1, points + 1):
            total += asyncio.run(_lives((first, second), power))[1]
    print(f"{points}² points: {dict(total)}")
    assert total["died"] > points**2
    assert total["Done"] + total["Declined"] == points**2
