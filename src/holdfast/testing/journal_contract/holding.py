"""What runs hold of what they share: limits, and what is read of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from holdfast.errors import Bug
from holdfast.events import Held, Hold
from holdfast.journal.checks import MOST
from holdfast.journal.port import Append, Claimed, Committed, Full, Journal, KeyTaken, Moved, Take
from holdfast.testing.journal_contract.story import Stories, a_batch, a_row, tells, until

SOON = (30_000, 1_000_000, 10_000_000)
"""µs until something ceases to count; the next where the machine was too slow to look at it before."""


def takes(
    run: str,
    expected: int,
    *holds: Hold,
    top: int | None = None,
    row: Mapping[str, object] | None = None,
    text: str = "",
    **parts: object,
) -> Append:
    """Make a batch with which a run holds just this, under the condition that no more than `top` of each name is held."""
    conditions = () if top is None else tuple(Take(name, top) for name in dict.fromkeys(hold.name for hold in holds))
    made = a_row(run, expected + 1, holds=holds, **(row or {}))
    return a_batch(run, expected, row=made, text=text, **({"holding": True, "takes": conditions} | parts))  # type: ignore[arg-type]


class Holding(Stories):
    """What a run holds stands in its row; conditions on it are looked at in the transaction of an append."""

    @tells
    async def test_no_more_is_held_than_there_is_whoever_asks_at_once(self, journal: Journal) -> None:
        """Within one group commit too: whoever comes later sees what those before got, and nobody else fails with them."""
        asked = [takes(f"r{n}", 0, Hold("n"), top=3) for n in range(6)]
        asked[4:4] = [a_batch("plain"), takes("other", 0, Hold("m", 9), top=9)]
        answers = await asyncio.gather(*map(journal.append, asked))
        full = Full("n", 3)
        assert answers == [*map(Committed, (1, 2, 3)), full, *map(Committed, (4, 5)), full, full]
        assert list(await journal.runs()) == ["other", "plain", "r0", "r1", "r2"]
        assert await journal.held(["n", "m"]) == {"n": Held(3, "r0"), "m": Held(9, "other")}

    @tells
    async def test_a_batch_that_found_no_room_leaves_nothing_behind(self, journal: Journal) -> None:
        """Neither lines nor row, key, names, bodies, secret, erasure or what it could have had of another name."""
        await journal.append(takes("a", 0, Hold("full", 5), blobs=(("kept", b"1"),)))
        late = takes(
            "b", 0, Hold("free"), Hold("full"), top=5, row={"key": "k", "wants": "x"}, blobs=(("b", b"2"),),
            secret=("b", b"3"), erase=("kept",), claims=("c",), needs=("d",),
        )  # fmt: skip
        assert await journal.append(late) == Full("full", 5)
        assert await journal.append(late) == Full("full", 5)
        assert await journal.held(["free", "full"]) == {"free": Held(), "full": Held(5, "a")}
        assert [await journal.read("b"), await journal.row("b"), await journal.wanting("x")] == [[], None, []]
        assert [await journal.blob("b"), await journal.secret("b"), await journal.blob("kept")] == [None, None, b"1"]
        free = takes("c", 0, row={"key": "k"}, needs=("c", "d"), heeds=(("b", 0),))
        assert await journal.append(free) == Committed(2)
        assert await journal.append(late) == Claimed("d", "c")

    @tells
    async def test_what_is_let_go_is_free_again(self, journal: Journal) -> None:
        """In the same group too; a run that closes lets go by a row without it, and by nothing else."""
        turn, window = Hold("turn"), Hold("window", 7, 2**60)
        await journal.append(takes("a", 0, turn, window, top=7))
        assert await journal.append(takes("b", 0, turn, top=1)) == Full("turn", 1)
        swap = [takes("a", 1, window), takes("b", 0, turn, top=1), takes("c", 0, turn, top=1)]
        assert await asyncio.gather(*map(journal.append, swap)) == [Committed(2), Committed(3), Full("turn", 1)]
        closed = {"status": "closed", "outcome": "done"}
        await journal.append(takes("b", 1, row=closed))
        await journal.append(takes("a", 2, window, row=closed))
        assert await journal.append(takes("c", 0, turn, window, top=7)) == Full("window", 7)
        assert await journal.append(takes("c", 0, turn, top=1)) == Committed(6)
        assert await journal.held(["turn", "window"]) == {"turn": Held(1, "c"), "window": Held(7, "a", 2**60)}

    @tells
    async def test_what_ends_by_its_time_is_free_from_then_on(self, journal: Journal) -> None:
        """By the journal's clock, whatever the row still says; what ended before it was said counts no more than then."""
        name, ends = "", 0
        for pause in SOON:
            name, ends = f"until {pause}", journal.now() + pause
            first = takes(f"a {name}", 0, Hold(name, 4, ends), Hold(name, 2), row={"status": "closed"})
            answers = [await journal.append(first), await journal.append(takes(f"b {name}", 0, Hold(name, 5), top=10))]
            held = await journal.held([name])
            if journal.now() < ends:
                assert answers[1:] == [Full(name, 6)]
                assert held == {name: Held(6, first.run, ends)}
                break
        await until(lambda: journal.now() >= ends)
        assert await journal.held([name]) == {name: Held(2, f"a {name}")}
        assert isinstance(await journal.append(takes("b", 0, Hold(name, 5), Hold(name, 90, 1), top=7)), Committed)
        assert await journal.append(takes("c", 0, Hold(name, 90, ends), top=6)) == Full(name, 7)
        assert isinstance(await journal.append(takes("c", 0, Hold(name, 90, ends), top=7)), Committed)
        assert await journal.held([name]) == {name: Held(7, f"a {name}")}

    @tells
    async def test_a_condition_holds_by_the_times_of_the_entries_however_late_they_get_in(
        self, journal: Journal
    ) -> None:
        """What had not ended at the batch's own time counts, and its own part counts for others of that time."""
        ends = journal.now() + SOON[0]
        await journal.append(takes("a", 0, Hold("rate", 1, ends)))
        await until(lambda: journal.now() > ends)
        late = takes("b", 0, Hold("rate", 1, ends + 2**50), takes=(Take("rate", 1, ends - 1),))
        assert await journal.append(late) == Full("rate", 1)
        assert await journal.append(
            takes("b", 0, Hold("rate", 1, ends + 1), takes=(Take("rate", 1, ends),))
        ) == Committed(2)
        assert await journal.append(takes("c", 0, Hold("rate", 1, 2**60), takes=(Take("rate", 1, ends),))) == Full(
            "rate", 1
        )
        assert await journal.append(takes("d", 0, Hold("other"), takes=(Take("other", 1, 1),))) == Full("other", 0), (
            "nobody knows any more what counted so long ago"
        )
        assert await journal.append(takes("c", 0, Hold("rate", 1, 2**60), takes=(Take("rate", 1),))) == Committed(3)

    @tells
    async def test_a_row_replaces_what_the_run_held(self, journal: Journal) -> None:
        """Less or more, never added to what it had; parts of one name add up; nothing is looked at without saying so."""
        await journal.append(takes("other", 0, Hold("n", 2)))
        await journal.append(takes("a", 0, Hold("n", 3), Hold("n", 1, 2**60), Hold("m"), top=6))
        assert await journal.append(takes("a", 1, Hold("n", 4), Hold("n", 1), top=6)) == Full("n", 2)
        assert await journal.held(["n", "m"]) == {"n": Held(6, "other", 2**60), "m": Held(1, "a")}
        assert await journal.append(takes("a", 1, Hold("n", 4), top=6)) == Committed(3)
        assert await journal.append(takes("a", 2, Hold("n"), Hold("n", 1, 2**60), top=6)) == Committed(4)
        assert await journal.held(["n", "m"]) == {"n": Held(4, "other", 2**60), "m": Held()}
        assert await journal.append(a_batch("a", 3, row=a_row("a", 4))) == Committed(5)
        assert await journal.held(["n"], but="other") == {"n": Held(2, "a", 2**60)}
        assert await journal.append(takes("a", 4)) == Committed(6)
        assert await journal.held(["n"]) == {"n": Held(2, "other")}

    @tells
    async def test_a_condition_may_take_nothing(self, journal: Journal) -> None:
        """It then only asks that others hold no more than so much; 0 is an amount."""
        failure = Hold("failures", 1, 2**60)
        assert await journal.append(a_batch("r", takes=(Take("failures", 0),))) == Committed(1)
        await asyncio.gather(*[journal.append(takes(f"f{n}", 0, failure)) for n in range(3)])
        assert await journal.append(a_batch("r", 1, takes=(Take("failures", 2),))) == Full("failures", 3)
        assert await journal.append(a_batch("r", 1, takes=(Take("x", 0), Take("failures", 3)))) == Committed(5)
        assert await journal.append(takes("r", 2, Hold("failures", 0), top=2)) == Full("failures", 3)
        mine = a_row("f0", 2, holds=(failure,))  # counted once, as its own
        assert await journal.append(a_batch("f0", 1, row=mine, takes=(Take("failures", 2),))) == Full("failures", 2)
        assert await journal.append(a_batch("f0", 1, row=mine, takes=(Take("failures", 3),))) == Committed(6)

    @tells
    async def test_what_was_decided_on_another_run_stands_only_while_that_goes_no_further(
        self, journal: Journal
    ) -> None:
        """Also when it does not exist yet, and when it moves in the same group."""
        await journal.append(a_batch("control", count=2))
        assert await journal.append(a_batch("a", heeds=(("control", 2), ("nobody", 0)))) == Committed(3)
        assert await journal.append(a_batch("a", 1, heeds=(("control", 1),), blobs=(("b", b""),))) == Moved(
            2, "control"
        )
        assert await journal.append(a_batch("a", 1, heeds=(("control", 3),))) == Moved(2, "control")
        assert await journal.append(a_batch("a", 1, heeds=(("nobody", 1),))) == Moved(0, "nobody")
        group = [
            a_batch("a", 1, heeds=(("control", 2), ("nobody", 0))), a_batch("control", 2), a_batch("nobody"),
            a_batch("a", 2, heeds=(("control", 2),)), a_batch("b", heeds=(("nobody", 0),)),
            a_batch("b", heeds=(("nobody", 1), ("a", 2))),
        ]  # fmt: skip
        assert await asyncio.gather(*map(journal.append, group)) == [
            Committed(4), Committed(5), Committed(6), Moved(3, "control"), Moved(1, "nobody"), Committed(7),
        ]  # fmt: skip
        assert await journal.append(a_batch("a", 1, heeds=(("control", 1),))) == Moved(2)
        assert await journal.blob("b") is None

    @tells
    async def test_a_run_that_is_there_already_is_told_before_any_condition(self, journal: Journal) -> None:
        """Its own place first, then names, its key, other runs; what is held comes last."""
        await journal.append(takes("a", 0, Hold("n"), row={"key": "k"}, needs=("e",)))

        for batch, answer in (
            (takes("b", 3, Hold("n"), top=0, row={"key": "k"}, heeds=(("a", 7),), needs=("e",)), Moved(0)),
            (takes("b", 0, Hold("n"), top=0, row={"key": "k"}, heeds=(("a", 7),), needs=("e",)), Claimed("e", "a")),
            (takes("b", 0, Hold("n"), top=0, row={"key": "k"}, heeds=(("a", 7),)), KeyTaken("a")),
            (takes("b", 0, Hold("n"), top=0, heeds=(("a", 7),)), Moved(1, "a")),
            (takes("b", 0, Hold("n"), top=0), Full("n", 1)),
        ):
            assert await journal.append(batch) == answer

    @tells
    async def test_who_has_held_a_name_the_longest_is_told(self, journal: Journal) -> None:
        """Whatever else it took or let go meanwhile, and without the run that asks; every name asked for is answered."""
        await journal.append(takes("a", 0, Hold("n")))
        await journal.append(takes("b", 0, Hold("n", 2), Hold("m", 1, 2**60), Hold("m", 1, 2**59)))
        await journal.append(takes("a", 1, Hold("m"), Hold("n", 5)))
        assert await journal.held(["n", "m", "none"]) == {
            "n": Held(7, "a"), "m": Held(3, "b", 2**59), "none": Held(),
        }  # fmt: skip
        assert await journal.held(iter(["n", "m", "n"]), but="a") == {"n": Held(2, "b"), "m": Held(2, "b", 2**59)}
        assert await journal.held(["n", "m"], but="b") == {"n": Held(5, "a"), "m": Held(1, "a")}
        await journal.append(takes("a", 2, Hold("m")))
        await journal.append(takes("a", 3, Hold("n"), Hold("m")))
        assert await journal.held(["n"]) == {"n": Held(3, "b")}
        assert await journal.held(["n"], but="nobody") == {"n": Held(3, "b")}
        assert await journal.held([]) == {}
        assert await journal.held(f"n{n}" for n in range(300)) == {f"n{n}": Held() for n in range(300)}

    @tells
    async def test_who_waits_is_found_in_the_order_of_opening(self, journal: Journal) -> None:
        """As long as it is open and wants it."""
        rows = [
            a_row("later", 1, opened=2, wants="n"), a_row("first", 1, opened=1, wants="n", status="waiting"),
            a_row("else", 1, opened=0, wants="m"), a_row("nothing", 1), a_row("also", 1, opened=2, wants="n"),
            a_row("closed", 1, wants="n", status="closed"),
        ]  # fmt: skip
        for row in rows:
            await journal.append(a_batch(row.run, row=row))
        assert await journal.wanting("n") == [rows[1], rows[4], rows[0]]
        assert [await journal.wanting("n", limit=1), await journal.wanting("n", limit=0)] == [[rows[1]], []]
        assert [await journal.wanting(""), await journal.wanting("x")] == [[], []]
        await journal.append(a_batch("first", 1))
        await journal.append(a_batch("also", 1, row=a_row("also", 2, opened=2, wants="n", status="closed")))
        await journal.append(a_batch("nothing", 1, row=a_row("nothing", 2, wants="n")))
        assert [row.run for row in await journal.wanting("n")] == ["nothing", "later"]

    @tells
    async def test_what_is_held_and_wanted_is_rebuilt_with_the_index(self, journal: Journal) -> None:
        """From the rows that are of their runs' heads; a part that was right keeps its age."""
        for batch in (takes("a", 0, Hold("n", 3)), takes("b", 0, Hold("n")), takes("moved", 0, Hold("n", 9))):
            await journal.append(batch)
        await journal.append(takes("moved", 1, Hold("m")))
        await journal.append(a_batch("c", row=a_row("c", 1, wants="n", opened=1)))
        lost = journal.now() - 1
        rows = [
            a_row("c", 1, opened=1, holds=(Hold("m", 2), Hold("n", 4, lost))), a_row("a", 1, wants="n", opened=2),
            a_row("b", 1, holds=(Hold("n"), Hold("k"))), a_row("moved", 1, holds=(Hold("n", 9),)),
        ]  # fmt: skip
        await journal.reindex(rows)
        assert await journal.held(["n", "m", "k"]) == {"n": Held(1, "b"), "m": Held(3, "moved"), "k": Held(1, "b")}
        assert [row.run for row in await journal.wanting("n")] == ["a"]
        assert await journal.append(takes("c", 1, Hold("n"), Hold("m"), top=2)) == Committed(6)
        assert await journal.append(takes("a", 1, Hold("n"), top=2)) == Full("n", 2)

    @tells
    async def test_an_amount_no_store_can_add_up_is_refused(self, journal: Journal) -> None:
        """It is our mistake."""
        for hold in (Hold("n", -1), Hold("n", MOST), Hold("n", 1, -1), Hold("n", 1, 2**63)):
            with pytest.raises(Bug):
                await journal.append(takes("r", 0, hold))
        most = [takes(f"r{n}", 0, Hold("n", MOST - 1, 2**63 - 1)) for n in range(20)]
        await asyncio.gather(*map(journal.append, most))
        assert await journal.held(["n"]) == {"n": Held(20 * (MOST - 1), "r0", 2**63 - 1)}

    @tells
    async def test_a_name_fought_over_is_never_held_by_too_many(self, journal: Journal) -> None:
        """Each holds it between two of its own commits; in the order of the feed too there are never more."""
        await self._fight([journal])

    @tells
    async def test_nor_is_it_by_several_processes(self, journal: Journal) -> None:
        """Which do not know of each other: nothing one remembers hides what another took."""
        others = [self.again(journal), self.again(journal)]
        try:
            await self._fight([journal, *others])
        finally:
            for other in others:
                await other.close()

    async def _fight(self, journals: list[Journal]) -> None:
        top, now, most = 3, 0, 0

        async def fight(journal: Journal, run: str) -> None:
            nonlocal now, most
            seq, got = 0, 0
            while got < 4:
                answer = await journal.append(takes(run, seq, Hold("n"), top=top, text="takes", durable=not seq % 4))
                if isinstance(answer, Full):
                    assert answer.used == top
                    await asyncio.sleep(0.0005)
                    continue
                got, now, seq = got + 1, now + 1, seq + 1
                most = max(most, now)
                assert isinstance(answer, Committed)
                await asyncio.sleep(0)
                now -= 1
                assert isinstance(await journal.append(takes(run, seq, text="lets go")), Committed)
                seq += 1

        await asyncio.gather(*[fight(journals[n % len(journals)], f"run {n}") for n in range(12)])
        assert 1 <= most <= top
        assert await journals[-1].held(["n"]) == {"n": Held()}
        await until(lambda: journals[0].watermark() == 96)
        held = 0
        for line in await journals[0].feed():
            held += 1 if b'"takes"' in line.data else -1
            assert 0 <= held <= top
        assert held == 0
