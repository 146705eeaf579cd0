"""Forks through the shell: whatever a run has been through, a fork of it does nothing in the world that nobody named."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from holdfast import Agent, Done, Runner, Waiting, call, script, tool
from holdfast.codec import check_chain
from holdfast.core.fold import fold_all
from holdfast.core.fork import begun, own
from holdfast.core.pending import outlook
from holdfast.errors import Conflict, ContractError, InputError, NotAllowed, UsageError
from holdfast.events import (
    CallReturned,
    CallStarted,
    ContractAdopted,
    DoubtRaised,
    Entry,
    ModelAnswered,
    ModelAsked,
    Noted,
    Parent,
    PersonAsked,
    Price,
)
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.journal.sqlite import SqliteJournal
from holdfast.shell.book import row_of
from holdfast.shell.worker import Worker
from holdfast.tool import Absent, Found, Unknown
from holdfast.views.replay import Replay
from tests.shell.bench import (
    LOOK,
    OK,
    PAY,
    REVIEWED,
    Answer,
    Bank,
    Request,
    bytes_of,
    check,
    clerk,
    opened,
    story,
)

SEND, WIRE = call("send", order="A-1"), call("wire", order="A-1")
ALL = [PAY, SEND, WIRE]


class World(Bank):
    """A bank, and two more systems: one that can be looked at, and one that can not."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.wired: list[str] = []
        self.looks = 0

    @property
    def done(self) -> tuple[int, ...]:
        """How much was done, and looked for, in each."""
        return len(self.paid), len(self.sent), len(self.wired), self.looks

    def agent(self, **given: Any) -> Agent[Request, Answer]:
        async def find(order: str) -> Found[dict[str, str]] | Absent:
            self.looks += 1
            return Found(self.sent[-1], {"id": self.sent[-1]}) if self.sent else Absent()

        @tool.write(timeout=60, lookup=find, effect_id="id")
        async def send(order: str) -> dict[str, str]:
            """Send one order."""
            self.sent.append(f"s{len(self.sent) + 1}_{order}")
            raise Unknown("the line went dead")

        @tool.write(timeout=60)
        async def wire(order: str) -> dict[str, str]:
            """Wire the money of one order."""
            self.wired.append(order)
            raise Unknown("the line went dead")

        return clerk(self, send, wire, **({"terms": REVIEWED} | given))


async def people(runner: Runner, run: str) -> Any:
    """Drive a run to its end; whatever it waits for, somebody says yes."""
    for _ in range(20):
        state, stands = await runner.attend(run)
        if stands.status == "closed":
            return state
        (question,) = state.questions.values()
        match question.asked.about:
            case "review":
                await runner.answer(run, question.seq, "approve", by="rita")
            case "doubt":
                await runner.settle(run, question.asked.call, "happened", by="rita")
            case other:
                pytest.fail(f"nobody expected a question about {other}")
    pytest.fail("it does not come to its end")


async def rich(journal: Any, agent: Agent[Any, Any], **start: Any) -> list[Entry]:
    """The entries of a run that has been through everything: a reading, a review, a keyed write, one that was looked up, a doubt."""
    async with opened(journal, LOOK, ALL, LOOK, OK) as runner:
        run = await runner.start(agent, Request(), **({"key": "mail:1", "by": "ann"} | start))
        assert (await people(runner, run.name)).closed.outcome == "done"
        return await runner.entries(run.name)


async def lived(**given: Any) -> tuple[MemoryJournal, World, Agent[Any, Any], list[Entry]]:
    """A journal with such a run, the world it was in, its agent, and its entries."""
    journal, world = MemoryJournal(), World()
    agent = world.agent(**given)
    return journal, world, agent, await rich(journal, agent)


def kinds(entries: Any) -> list[str]:
    return [type(entry.event).__name__ for entry in entries]


def events(entries: Any, kind: type) -> list[Any]:
    return [entry.event for entry in entries if isinstance(entry.event, kind)]


def seq_of(entries: Any, kind: type, which: int = 0) -> int:
    """The entry of a kind, the first or another one."""
    return int([entry.seq for entry in entries if isinstance(entry.event, kind)][which])


# ------------------------------------------------------------------------------------------------- at every entry of it


