"""When a worker takes checkpoints: as entries come in, as time goes by, and when runs end; and what it says of failures.

A checkpoint is due after so many entries, after so long if there is anything new, and after a run ended. Those that end
together share one. Of several workers on one journal the first takes it, and the others find that it covers what they had
in mind. What fails is told, and tried again; work goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from holdfast.errors import Bug, HoldfastError
from holdfast.journal.port import Journal
from holdfast.shell.auditor import Auditor, Delivery, Round
from holdfast.views import words

ENTRIES: Final = 1_000
"""Entries after which a checkpoint is due."""

SECONDS: Final = 60.0
"""Time after which a checkpoint is due, if there is anything new; and after which what failed is tried again."""

PAUSE: Final = 1.0
"""Seconds that runs may end together in, and between looks at how many entries there are."""

AGAIN: Final = 600.0
"""Seconds after which a failure that goes on is told again."""


class Beat(Struct, frozen=True):
    """How often: see `ENTRIES`, `SECONDS`, `PAUSE` and `AGAIN`."""

    entries: int = ENTRIES
    seconds: float = SECONDS
    pause: float = PAUSE
    again: float = AGAIN


class Rhythm:
    """Takes checkpoints of a journal for as long as `keep` runs. `tell` is given sentences for people."""

    def __init__(
        self, auditor: Auditor, journal: Journal, tell: Callable[[str], None], *, beat: Beat | None = None
    ) -> None:
        self._auditor = auditor
        self._journal = journal
        self._tell = tell
        self._beat = beat or Beat()
        self._news = asyncio.Event()
        self._ended = False
        """Whether a run ended since the last checkpoint."""
        self._covered = -1
        """The position up to which there is nothing new to sign; -1: not known yet."""
        self._stopped = asyncio.Event()
        self._failing: dict[str, tuple[str, float]] = {}
        """What does not go, by the name of the anchor, or empty for all of it → (why, when that was told)."""

    def ended(self) -> None:
        """A run ended: a checkpoint is due."""
        self._ended = True
        self._news.set()

    def stop(self) -> None:
        """Let `keep` return when what it is doing is done."""
        self._stopped.set()
        self._news.set()

    async def keep(self) -> None:
        """Take checkpoints until stopped. Raises what is no expected failure."""
        deaf = self._journal.listen(lambda run, seq: self._news.set())
        loop = asyncio.get_running_loop()
        try:
            last = loop.time()
            await self.take()
            while not await _within(self._stopped, self._beat.pause):
                await _within(self._news, last + self._beat.seconds - loop.time())
                self._news.clear()
                if self._is_due(loop.time() - last) and not self._stopped.is_set():
                    last = loop.time()
                    await self.take()
        finally:
            deaf()

    def _is_due(self, since: float) -> bool:
        new = self._journal.watermark() - self._covered
        return (
            self._ended
            or new >= self._beat.entries
            or (since >= self._beat.seconds and (new > 0 or bool(self._failing)))
        )

    async def take(self) -> None:
        """Take a checkpoint if there is anything new, and level the anchors. An expected failure is told."""
        upto = self._journal.watermark()
        self._ended = False
        try:
            done = await self._auditor.checkpoint()
        except Bug:
            raise
        except HoldfastError as error:
            self._fails("", " ".join(str(error).split()))
            return
        self._goes("", "checkpoints are taken again")
        self._took(done, upto)
        for one in done.deliveries:
            self._delivered(one)

    def _took(self, done: Round, upto: int) -> None:
        if done.taken is not None:
            self._covered = done.taken.position + 1  # its own entry comes after what it covers
        elif not done.lost:
            self._covered = upto
        else:  # somebody else's covers some of it; another look says whether all
            self._ended = True
            self._news.set()

    def _delivered(self, one: Delivery) -> None:
        if one.why:
            self._fails(one.anchor, one.why)
        else:
            given = words.count(one.count, "checkpoint")
            self._goes(one.anchor, f"the anchor {one.anchor} is reached again, and was given {given}")

    def _fails(self, anchor: str, why: str) -> None:
        """Tell of a failure: when it begins, when it changes, and from time to time."""
        known, told = self._failing.get(anchor, ("", 0.0))
        now = asyncio.get_running_loop().time()
        if why == known and now - told < self._beat.again:
            return
        self._failing[anchor] = why, now
        where = f"the anchor {anchor} does not hold the last checkpoints" if anchor else "no checkpoint was taken"
        self._tell(f"{where}: {why}; it is tried again")

    def _goes(self, anchor: str, text: str) -> None:
        if self._failing.pop(anchor, None) is not None:
            self._tell(text)

    @property
    def failing(self) -> bool:
        """Whether something still does not go."""
        return bool(self._failing)

    async def finish(self) -> None:
        """Take the last one, for what came since; and say again what does not go."""
        if self._ended or self._failing or self._journal.watermark() > self._covered:
            self._failing = {name: (why, -self._beat.again) for name, (why, _) in self._failing.items()}
            await self.take()


async def _within(event: asyncio.Event, most: float) -> bool:
    """Whether an event came within so many seconds."""
    try:
        async with asyncio.timeout(max(most, 0)):
            await event.wait()
    except TimeoutError:
        return False
    return True
