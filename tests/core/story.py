"""The core driven by hand: facts in, decisions out; no event loop, no clock, no journal.

    run = Story(desk(refund()))                          a run under a contract with one write
    run.then("ModelAsked")                               exactly this follows, and then nothing more
    run.answers(call("refund", order="A-1", cents=400))  a fact, in the form in which it can be kept
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    run.returns({"id": "re_1"})

Every entry goes through its stored bytes, and every decision is made twice, so each test also says that bytes, fold and
decide agree with themselves.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from holdfast import tool, units
from holdfast.agent import Agent
from holdfast.codec import GENESIS, canonical, chain, decode, encode, keyed
from holdfast.core import desk as people
from holdfast.core import shares
from holdfast.core.decide import decide
from holdfast.core.fold import fold, fold_all
from holdfast.core.late import fit
from holdfast.core.pending import AskModel, LookUp, RunCall, Tend, outlook_of, pending
from holdfast.core.state import CallState, Moment, Stop
from holdfast.events import (
    DECISIONS,
    TAKEN,
    CallFailed,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallStarted,
    CancelAsked,
    ChildClosed,
    ContractAdopted,
    Entry,
    Held,
    Inline,
    LimitGranted,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Paused,
    Price,
    Resumed,
    RunOpened,
    Usage,
    Wanted,
)
from holdfast.models.scripted import Call, Say
from holdfast.tool import CallKey, Retry, Tool

SECRET = b"s" * 32
START = 1_800_000_000 * units.SECOND
DEAR = Price(input=1_000_000, output=1_000_000)
"""A thousand nano-dollars a token."""

# ----------------------------------------------------------------------------------------------- an agent to play with


def read_order(order: str) -> dict[str, Any]:
    """Everything known of one order."""
    raise NotImplementedError


@cache
def order(name: str = "get_order", **options: Any) -> Tool[..., Any]:
    """A read. It is made once: what a tool takes and gives is found out anew for each that is made."""
    return tool.read(timeout=options.pop("timeout", 5), name=name, **options)(read_order)


@cache
def refund(
    name: str = "refund", *, keyed: bool = False, lookup: bool = False, times: int = 0, **options: Any
) -> Tool[..., Any]:
    """A write: bare, or with a key, or with a look-up. times: how often the machine tries again by itself."""

    def bare(order: str, cents: int = 0) -> dict[str, Any]:
        raise NotImplementedError

    def with_key(order: str, cents: int = 0, *, key: CallKey) -> dict[str, Any]:
        raise NotImplementedError

    def found(order: str, cents: int = 0) -> dict[str, Any]:
        raise NotImplementedError

    if lookup:
        options |= {"lookup": found, "effect_id": "id"}
    made = tool.write(timeout=20, name=name, retry=Retry(times=times), **options)
    return made(with_key if keyed else bare)


OUTPUT = {
    "type": "object",
    "properties": {"status": {"type": "string"}},
    "required": ["status"],
    "additionalProperties": False,
}


def desk(*tools: Any, **terms: Any) -> Agent[Any, Any]:
    """An agent with these tools; one that has terms is given as (tool, terms)."""
    granted = dict(one if isinstance(one, tuple) else (one, {}) for one in tools)
    given = {"takes": {"type": "object"}, "gives": OUTPUT, "models": ["first"]} | terms
    return Agent(name="desk", task="Decide one refund.", tools=granted, **given)


# ------------------------------------------------------------------------------------------------------------- a run


def say_event(event: Any) -> str:
    """An event in the words of a script."""
    kind = type(event).__name__
    words: list[Any] = []
    for name in ("tool", "verdict", "about", "role", "why", "limit", "outcome", "answer", "error"):
        value = getattr(event, name, None)
        if isinstance(value, str) and value and not (kind in ("OutputRejected", "DoubtRaised") and name == "why"):
            words.append(value)
    if kind == "CallStarted":
        words.append(event.attempt)
    if kind == "CallJudged":
        words += [fired.rule for fired in event.rules if fired.verdict == event.verdict]
    if kind == "OutputRejected" and event.final:
        words.append("final")
    if kind == "LimitReached":
        words = [event.limit]
    return " ".join([kind, *map(str, words)])


class Story:
    """One run, told by hand."""

    def __init__(
        self, agent: Agent[Any, Any], given: Any = None, *, mode: Any = "live", name: str = "r_1", **opened: Any
    ) -> None:
        self.name = name
        self.agent, self.bound = agent, agent.bound
        self.at = START
        self.worker = "w1"
        self.gone: frozenset[str] = frozenset()
        self.flying: set[int] = set()
        self.epoch = 1
        self.quotes: dict[str, int | None] = {}
        self.elsewhere: dict[str, Held] = {}
        """What other runs hold, by the kind of what is shared: `across`, `rate`, `at_once`, `breaker`, `turn`."""
        self.stopped: Stop | None = None
        self.stopped_tools: dict[str, Stop] = {}
        self.entries: list[Entry] = []
        self.stored: list[tuple[bytes, bytes]] = []
        self._state: Any = None
        given = given if given is not None else {"order": "A-1"}
        fields = {"by": "opener", "versions": agent.bound.versions, "input": Inline(given)} | opened
        contract = agent.contract
        self.append(RunOpened(
            agent=agent.name, contract=Inline(contract.data), contract_digest=contract.digest, mode=mode, **fields
        ))  # fmt: skip

    # ---- what is known

    @property
    def state(self) -> Any:
        return self._state

    @property
    def moment(self) -> Moment:
        return Moment(
            at=self.at, worker=self.worker, secret=SECRET, gone=self.gone, flying=frozenset(self.flying),
            epoch=self.epoch, quotes=self.quotes, held=self.held, stopped=self.stopped, stopped_tools=self.stopped_tools,
        )  # fmt: skip

    @property
    def held(self) -> dict[str, Held]:
        """What other runs hold of what this one may take next."""
        names = shares.names(self.bound, self.state)
        return {name: self.elsewhere.get(name.partition(":")[0], Held()) for name in names}

    def call(self, of: str | int = "") -> CallState:
        """The newest call of a tool; the newest of all; or the one of that seq."""
        if isinstance(of, int):
            return self.state.calls[of]
        return [call for call in self.state.calls.values() if not of or call.tool == of][-1]

    def question(self, about: str = "") -> Any:
        """The one open question."""
        (only,) = [one for one in self.state.questions.values() if not about or one.asked.about == about]
        return only

    def last(self, kind: type) -> Any:
        """The newest event of a kind."""
        return next(entry.event for entry in reversed(self.entries) if isinstance(entry.event, kind))

    def told(self) -> list[str]:
        """The texts that the model has been shown, in order."""
        return [segment.text for segment in self.state.transcript]

    def world(self) -> list[str]:
        """What this worker is to do in the world now."""
        words = []
        for request in pending(self.bound, self.state, self.moment):
            match request:
                case AskModel():
                    words.append("ask")
                case RunCall(seq):
                    words.append(f"run {self.state.calls[seq].tool}")
                case LookUp(seq):
                    words.append(f"look up {self.state.calls[seq].tool}")
                case Tend(seq, cancel):
                    words.append(f"{'cancel' if cancel else 'tend'} {self.state.calls[seq].tool}")
        return words

    def stands(self) -> Any:
        """How the run stands, when nobody drives it."""
        return outlook_of(self.bound, self.state, self.moment)

    # ---- what follows

    def then(self, *lines: str) -> Any:
        """Exactly these follow; the batch is appended. Gives the last event of it."""
        __tracebackhide__ = True
        events: list[Any] = []
        while batch := decide(self.bound, self.state, self.moment):
            assert batch == decide(self.bound, fold_all(self.entries), self.moment), "the same state decides otherwise"
            assert all(type(event) in DECISIONS | TAKEN for event in batch), "a decision batch holds decisions"
            known, head = self.held, self.state.seq
            for event in batch:
                self.append(event, cause=head, actor=self.worker)
            events += batch
            if not self.held.keys() - known.keys():
                break
        told = [say_event(event) for event in events]
        assert told == list(lines), "\n".join(["what follows:", *(f"  {line!r}," for line in told)])
        again = decide(self.bound, self.state, self.moment)
        assert not again, f"and then, at the same moment: {[say_event(event) for event in again]}"
        return events[-1] if events else None

    def settle_down(self) -> None:
        """Whatever follows, follows."""
        while batch := decide(self.bound, self.state, self.moment):
            known, head = self.held, self.state.seq
            for event in batch:
                self.append(event, cause=head, actor=self.worker)
            if not self.held.keys() - known.keys():
                return

    def append(self, event: Any, *, cause: int = 0, actor: str = "test") -> None:
        """Append an event as it is, through its bytes."""
        seq, prev = len(self.entries) + 1, self.stored[-1][1] if self.stored else GENESIS
        at = max(self.at, self.state.at if self.entries else 0)
        data = encode(Entry(self.name, seq, at, cause, actor, event))
        digest = chain(prev, data)
        entry = decode(data, prev, digest)
        self._state = fold(self._state, entry)
        self.entries.append(entry)
        self.stored.append((data, digest))
        if isinstance(event, ModelAsked | CallStarted) and event.worker == self.worker:
            self.flying.add(seq)

    def fact(self, event: Any) -> Any:
        """Append what a performer learned, in the form in which it can be kept now; gives that form."""
        fitted = fit(self.state, event)
        if fitted is not None:
            self.append(fitted, actor=self.worker)
        return fitted

    def after(self, text: str) -> Story:
        """Time passes."""
        self.at += units.duration(text)
        return self

    # ---- models

    def answers(self, *parts: Any, finish: Any = None, ask: int = 0, **more: Any) -> Any:
        """The model answers with these texts and calls."""
        texts = [part.text for part in parts if isinstance(part, Say)]
        calls = tuple(
            part if isinstance(part, Wanted) else Wanted(f"c{at}", part.tool, canonical(part.args).decode())
            for at, part in enumerate(parts) if isinstance(part, Call | Wanted)
        )  # fmt: skip
        ask = ask or self.state.asking.seq
        self.flying.discard(ask)
        text = Inline("\n".join(texts)) if texts else None
        more = {"usage": Usage(10, 5)} | more
        return self.fact(ModelAnswered(ask, text, calls, finish or ("calls" if calls else "stop"), **more))

    def asks_for(self, *parts: Any, **more: Any) -> Story:
        """From the start of a turn: the model is asked and answers."""
        self.then("ModelAsked")
        self.answers(*parts, **more)
        return self

    def fails(self, error: str, fate: Any = "not_done", *, retry_at: int = 0) -> Any:
        """The attempt at the model fails."""
        asking = self.state.asking
        self.flying.discard(asking.seq)
        unsettled = asking.reserved if fate == "unknown" else 0
        return self.fact(ModelFailed(asking.seq, error, fate, f"it said {error}", retry_at, unsettled))

    # ---- tools

    def _attempt(self, of: str | int) -> CallState:
        if isinstance(of, int) and of:
            call = self.call(of)
        else:
            running = [call for call in self.state.calls.values() if call.status == "running"]
            call = next(call for call in running if not of or call.tool == of)
        self.flying.discard(call.start)
        return call

    def returns(self, value: Any, of: str | int = "", *, attempt: int = 0, **more: Any) -> Any:
        """A running attempt returns."""
        call = self._attempt(of)
        made = self.bound.tools.get(call.tool)
        more = {"label": made.label, "digest": keyed(SECRET, "result", canonical(value))} | more if made else more
        return self.fact(CallReturned(call.seq, attempt or call.attempt, Inline(value), **more))

    def closes(self, value: Any, of: str | int = "", outcome: Any = "done", **more: Any) -> Any:
        """A child run closes."""
        call = self._attempt(of)
        body = (
            {"result": Inline(value), "digest": keyed(SECRET, "result", canonical(value))} if outcome == "done" else {}
        )
        return self.fact(ChildClosed(call.seq, call.child, outcome, **({"why": f"it {outcome}"} | body | more)))

    def breaks(self, error: str = "raised", fate: Any = "not_done", of: str | int = "", **more: Any) -> Any:
        """A running attempt gives no result."""
        call = self._attempt(of)
        attempt = more.pop("attempt", call.attempt)
        return self.fact(CallFailed(call.seq, attempt, error, fate, **({"message": f"it said {error}"} | more)))

    def looked(self, answer: Any, value: Any = None, of: str | int = "", **more: Any) -> Any:
        """The other system was asked what became of a call."""
        call = self.call(of)
        body = Inline(value) if value is not None else None
        if body is not None:
            more = {"digest": keyed(SECRET, "result", canonical(value)), "effect_id": value.get("id", "")} | more
        more = {"ended": call.ended} | more
        return self.fact(CallLookedUp(call.seq, call.attempt, answer, result=body, **more))

    def late(self, value: Any, call: int, attempt: int = 1, **more: Any) -> None:
        """An answer comes to an attempt that nobody waits for."""
        body = Inline(value) if value is not None else None
        self.append(CallReturnedLate(call, attempt, body, **more))

    def returns_late(self, value: Any, call: int = 0, attempt: int = 1, **more: Any) -> Any:
        """A result comes to an attempt that was given up waiting for."""
        call = call or self.call().seq
        return self.fact(CallReturned(call, attempt, Inline(value), keyed(SECRET, "result", canonical(value)), **more))

    # ---- people and other workers

    def person(self, verdict: str, by: str = "rita", about: str = "", question: int = 0, **more: Any) -> Any:
        """A person answers the open question."""
        event = people.answer(self.state, question or self.question(about).seq, verdict, by, self.at, **more)
        self.append(event, actor=by)
        return event

    def amends(self, by: str = "rita", question: int = 0, **changes: Any) -> Any:
        """A reviewer proposes other arguments."""
        asked = self.state.questions[question] if question else self.question()
        may = people.amendable_of(self.state, self.call(asked.asked.call))
        event = people.amend(self.bound, self.state, asked.seq, changes, by, self.at, SECRET, may)
        self.append(event, actor=by)
        return event

    def settles(self, verdict: Any, of: str | int = "", by: str = "rita", **more: Any) -> Any:
        """A person says what became of a write in doubt."""
        event = people.settle(self.state, of if isinstance(of, int) else self.call(of).seq, verdict, by, **more)
        self.append(event, actor=by)
        return event

    def says(self, text: str, by: str = "opener", *, ends: bool = False) -> None:
        self.append(people.said(self.state, text, by, ends=ends), actor=by)

    def grants(self, limit: Any, amount: int, by: str = "rita") -> None:
        event: LimitGranted = people.grant(self.state, limit, amount, by)
        self.append(event, actor=by)

    def cancels(self, by: str = "rita", because: str = "") -> None:
        self.append(CancelAsked(by, because), actor=by)

    def pauses(self) -> None:
        self.append(Paused("rita"))

    def resumes(self) -> None:
        self.append(Resumed("rita"))

    def adopts(self, agent: Agent[Any, Any]) -> None:
        """The run goes on under the contract of another agent."""
        self.bound = agent.bound
        self.append(ContractAdopted(Inline(agent.contract.data), agent.contract.digest, "rita"))

    def taken_over(self, *, proven: bool = True) -> Story:
        """Another worker drives on. proven: the one before is known to have ended."""
        if proven:
            self.gone |= {self.worker}
        self.worker = f"w{int(self.worker[1:]) + 1}"
        self.flying.clear()
        return self

    def copy(self) -> Story:
        """The same run, to be told otherwise from here on."""
        other = object.__new__(Story)
        other.__dict__ = {
            name: value.copy() if isinstance(value, list | set | dict) else value
            for name, value in self.__dict__.items()
        }
        return other


def renumbered(entries: list[Entry], **fields: Any) -> list[Entry]:
    """The same entries with other circumstances."""
    return [msgspec.structs.replace(entry, **fields) for entry in entries]
