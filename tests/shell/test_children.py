"""Child runs: one opening each, whoever dies; the tree's ceilings; cancelling; what children say and when they disagree."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from holdfast import Agent, Cancelled, Done, Runner, Stopped, Waiting, call, decline, done, fail, script, tool
from holdfast.errors import JournalError, NotAllowed
from holdfast.events import CallStarted, ChildClosed, ChildOpened, Contradiction, Price, RunOpened
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Append, Appended, Where
from holdfast.models.scripted import script_by
from holdfast.tool import CallKey, NotDone, Retry, Unknown
from tests.shell.bench import check, story


class Ask(BaseModel):
    topic: str


class Fact(BaseModel):
    topic: str
    fact: str


class Till:
    """The other system of the children: what was paid, under which key."""

    def __init__(self) -> None:
        self.paid: dict[str, str] = {}
        self.attempts = 0


def payer(till: Till, **terms: Any) -> Agent[Ask, Fact]:
    """A child that reads and pays once."""

    @tool.read(timeout=60, retry=Retry(times=1, wait=0.001))
    async def look(topic: str) -> str:
        """Look something up."""
        return topic.upper()

    @tool.write(timeout=60)
    async def pay(topic: str, *, key: CallKey) -> str:
        """Pay for it."""
        till.attempts += 1
        till.paid.setdefault(key, topic)
        return key

    fields: dict[str, Any] = {"limits": {"usd": None}} | terms
    return Agent(
        name="payer",
        task="Pay for one thing.",
        takes=Ask,
        gives=Fact,
        tools=[look, pay],
        models=["script:child"],
        **fields,
    )


def boss(child: Agent[Any, Any], terms: Any = None, **more: Any) -> Agent[Ask, Fact]:
    """A parent of it."""
    fields: dict[str, Any] = {"limits": {"usd": None}} | more
    return Agent(
        name="boss",
        task="Have it paid.",
        takes=Ask,
        gives=Fact,
        tools={child: terms or {}},
        models=["script:boss"],
        **fields,
    )


def _pays(first: str) -> list[Any]:
    topic = first.split('"topic":"')[1].split('"', maxsplit=1)[0]
    return [[call("look", topic=topic), call("pay", topic=topic)], done(topic=topic, fact=topic.upper())]


TWO = [[call("payer", topic="a"), call("payer", topic="b")], done(topic="all", fact="paid")]
"""What the parent says."""


def models(parent: Any = TWO, child: Any = None) -> dict[str, Any]:
    return {"script:boss": script(*parent), "script:child": child or script_by(_pays)}


class Mortal:
    """A journal as a worker has it that dies at its nth append. keeps: that one got in, and the worker never heard of it."""

    def __init__(self, store: MemoryJournal, dies_at: int, *, keeps: bool) -> None:
        self.store, self.dies_at, self.keeps = store, dies_at, keeps
        self.appends = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def enlist(self, worker: str) -> None:
        """It holds no lock: its process goes on, and it does not."""

    def alive(self, worker: str) -> bool:
        """Of two workers one after the other, the other one is dead."""
        return False

    def append(self, batch: Append) -> Awaitable[Appended]:
        self.appends += 1
        if self.appends < self.dies_at:
            return self.store.append(batch)
        return self._dead(batch if self.appends == self.dies_at and self.keeps else None)

    async def _dead(self, batch: Append | None) -> Appended:
        if batch is not None:
            await self.store.append(batch)
        raise JournalError("the worker is dead")


def run_all(store: Any, agent: Agent[Any, Any], said: dict[str, Any]) -> Any:
    """Start the parent, or take it up where it stands, and drive it to its end."""

    async def whole() -> Any:
        async with Runner.open(store, model=said) as runner:
            run = await runner.start(agent, Ask(topic="all"), key="once")
            return await run.result()

    return story(whole)


def live_and_die(store: MemoryJournal, agent: Agent[Any, Any], dies_at: int, *, keeps: bool) -> int:
    """A worker that dies on the way; how many appends it made."""
    mortal = Mortal(store, dies_at, keeps=keeps)
    with contextlib.suppress(JournalError, TimeoutError):
        run_all(mortal, agent, models())
    return mortal.appends


async def _rows(store: MemoryJournal) -> dict[str, list[Any]]:
    rows = await store.find(Where())
    return {kind: [row for row in rows if row.agent == kind] for kind in ("boss", "payer")}


def test_two_children_answer_side_by_side():
    till, store = Till(), MemoryJournal()
    found = run_all(store, boss(payer(till)), models())
    assert isinstance(found, Done)
    assert found.output.fact == "paid"
    assert sorted(till.paid.values()) == ["a", "b"]
    assert till.attempts == 2
    rows = asyncio.run(_rows(store))
    assert [row.parent for row in rows["payer"]] == [rows["boss"][0].run] * 2
    check(store)


APPENDS = live_and_die(MemoryJournal(), boss(payer(Till())), 10**9, keeps=False)


@pytest.mark.parametrize("keeps", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("dies_at", range(1, APPENDS + 1))
def test_a_death_at_any_append_of_parent_or_child_leads_to_one_outcome(dies_at, keeps):
    till, store = Till(), MemoryJournal()
    agent = boss(payer(till))
    live_and_die(store, agent, dies_at, keeps=keeps)
    found = run_all(store, agent, models())
    assert isinstance(found, Done)
    assert sorted(till.paid.values()) == ["a", "b"], "each effect once, under one key"
    rows = asyncio.run(_rows(store))
    assert len(rows["boss"]) == 1
    assert len(rows["payer"]) == 2
    assert all(row.status == "closed" and row.outcome == "done" for row in (*rows["boss"], *rows["payer"]))
    check(store)


@pytest.mark.parametrize("second", range(1, 12, 2))
@pytest.mark.parametrize("first", range(1, APPENDS + 1, 3))
def test_two_deaths_one_after_the_other(first, second):
    till, store = Till(), MemoryJournal()
    agent = boss(payer(till))
    live_and_die(store, agent, first, keeps=True)
    live_and_die(store, agent, second, keeps=False)
    found = run_all(store, agent, models())
    assert isinstance(found, Done)
    assert sorted(till.paid.values()) == ["a", "b"]


# -------------------------------------------------------------------------------------------------------- cancelling


@pytest.mark.parametrize("opened_yet", [False, True])
def test_cancelling_reaches_a_child_and_one_that_was_never_opened_is_created_closed(opened_yet):
    """D2: the parent won the opening and died; it is cancelled; nobody can open the child after."""
    till, store = Till(), MemoryJournal()
    agent = boss(payer(till))
    at = next(
        n for n in range(1, APPENDS + 1) if _children_asked(agent, n) and bool(_children_there(agent, n)) == opened_yet
    )
    live_and_die(store, agent, at, keeps=True)
    parent = asyncio.run(_rows(store))["boss"][0].run

    async def cancel() -> Any:
        async with Runner.open(store, agents=[agent], model=models(), drives=False) as runner:
            await runner.cancel(parent, by="alice")
            return await runner.run(parent, agent).result()

    assert isinstance(story(cancel), Cancelled)
    rows = asyncio.run(_rows(store))
    assert len(rows["payer"]) == 2
    assert all(row.status == "closed" for row in rows["payer"])
    assert till.paid == {} or opened_yet


def _left(agent: Agent[Any, Any], dies_at: int) -> MemoryJournal:
    store = MemoryJournal()
    live_and_die(store, agent, dies_at, keeps=True)
    return store


def _children_asked(agent: Agent[Any, Any], dies_at: int) -> bool:
    from holdfast.codec import entries

    store = _left(agent, dies_at)
    rows = asyncio.run(_rows(store))["boss"]
    lines = asyncio.run(store.read(rows[0].run)) if rows else []
    return any(isinstance(entry.event, ChildOpened) for entry in entries(rows[0].run, lines)) if rows else False


def _children_there(agent: Agent[Any, Any], dies_at: int) -> list[Any]:
    return asyncio.run(_rows(_left(agent, dies_at)))["payer"]


def test_a_parent_that_reaches_its_limit_takes_its_children_with_it():
    """A child waits for a person; the wall limit of the parent stops both."""
    till, store = Till(), MemoryJournal()
    asking = models(child=script(call("ask", question="may I?", of="finance")))
    agent = boss(payer(till), surprises={"limit": "stop"}, limits={"usd": None, "wall": "50ms"})
    found = run_all(store, agent, asking)
    assert isinstance(found, Waiting | Stopped)

    async def later() -> Any:
        async with Runner.open(store, agents=[agent], model=asking, drives=False) as runner:
            await asyncio.sleep(0.06)
            parent = (await runner.find(Where(agent="boss")))[0].run
            return await runner.run(parent, agent).result()

    assert isinstance(story(later), Stopped)
    assert all(row.status == "closed" for row in asyncio.run(_rows(store))["payer"])


# ------------------------------------------------------------------------------------------------------------ people


def test_a_childs_question_surfaces_in_the_parent_and_its_answer_reaches_it():
    till, store = Till(), MemoryJournal()
    reviewed = {"pay": {"review": [{"because": "people decide", "by": "finance"}]}}
    child = payer(till)
    grants = {made: reviewed.get(name, {}) for name, made in child.tools.items()}
    child = Agent(
        name="payer", task="Pay for one thing.", takes=Ask, gives=Fact, tools=grants, models=["script:child"],
        limits={"usd": None},
    )  # fmt: skip
    agent = boss(child)

    async def whole() -> Any:
        async with Runner.open(
            store, model=models([call("payer", topic="a"), done(topic="all", fact="paid")])
        ) as runner:
            run = await runner.start(agent, Ask(topic="all"), by="alice")
            waits = await run.result()
            assert isinstance(waits, Waiting)
            assert waits.on == "finance"
            assert waits.run == run.name
            below = (await runner.find(Where(parent=run.name)))[0].run
            question = next(iter((await runner.state(below)).questions))
            with pytest.raises(NotAllowed, match="opened"):
                await runner.answer(below, question, "approve", by="alice")
            await runner.answer(below, question, "approve", by="bob", roles=["finance"])
            return await run.result()

    assert isinstance(story(whole), Done)
    assert list(till.paid.values()) == ["a"]


def test_who_spoke_in_the_parent_decides_nothing_in_its_children():
    """C8: the excluded persons are those of the run and of all its ancestors."""
    till, store = Till(), MemoryJournal()
    child = payer(till)
    grants = {
        made: {"review": [{"because": "people decide"}]} if name == "pay" else {} for name, made in child.tools.items()
    }
    child = Agent(
        name="payer", task="Pay for one thing.", takes=Ask, gives=Fact, tools=grants, models=["script:child"],
        limits={"usd": None},
    )  # fmt: skip
    agent = boss(child)

    async def whole() -> Any:
        async with Runner.open(
            store, model=models([call("payer", topic="a"), done(topic="all", fact="paid")])
        ) as runner:
            run = await runner.start(agent, Ask(topic="all"), by="alice")
            await run.result()
            await runner.say(run.name, "hurry", by="mallory")
            below = (await runner.find(Where(parent=run.name)))[0].run
            question = next(iter((await runner.state(below)).questions))
            with pytest.raises(NotAllowed, match="mallory"):
                await runner.answer(below, question, "approve", by="mallory")

    story(whole)


# ------------------------------------------------------------------------------------------------------------ limits


def _unlucky() -> Any:
    @tool.read(timeout=5, retry=Retry(times=9, wait=0.0))
    async def never(topic: str) -> str:
        """Fails always, and might not."""
        raise NotDone("busy")

    return never


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    children=st.integers(1, 100), cents=st.integers(1, 100), carve=st.one_of(st.none(), st.integers(1, 60)),
    retries=st.integers(0, 40), each=st.one_of(st.none(), st.integers(0, 5)),
)  # fmt: skip
def test_a_hundred_children_never_pass_one_ceiling_on_money_and_one_on_retries(children, cents, carve, retries, each):
    """The tree's sum is never over, at any moment: looked at after every entry of the parent."""
    price = Price(input=1_000_000, output=2_000_000)
    terms = {"surprises": {"exhausted": "tell", "limit": "stop"}, "limits": {"usd": "0.50", "retries": 5, "output": 64}}
    child = Agent(
        name="payer", task="Try.", takes=Ask, gives=Fact, tools=[_unlucky()], models=["script:child"], **terms
    )  # fmt: skip
    limits: dict[str, Any] = {}
    if carve is not None:
        limits["usd"] = f"{carve / 1000}"
    if each is not None:
        limits["retries"] = each
    agent = boss(
        child, {"limits": limits}, limits={"usd": f"{cents / 100}", "retries": retries, "output": 64},
        surprises={"limit": "stop"},
    )  # fmt: skip
    turn = [call("payer", topic=f"t{at}") for at in range(children)]
    said = {
        "script:boss": script(
            *(turn[at : at + 50] for at in range(0, children, 50)), done(topic="x", fact="y"), price=price
        ),
        "script:child": script(call("never", topic="x"), decline("no"), price=price),
    }
    store = MemoryJournal()

    async def whole() -> None:
        async with Runner.open(store, model=said) as runner:
            run = await runner.start(agent, Ask(topic="all"))
            await run.result()
            top, spent, tried = cents * 10_000_000, 0, 0
            for row in await runner.find(Where(limit=1000)):
                state = await runner.state(row.run)
                assert state.closed is not None
                spent += state.spent.alone
                tried += state.spent.retries - sum(
                    e.event.used.get("retries", 0)
                    for e in await runner.entries(row.run)
                    if isinstance(e.event, ChildClosed)
                )
                assert state.spent.charged <= (top if not row.parent else state.opened.carved["usd"])
                assert state.spent.retried <= (retries if not row.parent else state.opened.carved["retries"])
            assert spent <= top
            assert tried <= retries
            carved = 0
            for entry in await run.entries():  # at every moment, what is out is covered
                if isinstance(entry.event, ChildOpened):
                    carved += entry.event.carved["usd"]
                if isinstance(entry.event, ChildClosed):
                    opened = next(
                        e.event
                        for e in await run.entries()
                        if isinstance(e.event, ChildOpened) and e.event.call == entry.event.call
                    )
                    carved += entry.event.used.get("usd", 0) - opened.carved["usd"]
                assert carved <= top

    story(whole)


