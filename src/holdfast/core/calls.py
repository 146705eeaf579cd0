"""What calls need next: to be judged, to wait for a person, to start, to be tried again, to be found out about.

Reads of a turn run side by side. Writes start one at a time, in the order they were asked for, each judged again at its
start; after one that did not succeed the rest are answered "not started".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.agent import Bound
from holdfast.codec import canonical, keyed
from holdfast.contract import Review
from holdfast.core import limits, policy
from holdfast.core.policy import Judgement, binding
from holdfast.core.state import CallState, Evidence, Moment, State
from holdfast.events import (
    AnyEvent,
    CallAsked,
    CallJudged,
    CallStarted,
    DoubtRaised,
    Fired,
    Inline,
    Json,
    PersonAsked,
    QuestionWithdrawn,
)
from holdfast.tool import NEVER, Tool

MAX_LOOKS: Final = 3
"""How often a look-up that cannot tell is asked before a person is."""

CONCLUDING: Final = ("done", "decline", "ask")
"""Calls that speak of the run itself; nothing is performed for them."""

TRANSIENT: Final = frozenset({"not_done", "timeout", "connection", "unknown"})
"""Failures that may pass by themselves; a tool that raises, refuses or returns nonsense would do it again."""


def refuse(call: int, rule: str, because: str, version: int = 1) -> CallJudged:
    """Answer a call with no, for a reason every contract has."""
    return CallJudged(call, "refuse", (Fired(rule, "refuse", because),), version)


def _withdraw(state: State, call: CallState, why: str) -> list[AnyEvent]:
    reason = {"overtaken": "overtaken", "void": "void", "decided": "decided"}[why]
    return [
        QuestionWithdrawn(question.seq, reason)  # type: ignore[arg-type]  # one of the words above
        for question in state.questions.values() if question.asked.call == call.seq
    ]  # fmt: skip


def overtaken(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """The requester spoke after a write was proposed: the model decides again, with the message."""
    if state.said == state.heard:
        return []
    for call in state.calls.values():
        if call.effect == "write" and call.heard < state.said and call.status in ("asked", "held", "cleared", "failed"):
            no = refuse(call.seq, "overtaken", "the requester has written since; read the message first", call.version)
            return [*_withdraw(state, call, "overtaken"), no]
    return []


# --------------------------------------------------------------------------------------------- finding out about writes


def unsure(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Calls of unknown outcome: a read runs again, a write is found out about."""
    waiting = [call for call in state.calls.values() if call.status == "unsure"]
    out: list[AnyEvent] = []
    for call in waiting:
        if call.effect == "write":
            out += _recover(bound, state, moment, call)
        elif not (state.paused or state.limit is not None):
            out += _again(bound, state, moment, call)
        if out:
            return out
    return []


def _recover(bound: Bound, state: State, moment: Moment, call: CallState) -> list[AnyEvent]:
    """Same key again; or a look-up (see `pending`); or a person."""
    if call.handle and to_look_up(bound, call):
        return []
    tool = bound.tools.get(call.tool)
    may_start = not ending_soon(state) and state.said <= call.heard
    keyed_still = tool is not None and _is_honoured(call, tool, moment)
    if call.start < state.recovered:  # what was lost may hold another call for the same, under another key
        keyed_still = False
    if keyed_still and waits(state):
        return []
    affordable = call.error == "lost" or limits.reached(bound, state, "retries", state.spent.retries) is None
    tries = 0 if tool is None else max(tool.retry.times, KEYED_TRIES)
    if keyed_still and may_start and affordable and call.failures <= tries:
        return [_start(bound, state, moment, call)] if moment.at >= retry_at(bound, call) else []
    return settle_doubts(bound, state, moment, [call])


def _is_honoured(call: CallState, tool: Tool[..., object], moment: Moment) -> bool:
    """Whether the other system surely knows the key for as long as an attempt that starts now may take."""
    return bool(call.key) and moment.at + tool.timeout <= call.keyed_until


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
        and limits.reached(bound, state, "retries", state.spent.retries) is None
    ):
        return [*_restart(bound, state, moment, call)] if moment.at >= retry_at(bound, call) else []
    return [refuse(call.seq, "absent", "it was looked up, and it did not happen", call.version)]


def ending_soon(state: State) -> bool:
    """Whether the run is asked to end, so that nothing new may start."""
    return bool(state.cancel or state.stop or state.taken or state.contradiction or state.paused or state.limit)


def waits(state: State) -> bool:
    """Whether the run is held up only: paused, or before a limit that a person may raise."""
    held = state.paused or state.limit is not None
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


# --------------------------------------------------------------------------------------------------------- advancing


