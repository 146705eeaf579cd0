"""The fleet: the drivers of this process, and the way into a run's journal for everything that does not come from one of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from holdfast import units
from holdfast.agent import Agent
from holdfast.core import shares
from holdfast.core.decide import contradicted
from holdfast.core.late import fit
from holdfast.core.pending import Outlook, outlook, outlook_after
from holdfast.core.state import Moment, State
from holdfast.errors import Bug, HoldfastError, JournalFull, JournalLocked
from holdfast.events import AnyEvent, Entry
from holdfast.journal.port import Committed, Journal, Row
from holdfast.models.port import Model
from holdfast.models.shelf import Shelf
from holdfast.shell import bodies
from holdfast.shell.book import Book
from holdfast.shell.children import Children
from holdfast.shell.control import Control, uncarried
from holdfast.shell.driver import MAX_CONFLICTS, Driver, World
from holdfast.shell.perform import Performer
from holdfast.shell.redact import Redactor
from holdfast.views.access import CONTROL

LATE_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between tries to record a fact for which the journal had no room."""

SOON: Final = 0.05
"""Seconds between looks at a run that another worker drives, at least; every entry of it is heard of anyway."""

MOST_WOKEN: Final = 20
"""Runs that are driven at once because something is free again."""

MOST_UNCARRIED: Final = 1_000
"""Runs of an agent that are looked at again at once because the code here may carry them."""

RECENT: Final = 64
"""Runs whose state is kept at hand after they were parked."""


