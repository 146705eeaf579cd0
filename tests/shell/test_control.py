"""The control stream: what is stopped, which contract new runs begin under, and runs that the code at hand cannot carry."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import wraps

import pytest

from holdfast import Agent, Runner, call, done, tool
from holdfast.core.state import State
from holdfast.errors import ContractError, NotAllowed, UsageError
from holdfast.events import CallStarted, Paused, Price, Resumed
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.models.scripted import script_by
from holdfast.shell import adopting
from holdfast.shell.control import Control, uncarried
from holdfast.shell.worker import Worker


def alone(story):
    """A test that is a coroutine, in a loop of its own."""

    @wraps(story)
    def test(*args, **given):
        asyncio.run(story(*args, **given))

    return test


@alone
async def test_several_that_read_the_stream_at_once_take_each_entry_once(tmp_path):
    """A read of a journal on disk yields: the second one that is under way meets what the first has taken already."""
    journal = SqliteJournal(tmp_path / "journal.db")
    theirs, ours = Control(journal), Control(journal)
    for tool_name in ("pay", "send"):
        await theirs.stop("tool", tool_name, by="olga")
    await asyncio.gather(*(ours.refresh() for _ in range(3)))
    assert (ours.seq, sorted(ours.tools)) == (2, ["pay", "send"])
    await theirs.resume("tool", "pay", by="olga")
    await asyncio.gather(*(ours.refresh() for _ in range(3)))
    assert (ours.seq, sorted(ours.tools)) == (3, ["send"])
    await journal.close()


def bills(*, changed: str = "", cents: int = 100, text: str = "") -> tuple[Agent[str, str], list[str]]:
    """An agent that looks at a bill and pays it, over `cents` with somebody's leave; and what it paid. changed: its code."""
    paid: list[str] = []

    @tool.read(timeout=5)
    def look(bill: str) -> str:
        """What a bill says."""
        return bill

    @tool.write(timeout=5)
    def pay(bill: str, cents: int) -> str:
        """Pay one bill."""
        paid.append(bill)
        return "paid"

    @tool.write(timeout=5, name="pay")
    def pay_with_note(bill: str, cents: int, note: str = "") -> str:
        """Pay one bill."""
        paid.append(bill)
        return "paid"

    @tool.write(timeout=5, name="pay")
    def pay_invoice(invoice: str, cents: int) -> str:
        """Pay one bill."""
        paid.append(invoice)
        return "paid"

    def fine(names):
        return names["args"]["cents"] < 10_000

    def fine_still(names):
        return True

    fine_still.__name__ = "fine"
    payer = {"note": pay_with_note, "invoice": pay_invoice}.get(changed, pay)
    terms = {
        "review": [{"when": f"args.cents > {cents}", "because": "much"}],
        "must": [{"check": "fine", "because": "x"}],
    }
    tools = {look: {}} if changed == "gone" else {look: {}, payer: terms}
    agent = Agent(
        name="payer", task="Pay one bill.", takes=str, gives=str, models=["script:payer"], tools=tools,
        predicates=[fine_still if changed == "predicate" else fine], instructions=text,
    )  # fmt: skip
    return agent, paid


def _turns(text: str):
    bill, _, cents = text.rpartition(" ")[2].partition("=")
    asks = [call("ask", question="shall I?")] if "ask" in text else []
    return [*asks, call("look", bill=bill), call("pay", bill=bill, cents=int(cents)), done("done")]


model = script_by(_turns)


@asynccontextmanager
async def working(journal, agent):
    """A runner whose worker takes up what is due."""
    async with Runner.open(journal, agents=[agent], model=model) as runner:
        worker = Worker(runner, poll=0.05)
        work = asyncio.create_task(worker.work())
        try:
            yield runner
        finally:
            worker.stop()
            await work


async def until(runner: Runner, run: str, so) -> State:
    """The state of a run, once it is as it should be."""
    async with asyncio.timeout(20):
        while not so(state := await runner.state(run)):
            await asyncio.sleep(0.01)
    return state


async def parked(journal, text: str) -> str:
    """A run that waits for somebody, under the first contract."""
    async with Runner.open(journal, model=model) as runner:
        run = await runner.start(bills()[0], text, by="ana")
        await run.result()
        return run.name


async def approve(runner: Runner, run: str, by: str = "kim") -> None:
    (question,) = (await runner.state(run)).questions
    await runner.answer(run, question, "approve", by=by)


