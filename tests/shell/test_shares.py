"""What runs share, with real drivers: who waits goes on as soon as there is room, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, Done, Runner, Waiting, call, done, tool
from holdfast.core import shares
from holdfast.events import CallJudged, CallStarted, PlaceAwaited, PlaceTaken
from holdfast.journal.memory import MemoryJournal
from holdfast.models.scripted import script_by
from holdfast.shell import driver
from holdfast.shell import worker as module
from holdfast.shell.fleet import Fleet
from holdfast.shell.worker import Worker
from holdfast.tool import NotDone, Retry, Unknown
from tests.shell.bench import story, until

PROMPT = 1.0
"""Seconds in which somebody who waits is woken: a fifth of the time after which it would look by itself."""


class Job(BaseModel):
    thing: str = "A"
    about: str = "A"
    """What a run is about, where runs about the same thing take turns."""
    cents: int = 400
    calls: tuple[str, ...] = ("carry",)


class Report(BaseModel):
    done: str


class Yard:
    """Where things are carried to: who is inside, who ever was, and gates that can be shut."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.most = 0
        self.times: list[float] = []
        self.fails: list[type[Exception]] = []
        """What becomes of the next ones, one after another."""
        self._gates: dict[str, asyncio.Event] = {}

    def gate(self, thing: str) -> asyncio.Event:
        """Set: whoever carries this may go. Made shut by the first who asks for it here."""
        return self._gates.setdefault(thing, asyncio.Event())

    async def carry(self, thing: str) -> str:
        self.times.append(time.monotonic())
        self.inside.append(thing)
        self.most = max(self.most, len(self.inside))
        try:
            if thing in self._gates:
                await self._gates[thing].wait()
        finally:
            self.inside.remove(thing)
        if self.fails:
            raise self.fails.pop(0)("the yard says so")
        return thing


def porter(yard: Yard, *, carry: Any = None, pay: Any = None, fetch: Any = None, **given: Any) -> Agent[Job, Report]:
    """An agent whose tools' terms are given by name."""

    @tool.read(timeout=60, retry=Retry(times=3, wait=0.001))
    async def carry_(thing: str) -> str:
        """Carry one thing over the yard."""
        return await yard.carry(thing)

    @tool.read(timeout=60)
    async def fetch_(thing: str) -> str:
        """Fetch one thing from the other side."""
        return await yard.carry(f"fetch {thing}")

    @tool.write(timeout=60)
    async def pay_(thing: str, cents: int) -> str:
        """Pay for one thing."""
        return await yard.carry(f"pay {thing}")

    for one in (carry_, fetch_, pay_):
        one.name = one.name.rstrip("_")
    terms = {carry_: carry or {}, fetch_: fetch or {}, pay_: pay or {}}
    return Agent(name="porter", task="Carry.", takes=Job, gives=Report, models=["script:x"], tools=terms, **given)


def turns(text: str) -> list[Any]:
    """One turn with all the calls that the job names."""
    job = Job(**json.loads(text[text.index("{") : text.rindex("}") + 1]))
    args = {"carry": {}, "fetch": {}, "pay": {"cents": job.cents}}
    return [[call(name, thing=job.thing, **args[name]) for name in job.calls], done(done=job.thing)]


TURNS = {"one_at_a_time": "input.about"}
REVIEW = {"review": [{"because": "people decide", "by": "finance"}]}


def opened(journal: Any, agent: Any, **options: Any) -> Any:
    """A runner over a journal."""
    return Runner.open(journal, agents=[agent], model=script_by(turns), **options)


@pytest.fixture(params=["memory", "sqlite"])
def place(request, tmp_path):
    """What runners are opened on: one journal in memory, or a file that each opens for itself."""
    return MemoryJournal() if request.param == "memory" else f"sqlite:///{tmp_path}/journal.db"


async def stands(runner: Runner, run: Any) -> str:
    """For what a run waits, as its row says."""
    row = await runner.journal.row(run.name)
    return row.waits_for if row is not None else ""


async def soon(so: Any, what: str, within: float = 10.0) -> None:
    """Look again and again until something is so."""
    try:
        async with asyncio.timeout(within):
            while not await so():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never came: {what}") from None


async def waits(runner: Runner, *runs: Any, for_: str = "place") -> None:
    """Until all these runs wait."""
    for run in runs:
        await soon(lambda run=run: _is(runner, run, for_), f"{run} waits")


async def _is(runner: Runner, run: Any, what: str) -> bool:
    return await stands(runner, run) == what


