"""Whatever is asked of them, in whatever order: the journal in memory and the one on the disk answer alike."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Append, Journal, Where
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch, a_row, until

RUNS, REFS = ("a", "b", "c"), ("x", "y")

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
    )


old_rows = st.builds(
    lambda run, seq, fields: a_row(run, seq, **fields | {"key": ""}),
    st.sampled_from(RUNS),
    st.integers(1, 4),
    rows,
)
indexes = st.lists(old_rows, max_size=3, unique_by=lambda row: row.run)
steps = st.lists(st.one_of(st.lists(batches(), min_size=1, max_size=5), indexes), max_size=8)

QUESTIONS = [
    Where(), Where(limit=2), Where(status="waiting"), Where(status="closed"), Where(outcome="done"),
    Where(agent="other"), Where(key="k"), Where(waits_for="time"), Where(attention=True), Where(attention=False),
    Where(questions=True), Where(questions=False), Where(parent="a"), Where(parent=""), Where(before=(2, "b")),
    Where(agent="clerk", status="working", attention=False),
]  # fmt: skip


async def tell(journal: Journal, story: list[list[object]]) -> list[object]:
    """All that a journal answers while a story is told to it, and all that it holds at the end."""
    said: list[object] = []
    for step in story:
        if step and isinstance(step[0], Append):
            said += await asyncio.gather(*map(journal.append, step))  # type: ignore[arg-type]
        else:
            await journal.reindex(step)  # type: ignore[arg-type]
    lines = [await journal.read(run) for run in RUNS]
    await until(lambda: journal.watermark() == sum(map(len, lines)))
    said += lines
    said += [await journal.row(run) for run in RUNS] + [await journal.secret(run) for run in RUNS]
    said += [await journal.blob(ref) for ref in REFS]
    said += [await journal.find(where) for where in QUESTIONS]
    said += [[row.due for row in await journal.due(now)] for now in (0, 5, 9)]
    said += [{row.run for row in await journal.due(now)} for now in (0, 5, 9)]
    said += [await journal.feed(), await journal.feed(after=2, limit=3), list(await journal.runs(after="a"))]
    await journal.close()
    return said


@settings(max_examples=40, deadline=None)
@given(steps)
def test_memory_and_disk_answer_alike(story: list[list[object]]):
    with tempfile.TemporaryDirectory() as folder:
        on_disk = asyncio.run(tell(SqliteJournal(Path(folder) / "journal.db", flush_after=0), story))
        in_memory = asyncio.run(tell(MemoryJournal(flush_after=0), story))
    assert on_disk == in_memory