def test_a_childs_ceiling_is_its_carve_and_nobody_raises_it_there():
    till, store = Till(), MemoryJournal()
    agent = boss(payer(till, limits={"usd": None}), {"limits": {"steps": 1}})

    async def whole() -> None:
        async with Runner.open(store, model=models()) as runner:
            run = await runner.start(agent, Ask(topic="all"))
            found = await run.result()
            assert isinstance(found, Done)
            closed = [e.event for e in await run.entries() if isinstance(e.event, ChildClosed)]
            assert [one.outcome for one in closed] == ["stopped", "stopped"]
            assert "limit of steps" in closed[0].why

    story(whole)


# ------------------------------------------------------------------------------------------------------ disagreement

AGREE = {"agree": {"about": "output.topic", "on": "output.fact"}}


def _at_odds(surprise: str) -> tuple[MemoryJournal, Agent[Any, Any], dict[str, Any]]:
    facts = iter(["it is 4", "it is 5"])
    child = script_by(lambda first: [done(topic="a", fact=next(facts))])
    said = models([[call("payer", topic="a"), call("payer", topic="b")], done(topic="all", fact="paid")], child)
    return MemoryJournal(), boss(payer(Till()), AGREE, surprises={"contradiction": surprise}), said


@pytest.mark.parametrize("surprise", ["tell", "review", "stop"])
def test_children_who_contradict_each_other_are_recorded_and_what_follows_is_in_the_contract(surprise):
    store, agent, said = _at_odds(surprise)

    async def whole() -> None:
        async with Runner.open(store, model=said) as runner:
            run = await runner.start(agent, Ask(topic="all"), by="alice")
            found = await run.result()
            told = [e.event for e in await run.entries() if isinstance(e.event, Contradiction)]
            assert len(told) == 1
            assert told[0].children
            assert "it is 4" in told[0].what
            assert "it is 5" in told[0].what
            if surprise == "tell":
                assert isinstance(found, Done)
            if surprise == "stop":
                assert isinstance(found, Stopped)
                assert "different things" in found.why
            if surprise == "review":
                assert isinstance(found, Waiting)
                assert found.on == "person"
                question = next(iter((await run.state()).questions))
                await runner.answer(run.name, question, "tell", by="bob")
                assert isinstance(await run.result(), Done)
            if surprise != "stop":
                shown = [
                    segment for segment in (await run.state()).transcript if getattr(segment, "source", "") == "machine"
                ]
                assert any(
                    "different things" in getattr(segment, "text", "") for segment in (await run.state()).transcript
                ), shown

    story(whole)


