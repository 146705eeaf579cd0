"""A driver: the loop of one run in this process.

    fold what is known → append what follows → perform what this worker won → append what became of it → again

It parks by returning: a run that waits for a person, for the requester or for a later time holds no task, no timer and no
memory. Whoever appends to it next makes it due.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from holdfast.agent import Agent, Bound
from holdfast.core import shares
from holdfast.core.decide import foresee
from holdfast.core.late import fit
from holdfast.core.pending import AskModel, LookUp, Outlook, Pending, RunCall, Tend, outlook, outlook_of, pending
from holdfast.core.state import Moment, State, Stop
from holdfast.errors import Bug
from holdfast.events import AnyEvent, CallFailed, CallLookedUp, Held
from holdfast.journal.port import Appended, Claimed, Committed, Journal, Moved
from holdfast.models.port import Model
from holdfast.shell.book import Book, Page, effect_name
from holdfast.shell.control import Control, uncarried
from holdfast.shell.perform import Attempt, Performer
from holdfast.shell.publishing import NOTHING_WRONG, Carried
from holdfast.views.access import CONTROL

LINGER: Final = 2_000_000
"""µs a driver stays for a moment that is near, rather than parking."""

MAX_CONFLICTS: Final = 1_000
"""Times in a row one append may be overtaken by others."""


STOP_HEARD: Final = 0.25
"""Seconds after an append for which nobody who begins what it says looks for a stop again."""

NO_NAMES: Final = frozenset[str]()

NOTHING: Final = Committed(0)
"""The answer to an append of nothing."""

Place: TypeAlias = tuple[str, int]
"""What is performed: `ask` or `call` with the seq of its start entry; `look`, `tend` or `cancel` with that of its call."""


class Flight(NamedTuple):
    """An attempt in flight."""

    task: asyncio.Task[None]
    landed: asyncio.Future[None]
    """Done when it was told of: as a rule when the task ends, and before that where it was given up."""


class World(Struct, frozen=True):
    """What all drivers of one worker share."""

    journal: Journal
    worker: str
    performer: Performer
    agents: dict[str, Agent[object, object]]
    model: Callable[[str], Model]
    tend: Callable[[Tend, Attempt], Awaitable[AnyEvent | None]]
    """Sees to a child run; gives the fact that it closed, where it did."""
    doubtful: Callable[[State], Awaitable[frozenset[str]]]
    """Tools of which another run of the tree does not know whether a write happened."""
    late: Callable[[str, AnyEvent, int], Awaitable[None]]
    """Where a fact goes whose driver is gone: (run, fact, cause)."""
    control: Control
    freed: Callable[[Counter[str]], None]
    """Told what others may have now, of what runs share."""
    flying: dict[str, dict[Place, Flight]]
    """The attempts in flight here, by run: a write may outlive the driver that began it."""
    lingering: set[asyncio.Task[None]]
    """Attempts that were given up and go on in spite of it."""


class Driver:
    """Drives one run until it is closed or waits."""

    def __init__(self, world: World, book: Book) -> None:
        self.world = world
        self.book = book
        self._flying = world.flying.setdefault(book.run, {})
        self._writing: set[Place] = set()
        self._tended: set[Place] = set()
        """Children that were seen to: they tell when they close."""
        self._facts: list[tuple[AnyEvent, int]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._stale = True
        self._guessed = book.state is not None
        """The book is one that was at hand, and nothing was read yet: whether somebody appended since, an append shows."""
        self._bound: Bound | None = None
        self.draining = False
        self._ended = False
        self._epoch = 0
        self._at = 0
        """The journal's time of the last decision."""
        self._stands = Outlook("working", 0)
        """How the run stood after it."""
        self._awaiting = 0
        """The last entry that says for what something waits, of those that were looked into."""
        self._lineage: tuple[str, ...] = ()
        """The agents by whose names this run is stopped: its own, and the one at the root of its tree."""
        self._looked, self._carried = "", NOTHING_WRONG
        """The contract for which it was looked whether the code here carries it, and what came of that."""
        self._silent = False
        """None of the run's models says what its answers cost: none will later."""
        self._broken: BaseException | None = None

    def notify(self, seq: int) -> None:
        """Somebody appended to this run."""
        if self.book.state is None or seq > max(self.book.state.seq, self.book.expecting):
            self._stale = True
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def drive(self) -> Outlook:
        """Drive until there is nothing to do, and say how the run stands then."""
        try:
            while True:
                if self._broken is not None:
                    raise self._broken
                stands = await self._advance()
                if self.book.known.closed is not None and not self._facts:
                    return stands
                if not self._flying and not self._facts and not self._stale:
                    near = stands.status == "waiting" and stands.due is not None and stands.due <= self._at + LINGER
                    if not near or self.draining:
                        return stands
                await self._wait(stands)
        finally:
            self._ended = True
            self._let_go()

    def _let_go(self) -> None:
        """Abandon what only reads. A write goes on, and what becomes of it is recorded all the same."""
        for place, flight in self._flying.items():
            if place not in self._writing:
                flight.task.cancel()
        for fact, cause in self._facts:
            self.world.late(self.book.run, fact, cause)
        if not self._flying:
            self.world.flying.pop(self.book.run, None)

    def _strange(self, state: State) -> bool:
        return bool(state.strange) or state.closed is not None

    async def _advance(self) -> Outlook:
        """Append the facts that came in and everything that follows from them; start what was won; say how the run stands."""
        for _ in range(MAX_CONFLICTS):
            if self._stale:
                self._stale = False
                self._epoch = self.world.journal.epoch()
                if not self._guessed:
                    await self.book.refresh()
            if self.world.control.stale:
                await self.world.control.refresh()
            state, boot = self.book.known, self.world.performer.clock()
            page = self.book.page(max(self.world.journal.now(), state.at))
            self._at = page.at
            facts, self._facts = self._facts, []
            answer: Appended | None = None
            try:
                moment = await self._moment(self._told_of(facts, page), page.at)
                answer = await self._step(page, moment)
            finally:
                if not isinstance(answer, Committed):  # somebody was faster, or the journal failed
                    own = [(_disowned(fact, state, answer), cause) for fact, cause in facts]  # a fact is never dropped
                    self._facts = [*own, *self._facts]
                    self._stale = True
                    if isinstance(answer, Moved) and answer.run:
                        self.world.control.heard()
                guessed, self._guessed = self._guessed, False
            if guessed and answer is NOTHING:
                self._stale = True  # nothing was appended that would have met a newer entry: look for one
            elif isinstance(answer, Committed):
                self._launch(moment, boot)
                if self.book.let_go:
                    self.world.freed(self.book.let_go)
                    self.book.let_go = Counter()
                if not self._facts and not self._stale and not self._to_look(answer, moment.held):
                    return self._stands
        raise Bug("an append was overtaken too often", run=self.book.run)

    def _told_of(self, facts: Sequence[tuple[AnyEvent, int]], page: Page) -> State:
        """Put the facts that came in on a page; the state after them."""
        state = self.book.known
        for fact, cause in facts:
            fitted = fit(state, fact)
            if fitted is not None:
                state = page.add(fitted, cause, self.world.worker)
        return state

    async def _step(self, page: Page, moment: Moment) -> Appended:
        """One append: the facts of a page, then what is decided upon them. It is not in if somebody else appended first."""
        state = page.known
        if not (self.draining or state.strange):
            cause = state.seq
            for event, after in foresee(self._agreement(state), state, moment):
                state = page.add(event, cause, self.world.worker, after)
        strange = self._strange(state)
        self._stands = outlook(state) if strange else outlook_of(self._agreement(state), state, moment)
        if not page.lines:
            return NOTHING
        heeds = ((CONTROL, self.world.control.seq),) if page.writes else ()
        return await self.book.append(page, self._row(self._stands), heeds=heeds)

    async def _held(self, state: State) -> dict[str, Held]:
        """What other runs hold of what this one may take next."""
        if self._strange(state):
            return {}
        names = shares.names(self._agreement(state), state)
        return dict(await self.world.journal.held(names, but=self.book.run)) if names else {}

    def _to_look(self, answer: Committed, held: Mapping[str, Held]) -> bool:
        """Whether to decide once more before parking.

        There is more to look up; or something waits since this append alone, and those who let go before it could not know.
        """
        state = self.book.known
        if self._strange(state) or self.draining:
            return False
        new = answer is not NOTHING and any(
            one.at == state.at and one.seq > self._awaiting for one in state.awaits.values()
        )
        self._awaiting = max((one.seq for one in state.awaits.values()), default=0)
        return new or bool(shares.names(self._agreement(state), state) - held.keys())

    async def _stopped(self, state: State) -> Stop | None:
        """What stops this run: somebody, if anything is stopped at all; or that the code here cannot carry it."""
        control, opened = self.world.control, state.opened
        if not control.stops:
            return self._uncarried(state)
        if not self._lineage:
            root = await self.world.journal.row(opened.tree) if opened.parent is not None else None
            self._lineage = (opened.agent, *([root.agent] if root is not None else []))
        return control.stopped(self._lineage) or self._uncarried(state)

    def _uncarried(self, state: State) -> Stop | None:
        """A run whose contract speaks of code that is not here, or is another one, rests: it goes on where that code is."""
        if self._strange(state):
            return None
        if self._looked != state.contract_digest:
            agent = self.world.agents[state.opened.agent]
            self._looked, self._carried = state.contract_digest, Carried(agent, self._agreement(state).contract, state)
        why = self._carried.wrong or self._carried.outgrown(state)
        return Stop(uncarried(state.opened.agent), self.world.worker, why) if why else None

    def _row(self, stands: Outlook) -> Outlook:
        """How a run stands for others: one that is let go here is due for them at once."""
        left = self.draining and stands.status != "closed" and not self._flying
        return Outlook(stands.status, 0, stands.waits_for) if left else stands

    def _agreement(self, state: State) -> Bound:
        """The run's contract with today's code."""
        if self._bound is None or self._bound.contract.digest != state.contract_digest:
            agent = self.world.agents[state.opened.agent]
            self._bound = agent.under(state.contract_digest, state.contract, state.run)
        return self._bound

    async def _doubtful(self, state: State) -> frozenset[str]:
        """What is in doubt elsewhere in the tree, where that could keep a write from starting."""
        if self._strange(state):
            return NO_NAMES
        writes = any(tool.effect == "write" for tool in self._agreement(state).tools.values())
        return await self.world.doubtful(state) if writes else NO_NAMES

    def _has_kin(self, state: State) -> bool:
        return state.opened.parent is not None or bool(state.spent.opened)

    async def _moment(self, state: State, at: int) -> Moment:
        """What is known beside the run's own entries, as of the state upon which is decided."""
        journal, worker = self.world.journal, self.world.worker
        running = [call.worker for call in state.calls.values() if call.status == "running"]
        others = {other for other in running if other and other != worker}
        asking = state.asking
        if asking is not None and asking.status == "running" and asking.worker != worker:
            others.add(asking.worker)
        # before anything is awaited: that a worker is gone has to be so at this moment already
        gone = frozenset([other for other in others if journal.alive(other) is False]) if others else NO_NAMES
        held = await self._held(state)
        doubtful = await self._doubtful(state) if self._has_kin(state) else NO_NAMES
        stopped = await self._stopped(state)
        return Moment(
            at=at, worker=worker, secret=self.book.secret, gone=gone,
            flying=frozenset([start for _, start in self._flying]), epoch=self._epoch, quotes=self._quotes(state),
            doubtful=doubtful, held=held, stopped=stopped, stopped_tools=self.world.control.tools,
        )  # fmt: skip

    def _quotes(self, state: State) -> dict[str, int | None]:
        """What models that know it say their next answer costs."""
        if self._silent or self._strange(state):
            return {}
        step = 1 if state.asking is None else state.asking.step + (state.asking.status != "failed")
        quotes = {
            name: self.world.model(name).quote(state.run, step) for name in self._agreement(state).contract.models
        }
        self._silent = step == 1 and not any(quote is not None for quote in quotes.values())
        return quotes

    # ---- performing

    def _launch(self, moment: Moment, boot: float) -> None:
        state = self.book.known
        if self._strange(state):
            return
        bound = self._agreement(state)
        answered = [cause for _, cause in self._facts]  # it came while the last append was under way
        for request in pending(bound, state, moment):
            place = _place(request)
            if place in self._flying or place in self._tended or place[1] in answered:
                continue
            if self.draining and isinstance(request, LookUp | Tend):
                continue
            if isinstance(request, RunCall) and state.calls[request.call].effect == "write":
                self._writing.add(place)
            ends = boot + max(_until(state, request) - moment.at, 0) / 1e6
            attempt = Attempt(bound, state, self.book.secret, self.world.journal.now, ends, partial(self._tell, place))
            task = asyncio.create_task(self._fly(request, attempt, boot), name=state.run)
            self._flying[place] = Flight(task, task.get_loop().create_future())
            task.add_done_callback(partial(self._over, place))

    def _over(self, place: Place, task: asyncio.Task[None]) -> None:
        """The task of an attempt ended: one that was cancelled before its first step could not say so itself."""
        flight = self._flying.get(place)
        if flight is not None and flight.task is task:
            self._land(place)

    async def _fly(self, request: Pending, attempt: Attempt, boot: float) -> None:
        try:
            if isinstance(request, Tend):
                await self._see_to(request, attempt)
            elif stop := await self._stopped_meanwhile(request, attempt, boot):
                attempt.tell(stop)
            else:
                await self.world.performer.perform(request, attempt)
        except asyncio.CancelledError:
            if self._ended or isinstance(request, Tend):
                raise
            attempt.tell(self.world.performer.cancelled(request, attempt))
        except BaseException as error:
            self._broken = error
            self._land(_place(request))
            self._wake()
            raise

    async def _stopped_meanwhile(self, request: Pending, attempt: Attempt, boot: float) -> CallFailed | None:
        """A write that its worker is slow to begin is not begun over a stop that came since: it surely did nothing."""
        if not isinstance(request, RunCall) or attempt.state.calls[request.call].effect != "write":
            return None
        call, control = attempt.state.calls[request.call], self.world.control
        since = self.world.performer.clock() - boot
        if control.stale or since > STOP_HEARD:
            await control.refresh()
        stop = control.tools.get(call.tool) or await self._stopped(attempt.state)
        if stop is None:
            return None
        return CallFailed(call.seq, call.attempt, "ended", "not_done", f"{stop.by} stopped it before it began")

    async def _see_to(self, request: Tend, attempt: Attempt) -> None:
        fact = await self.world.tend(request, attempt)
        if fact is not None:
            attempt.tell(fact)
            return
        self._tended.add(_place(request))
        self._land(_place(request))
        self._wake()

    def _land(self, place: Place) -> asyncio.Task[None] | None:
        """Nobody waits for this attempt any more; its task, if it was in flight still."""
        flight = self._flying.pop(place, None)
        if flight is None:
            return None
        flight.landed.set_result(None)
        return flight.task

    def _tell(self, place: Place, fact: AnyEvent) -> None:
        """Take what became of an attempt; the second time, of one that was given up before it ended."""
        task = self._land(place)
        if task is not None and task is not asyncio.current_task():
            self.world.lingering.add(task)
            task.add_done_callback(self.world.lingering.discard)
        if self._ended:
            self.world.late(self.book.run, fact, place[1])
            return
        self._facts.append((fact, place[1]))
        self._wake()

    def _will_hear(self) -> bool:
        """Whether the next thing to happen is surely a fact from an attempt in flight here, so that no timer is needed."""
        state = self.book.known
        return (
            bool(self._flying)
            and not state.questions
            and all(c.status in ("running", "answered") for c in state.calls.values())
        )

    async def _wait(self, stands: Outlook) -> None:
        """Until a fact comes in, somebody appends, or it is time."""
        if self._facts or self._stale or self._broken is not None:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None
        if stands.due is not None and not self._will_hear():
            left = stands.due - self._at  # what is due and was not decided waits for an attempt in flight here
            timer = loop.call_later((left if left > 0 else LINGER) / 1e6, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()


def _disowned(fact: AnyEvent, state: State, claimed: Appended | None) -> AnyEvent:
    """A look-up that found an effect which belongs to a call of another run found nothing of this one."""
    if isinstance(claimed, Claimed) and isinstance(fact, CallLookedUp) and effect_name(fact, state) == claimed.name:
        other = f"it found {fact.effect_id}, which is the effect of a call of run {claimed.run}"
        return CallLookedUp(fact.call, fact.attempt, "cannot_tell", message=other, took=fact.took, ended=fact.ended)
    return fact


def _place(request: Pending) -> Place:
    match request:
        case AskModel(ask):
            return "ask", ask
        case RunCall(_, start):
            return "call", start
        case LookUp(call, _):
            return "look", call
        case Tend(call, cancel):
            return "cancel" if cancel else "tend", call


def _until(state: State, request: Pending) -> int:
    match request:
        case AskModel() if state.asking is not None:
            return state.asking.until
        case RunCall(call, _):
            return state.calls[call].until
    return state.at + 60_000_000
