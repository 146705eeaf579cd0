"""Runs among runs, and versions among versions. Histories 16, 18, 19."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from holdfast import Cancelled, Done, Runner, call, tool
from holdfast.codec import GENESIS, canonical, chain, check_chain, decode, encode
from holdfast.core.fold import fold_all
from holdfast.core.fork import fork, own
from holdfast.core.pending import outlook
from holdfast.errors import HoldfastError
from holdfast.events import CallStarted, Entry, Line, Parent, RunOpened, Unknown
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Append, Committed
from holdfast.shell import bodies
from holdfast.shell.book import row_of
from holdfast.shell.worker import Worker
from holdfast.tool import Call
from tests.histories.scene import Held, events, kinds, story, told
from tests.shell.bench import OK, PAY, Answer, Bank, Clock, Request, clerk, opened

# ----------------------------------------------------------------------------------------------------------- history 16


async def open_child(runner: Runner, agent: Any, child: str, parent: Parent) -> None:
    """Open a run under the name that follows from the call it answers, as child runs are opened."""
    runner.know(agent)
    made = runner._opened(agent, Request().model_dump(), key="", by="svc:parent", mode="live")
    await runner._open(child, msgspec.structs.replace(made, parent=parent), b"c" * 32)


@pytest.mark.parametrize("first", ["the cancellation", "the opening"])
def test_16_parent_cancelled_between_winning_and_opening_a_child(first: str):
    """The parent's #6 CallStarted is won: its tool will open a child run, whose name follows from the parent and the call.
    Before it does, the parent is cancelled; the child is not there yet, so whoever cancels creates it: opened and closed in
    one append. The tool goes on, and its opening finds the first entry taken. No orphan runs about with money, and both are
    closed as cancelled. Where the opening was faster, the same cancellation finds a run and cancels it as any other.

    Rules 19, 35, 37.
    """

    async def work() -> None:
        journal, bank, reached, cont = MemoryJournal(), Bank(), asyncio.Event(), asyncio.Event()
        bank.open.clear()
        worker = clerk(bank, name="worker")
        under_way: list[Any] = []
        model = Held(PAY, OK)

        @tool.write(timeout=60)
        async def delegate(order: str, *, here: Call) -> dict[str, str]:
            """Have somebody else pay."""
            child = f"{here.run}.{here.seq}"
            if first == "the opening":
                await open_child(children, worker, child, Parent(here.run, here.seq))
                under_way.append(asyncio.ensure_future(children.drive(child)))
                await bank.inside.wait()
            reached.set()
            await cont.wait()
            if first == "the cancellation":
                await open_child(children, worker, child, Parent(here.run, here.seq))
            return {"child": child}

        parent_agent = clerk(Bank(), delegate, name="parent")
        turns = (call("delegate", order="A-1"), OK)
        async with Runner.open(journal, model=model) as children, opened(journal, *turns) as runner:
            parent = await runner.start(parent_agent, Request(), by="ann")
            await reached.wait()
            child = f"{parent.name}.4"
            await parent.cancel("rita", "wrong desk")
            await children.cancel_unopened(child, worker, by="rita", because="the parent was cancelled")
            cont.set()
            bank.open.set()
            assert isinstance(await children.run(child, worker).result(), Cancelled)
            named = await kinds(children, child)
            if first == "the cancellation":
                end = await parent.result()
                assert (type(end), len(end.unresolved)) == (Cancelled, 1)
                assert named == ["RunOpened", "RunClosed"]
                assert (model.asked, bank.paid) == (0, [])
                with pytest.raises(HoldfastError, match="a new run had a head already"):
                    await open_child(children, worker, child, Parent(parent.name, 4))
            else:
                assert isinstance(await parent.result(), Cancelled)
                assert named[-1] == "RunClosed"
                assert named.count("CallStarted") == len(bank.paid) == 1, "what was being paid was awaited"

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 18


async def begin(journal: Any, entries: Any, after: str) -> str:
    """Append what a fork begins with, all of it at once; its name."""
    run, prev, lines, loaded = entries[0].run, GENESIS, [], []
    for entry in entries:
        data = encode(entry)
        lines.append((data, chain(prev, data)))
        loaded.append(await bodies.load(decode(data, prev, lines[-1][1]), journal.blob))
        prev = lines[-1][1]
    state = fold_all(loaded)
    batch = Append(run=run, expected=0, lines=tuple(lines), row=row_of(state, outlook(state)), durable=True)
    assert isinstance(await journal.append(batch), Committed), f"{run} could not be forked from {after}"
    return str(run)


def pay_again(request: Any) -> Any:
    """In the fork the model is told that nobody knows whether it was paid, and wants to pay."""
    unknown = "what became of it is unknown" in request.segments[-1].text
    return PAY if unknown else OK


async def original_and_fork(bank: Bank, journal: Any, runner: Runner, agent: Any, **options: Any) -> tuple[Any, Any]:
    """A run whose payment is on its way, and a fork of it made at that moment."""
    bank.open.clear()
    original = await runner.start(agent, Request(), key="mail:7", by="ann")
    await bank.inside.wait()
    entries = await original.entries()
    assert isinstance(entries[-1].event, CallStarted)
    begun = fork(entries, f"{original.name}f", by="fay", at=journal.now(), **options)
    return original, runner.run(await begin(journal, begun, original.name), agent)


def test_18_fork_between_start_and_answer():
    """#6 CallStarted of a payment, under a key; the bank has not answered. The run is forked here. The fork begins with #1
    to #6, then says whose fork it is, and closes the call: unknown, and not performed here. It has no key of the other run's
    and no request key. Its model wants to pay again: that is recorded and not carried out. Meanwhile the bank answers the
    other run, which is done: one payment, one receipt, and the fork never hears of it. What the fork cost is what it spent
    itself.

    Rules 17, 36, and 20: the request key stays with the run that has it.
    """

    async def work() -> None:
        bank, clock = Bank(), Clock()
        journal, model = MemoryJournal(clock=clock), Held(PAY, pay_again, OK)
        agent = clerk(bank)
        async with Runner.open(journal, model=model) as runner:
            original, forked = await original_and_fork(bank, journal, runner, agent)
            bank.inside.clear()
            assert await forked.result() == Done(Answer(status="ok"), forked.name, "0.00")
            assert not bank.inside.is_set(), "nothing was even asked of the bank"
            bank.open.set()
            assert isinstance(await original.result(), Done)
            assert len(bank.paid) == 1

            named = await kinds(runner, forked.name)
            assert named[5:10] == ["CallStarted", "Resumed", "CallFailed", "CallJudged", "ModelAsked"]
            assert "simulated: this was recorded and not carried out" in (await told(runner, forked.name))[-1]
            keys = [{one.key for one in await events(runner, run.name, CallStarted)} for run in (original, forked)]
            assert not keys[0] & keys[1]
            opening: RunOpened = (await events(runner, forked.name, RunOpened))[0]
            assert (opening.forked_from, opening.key) == (Parent(original.name, 6), "")
            again = await runner.start(agent, Request(), key="mail:7", by="ann")
            assert again.name == original.name
            state = await forked.state()
            assert (own(state).steps, state.spent.steps, state.inherited.steps) == (2, 3, 1)
        for run in (original.name, forked.name):
            check_chain(run, await journal.read(run))

    story(work)


def test_18_a_fork_carries_out_the_writes_of_tools_that_it_names():
    """The same fork, made with `live: [pay]`: its payment is made, under a key of its own, beside that of the other run."""

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank)
        async with opened(journal, PAY, pay_again, OK) as runner:
            original, forked = await original_and_fork(bank, journal, runner, agent, live=["pay"])
            bank.open.set()
            assert isinstance(await forked.result(), Done)
            assert isinstance(await original.result(), Done)
        assert len({key for key, _ in bank.paid}) == 2

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 19


async def dreamt(journal: Any, run: str, event: bytes = b'{"kind":"Dreamt","of":"sheep"}') -> None:
    """A newer holdfast appends an entry of a kind that this one does not know."""
    lines = await journal.read(run)
    last = decode(*lines[-1][:1])
    made = Line(1, run, last.seq + 1, last.at, 0, "w_newer", msgspec.Raw(event))
    data = canonical(made)
    row = msgspec.structs.replace(await journal.row(run), seq=last.seq + 1, due=0, waits_for="dream")
    batch = Append(run=run, expected=last.seq, lines=((data, chain(lines[-1][1], data)),), row=row, durable=True)
    assert isinstance(await journal.append(batch), Committed)


async def parked_run(journal: Any, bank: Bank) -> tuple[Any, str]:
    """A run that waits for a person, with nobody driving it."""
    agent = clerk(bank, terms={"pay": {"review": [{"because": "people decide"}]}})
    async with opened(journal, PAY, OK) as runner:
        run = await runner.start(agent, Request(), by="ann")
        assert (await run.result()).on == "person"
    return agent, run.name


def test_19_old_worker_new_event_kind():
    """#7 is an entry of a kind that was made up after this holdfast. The run is due, and this worker takes it up: it can be
    shown, up to and with #7, and its chain checked. Nothing is decided, nothing is appended, and the row in the index stays
    the one that the newer worker wrote.

    Rules 8, 14.
    """

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        agent, name = await parked_run(journal, bank)
        await dreamt(journal, name)
        before, row = await journal.read(name), await journal.row(name)
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            await Worker(runner).work(until_idle=True)
            await runner.drive(name)
            shown = await runner.entries(name)
            assert isinstance(shown[-1].event, Unknown)
            assert (shown[-1].event.kind, (await runner.state(name)).strange) == ("Dreamt", "Dreamt")
            assert (await journal.read(name), await journal.row(name)) == (before, row)
        assert bank.paid == []

    story(work)


def test_19_a_run_of_a_newer_fold_is_not_driven_either():
    """#1 RunOpened says that entries mean something newer than this holdfast knows (`fold: 99`). Rule 14."""

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank)
        async with opened(journal, PAY, OK, agents=[agent]) as runner:
            made = runner._opened(agent, Request().model_dump(), key="", by="ann", mode="live")
            newer = msgspec.structs.replace(made, versions={**made.versions, "fold": "99"})
            await begin(journal, [Entry("r_newer", 1, journal.now(), 0, "ann", newer)], "nothing")
            await Worker(runner).work(until_idle=True)
            assert await kinds(runner, "r_newer") == ["RunOpened"]
        assert bank.paid == []

    story(work)


def test_19_what_a_person_says_to_such_a_run_is_left_to_a_newer_holdfast():
    """An old console is asked to cancel it. It would have to compute the row from a state it does not understand: it says
    which holdfast can, and writes nothing. Rule 14, D8: must not drive, and must not write an index row.
    """

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        _, name = await parked_run(journal, bank)
        await dreamt(journal, name)
        before, row = await journal.read(name), await journal.row(name)
        async with opened(journal) as console:
            with pytest.raises(HoldfastError):
                await console.cancel(name, by="rita")
        assert (await journal.read(name), await journal.row(name)) == (before, row)

    story(work)
