"""The sender: follows the durable feed, and sends each span when it is over. It writes nothing but its position.

    a page of the feed → the runs in it → their spans that were over in it → the collector → the position

The position moves when everything up to it was taken, and never before. Killed at any moment, it goes on from the last
one, and what is sent again has the ids it had. A collector that is down is waited for, longer each time, and nothing else
waits with it: the journal's writers know nothing of a sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from holdfast import codec, units
from holdfast.errors import JournalDamaged, SettingsError
from holdfast.events import Entry, RunOpened
from holdfast.journal.port import FeedLine, Journal
from holdfast.otel.collector import Answer, Collector
from holdfast.otel.content import about_somebody
from holdfast.otel.mapping import spans
from holdfast.otel.position import Position
from holdfast.otel.span import Span
from holdfast.shell import bodies
from holdfast.views.access import BESIDE
from holdfast.views.visible import visible

PAGE: Final = 2000
"""Lines of the feed read at once."""

BATCH: Final = 500
"""Spans in one request."""

LINGER: Final = 0.5
"""Seconds that news are given to become more, so that a run is read once for many of its entries."""

REST: Final = 4
"""Times as long as sending took that it rests after: a run of a thousand steps is read again for each of its pieces."""

POLL: Final = 5.0
"""Seconds between looks at the feed; appends are heard of at once."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before a collector is tried again: the first time, and at most."""

PATIENCE: Final = 60.0
"""Seconds that a sender which is to end waits for a collector that takes nothing, once everything is to be sent."""

DRAIN: Final = 10.0
"""Seconds for what is left, after it was told to stop."""


class Sent(Struct):
    """What a sender did."""

    position: int = 0
    spans: int = 0
    runs: int = 0
    """Times that spans of a run were sent."""
    repeats: int = 0
    """Requests that had to be made again."""
    left: int = 0
    """Entries that were not sent when it stopped, because the collector took nothing."""


class _Stopped(Exception):
    """Nobody waits for the collector any longer."""


