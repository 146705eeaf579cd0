"""What the journal knows of notices: the run `notify`, and what is to be told by the feed and by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from holdfast import codec
from holdfast.codec import GENESIS
from holdfast.errors import Bug, JournalDamaged, JournalError, JournalNewer
from holdfast.events import Entry, Notified
from holdfast.journal import walk
from holdfast.journal.port import Committed, Journal, Moved, Where
from holdfast.shell import beside, bodies
from holdfast.shell.durable import pages
from holdfast.views.access import BESIDE, NOTIFY
from holdfast.views.notices import (
    CAUSES,
    FINISHED,
    Notice,
    Standing,
    Told,
    causes,
    lasts,
    may_send,
    notices,
    still_says,
    take,
    warned_from,
)

TRIES: Final = 100
"""How often an entry is made again because somebody else's came first."""

FAR: Final = 5_000
"""Lines of the feed after which it is recorded that they were read, where nothing else is."""

_MARKS: Final = tuple(f'"kind":"{kind.__name__}"'.encode() for kind in CAUSES)

UNREADABLE: Final = (JournalDamaged, JournalNewer, Bug)
"""What is wrong with one run alone, and does not pass."""


class Cause(Struct, frozen=True, gc=False):
    """An entry that may have to be told."""

    place: int
    """Its position in the feed."""
    lasts: bool
    """Whether it is told although nobody waits any more."""


Make = Callable[[Mapping[str, Standing]], Notified | None]
"""An entry, from what is known of notices before it; None for none."""


class Account:
    """The run `notify`: what became of each notice that may still have to be sent. actor: who appends here."""

    def __init__(self, journal: Journal, actor: str) -> None:
        self._journal, self._actor = journal, actor
        self.standings: dict[str, Standing] = {}
        self.read = 0
        """The position in the feed up to which everything was told, by anybody."""
        self.began = 0
        """When people were to be told for the first time; 0: never yet. What lasts from before is not told."""
        self.attention = False
        self._seq, self._at, self._head = 0, 0, GENESIS
        self._forgot = 0
        """The position in the feed up to which nothing has to be known any more."""

    async def refresh(self) -> None:
        """Read what was appended since; at first, from the entry on that the last one names."""
        if not self._seq and (row := await self._journal.row(NOTIFY)) is not None:
            self.began, self.attention = row.opened, row.attention
            last = codec.decode((await self._journal.read(NOTIFY, row.seq - 1))[0][0])
            since = last.event.since if isinstance(last.event, Notified) else 1
            before = max(since, 1) - 1
            self._seq = before
        for data, digest in await self._journal.read(NOTIFY, self._seq):
            self._take(codec.decode(data, self._head, digest))

    def _take(self, entry: Entry) -> None:
        self._seq, self._at, self._head = entry.seq, entry.at, entry.digest
        self.began = self.began or entry.at
        if isinstance(entry.event, Notified):
            self.read = max(self.read, entry.event.read)
            self.attention = _attention(entry.event, self.attention)
            take(self.standings, entry)

    async def begin(self) -> None:
        """Say that from now on people are told, where nobody said so before."""
        await self.refresh()
        if not self.began:
            await self.put(lambda known: None if self.began else Notified("", "read"), 0)

    async def mark(self, low: int) -> None:
        """Say how far everything was told, where that is far from what was said last."""
        if low - self.read >= FAR:
            await self.put(lambda known: Notified("", "read"), low)

    async def put(self, make: Make, low: int) -> Notified | None:
        """Append an entry, durably, and give it; None where `make` gives none. low: how far everything was told, as known here.

        Raises JournalError where others append all the time, or nothing can be.
        """
        for _ in range(TRIES):
            await self.refresh()
            made = make(self.standings)
            if made is None:
                return None
            answer, entry = await self._append(made, low)
            if isinstance(answer, Committed):
                self._take(entry)
                event = entry.event
                return event if isinstance(event, Notified) else None
            if not isinstance(answer, Moved):
                break
        raise JournalError("who was told is being written by too many at once", run=NOTIFY)

    async def _append(self, made: Notified, low: int) -> tuple[object, Entry]:
        now, seq, read = self._journal.now(), self._seq + 1, max(self.read, low)
        at = max(now, self._at)
        if read > self._forgot:
            self._forgot = read
            self.standings = {name: one for name, one in self.standings.items() if still_says(one, read, now)}
        oldest = next((one.seq for name, one in self.standings.items() if name != made.id), seq)
        entry = Entry(NOTIFY, seq, at, 0, self._actor, replace(made, read=read, since=oldest))
        attention = _attention(made, self.attention)
        batch = beside.batch(entry, self._head, opened=self.began or at, attention=attention)
        (data, digest), head = batch.lines[0], self._head
        return await self._journal.append(batch), codec.decode(data, head, digest)


def _attention(said: Notified, before: bool) -> bool:  # noqa: FBT001 - what it was before
    """Whether somebody has to look at why people are not told: until the receiver takes something again."""
    return said.state == "given_up" or (before and said.state != "told")


