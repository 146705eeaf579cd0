"""Recovery: finding out about calls of unknown outcome. The same key again, or a look-up, or a person; never a blind second attempt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.agent import Bound
from holdfast.core import attempts, limits, shares
from holdfast.core.state import CallState, Moment, State
from holdfast.events import (
    AnyEvent,
    DoubtRaised,
    PersonAsked,
)

MAX_LOOKS: Final = 3
"""How often a look-up that cannot tell is asked before a person is."""


def find_out(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Calls of unknown outcome: a read runs again, a write is found out about."""
    waiting = [call for call in state.calls.values() if call.status == "unsure"]
    out: list[AnyEvent] = []
    for call in waiting:
        if shares.unread(bound, state, moment, call):
            continue
        if call.effect == "write":
            out += _recover(bound, state, moment, call)
        elif not (state.rests or state.limit is not None):
            out += attempts.again(bound, state, moment, call)
        if out:
            return out
    return []


def _recover(bound: Bound, state: State, moment: Moment, call: CallState) -> list[AnyEvent]:
    """Same key again; or a look-up (see `pending`); or a person."""
    if call.handle and to_look_up(bound, call):
        return []
    tool = bound.tools.get(call.tool)
    may_start = not ending_soon(state) and state.said <= call.heard
    keyed_still = tool is not None and attempts.is_honoured(call, tool, moment)
    if call.start < state.recovered:  # what was lost may hold another call for the same, under another key
        keyed_still = False
    if keyed_still and waits(state):
        return []
    affordable = call.error == "lost" or limits.reached(bound, state, "retries", state.spent.retried) is None
    tries = 0 if tool is None else max(tool.retry.times, KEYED_TRIES)
    if keyed_still and may_start and affordable and call.failures <= tries:
        return [*attempts.start(bound, state, moment, call)] if moment.at >= attempts.retry_at(bound, call) else []
    return settle_doubts(bound, state, moment, [call])


KEYED_TRIES: Final = 2
"""Further attempts under the same key, at least: they are harmless, and spare a person the question."""


def settle_doubts(bound: Bound, state: State, moment: Moment, waiting: Iterable[CallState]) -> list[AnyEvent]:
    """Put writes that cannot be found out about before a person. A running one is awaited."""
    out: list[AnyEvent] = []
    for call in waiting:
        if call.status != "unsure" or to_look_up(bound, call):
            continue
        if call.looked == "absent" and call.ended:
            out += _absent(bound, state, moment, call)
            continue
        why = _doubtful(bound, call)
        text = f"Did {call.tool} happen? {why} The attempt is {'proven over' if call.ended else 'not proven over: it may still happen'}."
        out += [DoubtRaised(call.seq, why, call.ended), PersonAsked("doubt", text, call.seq, digest=call.digest)]
    return out


def _doubtful(bound: Bound, call: CallState) -> str:
    looked = {
        "absent": "The other system did not show it, but an attempt may still be on its way.",
        "cannot_tell": f"Looking it up gave no clear answer{': ' + call.message if call.message else '.'}",
    }.get(call.looked, "It can neither be repeated safely nor looked up.")
    said = f"{call.message or call.error or 'no answer'}. {looked}" if call.looked != "cannot_tell" else looked
    return f"An earlier attempt said that it was done (entry {call.came_late}). {said}" if call.came_late else said


def _absent(bound: Bound, state: State, moment: Moment, call: CallState) -> list[AnyEvent]:
    """Surely not done: it starts again if its tool wants that, or the agent is told."""
    tool = bound.tools[call.tool]
    if (
        not ending_soon(state)
        and state.said <= call.heard
        and call.failures <= tool.retry.times
        and limits.reached(bound, state, "retries", state.spent.retried) is None
    ):
        return [*attempts.restart(bound, state, moment, call)] if moment.at >= attempts.retry_at(bound, call) else []
    return [attempts.refuse(call.seq, "absent", "it was looked up, and it did not happen", call.version)]


def ending_soon(state: State) -> bool:
    """Whether the run is asked to end, so that nothing new may start."""
    return bool(state.cancel or state.stop or state.taken or state.contradiction or state.rests or state.limit)


def waits(state: State) -> bool:
    """Whether the run is held up only: paused, or before a limit that a person may raise."""
    held = state.rests or state.limit is not None
    return held and not (state.cancel or state.stop or state.taken or state.contradiction)


def to_look_up(bound: Bound, call: CallState) -> bool:
    """Whether the other system is still to be asked about a call."""
    tool = bound.tools.get(call.tool)
    if tool is None or tool.options.lookup is None or call.status != "unsure":
        return False
    return call.looked in ("", "pending") or (call.looked == "cannot_tell" and call.looks < MAX_LOOKS)


def look_at(bound: Bound, call: CallState) -> int:
    """When it may be asked: when the attempt is over or its time is up, and the other system has settled since."""
    settle = round(bound.tools[call.tool].options.settle * 1_000_000)
    over = call.failed_at if call.ended else max(call.until, call.failed_at)
    return max(over + settle, call.look_at)
