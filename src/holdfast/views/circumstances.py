"""Under what circumstances something was decided, as far as a run's entries show: when, by whom, with what known of others.

Of which tools another run of the tree was in doubt stands in no entry. It follows from the decisions: such a tool's call is
always refused by the rule `unresolved`, and by that rule alone where this run itself is in doubt about no call of the tool.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Final

import msgspec

from holdfast.core.state import Moment, State, Stop
from holdfast.events import (
    AnyEvent,
    BodiesErased,
    CallAsked,
    CallFailed,
    CallJudged,
    CallStarted,
    Entry,
    Erased,
    Held,
    LimitReached,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Paused,
    PlaceAwaited,
    PlaceTaken,
    Resumed,
    Unknown,
)

UNRESOLVED: Final = "unresolved"
"""The rule by which a call is refused while it is not known whether an earlier one happened."""

_PASSED_OVER: Final = "the next answer would pass it"


ENOUGH: Final = 1 << 60
"""More than any contract lets all runs hold together."""


def moment_of(
    state: State, batch: Sequence[Entry], secret: bytes, costs: Mapping[int, int] | None, names: Collection[str] = ()
) -> Moment:
    """The moment at which a batch was decided. names: what was looked up of what runs share (see `core.shares.names`).

    costs: request → what its answer cost, for telling what a model had said it would (see `costs_of`); None: whatever was
    reserved is taken as if the model had said so.
    """
    gone, flying = _workers(state, batch)
    stopped, tools = _stops(state, batch)
    epoch = next((one.event.epoch for one in batch if isinstance(one.event, Resumed)), state.epoch)
    return Moment(
        at=batch[0].at, worker=batch[0].actor, secret=secret, gone=gone, flying=flying, epoch=epoch,
        quotes=_quotes(state, batch, costs), doubtful=doubtful_of(state, batch), held=held_by_others(names, state, batch),
        stopped=stopped, stopped_tools=tools,
    )  # fmt: skip


def held_by_others(names: Collection[str], state: State, batch: Sequence[Entry]) -> dict[str, Held]:
    """What other runs were seen to hold of these names: as much as the batch says, enough to wait for where it waits, or nothing.

    What waited before, and began with no entry of the batch, waited still.
    """
    told: dict[str, Held] = {}
    for entry in batch:
        match entry.event:
            case CallJudged(shares=shares) | CallStarted(shares=shares) | PlaceTaken(shares=shares):
                told |= {share.name: Held(share.used) for share in shares}
            case PlaceAwaited(name=name, holder=holder, used=used):
                told[name] = Held(used, holder)
    again = {one.event.call for one in batch if isinstance(one.event, PlaceAwaited)}  # it waits for something else now
    waited = {
        one.place.name: Held(ENOUGH, one.place.holder) for place, one in state.awaits.items() if place not in again
    }
    return {name: Held() for name in names} | {name: one for name, one in (waited | told).items() if name in names}


def _stops(state: State, batch: Sequence[Entry]) -> tuple[Stop | None, dict[str, Stop]]:
    """(what stopped the run, the tools that were stopped), where a decision shows it."""
    stopped = Stop(state.halted, "") if state.halted else None
    tools: dict[str, Stop] = {}
    asked = {one.seq: one.event.tool for one in batch if isinstance(one.event, CallAsked)}
    asked |= {call.seq: call.tool for call in state.calls.values()}
    waited = [(place, one.place) for place, one in state.awaits.items()]
    for entry in batch:
        match entry.event:
            case Paused(stop=stop, by=by, why=why) if stop:
                stopped = Stop(stop, by, why)
            case Resumed(stop=stop) if stop:
                stopped = None
            case PlaceAwaited(call=call) as place:
                waited.append((call, place))
    for call, place in waited:
        began = any(isinstance(one.event, CallStarted) and one.event.call == call for one in batch)
        if place.clause == "stop" and place.name and call in asked and not began:
            by, _, why = place.why.partition(f" stopped {asked[call]}")
            tools[asked[call]] = Stop(int(place.name.partition(":")[2]), by, why.removeprefix(": "))
    return stopped, tools


def doubtful_of(state: State, batch: Sequence[Entry]) -> frozenset[str]:
    """Tools of which another run of the tree did not know whether a write happened: refused for more doubts than are ours."""
    asked = {one.seq: one.event.tool for one in batch if isinstance(one.event, CallAsked)}
    asked |= {call.seq: call.tool for call in state.calls.values()}
    lost = {one.event.call for one in batch if isinstance(one.event, CallFailed)}
    found = set[str]()
    for entry in batch:
        match entry.event:
            case CallJudged(call=call, verdict="refuse", rules=rules) if call in asked:
                tool = asked[call]
                unsure = (
                    one.seq for one in state.calls.values() if one.tool == tool and one.status in ("unsure", "doubt")
                )
                ours = {*unsure, *(seq for seq in lost if asked.get(seq) == tool)} - {call}
                if sum(fired.rule == UNRESOLVED for fired in rules) > len(ours):
                    found.add(tool)
    return frozenset(found)


def costs_of(entries: Sequence[Entry]) -> dict[int, int]:
    """Request → what its answer cost; only a model that knows it beforehand reserves just that."""
    answers = (entry.event for entry in entries if isinstance(entry.event, ModelAnswered))
    return {event.ask: event.cost for event in answers if event.cost}


def _quotes(state: State, batch: Sequence[Entry], costs: Mapping[int, int] | None) -> dict[str, int | None]:
    """What a model had said that its answer costs, where that stands in what was reserved for it."""
    for entry in batch:
        match entry.event:
            case ModelAsked(model=model, reserved=reserved):
                price = state.opened.prices.get(model)
                silent = price is None or not (price.input or price.output)
                if costs is None or (silent and reserved) or costs.get(entry.seq) == reserved:
                    return {model: reserved}
            case LimitReached(limit="usd", used=used, ceiling=top, why=why) if why == _PASSED_OVER:
                return dict.fromkeys(state.contract["models"], top - used + 1)
    return {}


def _workers(state: State, batch: Sequence[Entry]) -> tuple[frozenset[str], frozenset[int]]:
    """(workers that were known to be gone, attempts that were in flight where it was decided)."""
    at, worker = batch[0].at, batch[0].actor
    lost = {_start(state, one.event) for one in batch if isinstance(one.event, ModelFailed | CallFailed)}
    gone, flying = set[str](), set[int]()
    running = [(call.start, call.worker, call.until) for call in state.calls.values() if call.status == "running"]
    if state.asking is not None and state.asking.status == "running":
        running.append((state.asking.seq, state.asking.worker, state.asking.until))
    for start, who, until in running:
        if start in lost and who != worker and until > at:
            gone.add(who)
        elif start not in lost and who == worker:
            flying.add(start)
    for one in batch:
        event = one.event
        if isinstance(event, CallFailed) and event.ended:
            gone |= {who for start, who, _ in running if start == _start(state, event) and who != worker}
    return frozenset(gone), frozenset(flying)


def _start(state: State, event: ModelFailed | CallFailed) -> int:
    if isinstance(event, ModelFailed):
        return event.ask
    call = state.calls.get(event.call)
    return call.start if call is not None else 0


# ---------------------------------------------------------------------------------------------------- what is gone


def gone_from(entries: Sequence[Entry]) -> int:
    """The first entry of which a body, or the words that were set aside, is gone; beyond the last where all is there."""
    refs = {ref for entry in entries if isinstance(entry.event, BodiesErased) for ref in entry.event.refs}
    for entry in entries:
        event = entry.event
        if (entry.aside and entry.aside in refs) or any(_is_gone(event, name) for name in _bodies(type(event))):
            return entry.seq
    return len(entries) + 1


@cache
def _bodies(kind: type) -> tuple[str, ...]:
    """The fields of an event kind that hold bodies, or tuples of them."""
    return tuple(field.name for field in msgspec.structs.fields(kind) if "events.Erased" in str(field.type))


def _is_gone(event: AnyEvent | Unknown, name: str) -> bool:
    value = getattr(event, name)
    return isinstance(value, Erased) or (isinstance(value, tuple) and any(isinstance(item, Erased) for item in value))
