"""`decide`: what follows from what is known, at one moment.

A batch is made in two phases, each by asking a short list of rules, in order, again and again: the first that has something
to say adds its events to a draft of the state, until none has. So each rule sees what the ones before it decided in the same batch, and
each can be read on its own. Nothing is performed here; a `ModelAsked` or `CallStarted` says that whoever appends it may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from holdfast import calendars
from holdfast.agent import Bound
from holdfast.codec import keyed
from holdfast.core import attempts, calls, children, ending, limits, output, policy, prompt, recovery, rounds, shares
from holdfast.core.fold import fold
from holdfast.core.fork import carried_out
from holdfast.core.state import Moment, State
from holdfast.errors import Bug
from holdfast.events import (
    AnyEvent,
    CallFailed,
    CallStarted,
    Contradiction,
    Entry,
    LimitReached,
    ModelAsked,
    ModelFailed,
    Paused,
    PersonAsked,
    QuestionWithdrawn,
    Resumed,
)

MAX_ENTRIES: Final = 9_000
"""Entries after which no model is asked any more: what is under way can still end, within what a book takes."""

MAX_EVENTS: Final = 2_000
"""Events one batch may have: a bound on our own loop, far above what a turn can need."""

STARTS: Final = frozenset({ModelAsked, CallStarted})
"""After these somebody performs."""

Rule: TypeAlias = Callable[[Bound, State, Moment], Sequence[AnyEvent]]


def decide(bound: Bound, state: State, moment: Moment) -> tuple[AnyEvent, ...]:
    """The events that follow, all at one moment; none where something has to happen first.

    Raises Bug if the rules do not come to rest.
    """
    return tuple(event for event, _ in foresee(bound, state, moment))


def foresee(bound: Bound, state: State, moment: Moment) -> list[tuple[AnyEvent, State]]:
    """`decide`, with the state there will be after each event, for whoever appends them as they are."""
    if state.strange:
        return []
    at = max(state.at, moment.at)
    moment = moment if moment.at == at else msgspec.structs.replace(moment, at=at)
    draft, out = state, list[tuple[AnyEvent, State]]()
    for phase in (_what_is_over, _what_follows):
        while draft.closed is None or draft.conflict:
            events = phase(bound, draft, moment)
            if not events:
                break
            for event in events:
                draft = fold(draft, Entry(state.run, draft.seq + 1, at, state.seq, moment.worker, event))
                out.append((event, draft))
                if type(event) in STARTS:
                    moment = msgspec.structs.replace(moment, flying=moment.flying | {draft.seq})
            if len(out) > MAX_EVENTS:
                raise Bug("the rules do not come to rest", run=state.run, seq=state.seq)
    return out


def _what_is_over(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """First phase: what time, other workers and other systems have ended meanwhile."""
    return _first(OVER if state.closed is None else (_contradicted,), bound, state, moment)


def _what_follows(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Second phase: what the run needs next. A turn in which nothing is out of the ordinary skips what only disturbs."""
    if not _calm(bound, state):
        if events := ending.end(bound, state, moment):
            return events
        if ending.is_ending(bound, state):
            return ()
        if events := _first(DISTURBANCES, bound, state, moment):
            return events
        if state.rests or state.limit is not None:
            return ()
        if (waits := shares.turn(bound, state, moment)) is not None:
            return waits
    return () if _awaits(state) else _first(TURN, bound, state, moment)


RUNNING: Final = frozenset({"running"})


def _awaits(state: State) -> bool:
    """Whether all that the turn needs is under way: the model was asked, or every call runs. Then no rule of a turn speaks."""
    if state.calls:
        return state.admitted and RUNNING.issuperset([call.status for call in state.calls.values()])
    return state.admitted and state.asking is not None and state.asking.status == "running"