def advance(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """The next thing that one call of the turn needs."""
    for call in sorted(state.calls.values(), key=lambda one: one.seq):
        if events := _advance(bound, state, moment, call):
            return events
    return []


def _advance(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    match call.status:
        case "asked":
            return _admit(bound, state, moment, call)
        case "cleared":
            return _clear(bound, state, moment, call)
        case "held":
            return _held(bound, state, moment, call)
        case "failed":
            return _again(bound, state, moment, call)
        case "answered" if call.next and call.ok:
            return _page(bound, state, call)
    return []


def _admit(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Judge a proposal; of an amended one the amender's voice counts already."""
    if call.serves:
        return [CallJudged(call.seq, "allow")]
    if call.effect == "write" and (failed := _earlier_failed(state, call)):
        return [
            *_withdraw(state, call, "void"),
            refuse(call.seq, "order", f"not started: {failed.tool}, asked for before it, did not succeed"),
        ]
    judged = policy.judge(bound, state, call, moment)
    return [*_withdraw(state, call, "void"), *_verdict(bound, state, moment, call, judged)]


def _verdict(bound: Bound, state: State, moment: Moment, call: CallState, judged: Judgement) -> list[AnyEvent]:
    if judged.verdict != "review":
        return [CallJudged(call.seq, judged.verdict, judged.rules, call.version)]
    digest = binding(state, call, judged, moment)
    review = policy.unmet_review(call, judged.reviews, digest, moment.at)
    if review is None:
        return [CallJudged(call.seq, "allow", judged.rules, call.version)]
    return [
        CallJudged(call.seq, "review", judged.rules, call.version),
        _review(state, moment, call, judged, review, digest),
    ]


def _review(
    state: State, moment: Moment, call: CallState, judged: Judgement, review: Review, digest: str
) -> PersonAsked:
    """Put a call before the role that `review` names; other roles that have to decide too are asked one after another."""
    reasons = "; ".join(dict.fromkeys(one.because for one in judged.reviews if one.by in ("", review.by)))
    changed = " Its evidence has changed since it was shown." if call.changed else ""
    return PersonAsked(
        "review", f"{call.tool}({_words(call.args)}): {reasons}.{changed}", call.seq, role=review.by,
        people=review.people, until=moment.at + review.within if review.within else 0,
        then=review.then.replace("ask: ", "ask:"), version=call.version, digest=digest, label=state.label,
        contract=state.contract_digest, heard=state.said, evidence=tuple(item.seq for item in judged.evidence),
    )  # fmt: skip


def _words(args: Json) -> str:
    if not isinstance(args, dict):
        return str(args)
    return ", ".join(f"{name}={value!r}" for name, value in args.items())


def _earlier(state: State, call: CallState) -> list[CallState]:
    return [other for other in state.turn_calls if other.effect == "write" and other.index < call.index]


def _earlier_failed(state: State, call: CallState) -> CallState | None:
    """A write asked for before this one, in the same turn, that ended without success or is in doubt."""
    return next(
        (one for one in _earlier(state, call) if one.status == "doubt" or (one.status == "answered" and not one.ok)),
        None,
    )


def _held(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """A held call is let go when enough people approved; an earlier write that failed withdraws the question."""
    if call.effect == "write" and (failed := _earlier_failed(state, call)):
        no = refuse(
            call.seq, "order", f"not started: {failed.tool}, asked for before it, did not succeed", call.version
        )
        return [*_withdraw(state, call, "void"), no]
    mine = (q.asked for q in state.questions.values() if q.asked.call == call.seq)
    asked = next((asked for asked in mine if asked.about in ("review", "output")), None)
    if asked is None or not policy.approved(
        call, asked.digest, asked.people, moment.at, asked.stands_for or asked.role
    ):
        return []
    decided = _withdraw(state, call, "decided")
    if asked.about == "review":
        judged = policy.judge(bound, state, call, moment)
        further = policy.unmet_review(call, judged.reviews, asked.digest, moment.at)
        if further is not None:
            return [*decided, _review(state, moment, call, judged, further, asked.digest)]
    return [*decided, CallJudged(call.seq, "allow", call.rules, call.version)]


def _clear(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    if call.tool in CONCLUDING:
        return []
    if call.effect != "write":
        return [_start(bound, state, moment, call)]
    if any(one.status not in ("answered", "doubt") for one in _earlier(state, call)):
        return []
    if failed := _earlier_failed(state, call):
        return [
            refuse(call.seq, "order", f"not started: {failed.tool}, asked for before it, did not succeed", call.version)
        ]
    tool = bound.tools.get(call.tool)
    if call.settled and call.key and tool is not None and not _is_honoured(call, tool, moment):
        return [refuse(call.seq, "settled", "a person found that this did not happen", call.version)]
    if _is_retry(call) and limits.reached(bound, state, "retries", state.spent.retries) is not None:
        return _exhausted(bound, call)  # used up while a person decided, or evidence was read again
    return _begin_write(bound, state, moment, call)


def _is_retry(call: CallState) -> bool:
    """Whether its next start is a retry: not after an attempt that was lost, and not where a person asked for it."""
    asked = call.settled or any(fired.rule == "surprises.exhausted" for fired in call.rules)
    return call.attempt > 0 and call.error not in ("lost", "ended") and not asked


def _begin_write(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Judge a write at its start, first or further: evidence, rules and approvals as they stand now."""
    judged = policy.judge(bound, state, call, moment)
    if judged.verdict == "refuse":
        return [CallJudged(call.seq, "refuse", judged.rules, call.version)]
    if judged.stale:
        return _refresh(bound, state, call, judged)
    if call.changed and not judged.reviews:
        return [
            refuse(call.seq, "fresh", "what it rests on has changed since you read it; read it again", call.version)
        ]
    if judged.verdict == "review":
        digest = binding(state, call, judged, moment)
        review = policy.unmet_review(call, judged.reviews, digest, moment.at)
        if review is not None:
            held = CallJudged(call.seq, "review", judged.rules, call.version)
            return [held, _review(state, moment, call, judged, review, digest)]
    return [_start(bound, state, moment, call)]


def _refresh(bound: Bound, state: State, call: CallState, judged: Judgement) -> Sequence[AnyEvent]:
    """Read stale evidence again, by ourselves, before acting on it."""
    under_way = {
        other.tool for other in state.calls.values() if other.serves == call.seq and other.status != "answered"
    }
    readers = [other for other in state.calls.values() if other.serves == call.seq]
    if any(paging(bound, state, reader) for reader in readers):
        return []
    failed = next(
        (one for one in readers if one.status == "answered" and (not one.ok or one.complete != "complete")), None
    )
    if failed is not None:
        why = failed.missing or failed.message or failed.said or "it gave only a part"
        return [refuse(call.seq, "fresh", f"{failed.tool} could not be read again: {why}", call.version)]
    return [_service(call, tool, item) for tool, item in judged.stale if tool not in under_way]


def _service(call: CallState, tool: str, item: Evidence) -> CallAsked:
    return CallAsked(
        ask=call.ask,
        index=call.index,
        tool=tool,
        id="",
        args=Inline(item.args),
        digest=f"re:{item.digest[:24]}",
        effect="read",
        serves=call.seq,
    )


def _page(bound: Bound, state: State, call: CallState) -> Sequence[AnyEvent]:
    """Fetch the next part of a partial reading. A write is never called again for the rest of its result."""
    tool = bound.tools.get(call.tool)
    if call.effect != "read" or (call.serves and call.cursor):
        return []
    pages = [other for other in state.calls.values() if other.serves == call.seq]
    if (
        tool is None
        or call.pages + 1 >= tool.options.pages
        or any(page.status != "answered" or not page.ok for page in pages)
    ):
        return []
    return [CallAsked(
        ask=call.ask, index=call.index, tool=call.tool, id="", args=Inline(call.args), digest=call.digest, effect=call.effect,
        serves=call.seq, cursor=call.next,
    )]  # fmt: skip


def paging(bound: Bound, state: State, call: CallState) -> bool:
    """Whether further parts of a result are still to come."""
    pages = [other for other in state.calls.values() if other.serves == call.seq and other.cursor]
    return any(page.status != "answered" for page in pages) or bool(call.next and call.ok and _page(bound, state, call))


# --------------------------------------------------------------------------------------------- starting, trying again


def _start(bound: Bound, state: State, moment: Moment, call: CallState) -> AnyEvent:
    tool = bound.tools.get(call.tool)
    timeout = tool.timeout if tool is not None else 10_000_000
    key, until = "", 0
    if tool is not None and tool.effect == "write" and tool.keyed:
        key = keyed(moment.secret, "call", state.run, str(call.seq), canonical(call.args))
        until = (call.first_started or moment.at) + tool.key_life
    return CallStarted(call.seq, call.attempt + 1, moment.worker, moment.at + timeout, key, until)


def retry_at(bound: Bound, call: CallState) -> int:
    """When the next attempt may be made."""
    if call.error in ("lost", "settled"):
        return 0
    tool = bound.tools.get(call.tool)
    pause = tool.retry.pause(call.failures) if tool is not None else 0
    return max(call.retry_at, call.failed_at + pause)


def _again(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """After an attempt that did nothing: again, or give up as the contract says."""
    tool: Tool[..., object] | None = bound.tools.get(call.tool)
    retry = tool.retry if tool is not None else NEVER
    if call.error in ("lost", "ended"):
        return _restart(bound, state, moment, call)
    if call.error not in TRANSIENT:
        return [refuse(call.seq, call.error, call.message or "it failed", call.version)]
    if call.failures <= retry.times and limits.reached(bound, state, "retries", state.spent.retries) is None:
        return _restart(bound, state, moment, call) if moment.at >= retry_at(bound, call) else []
    return _exhausted(bound, call)


def _exhausted(bound: Bound, call: CallState) -> Sequence[AnyEvent]:
    """No further attempt, unless a person wants one."""
    tries = f"{call.attempt} attempt{'s' if call.attempt > 1 else ''}"
    if bound.contract.surprises.exhausted == "review" and not call.serves:
        text = f"{call.tool} could not be carried out in {tries}: {call.message}. Try again, tell the agent, take it over, or stop?"
        rule = Fired("surprises.exhausted", "review", "what could not be carried out goes to a person")
        return [CallJudged(call.seq, "review", (rule,), call.version), PersonAsked("surprise", text, call.seq)]
    return [refuse(call.seq, "surprises.exhausted", f"given up after {tries}", call.version)]


def _restart(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Start once more; a write is judged again first."""
    if call.effect == "write":
        return _begin_write(bound, state, moment, call)
    return [_start(bound, state, moment, call)]