class Sender:
    """Sends one journal's spans to one collector. tell: says something to whoever watches. page: lines, batch: spans at once."""

    def __init__(
        self, journal: Journal, collector: Collector, position: Position, *, tell: Callable[[str], None], content: bool = False,
        page: int = PAGE, batch: int = BATCH, sees: frozenset[str] | None = None,
    ) -> None:  # fmt: skip
        """sees: the data classes of which anything may be given at all, with `content` too; None: all (see `views.visible`)."""
        self._journal, self._collector, self._position = journal, collector, position
        self._content, self._tell = content, tell
        self._page, self._batch, self._sees = page, batch, sees
        self._contracts: dict[str, bytes | None] = {}
        self._stop = asyncio.Event()
        self._heard = asyncio.Event()
        self._until: float | None = None
        """When waiting for the collector ends, by the clock of the loop."""
        self.sent = Sent()

    def stop(self) -> None:
        """Send what is durable by now, and return; see `DRAIN`."""
        self._stop.set()
        self._heard.set()
        self._until = asyncio.get_running_loop().time() + DRAIN

    async def once(self) -> Sent:
        """Send everything that is durable now. Raises SettingsError where the collector does not take it for `PATIENCE`."""
        await self._begin()
        try:
            await self._catch_up(self._journal.watermark(), PATIENCE)
        except _Stopped:
            self._leave()
            if not self._stop.is_set():
                raise SettingsError(
                    f"the collector at {self._collector.name} took nothing for {PATIENCE:.0f} s",
                    hint=f"nothing is lost: the same command goes on after position {self.sent.position}",
                ) from None
        return self.sent

    async def follow(self) -> Sent:
        """Send whatever becomes durable, until `stop`."""
        loop = asyncio.get_running_loop()
        deaf = self._journal.listen(lambda run, seq: self._heard.set())
        try:
            await self._begin()
            while not self._stop.is_set():
                self._heard.clear()
                began = loop.time()
                await self._catch_up(self._journal.watermark())
                took = loop.time() - began
                await _either(self._heard, POLL)
                await _either(self._stop, min(max(LINGER, REST * took), POLL))
            await self._catch_up(self._journal.watermark())
        except _Stopped:
            self._leave()
        finally:
            deaf()
        return self.sent

    # ------------------------------------------------------------------------------------------------------ reading

    async def _begin(self) -> None:
        self.sent.position, said = await self._position.read(self._journal)
        if said:
            self._tell(f"{said}: everything is sent from the beginning, and what was sent before has the same ids")

    async def _catch_up(self, until: int, patience: float | None = None) -> None:
        """Send everything up to a position of the feed."""
        while self.sent.position < until:
            if self._until is not None and asyncio.get_running_loop().time() > self._until:
                raise _Stopped
            page = [line for line in await self._journal.feed(self.sent.position, self._page) if line.position <= until]
            if not page:
                return
            waiting: list[Span] = []
            for run, first, last in _runs(page):
                found = await self._over(run, first, last)
                self.sent.runs += bool(found)
                waiting += found
                while len(waiting) >= self._batch:
                    await self._send(waiting[: self._batch], patience)
                    del waiting[: self._batch]
            if waiting:
                await self._send(waiting, patience)
            self._position.write(page[-1])
            self.sent.position = page[-1].position

    async def _over(self, run: str, first: int, last: int) -> list[Span]:
        """The spans of a run that were over between two of its entries; checkpoints and viewings are none."""
        if run in BESIDE:
            return []
        try:
            entries = await self._entries(run, last)
        except JournalDamaged as error:
            self._tell(
                f"nothing is sent of entries {first} to {last} of run {run}: {error.what}; holdfast verify {run}"
            )
            return []
        return [span for span in spans(entries, content=self._content) if first <= span.over <= last]

    async def _entries(self, run: str, last: int) -> list[Entry]:
        """The entries of a run up to one. Bodies are read only where they may be sent."""
        lines = (await self._journal.read(run, durable=True))[:last]
        found: list[Entry] = []
        everything, kept = False, bodies.Kept(self._journal, run)
        for entry in codec.entries(run, lines):
            if isinstance(entry.event, RunOpened):
                everything = self._content and not about_somebody(entry.event)
            if bodies.is_stored(entry):
                found.append(await bodies.load(entry, partial(self._fetch, kept, entry.aside, everything)))
            else:
                found.append(entry)
        return visible(found, self._sees)[0]

    async def _fetch(self, kept: bodies.Kept, aside: str, everything: bool, ref: str) -> bytes | None:  # noqa: FBT001 - bound
        """A body that may be sent; the contract, for the names in it; and the words set aside, for the names of rules."""
        if ref.startswith("contract_"):
            if ref not in self._contracts:
                self._contracts[ref] = await self._journal.blob(ref)
            return self._contracts[ref]
        return await kept.fetch(ref) if everything or ref == aside else None

    # ------------------------------------------------------------------------------------------------------ sending

    async def _send(self, batch: Sequence[Span], patience: float | None) -> None:
        """Send spans until they are taken. Raises SettingsError where they never would be, _Stopped where nobody waits any longer."""
        loop, waited = asyncio.get_running_loop(), False
        wait, until = FIRST_WAIT, None if patience is None else loop.time() + patience
        while (answer := await asyncio.to_thread(self._collector.send, batch)).kind == "again":
            self.sent.repeats, waited = self.sent.repeats + 1, True
            ends = [end for end in (until, self._until) if end is not None]
            left = min(ends) - loop.time() if ends else LONGEST_WAIT + answer.after
            if left <= 0:
                raise _Stopped
            delay = min(max(wait, answer.after), left)
            self._tell(f"{self._collector.name}: {answer.why}; trying again in {_said(delay)}, nothing is lost")
            wait = min(wait * 2, LONGEST_WAIT)
            if self._stop.is_set():
                await asyncio.sleep(delay)
            else:
                await _either(self._stop, delay)
        if waited and answer.kind == "taken":
            self._tell(f"{self._collector.name}: it takes spans again")
        if answer.kind == "smaller" and len(batch) > 1:
            half = len(batch) // 2
            await self._send(batch[:half], patience)
            await self._send(batch[half:], patience)
            return
        self._taken(batch, answer)

    def _taken(self, batch: Sequence[Span], answer: Answer) -> None:
        if answer.kind != "taken":
            raise SettingsError(
                f"the collector at {self._collector.name} does not take these spans: {answer.why}",
                hint=f"see its URL and --header; nothing is lost, it goes on after position {self.sent.position}",
            )
        if answer.why:
            self._tell(f"{self._collector.name}: {answer.why}")
        self.sent.spans += len(batch)

    def _leave(self) -> None:
        self.sent.left = max(self._journal.watermark() - self.sent.position, 0)


def _runs(page: Sequence[FeedLine]) -> Iterator[tuple[str, int, int]]:
    """The runs in a page, each with its first and last entry there."""
    found: dict[str, tuple[int, int]] = {}
    for line in page:
        found[line.run] = found.get(line.run, (line.seq, 0))[0], line.seq
    return ((run, first, last) for run, (first, last) in found.items())


def _said(seconds: float) -> str:
    return units.say_duration(round(seconds * units.SECOND))


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Until something is so, or a time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
