"""A run retold from its entries alone, as far as it is about the run as a whole and its models.

Nothing here asks the core what it thinks. The rules are those of SEMANTICS; each check names its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from holdfast.agent import Agent
from holdfast.events import (
    AFTER_CLOSE,
    CallAsked,
    CallStarted,
    CancelAsked,
    Contradiction,
    Entry,
    Json,
    LimitGranted,
    LimitReached,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    Paused,
    PersonAsked,
    Resumed,
    RunClosed,
    RunOpened,
    Said,
)
from holdfast.testing.sim.history import Violation, own_entries


class Call(Struct):
    """A call, as its entries tell it."""

    asked: CallAsked
    seq: int
    manifest_heard: int
    version: int = 1
    start: CallStarted | None = None
    started: int = 0
    running: bool = False
    first: int = 0
    key: str = ""
    unknowns: tuple[int, ...] = ()
    """Attempts that may have had their effect."""
    alive: tuple[int, ...] = ()
    """Attempts that are not proven over."""
    over_at: int = 0
    """When the last of them was, or its time was up."""
    absent: bool = False
    doubt: bool = False
    over: bool = False
    ok: bool = False
    ruled: str = ""
    needs: int = 0
    """Voices that the rules which fired ask for."""
    question: PersonAsked | None = None
    put: int = 0
    """Where that question stands."""
    votes: tuple[str, ...] = ()
    amender: str = ""
    counts: bool = False
    manifest: int = 0
    """The request that proposed it: what stands before that is what the model had been shown."""

    @property
    def unknown(self) -> bool:
        """Whether it may have happened."""
        return bool(self.unknowns)


class Reading(Struct, frozen=True):
    """One complete result of a read."""

    seq: int
    at: int
    tool: str
    args: Json
    digest: str
    serves: int


class Tale:
    """Goes through the entries of one run and says what is wrong with each."""

    handlers: Mapping[type, Callable[[Any, Entry, Any], None]] = MappingProxyType({})
    """What is done at each kind of entry."""

    def __init__(self, run: str, agent: Agent[Any, Any]) -> None:
        self.run = run
        self.agent = agent
        self.calls: dict[int, Call] = {}
        self.asked: dict[int, ModelAsked] = {}
        self.open_ask = 0
        self.heard_of: dict[int, int] = {}
        self.readings: list[Reading] = []
        self.answers: dict[int, int] = {}
        """Answer of a model → the request it answers."""
        self.said = 0
        self.speakers: set[str] = set()
        self.stopped: str = ""
        self.paused = False
        self.limit: LimitReached | None = None
        self.questions: dict[int, PersonAsked] = {}
        self.keys: dict[str, int] = {}
        self.confirmed: dict[tuple[str, str], int] = {}
        self.spent = self.reserved = self.unsettled = self.retries = 0
        self.owed: dict[int, int] = {}
        self.granted: dict[str, int] = {}
        self.finish: dict[int, str] = {}
        self.denied: set[int] = set()
        """Calls that a person or the machine said did not happen."""
        self.told_late: dict[int, set[int]] = {}
        """Call → late answers that say it was done."""
        self.contradicting: set[int] = set()
        """Late answers that say they did."""
        self.contradicted: set[int] = set()
        """Calls of which a contradiction stands in the journal."""
        self.lost_calls: dict[int, bool] = {}
        """Whether the last attempt at a call was lost: starting again after that is no retry."""
        self.lost_ask = False
        self.closed = False
        self.restored = 0
        self.found: list[Violation] = []

    def wrong(self, rule: str, what: str) -> None:
        """Note that something is wrong."""
        self.found.append(Violation(rule, self.run, what))

    def tell(self, entries: list[Entry]) -> list[Violation]:
        """Everything that is wrong with a run."""
        begun = len(entries) - len(own_entries(entries)) if entries else 0
        for entry in entries:
            event = entry.event
            if self.closed and type(event) not in AFTER_CLOSE:
                self.wrong("after close", f"entry {entry.seq} is a {type(event).__name__}")
            handler = self.handlers.get(type(event))
            if handler is not None:
                handler(self, entry, event)
            if entry.seq == begun:
                self.forks()
        for seq in sorted(self.contradicting):
            self.wrong("contradiction unseen", f"entry {seq} contradicts what was settled, and nothing says so")
        return self.found

    # ---- the run

    def forks(self) -> None:
        """What a fork began with is told, and looked at in the run that was forked. What held that one does not hold this."""
        self.found.clear()
        self.stopped, self.paused, self.limit, self.lost_ask = "", False, None, True

    def opened(self, entry: Entry, event: RunOpened) -> None:
        """Whoever opened it, or on whose behalf it runs, decides nothing in it."""
        self.speakers |= {event.by, event.on_behalf_of} - {""}

    def said_so(self, entry: Entry, event: Said) -> None:
        """Nor does whoever spoke."""
        self.said = entry.seq
        self.speakers.add(event.by)

    def stops(self, entry: Entry, event: CancelAsked | Contradiction) -> None:
        """Nothing starts any more; a contradiction is about a write (rules 23, 35)."""
        self.stopped = self.stopped or f"{type(event).__name__} at {entry.seq}"
        if isinstance(event, Contradiction):
            for number, told in self.told_late.items():
                if told & set(event.seqs):
                    self.contradicting -= told
                    self.contradicted.add(number)
                    if self.calls[number].asked.effect != "write":
                        self.wrong("contradiction of a reading", f"entry {entry.seq}: call {number} did nothing")

    def pauses(self, entry: Entry, event: Paused) -> None:
        """Nothing starts until it is resumed."""
        self.paused = True

    def resumes(self, entry: Entry, event: Resumed) -> None:
        """By a person; with an epoch, by a restore (rule 7)."""
        if event.epoch and not event.forked:
            self.restored = entry.seq
        else:
            self.paused = False

    def limited(self, entry: Entry, event: LimitReached) -> None:
        """Nothing starts until more is granted."""
        self.limit = event

    def grants(self, entry: Entry, event: LimitGranted) -> None:
        """More of a limit."""
        self.granted[event.limit] = self.granted.get(event.limit, 0) + event.amount
        if self.limit is not None and self.limit.limit == event.limit:
            self.limit = None

    def may_start(self, entry: Entry) -> None:
        """Nothing new starts in a run that is ending, halted or waiting for a limit (rule 35)."""
        what = (
            self.stopped
            or ("a pause" if self.paused else "")
            or (f"the limit of {self.limit.limit}" if self.limit else "")
        )
        if what:
            self.wrong("start after stop", f"entry {entry.seq} starts something after {what}")

    def closes(self, entry: Entry, event: RunClosed) -> None:
        """Not over a running write, not with an unheard message, and with every open write listed (rules 29, 35)."""
        self.closed = True
        for call in self.calls.values():
            if call.asked.effect != "write":
                continue
            if call.running:
                self.wrong("closed over a running write", f"call {call.seq}")
            if call.unknown and not call.over and not call.ruled and call.seq not in event.unresolved:
                self.wrong("closed and silent", f"call {call.seq} is of unknown fate, and the end does not list it")
        last = max(self.heard_of.values(), default=0)
        if event.outcome in ("done", "declined") and self.said > last and "ended the conversation" not in event.reason:
            self.wrong("closed unheard", f"the message {self.said} was not heard")

    # ---- models

    def asks(self, entry: Entry, event: ModelAsked) -> None:
        """One request at a time; within the ceilings on steps and money (rules 15, 30)."""
        self.may_start(entry)
        if self.open_ask:
            self.wrong("two requests", f"entries {self.open_ask} and {entry.seq}")
        before = self.asked.get(max(self.asked, default=0))
        self.asked[entry.seq], self.open_ask = event, entry.seq
        self.heard_of[entry.seq] = event.heard
        self.reserved = event.reserved
        limits = self.agent.contract.limits
        top = (limits.usd or 0) + self.granted.get("usd", 0)
        if limits.usd is not None and self.spent + self.unsettled + self.reserved > top:
            self.wrong("limit usd", f"{self.spent} + {self.unsettled} + {self.reserved} of {top} at entry {entry.seq}")
        if event.step > limits.steps + self.granted.get("steps", 0):
            self.wrong("limit steps", f"step {event.step} at entry {entry.seq}")
        if before is not None and before.step == event.step and before.model == event.model and not self.lost_ask:
            self.retry(entry)
        self.lost_ask = False

    def retry(self, entry: Entry) -> None:
        """Count one, against the ceiling."""
        self.retries += 1
        if self.retries > self.agent.contract.limits.retries + self.granted.get("retries", 0):
            self.wrong("limit retries", f"retry {self.retries} at entry {entry.seq}")

    def _settles_ask(self, entry: Entry, ask: int) -> None:
        if ask != self.open_ask:
            self.wrong("answer to nothing", f"entry {entry.seq} answers request {ask}")
        self.open_ask = self.reserved = 0

    def model_answers(self, entry: Entry, event: ModelAnswered) -> None:
        """It costs no more than was reserved (rule 30)."""
        self._settles_ask(entry, event.ask)
        self.spent += event.cost or 0
        self.finish[entry.seq] = event.finish
        self.answers[entry.seq] = event.ask
        if event.ask in self.asked and (event.cost or 0) > self.asked[event.ask].reserved:
            self.wrong(
                "reservation",
                f"entry {entry.seq} cost {event.cost}, and {self.asked[event.ask].reserved} were reserved",
            )
        self.heard_of[entry.seq] = self.heard_of.get(event.ask, 0)

    def model_fails(self, entry: Entry, event: ModelFailed) -> None:
        """A lost request stays charged at its worst case (rule 30)."""
        self._settles_ask(entry, event.ask)
        self.unsettled += event.unsettled
        self.owed[event.ask] = event.unsettled
        self.lost_ask = event.error == "lost"
        if event.error == "lost" and event.unsettled < self.asked[event.ask].reserved:
            self.wrong("reservation released", f"a lost request {event.ask} is charged {event.unsettled}")

    def model_answers_late(self, entry: Entry, event: ModelAnsweredLate) -> None:
        """It settles money, and nothing else."""
        if event.cost is not None:
            self.unsettled -= self.owed.pop(event.ask, 0)
            self.spent += event.cost
