"""Going round in circles: 1 repeated identical call, 2 retry storm, 13 budget exhausted or no progress."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from holdfast.core.findings import TIMES
from holdfast.events import CallFailed, CallStarted, LimitReached, ModelAsked, ModelFailed
from holdfast.views import words
from holdfast.views.detectors.finding import Case, Hit, called, failed, is_effect, key, outcome
from holdfast.views.record import Call

LONGEST = 6
"""Calls in a round that is looked for."""

IDLE = (3, 10)
"""The share of the steps allowed that may go by without anything new, as a fraction."""


def repeated(case: Case) -> Iterator[Hit]:
    """1, E. The same call with the same result three times or more and no effect between; or a round of calls so.

    Origin: MAST 1.3, step repetition. False positives: polling that is meant, and cursors that move on the other side
    while the arguments stay the same; no contract can declare either yet.
    """
    for stretch in case.stretches:
        alike: dict[tuple[bytes, bytes], list[Call]] = defaultdict(list)
        for call in stretch:
            name, came = key(call), outcome(call)
            if name is not None and came is not None:
                alike[name, came].append(call)
        found = [calls for calls in alike.values() if len(calls) >= TIMES]
        for calls in found:
            text = f"{called(calls[0])} was called {len(calls)} times, with the same result each time"
            yield Hit(tuple(call.seq for call in calls), text, calls[0].tool)
        if not found:
            yield from _rounds(stretch)


def _rounds(stretch: list[Call]) -> Iterator[Hit]:
    keys = [key(call) for call in stretch]
    for size in range(2, LONGEST + 1):
        for at in range(len(keys) - TIMES * size + 1):
            first = keys[at : at + size]
            if None in first or len(set(first)) == 1:
                continue
            if all(keys[at + n * size : at + (n + 1) * size] == first for n in range(1, TIMES)):
                calls = stretch[at : at + TIMES * size]
                names = words.listed([call.tool for call in calls[:size]])
                yield Hit(
                    tuple(call.seq for call in calls), f"the calls {names} went round {TIMES} times", calls[0].tool
                )
                return


def storms(case: Case) -> Iterator[Hit]:
    """2, E. More attempts at one operation than the contract allows again, or one before the other side wanted it.

    Counted over the machine's own attempts and the model's: a call asked again after it failed is one more. Only this
    run's: attempts of other runs in a tree, and those an SDK makes by itself, are not in its journal. Origin: the retry
    storm of this project's brief. False positives: bulk work under keys that differ only in what was erased.
    """
    top = case.limit("retries")
    tries: dict[bytes, list[Call]] = defaultdict(list)
    for call in case.calls:
        name = key(call)
        if name is None:
            continue
        before = tries[name]
        if before and not failed(before[-1]):
            before.clear()
        before.append(call)
        attempts = sum(len(one.tried) for one in before)
        if top is not None and attempts - 1 > top and sum(len(one.tried) for one in before[:-1]) - 1 <= top:
            seqs = tuple(attempt.seq for one in before for attempt in one.tried)
            text = (
                f"{called(call)} was tried {attempts} times; the contract allows {words.count(top, 'retry', 'retries')}"
            )
            yield Hit(seqs, text, call.tool)
    yield from _too_soon(case)


def _too_soon(case: Case) -> Iterator[Hit]:
    """Attempts before the moment the other side named."""
    wanted: dict[int, tuple[int, int]] = {}
    model = (0, 0)
    for entry in case.entries:
        match entry.event:
            case CallFailed(call=call, retry_at=at):
                wanted[call] = (at, entry.seq)
            case CallStarted(call=call) if wanted.get(call, (0, 0))[0] > entry.at:
                tool = case.seen.calls[call].tool if call in case.seen.calls else ""
                yield Hit((wanted[call][1], entry.seq), f"{tool} was tried again before it wanted to be", tool)
            case ModelFailed(retry_at=at):
                model = (at, entry.seq)
            case ModelAsked(model=name) if model[0] > entry.at and _same_model(case, model[1], name):
                yield Hit((model[1], entry.seq), f"{name} was asked again before it wanted to be")


def _same_model(case: Case, failure: int, name: str) -> bool:
    """Whether it was this model that failed: going on to another one at once is right."""
    asked = (one for turn in case.turns for one in turn.asked if one.ended == failure)
    return any(one.model == name for one in asked)


def idle(case: Case) -> Iterator[Hit]:
    """13, E. A limit was reached; or three tenths of the steps allowed brought neither a new result nor an effect.

    Origin: this project's brief. False positives: a long computation, whose readings say "not yet" in the same words.
    """
    for entry in case.entries:
        if isinstance(entry.event, LimitReached):
            event = entry.event
            yield Hit((entry.seq,), f"the limit of {event.limit} was reached", error=event.limit)
    steps = case.limit("steps")
    if steps is None:
        return
    known: set[tuple[bytes | None, bytes | None]] = set()
    stale: list[int] = []
    mine = {call.seq: call for call in case.calls}
    for turn in case.turns:
        calls = [mine[seq] for seq in turn.calls if seq in mine]
        fresh = {(key(call), outcome(call)) for call in calls} - known
        known |= fresh
        if calls and not fresh and not any(is_effect(call) for call in calls):
            stale.append(turn.seq)
            continue
        if len(stale) * IDLE[1] > steps * IDLE[0]:
            break
        stale = []
    if len(stale) * IDLE[1] > steps * IDLE[0]:
        yield Hit(tuple(stale), f"{words.count(len(stale), 'step')} of {steps} allowed brought nothing new")
