"""Telling people outside, at least once: from the durable journal, recorded in the run `notify` of the same journal.

    the feed → runs with something to tell → notices (`views.notices`) → claim → receiver → what came of it

Append, then act: a notice is sent by whoever won the append of its claim, which lasts a minute. What came of it is appended
after. Killed in between, a sender has sent something that nobody recorded; so it is sent again, under the same name. Each
entry says how far everything was told, and from which entry on the run `notify` still says anything: whoever begins anew
reads the feed from there, and not a year of it.

It drives nothing and no run waits for it. A receiver that takes nothing is left alone, longer each time; a notice that was not
taken for a day is given up, with an entry that says so and the attention of people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from holdfast import codec, units
from holdfast.errors import Bug, HoldfastError
from holdfast.events import Notified
from holdfast.journal.port import Journal
from holdfast.shell.receivers import Answer, Receiver
from holdfast.shell.telling import Account, News
from holdfast.views.access import NOTIFY
from holdfast.views.notices import FINISHED, Notice, Standing, may_send, message


class Patience(Struct, frozen=True):
    """How long, and how often. Moments of the journal in µs, of this process in seconds."""

    lease: int = units.MINUTE
    """For how long nobody else sends a notice that somebody began to send. Longer than any receiver may take."""
    again: int = 30 * units.SECOND
    """Before a notice is sent again that was not taken; doubles each time."""
    longest: int = units.HOUR
    """At most."""
    gives_up: int = units.DAY
    """After this long without being taken, counted from the first time."""
    failures: int = 3
    """One after another, after which a receiver is left alone: the rest waits too."""
    rest: float = 5.0
    """For how long; doubles each time."""
    longest_rest: float = 300.0
    pause: float = 0.5
    """In which news may become more."""
    grace: float = 2.0
    """For what is being sent, once it is to stop."""
    look: float = 15.0
    """Between looks at what time brings; appends are heard of at once."""


class Round(Struct):
    """What one round did."""

    told: int = 0
    failed: int = 0
    given_up: int = 0
    left: int = 0
    """Notices that are still to be told: others are sending them, or they were not taken."""
    down: bool = False
    """Whether the receiver is to be left alone for a while."""
    why: str = ""
    """Why the last one was not taken."""


class Notifier:
    """Tells one receiver what is to be told of one journal. worker: this process, as the journal knows it alive.

    tell: says something to whoever watches. lead: before the end of a question, in µs, instead of a quarter of its time.
    """

    def __init__(
        self, journal: Journal, receiver: Receiver, *, worker: str, tell: Callable[[str], None], lead: int | None = None,
        patience: Patience | None = None,
    ) -> None:  # fmt: skip
        self._journal, self._receiver, self._worker, self._tell = journal, receiver, worker, tell
        self._patience = patience or Patience()
        self._account = Account(journal, worker)
        self._news = News(journal, self._account, lead=lead, tell=tell)
        self._heard, self._stopped = asyncio.Event(), asyncio.Event()
        self._down = 0
        """Rounds one after another in which the receiver took nothing."""
        self._said = ""
        """What was last said to whoever watches."""

    def stop(self) -> None:
        """Let `keep` return when what is being sent was recorded."""
        self._stopped.set()
        self._heard.set()

    async def keep(self) -> None:
        """Tell whatever is to be told, until stopped. Raises what is no expected failure."""
        deaf = self._journal.listen(lambda run, seq: None if run == NOTIFY else self._heard.set())
        try:
            while not self._stopped.is_set():
                self._heard.clear()
                try:
                    done = await self.once()
                except Bug:
                    raise
                except HoldfastError as error:  # the journal's: whoever drives runs has the same, and says so
                    self._say(f"people cannot be told just now: {error.what}")
                    done = Round(down=True)
                await self._wait(done)
        finally:
            deaf()

    async def _wait(self, done: Round) -> None:
        """Until there are news, or it is time to look; while a receiver takes nothing, until it had its rest."""
        calm = self._patience
        if done.down:
            self._down += 1
            await _within(self._stopped, min(calm.rest * 2 ** (self._down - 1), calm.longest_rest))
            return
        self._down = 0
        await _within(self._heard, calm.look)
        await _within(self._stopped, calm.pause)

    async def once(self) -> Round:
        """Tell what is to be told now, and give what came of it; what is not taken is tried once."""
        done, in_a_row = Round(), 0
        due = await self._news.due(self._journal.now(), self._is_gone)
        done.left, low = self._news.later, self._news.low
        for at, (notice, place) in enumerate(due):
            if self._stopped.is_set() or done.down:
                done.left += len(due) - at
                break
            before = done.failed + done.given_up
            await self._one(notice, place, low, done)
            in_a_row = in_a_row + 1 if done.failed + done.given_up > before else 0
            done.down = in_a_row >= self._patience.failures
        await self._account.mark(self._news.low)
        return done

    async def _one(self, notice: Notice, place: int, low: int, done: Round) -> None:
        """Send one notice, if nobody else does, and record what came of it."""
        claim = await self._account.put(lambda known: self._claim(notice, place, known.get(notice.id)), low)
        if claim is None:
            standing = self._account.standings.get(notice.id)
            done.left += standing is not None and standing.said.state not in FINISHED
            return
        answer = await self._sent(codec.canonical(message(notice)))
        became = self._became(claim, answer.ok, answer.why, answer.after)
        recorded = await self._account.put(lambda known: _unless_told(became, known.get(notice.id)), low)
        if became.state in FINISHED:
            self._news.finish(notice)
        if answer.ok:
            done.told += 1
            self._say("")
            return
        given_up = recorded is not None and recorded.state == "given_up"
        done.why = answer.why
        done.given_up += given_up
        done.failed += not given_up
        done.left += not given_up
        if given_up:
            self._tell(f"{self._receiver.name} was not told of {notice.id}, and will not be: {answer.why}")
        else:
            self._say(f"{self._receiver.name}: {answer.why}; it is tried again, nothing is lost")

    async def _sent(self, body: bytes) -> Answer:
        """What came of sending a notice; once this is to stop, it is not waited for much longer."""
        sending = asyncio.ensure_future(self._receiver.send(body, self._journal.now()))
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({sending}, timeout=self._patience.grace)
            return sending.result() if sending.done() else Answer(ok=False, why="nobody waited for it any longer")
        finally:
            stopped.cancel()
            if sending.cancel():
                await asyncio.wait({sending})

    def _claim(self, notice: Notice, place: int, standing: Standing | None) -> Notified | None:
        """The entry by which this process is the one that sends; None where somebody else is, or nobody needs to."""
        now = self._journal.now()
        if not may_send(standing, now, self._is_gone):
            return None
        said = standing.said if standing is not None else None
        return Notified(
            id=notice.id, state="sending", to=self._receiver.name, attempt=said.attempt + 1 if said is not None else 1,
            first=(said.first if said is not None else 0) or now, until=now + self._patience.lease, place=place,
            ends=notice.until if notice.kind == "ending" else 0,
        )  # fmt: skip

    def _is_gone(self, by: str) -> bool:
        """Whether nothing of what somebody began to send can still be on its way: its process ended, or is this one."""
        return by == self._worker or self._journal.alive(by) is False

    def _became(self, claim: Notified, ok: bool, why: str, after: float) -> Notified:  # noqa: FBT001 - of an answer
        now, calm = self._journal.now(), self._patience
        if ok:
            return replace(claim, state="told", until=0)
        if now - claim.first >= calm.gives_up:
            return replace(claim, state="given_up", until=0, why=why)
        wait = min(calm.again * 2 ** min(claim.attempt - 1, 30), calm.longest)
        return replace(claim, state="failed", until=now + max(wait, round(after * units.SECOND)), why=why)

    def _say(self, text: str) -> None:
        """Say something once, and not with every round."""
        if text != self._said:
            self._tell(text or f"{self._receiver.name} takes notices again")
        self._said = text


def _unless_told(became: Notified, standing: Standing | None) -> Notified | None:
    """What came of sending; nothing where it was not taken and somebody else has told it meanwhile."""
    return None if became.state != "told" and standing is not None and standing.said.state == "told" else became


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Until something is so, or a time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


__all__ = ["Notifier", "Patience", "Round"]
