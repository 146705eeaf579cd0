"""The book of one run: how entries get in, and that state is only ever what was stored."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import units
from holdfast.codec import check_chain
from holdfast.core.fold import fold_all
from holdfast.core.pending import outlook
from holdfast.core.state import State
from holdfast.errors import JournalDamaged, UsageError
from holdfast.events import (
    DURABLE,
    CallStarted,
    Inline,
    Noted,
    Said,
)
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import KEPT, Committed, Moved
from holdfast.models.scripted import call
from holdfast.shell import bodies
from holdfast.shell import book as module
from holdfast.shell.book import Book, Page
from holdfast.shell.redact import Redactor
from tests.core import strategies
from tests.core.story import SECRET, START, Story, desk, order, refund
from tests.core.walk import Walk

PAY = call("refund", order="A-1", cents=4)
LOOK = call("get_order", order="A-1")


def booked(journal, run, redactor=None) -> Book:
    book = Book(journal, run.state.run, redactor)
    book.secret = SECRET
    return book


async def copied(book, run, upto=None) -> None:
    """Append the entries of a story, one by one."""
    for entry in run.entries[:upto]:
        page = book.page(entry.at)
        page.add(entry.event, entry.cause, entry.actor)
        secret = (run.state.run, SECRET) if entry.seq == 1 else None
        assert isinstance(await book.append(page, outlook(page.known), secret=secret), Committed)


def written(book, *events, at=START) -> Page:
    page = book.page(at)
    for event in events:
        page.add(event, 0, "a")
    return page


def proposed(**options) -> Story:
    run = Story(desk(refund(), order()), **options)
    run.asks_for(PAY, LOOK)
    return run


PROPOSED = proposed()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_what_was_written_is_read_by_others_as_the_writer_knows_it(seed):
    """SEMANTICS rule 13: a live run and a resumed one have one state."""

    async def work():
        run, journal = Walk(seed).go(25), MemoryJournal()
        writer = booked(journal, run)
        await copied(writer, run)
        reader = Book(journal, "r_1")
        await reader.refresh()
        same = [name for name in State.__struct_fields__ if name not in ("opened", "answered", "closed")]
        for known in (writer.known, reader.known):
            assert [getattr(known, name) for name in same] == [getattr(run.state, name) for name in same]
        assert (reader.head, reader.secret) == (writer.head, SECRET)
        assert check_chain("r_1", await journal.read("r_1")) == writer.head

    asyncio.run(work())


def test_a_book_that_lags_behind_is_told_and_follows():
    async def work():
        run, journal = proposed(), MemoryJournal()
        one = booked(journal, run)
        await copied(one, run)
        other = one.copy()
        note = Noted("a", "b")
        assert isinstance(await one.append(written(one, note), outlook(one.known)), Committed)
        late = written(other, note)
        assert await other.append(late, outlook(other.known)) == Moved(one.known.seq)
        assert other.known.seq == one.known.seq - 1
        await other.refresh()
        assert other.known == one.known
        assert isinstance(await other.append(written(other, note), outlook(other.known)), Committed)

    asyncio.run(work())


def test_a_page_holds_several_entries_and_is_not_in_before_it_is_appended():
    async def work():
        run, journal = proposed(), MemoryJournal()
        book = booked(journal, run)
        await copied(book, run)
        both = written(book, Said(Inline("hello"), "ann"), Noted("a", "b"))
        assert (len(both.lines), both.known.seq, both.durable) == (2, book.known.seq + 2, True)
        assert len(await journal.read("r_1")) == book.known.seq == both.start
        await book.append(both, outlook(both.known))
        assert len(await journal.read("r_1")) == book.known.seq

    asyncio.run(work())


def test_what_was_foreseen_is_taken_only_if_the_stored_bytes_say_the_same():
    async def work():
        run, journal = proposed(), MemoryJournal()
        redactor = Redactor({"bank": "s3cr3t-value"})
        book = booked(journal, run, redactor)
        await copied(book, run)
        for text, seen in (("hello", "hello"), ("it is s3cr3t-value", "it is [redacted:bank]")):
            event = Said(Inline(text), "ann")
            foreseen = fold_all(
                [msgspec.structs.replace(run.entries[-1], seq=book.known.seq + 1, event=event)], book.known
            )
            assert book.page(START).add(event, 0, "ann", foreseen).unsent[-1].text == seen

    asyncio.run(work())


def test_damage_is_found_when_it_is_read():
    async def work():
        run, journal = proposed(), MemoryJournal()
        await copied(booked(journal, run), run)
        lines = journal._lines["r_1"]
        lines[2] = (lines[2][0], b"\0" * 32)
        with pytest.raises(JournalDamaged, match="entry 3"):
            await Book(journal, "r_1").refresh()

    asyncio.run(work())


def test_time_never_runs_backwards_in_what_is_written():
    """SEMANTICS rule 9."""

    async def work():
        run, journal = proposed(), MemoryJournal()
        book = booked(journal, run)
        await copied(book, run)
        assert written(book, Noted("a", "b"), at=START - 10**9).known.at == START

    asyncio.run(work())


def test_a_run_has_a_bounded_length(monkeypatch):
    monkeypatch.setattr(module, "MAX_ENTRIES", 4)
    run = proposed()
    book = booked(MemoryJournal(), run)
    with pytest.raises(UsageError, match="a run may have 4 entries"):
        written(book, run.entries[0].event, *[Noted("a", "b")] * 4)


def test_a_book_of_no_run_says_so():
    with pytest.raises(UsageError, match="no such run"):
        _ = Book(MemoryJournal(), "r_0").known


# ----------------------------------------------------------------------------------------------------------- durable


@settings(deadline=None, max_examples=200)
@given(strategies.events)
def test_what_somebody_is_told_of_waits_for_the_disk(event):
    """SEMANTICS rule 2; what becomes of a start is another test's."""
    if not isinstance(event, CallStarted):
        assert module._promised(event, PROPOSED.state) == (type(event) in DURABLE)