class News:
    """What is to be told of a journal. lead: see `views.notices.lead_of`. tell: says something to whoever watches."""

    def __init__(
        self, journal: Journal, account: Account, *, lead: int | None = None, tell: Callable[[str], None]
    ) -> None:
        self._journal, self._account, self._lead, self._tell = journal, account, lead, tell
        self._read = 0
        self._open: dict[str, dict[int, Cause]] = {}
        """Run → its entries that may have to be told, by their seq."""
        self._quiet: dict[str, tuple[int, int]] = {}
        """Runs with questions of which nothing is to be told by time alone: (head, until when; 0: until something is appended)."""
        self._contracts: dict[str, bytes | None] = {}
        self.later = 0
        """Notices that may not be sent yet, as of the last look: others are sending them, or they were not taken."""

    @property
    def low(self) -> int:
        """The position in the feed up to which everything was told, or needs not be."""
        places = (cause.place for found in self._open.values() for cause in found.values())
        return max(min(places, default=self._read + 1) - 1, self._account.read)

    async def due(self, now: int, gone: Callable[[str], bool]) -> list[tuple[Notice, int]]:
        """What may be sent now, with its place in the feed (0: by time); what was tried least first. gone: see `may_send`."""
        await self._account.begin()
        await self._scan(self._journal.watermark())
        found = {notice.id: (notice, place) for notice, place in [*await self._caused(now), *await self._ending(now)]}
        known = self._account.standings
        due = [one for name, one in found.items() if may_send(known.get(name), now, gone)]
        self.later = len(found) - len(due)
        return sorted(
            due, key=lambda one: (known[one[0].id].said.attempt if one[0].id in known else 0, one[0].at, one[0].id)
        )

    async def waiting(self, now: int) -> list[Notice]:
        """All that is not told yet, also what others are sending or what was not taken. Appends nothing."""
        await self._account.refresh()
        await self._scan(self._journal.watermark())
        found = {notice.id: notice for notice, _ in [*await self._caused(now), *await self._ending(now)]}
        return sorted(found.values(), key=lambda one: (one.at, one.id))

    def finish(self, notice: Notice) -> None:
        """A notice needs not be sent any more."""
        places = self._open.get(notice.run, {})
        if notice.kind != "ending" and places.pop(notice.seq, None) is not None and not places:
            del self._open[notice.run]

    # ------------------------------------------------------------------------------------------------------ the feed

    async def _scan(self, until: int) -> None:
        """Find the entries that may have to be told, up to a position of the feed."""
        since = self._account.began or self._journal.now()
        async for page in pages(self._journal, max(self._read, self._account.read), until):
            for line in page:
                if line.run in BESIDE or not any(mark in line.data for mark in _MARKS):
                    continue
                try:
                    entry = codec.decode(line.data)
                except UNREADABLE as error:
                    self._tell(f"nobody is told of entry {line.seq} of run {line.run}: {error.what}")
                    continue
                if causes(entry.event) and not (lasts(entry.event) and entry.at < since):
                    self._open.setdefault(line.run, {})[line.seq] = Cause(line.position, lasts(entry.event))
            self._read = page[-1].position

    async def _caused(self, now: int) -> list[tuple[Notice, int]]:
        """What is to be told of these entries; those of which nothing is, or somebody was told, are forgotten."""
        found: list[tuple[Notice, int]] = []
        for run, all_ in list(self._open.items()):
            left = {seq: cause for seq, cause in all_.items() if cause.place > self._account.read}
            told = await self._told(run, now) if left and await self._may_tell(run, left) else Told()
            by_seq = {one.seq: one for one in told.notices if one.kind != "ending"}
            for seq, cause in list(left.items()):
                notice = by_seq.get(seq)
                if notice is None or self._is_finished(notice):
                    del left[seq]
                else:
                    found.append((notice, cause.place))
            if left:
                self._open[run] = left
            else:
                del self._open[run]
        return found

    async def _may_tell(self, run: str, found: Mapping[int, Cause]) -> bool:
        """Whether anything is to be told of these entries, by the row of their run, which is quicker to read."""
        row = await self._journal.row(run)
        waits = row is None or row.questions or row.attention or row.doubts
        return bool(waits) or any(cause.lasts for cause in found.values())

    # ----------------------------------------------------------------------------------------------------------- time

    async def _ending(self, now: int) -> list[tuple[Notice, int]]:
        """Questions that end soon. Of a run that waits for days only its row is looked at."""
        found: list[tuple[Notice, int]] = []
        quiet: dict[str, tuple[int, int]] = {}
        async for row in walk.rows(self._journal, Where(questions=True)):
            known = self._quiet.get(row.run)
            if row.run in BESIDE or (row.due and now < warned_from(row.opened, row.due, self._lead)):
                continue
            if known is not None and known[0] == row.seq and (not known[1] or now < known[1]):
                quiet[row.run] = known
                continue
            told = await self._told(row.run, now)
            ending = [(one, 0) for one in told.notices if one.kind == "ending" and not self._is_finished(one)]
            if not ending:
                quiet[row.run] = row.seq, told.again
            found += ending
        self._quiet = quiet
        return found

    def _is_finished(self, notice: Notice) -> bool:
        standing = self._account.standings.get(notice.id)
        return standing is not None and standing.said.state in FINISHED

    # ----------------------------------------------------------------------------------------------------------- runs

    async def _told(self, run: str, now: int) -> Told:
        """What is to be told of a run; nothing of one that cannot be read, which is said."""
        try:
            kept = bodies.Kept(self._journal, run)
            lines = await self._journal.read(run, durable=True)
            entries = [await bodies.load(entry, partial(self._fetch, kept)) for entry in codec.entries(run, lines)]
            return notices(entries, now, self._lead)
        except UNREADABLE as error:
            self._tell(f"nobody is told of run {run}: {error.what}; holdfast verify {run}")
            return Told()

    async def _fetch(self, kept: bodies.Kept, ref: str) -> bytes | None:
        """A contract; nothing else that is kept beside the chain is looked at, since nothing of it is told."""
        if not ref.startswith(bodies.CONTRACT):
            return None
        if ref not in self._contracts:
            self._contracts[ref] = await kept.fetch(ref)
        return self._contracts[ref]