def test_a_rich_run_is_rich():
    async def work() -> None:
        world = World()
        found = await rich(MemoryJournal(), world.agent())
        assert world.done == (1, 1, 1, 1)
        assert {"CallLookedUp", "DoubtRaised", "CallSettled", "PersonAnswered", "CallReturned"} <= set(kinds(found))

    story(work)


@pytest.mark.parametrize("on_behalf_of", ["", "c:551"])
def test_a_fork_at_any_entry_does_nothing_in_the_world(on_behalf_of):
    """Its model wants everything again, and people say yes to all of it: it is recorded, and the fork comes to its end."""

    async def work() -> None:
        world, journal = World(), MemoryJournal()
        agent = world.agent()
        found = await rich(journal, agent, on_behalf_of=on_behalf_of)
        before, keys = world.done, {one.key for one in events(found, CallStarted) if one.key}
        async with opened(journal, LOOK, ALL, ALL, ALL, OK, agents=[agent]) as runner:
            for at in range(1, len(found)):
                forked = await runner.fork(found[0].run, at, by="fay")
                state = await people(runner, forked.name)
                assert state.closed.outcome in ("done", "stopped"), f"forked at {at}: {state.closed.reason}"
                entries = await forked.entries()
                assert fold_all(entries) == state
                check_chain(forked.name, await journal.read(forked.name))
                assert [one.at for one in entries] == sorted(one.at for one in entries)
                assert state.opened.forked_from == Parent(found[0].run, at)
                assert not keys & {one.key for one in events(entries, CallStarted)}
                row = await journal.row(forked.name)
                assert (row.key, row.mode, row.seq) == ("", "simulate", len(entries))
                replay = Replay([agent]).of(entries, await journal.secret(found[0].run))
                assert replay.divergence is None, f"forked at {at}: {replay.divergence}"
        assert world.done == before, "something was done, or looked for"
        assert (await journal.row(found[0].run)).seq == len(found), "nothing was said in the other run"
        check(journal)

    story(work)


def test_a_run_about_somebody_is_forked_without_a_word_of_it_in_the_chain():
    """Texts and bodies of a fork stay the blobs that they were, and go with them."""

    async def work() -> None:
        world, journal = World(), MemoryJournal()
        agent = world.agent()
        said = call("get_order", order="Mallory-7")
        async with opened(journal, said, ALL, said, OK, agents=[agent]) as runner:
            run = await runner.start(agent, Request(order="Mallory-7"), by="ann", on_behalf_of="c:551")
            (question,) = (await runner.attend(run.name))[0].questions
            entries = await run.entries()
            at = seq_of(entries, CallReturned)
            forked = await runner.fork(run.name, at, by="fay", edit={at: {"order": "Trudy-8"}})
            await people(runner, forked.name)
            lines = b"".join(data for data, _ in await journal.read(forked.name))
            assert b"Mallory" not in lines
            assert b"Trudy" not in lines
            assert b"Mallory" not in bytes_of(journal), "it is encrypted"
            assert "Mallory" in str(await run.entries())
            assert "Trudy" in str(await forked.entries())
            await runner.answer(run.name, question, "deny", by="rita")
            await people(runner, run.name)
            await runner.erase(run.name, by="dpo", basis="art. 17")
            for name in (run.name, forked.name):
                check_chain(name, await journal.read(name))
            with pytest.raises(UsageError, match="it was erased"):
                await runner.fork(run.name, at, by="fay")
            for erased in (run, forked):
                assert "Mallory" not in str(await erased.entries())
                assert "Trudy" not in str(await erased.entries())
        own = {ref: blob for ref, blob in journal._blobs.items() if not ref.startswith("contract_")}
        assert own
        assert not any(own.values())

    story(work)


# --------------------------------------------------------------------------------------------------------- what it costs


def test_a_fork_costs_what_it_spent_itself():
    async def work() -> None:
        journal, world = MemoryJournal(), World()
        dear = {"script:x": Price(input=1_000_000, output=1_000_000)}
        agent = world.agent()
        async with Runner.open(journal, model=script(LOOK, OK), prices=dear) as runner:
            run = await runner.start(agent, Request(), by="ann")
            origin = await run.result()
            entries = await run.entries()
            at = seq_of(entries, CallReturned)
            forked = await runner.fork(run.name, at, by="fay")
            end = await forked.result()
            state = await forked.state()
            first = events(entries, ModelAnswered)[0].cost
            assert first > 0
            assert state.inherited.nusd == first
            assert own(state).charged == state.spent.charged - first > 0
            rows = {row.run: row.nusd for row in await runner.find(Where())}
            assert rows[run.name] + rows[forked.name] == (await run.state()).spent.charged + own(state).charged
            assert isinstance(origin, Done)
            assert isinstance(end, Done)
            assert float(end.usd) == pytest.approx(own(state).charged / 1e9, abs=1e-4)

    story(work)