async def ends(runner: Runner, *runs: Any, within: float = 10.0) -> float:
    """Wait until these runs are done, without attending any; seconds that took."""
    began = time.monotonic()
    for run in runs:
        await soon(lambda run=run: _closed(runner, run), f"{run} is closed", within)
        row = await runner.journal.row(run.name)
        assert row is not None
        assert row.outcome == "done", row
    return time.monotonic() - began


async def _closed(runner: Runner, run: Any) -> bool:
    row = await runner.journal.row(run.name)
    return row is not None and row.status == "closed"


async def said(run: Any, *kinds: type) -> list[Any]:
    """The events of these kinds in a run."""
    return [entry.event for entry in await run.entries() if isinstance(entry.event, kinds)]


async def holdings(runner: Runner, *runs: Any) -> dict[str, int]:
    """What is held of every name that these runs ever took."""
    names = {share.name for run in runs for event in await said(run, CallStarted, PlaceTaken) for share in event.shares}
    return {name: known.used for name, known in (await runner.journal.held(names)).items() if known.used}


# ------------------------------------------------------------------------------------------------ turns and places


def test_a_run_waits_for_its_turn_and_is_woken_as_the_other_closes(place):
    async def work():
        yard = Yard()
        agent = porter(yard, **TURNS)
        gate = yard.gate("A")
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            await until(lambda: yard.inside)
            second = await runner.start(agent, Job(thing="B"))
            other = await runner.start(agent, Job(thing="C", about="C"))
            await waits(runner, second)
            await ends(runner, other)
            (awaited,) = await said(second, PlaceAwaited)
            assert (awaited.holder, awaited.clause) == (first.name, "one_at_a_time")
            assert "B" not in yard.inside
            gate.set()
            await ends(runner, first)
            assert await ends(runner, second) < PROMPT
            assert not await holdings(runner, first, second, other)

    story(work)


def test_whoever_waits_for_a_place_goes_on_as_one_is_let_go_and_those_who_waited_longest_first(place):
    async def work():
        yard = Yard()
        agent = porter(yard, carry={"at_once": 2})
        async with opened(place, agent) as runner:
            gates = [yard.gate(f"g{n}") for n in range(6)]
            runs = []
            for n in range(6):
                runs.append(await runner.start(agent, Job(thing=f"g{n}")))
                await (until(lambda n=n: len(yard.inside) > n) if n < 2 else waits(runner, runs[n]))
            for n in range(6):
                began = time.monotonic()
                gates[n].set()
                await ends(runner, runs[n])
                if n + 2 < 6:
                    await until(lambda n=n: f"g{n + 2}" in yard.inside)
                    assert time.monotonic() - began < PROMPT
            assert yard.most == 2
            assert not await holdings(runner, *runs)

    story(work)


def test_two_workers_on_one_journal_wake_each_others_runs(place):
    """One lets go, the other had said that its run waits: whoever lets go drives it, and whoever attends it hears the end."""

    async def work():
        yard = Yard()
        agent = porter(yard, **TURNS)
        gate = yard.gate("A")
        async with opened(place, agent) as one, opened(place, agent) as two:
            first = await one.start(agent, Job())
            await until(lambda: yard.inside)
            second = await two.start(agent, Job(thing="B"))
            await waits(one, second)
            attends = asyncio.create_task(second.result())
            await until(lambda: second.name in two._fleet._waiting)
            began = time.monotonic()
            gate.set()
            await attends
            assert time.monotonic() - began < PROMPT
            await ends(one, first)
            assert await ends(two, second) < PROMPT

    story(work)


def test_several_may_attend_a_run_that_waits(place):
    async def work():
        yard = Yard()
        agent = porter(yard, **TURNS)
        gate = yard.gate("A")
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            await until(lambda: yard.inside)
            second = await runner.start(agent, Job(thing="B"))
            await waits(runner, second)
            attend = [asyncio.create_task(second.result()) for _ in range(3)]
            await until(lambda: second.name in runner._fleet._waiting)
            for _ in range(10):
                await asyncio.sleep(0)
            began = time.monotonic()
            gate.set()
            assert all(isinstance(result, Done) for result in await asyncio.gather(*attend))
            assert time.monotonic() - began < PROMPT
            await ends(runner, first)

    story(work)


