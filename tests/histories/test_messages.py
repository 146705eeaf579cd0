"""What people say meets what the machine is about to do, and neither is lost. Histories 3, 4, 10, 17."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Declined, Done, decline, done
from holdfast.errors import NotAllowed
from holdfast.events import (
    CallJudged,
    CallReturned,
    CallStarted,
    ModelAsked,
    PersonAsked,
    QuestionWithdrawn,
    RunClosed,
    Said,
)
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Moved
from holdfast.shell.worker import Worker
from tests.histories.scene import Wire, asked, events, kinds, story, told
from tests.shell.bench import OK, PAY, REVIEWED, Bank, Request, clerk, opened

# ------------------------------------------------------------------------------------------------------------ history 3


def test_03_tool_returns_while_said_lands():
    """#6 CallStarted of a payment. The bank answers; at the very moment at which the answer is to be appended as #7, the
    requester's message gets in as #7. The append is refused. The answer is a fact: it is looked at again and stands as #8.
    Nobody is in doubt about a payment whose receipt was in our hands, and the model reads both.

    Rules 5, 16.
    """

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        wire = Wire(journal)
        async with opened(wire, PAY, OK) as runner, opened(journal) as console:
            run = await runner.start(clerk(bank), Request(), by="ann")
            wire.before(CallReturned, lambda: console.say(run.name, "hurry, please", by="ann"))
            assert isinstance(await run.result(), Done)
            named = await kinds(runner, run.name)
            at = named.index("Said")
            assert named[at - 1 : at + 2] == ["CallStarted", "Said", "CallReturned"]
            assert [answer for answer in wire.answers if isinstance(answer, Moved)] == [Moved(at + 1)]
            assert not {"CallFailed", "DoubtRaised", "CallReturnedLate"} & set(named)
            assert (await told(runner, run.name))[-2:] == ['{"id":"p_A-1"}', "hurry, please"]
        assert len(bank.paid) == 1

    story(work)


# ------------------------------------------------------------------------------------------------------------ history 4


def test_04_close_against_said():
    """#2 ModelAsked. The model is done: its answer and, decided upon it, RunClosed are about to be appended as #3 to #6. The
    requester's "wait" gets in as #3. The answer is a fact and stands as #4. RunClosed was a decision: it is thrown away, not
    tried again. The model is asked once more, hears the message, and the run closes with what it says then.

    Rules 5, 29.
    """

    def answer(request: Any) -> Any:
        return done(status="waited" if request.segments[-1].text == "wait" else "too soon")

    async def work() -> None:
        journal = MemoryJournal()
        wire = Wire(journal)
        async with opened(wire, OK, answer) as runner, opened(journal) as console:
            run = await runner.start(clerk(Bank()), Request(), by="ann")
            wire.before(RunClosed, lambda: console.say(run.name, "wait", by="ann"))
            end = await run.result()
            assert end.output.status == "waited"
            entries = await run.entries()
            (said,) = [entry.seq for entry in entries if isinstance(entry.event, Said)]
            (closed,) = [entry.seq for entry in entries if isinstance(entry.event, RunClosed)]
            heard = [
                entry.seq for entry in entries if isinstance(entry.event, ModelAsked) and entry.event.heard == said
            ]
            assert said == 3 < heard[0] < closed
            with pytest.raises(NotAllowed, match="the run is closed"):
                await console.say(run.name, "one more thing", by="ann")

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 10


def leave_it(request: Any) -> Any:
    """The model reads the message, if it was shown it."""
    heard = any(segment.text == "leave it" for segment in request.segments)
    return decline("the parcel was found") if heard else OK


def test_10_said_between_proposal_and_approval():
    """#4 a payment is proposed and #6 put before finance. #7 the requester says "leave it". Rita's page was rendered before
    #7; she approves. No worker is up, so nothing has withdrawn the question yet: she is told why it does
    not count. When a worker comes, the proposal is answered "overtaken", the model reads the message and lets it be.

    Rules 29, 32.
    """

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank, terms=REVIEWED)
        async with opened(journal, PAY, leave_it) as runner:
            run = await runner.start(agent, Request(), by="ann")
            assert (await run.result()).on == "finance"
        async with opened(journal) as console:
            page = await asked(console, run.name, "review")
            await console.say(run.name, "leave it", by="ann")
            with pytest.raises(NotAllowed, match="the requester has written since this was shown"):
                await console.answer(run.name, page, "approve", by="rita")
        async with opened(journal, PAY, leave_it, agents=[agent]) as runner:
            assert isinstance(await runner.run(run.name, agent).result(), Declined)
            assert [event.why for event in await events(runner, run.name, QuestionWithdrawn)] == ["overtaken"]
            assert (await events(runner, run.name, CallJudged))[1].rules[0].rule == "overtaken"
            with pytest.raises(NotAllowed, match="not open"):
                await runner.answer(run.name, page, "approve", by="rita")
        assert bank.paid == []

    story(work)


def test_10_said_between_approval_and_start():
    """The same, and rita was faster: #7 her approval. The start of the payment is decided and about to be appended as #10
    when the message gets in as #8. The start is thrown away, and what is decided anew is that the payment is overtaken.

    Rules 5, 27, 29.
    """

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        wire = Wire(journal)
        agent = clerk(bank, terms=REVIEWED)
        async with opened(wire, PAY, leave_it, agents=[agent]) as runner, opened(journal) as console:
            run = await runner.start(agent, Request(), by="ann")
            await run.result()
            wire.before(CallStarted, lambda: console.say(run.name, "leave it", by="ann"))
            await runner.answer(run.name, await asked(runner, run.name, "review"), "approve", by="rita")
            assert isinstance(await run.result(), Declined)
            assert await events(runner, run.name, CallStarted) == []
        assert bank.paid == []

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 17


def test_17_reviewer_appends_between_fold_and_park():
    """#6 PersonAsked is in, and the driver that wrote it is about to find that there is nothing to do and to park. Rita's
    answer gets in as #7 before it does. There is no "park" to write, so nothing can be written over her answer, and the
    driver subscribed before it read: it hears of #7 and goes on. Nobody else is there to wake it.

    Rule 8.
    """

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        wire = Wire(journal)
        agent = clerk(bank, terms=REVIEWED)
        async with opened(wire, PAY, OK) as runner, opened(journal) as console:

            async def answer() -> None:
                await console.answer(run.name, await asked(console, run.name, "review"), "approve", by="rita")

            wire.after(PersonAsked, answer)
            run = await runner.start(agent, Request(), by="ann")
            assert isinstance(await run.result(), Done)
        assert len(bank.paid) == 1

    story(work)


def test_17_a_reviewer_whom_the_parking_worker_cannot_hear_has_made_the_run_due():
    """The same between two processes of which the first hears nothing: it parks for good. But its parking wrote nothing,
    and rita's append carried the row: seq 7, due now. Whoever looks next finds it.

    Rule 8.
    """

    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        wire = Wire(journal)
        wire.deaf = True
        agent = clerk(bank, terms=REVIEWED)
        async with opened(wire, PAY, OK) as parked, opened(journal) as console:

            async def answer() -> None:
                await console.answer(run.name, await asked(console, run.name, "review"), "approve", by="rita")

            wire.after(PersonAsked, answer)
            run = await parked.start(agent, Request(), by="ann")
            assert (await run.result()).on == "finance", "it knows of nothing else"
            row, lines = await journal.row(run.name), await journal.read(run.name)
            assert (row.seq, row.due, row.status) == (len(lines), 0, "working")
            async with opened(journal, PAY, OK, agents=[agent]) as other:
                await Worker(other).work(until_idle=True)
            assert (await journal.row(run.name)).outcome == "done"
        assert len(bank.paid) == 1

    story(work)