def test_what_the_other_run_spent_counts_against_the_ceiling():
    """A fork is compared with what it was forked from: it gets no longer leash."""

    async def work() -> None:
        journal, world = MemoryJournal(), World()
        agent = world.agent(limits={"steps": 2})
        async with opened(journal, LOOK, LOOK, LOOK, OK) as runner:
            run = await runner.start(agent, Request(), by="ann")
            assert isinstance(await run.result(), Waiting)
            forked = await runner.fork(run.name, seq_of(await run.entries(), CallReturned), by="fay")
            assert isinstance(await forked.result(), Waiting)
            state = await forked.state()
            assert (own(state).steps, state.limit.limit) == (1, "steps")

    story(work)


# ------------------------------------------------------------------------------------------------- what is otherwise


class Told:
    """A model that remembers under which name, and with which system text, it was asked."""

    def __init__(self, *turns: Any) -> None:
        self._inner = script(*turns)
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def answer(self, request: Any) -> Any:
        self.asked.append(request)
        return await self._inner.answer(request)


def test_a_fork_under_another_model_asks_that_model():
    """At every entry: also where the other one had been asked, or had failed."""

    async def work() -> None:
        journal, _, agent, found = await lived()
        one, two = Told(LOOK, ALL, LOOK, OK), Told(LOOK, OK, OK, OK)
        async with Runner.open(journal, model={"script:x": one, "script:y": two}, agents=[agent]) as runner:
            for at in range(1, len(found)):
                two.asked.clear()
                forked = await runner.fork(found[0].run, at, by="fay", model="script:y")
                await people(runner, forked.name)
                entries = await forked.entries()
                mine = events(entries[begun(entries) :], ModelAsked)
                assert {asked.model for asked in mine} <= {"script:y"}, f"forked at {at}"
                assert len(two.asked) == len(mine)
                assert mine or at > seq_of(found, ModelAnswered, -1) - 1, f"forked at {at}: nobody was asked"
                (adopted,) = events(entries, ContractAdopted)
                assert adopted.by == "fay"
            assert one.asked == []

    story(work)


def test_other_instructions_and_another_contract_are_in_the_fork_s_own_journal():
    async def work() -> None:
        journal, world, agent, found = await lived()
        model = Told(LOOK, ALL, OK, OK)
        at = seq_of(found, CallReturned)
        async with Runner.open(journal, model=model, agents=[agent]) as runner:
            forked = await runner.fork(found[0].run, at, by="fay", instructions="Pay nothing.")
            await people(runner, forked.name)
            assert "Pay nothing." in model.asked[-1].system
            assert (await forked.state()).contract["instructions"] == "Pay nothing."

            strict = world.agent(terms={"pay": {"must": [{"that": "false", "because": "nobody pays"}]}})
            forked = await runner.fork(found[0].run, at, by="fay", contract=strict)
            state = await people(runner, forked.name)
            assert state.contract_digest == strict.contract.digest
            assert any("nobody pays" in segment.text for segment in state.transcript)
            assert (await journal.row(forked.name)).contract == strict.contract.digest[:16]

            same = await runner.fork(found[0].run, at, by="fay", contract=agent, model="script:x")
            assert not events(await same.entries(), ContractAdopted)

    story(work)