def test_a_run_that_is_driven_for_another_call_hears_that_its_place_is_free(place):
    """Its driver does not park, since a call of it is under way: it is woken all the same."""

    async def work():
        yard = Yard()
        agent = porter(yard, carry={"at_once": 1})
        gates = {thing: yard.gate(thing) for thing in ("A", "fetch B")}
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            await until(lambda: "A" in yard.inside)
            second = await runner.start(agent, Job(thing="B", calls=("fetch", "carry")))
            await until(lambda: "fetch B" in yard.inside)
            await soon(lambda: said(second, PlaceAwaited), "it says that it waits")
            began = time.monotonic()
            gates["A"].set()
            await ends(runner, first)
            await until(lambda: yard.times[2:])
            assert time.monotonic() - began < PROMPT
            gates["fetch B"].set()
            await ends(runner, second)

    story(work)


def test_a_run_that_waits_for_two_names_goes_on_with_whichever_is_free(place, monkeypatch):
    """Its row names one of them; for the other it looks by itself, and does not look ever more rarely."""
    monkeypatch.setattr(shares, "SOONEST", 200_000)

    async def work():
        yard = Yard()
        agent = porter(yard, carry={"at_once": 1}, fetch={"at_once": 1})
        gates = {thing: yard.gate(thing) for thing in ("A", "fetch B")}
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            other = await runner.start(agent, Job(thing="B", calls=("fetch",)))
            await until(lambda: len(yard.inside) == 2)
            both = await runner.start(agent, Job(thing="C", calls=("carry", "fetch")))
            await waits(runner, both)
            assert len(await said(both, PlaceAwaited)) == 2
            attends = asyncio.create_task(both.result())
            gates["fetch B"].set()
            await ends(runner, other)
            await soon(lambda: said(both, CallStarted), "the one whose place is free begins", within=PROMPT)
            gates["A"].set()
            await ends(runner, first, both)
            await attends

    story(work)


def test_a_paused_run_is_passed_over_and_keeps_nobody_waiting(place):
    async def work():
        yard = Yard()
        agent = porter(yard, **TURNS)
        gate = yard.gate("A")
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            await until(lambda: yard.inside)
            paused = await runner.start(agent, Job(thing="B"))
            await waits(runner, paused)
            await runner.pause(paused.name, by="olga")
            third = await runner.start(agent, Job(thing="C"))
            await waits(runner, third)
            gate.set()
            await ends(runner, first)
            assert await ends(runner, third) < PROMPT
            await runner.resume(paused.name, by="olga")
            assert await ends(runner, paused) < PROMPT

    story(work)


def test_a_run_that_waits_for_its_turn_is_cancelled_at_once_and_the_next_in_line_is_not_held_up(place):
    async def work():
        yard = Yard()
        agent = porter(yard, **TURNS)
        gate = yard.gate("A")
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            await until(lambda: yard.inside)
            second, third = [await runner.start(agent, Job(thing=thing)) for thing in "BC"]
            await waits(runner, second, third)
            began = time.monotonic()
            await second.cancel("olga", "not wanted any more")
            assert type(await second.result()).__name__ == "Cancelled"
            assert time.monotonic() - began < PROMPT
            gate.set()
            await ends(runner, first)
            assert await ends(runner, third) < PROMPT

    story(work)


def test_a_run_that_is_cancelled_lets_go_of_its_turn_as_it_closes(place):
    async def work():
        yard = Yard()
        agent = porter(yard, **TURNS)
        yard.gate("A")
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            await until(lambda: yard.inside)
            second = await runner.start(agent, Job(thing="B"))
            await waits(runner, second)
            await first.cancel("olga", "it takes too long")
            assert await ends(runner, second) < PROMPT
            assert not await holdings(runner, first, second)

    story(work)


def test_an_approval_from_outside_finds_its_call_waiting_for_a_place_and_no_place_is_held_by_those_who_wait_for_people(
    place,
):
    async def work():
        yard = Yard()
        agent = porter(yard, pay={"at_once": 1, **REVIEW})
        gate = yard.gate("pay A")
        async with opened(place, agent) as runner, opened(place, agent, drives=False) as console:
            first, second = [await runner.start(agent, Job(thing=thing, calls=("pay",))) for thing in "AB"]
            worker = Worker(runner, poll=0.05)
            working = asyncio.create_task(worker.work())
            await waits(runner, first, second, for_="finance")
            assert not await holdings(runner, first, second)
            for run in (first, second):
                (question,) = (await console.state(run.name)).questions
                await console.answer(run.name, question, "approve", by="rita", roles=["finance"])
                await soon(lambda run=run: said(run, CallStarted, PlaceAwaited), "it begins, or says that it waits")
            assert yard.inside == ["pay A"]
            await waits(runner, second)
            gate.set()
            await ends(runner, first)
            assert await ends(runner, second) < PROMPT
            assert yard.most == 1
            worker.stop()
            await working

    story(work)


