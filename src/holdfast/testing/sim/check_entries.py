"""What must hold of a journal by itself. Told once more from the entries alone: nothing here asks the core what it thinks.

The rules are those of SEMANTICS; each check names its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.agent import Agent
from holdfast.codec import check_chain
from holdfast.errors import HoldfastError
from holdfast.events import (
    AFTER_CLOSE,
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    CancelAsked,
    Contradiction,
    DoubtRaised,
    Entry,
    LimitGranted,
    LimitReached,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    Paused,
    PersonAnswered,
    PersonAsked,
    ProposalAmended,
    Resumed,
    RunClosed,
    RunOpened,
    Said,
)
from holdfast.testing.sim.history import Violation, batches

CHARGED: Final = "usd"


def check_lines(run: str, lines: list[tuple[bytes, bytes]]) -> Iterator[Violation]:
    """The chain holds over the stored bytes (rule 38)."""
    try:
        check_chain(run, lines)
    except HoldfastError as error:
        yield Violation("chain", run, str(error))


def check_order(run: str, entries: list[Entry]) -> Iterator[Violation]:
    """`at` never decreases; a batch has one `at` and stands in one piece right after the head it was decided at (rules 5, 9)."""
    for before, after in itertools.pairwise(entries):
        if after.at < before.at:
            yield Violation("at", run, f"entry {after.seq} is before entry {before.seq}")
    for cause, batch in batches(entries):
        if batch[0].seq != cause + 1:
            yield Violation("stale decision", run, f"entry {batch[0].seq} was decided at {cause}")
        if len({entry.at for entry in batch}) > 1:
            yield Violation("batch", run, f"the batch decided at {cause} has several moments")


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

    @property
    def unknown(self) -> bool:
        """Whether it may have happened."""
        return bool(self.unknowns)


class Tale:
    """Goes through the entries of one run and says what is wrong with each."""

    def __init__(self, run: str, agent: Agent[Any, Any]) -> None:
        self.run = run
        self.agent = agent
        self.calls: dict[int, Call] = {}
        self.asked: dict[int, ModelAsked] = {}
        self.open_ask = 0
        self.heard_of: dict[int, int] = {}
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
        self.contradicting: set[int] = set()
        """Late answers that say they did."""
        self.closed = False
        self.restored = 0
        self.found: list[Violation] = []

    def wrong(self, rule: str, what: str) -> None:
        """Note that something is wrong."""
        self.found.append(Violation(rule, self.run, what))

    def tell(self, entries: list[Entry]) -> list[Violation]:
        """Everything that is wrong with a run."""
        for entry in entries:
            event = entry.event
            if self.closed and type(event) not in AFTER_CLOSE:
                self.wrong("after close", f"entry {entry.seq} is a {type(event).__name__}")
            handler = _TALE.get(type(event))
            if handler is not None:
                handler(self, entry, event)
        for seq in sorted(self.contradicting):
            self.wrong("contradiction unseen", f"entry {seq} contradicts what was settled, and nothing says so")
        return self.found

    # ---- the run

    def opened(self, entry: Entry, event: RunOpened) -> None:
        self.speakers |= {event.by, event.on_behalf_of} - {""}

    def said_so(self, entry: Entry, event: Said) -> None:
        self.said = entry.seq
        self.speakers.add(event.by)

    def stops(self, entry: Entry, event: CancelAsked | Contradiction) -> None:
        self.stopped = self.stopped or f"{type(event).__name__} at {entry.seq}"
        if isinstance(event, Contradiction):
            self.contradicting -= set(event.seqs)

    def pauses(self, entry: Entry, event: Paused) -> None:
        self.paused = True

    def resumes(self, entry: Entry, event: Resumed) -> None:
        if event.epoch:
            self.restored = entry.seq
        else:
            self.paused = False

    def limited(self, entry: Entry, event: LimitReached) -> None:
        self.limit = event

    def grants(self, entry: Entry, event: LimitGranted) -> None:
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
        if before is not None and before.step == event.step and before.model == event.model and not self._lost_ask:
            self._retry(entry)
        self._lost_ask = False

    _lost_ask = False

    def _retry(self, entry: Entry) -> None:
        self.retries += 1
        if self.retries > self.agent.contract.limits.retries + self.granted.get("retries", 0):
            self.wrong("limit retries", f"retry {self.retries} at entry {entry.seq}")

    def _settles_ask(self, entry: Entry, ask: int) -> None:
        if ask != self.open_ask:
            self.wrong("answer to nothing", f"entry {entry.seq} answers request {ask}")
        self.open_ask = self.reserved = 0

    def model_answers(self, entry: Entry, event: ModelAnswered) -> None:
        self._settles_ask(entry, event.ask)
        self.spent += event.cost or 0
        self.finish[entry.seq] = event.finish
        if event.ask in self.asked and (event.cost or 0) > self.asked[event.ask].reserved:
            self.wrong(
                "reservation",
                f"entry {entry.seq} cost {event.cost}, and {self.asked[event.ask].reserved} were reserved",
            )
        self.heard_of[entry.seq] = self.heard_of.get(event.ask, 0)

    def model_fails(self, entry: Entry, event: ModelFailed) -> None:
        self._settles_ask(entry, event.ask)
        self.unsettled += event.unsettled
        self.owed[event.ask] = event.unsettled
        self._lost_ask = event.error == "lost"
        if event.error == "lost" and event.unsettled < self.asked[event.ask].reserved:
            self.wrong("reservation released", f"a lost request {event.ask} is charged {event.unsettled}")

    def model_answers_late(self, entry: Entry, event: ModelAnsweredLate) -> None:
        """It settles money, and nothing else."""
        if event.cost is not None:
            self.unsettled -= self.owed.pop(event.ask, 0)
            self.spent += event.cost

    # ---- calls

    def call_asked(self, entry: Entry, event: CallAsked) -> None:
        """Calls of an answer that was cut off are not taken up (rule 26)."""
        self.calls[entry.seq] = Call(event, entry.seq, self.heard_of.get(event.ask, 0))
        if self.finish.get(event.ask) in ("length", "filter", "unknown"):
            self.wrong("admitted", f"entry {entry.seq} takes up a call of an answer that was cut off")

    def judged(self, entry: Entry, event: CallJudged) -> None:
        """A write of unknown outcome is never merely given up (rule 21)."""
        call = self.calls[event.call]
        if event.verdict != "refuse":
            call.needs = max(
                (self._people(call, fired.rule) for fired in event.rules if fired.verdict == "review"), default=0
            )
            return
        if call.asked.effect == "write" and call.unknown and not call.absent and call.ruled != "did_not":
            self.wrong("unknown made failed", f"entry {entry.seq} refuses call {call.seq}, which may have happened")
        call.over = True
        if call.counts:
            call.counts = False

    def _people(self, call: Call, rule: str) -> int:
        """How many people a rule asks for."""
        if rule.startswith("surprises."):
            return 0  # what goes before a person because it failed is tried again when one of them says so
        clause, _, number = rule.removesuffix("]").partition(".review[")
        grant = self.agent.contract.tools.get(clause.removeprefix("tools."))
        return grant.review[int(number)].people if grant is not None and number else 1

    def starts(self, entry: Entry, event: CallStarted) -> None:
        self.may_start(entry)
        call = self.calls[event.call]
        again = call.start is not None
        if event.attempt != (call.start.attempt if call.start else 0) + 1:
            self.wrong("attempt", f"entry {entry.seq} is attempt {event.attempt} of call {call.seq}")
        if call.running:
            self.wrong("two attempts", f"entry {entry.seq}: an attempt at call {call.seq} is running")
        if call.over:
            self.wrong("started again", f"entry {entry.seq}: call {call.seq} was answered")
        if again and not self._lost.get(call.seq) and call.ruled not in ("did_not", "retry"):
            self._retry(entry)
        if call.asked.effect == "write":
            self._write_starts(entry, event, call)
        call.start, call.started, call.running, call.absent = event, entry.seq, True, False
        call.first = call.first or entry.at

    @property
    def _lost(self) -> dict[int, bool]:
        return self.__dict__.setdefault("_lost_calls", {})

    def _write_starts(self, entry: Entry, event: CallStarted, call: Call) -> None:
        """Writes start one at a time, in asked order, heard, approved, under one key, and never blindly again (rules 17, 18, 21, 27, 29, 32)."""
        for other in self.calls.values():
            if other.asked.effect == "write" and other.running:
                self.wrong("two writes", f"entry {entry.seq}: call {other.seq} is running")
            same_turn = other.asked.ask == call.asked.ask and not other.asked.serves
            if (
                same_turn
                and other.asked.effect == "write"
                and other.asked.index < call.asked.index
                and not (other.over and other.ok)
            ):
                self.wrong("order", f"entry {entry.seq}: call {other.seq}, asked for before it, did not succeed")
            if other is not call and other.asked.tool == call.asked.tool and other.unknown and not other.over:
                self.wrong(
                    "unresolved", f"entry {entry.seq}: it is not known whether {call.asked.tool} {other.seq} happened"
                )
        if self.said > call.manifest_heard:
            self.wrong("overtaken", f"entry {entry.seq} starts a write, and the message {self.said} was not heard")
        tool = self.agent.tools[call.asked.tool]
        if call.unknown and not call.absent and not (tool.keyed and entry.at < call.first + tool.key_life):
            self.wrong("blind retry", f"entry {entry.seq}: call {call.seq} may have happened")
        if call.absent and call.alive and not tool.keyed:
            self.wrong("absence believed", f"entry {entry.seq}: an attempt at call {call.seq} may still be alive")
        if tool.keyed and (
            not event.key
            or (call.key and call.key != event.key)
            or self.keys.setdefault(event.key, call.seq) != call.seq
        ):
            self.wrong("key", f"entry {entry.seq}: the key of call {call.seq} is not its own")
        call.key = event.key
        if not call.counts:
            call.counts = True
            grant = self.agent.contract.tools[call.asked.tool]
            used = sum(one.counts for one in self.calls.values() if one.asked.tool == call.asked.tool)
            if grant.at_most is not None and used > grant.at_most:
                self.wrong("limit at_most", f"entry {entry.seq} is {call.asked.tool} number {used}")
        self._approved(entry, call)

    def _approved(self, entry: Entry, call: Call) -> None:
        asked = call.question
        if self.restored and call.start is None and (asked is None or call.put < self.restored):
            self.wrong(
                "restored",
                f"entry {entry.seq}: call {call.seq} may have been done in what was lost, and nobody was asked",
            )
        votes = set(call.votes) | ({call.amender} - {""})
        if len(votes) < call.needs:
            self.wrong(
                "approval",
                f"entry {entry.seq}: call {call.seq} in version {call.version} has {len(votes)} of {call.needs} voices",
            )
        if asked is None:
            return
        if call.start is None and asked.until and entry.at >= asked.until and call.votes:
            self.wrong("approval expired", f"entry {entry.seq}: the approvals of call {call.seq} were void")
        if asked.version < call.version and call.votes:
            self.wrong(
                "approval", f"entry {entry.seq}: the approvals of call {call.seq} are for version {asked.version}"
            )

    def _ends(self, entry: Entry, number: int, attempt: int) -> Call:
        call = self.calls[number]
        if not call.running or call.start is None or call.start.attempt != attempt:
            self.wrong("answer to nothing", f"entry {entry.seq} answers attempt {attempt} of call {number}")
        call.running = False
        return call

    def returns(self, entry: Entry, event: CallReturned) -> None:
        call = self._ends(entry, event.call, event.attempt)
        if event.complete == "started":
            call.unknowns = (*call.unknowns, event.attempt)
            self._lost[call.seq] = False
            return
        call.over = call.ok = True
        self._confirm(entry, call, event.effect_id)

    def _confirm(self, entry: Entry, call: Call, effect_id: str) -> None:
        """One effect is never counted for two calls (rule 22)."""
        if effect_id and self.confirmed.setdefault((call.asked.tool, effect_id), call.seq) != call.seq:
            self.wrong("effect counted twice", f"entry {entry.seq}: {effect_id} is the effect of two calls")

    def fails(self, entry: Entry, event: CallFailed) -> None:
        call = self._ends(entry, event.call, event.attempt)
        if event.fate == "unknown":
            call.unknowns = (*call.unknowns, event.attempt)
        if not event.ended:
            call.alive = (*call.alive, event.attempt)
        call.over_at = entry.at
        self._lost[call.seq] = event.error in ("lost", "ended")
        if event.error == "lost" and event.ended is False and call.start is not None and entry.at < call.start.until:
            self.wrong("lease ended early", f"entry {entry.seq}: call {call.seq} had until {call.start.until}")
        if not call.unknown:
            call.counts = False

    def looked(self, entry: Entry, event: CallLookedUp) -> None:
        """Asked when the attempt was over, or its time up, and the other system had settled since (rule 22)."""
        call = self.calls[event.call]
        settle = round(self.agent.tools[call.asked.tool].options.settle * 1e6)
        if event.answer == "absent" and entry.at - event.took < call.over_at + settle and not call.over:
            call.absent = False
            return
        if event.answer == "found":
            call.over = call.ok = True
            self._confirm(entry, call, event.effect_id)
        call.absent = event.answer == "absent" and call.start is not None and event.attempt == call.start.attempt

    def late(self, entry: Entry, event: CallReturnedLate) -> None:
        call = self.calls[event.call]
        if event.result is not None and event.call in self.denied:
            self.contradicting.add(entry.seq)
        if event.fate == "not_done":
            call.unknowns = tuple(attempt for attempt in call.unknowns if attempt != event.attempt)
            call.over = call.over or (call.doubt and not call.unknown)
            call.counts = call.counts and call.unknown
        if event.attempt in call.alive:
            call.alive = tuple(attempt for attempt in call.alive if attempt != event.attempt)
            call.over_at, call.absent = entry.at, False
        if not self.closed and call.start is not None and call.running and call.start.attempt == event.attempt:
            self.wrong("late", f"entry {entry.seq} calls the answer to a running attempt late")
        if event.result is not None and call.unknown and not call.over and not call.running:
            call.over = call.ok = True

    def doubts(self, entry: Entry, event: DoubtRaised) -> None:
        self.calls[event.call].doubt = True

    def settles(self, entry: Entry, event: CallSettled) -> None:
        call = self.calls[event.call]
        if event.by in self.speakers:
            self.wrong("who", f"entry {entry.seq}: {event.by} settles what {event.by} asked for")
        again = event.verdict == "did_not" and call.key and self.agent.tools[call.asked.tool].keyed
        call.ruled, call.unknowns, call.doubt = event.verdict, call.unknowns if again else (), False
        call.ok = event.verdict == "happened"
        call.over = not again or entry.at >= call.first + self.agent.tools[call.asked.tool].key_life
        if event.verdict == "stop":
            self.stopped = self.stopped or f"a person's stop at {entry.seq}"
        if event.verdict != "happened":
            call.counts = False
        if event.verdict == "did_not":
            self.denied.add(event.call)
        else:
            self.denied.discard(event.call)

    # ---- people

    def person_asked(self, entry: Entry, event: PersonAsked) -> None:
        self.questions[entry.seq] = event
        if event.about == "review":
            call = self.calls[event.call]
            call.question, call.votes, call.put = event, (), entry.seq

    def person_answers(self, entry: Entry, event: PersonAnswered) -> None:
        """In time, and not by somebody who asked for it (rules 32, 33)."""
        asked = self.questions.get(event.question)
        if asked is None:
            self.wrong("who", f"entry {entry.seq} answers question {event.question}, which nobody asked")
            return
        if asked.until and entry.at >= asked.until:
            self.wrong("too late", f"entry {entry.seq} answers question {event.question}, which had expired")
        if asked.about != "question" and event.by in self.speakers:
            self.wrong("who", f"entry {entry.seq}: {event.by} decides about what {event.by} asked for")
        if event.verdict in ("stop", "take") or (asked.about == "limit"):
            self.stopped = self.stopped or f"a person's {event.verdict} at {entry.seq}"
        elif event.verdict == "approve" and asked.about == "review":
            call = self.calls[asked.call]
            if asked is call.question:
                call.votes = (*call.votes, event.by)
        elif event.verdict == "retry" and asked.call:
            self.calls[asked.call].ruled = "retry"
        elif event.verdict in ("deny", "answer", "tell") and asked.call:
            self.calls[asked.call].over = True

    def amends(self, entry: Entry, event: ProposalAmended) -> None:
        """Only what the contract lets a reviewer change; votes count from zero (rule 33)."""
        call = self.calls[event.call]
        allowed = self.agent.contract.tools[call.asked.tool].amendable if call.asked.tool in self.agent.tools else None
        if allowed is not None and set(event.changed) - set(allowed):
            self.wrong("amended", f"entry {entry.seq} changes {event.changed}")
        call.version, call.votes, call.amender = event.version, (), event.by


_TALE: Final[dict[type, Any]] = {
    RunOpened: Tale.opened, Said: Tale.said_so, CancelAsked: Tale.stops, Contradiction: Tale.stops, Paused: Tale.pauses,
    Resumed: Tale.resumes, LimitReached: Tale.limited, LimitGranted: Tale.grants, RunClosed: Tale.closes, ModelAsked: Tale.asks,
    ModelAnswered: Tale.model_answers, ModelFailed: Tale.model_fails, ModelAnsweredLate: Tale.model_answers_late, CallAsked: Tale.call_asked, CallJudged: Tale.judged,
    CallStarted: Tale.starts, CallReturned: Tale.returns, CallFailed: Tale.fails, CallLookedUp: Tale.looked,
    CallReturnedLate: Tale.late, DoubtRaised: Tale.doubts, CallSettled: Tale.settles, PersonAsked: Tale.person_asked,
    PersonAnswered: Tale.person_answers, ProposalAmended: Tale.amends,
}  # fmt: skip


def check_tale(run: str, entries: list[Entry], agent: Agent[Any, Any]) -> list[Violation]:
    """Everything that is wrong with the entries of one run."""
    return Tale(run, agent).tell(entries)


def fields(event: object) -> dict[str, Any]:
    """The fields of an event, for showing."""
    out: dict[str, Any] = msgspec.to_builtins(event)
    return out