def test_a_contract_that_the_run_cannot_go_on_under_is_refused_before_anything_is_written():
    async def work() -> None:
        journal, world, agent, found = await lived()
        run, rows = found[0].run, len(await journal.find(Where()))

        @tool.write(timeout=5)
        def burn(order: str) -> dict[str, str]:
            """Burn one order."""
            raise NotImplementedError

        wrong: list[tuple[type[Exception], str, dict[str, Any]]] = [
            (UsageError, "names the tool burn", {"contract": clerk(world, burn)}),
            (UsageError, "the contract is that of other", {"contract": clerk(world, name="other")}),
            (InputError, "does not fit what the contract takes", {"contract": world.agent(takes={"type": "string"})}),
            (UsageError, "no such tool", {"live": ["pya"]}),
            (UsageError, "get_order only reads", {"live": ["get_order"]}),
            (UsageError, "no result stands there", {"edit": {1: {}}}),
            (InputError, "get_order could not have returned that", {"edit": {seq_of(found, CallReturned): 7}}),
            (UsageError, "there is no agent at", {"contract": "nowhere"}),
        ]
        async with opened(journal, OK, agents=[agent]) as runner:
            for kind, text, given in wrong:
                with pytest.raises(kind, match=text):
                    await runner.fork(run, seq_of(found, CallReturned), by="fay", **given)
            for at, text in ((0, "no entry 0"), (999, "the entries 1 to"), (len(found), "closed there")):
                with pytest.raises(UsageError, match=text):
                    await runner.fork(run, at, by="fay")
            with pytest.raises(UsageError, match="no such run"):
                await runner.fork("r_none", 1, by="fay")
        async with Runner.open(journal, model={"script:x": script(OK), "test:m": Unpriced()}, agents=[agent]) as runner:
            with pytest.raises(ContractError, match="price of test:m"):
                await runner.fork(run, 3, by="fay", model="test:m")
        async with opened(journal, LOOK, OK) as runner:
            with pytest.raises(UsageError, match="the code of the agent clerk is not here"):
                await runner.fork(run, 3, by="fay")
            by_hand = await runner.fork(run, 3, by="fay", contract=agent)
            assert isinstance(await by_hand.result(), Done)
        assert len(await journal.find(Where())) == rows + 1

    story(work)


class Unpriced(Told):
    """A model of which nobody knows what it costs."""

    def price(self) -> None:
        return None

    def quote(self, run: str, step: int) -> None:
        return None


def test_an_edited_result_is_a_body_of_the_tree_like_any_other():
    """A long one is a blob, named by the tree's secret; secrets are taken out of it as out of anything that is written."""

    async def work() -> None:
        journal, _, agent, found = await lived()
        at = seq_of(found, CallReturned)
        long = {"order": "x" * 5000, "note": "token hunter22"}
        async with Runner.open(journal, model=script(LOOK, OK), agents=[agent], secrets={"api": "hunter22"}) as runner:
            first = await runner.fork(found[0].run, at, by="fay", edit={at: long})
            second = await runner.fork(found[0].run, at, by="fay", edit={at: long})
            assert isinstance(await first.result(), Done)
            one, two = [(await run.entries())[at - 1].event for run in (first, second)]
            assert (one.edited, one.result.value["note"]) == ("fay", "token [redacted:api]")
            assert (one.result.ref, one.digest) == (two.result.ref, two.digest)
            assert one.digest != found[at - 1].event.digest
            (noted,) = events(await first.entries(), Noted)
            assert (noted.by, noted.finding, noted.evidence) == ("fay", "edited", (at,))
            assert any("x" * 100 in segment.text for segment in (await first.state()).transcript)
            again = await runner.fork(first.name, at, by="gus")
            assert (await again.state()).edited == {at: "fay"}

    story(work)


# ------------------------------------------------------------------------------------------------------- live writes


def test_a_named_tool_writes_under_a_key_of_its_own():
    async def work() -> None:
        journal, world, agent, found = await lived(terms={})
        at = seq_of(found, CallReturned)
        async with opened(journal, LOOK, [PAY, SEND], OK, agents=[agent]) as runner:
            forked = await runner.fork(found[0].run, at, by="fay", live=["pay"])
            assert (await people(runner, forked.name)).closed.outcome == "done"
        assert (len({key for key, _ in world.paid}), world.done[1:]) == (2, (1, 1, 1))

    story(work)


@pytest.mark.parametrize("mode", ["supervise", "simulate"])
def test_in_the_fork_of_a_held_back_run_a_person_who_did_not_fork_it_is_asked(mode):
    async def work() -> None:
        journal, world = MemoryJournal(), World()
        agent = world.agent(terms={})
        async with opened(journal, LOOK, PAY, OK) as runner:
            run = await runner.start(agent, Request(), by="ann", mode=mode)
            await people(runner, run.name)
            paid = len(world.paid)
            forked = await runner.fork(run.name, seq_of(await run.entries(), CallReturned), by="fay", live=["pay"])
            assert (await forked.result()).on == "person"
            (question,) = (await forked.state()).questions
            for who in ("fay", "ann"):
                with pytest.raises(NotAllowed, match="cannot decide in it"):
                    await runner.answer(forked.name, question, "approve", by=who)
            assert len(world.paid) == paid
            await runner.answer(forked.name, question, "approve", by="rita")
            assert isinstance(await forked.result(), Done)
            assert len(world.paid) == paid + 1

    story(work)