# ---------------------------------------------------------------------------------------- when somebody does not wake them


def test_nobody_waits_for_ever_for_whoever_let_go_and_woke_nobody(place, monkeypatch):
    """A process may end between the append that lets go and the waking: whoever waits looks by itself."""
    monkeypatch.setattr(shares, "SOONEST", 300_000)
    monkeypatch.setattr(driver, "LINGER", 1_000)

    async def work():
        yard = Yard()
        agent = porter(yard, **TURNS)
        gate = yard.gate("A")
        async with opened(place, agent) as mute, opened(place, agent) as other:
            mute._fleet.drives = False  # as one that has no time left to wake anybody
            first = await mute.start(agent, Job())
            driving = asyncio.create_task(mute.drive(first.name))
            await until(lambda: yard.inside)
            second = await other.start(agent, Job(thing="B"))
            await waits(other, second)
            worker = Worker(other, poll=0.05)
            working = asyncio.create_task(worker.work())
            gate.set()
            await driving
            await soon(lambda: _closed(other, second), "it looked", within=5)
            worker.stop()
            await working

    story(work)


def test_many_that_wait_do_not_hide_from_a_worker_who_is_due(monkeypatch):
    """Rows of those who wait stay due while they wait: a worker that looks at so many rows sees the others all the same."""
    monkeypatch.setattr(shares, "SOONEST", 200_000)
    monkeypatch.setattr(driver, "LINGER", 1_000)
    monkeypatch.setattr(module, "ORPHANS", 1e6)

    async def work():
        yard = Yard()
        agent = porter(yard, pay={**REVIEW}, **TURNS)
        journal = MemoryJournal()
        async with opened(journal, agent) as runner:
            first = await runner.start(agent, Job(calls=("pay",)))
            await waits(runner, first, for_="finance")
            line = [await runner.start(agent, Job(thing=f"t{n}")) for n in range(8)]
            await waits(runner, *line)
        async with opened(journal, agent) as mute, opened(journal, agent) as other:
            mute._fleet.drives = False
            gate = yard.gate("X")
            holder = await mute.start(agent, Job(thing="X", about="other"))
            driving = asyncio.create_task(mute.drive(holder.name))
            await until(lambda: yard.inside)
            hidden = await mute.start(agent, Job(thing="Y", about="other"))
            await mute.drive(hidden.name)
            await waits(other, hidden)
            worker = Worker(other, slots=3, poll=0.05)
            working = asyncio.create_task(worker.work())
            gate.set()
            await driving
            await soon(lambda: _closed(other, hidden), "it was seen", within=5)
            assert not any([await _closed(other, run) for run in line])
            worker.stop()
            await working

    story(work)


@pytest.mark.parametrize("kind", ["turn", "at_once"])
def test_what_a_worker_that_died_held_is_held_until_its_run_is_taken_over_and_then_let_go(kind):
    async def work():
        yard = Yard()
        agent = porter(yard, carry={"at_once": 1} if kind == "at_once" else {}, **(TURNS if kind == "turn" else {}))
        journal = MemoryJournal()
        gate = yard.gate("A")
        dead = await opened(journal, agent).__aenter__()
        first = await dead.start(agent, Job())
        await until(lambda: yard.inside)
        second = await dead.start(agent, Job(thing="B"))
        await waits(dead, second)
        await soon(lambda: _all_durable(journal), "on the disk")
        left = journal.power_loss()
        assert left.alive(dead.worker) is False
        async with opened(left, agent) as runner:
            assert await holdings(runner, first)
            gate.set()
            await Worker(runner).work(until_idle=True)
            for run in (first, second):
                assert isinstance(await runner.run(run.name, agent).result(), Done)
            assert not await holdings(runner, first, second)
            assert "B" not in yard.inside
        await dead.close()

    story(work)


async def _all_durable(journal: MemoryJournal) -> bool:
    return journal.watermark() == len(journal._feed)


# ----------------------------------------------------------------------------------------------------- rates, failures


