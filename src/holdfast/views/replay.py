"""Replay: every decision of a run is decided again from the entries before it, and must come out the same.

    found = Replay().of(entries, secret)        the journal alone
    found = Replay([agent]).of(entries, secret)   with the code of the agent

What a decision rests on beside its entries stands in it, or follows from it: who decided and when, which attempts were found
lost and whether their worker was known to be gone, what a model said its answer would cost, of which writes another run of the
tree was in doubt (see `circumstances`). A run that another one opened is a run like any, and the code of an agent comes with that
of the agents it may call. What rests on code that is not here is taken as it was recorded where the entries tell it (see
`as_recorded`), and is otherwise counted as undecided, with the reason. Nothing is passed over in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.agent import Agent, Bound, source_digest
from holdfast.contract import Contract
from holdfast.core import shares
from holdfast.core.decide import decide
from holdfast.core.fold import fold
from holdfast.core.state import Moment, State
from holdfast.errors import Bug, ContractError
from holdfast.events import (
    DECISIONS,
    AnyEvent,
    CallAsked,
    CallFailed,
    CallJudged,
    CallStarted,
    Checkpointed,
    Entry,
    LimitReached,
    ModelAsked,
    ModelFailed,
    Paused,
    PersonAsked,
    Resumed,
    Unknown,
)
from holdfast.views import decided
from holdfast.views.access import BESIDE
from holdfast.views.as_recorded import RecordedBound, Told, Undecidable
from holdfast.views.circumstances import costs_of, gone_from, moment_of
from holdfast.views.decided import Differing

UNKNOWN: Final = "they come after an entry of a kind that this version does not know"
ERASED: Final = "what they rest on was erased"
KEYED: Final = "they rest on keyed digests (an approval, a call made before), and the secret of the run is gone"
INHERITED: Final = "they were made in the run this one was forked from"
UNCAUSED: Final = "they were written beside a run that nobody drove"
AUDIT: Final = "they are checkpoints of the journal, and no decisions of an agent's run"
WEIGHT: Final = "what a request weighs depends on the tools' descriptions, which are code that is not here"

CODE: Final = "tools as recorded"
DIGESTS: Final = "keyed digests"


class Divergence(Struct, frozen=True, omit_defaults=True):
    """The first decision of a run that would come out otherwise now."""

    run: str
    seq: int
    stands: str
    """What stands there, in words."""
    now: str
    """What would be decided now."""
    fields: tuple[Differing, ...] = ()
    """Where both are of one kind: what differs."""


class Replayed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of deciding one run again. Counted are batches: what was decided at once, at one moment."""

    run: str
    batches: int = 0
    same: int = 0
    undecided: dict[str, int] = {}
    """Why they could not be decided again → how many."""
    assumed: dict[str, int] = {}
    """What was not compared in those that came out the same → how many."""
    divergence: Divergence | None = None
    after: int = 0
    """Batches after the divergence, which were not looked at."""


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """What was decided at once: entries in a row with one cause. Facts are in none."""
    batch: list[Entry] = []
    for entry in entries:
        if not _is_decided(entry):
            continue
        if batch and (batch[-1].cause, batch[-1].seq) != (entry.cause, entry.seq - 1):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _is_decided(entry: Entry) -> bool:
    """Whether an entry was decided: its kind says so, or it is a fact the machine found (an attempt lost, a new epoch)."""
    event = entry.event
    if type(event) in DECISIONS:
        return True
    if isinstance(event, CallFailed | ModelFailed):
        return bool(entry.cause) and event.error == "lost"
    if isinstance(event, Paused):
        return bool(entry.cause) and bool(event.stop)
    return bool(entry.cause) and isinstance(event, Resumed) and bool(event.epoch or event.stop)


class Replay:
    """Decides runs again. agents: those whose code is here; without them the journal alone has to tell."""

    def __init__(self, agents: Iterable[Agent[Any, Any]] = ()) -> None:
        self._agents = {one.name: one for agent in agents for one in agent.family}
        self._contracts: dict[str, Contract] = {}

    def of(self, entries: Sequence[Entry], secret: bytes | None, states: Sequence[State] | None = None) -> Replayed:
        """Decide one run again: all its entries, bodies loaded. secret: of its tree; None: it is gone.

        states: after each entry, where they are known already.
        """
        return _Replaying(self, entries, secret, states).result()

    def bound(self, state: State, told: Told) -> tuple[Bound, bool]:
        """(a run's contract with what code there is, whether all of it is here). Raises ContractError for one that is none."""
        agent = self._agents.get(state.opened.agent)
        contract = self._contract(state)
        versions = state.opened.versions
        here = agent.bind(contract).versions if agent is not None else {}
        same = all(here.get(name) == versions.get(name, here.get(name)) for name in contract.tools)
        if agent is not None and same and _predicates(agent) == contract.predicates:
            return agent.under(state.contract_digest, state.contract, state.run), True
        every = agent.tools.items() if agent is not None else ()
        fit = {name: tool for name, tool in every if name in contract.tools and versions.get(name) == tool.digest}
        return RecordedBound(contract, told, fit, versions, agent.predicates if agent is not None else {}), False

    def _contract(self, state: State) -> Contract:
        found = self._contracts.get(state.contract_digest)
        if found is None:
            found = Contract.parse(state.contract, f"the contract of run {state.run}")
            self._contracts[state.contract_digest] = found
        return found