# ------------------------------------------------------------------------------------------- keys, crashes, another's eyes


def test_a_request_key_makes_one_fork():
    async def work() -> None:
        journal, _, agent, found = await lived()
        at = seq_of(found, CallReturned)
        async with opened(journal, LOOK, OK, agents=[agent]) as runner:
            given: dict[str, Any] = {"by": "fay", "key": "try:1", "edit": {at: {"order": "B"}}}
            one = await runner.fork(found[0].run, at, **given)
            await one.result()
            assert (await runner.fork(found[0].run, at, **given)).name == one.name
            others: list[dict[str, Any]] = [
                {"edit": {}},
                {"edit": {at: {"order": "C"}}},
                {"live": ["pay"]},
                {"model": "script:y"},
            ]
            for other in others:
                with pytest.raises(Conflict, match="try:1 came before"):
                    await runner.fork(found[0].run, at, **(given | other))
            with pytest.raises(Conflict, match="mail:1 came before"):
                await runner.fork(found[0].run, at, by="fay", key="mail:1")

    story(work)


def test_a_fork_whose_maker_was_gone_before_it_was_driven_is_taken_up():
    async def work() -> None:
        journal, world, agent, found = await lived()
        async with opened(journal, OK, agents=[agent], drives=False) as maker:
            forked = await maker.fork(found[0].run, seq_of(found, DoubtRaised), by="fay")
            made = await maker.entries(forked.name)
            assert begun(made) == len(made)
            row = await journal.row(forked.name)
            assert (row.status, row.due) == ("working", 0)
            assert structs.replace(row, at=0) == structs.replace(row_of(fold_all(made), outlook(fold_all(made))), at=0)
        before = world.done
        async with opened(journal, LOOK, OK, OK, OK, agents=[agent]) as other:
            await Worker(other).work(until_idle=True)
            assert (await other.state(forked.name)).closed.outcome == "done"
        assert world.done == before

    story(work)


def test_only_what_is_on_the_disk_for_good_is_forked(tmp_path):
    """A fork never stands on what a loss of power takes."""

    async def work() -> None:
        world = World()
        agent = world.agent(terms={"pay": {"review": [{"because": "people decide"}]}})
        journal = SqliteJournal(tmp_path / "j.db", flush_after=3600)
        try:
            async with opened(journal, LOOK, PAY, LOOK, OK, agents=[agent]) as runner:
                run = await runner.start(agent, Request(), by="ann")
                await run.result()
                durable = len(await journal.read(run.name, durable=True))
                at = seq_of(await run.entries(), PersonAsked)
                assert durable >= at
                forked = await runner.fork(run.name, at, by="fay")
                assert (await people(runner, forked.name)).closed.outcome == "done"
                assert (await run.state()).questions
                check_chain(forked.name, await journal.read(forked.name))
        finally:
            await journal.close()
        assert world.paid == []

    story(work)


def test_a_run_is_not_erased_while_one_that_shares_what_it_knows_is_open():
    async def work() -> None:
        bank, journal = Bank(), MemoryJournal()
        agent = clerk(bank, terms=REVIEWED)
        async with opened(journal, LOOK, PAY, OK, agents=[agent]) as runner:
            run = await runner.start(agent, Request(), by="ann", on_behalf_of="c:1")
            await run.result()
            forked = await runner.fork(run.name, 7, by="fay")
            await runner.cancel(forked.name, by="fay")
            await forked.result()
            with pytest.raises(NotAllowed, match=f"shares what it knows with run {run.name}"):
                await runner.erase(forked.name, by="dpo", basis="asked")
            assert (await run.state()).input == {"order": "A-1"}
            await runner.cancel(run.name, by="ann")
            await run.result()
            assert await runner.erase(forked.name, by="dpo", basis="asked")
            assert await journal.secret(run.name) is None

    story(work)