def test_children_about_different_things_contradict_nobody():
    till, store = Till(), MemoryJournal()
    agent = boss(payer(till), AGREE)

    async def whole() -> None:
        async with Runner.open(store, model=models()) as runner:
            run = await runner.start(agent, Ask(topic="all"))
            assert isinstance(await run.result(), Done)
            assert not [e for e in await run.entries() if isinstance(e.event, Contradiction)]

    story(whole)


# ----------------------------------------------------------------------------------------------- what a child says


def test_what_a_child_read_taints_its_parent_and_a_child_that_read_nothing_does_not():
    till, store = Till(), MemoryJournal()
    said = models(child=script_by(lambda first: _pays(first) if '"a"' in first else [done(topic="b", fact="b")]))

    async def whole() -> None:
        async with Runner.open(store, model=said) as runner:
            run = await runner.start(boss(payer(till)), Ask(topic="all"))
            await run.result()
            closed = {e.event.call: e.event for e in await run.entries() if isinstance(e.event, ChildClosed)}
            assert [closed[call].label.trusted for call in sorted(closed)] == [False, True]
            assert not (await run.state()).label.trusted

    story(whole)


@pytest.mark.parametrize(("turn", "outcome"), [(decline("not mine"), "declined"), (fail("auth"), "failed")])
def test_a_child_that_does_not_finish_answers_with_its_reason(turn, outcome):
    store = MemoryJournal()

    async def whole() -> None:
        async with Runner.open(store, model=models(child=script(turn))) as runner:
            run = await runner.start(boss(payer(Till())), Ask(topic="all"))
            assert isinstance(await run.result(), Done)
            assert {e.event.outcome for e in await run.entries() if isinstance(e.event, ChildClosed)} == {outcome}
            assert any(
                f"payer ended as {outcome}" in getattr(one, "text", "") for one in (await run.state()).transcript
            )

    story(whole)


