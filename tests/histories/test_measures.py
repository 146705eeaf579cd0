"""Clocks that differ, runs that are long, texts that are redacted: what is decided stays the same. Histories 22, 23, 24."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from holdfast import Done, call, script, tool
from holdfast.core.essence import essence
from holdfast.events import CallFailed, CallJudged, CallReturned, LimitReached, ModelAsked
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.sqlite import SqliteJournal
from tests.histories.scene import Wire, events, kinds, senses, story
from tests.shell.bench import LOOK, OK, PAY, Bank, Clock, Request, bytes_of, clerk, opened, until

# ----------------------------------------------------------------------------------------------------------- history 22


def test_22_wall_clock_five_minutes_ahead_on_one_worker():
    """W1's #6 CallStarted of a payment holds for 60 s by the journal's clock. W2's own clocks are 5 minutes ahead. It takes
    up the run, and W1's lease has not ended: W2 writes nothing. It drives a run of its own, whose contract gives it 4 minutes
    in all and 1 minute of work: no limit trips, and what the tools took is measured by differences of one clock. When the
    journal's clock says that 60 s have passed, and only then, W2 takes over.

    Rules 9, 10, 11, 12.
    """

    async def work() -> None:
        bank, quick, clock = Bank(), Bank(), Clock()
        journal = MemoryJournal(clock=clock)
        stopped = Wire(journal)
        bank.open.clear()
        agent = clerk(bank)
        hasty = clerk(quick, name="hasty", limits={"wall": "4m", "work": "1m"})
        first = senses(clock).open(stopped, model=script(PAY, OK))
        second = senses(clock, ahead=300).open(journal, model=script(PAY, OK), agents=[agent])
        async with first as w1, second as w2:
            run = await w1.start(agent, Request())
            await bank.inside.wait()
            stopped.deaf = True
            before = await journal.read(run.name)
            for _ in range(2):
                stands = await w2.drive(run.name)
                assert (stands.status, stands.due) == ("working", clock.us + 60_000_000)
                assert await journal.read(run.name) == before
                assert bank.paid == []

            own = await w2.start(hasty, Request())
            assert isinstance(await own.result(), Done)
            assert await events(w2, own.name, LimitReached) == []
            assert [one.took for one in await events(w2, own.name, CallReturned)] == [0]
            assert len({entry.at for entry in await own.entries()}) == 1

            clock.pass_time(59)
            await w2.drive(run.name)
            assert await journal.read(run.name) == before
            clock.pass_time(1)
            taking_over = asyncio.ensure_future(w2.drive(run.name))
            await until(lambda: any(b'"lost"' in data for data, _ in journal._lines[run.name]))
            bank.open.set()
            await taking_over
            assert [one.error for one in await events(w2, run.name, CallFailed)] == ["lost"]
            stopped.deaf = False
        assert len(bank.paid) == 1

    story(work)


def test_22_the_clock_of_the_machine_is_put_five_minutes_ahead_under_a_journal_in_a_file(tmp_path: Path):
    """All processes of one machine have one clock, which is the journal's; it can be put ahead while an attempt is under way.
    #n CallStarted by W1; the clock is put ahead; W2 finds the lease over: CallFailed lost, not proven ended. That costs an
    attempt under the same key, or a question; it never costs an effect. Rules 9, 21, 22.
    """

    async def work() -> None:
        bank, clock = Bank(), Clock()
        bank.open.clear()
        agent = clerk(bank)
        one = SqliteJournal(tmp_path / "journal.db", clock=clock)
        other = SqliteJournal(tmp_path / "journal.db", clock=lambda: clock.us + 300_000_000)
        async with opened(one, PAY, OK) as w1, opened(other, PAY, OK, agents=[agent]) as w2:
            run = await w1.start(agent, Request())
            await bank.inside.wait()
            begun = len(await one.read(run.name))
            driving = asyncio.ensure_future(w2.drive(run.name))
            while not driving.done() and len(await one.read(run.name)) == begun:
                await asyncio.sleep(0)
            bank.open.set()
            await driving
            assert isinstance(await run.result(), Done)
            lost = await events(w1, run.name, CallFailed)
        await one.close()
        await other.close()
        assert len(bank.paid) == 1
        assert [event.ended for event in lost] == [False] * len(lost), "W1 lives: its attempt is not over"

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 23

STEPS = 1_000


def test_23_bytes_per_step_of_a_run_of_a_thousand_steps():
    """A thousand times the same two things: #n ModelAsked … #n+5 CallReturned. A request names the request before it and what
    is new since, never the whole prompt, which is a hundred times longer at step 1,000 than at step 10. So a step weighs at
    step 1,000 what it weighed at step 10, but for the digits of its numbers; and less than 3,000 bytes.

    Rule 30 in bytes: A6, the manifest is a delta.
    """

    @tool.read(name="look", timeout=5)
    async def look(number: int) -> dict[str, str]:
        """Look at something."""
        return {"seen": f"thing {number:04}"}

    async def work() -> list[int]:
        journal = MemoryJournal()
        turns = [call("look", number=1_000 + number) for number in range(STEPS - 1)]
        agent = clerk(Bank(), look, limits={"steps": STEPS, "context": 10_000_000, "wall": "1d", "work": "1h"})
        async with opened(journal, *turns, OK) as runner:
            run = await runner.start(agent, Request())
            assert isinstance(await run.result(), Done)
            weights: list[int] = []
            entries, lines = await run.entries(), await journal.read(run.name)
            for entry, (data, digest) in zip(entries, lines, strict=True):
                if isinstance(entry.event, ModelAsked):
                    weights.append(0)
                    assert len(entry.event.add) <= 2
                if weights:
                    weights[-1] += len(data) + len(digest)
        assert len(weights) == STEPS
        return weights

    weights = story(work)
    at_ten, at_a_thousand = sum(weights[5:15]) / 10, sum(weights[-11:-1]) / 10
    assert at_a_thousand < 3_000
    assert at_a_thousand - at_ten < 60, f"{at_ten} bytes a step at step 10, {at_a_thousand} at step {STEPS}"


# ----------------------------------------------------------------------------------------------------------- history 24

TOKEN = "s3cr3t-1"
SHORT = {
    "needs": {"get_token": {"order": "args.order"}},
    "must": [{"that": "size(seen.get_token.token) == 8", "because": "a token has eight characters"}],
}


@tool.read(name="get_token", timeout=5)
async def get_token(order: str) -> dict[str, str]:
    """The token of one order, which is a secret."""
    return {"token": TOKEN}


def test_24_redactor_changes_a_result_live_run_and_resumed_run_decide_alike():
    """#7 CallReturned holds a token of eight characters, which is registered as a secret: "[redacted:bank]" is written. The
    contract lets a payment through whose token has eight characters. The process that read the token still has it in its
    hands; whoever resumes the run has not. The live run goes on with what was written, and refuses the payment; so does the
    run resumed from after every single append, and the journals are the same. (Nothing registered: the payment is made.)

    Rules 13, 31, 40.
    """

    async def play(journal: Any, bank: Bank, name: str = "", **options: Any) -> Any:
        agent = clerk(bank, get_token, terms={"pay": SHORT})
        turns = (call("get_token", order="A-1"), LOOK, PAY, OK)
        async with opened(journal, *turns, agents=[agent], **options) as runner:
            run = runner.run(name, agent) if name else await runner.start(agent, Request())
            assert isinstance(await run.result(), Done)
            judged = [one.verdict for one in await events(runner, run.name, CallJudged)]
            return run.name, judged, essence(await run.entries()), await kinds(runner, run.name)

    async def work() -> None:
        bank, wire = Bank(), Wire(MemoryJournal())
        name, judged, live, named = await play(wire, bank, secrets={"bank": TOKEN})
        assert judged == ["allow", "allow", "refuse", "allow"]
        assert bank.paid == []
        assert TOKEN.encode() not in bytes_of(wire._journal)
        assert len(wire.appended) > 6
        for count in range(1, len(wire.appended)):
            left, world = MemoryJournal(), Bank()
            for batch in wire.appended[:count]:
                await left.append(batch)
            _, _, resumed, _ = await play(left, world, name, secrets={"bank": TOKEN})
            assert resumed == live, f"resumed after {named[: wire.appended[count - 1].row.seq]}"
            assert world.paid == []

        bank = Bank()
        _, judged, _, _ = await play(MemoryJournal(), bank)
        assert (judged, len(bank.paid)) == (["allow"] * 4, 1)

    story(work)