def closed(state: State) -> bool:
    return state.closed is not None


# ------------------------------------------------------------------------------------------------------------ stops


@alone
async def test_what_is_stopped_twice_stays_as_it_was_and_what_is_not_stopped_cannot_go_on():
    control = Control(MemoryJournal())
    first = await control.stop("agent", "payer", by="kim", why="look")
    assert await control.stop("agent", "payer", by="lee") == first
    with pytest.raises(UsageError, match="the tool pay is not stopped"):
        await control.resume("tool", "pay", by="kim")
    await control.resume("agent", "payer", by="lee")
    assert not control.stops


@alone
async def test_a_stopped_agent_begins_nothing_and_goes_on_with_its_worker():
    journal, (agent, paid) = MemoryJournal(), bills()
    async with working(journal, agent) as runner:
        await runner.stop("agent", "payer", by="kim", why="a look")
        run = await runner.start(agent, "b=5", by="ana")
        state = await until(runner, run.name, lambda state: state.halted)
        assert (state.halted_why, state.seq, paid) == ("kim stopped it: a look", 2, [])
        await runner.go_on("agent", "payer", by="kim")
        await until(runner, run.name, closed)
        assert paid == ["b"]


# ----------------------------------------------------------------------------------------------------- publications


@alone
async def test_new_runs_begin_under_what_was_accepted_and_the_same_key_gives_the_same_run():
    journal = MemoryJournal()
    (old, _), (new, _) = bills(), bills(cents=1)
    async with Runner.open(journal, model=model, drives=False) as runner:
        control = Control(journal)
        before = await runner.start(new, "b=5", key="one", by="ana")
        assert (await before.state()).contract_digest == new.contract.digest  # nobody accepted anything yet
        await control.publish("payer", old.contract.data, old.contract.digest, by="kim")
        assert (await runner.start(new, "b=5", key="one", by="ana")).name == before.name
        after = await runner.start(new, "b=5", key="two", by="ana")
        assert (await after.state()).contract_digest == old.contract.digest


@pytest.mark.parametrize("models", [["here:one"], ["script:other"]])
@alone
async def test_models_that_are_named_for_the_moment_answer_whatever_was_accepted(models):
    journal = MemoryJournal()
    (old, _), (new, _) = bills(), bills(cents=1)
    await Control(journal).publish("payer", old.contract.data, old.contract.digest, by="kim")
    prices = {"here:one": Price(1, 1)}
    for agent, answers in ((new, ["script:payer"]), (new.answered_by(models), models)):
        async with Runner.open(journal, model=model, prices=prices, drives=False) as runner:
            state = await (await runner.start(agent, "b=5", by="ana")).state()
            assert {**state.contract, "models": answers} == {**old.contract.data, "models": answers}
            assert state.contract["models"] == answers


@alone
async def test_a_share_takes_the_same_keys_again_and_more_of_them_as_it_grows():
    journal = MemoryJournal()
    (old, _), (new, _) = bills(), bills(cents=1)
    control = Control(journal)
    with pytest.raises(UsageError, match="no contract of payer is accepted for all"):
        await control.publish("payer", new.contract.data, new.contract.digest, by="kim", share=10)
    await control.publish("payer", old.contract.data, old.contract.digest, by="kim")
    shares = {}
    for share in (10, 40):
        await control.publish("payer", new.contract.data, new.contract.digest, by="kim", share=share)
        shares[share] = {n for n in range(2000) if control.chosen("payer", f"key {n}").digest == new.contract.digest}
    assert shares[10] < shares[40]
    assert 0.07 < len(shares[10]) / 2000 < 0.13
    assert 0.36 < len(shares[40]) / 2000 < 0.44


@pytest.mark.parametrize(
    ("changed", "why"), [("gone", "there is no tool pay"), ("predicate", "the source of the predicate")]
)
@alone
async def test_what_today_s_code_cannot_carry_is_not_begun_under_what_nobody_accepted(changed, why):
    journal = MemoryJournal()
    agent, _ = bills(changed=changed)
    accepted = bills()[0].contract
    await Control(journal).publish("payer", accepted.data, accepted.digest, by="kim")
    async with Runner.open(journal, model=model, drives=False) as runner:
        with pytest.raises(ContractError, match=why):
            await runner.start(agent, "b=5", by="ana")
        assert not [row for row in await runner.find() if row.agent == "payer"]


