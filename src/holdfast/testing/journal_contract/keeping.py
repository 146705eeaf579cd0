"""Bodies, secrets and the index."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import JournalDamaged
from holdfast.journal.port import Journal, KeyTaken, Where
from holdfast.testing.journal_contract.story import Stories, a_batch, a_row, tells


class Keeping(Stories):
    """What stands beside the lines stands there by their transaction."""

    @tells
    async def test_a_body_is_there_as_soon_as_the_entry_that_names_it(self, journal: Journal) -> None:
        """And keeps its bytes when it is put again."""
        big = bytes(range(256)) * 4_000
        await journal.append(a_batch("r", blobs=(("small", b"s"), ("big", big), ("empty", b""))))
        await journal.append(a_batch("r", 1, blobs=(("small", b"other"),)))
        assert [await journal.blob(ref) for ref in ("small", "big", "empty")] == [b"s", big, b""]

    @tells
    async def test_many_bodies_are_read_at_once(self, journal: Journal) -> None:
        """Without those that never were or were erased, however many are asked for, and whichever twice."""
        stored = {f"b{n}": b"%d" % n for n in range(250)} | {"big": bytes(1 << 20), "empty": b""}
        await journal.append(a_batch("r", blobs=tuple(stored.items())))
        await journal.append(a_batch("r", 1, erase=("b7",)))
        del stored["b7"]
        assert await journal.blobs([*stored, "b7", "b1", "never"]) == stored
        assert await journal.blobs(iter(["b2", "big"])) == {ref: stored[ref] for ref in ("b2", "big")}
        assert [await journal.blobs([]), await journal.blobs(["b7"])] == [{}, {}]

    @tells
    async def test_what_is_erased_stays_erased(self, journal: Journal) -> None:
        """Lines stay as they are; a late writer does not bring a body or a secret back."""
        await journal.append(a_batch("r", blobs=(("b", b"1"), ("c", b"2")), secret=("r", b"key")))
        assert await journal.secret("r") == b"key"
        await journal.append(a_batch("r", 1, erase=("b", "unknown"), forget="r", durable=True))
        await journal.append(a_batch("r", 2, blobs=(("b", b"1"),), secret=("r", b"key")))
        assert [await journal.blob("b"), await journal.blob("c"), await journal.secret("r")] == [None, b"2", None]
        assert len(await journal.read("r")) == 3

    @tells
    async def test_the_index_row_is_that_of_the_last_append(self, journal: Journal) -> None:
        """All of its fields come back."""
        rows = [
            a_row("r", 1, due=5, opened=3, at=4, by="alice", key="k", tags={"team": "eu"}, parent="p", mode="simulate"),
            a_row("r", 2, status="waiting", waits_for="clerk", questions=2, steps=3, nusd=4, contract="c", key="k"),
            a_row("r", 3, status="closed", outcome="failed", reason="why", attention=True, agent="other"),
        ]
        for n, row in enumerate(rows):
            await journal.append(a_batch("r", n, row=row))
            assert await journal.row("r") == row

    @tells
    async def test_an_index_row_never_goes_back(self, journal: Journal) -> None:
        """Rebuilding replaces rows of the same head, and leaves those of runs that moved on."""
        await journal.append(a_batch("moved", row=a_row("moved", 1, due=1)))
        await journal.append(a_batch("same", row=a_row("same", 1)))
        await journal.append(a_batch("moved", 1, row=a_row("moved", 2, due=9)))
        right = a_row("same", 1, status="waiting", due=7, agent="right")
        await journal.reindex([a_row("moved", 1, due=1), right, a_row("unknown", 1, due=1)])
        assert await journal.row("moved") == a_row("moved", 2, due=9)
        assert await journal.row("same") == right
        assert await journal.due(10) == [right, a_row("moved", 2, due=9)]
        assert await journal.find(Where(agent="right")) == [right]
        assert await journal.row("unknown") is None

    @tells
    async def test_two_runs_with_one_request_key_cannot_be_indexed(self, journal: Journal) -> None:
        """Keys may change places; a mistake changes nothing."""
        await asyncio.gather(*[journal.append(a_batch(run, row=a_row(run, 1, key=run))) for run in "ab"])
        await journal.reindex([a_row("a", 1, key="b"), a_row("b", 1, key="a")])
        with pytest.raises(JournalDamaged):
            await journal.reindex([a_row("a", 1, key="b"), a_row("b", 1, key="b")])
        assert await journal.find(Where(key="b")) == [a_row("a", 1, key="b")]
        assert await journal.append(a_batch("c", row=a_row("c", 1, key="a"))) == KeyTaken("b")

    @tells
    async def test_due_are_open_runs_whose_time_has_come(self, journal: Journal) -> None:
        """Longest due first."""
        rows = [
            a_row("later", 1, due=20), a_row("now", 1, due=0), a_row("soon", 1, status="waiting", due=10),
            a_row("never", 1, status="waiting"), a_row("closed", 1, status="closed", due=0),
        ]  # fmt: skip
        for row in rows:
            await journal.append(a_batch(row.run, row=row))
        assert [row.run for row in await journal.due(10)] == ["now", "soon"]
        assert [row.run for row in await journal.due(99, limit=1)] == ["now"]
        assert await journal.due(-1) == []
        await journal.append(a_batch("now", 1, row=a_row("now", 2, due=15)))
        await journal.append(a_batch("never", 1, row=a_row("never", 2, due=1)))
        assert [row.run for row in await journal.due(99)] == ["never", "soon", "now", "later"]

    @tells
    async def test_find_gives_what_fits_newest_first(self, journal: Journal) -> None:
        """Every field that is said narrows; pages follow each other without gap or repeat."""
        rows = [
            a_row("a", 1, opened=1, key="k"),
            a_row("b", 1, opened=2, status="waiting", waits_for="clerk", questions=1, parent="a"),
            a_row("c", 1, opened=3, status="closed", outcome="done", agent="other"),
            a_row("d", 1, opened=3, status="closed", outcome="failed", attention=True),
            a_row("e", 1, opened=3, status="waiting", waits_for="time", agent="other"),
        ]
        for row in rows:
            await journal.append(a_batch(row.run, row=row))

        async def found(**where: object) -> str:
            return "".join(row.run for row in await journal.find(Where(**where)))  # type: ignore[arg-type]

        assert await found() == "edcba"
        assert await found(limit=2) == "ed"
        assert await found(before=(3, "d")) == "cba"
        assert await found(before=(3, "c"), limit=1) == "b"
        assert [await found(status=s) for s in ("working", "waiting", "closed")] == ["a", "eb", "dc"]
        assert [await found(outcome=o) for o in ("done", "failed", "stopped")] == ["c", "d", ""]
        assert [await found(agent="other"), await found(agent="other", status="closed")] == ["ec", "c"]
        assert [await found(key="k"), await found(key="none")] == ["a", ""]
        assert [await found(waits_for="clerk"), await found(waits_for="time")] == ["b", "e"]
        assert [await found(attention=True), await found(attention=False)] == ["d", "ecba"]
        assert [await found(questions=True), await found(questions=False)] == ["b", "edca"]
        assert [await found(parent="a"), await found(parent="")] == ["b", "edca"]
        assert await found(status="waiting", before=(3, "e")) == "b"

    @tells
    async def test_all_runs_can_be_named_in_pages(self, journal: Journal) -> None:
        """In the order of their names, whatever these are made of."""
        names = sorted(["b", "a", "ä", "Z", "run 1", "🚲", "a/b?c#d", "'; DROP"])
        await asyncio.gather(*[journal.append(a_batch(name)) for name in names])
        assert list(await journal.runs()) == names
        assert list(await journal.runs(after=names[2], limit=3)) == names[3:6]