def test_a_child_runs_under_the_contract_in_its_parents_journal():
    """The child's agent was changed while the parent was parked."""
    till, store = Till(), MemoryJournal()
    before = boss(payer(till, instructions="the old ones"))
    live_and_die(store, before, 3, keeps=True)
    now = boss(payer(till, instructions="the new ones"))
    with contextlib.suppress(Exception):
        run_all(store, now, models())

    async def opened() -> list[Any]:
        async with Runner.open(store, agents=[now], model=models(), drives=False) as runner:
            rows = await runner.find(Where(agent="payer"))
            return [(await runner.entries(row.run))[0].event for row in rows]

    found = asyncio.run(opened())
    assert found
    assert all(isinstance(one, RunOpened) and one.contract.value["instructions"] == "the old ones" for one in found)


def test_simulated_children_write_nothing():
    till, store = Till(), MemoryJournal()

    async def whole() -> None:
        async with Runner.open(store, model=models(), mode="simulate") as runner:
            run = await runner.start(boss(payer(till)), Ask(topic="all"))
            assert isinstance(await run.result(), Done)
            below = await runner.find(Where(parent=run.name))
            assert [row.mode for row in below] == ["simulate"] * 2
            assert any(isinstance(e.event, CallStarted) for e in await runner.entries(below[0].run))

    story(whole)
    assert till.paid == {}


