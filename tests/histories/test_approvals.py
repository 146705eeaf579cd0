"""An approval is for what was shown, and evidence is what the model had read. Histories 13, 14, 15."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Done, call, tool
from holdfast.errors import NotAllowed
from holdfast.events import CallJudged, CallReturned, CallStarted, PersonAsked, ProposalAmended
from holdfast.journal.memory import MemoryJournal
from tests.histories.scene import asked, events, kinds, story, told
from tests.shell.bench import OK, Bank, Clock, Request, clerk, opened


class Desk:
    """An order that can change, and what was paid back on it."""

    def __init__(self) -> None:
        self.paid = 400
        self.refunded: list[int] = []
        self.reads = 0

    @property
    def tools(self) -> tuple[Any, Any]:
        @tool.read(name="get_paid", timeout=5)
        async def get_paid(order: str) -> dict[str, int]:
            """What was paid for one order."""
            self.reads += 1
            return {"paid": self.paid}

        @tool.write(timeout=5)
        async def refund(order: str, cents: int) -> dict[str, int]:
            """Pay something back."""
            self.refunded.append(cents)
            return {"refunded": cents}

        return get_paid, refund


READ = call("get_paid", order="A-1")
REFUND = call("refund", order="A-1", cents=400)

# ----------------------------------------------------------------------------------------------------------- history 13

TWO = {"review": [{"because": "two people decide", "people": 2}], "amendable": ["cents"]}


def test_13_two_approvals_of_which_the_second_amends():
    """#4 refund(400), #6 put before two people. #7 rita approves 400. #8 raul: yes, but 40. That is another proposal:
    version 2, judged in full, shown anew. rita's voice was for 400 and does not count for it; raul's does, once, and he
    cannot add a second. rita reads 40 and approves: two voices for the same thing, and 40 is paid.

    Rules 32, 33.
    """

    async def work() -> None:
        desk = Desk()
        async with opened(MemoryJournal(), REFUND, OK) as runner:
            run = await runner.start(clerk(Bank(), *desk.tools, terms={"refund": TWO}), Request(), by="ann")
            assert (await run.result()).on == "person"
            first = await asked(runner, run.name, "review")
            await runner.answer(run.name, first, "approve", by="rita")
            with pytest.raises(NotAllowed, match="rita has approved this already"):
                await runner.answer(run.name, first, "approve", by="rita")
            await runner.amend(run.name, first, {"cents": 40}, by="raul")
            assert (await run.result()).on == "person", "one voice for 400 and one for 40 are not two for anything"
            second = await asked(runner, run.name, "review")
            assert second != first
            for by, question in (("raul", second), ("rita", first)):
                with pytest.raises(NotAllowed):
                    await runner.answer(run.name, question, "approve", by=by)
            assert desk.refunded == []
            await runner.answer(run.name, second, "approve", by="rita")
            assert isinstance(await run.result(), Done)
            assert [ask.version for ask in await events(runner, run.name, PersonAsked)] == [1, 2]
        assert desk.refunded == [40]

    story(work)


def test_13_two_people_who_amend_differently():
    """#7 rita: yes, but 40. Then raul: yes, but 30. Version 3 is 30, with one voice: raul's. rita amended, so she is an
    author of this proposal and cannot be its second reader. It takes ruth.

    Rule 33.
    """

    async def work() -> None:
        desk = Desk()
        async with opened(MemoryJournal(), REFUND, OK) as runner:
            run = await runner.start(clerk(Bank(), *desk.tools, terms={"refund": TWO}), Request(), by="ann")
            for by, cents in (("rita", 40), ("raul", 30)):
                await run.result()
                await runner.amend(run.name, await asked(runner, run.name, "review"), {"cents": cents}, by=by)
            assert (await run.result()).on == "person"
            question = await asked(runner, run.name, "review")
            with pytest.raises(NotAllowed, match="amended in this run"):
                await runner.answer(run.name, question, "approve", by="rita")
            assert desk.refunded == []
            await runner.answer(run.name, question, "approve", by="ruth")
            assert isinstance(await run.result(), Done)
            assert [made.version for made in await events(runner, run.name, ProposalAmended)] == [2, 3]
        assert desk.refunded == [30]

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 14


def test_14_get_order_and_issue_refund_in_one_turn():
    """The contract: read what was paid before refunding, and no more than that. #3 the model asks for both at once. By the
    time the refund is judged the reading has returned, and would do: but the model had not seen it when it named the sum.
    It is refused with what is missing. The next turn names a sum with the reading in front of it, and is let through.

    Rules 28, 27.
    """
    terms = {
        "needs": {"get_paid": {"order": "args.order"}},
        "must": [{"that": "args.cents <= seen.get_paid.paid", "because": "never more than was paid"}],
    }

    async def work() -> None:
        desk = Desk()
        async with opened(MemoryJournal(), [READ, REFUND], REFUND, OK) as runner:
            run = await runner.start(clerk(Bank(), *desk.tools, terms={"refund": terms}), Request(), by="ann")
            assert isinstance(await run.result(), Done)
            refused = [one for one in await events(runner, run.name, CallJudged) if one.verdict == "refuse"]
            assert [one.rules[0].rule for one in refused] == ["tools.refund.needs.get_paid"]
            results = [text for text in await told(runner, run.name) if text != "A-1"]
            assert results[1:4] == [
                "",
                '{"paid":400}',
                "refused: read get_paid(order='A-1') first, completely, before calling refund",
            ]
            assert (await kinds(runner, run.name)).count("CallStarted") == 2
        assert (desk.reads, desk.refunded) == (1, [400])

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 15

FRESH = {
    "needs": {"get_paid": {"order": "args.order"}}, "fresh": "10m", "review": [{"because": "people decide"}],
}  # fmt: skip


@pytest.mark.parametrize("changed", [True, False])
def test_15_order_changed_between_reading_and_approval(changed: bool):
    """Monday: #7 what was paid is read, the refund proposed and put before a person. Wednesday the order is paid back by
    hand. Thursday rita approves what she is shown. The evidence is older than the contract wants, so the machine reads it
    again, by itself, before it acts. The same: it pays. Something else: her approval is void, she is shown the call again
    and told that its evidence has changed, and nothing was paid meanwhile. She says no.

    Rules 27, 32, 34.
    """

    async def work() -> None:
        desk, clock = Desk(), Clock()
        async with opened(MemoryJournal(clock=clock), READ, REFUND, OK) as runner:
            run = await runner.start(clerk(Bank(), *desk.tools, terms={"refund": FRESH}), Request(), by="ann")
            assert (await run.result()).on == "person"
            clock.pass_time(3 * 86_400)
            if changed:
                desk.paid = 0
            await runner.answer(run.name, await asked(runner, run.name, "review"), "approve", by="rita")
            end = await run.result()
            assert desk.reads == 2
            if not changed:
                assert isinstance(end, Done)
                assert desk.refunded == [400]
                return
            assert (end.on, desk.refunded) == ("person", [])
            again = await asked(runner, run.name, "review")
            first, second = await events(runner, run.name, PersonAsked)
            assert "Its evidence has changed since it was shown" in second.text
            assert (first.digest != second.digest, first.evidence != second.evidence) == (True, True)
            (_, reading) = await events(runner, run.name, CallReturned)
            assert reading.result.value == {"paid": 0}
            await runner.answer(run.name, again, "deny", by="rita", text="it was paid back by hand")
            assert isinstance(await run.result(), Done)
            assert len(await events(runner, run.name, CallStarted)) == 2, "both of them readings"
        assert desk.refunded == []

    story(work)