def test_a_rate_lets_nobody_wait_longer_than_its_window_though_nobody_wakes_them(place, monkeypatch):
    monkeypatch.setattr(Fleet, "_freed", lambda fleet, names: None)

    async def work():
        yard = Yard()
        agent = porter(yard, carry={"rate": {"calls": 3, "per": "300ms"}})
        async with opened(place, agent) as runner:
            runs = [await runner.start(agent, Job(thing=f"{n}")) for n in range(9)]
            took = await ends(runner, *runs)
            starts = sorted(
                [entry.at for run in runs for entry in await run.entries() if isinstance(entry.event, CallStarted)]
            )
            assert all(later - first >= 300_000 for first, later in zip(starts, starts[3:], strict=False))
            assert 0.55 < took < 3

    story(work)


def test_a_breaker_holds_everybody_back_until_failures_are_older(place):
    async def work():
        yard = Yard()
        agent = porter(yard, carry={"breaker": {"failures": 2, "within": "400ms"}})
        yard.fails = [NotDone, NotDone]
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job())
            await waits(runner, first)
            assert len(yard.times) == 2
            second = await runner.start(agent, Job(thing="B"))
            await waits(runner, second)
            (awaited,) = await said(second, PlaceAwaited)
            assert (awaited.clause, awaited.why) == ("tools.carry.breaker", "carry failed 2 times in the last while")
            await ends(runner, first, second)
            assert min(yard.times[2:]) - yard.times[0] > 0.35

    story(work)


# ------------------------------------------------------------------------------------------------- amounts over all runs

DAILY = {"per": "args.thing", "window": "1d", "sum": "args.cents", "at_most": 1000}


def test_an_amount_over_all_runs_is_never_passed_by_two_that_begin_at_the_same_moment(place):
    async def work():
        yard = Yard()
        agent = porter(yard, pay={"across": DAILY})
        async with opened(place, agent) as one, opened(place, agent) as two:
            runs = [await runner.start(agent, Job(calls=("pay",))) for _ in range(4) for runner in (one, two)]
            await ends(one, *runs)
            starts = [event for run in runs for event in await said(run, CallStarted)]
            assert len(starts) == 2
            refused = [event for run in runs for event in await said(run, CallJudged) if event.verdict == "refuse"]
            assert len(refused) == 6
            assert {event.rules[0].rule for event in refused} == {"tools.pay.across"}
            assert set((await holdings(one, *runs)).values()) == {800}

    story(work)


def test_an_amount_comes_back_when_the_write_surely_did_nothing_and_somebody_else_may_have_it(place):
    async def work():
        yard = Yard()
        yard.fails = [NotDone]
        agent = porter(yard, pay={"across": DAILY}, surprises={"exhausted": "tell"})
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job(calls=("pay",), cents=1000))
            await ends(runner, first)
            assert not await holdings(runner, first)
            second = await runner.start(agent, Job(calls=("pay",), cents=1000))
            await ends(runner, second)
            assert set((await holdings(runner, second)).values()) == {1000}

    story(work)


@pytest.mark.parametrize(("verdict", "left"), [("did_not", 0), ("stop", 1000)])
def test_an_amount_in_doubt_stays_until_a_person_says_that_it_did_not_happen(place, verdict, left):
    async def work():
        yard = Yard()
        yard.fails = [Unknown]
        agent = porter(yard, pay={"across": DAILY, "at_once": 1})
        async with opened(place, agent) as runner:
            first = await runner.start(agent, Job(calls=("pay",), cents=1000))
            assert isinstance(await first.result(), Waiting)
            assert sorted((await holdings(runner, first)).values()) == [1000]
            (asked,) = (await runner.state(first.name)).questions.values()
            await runner.settle(first.name, asked.asked.call, verdict, by="rita")
            await first.result()
            assert sum((await holdings(runner, first)).values()) == left

    story(work)


def test_what_would_pass_the_amount_goes_before_people_if_the_contract_says_so_and_may_pass(place):
    async def work():
        yard = Yard()
        agent = porter(yard, pay={"across": DAILY | {"else": "review", "by": "finance"}})
        async with opened(place, agent) as runner:
            first, second = [await runner.start(agent, Job(calls=("pay",), cents=900)) for _ in range(2)]
            both = {type(await run.result()).__name__: run for run in (first, second)}
            waiting = both["Waiting"]
            (question,) = (await runner.state(waiting.name)).questions
            await runner.answer(waiting.name, question, "approve", by="rita", roles=["finance"])
            assert await ends(runner, waiting) < PROMPT
            assert set((await holdings(runner, first, second)).values()) == {1800}

    story(work)
