"""What appending does and refuses."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.codec import check_chain
from holdfast.errors import Bug
from holdfast.journal.port import Claimed, Committed, Journal, KeyTaken, Moved
from holdfast.testing.journal_contract.story import Stories, a_batch, a_row, tells


class Appending(Stories):
    """Batches are all or nothing, and answered one by one."""

    @tells
    async def test_lines_come_back_in_order_as_they_were_written(self, journal: Journal) -> None:
        """Bytes and digests are kept, and the chain over them verifies."""
        first = a_batch("r", count=3)
        assert await journal.append(first) == Committed(3)
        second = a_batch("r", 3, 2, prev=first.lines[-1][1])
        assert await journal.append(second) == Committed(5)
        lines = await journal.read("r")
        assert lines == [*first.lines, *second.lines]
        assert check_chain("r", lines) == second.lines[-1][1]
        assert await journal.read("r", after=3) == list(second.lines)
        assert await journal.read("r", after=5) == []

    @tells
    async def test_a_long_run_is_read_whole(self, journal: Journal) -> None:
        """No page, however a store reads in pages, ends what is read."""
        batch = a_batch("r", count=1001)
        await journal.append(batch)
        await journal.append(a_batch("other"))
        assert await journal.read("r") == list(batch.lines)
        assert await journal.read("r", after=400) == list(batch.lines[400:])

    @tells
    async def test_what_was_never_written_is_not_there(self, journal: Journal) -> None:
        """Unknown names are no errors."""
        assert await journal.read("nobody") == []
        assert await journal.row("nobody") is None
        assert await journal.blob("nothing") is None
        assert await journal.secret("nobody") is None
        assert await journal.feed() == []
        assert await journal.runs() == []
        assert await journal.due(2**60) == []
        assert journal.watermark() == 0

    @tells
    async def test_a_conflicting_batch_writes_nothing_at_all(self, journal: Journal) -> None:
        """Neither lines nor row, blob, secret or erasure."""
        await journal.append(a_batch("r", count=2, blobs=(("kept", b"1"),)))
        late = a_batch(
            "r", 1, 3, row=a_row("r", 4, status="closed"), blobs=(("b", b"2"),), secret=("t", b"3"), erase=("kept",)
        )
        assert await journal.append(late) == Moved(2)
        assert await journal.append(a_batch("new", 1)) == Moved(0)
        assert len(await journal.read("r")) == 2
        assert await journal.row("r") == a_row("r", 2)
        assert [await journal.blob("b"), await journal.secret("t")] == [None, None]
        assert await journal.blob("kept") == b"1"
        assert await journal.runs() == ["r"]

    @tells
    async def test_each_batch_of_a_group_is_answered_by_itself(self, journal: Journal) -> None:
        """A conflict fails nobody else; batches of one run may expect each other's lines."""
        asked = [
            a_batch("a", count=2),
            a_batch("b", 7),
            a_batch("a", 2, durable=True),
            a_batch("a", 2),
            a_batch("c", durable=True),
        ]
        answers = await asyncio.gather(*[journal.append(batch) for batch in asked])
        assert answers == [Committed(2), Moved(0), Committed(3), Moved(3), Committed(4)]
        assert await journal.row("a") == a_row("a", 3)

    @tells
    async def test_of_many_who_want_one_place_one_gets_it(self, journal: Journal) -> None:
        """Whoever lost is told the head, and finds the winner's lines there."""
        asked = [a_batch("r", count=1 + n % 3, text=f"writer {n}") for n in range(20)]
        answers = await asyncio.gather(*[journal.append(batch) for batch in asked])
        (won,) = [n for n, answer in enumerate(answers) if isinstance(answer, Committed)]
        lines = await journal.read("r")
        assert lines == list(asked[won].lines)
        assert {answer for answer in answers if isinstance(answer, Moved)} == {Moved(len(lines))}

    @tells
    async def test_a_batch_no_store_may_take_is_refused(self, journal: Journal) -> None:
        """An index row is that of its batch's last line, or the batch is our mistake."""
        with pytest.raises(Bug):
            await journal.append(a_batch("r", count=2, row=a_row("r", 1)))
        with pytest.raises(Bug):
            await journal.append(a_batch("r", row=a_row("other", 1)))
        with pytest.raises(Bug):
            await journal.append(a_batch("r", count=0))
        assert await journal.runs() == []

    @tells
    async def test_a_name_belongs_to_the_run_that_had_it_first(self, journal: Journal) -> None:
        """Within a group too; a batch that needs another run's name writes nothing, one that would only like it goes on."""
        first, second = a_batch("a", needs=("refund:7",)), a_batch("b", needs=("refund:7",), blobs=(("x", b"x"),))
        answers = await asyncio.gather(*map(journal.append, (first, second)))
        assert answers == [Committed(1), Claimed("refund:7", "a")]
        assert await journal.append(a_batch("b", claims=("refund:7", "refund:8"))) == Committed(2)
        assert await journal.append(a_batch("a", 1, needs=("refund:8",))) == Claimed("refund:8", "b")
        assert await journal.append(a_batch("a", 1, needs=("refund:7",))) == Committed(3)
        assert await journal.blob("x") is None

    @tells
    async def test_one_request_key_is_one_run(self, journal: Journal) -> None:
        """Also within a group; no key at all clashes with nothing."""
        keyed = [a_batch(run, row=a_row(run, 1, key="k")) for run in ("a", "b")]
        assert await asyncio.gather(*map(journal.append, keyed)) == [Committed(1), KeyTaken("a")]
        assert await journal.append(a_batch("c", row=a_row("c", 1, key="k"), blobs=(("x", b"x"),))) == KeyTaken("a")
        assert await journal.append(a_batch("a", row=a_row("a", 1, key="k"))) == Moved(1)
        assert await journal.append(a_batch("a", 1, row=a_row("a", 2))) == Committed(2)
        assert await journal.append(a_batch("c", row=a_row("c", 1, key="k"))) == KeyTaken("a")  # it keeps its key
        assert await asyncio.gather(*[journal.append(a_batch(run)) for run in "de"]) == [Committed(3), Committed(4)]
        assert await journal.blob("x") is None
        assert await journal.runs() == ["a", "d", "e"]
