"""Attempts: what it takes to start a call, for the first time or again; and what is said where there is no further one.

A write is judged again at each start, as things stand then. Evidence that is too old by then is read again by the machine, and
a reading that came in parts is completed by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from holdfast import calendars
from holdfast.agent import Bound
from holdfast.codec import canonical, keyed
from holdfast.contract import Review
from holdfast.core import limits, policy, shares
from holdfast.core.policy import Judgement, binding
from holdfast.core.state import CallState, Evidence, Moment, State
from holdfast.events import (
    AnyEvent,
    CallAsked,
    CallJudged,
    CallStarted,
    Fired,
    Inline,
    Json,
    PersonAsked,
    QuestionWithdrawn,
)
from holdfast.tool import NEVER, Tool

TRANSIENT: Final = frozenset({"not_done", "timeout", "connection", "unknown"})
"""Failures that may pass by themselves; a tool that raises, refuses or returns nonsense would do it again."""


def refuse(call: int, rule: str, because: str, version: int = 1) -> CallJudged:
    """Answer a call with no, for a reason every contract has."""
    return CallJudged(call, "refuse", (Fired(rule, "refuse", because),), version)


def withdraw(state: State, call: CallState, why: Literal["overtaken", "void", "decided"]) -> list[AnyEvent]:
    """Take back every open question about a call."""
    return [
        QuestionWithdrawn(question.seq, why)
        for question in state.questions.values() if question.asked.call == call.seq
    ]  # fmt: skip


def is_honoured(call: CallState, tool: Tool[..., object], moment: Moment) -> bool:
    """Whether the other system surely knows the key for as long as an attempt that starts now may take."""
    return bool(call.key) and moment.at + tool.timeout <= call.keyed_until


def stands_until(state: State, role: str, at: int, within: int | None) -> int:
    """Until when a question stands that a role has so long for: of its own working time, if it has a calendar. 0: no end."""
    if not within:
        return 0
    calendar = state.opened.calendars.get(role)
    return at + within if calendar is None else calendars.add(calendar, at, within)


def put_before(
    state: State, moment: Moment, call: CallState, judged: Judgement, review: Review, digest: str
) -> PersonAsked:
    """Put a call before the role that `review` names; other roles that have to decide too are asked one after another."""
    reasons = "; ".join(dict.fromkeys(one.because for one in judged.reviews if one.by in ("", review.by)))
    changed = " Its evidence has changed since it was shown." if call.changed else ""
    return PersonAsked(
        "review", f"{call.tool}({_words(call.args)}): {reasons}.{changed}", call.seq, role=review.by,
        people=review.people, until=stands_until(state, review.by, moment.at, review.within),
        then=review.then.replace("ask: ", "ask:"), version=call.version, digest=digest, label=state.label,
        contract=state.contract_digest, heard=state.said, evidence=tuple(item.seq for item in judged.evidence),
    )  # fmt: skip


def _words(args: Json) -> str:
    if not isinstance(args, dict):
        return str(args)
    return ", ".join(f"{name}={value!r}" for name, value in args.items())


def begin_write(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Judge a write at its start, first or further: evidence, rules and approvals as they stand now."""
    judged = policy.judge(bound, state, call, moment)
    if judged.verdict == "refuse":
        return [CallJudged(call.seq, "refuse", judged.rules, call.version, judged.shares)]
    if judged.stale:
        return _refresh(bound, state, call, judged)
    if call.changed and not judged.reviews:
        return [
            refuse(call.seq, "fresh", "what it rests on has changed since you read it; read it again", call.version)
        ]
    if judged.verdict == "review":
        digest = binding(state, call, judged, moment)
        review = policy.unmet_review(policy.told(call, judged), judged.reviews, digest, moment.at)
        if review is not None:
            held = CallJudged(call.seq, "review", judged.rules, call.version, judged.shares)
            return [held, put_before(state, moment, call, judged, review, digest)]
    return start(bound, state, moment, call)


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


def page(bound: Bound, state: State, call: CallState) -> Sequence[AnyEvent]:
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
    return any(page.status != "answered" for page in pages) or bool(call.next and call.ok and page(bound, state, call))


def start(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """The next attempt, of a keyed write under the same key as the ones before; or what it has to wait for."""
    taken = shares.begin(bound, state, moment, call)
    if not isinstance(taken, tuple):
        return taken
    tool = bound.tools.get(call.tool)
    timeout = tool.timeout if tool is not None else 10_000_000
    key, until = "", 0
    if tool is not None and tool.effect == "write" and tool.keyed:
        key = keyed(moment.secret, "call", state.run, str(call.seq), canonical(call.args))
        until = (call.first_started or moment.at) + tool.key_life
    return [CallStarted(call.seq, call.attempt + 1, moment.worker, moment.at + timeout, key, until, *taken)]


def retry_at(bound: Bound, call: CallState) -> int:
    """When the next attempt may be made."""
    if call.error in ("lost", "settled"):
        return 0
    tool = bound.tools.get(call.tool)
    pause = tool.retry.pause(call.failures) if tool is not None else 0
    return max(call.retry_at, call.failed_at + pause)


def again(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """After an attempt that did nothing: again, or give up as the contract says."""
    tool: Tool[..., object] | None = bound.tools.get(call.tool)
    retry = tool.retry if tool is not None else NEVER
    if call.error in ("lost", "ended"):
        return restart(bound, state, moment, call)
    if call.error not in TRANSIENT:
        return [refuse(call.seq, call.error, call.message or "it failed", call.version)]
    if call.failures <= retry.times and limits.reached(bound, state, "retries", state.spent.retried) is None:
        return restart(bound, state, moment, call) if moment.at >= retry_at(bound, call) else []
    return exhausted(bound, call)


def exhausted(bound: Bound, call: CallState) -> Sequence[AnyEvent]:
    """No further attempt, unless a person wants one."""
    tries = f"{call.attempt} attempt{'s' if call.attempt > 1 else ''}"
    if bound.contract.surprises.exhausted == "review" and not call.serves:
        text = f"{call.tool} could not be carried out in {tries}: {call.message}. Try again, tell the agent, take it over, or stop?"
        rule = Fired("surprises.exhausted", "review", "what could not be carried out goes to a person")
        return [CallJudged(call.seq, "review", (rule,), call.version), PersonAsked("surprise", text, call.seq)]
    return [refuse(call.seq, "surprises.exhausted", f"given up after {tries}", call.version)]


def restart(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Start once more; a write is judged again first."""
    if call.effect == "write":
        return begin_write(bound, state, moment, call)
    return start(bound, state, moment, call)
