"""What the calls of a turn need next: to be judged, to wait for a person, to start, to be tried again.

Reads of a turn run side by side. Writes start one at a time, in the order they were asked for, each judged again at its
start; after one that did not succeed the rest are answered "not started".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from holdfast.agent import Bound
from holdfast.core import attempts, children, limits, policy, programs, shares
from holdfast.core.policy import Judgement, binding
from holdfast.core.state import CallState, Moment, State
from holdfast.events import (
    AnyEvent,
    CallJudged,
)

CONCLUDING: Final = ("done", "decline", "ask")
"""Calls that speak of the run itself; nothing is performed for them."""


WRITING: Final = frozenset({"write", "program"})
"""What is carried out one after another, in the order in which the model asked for it."""


def overtaken(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """The requester spoke after a write was proposed: the model decides again, with the message."""
    if state.said == state.heard:
        return []
    for call in state.calls.values():
        if (
            call.effect in ("write", "child")
            and call.heard < state.said
            and call.status in ("asked", "held", "cleared", "failed")
        ):
            no = attempts.refuse(
                call.seq, "overtaken", "the requester has written since; read the message first", call.version
            )
            return [*attempts.withdraw(state, call, "overtaken"), no]
    return []


def advance(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """The next thing that one call of the turn needs."""
    for call in sorted(state.calls.values(), key=lambda one: one.seq):
        if events := _advance(bound, state, moment, call):
            return events
    return []


def _advance(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    if call.status != "answered" and shares.unread(bound, state, moment, call):
        return []
    match call.status:
        case "asked":
            return _admit(bound, state, moment, call)
        case "cleared":
            return _clear(bound, state, moment, call)
        case "held":
            return _held(bound, state, moment, call)
        case "failed":
            return attempts.again(bound, state, moment, call)
        case "answered" if call.next and call.ok:
            return attempts.page(bound, state, call)
    return []


def _admit(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Judge a proposal; of an amended one the amender's voice counts already."""
    if call.serves:
        return [CallJudged(call.seq, "allow")]
    if call.effect == "write" and (failed := _earlier_failed(state, call)):
        return [
            *attempts.withdraw(state, call, "void"),
            attempts.refuse(call.seq, "order", f"not started: {failed.tool}, asked for before it, did not succeed"),
        ]
    judged = policy.judge(bound, state, call, moment)
    return [*attempts.withdraw(state, call, "void"), *_verdict(bound, state, moment, call, judged)]


def _verdict(bound: Bound, state: State, moment: Moment, call: CallState, judged: Judgement) -> list[AnyEvent]:
    if judged.verdict != "review":
        return [CallJudged(call.seq, judged.verdict, judged.rules, call.version, judged.shares)]
    digest = binding(state, call, judged, moment)
    review = policy.unmet_review(policy.told(call, judged), judged.reviews, digest, moment.at)
    if review is None:
        return [CallJudged(call.seq, "allow", judged.rules, call.version, judged.shares)]
    return [
        CallJudged(call.seq, "review", judged.rules, call.version, judged.shares),
        attempts.put_before(state, moment, call, judged, review, digest),
    ]


def _earlier(state: State, call: CallState) -> list[CallState]:
    first = state.calls.get(call.within, call)  # what a program calls stands where the program does
    return [other for other in state.turn_calls if other.effect in WRITING and other.index < first.index]


def _earlier_failed(state: State, call: CallState) -> CallState | None:
    """A write asked for before this one, in the same turn, that ended without success or is in doubt."""
    return next(
        (one for one in _earlier(state, call) if one.status == "doubt" or (one.status == "answered" and not one.ok)),
        None,
    )


def _held(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """A held call is let go when enough people approved; an earlier write that failed withdraws the question."""
    if call.effect == "write" and (failed := _earlier_failed(state, call)):
        no = attempts.refuse(
            call.seq, "order", f"not started: {failed.tool}, asked for before it, did not succeed", call.version
        )
        return [*attempts.withdraw(state, call, "void"), no]
    mine = (q.asked for q in state.questions.values() if q.asked.call == call.seq)
    asked = next((asked for asked in mine if asked.about in ("review", "output")), None)
    if asked is not None and asked.about == "output" and asked.contract != state.contract_digest:
        return [*attempts.withdraw(state, call, "void"), CallJudged(call.seq, "allow", call.rules, call.version)]
    if asked is None or not policy.decided(call, asked, moment.at):
        return []
    decided = attempts.withdraw(state, call, "decided")
    if asked.about == "review":
        elsewhere = replace(moment, held={})  # what others hold is looked at as it starts
        judged = policy.judge(bound, state, call, elsewhere)
        further = policy.unmet_review(policy.told(call, judged), judged.reviews, asked.digest, moment.at)
        if further is not None:
            return [*decided, attempts.put_before(state, moment, call, judged, further, asked.digest)]
    return [*decided, CallJudged(call.seq, "allow", call.rules, call.version)]


def _clear(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    if call.tool in CONCLUDING:
        return []
    if call.effect == "child":
        return children.begin(bound, state, moment, call)
    if call.effect == "program" and any(one.status not in ("answered", "doubt") for one in _earlier(state, call)):
        return []
    if call.effect == "program" and call.attempt:
        return programs.go_on(bound, state, moment, call)
    if call.effect != "write":
        return attempts.start(bound, state, moment, call)
    if any(one.status not in ("answered", "doubt") for one in _earlier(state, call)):
        return []
    if failed := _earlier_failed(state, call):
        return [
            attempts.refuse(
                call.seq, "order", f"not started: {failed.tool}, asked for before it, did not succeed", call.version
            )
        ]
    tool = bound.tools.get(call.tool)
    if call.settled and call.key and tool is not None and not attempts.is_honoured(call, tool, moment):
        return [attempts.refuse(call.seq, "settled", "a person found that this did not happen", call.version)]
    if _is_retry(call) and limits.reached(bound, state, "retries", state.spent.retried) is not None:
        return attempts.exhausted(bound, call)  # used up while a person decided, or evidence was read again
    return attempts.begin_write(bound, state, moment, call)


def _is_retry(call: CallState) -> bool:
    """Whether its next start is a retry: not after an attempt that was lost, and not where a person asked for it."""
    asked = call.settled or any(fired.rule == "surprises.exhausted" for fired in call.rules)
    return call.attempt > 0 and call.error not in ("lost", "ended") and not asked
