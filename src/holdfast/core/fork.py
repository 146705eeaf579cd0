"""A fork: a run that begins as another one did, up to one of its entries, and goes its own way from there.

What the other run was told, it has been told too. What the other run may do, it may not: it has no approval, no idempotency
key and no undo token of it, nobody waits for its answers under the other's request key or as its parent, and what was under
way at that entry is closed as "unknown, not performed here". Its writes are recorded and not carried out (`simulate`), but
for those of the tools that `RunOpened.live` names.

A fork belongs to the run tree it was forked from: one secret keys its digests, its bodies are the very same blobs, and who
erases one erases what both know. Its own idempotency keys differ all the same: the name of the run is part of a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import sub
from typing import Any, Final

from msgspec.structs import astuple, replace

from holdfast.core.fold import fold, fold_all
from holdfast.core.state import Spent, State
from holdfast.errors import UsageError
from holdfast.events import (
    AnyEvent,
    CallFailed,
    CallJudged,
    CallReturned,
    CallSettled,
    CallStarted,
    DoubtRaised,
    Entry,
    Erased,
    Fired,
    Loaded,
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


def fork(entries: Sequence[Entry], run: str, *, by: str, at: int, live: Sequence[str] = ()) -> tuple[Entry, ...]:
    """The entries that the fork `run` begins with.

    entries: all of the other run's up to and including the one to fork at, bodies loaded. by: who forks. at: the journal's
    clock. live: tools whose writes are to be carried out. Bodies kept beside the chain are named as they are kept there; like
    all of them they are loaded before they are folded.

    Raises UsageError where the run cannot be forked there.
    """
    origin, opened = _forkable(entries)
    given = {1: _opened(opened, origin, by, live), **_doubts(entries)}
    begun = [
        replace(one, run=run, event=_inherited(given.get(one.seq, one.event)), prev=b"", digest=b"", aside="")
        for one in entries
    ]
    state = fold_all(begun)
    for event in _closing(state, by):
        begun.append(Entry(run, state.seq + 1, max(at, state.at), origin.call, by, event))
        state = fold(state, begun[-1])
    return tuple(replace(one, event=_as_kept(one.event)) for one in begun)


def own(state: State) -> Spent:
    """What a run used up itself: of a fork without what the other run had used up before."""
    return Spent(*map(sub, astuple(state.spent), astuple(state.inherited)))


def carried_out(opened: RunOpened, tool: str) -> bool:
    """Whether the writes of a tool are carried out in a run, rather than recorded only."""
    return opened.mode != "simulate" or tool in opened.live


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


def _opened(event: RunOpened, origin: Parent, by: str, live: Sequence[str]) -> RunOpened:
    return replace(
        event, forked_from=origin, forked_by=(*event.forked_by, by), mode="simulate", live=tuple(live),
        tree=event.tree or origin.run, key="", parent=None, undoes="",
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
    match event:
        case CallStarted(call=call, key=key) if key:
            return replace(event, key=f"{RULE} {call}")
        case CallReturned() | CallSettled() if event.undo is not None:
            return replace(event, undo=None)
    return event


def _closing(state: State, by: str) -> Iterator[AnyEvent]:
    """Whose fork it is, and the end of everything that was under way."""
    yield Resumed(by)
    yield from [QuestionWithdrawn(seq, "void") for seq in state.questions]
    asking = state.asking
    if asking is not None and asking.status == "running":
        yield ModelFailed(asking.seq, "lost", "unknown", NOT_HERE, by=by)
    for call in state.calls.values():
        if call.status == "answered":
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