def _first(rules: Sequence[Rule], bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    for rule in rules:
        if events := rule(bound, state, moment):
            return events
    return ()


UNCLEAR: Final = frozenset({"unsure", "doubt"})
"""What a call is while nobody knows whether it happened."""


def _calm(bound: Bound, state: State) -> bool:
    """Whether nothing can be ending, halting, overtaken or in doubt."""
    if (
        state.cancel
        or state.limit
        or state.stop
        or state.rests
        or state.said != state.heard
        or state.contradiction
        or state.disagreements
        or state.diverged
        or state.taken
        or (bound.contract.one_at_a_time and shares.TURN not in state.holds)
    ):
        return False
    if state.asking is not None and state.asking.status == "failed":
        return False
    surprises = bound.contract.surprises
    if surprises.partial == "stop" or surprises.exhausted == "stop":
        return False
    return UNCLEAR.isdisjoint([call.status for call in state.calls.values()])


# ----------------------------------------------------------------------------------------------- the run as a whole


def _new_epoch(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """The journal was restored: say so before anything else is done."""
    return [Resumed(by=moment.worker, epoch=moment.epoch)] if moment.epoch > state.epoch else []


def _lost(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """An attempt whose time is up, or whose worker is gone, is lost; whoever finds it says so."""
    out: list[AnyEvent] = []
    asking = state.asking
    if asking is not None and asking.status == "running" and _is_lost(asking.seq, asking.worker, asking.until, moment):
        out.append(ModelFailed(
            asking.seq, "lost", "unknown", f"the worker {asking.worker} gave no answer", unsettled=asking.reserved, by=moment.worker
        ))  # fmt: skip
    for call in state.calls.values():
        if (
            call.status == "running"
            and call.effect != "child"
            and _is_lost(call.start, call.worker, call.until, moment)
        ):
            over = call.worker in moment.gone or (call.worker == moment.worker and call.start not in moment.flying)
            harmless = call.effect == "write" and not carried_out(state.opened, call.tool)
            out.append(CallFailed(
                call.seq, call.attempt, "lost", "not_done" if harmless else "unknown",
                f"the worker {call.worker} gave no answer", ended=over or harmless, by=moment.worker,
            ))  # fmt: skip
    return out


def _is_lost(start: int, worker: str, until: int, moment: Moment) -> bool:
    if worker == moment.worker:
        return start not in moment.flying
    return worker in moment.gone or until <= moment.at


def _stopped(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Somebody stopped the agent, or everything; or the stop that held this run is over."""
    stop = moment.stopped
    if stop is not None and stop.seq != state.halted:
        return [Paused(stop.by, stop.why, stop.seq)]
    if stop is None and state.halted:
        return [Resumed(by=moment.worker, stop=state.halted)]
    return []


def _contradicted(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    return contradicted(state)


def contradicted(state: State) -> Sequence[AnyEvent]:
    """What contradicts what was settled and is not recorded as such yet. It takes no contract to say so."""
    if not state.conflict:
        return []
    told = ", ".join(f"call {state.late[seq]}" for seq in state.conflict if seq in state.late)
    return [Contradiction(state.conflict, f"what was settled about {told} is not what the other system answered later")]


def _resolved(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """A doubt that an answer or a look-up resolved needs nobody any more."""
    if not state.questions:
        return []
    doubts = {call.seq for call in state.calls.values() if call.status == "doubt"}
    return [
        QuestionWithdrawn(question.seq, "resolved")
        for question in state.questions.values()
        if question.asked.about == "doubt" and question.asked.call not in doubts
    ]


def _expired(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """A question whose time is up is put to the next role, or leads to a denial."""
    for question in state.questions.values():
        asked = question.asked
        if not asked.until or moment.at < asked.until or _decided(state, asked):
            continue
        withdrawn = QuestionWithdrawn(question.seq, "expired")
        if asked.then.startswith("ask:"):
            role = asked.then.removeprefix("ask:").strip()
            within = _within(state, asked, question.at)
            again = PersonAsked(
                about=asked.about,
                text=asked.text,
                call=asked.call,
                role=role,
                people=asked.people,
                until=attempts.stands_until(state, role, moment.at, within),
                stands_for=asked.stands_for or asked.role,
                version=asked.version,
                digest=asked.digest,
                label=asked.label,
                contract=asked.contract,
                heard=asked.heard,
                evidence=asked.evidence,
                limit=asked.limit,
            )
            return [withdrawn, again]
        if asked.about == "output":
            return [withdrawn, output.not_accepted(state, "nobody reviewed the output in time", final=True)]
        return [withdrawn, attempts.refuse(asked.call, "expired", "nobody decided in time", asked.version)]
    return []


def _decided(state: State, asked: PersonAsked) -> bool:
    """Whether people decided before the end, and nobody has taken that up yet: an answer is valid by its own moment."""
    call = state.calls.get(asked.call)
    if call is None or asked.about not in ("review", "output"):
        return False
    changed = call.status == "asked" and call.version != asked.version
    return changed or policy.decided(call, asked, asked.until)


def _within(state: State, asked: PersonAsked, at: int) -> int:
    """How long a role had for a question, by its own calendar if it has one."""
    calendar = state.opened.calendars.get(asked.role)
    return asked.until - at if calendar is None else calendars.passed(calendar, at, asked.until)


def _time(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """The limits that time itself reaches."""
    if state.limit is not None:
        return []
    event = limits.of_time(bound, state, moment.at)
    return [] if event is None or ending.is_ending(bound, state) else [event]


def _limit(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """A limit that stands in the way is put before a person, where the contract says so."""
    reached = state.limit
    if reached is None or bound.contract.surprises.limit != "review":
        return []
    if any(question.asked.about == "limit" for question in state.questions.values()):
        return []
    text = f"the limit of {reached.limit} is reached ({reached.used} of {reached.ceiling}){': ' + reached.why if reached.why else ''}"
    return [PersonAsked("limit", text, limit=reached.limit)]


# ------------------------------------------------------------------------------------------------------- the model

AGAIN: Final = frozenset({"rate_limited", "overloaded", "timeout", "connection", "server", "garbage", "lost"})
"""Failures after which the same model may well answer."""

ELSEWHERE: Final = frozenset({"filter", "quota", "not_found", "auth", "rejected", *AGAIN})
"""Failures after which another model may answer. Not a full context: the next one would be as full."""

BACKOFF: Final = 1_000_000
"""µs before the first further attempt where the provider said nothing; doubles each time."""


def _ask(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Ask the model, when everything it asked for has an answer."""
    asking = state.asking
    if (asking is not None and asking.status == "running") or not state.admitted or state.replied:
        return []
    if asking is not None and asking.status == "failed":
        return _ask_again(bound, state, moment)
    if any(call.status != "answered" for call in state.calls.values()) or any(
        q.asked.about == "surprise" for q in state.questions.values()
    ):
        return []
    step = asking.step + 1 if asking is not None else 1
    if (event := limits.reached(bound, state, "steps", state.spent.steps)) is not None:
        return [event]
    if state.seq >= MAX_ENTRIES:
        return [LimitReached("steps", state.spent.steps, state.spent.steps, f"a run may have {MAX_ENTRIES} entries")]
    return [_asked(bound, state, moment, bound.contract.models[0], step, 1)]


def _ask_again(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """After a failed attempt: the same model again, the next one, or the end."""
    asking = state.asking
    assert asking is not None
    if asking.model not in bound.contract.models:  # the contract is another one by now
        return [_asked(bound, state, moment, bound.contract.models[0], asking.step, asking.attempt + 1)]
    if asking.error == "lost":
        return [_asked(bound, state, moment, asking.model, asking.step, asking.attempt + 1)]
    if asking.error == "context":
        return [LimitReached("context", state.weight, state.weight, "the model says the prompt is too long for it")]
    tries = asking.failures
    if asking.error in AGAIN and tries <= bound.contract.limits.retries:
        if (event := limits.reached(bound, state, "retries", state.spent.retried)) is None:
            if moment.at < again_at(state):
                return []
            return [_asked(bound, state, moment, asking.model, asking.step, asking.attempt + 1)]
        if not (fallback := _fallback(bound, state)):
            return [event]
        return [_asked(bound, state, moment, fallback, asking.step, asking.attempt + 1)]
    if asking.error in ELSEWHERE and (fallback := _fallback(bound, state)):
        return [_asked(bound, state, moment, fallback, asking.step, asking.attempt + 1)]
    return []


def _fallback(bound: Bound, state: State) -> str:
    asking = state.asking
    assert asking is not None
    tried = {*asking.tried, asking.model}
    return next((model for model in bound.contract.models if model not in tried), "")


def again_at(state: State) -> int:
    """When the next attempt at the model may be made."""
    asking = state.asking
    assert asking is not None
    return asking.retry_at or asking.failed_at + BACKOFF * 2 ** max(asking.failures - 1, 0)


def _asked(bound: Bound, state: State, moment: Moment, model: str, step: int, attempt: int) -> AnyEvent:
    shown = prompt.to_show(state)
    quoted = limits.quote(bound, state, model, moment, shown)
    if isinstance(quoted, LimitReached):
        return quoted
    add = tuple([segment.ref for segment in shown])
    before = state.asking
    rolling = keyed(
        moment.secret, "manifest", before.rolling if before else "", *(f"{seq}.{part}" for seq, part in add)
    )
    return ModelAsked(
        step=step, attempt=attempt, model=model, worker=moment.worker, until=moment.at + ASK_TIMEOUT, heard=state.said,
        base=before.seq if before else 0, add=add, rolling=rolling, reserved=quoted.nusd, max_output=quoted.max_output,
    )  # fmt: skip


ASK_TIMEOUT: Final = 180_000_000
"""µs an attempt at a model may take; its lease too."""

OVER: Final[tuple[Rule, ...]] = (_new_epoch, _stopped, _lost, _contradicted, _resolved, _expired, _time)
"""What was found to be over; once at the start of a batch, since nothing in a batch can add to it."""

DISTURBANCES: Final[tuple[Rule, ...]] = (_limit, calls.overtaken, recovery.find_out)
"""What holds a turn up."""

TURN: Final[tuple[Rule, ...]] = (output.admit, calls.advance, children.compare, rounds.close, output.conclude, _ask)
"""A turn: take up the calls of an answer, bring each to its answer, compare answers, close a round, conclude, ask again."""
