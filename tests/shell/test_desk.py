"""Separation of duties through the runner: over the tree of runs, and by whatever name somebody comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdfast import Agent, Done, Runner, call, done, script
from holdfast.errors import NotAllowed
from holdfast.events import AskedBack, PersonAnswered, QuestionClaimed, QuestionReleased
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from tests.shell.bench import OK, PAY, REVIEWED, Answer, Bank, Request, clerk, opened, story

NAMES = {"fay": ["fay", "fay@home"], "fay@home": ["fay", "fay@home"], "ann@work": ["ann@work", "ann"]}
TWO = {"pay": {"review": [{"because": "two people decide", "people": 2}], "amendable": ["order"]}}


@asynccontextmanager
async def held(terms: Any = REVIEWED, *turns: Any, **options: Any) -> AsyncIterator[tuple[Runner, Any, int, Bank]]:
    """A run with one question open: (runner, run, question, bank)."""
    bank = Bank()
    async with opened(MemoryJournal(), *(turns or (PAY, OK)), **options) as runner:
        run = await runner.start(clerk(bank, terms=terms), Request(), by="ann", on_behalf_of="c:551")
        await run.result()
        (seq,) = (await run.state()).questions
        yield runner, run, seq, bank


def acts(runner: Runner, run: str, seq: int, by: str) -> list[Any]:
    """Everything that is decided in a run, as one person would."""
    return [
        lambda: runner.answer(run, seq, "approve", by=by), lambda: runner.answer(run, seq, "deny", by=by),
        lambda: runner.amend(run, seq, {"order": "A-2"}, by=by), lambda: runner.claim(run, seq, by=by),
        lambda: runner.ask_back(run, seq, "why?", by=by), lambda: runner.grant(run, "steps", 1, by=by),
    ]  # fmt: skip


async def none_of_it(runner: Runner, run: str, seq: int, by: str) -> None:
    """Nothing of it is allowed, and nothing of it is recorded."""
    before = (await runner.state(run)).seq
    for act in acts(runner, run, seq, by):
        with pytest.raises(NotAllowed, match=r"cannot decide|cannot raise"):
            await act()
    assert (await runner.state(run)).seq == before


# ---------------------------------------------------------------------------------------------------- the run itself


@pytest.mark.parametrize("by", ["ann", "c:551", "ann@work"])
def test_who_opened_it_or_is_spoken_for_decides_nothing_by_any_name(by):
    async def work():
        async with held(identities=NAMES) as (runner, run, seq, _):
            await none_of_it(runner, run.name, seq, by)

    story(work)


def test_one_person_is_one_voice_by_whatever_name():
    async def work():
        async with held(TWO, identities=NAMES) as (runner, run, seq, bank):
            await runner.answer(run.name, seq, "approve", by="fay@home")
            with pytest.raises(NotAllowed, match="fay is or acts for fay@home, who has approved here already"):
                await runner.answer(run.name, seq, "approve", by="fay")
            await runner.answer(run.name, seq, "approve", by="rita")
            assert isinstance(await run.result(), Done)
            assert len(bank.paid) == 1

    story(work)


def test_who_amended_by_one_name_does_not_approve_by_another():
    async def work():
        async with held(TWO, identities=NAMES) as (runner, run, seq, bank):
            await runner.amend(run.name, seq, {"order": "A-7"}, by="fay")
            await run.result()
            (again,) = (await run.state()).questions
            await none_of_it(runner, run.name, again, "fay@home")
            await runner.answer(run.name, again, "approve", by="rita")
            assert isinstance(await run.result(), Done)
            assert [order for _, order in bank.paid] == ["A-7"]

    story(work)


# ------------------------------------------------------------------------------------------------- the tree of runs


@asynccontextmanager
async def below(depth: int) -> AsyncIterator[tuple[Runner, list[str], int, Bank]]:
    """A write that waits for a person in the lowest of some runs: (runner, runs from the top, question, bank)."""
    bank = Bank()
    agent: Agent[Any, Any] = clerk(bank, terms=REVIEWED, name="below", limits={"usd": None})
    turns = {"script:x": script(PAY, OK)}
    for level in range(depth):
        turns[f"script:{level}"] = script(call(agent.name, order="A-1"), done(status="ok"))
        agent = Agent(
            name=f"above-{level}", task="Have it paid.", takes=Request, gives=Answer, tools=[agent], models=[f"script:{level}"],
            limits={"usd": None},
        )  # fmt: skip
    async with Runner.open(MemoryJournal(), model=turns, identities=NAMES) as runner:
        runs = [(await runner.start(agent, Request(), by="ann", on_behalf_of="bea")).name]
        for _ in range(depth):
            await runner.drive(runs[-1])
            (row,) = await runner.find(Where(parent=runs[-1]))
            runs.append(row.run)
        await runner.drive(runs[-1])
        (seq,) = (await runner.state(runs[-1])).questions
        yield runner, runs, seq, bank


@pytest.mark.parametrize("depth", [1, 2])
def test_who_took_part_in_a_run_above_decides_nothing_below(depth):
    """SEMANTICS rule 33, hole C8."""

    async def work():
        async with below(depth) as (runner, runs, seq, bank):
            await runner.say(runs[0], "and quickly", by="otto")
            for by in ("ann", "bea", "otto", "ann@work"):
                await none_of_it(runner, runs[-1], seq, by)
            await runner.answer(runs[-1], seq, "approve", by="rita")
            await runner.drive(runs[-1])
            assert len(bank.paid) == 1

    story(work)


def test_who_speaks_above_after_a_claim_does_not_decide_with_it():
    async def work():
        async with below(1) as (runner, runs, seq, _):
            await runner.claim(runs[-1], seq, by="rita")
            await runner.say(runs[0], "pay it", by="rita")
            with pytest.raises(NotAllowed, match=f"took part|in {runs[0]}, above this run"):
                await runner.answer(runs[-1], seq, "approve", by="rita")
            await runner.release(runs[-1], seq, by="rita")
            await runner.answer(runs[-1], seq, "approve", by="raul")

    story(work)


# --------------------------------------------------------------------------------------------- claims and questions


def test_a_claim_is_recorded_once_and_holds_the_others_off_until_it_is_given_back():
    async def work():
        async with held() as (runner, run, seq, bank):
            for _ in range(2):
                await runner.claim(run.name, seq, by="rita", roles=["finance"])
            with pytest.raises(NotAllowed, match="rita is looking into"):
                await runner.answer(run.name, seq, "approve", by="raul", roles=["finance"])
            with pytest.raises(NotAllowed, match="claimed question"):
                await runner.release(run.name, seq, by="raul")
            await runner.release(run.name, seq, by="rita")
            await runner.release(run.name, seq, by="rita")
            await runner.claim(run.name, seq, by="raul", roles=["finance"])
            await runner.claim(run.name, seq, by="ruth", roles=["finance"], over=True)
            await runner.answer(run.name, seq, "approve", by="ruth", roles=["finance"])
            assert isinstance(await run.result(), Done)
            told = [(type(entry.event), entry.actor) for entry in await run.entries() if isinstance(
                entry.event, QuestionClaimed | QuestionReleased | PersonAnswered
            )]  # fmt: skip
        assert told == [
            (QuestionClaimed, "rita"), (QuestionReleased, "rita"), (QuestionClaimed, "raul"), (QuestionClaimed, "ruth"),
            (PersonAnswered, "ruth"),
        ]  # fmt: skip
        assert len(bank.paid) == 1

    story(work)


def test_an_agent_that_is_asked_back_may_propose_again():
    async def work():
        async with held(REVIEWED, PAY, PAY, OK) as (runner, run, seq, bank):
            await runner.ask_back(run.name, seq, "why?", by="rita", roles=["finance"])
            await run.result()
            assert any("rita asks before deciding: why?" in segment.text for segment in (await run.state()).transcript)
            (again,) = (await run.state()).questions
            await runner.answer(run.name, again, "approve", by="rita", roles=["finance"])
            assert isinstance(await run.result(), Done)
            (asked,) = [entry.event for entry in await run.entries() if isinstance(entry.event, AskedBack)]
        assert (asked.to, asked.by, asked.text) == ("agent", "rita", "why?")
        assert len(bank.paid) == 1

    story(work)