def _predicates(agent: Agent[Any, Any]) -> dict[str, str]:
    return {name: source_digest(check) for name, check in agent.predicates.items()}


class _Replaying:
    """One run, being decided again."""

    def __init__(
        self, replay: Replay, entries: Sequence[Entry], secret: bytes | None, states: Sequence[State] | None
    ) -> None:
        self.replay, self.entries, self.secret = replay, entries, secret
        self.told = Told(entries)
        self.states = states
        self.state: State | None = None
        self.gone = gone_from(entries)
        self.costs = costs_of(entries)
        self.bounds: dict[str, tuple[Bound, bool]] = {}
        self.undecided: Counter[str] = Counter()
        self.assumed: Counter[str] = Counter()

    def result(self) -> Replayed:
        """What came of it."""
        every = list(batches(self.entries))
        same, divergence, done = 0, None, 0
        for done, batch in enumerate(every, 1):  # noqa: B007 - how far it came is told
            why, divergence = self._again(batch)
            if divergence is not None:
                break
            if why:
                self.undecided[why] += 1
            else:
                same += 1
        if divergence is None and self.entries and self.entries[0].run not in BESIDE:
            divergence = self._folded(self.entries[-1].seq)
        return Replayed(
            run=self.entries[0].run if self.entries else "", batches=len(every), same=same, divergence=divergence,
            undecided=dict(self.undecided), assumed=dict(self.assumed), after=len(every) - done if divergence else 0,
        )  # fmt: skip

    def _folded(self, seq: int) -> Divergence | None:
        """Know the state after entry `seq`; or say where the entries make no sense any more."""
        if self.states is not None:
            self.state = self.states[seq - 1]
            return None
        for entry in self.entries[self.state.seq if self.state is not None else 0 : seq]:
            if self.state is not None and self.state.strange:
                return None  # what follows an entry of an unknown kind may rest on it
            try:
                self.state = fold(self.state, entry)
            except Bug as error:
                stands = decided.said(entry.event) if not isinstance(entry.event, Unknown) else entry.event.kind
                return Divergence(entry.run, entry.seq, stands, f"it is not accepted: {error.what}")
        return None

    def _again(self, batch: list[Entry]) -> tuple[str, Divergence | None]:
        """(why it cannot be decided again, where it comes out otherwise)."""
        first = batch[0]
        if isinstance(first.event, Checkpointed):
            return AUDIT, None
        if (wrong := self._folded(first.seq - 1)) is not None:
            return "", wrong
        state = self.state
        if state is None or (why := self._beyond(state, batch)):
            return why if state is not None else UNCAUSED, None
        if first.cause != first.seq - 1:
            stands = f"it was decided at entry {first.cause}"
            return "", Divergence(first.run, first.seq, stands, f"it would be decided at entry {first.seq - 1}")
        try:
            return self._tried(state, batch)
        except Undecidable as missing:
            return str(missing), None
        except (Bug, ContractError) as error:
            return "", Divergence(first.run, first.seq, decided.said(_event(first)), f"it breaks: {error.what}")

    def _tried(self, state: State, batch: list[Entry]) -> tuple[str, Divergence | None]:
        """With each answer there can be to what no entry tells; the same where one gives what stands there."""
        self.told.at(state, batch)
        bound, whole = self._bound(state)
        moment, found = self._moment(bound, state, batch, whole=whole), None
        for _ in self.told.guesses.every():
            tried = self._compared(state, batch, decide(bound, state, moment), whole=whole)
            if tried[1] is None:
                return tried
            found = found or tried[1]
        several = Counter(call.tool for call in state.calls.values() if call.status in ("failed", "unsure"))
        for what in self.told.guesses.asked:
            if max(several.values(), default=0) > 1:
                return f"{what} stands in its code, which is not here", None
        return "", found

    def _moment(self, bound: Bound, state: State, batch: list[Entry], *, whole: bool) -> Moment:
        names = shares.names(bound, state)
        return moment_of(state, batch, self.secret or b"", self.costs if whole else None, names)

    def _beyond(self, state: State, batch: list[Entry]) -> str:
        """Why a batch cannot be decided again whatever code there is."""
        last = batch[-1].seq
        origin = state.opened.forked_from
        if state.strange or (last < len(self.entries) and _is_unknown(self.entries[last], batch[0].cause)):
            return UNKNOWN
        if origin is not None and (last <= origin.call or batch[0].cause == origin.call):
            return INHERITED
        if not batch[0].cause:
            return UNCAUSED
        return ERASED if last >= self.gone else ""

    def _bound(self, state: State) -> tuple[Bound, bool]:
        if state.contract_digest not in self.bounds:
            self.bounds[state.contract_digest] = self.replay.bound(state, self.told)
        return self.bounds[state.contract_digest]

    def _compared(
        self, state: State, batch: list[Entry], again: Sequence[AnyEvent], *, whole: bool
    ) -> tuple[str, Divergence | None]:
        masked = self._masked(whole=whole)
        events = [_event(entry) for entry in batch]
        if all(map(_alike, events, again, [masked] * len(events))) and len(events) == len(again):
            self._note(events, whole=whole)
            return "", None
        if not whole and any(isinstance(one, LimitReached) and one.limit in ("usd", "context") for one in events):
            return WEIGHT, None
        if self.secret is None and (any(call.votes for call in state.calls.values()) or any(map(_is_repeat, events))):
            return KEYED, None
        return "", _divergence(batch, events, again, masked)

    def _masked(self, *, whole: bool) -> Mapping[type, tuple[str, ...]]:
        """The fields that cannot be compared."""
        found: dict[type, tuple[str, ...]] = {} if whole else dict(_WEIGHED)
        if self.secret is None:
            for kind, fields in _KEYED.items():
                found[kind] = (*found.get(kind, ()), *fields)
        return found

    def _note(self, events: Sequence[AnyEvent], *, whole: bool) -> None:
        if not whole and any(isinstance(event, CallAsked | CallStarted | ModelAsked) for event in events):
            self.assumed[CODE] += 1
        if self.secret is None and any(type(event) in _KEYED for event in events):
            self.assumed[DIGESTS] += 1