@alone
async def test_a_part_that_cannot_be_carried_here_begins_under_what_holds_for_all():
    journal = MemoryJournal()
    (old, _), (other, _) = bills(), bills(changed="predicate")
    control = Control(journal)
    await control.publish("payer", old.contract.data, old.contract.digest, by="kim")
    await control.publish("payer", other.contract.data, other.contract.digest, by="kim", share=99)
    async with Runner.open(journal, model=model, drives=False) as runner:
        runs = [await runner.start(old, "b=5", key=str(n), by="ana") for n in range(5)]
        assert {(await run.state()).contract_digest for run in runs} == {old.contract.digest}


# ----------------------------------------------------------------------------------------- another deployment's code


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ("gone", "there is no tool pay"),
        ("predicate", "the source of the predicate fine is another one"),
        ("invoice", "of pay does not fit what the tool takes there: invoice: Field required"),
    ],
)
@alone
async def test_a_run_that_the_code_cannot_carry_rests_with_the_reason_and_goes_on_where_it_can(changed, why):
    journal = MemoryJournal()
    run = await parked(journal, "b=500")
    other, _ = bills(changed=changed)
    async with working(journal, other) as runner:
        await approve(runner, run)
        state = await until(runner, run, lambda state: state.halted)
        assert why in state.halted_why
        assert state.halted == uncarried("payer")
        seq = state.seq
    first, paid = bills()
    async with working(journal, other), working(journal, first) as runner:  # a deployment that is not over
        state = await until(runner, run, closed)
        assert state.closed.outcome == "done"
    assert paid == ["b"]
    entries = await journal_entries(journal, run)
    events = [entry.event for entry in entries if entry.seq > seq - 1]
    assert isinstance(events[0], Paused)
    assert sum(isinstance(event, CallStarted) for event in events) == 1
    assert [event.stop for event in events if isinstance(event, Resumed)][-1] == uncarried("payer")


async def journal_entries(journal, run):
    async with Runner.open(journal) as runner:
        return await runner.entries(run)


@alone
async def test_a_call_of_a_tool_that_takes_more_now_is_shown_again_before_it_begins():
    journal = MemoryJournal()
    run = await parked(journal, "b=500")
    other, paid = bills(changed="note")
    async with working(journal, other) as runner:
        (first,) = (await runner.state(run)).questions
        await approve(runner, run)
        state = await until(runner, run, lambda state: state.questions and first not in state.questions)
        (asked,) = state.questions.values()
        assert "takes or gives something else than when this run began" in asked.asked.text
        assert not paid
        await approve(runner, run, "lee")
        await until(runner, run, closed)
        assert paid == ["b"]


# --------------------------------------------------------------------------------------------------------- adopting


@alone
async def test_a_run_between_turns_goes_on_under_the_contract_it_is_put_under():
    journal = MemoryJournal()
    run = await parked(journal, "ask b=50")
    agent, paid = bills(cents=1, changed="predicate", text="Ask first.")
    async with working(journal, agent) as runner:
        contract = adopting.contract_for(await runner.state(run), agent)
        with pytest.raises(NotAllowed, match="ana opened"):
            await adopting.adopt(runner, run, agent, contract, by="ana")
        await adopting.adopt(runner, run, agent, contract, by="kim")
        (question,) = (await runner.state(run)).questions
        await runner.answer(run, question, "answer", by="ana", text="yes")
        state = await until(runner, run, lambda state: state.questions and question not in state.questions)
        assert not paid  # 50 needs nobody under the first contract
        assert state.contract_digest == agent.contract.digest
        with pytest.raises(NotAllowed, match="it is under this contract already"):
            await adopting.adopt(runner, run, agent, contract, by="kim")
        await approve(runner, run)
        await until(runner, run, closed)
        assert paid == ["b"]


@alone
async def test_a_run_in_which_a_call_is_held_is_put_under_no_other_contract():
    journal = MemoryJournal()
    run = await parked(journal, "b=500")
    agent, _ = bills(cents=1)
    async with Runner.open(journal, agents=[agent], drives=False) as runner:
        with pytest.raises(NotAllowed, match=r"its call \d+ of pay is held for a person"):
            await adopting.adopt(runner, run, agent, agent.contract, by="kim")
        assert (await runner.state(run)).contract_digest != agent.contract.digest
