from __future__ import annotations

import asyncio

from holdfast.events import Held, Hold
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Committed, Full
from holdfast.testing.journal_contract import JournalContract, a_batch, a_row
from holdfast.testing.journal_contract.holding import takes


class TestContract(JournalContract):
    def open(self) -> MemoryJournal:
        return MemoryJournal()


def test_power_loss_leaves_the_durable_prefix_and_the_rows_as_of_it():
    async def story() -> None:
        journal = MemoryJournal(flush_after=60)
        await journal.append(a_batch("r", row=a_row("r", 1, due=1), blobs=(("b", b"1"),)))
        await journal.append(a_batch("r", 1, row=a_row("r", 2, due=2), durable=True))
        shown = await journal.feed()
        await journal.append(a_batch("r", 2, row=a_row("r", 3), blobs=(("c", b"2"),), erase=("b",)))
        await journal.append(a_batch("lost"))
        await journal.recovered()
        journal.enlist("w")
        left = journal.power_loss()
        assert await left.feed() == shown
        assert await left.row("r") == a_row("r", 2, due=2)
        assert await left.runs() == ["r"]
        assert [await left.blob("b"), await left.blob("c")] == [b"1", None]
        assert (left.epoch(), left.alive("w")) == (2, False)
        assert await left.append(a_batch("r", 2)) == Committed(3)
        assert len(await journal.read("r")) == 3

    asyncio.run(story())


def test_power_loss_leaves_what_was_held_by_the_rows_that_are_left():
    """Conditions that were fulfilled then are not asked again."""

    async def story() -> None:
        now = [10]
        journal = MemoryJournal(flush_after=60, clock=lambda: now[0])
        hold = Hold("n", 2)
        await journal.append(takes("a", 0, hold, Hold("n", 5, 20)))
        await journal.append(takes("b", 0, Hold("n", 3), top=10, durable=True))
        await journal.append(takes("a", 1))
        await journal.append(takes("b", 1, Hold("n", 9), Hold("m")))
        left = journal.power_loss()
        assert await left.held(["n", "m"]) == {"n": Held(10, "a", 20), "m": Held()}
        assert await left.row("a") == a_row("a", 1, holds=(hold, Hold("n", 5, 20)))
        now[0] = 20
        left = journal.power_loss()
        assert await left.held(["n"]) == {"n": Held(5, "a")}
        assert await left.append(takes("c", 0, hold, top=6)) == Full("n", 5)

        journal = MemoryJournal(clock=lambda: now[0])
        await journal.append(takes("a", 0, Hold("n", 5, 30)))
        now[0] = 30
        await journal.append(takes("b", 0, Hold("n", 5), top=5, durable=True))
        now[0] = 29  # a clock that was set back
        assert await journal.power_loss().runs() == ["a", "b"]

    asyncio.run(story())


def test_a_batch_is_committed_in_the_loops_next_turn_and_not_before():
    async def story() -> None:
        journal = MemoryJournal()
        answer = journal.append(a_batch("r"))
        assert await journal.read("r") == []
        await answer
        assert len(await journal.read("r")) == 1

    asyncio.run(story())


def test_a_retired_worker_is_dead():
    journal = MemoryJournal(clock=lambda: 7)
    journal.enlist("w")
    assert journal.alive("w") is True
    journal.retire("w")
    assert (journal.alive("w"), journal.now()) == (False, 7)