class Fleet:
    """The drivers of one worker, at most one to a run."""

    def __init__(
        self,
        journal: Journal,
        worker: str,
        performer: Performer,
        agents: dict[str, Agent[Any, Any]],
        model: Callable[[str], Model],
        shelf: Callable[[], Shelf],
    ) -> None:
        self.redactor = Redactor()
        self.drives = True
        """Whether runs that have something to do are driven here without being asked for."""
        self.journal = journal
        self._worker = worker
        self._agents = agents
        self.keeps_closed = False
        """Whether closed runs are kept at hand too, with their entries: for whoever judges each run as it closes."""
        self._children = Children(self, shelf)
        self.control = Control(journal)
        self._world = World(
            journal,
            worker,
            performer,
            agents,
            model,
            self._children.tend,
            self._children.doubtful,
            self._record_late,
            self.control,
            self._freed,
            {},
            set(),
        )
        self._drivers: dict[str, tuple[Driver, asyncio.Task[tuple[State, Outlook]]]] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        """Runs that somebody attends here, and that wait for their time or their turn."""
        self._wrong: BaseException | None = None
        self._draining = False
        self._looked, self._uncarried = 0.0, list[Row]()
        self._recent: dict[str, Book] = {}
        """Open runs last seen here, oldest first; at most RECENT of them, and none of them is the truth."""

    # ---- books

    def book(self, run: str) -> Book:
        """The book of a run, opened where this process last closed it: a conversation is not read again at each word."""
        known = self._recent.get(run)
        if known is not None:
            return known.copy()
        return Book(self.journal, run, self.redactor, keeps=self.keeps_closed, opened=self._remember)

    def forget(self, run: str) -> None:
        """Keep nothing of a run at hand."""
        self._recent.pop(run, None)

    def _remember(self, book: Book) -> None:
        if book.state is None:
            return
        self.forget(book.run)
        if book.state.closed is None or self.keeps_closed:
            self._recent[book.run] = book.copy()
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    async def state(self, run: str) -> State:
        """What is known of a run now. Raises UsageError for one that does not exist."""
        book = self.book(run)
        await book.refresh()
        self._remember(book)
        return book.known

    async def record(self, run: str) -> tuple[State, Sequence[Entry]]:
        """What was last seen of a run here, and the entries that say so, bodies loaded. What is not at hand is read.

        Raises UsageError for a run that does not exist.
        """
        book = self._recent.get(run)
        if book is None:
            book = self.book(run)
            await book.refresh()
            self._remember(book)
        return book.known, await bodies.entries(self.journal, run) if book.entries is None else book.entries[:]

    def at_hand(self, run: str) -> State | None:
        """What was last seen of a run here, where that was lately; others may have appended since."""
        known = self._recent.get(run)
        return None if known is None else known.state

    async def put(self, run: str, make: Callable[[State], AnyEvent | None], *, actor: str, cause: int = 0) -> State:
        """Append one fact, made from the state it meets; again from the newer state where somebody was faster.

        Raises what `make` raises, and UsageError for a run that does not exist.
        """
        book, guessed = self.book(run), run in self._recent and run not in self._drivers
        for _ in range(MAX_CONFLICTS):
            if not guessed:
                await book.refresh()
            at = self.journal.now()  # before it is judged, so that what was in time then is so by its own moment
            try:
                event = make(book.known)
            except HoldfastError:
                event = None
                if not guessed:
                    raise
            if event is None:
                if not guessed:
                    return book.known
                guessed = False  # only an append shows that what was at hand is all there is
                continue
            guessed = False
            page = book.page(at)
            state = page.add(event, cause, actor)
            if state.closed is not None:  # maybe nobody drives it again: what this contradicts is said with it
                head = state.seq
                for found in contradicted(state):
                    state = page.add(found, head, self._worker)
            if isinstance(await book.append(page, self._stands(book, state)), Committed):
                self._remember(book)
                self._freed(book.let_go)
                self.take_up(run, state)
                return state
        raise Bug("an append was overtaken too often", run=run)

    def _stands(self, book: Book, state: State) -> Outlook:
        """How a run stands with a fact that is about to get in; without its agent's code that cannot be told exactly."""
        agent = self._agents.get(state.opened.agent)
        if agent is None or state.closed is not None:
            return outlook(state)
        at = max(self.journal.now(), state.at)
        moment = Moment(at=at, worker=self._worker, secret=book.secret, epoch=self.journal.epoch())
        return outlook_after(agent.under(state.contract_digest, state.contract, state.run), state, moment)

    async def uncarried(self) -> list[Row]:
        """Runs of agents known here that rest because code elsewhere could not carry them; looked up once a second."""
        now = self._world.performer.clock()
        if now - self._looked >= 1.0:
            self._looked, rows = now, list[Row]()
            for agent in self._agents:
                rows += await self.journal.wanting(shares.stop_name(uncarried(agent)), MOST_UNCARRIED)
            self._uncarried = rows
        return self._uncarried

    # ---- drivers

    def take_up(self, run: str, state: State) -> None:
        """Drive a run on from here, if there is something to do and its agent is known."""
        open_end = (state.closed is None or bool(state.conflict)) and self.drives and not self._draining
        if open_end and state.opened.agent in self._agents and run not in self._drivers:
            self.drive(run)

    def drive(self, run: str) -> asyncio.Task[tuple[State, Outlook]]:
        """The task that drives a run here, begun if there is none; it ends when the run is closed or has to wait."""
        held = self._drivers.get(run)
        if held is not None:
            return held[1]
        driver = Driver(self._world, self.book(run))
        task = asyncio.create_task(self._drives(run, driver), name=f"drive {run}")
        self._drivers[run] = (driver, task)
        return task

    async def _drives(self, run: str, driver: Driver) -> tuple[State, Outlook]:
        try:
            stands = await driver.drive()
            await self._children.tell(driver.book.known, driver.book.secret)
            return driver.book.known, stands
        finally:
            del self._drivers[run]
            self._remember(driver.book)

    async def attend(self, run: str) -> tuple[State, Outlook]:
        """Drive a run here until it is closed or waits for somebody.

        A wait for time alone is waited out, and so is what another worker is doing.
        """
        while True:
            state, stands = await asyncio.shield(self.drive(run))
            if stands.status == "working" and not self._draining:
                leased = max((stands.due or 0) - self.journal.now(), 0) / units.SECOND
                await self._until(run, max(leased, SOON))
                continue
            if stands.waits_for == "child":
                if await self._children.next(run):
                    continue
                return state, self._children.waits(state, stands)
            if stands.status == "closed" or stands.waits_for not in ("time", "place") or stands.due is None:
                return state, stands
            if run in self._drivers:  # somebody else here drives it on already
                continue
            await self._until(run, max(stands.due - self.journal.now(), 0) / units.SECOND)

    async def _until(self, run: str, seconds: float) -> None:
        """Wait for a time, or until what the run waits for may be free."""
        woken = self._waiting.setdefault(run, asyncio.Event())  # several may attend one run
        try:
            await asyncio.wait_for(woken.wait(), seconds)
        except TimeoutError:
            return
        finally:
            if self._waiting.get(run) is woken:
                del self._waiting[run]

    def _freed(self, names: Counter[str]) -> None:
        """Others may have now what this process let go: those that have waited longest are driven here, if they can be."""
        if self._draining or not self.drives:
            return
        for name, amount in names.items():
            chore = asyncio.get_running_loop().create_task(self._wake(name, amount), name=f"wake for {name}")
            self._chores.add(chore)
            chore.add_done_callback(self._recorded)

    async def _wake(self, name: str, amount: int) -> None:
        rows = [row for row in await self.journal.wanting(name, MOST_WOKEN) if row.agent in self._agents]
        for row in rows[:amount]:
            if not self._draining:
                self._woken(row.run)

    def _woken(self, run: str) -> None:
        """Drive a run that waited: by whoever attends it here, or without being asked for."""
        waiter, held = self._waiting.get(run), self._drivers.get(run)
        if held is not None:  # something else of it is under way here
            held[0].notify(1 << 60)
        elif waiter is not None:
            waiter.set()
        else:
            self.drive(run)

    def heard(self, run: str, seq: int) -> None:
        """Somebody appended to a run: tell whoever drives it here."""
        if run == CONTROL:
            self.control.heard()
            for driver, _ in list(self._drivers.values()):
                driver.notify(1 << 60)
            return
        held = self._drivers.get(run)
        if held is not None:
            held[0].notify(seq)
        if run in self._waiting:
            self._waiting[run].set()

    def _record_late(self, run: str, fact: AnyEvent, cause: int) -> asyncio.Task[None]:
        """Record a fact whose driver is gone; where the journal has no room or is held, as soon as it takes it."""

        async def record() -> None:
            for pause in LATE_PAUSES:
                try:
                    await self.put(run, lambda state: fit(state, fact), actor=self._worker, cause=cause)
                except (JournalFull, JournalLocked):
                    await asyncio.sleep(pause)
                else:
                    return
            await self.put(run, lambda state: fit(state, fact), actor=self._worker, cause=cause)

        chore = asyncio.get_running_loop().create_task(record(), name=f"late {run} {cause}")
        self._chores.add(chore)
        chore.add_done_callback(self._recorded)
        return chore

    def _recorded(self, chore: asyncio.Task[None]) -> None:
        """One error that kept a fact from being recorded is kept, to be raised by `drain`."""
        self._chores.discard(chore)
        if not chore.cancelled():
            error = chore.exception()  # looked at, each of them: asyncio would tell of one that nobody looked at
            self._wrong = self._wrong or error

    async def drain(self) -> None:
        """Let what is being performed finish and be recorded, and start nothing more.

        Raises what kept something from being recorded.
        """
        self._draining = True
        try:
            await self._children.let_go()
            for driver, _ in list(self._drivers.values()):
                driver.draining = True
                driver.notify(1 << 60)
            await asyncio.gather(*(task for _, task in self._drivers.values()), return_exceptions=True)
            flights = [flight for flights in self._world.flying.values() for flight in flights.values()]
            await asyncio.gather(*(flight.landed for flight in flights))
            await asyncio.gather(*self._chores, return_exceptions=True)
        finally:
            self._draining = False
        if self._wrong is not None:
            wrong, self._wrong = self._wrong, None
            raise wrong