def test_a_write_in_doubt_in_one_child_keeps_that_tool_from_starting_in_another():
    """Rule 21 holds for the tree: what one run is not sure of, no other run of it does again."""
    tried: list[str] = []

    @tool.write(timeout=60)
    async def wire(topic: str) -> str:
        """Wire money, with neither key nor look-up."""
        tried.append(topic)
        raise Unknown("the line went dead")

    store = MemoryJournal()

    @tool.read(timeout=60)
    async def wait(topic: str) -> str:
        """Until the other one's write is in doubt."""
        while not any(row.doubts for row in await store.find(Where(agent="payer"))):
            await asyncio.sleep(0)
        return "it is"

    child = Agent(
        name="payer", task="Wire.", takes=Ask, gives=Fact, tools=[wire, wait], models=["script:child"], limits={"usd": None}
    )  # fmt: skip
    agent = boss(child)
    ends = done(topic="x", fact="x")
    said = models(child=script_by(lambda first: [call("wire", topic="a"), ends] if '"a"' in first else [
        call("wait", topic="b"), call("wire", topic="b"), ends
    ]))  # fmt: skip

    async def whole() -> None:
        async with Runner.open(store, model=said) as runner:
            run = await runner.start(agent, Ask(topic="all"))
            found = await run.result()
            assert isinstance(found, Waiting)
            assert tried == ["a"], "the second child was not let"
            below = await runner.find(Where(parent=run.name))
            assert sorted((row.status, row.doubts) for row in below) == [("closed", ()), ("waiting", ("wire",))]
            told = [await runner.state(row.run) for row in below if row.status == "closed"]
            assert any(
                "does not know whether its wire happened" in getattr(one, "text", "") for one in told[0].transcript
            )

    story(whole)


