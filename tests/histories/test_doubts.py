"""Writes of unknown outcome, what people say of them, and what turns out after all. Histories 5, 8, 11."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from holdfast import Done, Runner, Stopped, Waiting, ask, tool
from holdfast.errors import ContractError
from holdfast.events import (
    CallLookedUp,
    CallStarted,
    Contradiction,
    DoubtRaised,
    ModelAsked,
)
from holdfast.journal.memory import MemoryJournal
from holdfast.tool import CallKey, Retry, Unknown
from tests.histories.scene import (
    SEND,
    Shop,
    asked,
    events,
    kinds,
    story,
    told,
    unhurried,
    waited_out,
)
from tests.shell.bench import OK, Bank, Clock, Request, clerk, opened, until

# ------------------------------------------------------------------------------------------------------------ history 5


@pytest.mark.parametrize("ruling", ["did_not", "happened"])
def test_05_three_unknown_attempts_then_the_model_repeats(ruling: Any):
    """#6, #8, #10: three attempts at a refund, all under the key of #4; the shop does it at the first and the line goes dead
    each time. Retries are used up, and the contract says that the model is told of what is exhausted. It is not told: a write
    that may have happened is not exhausted but in doubt, and goes before a person. While it is, no model is asked, so none
    can say "let me try again" under a new key. A person rules. "It did not" tries once more under the same key, and the shop
    knows it; "it happened" ends the call, and the model's repetition meets `at_most`, which it counts against. Either way
    one refund is made.

    Rules 17, 21.
    """
    keys: list[str] = []
    refunds: set[str] = set()

    @tool.write(timeout=5, retry=Retry(times=2, wait=0))
    async def send(order: str, *, key: CallKey) -> dict[str, str]:
        """Refund one order."""
        keys.append(key)
        refunds.add(key)
        if len(keys) <= 3:
            raise Unknown("the line went dead")
        return {"id": f"s_{order}"}

    async def work() -> None:
        agent = clerk(Bank(), send, terms={"send": {"at_most": 1}}, surprises={"exhausted": "tell"})
        async with opened(MemoryJournal(), SEND, SEND, OK) as runner:
            run = await runner.start(agent, Request(), by="ann")
            assert isinstance(await run.result(), Waiting)
            await asked(runner, run.name, "doubt")
            assert (len(keys), len(set(keys))) == (3, 1)
            assert len(await events(runner, run.name, ModelAsked)) == 1, "the model has not been told anything"
            (seq,) = [one.seq for one in (await run.state()).calls.values()]
            await runner.settle(run.name, seq, ruling, by="rita")
            assert isinstance(await run.result(), Done)
            assert (await told(runner, run.name))[-1] == "refused: send may be called once in a run"
        assert (len(refunds), len(keys)) == (1, 4 if ruling == "did_not" else 3)

    story(work)


def test_05_no_contract_may_have_the_model_told_of_a_write_of_unknown_outcome():
    """`surprises: {unknown: tell}` is refused where the contract is read. Rule 21."""
    with pytest.raises(ContractError, match="unknown"):
        clerk(Bank(), surprises={"unknown": "tell"})


# ------------------------------------------------------------------------------------------------------------ history 8


def test_08_legitimate_repeat_crash_lookup_finds_the_first():
    """#7 the first parcel is sent, as s1. The requester wants another one like it: #12 CallStarted, and the worker dies
    before it sends. Whoever takes over asks the shop for a parcel with these arguments, and is shown s1: the effect of the
    first call. It is not taken for the second, which would have lost a parcel: nobody can tell, and a person is asked. She
    says that it did not happen, and the model sends it: two parcels, as was wanted.

    Rules 22, 21.
    """

    async def work() -> None:
        shop, clock = Shop(), Clock()
        journal = MemoryJournal(clock=clock)
        shop.open.set()

        def second(request: Any) -> Any:
            shop.inside.clear()
            shop.open.clear()
            return SEND

        crashed = await opened(journal, SEND, second, OK).__aenter__()
        run = await crashed.start(clerk(Bank(), shop.tool), Request(), by="ann")
        await until(lambda: shop.sent and shop.inside.is_set() and not shop.open.is_set())
        left, world = journal.power_loss(), Shop()
        world.sent = shop.sent.copy()
        world.open.set()

        agent = clerk(Bank(), world.tool)
        async with opened(left, SEND, SEND, SEND, OK, agents=[agent]) as runner:
            assert (await waited_out(runner, run.name, clock)).waits_for == "person"
            looked = await events(runner, run.name, CallLookedUp)
            assert [seen.answer for seen in looked] == ["cannot_tell"] * len(looked)
            assert "s1_A-1, which is the effect of call 4" in looked[-1].message
            doubtful = (await runner.state(run.name)).questions[await asked(runner, run.name, "doubt")].asked.call
            await runner.settle(run.name, doubtful, "did_not", by="rita")
            assert isinstance(await runner.run(run.name, agent).result(), Done)
        assert world.sent == ["s1_A-1", "s2_A-1"]
        shop.open.set()
        await crashed.close()

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 11


class Late:
    """A tool without key or look-up, in a thread that comes to its end when it is told to."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.made: list[str] = []

    @property
    def tool(self) -> Any:
        @tool.write(timeout=0.05)
        def send(order: str) -> dict[str, str]:
            """Send one order, slowly."""
            self.release.wait(20)
            self.made.append(order)
            return {"id": f"s_{order}"}

        return send


