"""A fork: a run that begins as another one did, up to one of its entries, and goes its own way from there.

What the other run was told, it has been told too. What the other run may do, it may not: it has no approval and no idempotency
key of it and undoes none of its writes, nobody waits for its answers under the other's request key or as its parent, and what was under
way at that entry is closed as "unknown, not performed here". Its writes are recorded and not carried out (`simulate`), but
for those of the tools that `RunOpened.live` names.

A write that is carried out goes through judging as any other. A person is asked first, whatever the contract says, where
the writes of the other run were all reviewed or not carried out (`supervise`, `simulate`), as those of a fork are not: what
it rests on may never have happened. And where a result was edited: what it rests on may not be so.

What is otherwise than in the other run is in the fork's own journal. An edited result stands where the returned one stood,
and says who put it there (`CallReturned.edited`); another model, other instructions and another contract are one entry,
`ContractAdopted`. Nothing that was decided upon a result is inherited beside another result.

A fork belongs to the run tree it was forked from: one secret keys its digests, its bodies are the very same blobs, and who
erases one erases what both know. Its own idempotency keys differ all the same: the name of the run is part of a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import sub
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import astuple, replace

from holdfast.codec import canonical, keyed, plain
from holdfast.contract import Contract
from holdfast.core.fold import fold, fold_all
from holdfast.core.state import Spent, State
from holdfast.errors import UsageError
from holdfast.events import (
    AnyEvent,
    CallAsked,
    CallFailed,
    CallJudged,
    CallReturned,
    CallStarted,
    ChildClosed,
    ContractAdopted,
    DoubtRaised,
    Entry,
    Erased,
    Fired,
    Inline,
    Json,
    Loaded,
    ModelAnswered,
    ModelFailed,
    Noted,
    Parent,
    QuestionWithdrawn,
    Resumed,
    RunClosed,
    RunOpened,
    Stored,
    Unknown,
)

RULE: Final = "fork"
"""The rule that every call which was under way is refused by."""

NOT_BEGUN: Final = "it was proposed before this run was forked, and not performed here"
NOT_HERE: Final = "what became of it is unknown: it was begun before this run was forked, and not performed here"


class Otherwise(Struct, frozen=True, kw_only=True):
    """What is otherwise in a fork than in the run it was forked from."""

    contract: Contract | None = None
    """That it goes on under; None: the one in force there."""
    results: dict[int, Json] = {}
    """Entry that holds the result of a call → what stands there instead."""


AS_IT_WAS: Final = Otherwise()


def fork(
    entries: Sequence[Entry], run: str, *, by: str, at: int, live: Sequence[str] = (), other: Otherwise = AS_IT_WAS,
    secret: bytes = b"", epoch: int = 0,
) -> tuple[Entry, ...]:  # fmt: skip
    """The entries that the fork `run` begins with.

    entries: all of the other run's up to and including the one to fork at, bodies loaded. by: who forks. at: the journal's
    clock. live: tools whose writes are to be carried out. secret: of the run tree. epoch: the journal's. Bodies kept beside
    the chain are named as they are kept there; like all of them they are loaded before they are folded.

    Raises UsageError where the run cannot be forked there, or not with this.
    """
    origin, opened = _forkable(entries)
    given: dict[int, AnyEvent] = _doubts(entries) | _edited(entries, other, by, secret)
    given[1] = _opened(opened, origin, run, by, _carried_out(entries, live, other))
    begun = [
        replace(one, run=run, event=_inherited(given.get(one.seq, one.event)), prev=b"", digest=b"", aside="")
        for one in entries
    ]
    state = fold_all(begun)
    for event in _own(state, by, other, epoch):
        begun.append(Entry(run, state.seq + 1, max(at, state.at), origin.call, by, event))
        state = fold(state, begun[-1])
    return tuple(replace(one, event=_as_kept(one.event)) for one in begun)


def begun(entries: Sequence[Entry]) -> int:
    """The last entry of those that a run was forked with: what the other run had, and what ended that; 0 of one that is no fork."""
    first = entries[0].event if entries else None
    if not isinstance(first, RunOpened) or first.forked_from is None:
        return 0
    at = first.forked_from.call
    while at < len(entries) and entries[at].cause == first.forked_from.call:
        at += 1
    return at


def own(state: State) -> Spent:
    """What a run used up itself: of a fork without what the other run had used up before."""
    return Spent(*map(sub, astuple(state.spent), astuple(state.inherited)))


def carried_out(opened: RunOpened, tool: str) -> bool:
    """Whether the writes of a tool are carried out in a run, rather than recorded only."""
    return opened.mode != "simulate" or tool in opened.live


def reviewed(opened: RunOpened, tool: str) -> bool:
    """Whether every write of a tool goes before a person in a run, whatever its contract says."""
    return opened.mode == "supervise" or (opened.supervised and tool in opened.live)


def _forkable(entries: Sequence[Entry]) -> tuple[Parent, RunOpened]:
    """The place at which is forked, and how the run there was opened."""
    first = entries[0] if entries else None
    if first is None or not isinstance(first.event, RunOpened):
        raise UsageError("a run is forked with all of its entries up to one of them, from the first on")
    for entry in entries:
        if isinstance(entry.event, RunClosed):
            raise UsageError("it was closed there", run=first.run, seq=entry.seq, hint="fork it at an earlier entry")
        if isinstance(entry.event, Unknown):
            what = f"it holds an entry of the kind {entry.event.kind}, which this holdfast does not know"
            raise UsageError(what, run=first.run, seq=entry.seq, hint="fork it at an earlier entry")
    return Parent(first.run, len(entries)), first.event


def _opened(event: RunOpened, origin: Parent, run: str, by: str, live: Sequence[str]) -> RunOpened:
    return replace(
        event, forked_from=origin, forked_by=(*event.forked_by, by), mode="simulate", live=tuple(dict.fromkeys(live)),
        supervised=event.mode != "live", tree=event.tree or origin.run, key="", parent=None, undoes="",
        carved={}, apart=run if event.apart else "",
    )  # fmt: skip


def _carried_out(entries: Sequence[Entry], live: Sequence[str], other: Otherwise) -> Sequence[str]:
    """The tools whose writes are to be carried out. Raises UsageError for one that is not in the contract."""
    if live:
        contract = other.contract
        tools = contract.tools if contract is not None else (fold_all(entries).contract or {}).get("tools", {})
        for name in live:
            if name not in tools:
                what = f"{name} is to be carried out, and the fork's contract has no such tool"
                raise UsageError(what, run=entries[0].run, hint=f"tools in it: {', '.join(tools) or 'none'}")
    return live


def _edited(entries: Sequence[Entry], other: Otherwise, by: str, secret: bytes) -> dict[int, AnyEvent]:
    """What stands where a result is edited. Raises UsageError where no result stands, or what follows rests on it."""
    writes = {one.seq for one in entries if isinstance(one.event, CallAsked) and one.event.effect == "write"}
    found: dict[int, AnyEvent] = {}
    for seq, given in other.results.items():
        event = _result(entries, seq)
        for later in entries[seq:]:
            starts = isinstance(later.event, CallStarted) and later.event.call in writes
            if starts or isinstance(later.event, ModelAnswered):
                raise UsageError(
                    f"entry {later.seq} rests on what was returned there, and cannot stand beside another result",
                    run=entries[0].run, seq=seq, hint=f"fork it at an entry from {seq} to {later.seq - 1}",
                )  # fmt: skip
        value = plain(given)
        digest = keyed(secret, "result", canonical(value))
        found[seq] = replace(event, result=Inline(value), digest=digest, edited=by, redacted=0)
    return found


def _result(entries: Sequence[Entry], seq: int) -> CallReturned:
    """The result that stands in an entry. Raises UsageError where none does."""
    event = entries[seq - 1].event if 0 < seq <= len(entries) else None
    if isinstance(event, CallReturned) and event.complete not in ("started", "simulated"):
        return event
    what = type(event).__name__ if event is not None else f"after entry {len(entries)}, at which it is forked"
    if isinstance(event, CallReturned):
        what = f"of a call that was {event.complete}"
    raise UsageError(
        f"no result stands there that could be edited: it is {what}", run=entries[0].run, seq=seq,
        hint="name a CallReturned that stands at the entry to fork at, or before it",
    )  # fmt: skip


def _doubts(entries: Sequence[Entry]) -> dict[int, AnyEvent]:
    """What stands for the doubts that are open at the end: a question to the people of the other run, here a mere note."""
    doubtful = {call.seq for call in fold_all(entries).calls.values() if call.status == "doubt"}
    last: dict[int, tuple[int, AnyEvent]] = {}
    for entry in entries:
        if isinstance(entry.event, DoubtRaised) and entry.event.call in doubtful:
            last[entry.event.call] = entry.seq, Noted(entry.actor, "doubt", note=entry.event.why)
    return dict(last.values())


def _inherited(event: AnyEvent | Unknown) -> AnyEvent | Unknown:
    """An event of the other run without what it could be used for there."""
    if isinstance(event, CallStarted) and event.key:
        return replace(event, key=f"{RULE} {event.call}")
    return event


def _own(state: State, by: str, other: Otherwise, epoch: int) -> Iterator[AnyEvent]:
    """Whose fork it is, what is otherwise in it, and the end of everything that was under way."""
    yield Resumed(by, epoch if epoch > state.epoch else 0, forked=True)
    for seq in other.results:
        yield Noted(by, "edited", note=f"what entry {seq} says was returned is {by}'s own", evidence=(seq,))
    contract = other.contract
    if contract is not None and contract.digest != state.contract_digest:
        yield ContractAdopted(Inline(contract.data), contract.digest, by)
    yield from [QuestionWithdrawn(seq, "void") for seq in state.questions]
    asking = state.asking
    if asking is not None and asking.status == "running":
        yield ModelFailed(asking.seq, "lost", "unknown", NOT_HERE, by=by)
    for call in state.calls.values():
        if call.status == "answered":
            continue
        if call.status == "running" and call.effect == "child":
            yield ChildClosed(call.seq, call.child, "cancelled", why=NOT_HERE)
            continue
        if call.status == "running":
            yield CallFailed(call.seq, call.attempt, "lost", "unknown", ended=False, by=by)
        because = NOT_HERE if call.status in ("running", "unsure") else NOT_BEGUN
        yield CallJudged(call.seq, "refuse", (Fired(RULE, "refuse", because),), call.version)


def _as_kept(event: AnyEvent | Unknown) -> AnyEvent | Unknown:
    """An event with the bodies that were loaded as they are kept in the journal: by name."""

    def named(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple([named(item) for item in value])
        return Stored(value.ref, value.size) if isinstance(value, Loaded | Erased) else value

    changed = {field: named(getattr(event, field)) for field in event.__struct_fields__}
    return replace(event, **changed)
