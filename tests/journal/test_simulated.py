"""What runs hold in the simulated store: limits hold there too, and a loss of power leaves what the rows say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from holdfast.events import Held, Hold
from holdfast.journal.port import Committed, Full, Moved
from holdfast.testing.journal_contract import a_batch, a_row
from holdfast.testing.journal_contract.holding import takes
from holdfast.testing.sim.room import SECOND, START, Process, Room
from holdfast.testing.sim.store import Connection, Store


@pytest.fixture
def store() -> Iterator[Store]:
    room = Room(1)
    yield Store(room)
    room.close()


def live(store: Store, story: Callable[[Connection], Awaitable[None]]) -> None:
    """A process that lives through a story."""
    over = []

    async def main(process: Process) -> None:
        await story(Connection(store, process))
        over.append(True)

    process = store.room.process("one")
    process.start(main)
    assert store.room.run(lambda: bool(over) or not process.alive, START + 1_000 * SECOND)
    assert over


def test_conditions_hold_and_what_ends_is_free(store: Store):
    async def story(journal: Connection) -> None:
        ends = journal.now() + SECOND
        asked = [takes(f"r{n}", 0, Hold("n"), Hold("w", 1, ends), top=2) for n in range(3)]
        assert await asyncio.gather(*map(journal.append, asked)) == [Committed(1), Committed(2), Full("n", 2)]
        assert await journal.append(a_batch("r2", heeds=(("r0", 0),))) == Moved(1, "r0")
        assert await journal.held(["n", "w"], but="r0") == {"n": Held(1, "r1"), "w": Held(1, "r1", ends)}
        await asyncio.sleep(1)
        assert await journal.held(["w"]) == {"w": Held()}
        row = a_row("r0", 2, wants="n", holds=(Hold("n"),))
        await journal.append(a_batch("r0", 1, row=row))
        assert await journal.wanting("n") == [row]
        await journal.reindex([a_row("r0", 2), a_row("r1", 7, holds=(Hold("n", 9),))])
        assert await journal.held(["n"]) == {"n": Held(1, "r1")}
        assert await journal.wanting("n") == []

    live(store, story)


def test_a_loss_of_power_leaves_what_the_rows_say(store: Store):
    async def story(journal: Connection) -> None:
        await journal.append(takes("a", 0, Hold("n", 2), durable=True))
        await journal.append(takes("b", 0, Hold("n"), top=3, durable=True))
        await journal.append(takes("a", 1))
        await journal.append(takes("b", 1, Hold("n", 9), Hold("m")))

    live(store, story)
    backup = store.backup()
    store.lose_power()
    held = store.tables.holdings.held
    assert [held("n", store.room.now), held("m", store.room.now)] == [Held(3, "a"), Held()]
    assert store.commit(takes("c", 0, Hold("n"), top=3), synced=True) == Full("n", 3)
    store.commit(takes("a", 1), synced=True)
    assert held("n", store.room.now) == Held(1, "b")
    store.restore(backup)
    assert store.tables.holdings.held("n", store.room.now) == Held(3, "a")