@pytest.mark.parametrize("classes", [(), ("health",)])
def test_what_reached_the_parent_has_reached_its_child(classes):
    """A label never gets lower on the way down: a child that was handed what its parent read may not send it where that may not go."""

    @tool.read(timeout=5, classes=classes, trust="untrusted" if not classes else "trusted")
    async def look(topic: str) -> str:
        """Look something up."""
        return "the patient is ill"

    sent: list[str] = []

    @tool.write(timeout=5)
    async def send(topic: str, *, key: CallKey) -> str:
        """Send it out."""
        sent.append(topic)
        return "ok"

    child = Agent(
        name="payer", task="Send.", takes=Ask, gives=Fact, tools={send: {"accepts": []}}, models=["script:child"], limits={"usd": None}
    )  # fmt: skip
    agent = Agent(
        name="boss", task="Have it sent.", takes=Ask, gives=Fact, tools=[look, child], models=["script:boss"], limits={"usd": None}
    )  # fmt: skip
    said = models(
        [call("look", topic="a"), call("payer", topic="the patient is ill"), done(topic="x", fact="y")],
        script(call("send", topic="the patient is ill"), done(topic="x", fact="y")),
    )

    async def whole() -> None:
        async with Runner.open(MemoryJournal(), model=said) as runner:
            run = await runner.start(agent, Ask(topic="all"))
            found = await run.result()
            assert sent == []
            assert isinstance(found, Done if classes else Waiting), (
                "refused for its class; before a person for its trust"
            )

    story(whole)
