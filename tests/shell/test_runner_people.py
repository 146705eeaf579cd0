"""The runner and people: conversations, reviews, doubts, limits, and runs that are cancelled."""

from __future__ import annotations

import pytest

from holdfast import Agent, Cancelled, Done, Runner, Waiting, ask, call, say, tool
from holdfast.errors import InputError, NotAllowed
from holdfast.events import CallReturnedLate, Inline, RunClosed, RunOpened
from holdfast.journal.memory import MemoryJournal
from holdfast.tool import Unknown
from tests.shell.bench import (
    LOOK,
    OK,
    PAY,
    REVIEWED,
    Bank,
    Clock,
    Request,
    clerk,
    opened,
    story,
)

# ------------------------------------------------------------------------------------------------------ conversation


def test_a_conversation_goes_on_with_each_word_and_ends_when_the_requester_says_so():
    async def work():
        agent = Agent(
            name="talk", task="Talk.", takes=str, gives=None, tools=[], models=["script:x"], conversation=True
        )
        async with opened(MemoryJournal(), say("Which order?"), say("It is on its way.")) as runner:
            run = await runner.start(agent, "Where is it?", by="ann")
            assert isinstance(await run.result(), Waiting)
            assert (await run.result()).on == "requester"
            await run.say("A-1")
            assert (await run.result()).on == "requester"
            state = await run.state()
            assert [segment.text for segment in state.transcript] == ["Where is it?", "Which order?", "A-1"]
            await run.say("thanks", ends=True)
            assert await run.result() == Done(None, run.name, "0.00")
            with pytest.raises(NotAllowed, match="the run is closed"):
                await run.say("one more thing")

    story(work)


def test_a_question_to_the_requester_is_answered_by_what_they_say():
    async def work():
        async with opened(MemoryJournal(), ask("Which?"), OK) as runner:
            run = await runner.start(clerk(Bank()), Request())
            assert (await run.result()).on == "requester"
            await run.say("A-2")
            assert isinstance(await run.result(), Done)

    story(work)


# ------------------------------------------------------------------------------------------------------------ people


def test_a_reviewer_approves_denies_or_amends_by_name_and_in_time():
    async def work():
        bank, clock = Bank(), Clock()
        async with opened(MemoryJournal(clock=clock), PAY, OK) as runner:
            agent = clerk(bank, terms=REVIEWED)

            async def held():
                run = await runner.start(agent, Request(), by="ann")
                waiting = await run.result()
                assert (waiting.on, waiting.until) == ("finance", clock.us + 3_600_000_000)
                (seq,) = (await run.state()).questions
                return run, seq

            run, seq = await held()
            for by, roles, said in (
                ("ann", None, "cannot decide"),
                ("", None, "nobody is named"),
                ("rita", ["legal"], "this is for finance"),
            ):
                with pytest.raises(NotAllowed, match=said):
                    await runner.answer(run.name, seq, "approve", by=by, roles=roles)
            await runner.answer(run.name, seq, "approve", by="rita", roles=["finance"])
            assert isinstance(await run.result(), Done)
            with pytest.raises(NotAllowed, match="not open"):
                await runner.answer(run.name, seq, "approve", by="raul")
            run, seq = await held()
            await runner.amend(run.name, seq, {"order": "A-9"}, by="rita")
            assert isinstance(await run.result(), Done)
            run, seq = await held()
            await runner.answer(run.name, seq, "deny", by="rita", text="no")
            assert isinstance(await run.result(), Done)
            run, seq = await held()
            clock.pass_time(3600)
            with pytest.raises(NotAllowed, match="expired"):
                await runner.answer(run.name, seq, "approve", by="rita")
            assert isinstance(await run.result(), Done)
        assert [order for _, order in bank.paid] == ["A-1", "A-9"]

    story(work)


