"""The runner: opening runs, the same request twice, what people do, and what is on the disk when anyone is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdfast import (
    Cancelled,
    Declined,
    Done,
    Escalated,
    Runner,
    Stopped,
    call,
    decline,
    done,
    run_sync,
    say,
    script,
    tool,
)
from holdfast.dialogue import Attached
from holdfast.errors import (
    Conflict,
    ContractError,
    InputError,
    JournalDamaged,
    SettingsError,
    UsageError,
)
from holdfast.events import Price, RunOpened
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.models.scripted import script_by
from holdfast.shell.opening import run_agent
from tests.shell.bench import (
    LOOK,
    OK,
    PAY,
    REVIEWED,
    START,
    Answer,
    Bank,
    Clock,
    Request,
    bytes_of,
    check,
    clerk,
    opened,
    story,
    until,
)

# --------------------------------------------------------------------------------------------------- from end to end


def test_a_run_gives_its_output_in_the_type_it_was_promised():
    async def work():
        bank, journal = Bank(), MemoryJournal(clock=Clock())
        async with opened(journal, LOOK, PAY, OK) as runner:
            run = await runner.start(clerk(bank), Request(), by="ann")
            assert await run.result() == Done(Answer(status="ok"), run.name, "0.00")
            (row,) = await runner.find(Where(agent="clerk"))
            assert (row.run, row.status, row.outcome, row.by, row.steps) == (run.name, "closed", "done", "ann", 3)
            entries = await run.entries()
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            assert {entry.at for entry in entries} == {START}
            assert [entry async for entry in run.follow()] == entries
            assert repr(run) == f"<Run {run.name}>"
        assert len(bank.paid) == bank.reads == 1
        check(journal)

    story(work)


def test_an_agent_may_be_run_in_one_line_and_not_from_within_a_loop():
    agent = clerk(Bank())
    assert run_sync(agent, Request(), journal=MemoryJournal(), model=script(OK)).output == Answer(status="ok")

    async def work():
        assert isinstance(await run_agent(agent, {"order": "A"}, journal=MemoryJournal(), model=script(OK)), Done)
        with pytest.raises(UsageError, match="running event loop") as caught:
            run_sync(agent, Request(), journal=MemoryJournal(), model=script(OK))
        assert "await" in caught.value.hint

    story(work)


@pytest.mark.parametrize(
    ("turn", "kind", "why"),
    [
        (decline("not mine"), Declined, "not mine"),
        (call("decline", reason="a house", hand_over=True), Escalated, "a house"),
    ],
)
def test_every_end_says_why(turn, kind, why):
    end = run_sync(clerk(Bank()), Request(), journal=MemoryJournal(), model=script(turn))
    assert type(end) is kind
    assert end.why == why


def test_many_runs_go_side_by_side():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        bank.open.clear()
        model = script_by(lambda text: [call("pay", order=text[-5:-2]), done(status=text[-5:-2])])
        async with Runner.open(journal, model=model) as runner:
            agent = clerk(bank)
            runs = [await runner.start(agent, Request(order=f"A{at:02}")) for at in range(30)]
            await until(lambda: len([row for row in journal._rows.values() if row.seq >= 6]) == 30)
            assert bank.paid == []
            bank.open.set()
            results = await asyncio.gather(*(run.result() for run in runs))
        assert [result.output.status for result in results] == [f"A{at:02}" for at in range(30)]
        assert sorted(order for _, order in bank.paid) == [f"A{at:02}" for at in range(30)]
        check(journal)

    story(work)


# ------------------------------------------------------------------------------------------------- the same request


def test_the_same_request_is_the_same_run():
    """SEMANTICS rule 20: the inbox may deliver twice, at once or in another process."""

    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank)
        async with opened(journal, PAY, OK) as runner:
            first, again = await asyncio.gather(*(runner.start(agent, Request(), key="mail:7") for _ in range(2)))
            assert first.name == again.name
            await first.result()
        async with opened(journal, PAY, OK) as runner:
            later = await runner.start(agent, {"order": "A-1"}, key="mail:7", by="somebody else")
            assert later.name == first.name
            assert isinstance(await later.result(), Done)
            other = await runner.start(agent, Request(), key="mail:8")
            assert other.name != first.name
            await other.result()
        assert len(bank.paid) == 2

    story(work)


def test_whoever_asks_for_the_same_request_elsewhere_gets_its_result_although_another_worker_drives_it():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank)
        bank.open.clear()
        async with opened(journal, PAY, OK) as theirs, opened(journal, PAY, OK) as ours:
            result = asyncio.ensure_future((await theirs.start(agent, Request(), key="mail:7")).result())
            await bank.inside.wait()
            same = await ours.start(agent, Request(), key="mail:7")
            waiting = asyncio.ensure_future(same.result())
            await ours.drive(same.name)  # as far as it can: the attempt is another worker's
            assert not waiting.done()
            bank.open.set()
            assert await waiting == await result
            assert isinstance(await waiting, Done)
        assert len(bank.paid) == 1

    story(work)


def test_a_request_key_with_anything_else_is_a_conflict():
    async def work():
        bank, journal = Bank(), MemoryJournal()
        agent, another = clerk(bank), clerk(bank, name="other")
        file = Attached("a.txt", "text/plain", "aGk=")
        async with opened(journal, OK) as runner:
            run = await runner.start(agent, Request(), key="mail:7")
            for wrong in (
                runner.start(agent, Request(order="A-2"), key="mail:7"), runner.start(another, Request(), key="mail:7"),
                runner.start(agent, Request(), key="mail:7", attachments=[file]),
            ):  # fmt: skip
                with pytest.raises(Conflict, match="mail:7") as caught:
                    await wrong
                assert caught.value.run == run.name
            assert len(await runner.find()) == 1

    story(work)


def test_without_a_key_every_request_is_a_run_of_its_own():
    async def work():
        async with opened(MemoryJournal(), OK) as runner:
            agent = clerk(Bank())
            names = {(await runner.start(agent, Request())).name for _ in range(3)}
            assert len(names) == 3

    story(work)


# ---------------------------------------------------------------------------------------------- what is not opened


@pytest.mark.parametrize("given", [{"order": 7}, {}, "A-1", None, {"order": "A", "more": object()}])
def test_an_input_that_does_not_fit_opens_nothing(given):
    class Strict(Request):
        order: str
        model_config = {"extra": "forbid"}

    async def work():
        journal = MemoryJournal()
        async with opened(journal, OK) as runner:
            with pytest.raises(InputError, match="does not fit what clerk takes"):
                await runner.start(clerk(Bank(), takes=Strict), given)
        assert await journal.runs() == []

    story(work)


def test_a_ceiling_on_money_needs_a_price():
    async def work():
        async with opened(MemoryJournal(), model=script(OK, price=None)) as runner:
            with pytest.raises(ContractError, match="nobody knows the price of script:x") as caught:
                await runner.start(clerk(Bank()), Request())
            assert "usd" in caught.value.hint
            free = clerk(Bank(), name="free", limits={"usd": None})
            assert isinstance(await (await runner.start(free, Request())).result(), Done)
        async with opened(
            MemoryJournal(), model=script(OK, price=None), prices={"script:x": Price(10**6, 10**6)}
        ) as runner:
            run = await runner.start(clerk(Bank()), Request())
            end = await run.result()
            assert float(end.usd) > 0
            opening = (await run.entries())[0].event
            assert opening.prices == {"script:x": Price(10**6, 10**6)}

    story(work)


def test_two_agents_of_one_name_are_one_too_many():
    async def work():
        async with opened(MemoryJournal(), OK) as runner:
            await runner.start(clerk(Bank()), Request())
            with pytest.raises(UsageError, match="two agents are called clerk"):
                await runner.start(clerk(Bank(), limits={"steps": 3}), Request())

    story(work)


def test_a_run_that_does_not_exist_is_said_not_to():
    async def work():
        async with opened(MemoryJournal(), OK) as runner:
            for act in (
                runner.state("r_0"),
                runner.say("r_0", "hello"),
                runner.cancel("r_0", by="ann"),
                runner.pause("r_0", by="ann"),
            ):
                with pytest.raises(UsageError, match="no such run"):
                    await act
            assert await runner.entries("r_0") == []

    story(work)


# --------------------------------------------------------------------------------------------- circumstances, models


def test_the_circumstances_of_a_request_are_recorded_with_it():
    async def work():
        async with opened(MemoryJournal(), OK, mode="simulate") as runner:
            agent = clerk(Bank())
            run = await runner.start(
                agent, Request(), by="svc:inbox", on_behalf_of="c:551", tenant="acme", tags={"team": "eu"}, key="k",
                attachments=[Attached("a.txt", "text/plain", "aGk=")],
            )  # fmt: skip
            made: RunOpened = (await run.entries())[0].event
            assert (made.by, made.on_behalf_of, made.tenant, made.tags, made.mode) == (
                "svc:inbox",
                "c:551",
                "acme",
                {"team": "eu"},
                "simulate",
            )
            assert made.attachments[0].value["name"] == "a.txt"
            assert made.contract.value == agent.contract.data
            assert {"holdfast", "fold", "wording", "get_order", "pay"} <= set(made.versions)
            live = await runner.start(agent, Request(), mode="supervise")
            assert (await live.state()).opened.mode == "supervise"

    story(work)


def test_models_are_given_by_name_or_one_for_all():
    async def work():
        agent = clerk(Bank(), models=["script:a", "script:b"])
        models = {"script:a": script(), "script:b": script(OK)}
        async with Runner.open(MemoryJournal(), model=models) as runner:
            run = await runner.start(agent, Request())
            assert isinstance(await run.result(), Done)
            asked = [entry.event.model for entry in await run.entries() if type(entry.event).__name__ == "ModelAsked"]
            assert asked == ["script:a", "script:b"]
        async with Runner.open(MemoryJournal()) as runner:
            with pytest.raises(SettingsError, match="script:a"):
                await runner.start(agent, Request())

    story(work)


class Shop:
    pass


def test_resources_are_opened_once_with_the_settings_given_by_type_and_closed_at_the_end():
    log: list[Any] = []

    @asynccontextmanager
    async def resources(settings):
        log.append(dict(settings))
        yield Shop(), 7
        log.append("closed")

    @tool.read()
    async def look(*, shop: Shop, count: int) -> int:
        """Look into the shop."""
        log.append(type(shop).__name__)
        return count

    async def work():
        async with opened(MemoryJournal(), call("look"), OK, resources=resources, settings={"shop": "eu"}) as runner:
            agent = clerk(Bank(), look)
            for _ in range(2):
                assert isinstance(await (await runner.start(agent, Request())).result(), Done)

    story(work)
    assert log == [{"shop": "eu"}, "Shop", "Shop", "closed"]


def test_a_runner_that_cannot_be_opened_lets_go_of_what_it_had(tmp_path):
    @asynccontextmanager
    async def resources(settings):
        raise ValueError("no shop today")
        yield

    async def work():
        where = f"sqlite:///{tmp_path}/j.db"
        with pytest.raises(ValueError, match="no shop today"):
            async with opened(where, OK, resources=resources):
                pass
        async with opened(where, OK) as runner:
            assert await runner.find() == []

    story(work)


def test_a_secret_never_reaches_the_journal():
    secret = "s3cr3t/value+1"

    @tool.read()
    async def leak(x: str) -> dict[str, str]:
        """Give what must not be given, and whatever was asked."""
        return {"token": secret, "asked": x}

    async def work():
        journal = MemoryJournal()
        turns = [[say(f"I use {secret}"), call("leak", x="1")], call("leak", x=secret), OK]
        async with opened(journal, *turns, secrets={"bank": secret}) as runner:
            run = await runner.start(clerk(Bank(), leak), Request(order=secret), tags={"token": secret}, by=secret)
            assert isinstance(await run.result(), Done)
            state = await run.state()
            assert state.input == {"order": "[redacted:bank]"}
            told = [segment.text for segment in state.transcript]
            assert '{"asked":"1","token":"[redacted:bank]"}' in told, "a live run goes on with what was written"
            assert told[-1].startswith("refused: an argument holds a redacted text")
        assert secret.encode() not in bytes_of(journal)
        assert b"[redacted:bank]" in bytes_of(journal)

    story(work)


# -------------------------------------------------------------------------------------------- promised, so on the disk


def left_after_power_loss(journal: MemoryJournal) -> MemoryJournal:
    return journal.power_loss()


def test_a_run_that_was_opened_and_a_word_that_was_taken_survive_a_loss_of_power():
    """SEMANTICS rules 1 and 2, history 2: `cancel` acknowledged, power loss, resume."""

    async def work():
        bank = Bank()
        journal = MemoryJournal(flush_after=3600)
        agent = clerk(bank, terms=REVIEWED)
        async with opened(journal, PAY, OK) as runner:
            run = await runner.start(agent, Request(), by="ann")
            assert len(await left_after_power_loss(journal).read(run.name)) >= 1
            await run.result()
            for act in (run.say("hurry"), runner.pause(run.name, by="rita"), run.cancel("rita")):
                await act
                assert await left_after_power_loss(journal).read(run.name) == await journal.read(run.name)
        left = left_after_power_loss(journal)
        async with opened(left, PAY, OK, agents=[agent]) as runner:
            assert isinstance(await runner.run(run.name, agent).result(), Cancelled)
        assert bank.paid == []

    story(work)


def test_a_run_is_shown_as_it_is_and_a_damaged_one_is_not_shown():
    async def work():
        journal = MemoryJournal()
        async with opened(journal, OK) as runner:
            run = await runner.start(clerk(Bank()), Request())
            await run.result()
            lines = journal._lines[run.name]
            lines[1] = (lines[1][0].replace(b'"step":1', b'"step":2'), lines[1][1])
            for act in (run.entries(), Runner(journal).state(run.name)):
                with pytest.raises(JournalDamaged, match="entry 2"):
                    await act

    story(work)


def test_the_entries_of_a_run_can_be_followed_as_they_come():
    async def work():
        bank = Bank()
        bank.open.clear()
        async with opened(MemoryJournal(), PAY, OK) as runner:
            run = await runner.start(clerk(bank), Request())
            seen = []
            async for entry in run.follow():
                seen.append(type(entry.event).__name__)
                if seen[-1] == "CallStarted":
                    bank.open.set()
            assert seen[0] == "RunOpened"
            assert seen[-1] == "RunClosed"
            assert len(seen) == len(await run.entries())

    story(work)


def test_a_stopped_agent_says_what_stopped_it():
    end = run_sync(clerk(Bank()), Request(), journal=MemoryJournal(), model=script(say("it is done"), say("really")))
    assert isinstance(end, Stopped)
    assert "Text without a call is not an answer" in end.why or "text without a call" in end.why
