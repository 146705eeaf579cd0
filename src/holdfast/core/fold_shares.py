"""What entries change about what a run holds of what runs share, and about what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from holdfast.core.state import Awaited, CallState, State
from holdfast.events import CallStarted, Entry, Hold, PlaceAwaited, PlaceTaken, Share

T = TypeVar("T")

FAILURES: Final = frozenset({"not_done", "timeout", "connection", "unknown", "raised"})
"""What counts as a failure of the other system: it did not answer, or said that it could not. A refusal is an answer."""

Holds = dict[int, tuple[Share, ...]]


def without(places: Mapping[int, T], place: int) -> dict[int, T]:
    """Places without one of them."""
    return {seq: known for seq, known in places.items() if seq != place}


def _with(holds: Mapping[int, tuple[Share, ...]], place: int, shares: tuple[Share, ...]) -> Holds:
    return {**holds, place: shares} if shares else without(holds, place)


def started(state: State, event: CallStarted) -> dict[str, Any]:
    """An attempt began: what it takes is held beside what attempts before it took; of an amount, in the place of that."""
    changes: dict[str, Any] = {}
    if event.shares or event.call in state.holds:
        taken = [share for share in event.shares if share.amount]
        names = {share.name for share in taken if not share.clause.endswith(".rate")}
        before = [one for one in state.holds.get(event.call, ()) if one.name not in names]
        changes["holds"] = _with(state.holds, event.call, (*before, *taken))
    if event.call in state.awaits:
        changes["awaits"] = without(state.awaits, event.call)
    return changes


def kept(state: State, call: CallState) -> Holds:
    """What is held once a call is in this state: its place while it is under way, its amount unless nothing was done."""
    under_way = call.status in ("running", "unsure")
    undone = call.status == "answered" and not call.ok and call.settled != "stop" and _surely_not(call)
    shares = tuple(
        share for share in state.holds[call.seq]
        if (share.until or under_way) and not (undone and share.clause.endswith(".across"))
    )  # fmt: skip
    return _with(state.holds, call.seq, shares)


def _surely_not(call: CallState) -> bool:
    return not call.unknown or call.looked == "absent"


def given_back(state: State, call: int) -> Holds:
    """A person found, after the run had closed, that a call did not happen."""
    shares = tuple(one for one in state.holds.get(call, ()) if not one.clause.endswith(".across"))
    return _with(state.holds, call, shares)


def blown(state: State, call: CallState, fuse: Hold, at: int) -> Holds:
    """An attempt failed, and that counts for all runs."""
    failure = Share("breaker", fuse.name, fuse.amount, at + fuse.until)
    holds = kept(state, call) if call.seq in state.holds else state.holds
    return _with(holds, call.seq, (*holds.get(call.seq, ()), failure))


def awaited(state: State, entry: Entry, event: PlaceAwaited) -> dict[str, Any]:
    return {"awaits": {**state.awaits, event.call: Awaited(entry.seq, entry.at, event)}}


def taken(state: State, entry: Entry, event: PlaceTaken) -> dict[str, Any]:
    return {"holds": {**state.holds, 0: event.shares}, "awaits": without(state.awaits, 0)}


def closed(state: State) -> dict[str, Any]:
    """The run ended: what it did in a window of time still counts, and nothing else."""
    changes: dict[str, Any] = {"awaits": {}} if state.awaits else {}
    if state.holds:
        left = {place: tuple(one for one in shares if one.until) for place, shares in state.holds.items()}
        changes["holds"] = {place: shares for place, shares in left.items() if shares}
    return changes
