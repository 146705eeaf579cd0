"""Children are read from the journal when their parent is shown, and stand under the call that opened them."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from holdfast import codec
from holdfast.cli import relatives
from holdfast.cli.trace_text import lines
from holdfast.cli.viewing import Viewer
from holdfast.events import CallAsked, ChildClosed, ChildOpened, Entry, Inline, Loaded, RunOpened
from holdfast.journal.port import Append, Row
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.sim import play


def written(entries, run):
    """(entries as another run, their stored lines)."""
    out, lines_, prev = [], [], codec.GENESIS
    for entry in entries:
        event = entry.event
        if isinstance(event, RunOpened) and isinstance(event.contract, Loaded):
            event = msgspec.structs.replace(event, contract=Inline(event.contract.value))
        moved = msgspec.structs.replace(entry, run=run, event=event)
        data = codec.encode(moved)
        prev = codec.chain(prev, data)
        out.append(moved)
        lines_.append((data, prev))
    return out, lines_


@pytest.fixture
def family(place):
    """A journal with a run whose first call opened a child that closed, and whose second one's is not there yet."""
    entries = list(next(iter(play(16, decisions=False).history.runs.values())))
    first, second = [entry.seq for entry in entries if isinstance(entry.event, CallAsked)][:2]
    last = entries[-1]
    closed = [
        Entry("x", last.seq + 1, last.at, last.seq, "w", ChildOpened(first, "r_child")),
        Entry("x", last.seq + 2, last.at, last.seq, "w", ChildOpened(second, "r_not_yet")),
        Entry("x", last.seq + 3, last.at, last.seq, "w", ChildClosed(first, "r_child", "done")),
    ]

    async def put():
        journal = SqliteJournal(place / "journal.db")
        for run, story in (("r_parent", entries + closed), ("r_child", entries)):
            _, stored = written(story, run)
            row = Row(run=run, seq=len(stored), agent="desk", status="closed", outcome="done", opened=1)
            await journal.append(Append(run=run, expected=0, lines=stored, row=row, durable=True))
        await journal.close()

    asyncio.run(put())
    return f"sqlite:///{place}/journal.db", first


def test_child_is_nested_with_its_own_entries(family, holdfast):
    url, call = family
    found = holdfast("show", "r_parent", "--journal", url)
    assert found.code == 0
    rows = found.out.splitlines()
    head = next(at for at, row in enumerate(rows) if "child  " in row and "r_child" in row)
    assert "step" in rows[head + 1] + rows[head]
    opened = next(at for at, row in enumerate(rows) if row[8:13].strip() == str(call))
    assert opened < head
    assert any("opened the run r_child" in row for row in rows) is False
    assert "not shown: the run r_not_yet" in found.out
    assert max(map(len, rows)) <= 100


def test_json_has_the_child_under_its_call(family, holdfast):
    url, call = family
    seen = holdfast("show", "r_parent", "--journal", url, "--json").json
    assert seen["children"][str(call)]["run"] == "r_child"
    assert seen["calls"][str(call)]["child"] == "r_child"


def test_page_has_the_entries_of_the_child(family, holdfast):
    url, _ = family
    assert 'id="r_child-e1"' in holdfast("show", "r_parent", "--journal", url, "--html", "-").out


def test_generations_are_bounded(family, monkeypatch):
    url, call = family
    monkeypatch.setattr(relatives, "DEEP", 0)
    found = asyncio.run(relatives.family_of(Viewer("show"), url, "r_parent"))
    assert found.family.children == {}
    assert set(found.family.missing) == {"r_child", "r_not_yet"}
    monkeypatch.undo()
    found = asyncio.run(relatives.family_of(Viewer("show"), url, "r_parent"))
    assert list(found.family.children) == [call]
    text = "\n".join(lines(found.family, width=100, colour=True))
    assert "\x1b[" in text
    assert json.dumps(text)