async def ruled_out(runner: Runner, late: Late) -> Any:
    """A run in which a person said of an unknown write that it did not happen."""
    run = await runner.start(clerk(Bank(), late.tool), Request(), by="ann")
    assert (await run.result()).on == "person"
    (seq,) = [one.seq for one in (await run.state()).calls.values()]
    await runner.settle(run.name, seq, "did_not", by="rita")
    return run


def test_11_did_not_happen_then_a_late_return_open_run():
    """#6 CallStarted, #7 its time is up, #8 in doubt. #10 rita rules: it did not happen. The run goes on, and asks the
    requester something. Then the thread of #6 returns: it did happen. Both stand in the journal and cannot both be true: a
    contradiction is recorded, and the run stops. The next write, which the model was about to ask for, is not made.

    Rules 16, 23.
    """
    late = Late()

    async def work() -> None:
        async with unhurried(MemoryJournal(), SEND, ask("shall I try again?"), SEND, OK) as runner:
            run = await ruled_out(runner, late)
            assert (await run.result()).on == "requester"
            late.release.set()
            assert [entry async for entry in run.follow()]
            end = await run.result()
            assert isinstance(end, Stopped)
            assert "is not what the other system answered later" in end.why
            assert len(await events(runner, run.name, Contradiction)) == 1
            assert len(await events(runner, run.name, CallStarted)) == 1
            assert len(await events(runner, run.name, DoubtRaised)) == 1
            assert len(end.unresolved) == 1
        assert late.made == ["A-1"]

    story(work)


def test_11_did_not_happen_then_a_late_return_closed_run():
    """The same, and the run is done and closed when the thread returns. The late answer is kept after RunClosed, and so is
    the contradiction; the run stands in the list of what needs attention, with the call that nobody can account for.

    Rules 23, 35.
    """
    late = Late()

    async def work() -> None:
        journal = MemoryJournal()
        async with unhurried(journal, SEND, OK) as runner:
            run = await ruled_out(runner, late)
            assert isinstance(await run.result(), Done)
            assert not (await journal.row(run.name)).attention
            late.release.set()
            await until(lambda: any(b'"Contradiction"' in data for data, _ in journal._lines[run.name]))
            assert (await kinds(runner, run.name))[-3:] == ["RunClosed", "CallReturnedLate", "Contradiction"]
            assert (await journal.row(run.name)).attention

    story(work)