@pytest.mark.parametrize(
    ("tool", "mode", "durable"), [("refund", "live", True), ("refund", "supervise", True), ("refund", "simulate", False), ("get_order", "live", False)]
)  # fmt: skip
def test_the_start_of_a_write_is_on_the_disk_before_it_is_made(tool, mode, durable):
    run = proposed(mode=mode)
    run.settle_down()
    started = CallStarted(run.call(tool).seq, 1, "w1", START)
    assert module._promised(started, run.state) is durable


# --------------------------------------------------------------------------------------------------------------- row


def test_the_row_says_what_a_list_of_runs_shows():
    run = Story(
        desk(refund(), order(), limits={"steps": 3}), by="ann", key="mail:7", tags={"team": "eu"}, mode="supervise"
    )
    run.asks_for(PAY, cost=7)
    run.settle_down()
    row = module.row_of(run.state, run.stands())
    assert (row.run, row.seq, row.agent, row.status, row.waits_for) == (
        "r_1",
        run.state.seq,
        "desk",
        "waiting",
        "person",
    )
    assert (row.by, row.key, row.tags, row.mode) == ("ann", "mail:7", {"team": "eu"}, "supervise")
    assert (row.questions, row.steps, row.nusd, row.outcome, row.attention) == (1, 1, 7, None, False)
    run.cancels(because="x" * 1_000)
    run.settle_down()
    row = module.row_of(run.state, run.stands())
    assert (row.status, row.outcome, row.due, len(row.reason)) == ("closed", "cancelled", None, 200)


def test_a_closed_run_with_an_unresolved_write_asks_for_attention():
    run = Story(desk(refund()))
    run.asks_for(PAY)
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.cancels()
    run.settle_down()
    assert module.row_of(run.state, run.stands()).attention
    run.settles("did_not")
    assert not module.row_of(run.state, run.stands()).attention


def test_the_row_still_says_what_ended_lately_since_what_was_decided_before_may_come_yet():
    run = Story(desk((order(), {"rate": {"calls": 2, "per": "10s"}}), limits={"steps": 9}))
    began = run.at
    run.then("ModelAsked")
    for seconds in (0, 10, KEPT // units.SECOND - 1, 1):  # each of these starts counts for 10 s
        run.after(f"{seconds}s").answers(call("get_order", order=f"A-{seconds}"))
        run.settle_down()
        run.returns({})
        run.settle_down()
    ends = [one.until - began for one in module.row_of(run.state, run.stands()).holds]
    assert ends == [20 * units.SECOND, KEPT + 19 * units.SECOND, KEPT + 20 * units.SECOND]


def test_a_book_that_keeps_its_entries_has_them_as_they_are_read():
    """Those that got in through it, those it read, and none that did not get in."""

    async def work():
        run, journal, opened = proposed(), MemoryJournal(), list[str]()
        book = Book(journal, run.state.run, keeps=True, opened=lambda one: opened.append(one.run))
        book.secret = SECRET
        await copied(book, run)
        late = written(book, Said(Inline("too late"), "ann"))
        other = booked(journal, run)
        await other.refresh()
        await other.append(written(other, Said(Inline("x" * 5_000), "ann")), outlook(other.known))
        assert isinstance(await book.append(late, outlook(late.known)), Moved)
        copy = book.copy()
        await copy.refresh()
        assert list(copy.entries) == await bodies.entries(journal, book.run)
        assert len(book.entries) == len(copy.entries) - 1 == len(run.entries)
        assert (opened, other.entries) == ([book.run], None)

    asyncio.run(work())
