"""Whatever is asked of them, in whatever order: the journal in memory and the one on the disk answer alike."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.events import Hold
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Append, Journal, Take, Where
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, a_row, until
from holdfast.testing.sim.tables import Tables

RUNS, REFS, NAMES = ("a", "b", "c"), ("x", "y"), ("n", "m")

holds = st.lists(
    st.builds(Hold, st.sampled_from(NAMES), st.integers(0, 3), st.sampled_from([0, 0, 5, 6, 9])), max_size=3
)

rows = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["", "", "k", "l"]),
        "status": st.sampled_from(["working", "waiting", "closed"]),
        "due": st.sampled_from([None, 0, 5, 9]),
        "opened": st.integers(1, 2),
        "agent": st.sampled_from(["clerk", "other"]),
        "parent": st.sampled_from(["", "a"]),
        "outcome": st.sampled_from([None, "done", "failed"]),
        "waits_for": st.sampled_from(["", "time"]),
        "attention": st.booleans(),
        "questions": st.integers(0, 1),
        "holds": st.one_of(st.just(()), holds.map(tuple)),
        "wants": st.sampled_from(["", "", "n"]),
    }
)


@st.composite
def batches(draw: st.DrawFn) -> Append:
    run, head, count = draw(st.sampled_from(RUNS)), draw(st.integers(0, 4)), draw(st.integers(1, 2))
    return a_batch(
        run,
        head,
        count,
        row=a_row(run, head + count, **draw(rows)),
        durable=draw(st.booleans()),
        blobs=tuple((ref, draw(st.binary(max_size=2))) for ref in draw(st.sets(st.sampled_from(REFS)))),
        erase=tuple(draw(st.sets(st.sampled_from(REFS), max_size=1))),
        secret=draw(st.sampled_from([None, None, (run, b"s")])),
        forget=draw(st.sampled_from(["", "", "a"])),
        holding=draw(st.booleans()),
        takes=tuple(draw(st.lists(st.builds(Take, st.sampled_from(NAMES), st.integers(0, 4)), max_size=2))),
        heeds=tuple(draw(st.lists(st.tuples(st.sampled_from(RUNS), st.integers(0, 2)), max_size=1))),
        needs=tuple(draw(st.sets(st.sampled_from(NAMES), max_size=1))),
    )


old_rows = st.builds(
    lambda run, seq, fields: a_row(run, seq, **fields | {"key": ""}),
    st.sampled_from(RUNS),
    st.integers(1, 4),
    rows,
)
indexes = st.lists(old_rows, max_size=3, unique_by=lambda row: row.run)
steps = st.lists(st.one_of(st.lists(batches(), min_size=1, max_size=5), indexes, st.integers(1, 4)), max_size=10)
"""Batches of one moment, an index to be put in the place of the one there is, or time that passes."""

QUESTIONS = [
    Where(), Where(limit=2), Where(status="waiting"), Where(status="closed"), Where(outcome="done"),
    Where(agent="other"), Where(key="k"), Where(waits_for="time"), Where(attention=True), Where(attention=False),
    Where(questions=True), Where(questions=False), Where(parent="a"), Where(parent=""), Where(before=(2, "b")),
    Where(agent="clerk", status="working", attention=False),
]  # fmt: skip


class Clock:
    """A journal's clock, by which time passes when a story says so."""

    def __init__(self) -> None:
        self.now = 1

    def __call__(self) -> int:
        return self.now


async def tell(journal: Journal, clock: Clock, story: list[object]) -> tuple[list[object], list[object]]:
    """All that a journal answers while a story is told to it, and all that it holds at the end."""
    said: list[object] = []
    for step in story:
        match step:
            case int():
                clock.now += step
            case [Append(), *_]:
                said += await asyncio.gather(*map(journal.append, step))
            case [*rows]:
                await journal.reindex(rows)
        said += [await journal.held(NAMES), await journal.held(NAMES, but="a")]
    lines = [await journal.read(run) for run in RUNS]
    await until(lambda: journal.watermark() == sum(map(len, lines)))
    found: list[object] = [*lines]
    found += [await journal.row(run) for run in RUNS] + [await journal.secret(run) for run in RUNS]
    found += [await journal.blob(ref) for ref in REFS]
    found += [await journal.find(where) for where in QUESTIONS]
    found += [await journal.wanting("n"), await journal.wanting("n", limit=1)]
    found += [[row.due for row in await journal.due(now)] for now in (0, 5, 9)]
    found += [{row.run for row in await journal.due(now)} for now in (0, 5, 9)]
    found += [await journal.feed(), await journal.feed(after=2, limit=3), list(await journal.runs(after="a"))]
    await journal.close()
    return said, found


def simulated(story: list[object]) -> list[object]:
    """What the tables of the simulated store answer to the same."""
    said: list[object] = []
    tables, now = Tables(), 1
    for step in story:
        match step:
            case int():
                now += step
            case [Append(), *_]:
                said += [tables.place(batch, now) for batch in step]
            case [*rows]:
                tables.reindex(rows, now)
        said += [{name: tables.holdings.held(name, now, but) for name in NAMES} for but in ("", "a")]
    return said


@settings(max_examples=40, deadline=None)
@given(steps)
def test_memory_and_disk_answer_alike(story: list[object]):
    clocks = Clock(), Clock()
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "journal.db", flush_after=0, clock=clocks[0])
        on_disk = asyncio.run(tell(journal, clocks[0], story))
        in_memory = asyncio.run(tell(MemoryJournal(flush_after=0, clock=clocks[1]), clocks[1], story))
    assert on_disk == in_memory


@settings(max_examples=60, deadline=None)
@given(steps)
def test_memory_and_the_simulated_store_answer_alike(story: list[object]):
    clock = Clock()
    said, _ = asyncio.run(tell(MemoryJournal(flush_after=0, clock=clock), clock, story))
    assert simulated(story) == said


@settings(max_examples=40, deadline=None)
@given(steps)
def test_what_is_held_is_what_the_rows_say(story: list[object]):
    """Where every batch says what it holds: a journal that forgot it all and is given its rows again holds the same."""
    clock = Clock()

    async def whole() -> None:
        journal, again = MemoryJournal(clock=clock), MemoryJournal(clock=clock)
        for step in story:
            match step:
                case int():
                    clock.now += step
                case [Append(), *_]:
                    said = [msgspec.structs.replace(batch, holding=True, durable=True) for batch in step]
                    await asyncio.gather(*map(journal.append, said))
        rows = [row for run in RUNS if (row := await journal.row(run))]
        for row in rows:
            await again.append(a_batch(row.run, count=row.seq))
        await again.reindex(rows)
        for other in (again, journal.power_loss()):
            held, right = await other.held(NAMES), await journal.held(NAMES)
            assert {name: (one.used, one.until) for name, one in held.items()} == {
                name: (one.used, one.until) for name, one in right.items()
            }
        assert await journal.power_loss().held(NAMES) == right

    asyncio.run(whole())