_KEYED: Final[Mapping[type, tuple[str, ...]]] = {
    CallAsked: ("digest",), ModelAsked: ("rolling",), PersonAsked: ("digest",), CallStarted: ("key",),
}  # fmt: skip
"""Fields that the secret of the run tree keys."""

_WEIGHED: Final[Mapping[type, tuple[str, ...]]] = {ModelAsked: ("reserved", "max_output")}
"""Fields that the descriptions of the tools weigh in."""


def _is_repeat(event: AnyEvent) -> bool:
    return isinstance(event, CallJudged) and any(fired.rule == "limits.repeats" for fired in event.rules)


def _event(entry: Entry) -> AnyEvent:
    assert not isinstance(entry.event, Unknown)  # no decision is
    return decided.plain(entry.event)


def _is_unknown(entry: Entry, cause: int) -> bool:
    return isinstance(entry.event, Unknown) and entry.cause == cause


def _alike(stands: AnyEvent, now: AnyEvent, masked: Mapping[type, tuple[str, ...]]) -> bool:
    return stands == now or (type(stands) in masked and _bare(stands, masked) == _bare(now, masked))


def _bare(event: AnyEvent, masked: Mapping[type, tuple[str, ...]]) -> AnyEvent:
    """An event without the fields that cannot be compared; whether a text is empty still is."""
    blank = {
        name: bool(value) if isinstance(value := getattr(event, name), str) else 0
        for name in masked.get(type(event), ())
    }
    return msgspec.structs.replace(event, **blank)


def _divergence(
    batch: list[Entry], events: Sequence[AnyEvent], again: Sequence[AnyEvent], masked: Mapping[type, tuple[str, ...]]
) -> Divergence:
    """The first place at which two batches differ."""
    run = batch[0].run
    for at, event in enumerate(events):
        now = again[at] if at < len(again) else None
        if now is None or not _alike(event, now, masked):
            fields = decided.differing(event, now) if now is not None else ()
            hidden = masked.get(type(event), ())
            shown = tuple(one for one in fields if one.field not in hidden)
            return Divergence(run, batch[at].seq, decided.said(event), decided.said(now), shown)
    return Divergence(run, batch[-1].seq + 1, decided.NOTHING, decided.said(again[len(events)]))
