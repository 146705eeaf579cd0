"""What may be shown outside, and when."""

from __future__ import annotations

import asyncio

from holdfast.journal.port import Committed, FeedLine, Journal, KeyTaken
from holdfast.testing.journal_contract.story import Stories, a_batch, a_row, tells, until


class Durability(Stories):
    """The feed is the durable prefix, and has no holes."""

    @tells
    async def test_the_feed_shows_durable_lines_only_and_then_all_of_them(self, journal: Journal) -> None:
        """What is answered as durable is in it at once; what is soft comes by itself."""
        answer = await journal.append(a_batch("hard", durable=True))
        assert isinstance(answer, Committed)
        assert journal.watermark() >= answer.position
        assert [line.run for line in await journal.feed()] == ["hard"]
        await journal.append(a_batch("soft", count=2))
        shown = await journal.feed()
        assert len(shown) <= journal.watermark()

        async def all_shown() -> bool:
            return [line.run for line in await journal.feed()] == ["hard", "soft", "soft"]

        await until(all_shown)
        assert journal.watermark() == 3

    @tells
    async def test_whoever_is_told_that_a_run_has_the_key_is_told_of_a_durable_one(self, journal: Journal) -> None:
        """The run that has it may have been opened by a process that died before its sync."""
        await journal.append(a_batch("a", row=a_row("a", 1, key="k")))
        told = await journal.append(a_batch("b", row=a_row("b", 1, key="k"), durable=True))
        assert told == KeyTaken("a")
        assert journal.watermark() == 1

    @tells
    async def test_a_run_can_be_read_as_far_as_it_is_durable(self, journal: Journal) -> None:
        """Whoever drives it reads all that is committed; whoever is shown it, what a loss of power leaves."""
        await journal.append(a_batch("r", durable=True))
        await journal.append(a_batch("other"))
        await journal.append(a_batch("r", 1, count=2))
        committed = await journal.read("r")
        shown = await journal.read("r", durable=True)
        assert len(committed) == 3
        assert shown == committed[: len(shown)]
        assert len(shown) >= 1

        async def all_shown() -> bool:
            return await journal.read("r", durable=True) == committed

        await until(all_shown)
        assert await journal.read("r", 1, durable=True) == committed[1:]
        assert await journal.read("nobody", durable=True) == []

    @tells
    async def test_a_durable_batch_takes_all_before_it_along(self, journal: Journal) -> None:
        """The durable prefix has no holes."""
        await journal.append(a_batch("soft", count=3))
        await journal.append(a_batch("hard", durable=True))
        assert journal.watermark() == 4
        assert [(line.position, line.run, line.seq) for line in await journal.feed()] == [
            (1, "soft", 1), (2, "soft", 2), (3, "soft", 3), (4, "hard", 1),
        ]  # fmt: skip
        assert [line.position for line in await journal.feed(after=1, limit=2)] == [2, 3]
        assert await journal.feed(after=4) == []

    @tells
    async def test_no_reader_of_the_feed_misses_a_line(self, journal: Journal) -> None:
        """The commit-order race: a position once passed is never filled later, whoever writes."""
        await self._race([journal], journal)

    @tells
    async def test_no_reader_misses_a_line_of_several_processes(self, journal: Journal) -> None:
        """The same with writers that do not know of each other, read by a third."""
        others = [self.again(journal), self.again(journal)]
        try:
            await self._race([journal, others[0]], others[1])
        finally:
            for other in others:
                await other.close()

    async def _race(self, writers: list[Journal], reader: Journal) -> None:
        async def write(journal: Journal, run: str) -> int:
            for n in range(15):
                answer = await journal.append(a_batch(run, 2 * n, 2, durable=n % 3 == 0))
                assert isinstance(answer, Committed)
            return 30

        async def follow(total: int) -> list[FeedLine]:
            seen: list[FeedLine] = []
            while len(seen) < total:
                page = await reader.feed(seen[-1].position if seen else 0, limit=7)
                assert all(line.position <= reader.watermark() for line in page)
                seen += page
                await asyncio.sleep(0)
            return seen

        runs = [(journal, f"run {n}") for n in range(12) for journal in writers[n % len(writers) :][:1]]
        following = asyncio.ensure_future(follow(30 * len(runs)))
        await asyncio.gather(*[write(journal, run) for journal, run in runs])
        seen = await following
        assert seen == await reader.feed(limit=10_000)
        positions = [line.position for line in seen]
        assert positions == sorted(set(positions))
        for _, run in runs:
            assert [line.seq for line in seen if line.run == run] == list(range(1, 31))
