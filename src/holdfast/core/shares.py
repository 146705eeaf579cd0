"""What runs share: limits over many runs, a turn, places at once, a rate, failures; and what somebody stopped for all of them.

A clause asks for a *share* of something that has a name. What a run holds follows from its entries alone (`State.holds`) and
stands in its row, and a store lets no batch in that would bring the holdings of all runs over a top. So here is decided
upon what other runs were last seen to hold (`Moment.held`); if that has changed meanwhile, the append is refused and it is
decided anew. A call whose names were not looked up yet is left alone until they are.

There are two kinds. `across` is judged: what would pass it is refused, or goes before a person. Everything else waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from holdfast.agent import Bound
from holdfast.codec import public_digest
from holdfast.conditions import Scope, Unanswered
from holdfast.contract import Across
from holdfast.core.fork import carried_out
from holdfast.core.state import CallState, Moment, State
from holdfast.events import AnyEvent, Held, Hold, Json, PlaceAwaited, PlaceTaken, Share

TURN: Final = 0
"""The place of the run itself among what is held and awaited; the others are calls."""

OPEN: Final = frozenset({"asked", "held", "cleared", "running", "failed", "unsure"})
"""What a call is that may start, or start again; one that is running may be found lost, and start again at once."""

SOONEST: Final = 5_000_000
LATEST: Final = 600_000_000
"""µs after which a run that waits looks by itself, at least and at most; whoever lets go wakes it before."""

MOST: Final = 1_000_000_000_000_000
"""Of a single amount: sums of many still are whole numbers that any store keeps."""

_NOBODY: Final = Held()


# -------------------------------------------------------------------------------------------------------- what is asked for


def of_run(bound: Bound, state: State) -> Share | None:
    """The turn that a run needs before anything of it starts; None where its contract asks for none, or nothing is done."""
    about = bound.contract.one_at_a_time
    if not about or state.opened.mode == "simulate":
        return None
    try:
        thing = Scope({"input": state.input}).value(about)
    except Unanswered as error:  # nobody can say what it is about: all such runs wait for each other
        thing = str(error)
    return Share("one_at_a_time", _name(state, "turn", bound.contract.name, about, thing), top=1)


def of_call(bound: Bound, state: State, call: CallState, at: int) -> list[Share]:
    """What the next attempt of a call takes. One that is not really carried out takes nothing."""
    grant = bound.contract.tools.get(call.tool)
    if grant is None or call.tool not in bound.shared or call.effect not in ("read", "write"):
        return []
    if call.effect == "write" and not carried_out(state.opened, call.tool):
        return []
    where, out = f"tools.{call.tool}", list[Share]()
    if grant.across is not None and call.effect == "write":
        found = asked(state, call, grant.across)
        if isinstance(found, tuple):
            thing, amount = found
            name = _name(state, "across", call.tool, grant.across.per, thing)
            out.append(Share(f"{where}.across", name, amount, at + grant.across.window, grant.across.at_most))
    if grant.rate is not None:
        out.append(Share(f"{where}.rate", _name(state, "rate", call.tool), 1, at + grant.rate.per, grant.rate.calls))
    if grant.at_once is not None:
        out.append(Share(f"{where}.at_once", _name(state, "at_once", call.tool), 1, 0, grant.at_once))
    if grant.breaker is not None:
        name = _name(state, "breaker", call.tool)
        out.append(Share(f"{where}.breaker", name, 0, at + grant.breaker.within, grant.breaker.failures - 1))
    return out


def asked(state: State, call: CallState, across: Across) -> tuple[Json, int] | str:
    """(what a call is counted with, its amount); or why that cannot be said."""
    caller = {"by": state.opened.by, "on_behalf_of": state.opened.on_behalf_of, "tenant": state.opened.tenant}
    scope = Scope({"args": call.args, "input": state.input, "caller": caller})
    try:
        thing, amount = scope.value(across.per), scope.value(across.sum)
    except Unanswered as error:
        return str(error)
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= MOST:
        return f"`sum` gives {str(amount)[:40]}, which is no whole number from 0 to {MOST:,}"
    return thing, amount


def _name(state: State, kind: str, *parts: Json) -> str:
    """The name of something shared. Runs that are apart from the world, as trials are, share it with their own kind only."""
    return f"{kind}:{public_digest([state.opened.apart, *parts])[:32]}"


def _is(share: Share, kind: str) -> bool:
    return share.clause.endswith(f".{kind}")


# ---------------------------------------------------------------------------------------------------------- what is known


def names(bound: Bound, state: State) -> frozenset[str]:
    """What has to be looked up before it can be decided what this run does next."""
    if state.closed is not None or not (bound.shared or bound.contract.one_at_a_time):
        return frozenset()
    found = set[str]()
    turn = of_run(bound, state) if TURN not in state.holds else None
    if turn is not None:
        found.add(turn.name)
    for call in state.calls.values():
        if call.status in OPEN:
            found |= {share.name for share in of_call(bound, state, call, state.at)}
    return frozenset(found)


def unread(bound: Bound, state: State, moment: Moment, call: CallState) -> bool:
    """Whether what a call takes was not looked up yet: it is left alone for now."""
    if call.tool not in bound.shared:
        return False
    return any(share.name not in moment.held for share in of_call(bound, state, call, moment.at))


def held(state: State, since: int) -> tuple[Hold, ...]:
    """What a run holds, as its row tells others, and what it held that ended by its time after `since`."""
    if not state.holds:
        return ()
    return tuple(
        Hold(share.name, share.amount, share.until)
        for shares in state.holds.values()
        for share in shares
        if not share.until or share.until > since
    )


def let_go(before: State, after: State) -> dict[str, int]:
    """What a run held before and does not hold any more, without waiting for its time: others may have it now."""
    left: Counter[str] = Counter()
    for state, sign in ((before, 1), (after, -1)):
        for shares in state.holds.values():
            for share in shares:
                if not share.until or share.until > after.at:
                    left[share.name] += sign * share.amount
    return {name: amount for name, amount in left.items() if amount > 0}


def _used(state: State, moment: Moment, share: Share, call: int) -> int:
    """What others hold of a name, and this run for its other calls."""
    own = sum(
        mine.amount
        for place, shares in state.holds.items()
        for mine in shares
        if mine.name == share.name
        and (not mine.until or mine.until > moment.at)
        and not (place == call and _again(mine))
    )
    return moment.held.get(share.name, _NOBODY).used + own


def _again(share: Share) -> bool:
    """Whether a further attempt of the same call takes the same part once more, and not a further one."""
    return _is(share, "across") or _is(share, "at_once")


def over(bound: Bound, state: State, moment: Moment, call: CallState) -> tuple[Share, int] | None:
    """(the share of `across` that a call would pass, what is used of it), where it would."""
    for share in of_call(bound, state, call, moment.at):
        if _is(share, "across"):
            used = _used(state, moment, share, call.seq)
            if used + share.amount > share.top:
                return replace(share, used=moment.held.get(share.name, _NOBODY).used), used
    return None


# ------------------------------------------------------------------------------------------------------------- waiting


def turn(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent] | None:
    """What a run needs before it may go on at all: its turn, if its contract says one at a time; None where it may."""
    if TURN in state.holds or not bound.contract.one_at_a_time:
        return None
    share = of_run(bound, state)
    if share is None:
        return None
    if share.name not in moment.held:
        return []
    known = moment.held[share.name]
    if known.used + share.amount <= share.top:
        return [PlaceTaken((replace(share, used=known.used),))]
    behind = f" of run {known.run}" if known.run else ""
    why = f"it is the turn{behind}, which is about the same thing"
    return _awaits(state, TURN, share.clause, share.name, why, known)


def begin(
    bound: Bound, state: State, moment: Moment, call: CallState
) -> tuple[tuple[Share, ...], Hold | None] | list[AnyEvent]:
    """(what an attempt takes, what its failure counts as); or, where it has to wait, what is to be said of that."""
    stop = moment.stopped_tools.get(call.tool)
    if stop is not None:
        why = f"{stop.by} stopped {call.tool}{': ' + stop.why if stop.why else ''}"
        return _awaits(state, call.seq, "stop", stop_name(stop.seq), why)
    if call.tool not in bound.shared:
        return (), None
    taken: list[Share] = []
    for share in of_call(bound, state, call, moment.at):
        if share.name not in moment.held:
            return []
        used, others = _used(state, moment, share, call.seq), moment.held[share.name]
        if used + share.amount <= share.top:
            taken.append(replace(share, used=others.used))
        elif _is(share, "across"):  # judged already: a person let it pass
            taken.append(replace(share, used=others.used, top=0))
        else:
            return _awaits(state, call.seq, share.clause, share.name, _why(share, call.tool, used), others)
    fuses = (Hold(share.name, 1, share.until - moment.at) for share in taken if _is(share, "breaker"))
    return tuple(taken), next(fuses, None)


def _why(share: Share, tool: str, used: int) -> str:
    if _is(share, "at_once"):
        return f"{used} calls of {tool} are under way, of {share.top} at a time"
    if _is(share, "rate"):
        return f"{tool} was called {used} times in the last while, of {share.top}"
    return f"{tool} failed {used} times in the last while"


def _awaits(state: State, place: int, clause: str, name: str, why: str, others: Held = _NOBODY) -> list[AnyEvent]:
    """Say once for what it waits."""
    known = state.awaits.get(place)
    if known is not None and known.place.name == name:
        return []
    return [PlaceAwaited(clause, name, why, place, others.run, others.used)]


def stop_name(seq: int) -> str:
    """What waits for a stop to be over wants this name; seq: of the stop, in the control stream."""
    return f"stop:{seq}"


def wants(state: State) -> str:
    """The name of which a run waits for a part, as its row tells others."""
    if state.closed is not None:
        return ""
    if state.halted:
        return stop_name(state.halted)
    if state.rests or state.limit is not None:  # it could not take it: whoever comes after it is told instead
        return ""
    return next((one.place.name for one in state.awaits.values()), "")


def look_at(state: State, moment: Moment) -> Iterator[int]:
    """When a run that waits looks by itself: when something ends by its time, or else the later the longer it has waited."""
    for one in state.awaits.values():
        first = moment.held[one.place.name].until if one.place.name in moment.held else 0
        ends = [max(first, moment.at + 1_000)] if first else []  # it may have ended since it was read
        ends += [mine.until for shares in state.holds.values() for mine in shares if mine.name == one.place.name]
        if soonest := min((end for end in ends if end > moment.at), default=0):
            yield soonest
        alone = len(state.awaits) == 1  # its row says one name only: of the others nobody tells it
        yield moment.at + (min(max((moment.at - one.at) // 2, SOONEST), LATEST) if alone else SOONEST)