def test_a_doubt_is_settled_with_a_result_that_the_tool_could_have_given():
    @tool.write(timeout=5)
    async def send(x: str) -> dict[str, int]:
        """Send something, and say how often it was sent."""
        raise Unknown("the line went dead")

    async def work():
        async with opened(MemoryJournal(), call("send", x="1"), OK) as runner:
            run = await runner.start(clerk(Bank(), send), Request(), by="ann")
            assert (await run.result()).on == "person"
            (seq,) = [call.seq for call in (await run.state()).calls.values()]
            with pytest.raises(InputError, match="send could not have returned that"):
                await runner.settle(run.name, seq, "happened", by="rita", result={"id": "x"})
            await runner.settle(run.name, seq, "happened", by="rita", result={"id": 7})
            assert isinstance(await run.result(), Done)

    story(work)


def test_what_contradicts_a_ruling_in_a_closed_run_is_said_in_the_same_append():
    """SEMANTICS rule 23: whoever records it may die right after, and nobody drives a closed run again."""

    @tool.write(timeout=5)
    async def send(x: str) -> dict[str, int]:
        """Send something, and say how often it was sent."""
        raise Unknown("the line went dead")

    async def work():
        journal = MemoryJournal()
        async with opened(journal, call("send", x="1"), OK) as runner:
            run = await runner.start(clerk(Bank(), send), Request(), by="ann")
            assert (await run.result()).on == "person"
            (seq,) = [call.seq for call in (await run.state()).calls.values()]
            await runner.cancel(run.name, by="rita")
            assert isinstance(await run.result(), Cancelled)
        async with Runner.open(journal) as console:
            await console.settle(run.name, seq, "did_not", by="rita")
            late = CallReturnedLate(seq, 1, Inline({"id": 7}))
            state = await console.put(run.name, lambda state: late, actor="w_1")
            *_, told, found = await console.entries(run.name)
        assert (told.event, found.event.seqs, found.cause) == (late, (told.seq,), told.seq)
        assert state.unresolved == (seq,)

    story(work)


def test_a_limit_is_raised_by_a_person_and_a_pause_is_lifted_by_one():
    async def work():
        bank = Bank()
        async with opened(MemoryJournal(), LOOK, OK) as runner:
            run = await runner.start(clerk(bank, limits={"steps": 1}), Request(), by="ann")
            assert (await run.result()).on == "person"
            await runner.pause(run.name, by="rita", why="lunch")
            await runner.pause(run.name, by="rita")
            await runner.grant(run.name, "steps", 1, by="rita")
            assert (await run.result()).on == "person"
            await runner.resume(run.name, by="rita")
            assert isinstance(await run.result(), Done)
            kinds = [type(entry.event).__name__ for entry in await run.entries()]
            assert kinds.count("Paused") == kinds.count("Resumed") == 1

    story(work)


def test_a_cancelled_run_awaits_what_is_being_written_and_is_cancelled_once():
    async def work():
        bank = Bank()
        bank.open.clear()
        async with opened(MemoryJournal(), PAY, OK) as runner:
            run = await runner.start(clerk(bank), Request())
            await bank.inside.wait()
            await run.cancel("rita", "wrong desk")
            await run.cancel("raul", "me too")
            bank.open.set()
            end = await run.result()
            assert (type(end), end.why, end.unresolved) == (Cancelled, "rita cancelled it: wrong desk", ())
            await run.cancel("rita")
            assert len(bank.paid) == 1

    story(work)


def test_cancelling_what_was_never_opened_creates_it_closed():
    """SEMANTICS rule 37: whoever wins the first entry after that finds it taken."""

    async def work():
        async with opened(MemoryJournal(), OK) as runner:
            agent = clerk(Bank())
            await runner.cancel_unopened("r_child", agent, by="rita", because="the parent ended")
            entries = await runner.entries("r_child")
            assert [type(entry.event) for entry in entries] == [RunOpened, RunClosed]
            assert isinstance(await runner.run("r_child", agent).result(), Cancelled)
            await runner.cancel_unopened("r_child", agent, by="rita")
            assert len(await runner.entries("r_child")) == 2
            run = await runner.start(clerk(Bank(), name="slow"), Request())
            await run.result()

    story(work)
