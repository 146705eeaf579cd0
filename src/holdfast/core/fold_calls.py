"""What entries about calls change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from holdfast.codec import public_digest, value_of
from holdfast.core import findings, fold_shares, prompt
from holdfast.core.log import Log
from holdfast.core.state import CallState, Evidence, Question, Source, State, Status, move
from holdfast.errors import Bug
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    DoubtRaised,
    Entry,
    Json,
    ProgramCalled,
)

Changes: TypeAlias = dict[str, Any]
"""Fields of the state that an entry changes."""

replace = msgspec.structs.replace

PAUSED: Final = "paused"
"""Stands in the place of an error of a program that waits for one of its calls: to go on is no retry."""

DIVERGED: Final = "diverged"
"""The error of a program that did not make a call which is recorded."""

LOOK_AGAIN: Final = 5_000_000
"""µs until the other system is asked again after it had no clear answer."""


def open_call(state: State, entry: Entry, seq: int) -> CallState:
    call = state.calls.get(seq)
    if call is None:
        raise Bug(f"there is no open call {seq}", run=state.run, seq=entry.seq)
    return call


def with_call(state: State, call: CallState, **more: Any) -> Changes:
    changes = {"calls": {**state.calls, call.seq: call}, **more}
    if call.seq in state.holds and "holds" not in more:
        changes["holds"] = fold_shares.kept(state, call)
    if call.seq in state.awaits and call.status == "answered":
        changes["awaits"] = fold_shares.without(state.awaits, call.seq)
    return changes


def call_asked(state: State, entry: Entry, event: CallAsked) -> Changes:
    asking = state.asking
    call = CallState(
        seq=entry.seq, ask=event.ask, manifest=asking.seq if asking else 0, index=event.index, tool=event.tool, id=event.id,
        args=value_of(event.args), digest=event.digest, effect=event.effect, problem=event.problem, sources=event.sources,
        serves=event.serves, cursor=event.cursor, heard=state.heard, within=event.within, ordinal=event.ordinal,
    )  # fmt: skip
    if event.within:
        program = open_call(state, entry, event.within)
        return with_call(replace(state, calls={**state.calls, program.seq: replace(program, wants=None)}), call)
    return with_call(state, call, admitted=True, turn=state.turn if event.serves else (*state.turn, entry.seq))


def judged(state: State, entry: Entry, event: CallJudged) -> Changes:
    call = open_call(state, entry, event.call)
    status = move(state.run, entry.seq, call.status, f"CallJudged {event.verdict}")
    if event.verdict != "refuse":
        return with_call(state, replace(call, status=status, rules=event.rules))
    given_up = call.status in ("failed", "unsure")
    said = prompt.refusal(event.rules, "failed" if given_up else "refused")
    if given_up and call.message:
        said = f"{said} ({call.message})"
    settled = {**state.settled, call.seq: "given_up"} if call.unknown and call.effect == "write" else state.settled
    done = replace(call, status=status, rules=event.rules, answer=entry.seq, said=said, ok=False)
    counted = state.counted
    if call.status == "unsure" and call.effect == "write" and call.looked == "absent":  # in a fork it is unknown still
        counted = _one_less(state, call)
    return with_call(state, done, settled=settled, counted=counted, **_attempted(state, call, event))


def _one_less(state: State, call: CallState) -> dict[str, int]:
    """Calls per tool that are done or unknown, without one that did nothing."""
    return {**state.counted, call.tool: max(state.counted.get(call.tool, 0) - 1, 0)}


def _attempted(state: State, call: CallState, event: CallJudged) -> Changes:
    """A refused call may be an attempt at what the contract does not allow."""
    if call.effect == "builtin" or findings.OUT_OF_SCOPE in state.found:
        return {}
    outside = findings.out_of_scope(call.tool, event.rules, (state.contract or {}).get("tools", {}))
    return {"found": (*state.found, findings.OUT_OF_SCOPE)} if outside else {}


def started(state: State, entry: Entry, event: CallStarted) -> Changes:
    call = open_call(state, entry, event.call)
    again = call.attempt > 0 and call.error not in ("lost", "ended", PAUSED)
    after = replace(
        call,
        status=move(state.run, entry.seq, call.status, "CallStarted"),
        attempt=event.attempt,
        start=entry.seq,
        worker=event.worker,
        until=event.until,
        key=event.key,
        keyed_until=event.keyed_until,
        first_started=call.first_started or entry.at,
        error="",
        looked="",
        votes=(),
        looks=0,
        look_at=0,
        handle="",
        fuse=event.fuse,
    )
    spent = replace(state.spent, retries=state.spent.retries + 1) if again else state.spent
    counted = state.counted
    if call.effect != "builtin" and not call.unknown and not call.serves and call.error != PAUSED:
        counted = {**counted, call.tool: counted.get(call.tool, 0) + 1}
    return with_call(state, after, spent=spent, counted=counted, **fold_shares.started(state, event))


def program_called(state: State, entry: Entry, event: ProgramCalled) -> Changes:
    call = _running(state, entry, event.call, event.attempt)
    after = replace(
        call, status=move(state.run, entry.seq, call.status, "ProgramCalled"), error=PAUSED, wants=event,
        interpreter=event.interpreter,
    )  # fmt: skip
    return with_call(state, after, spent=replace(state.spent, work=state.spent.work + event.took))


def _running(state: State, entry: Entry, seq: int, attempt: int) -> CallState:
    call = open_call(state, entry, seq)
    if call.attempt != attempt:
        raise Bug(f"attempt {attempt} of call {seq} is not the running one", run=state.run, seq=entry.seq)
    return call


def returned(state: State, entry: Entry, event: CallReturned) -> Changes:
    call = _running(state, entry, event.call, event.attempt)
    spent = replace(state.spent, work=state.spent.work + event.took)
    if event.complete == "started":
        status = move(state.run, entry.seq, call.status, "CallReturned started")
        handle = value_of(event.result) or {}
        after = replace(
            call, status=status, error="started", handle=str(handle.get("handle", "")), unknown=True, failed_at=entry.at,
            look_at=entry.at + round(float(handle.get("poll", 5.0)) * 1e6), ended=call.ended,
        )  # fmt: skip
        return with_call(state, after, spent=spent)
    after = _gave(call, entry, event, move(state.run, entry.seq, call.status, "CallReturned"))
    changes = learned(state, entry, after) | {"spent": spent}
    return changes | {"edited": {**state.edited, entry.seq: event.edited}} if event.edited else changes


def _gave(call: CallState, entry: Entry, event: CallReturned | CallReturnedLate, status: Status) -> CallState:
    """A call with its result."""
    return replace(
        call, status=status, answer=entry.seq, ok=True, result=value_of(event.result), result_digest=event.digest,
        complete=event.complete, missing=event.missing, next=event.cursor, effect_id=event.effect_id, label=event.label,
        files=prompt.attached(event.files),
    )  # fmt: skip


def learned(state: State, entry: Entry, call: CallState) -> Changes:
    """A call gave a result: evidence, effects, sources and counts follow from it."""
    changes = with_call(state, call)
    if call.effect == "builtin":
        return changes
    if call.serves and call.cursor:
        return _paged(state, entry, call)
    if call.serves and call.next:
        return changes
    if call.serves:
        return changes | _reread(state, entry, call)
    name = f"{'trusted' if call.label.trusted else 'untrusted'}:{entry.seq}"
    changes["sources"] = state.sources.plus(Source(name, call.label.trusted, _with_files(call), call.tool))
    changes["repeats"] = state.repeats.plus(f"{call.digest}:{call.result_digest}")
    changes |= _part(state, call)
    if call.effect in ("read", "child", "program"):
        if call.complete == "complete":
            changes["evidence"] = _with_evidence(state, entry, call, call)
    else:
        changes |= _effected(state, call)
    return changes


def _with_files(call: CallState) -> Json:
    """A result with the texts of the files that came with it: where an argument may have been copied from."""
    return [call.result, *(file.text for file in call.files)] if call.files else call.result


def _part(state: State, call: CallState) -> Changes:
    """A result that is not all there is stands until the same tool gives one that is."""
    lacks = bool(findings.missing(call.complete, call.missing, call.result))
    if lacks == (call.tool in state.partial):
        return {}
    return {"partial": state.partial | {call.tool} if lacks else state.partial - {call.tool}}


def _with_evidence(state: State, entry: Entry, call: CallState, of: CallState) -> dict[str, Log[Evidence]]:
    shown = Evidence(entry.seq, entry.at, of.args, call.result, call.result_digest, of.seq, of.within)
    return {**state.evidence, call.tool: state.evidence.get(call.tool, Log()).plus(shown)}


def _effected(state: State, call: CallState) -> Changes:
    """A write took effect, as far as anybody knows."""
    value = {**(call.args or {}), "simulated": True} if call.complete == "simulated" else call.result  # None: erased
    changes: Changes = {"effects": {**state.effects, call.tool: state.effects.get(call.tool, Log()).plus(value)}}
    if call.effect_id:
        changes["effect_ids"] = {**state.effect_ids, f"{call.tool}:{call.effect_id}": call.seq}
    return changes


def _paged(state: State, entry: Entry, page: CallState) -> Changes:
    """A further page belongs to the call it was fetched for."""
    first = open_call(state, entry, page.serves)
    both = isinstance(first.result, list) and isinstance(page.result, list)
    value = [*first.result, *page.result] if both else [*(first.result if first.pages else [first.result]), page.result]
    done = page.complete == "complete" and not page.next
    whole = replace(
        first, result=value, pages=first.pages + 1, next=page.next, complete="complete" if done else "partial",
        missing="" if done else page.missing, answer=entry.seq, files=(*first.files, *page.files),
        result_digest=public_digest([first.result_digest, page.result_digest])[:32],
    )  # fmt: skip
    calls = {**state.calls, page.seq: page, first.seq: whole}
    changes: Changes = {"calls": calls}
    name = f"{'trusted' if page.label.trusted else 'untrusted'}:{entry.seq}"
    changes["sources"] = state.sources.plus(Source(name, page.label.trusted, _with_files(page), page.tool))
    if done and first.serves:
        return changes | _reread(replace(state, **changes), entry, whole)
    if done:
        changes["evidence"] = _with_evidence(state, entry, whole, first)
        changes |= _part(state, whole)
    return changes


def _reread(state: State, entry: Entry, call: CallState) -> Changes:
    """The machine read evidence again for a write: the same is fresh again, something else is noted on the write."""
    known = state.evidence.get(call.tool, Log[Evidence]())
    write = open_call(state, entry, call.serves)
    before = next((item for item in reversed(known[:]) if item.args == call.args and _rests(state, write, item)), None)
    if call.complete == "complete":
        same = before is not None and before.digest == call.result_digest
        kept = Evidence(
            before.seq if same and before else entry.seq,
            entry.at,
            call.args,
            call.result,
            call.result_digest,
            call.seq,
            within=before.within if same and before else write.seq,
        )
        changes: Changes = {"evidence": {**state.evidence, call.tool: known.plus(kept)}}
    else:
        same, changes = False, {}
    if not same:
        return changes | {
            "calls": {
                **state.calls,
                call.seq: call,
                write.seq: replace(write, changed=(*write.changed, entry.seq), votes=()),
            }
        }
    return changes


def _rests(state: State, write: CallState, item: Evidence) -> bool:
    """Whether a write may rest on a reading: its model had been shown it, or it was made for the write."""
    reader = state.calls.get(item.call)
    return (item.seq < write.manifest and not item.within) or (reader is not None and reader.serves == write.seq)


def failed(state: State, entry: Entry, event: CallFailed) -> Changes:
    call = _running(state, entry, event.call, event.attempt)
    fate = "unknown" if call.unknown and call.effect == "write" else event.fate  # an earlier attempt may have done it
    status = move(state.run, entry.seq, call.status, f"CallFailed {fate}")
    lost = event.error in ("lost", "ended")
    alive = call.alive if event.ended else (*call.alive, event.attempt)
    after = replace(
        call, status=status, error=event.error, message=event.message, failures=call.failures + (not lost), failed_at=entry.at,
        retry_at=event.retry_at, alive=alive, ended=not alive, unknown=call.unknown or event.fate == "unknown", looked="",
        look_at=0,
    )  # fmt: skip
    counted = state.counted
    if event.fate == "not_done" and not after.unknown and not call.serves and call.effect != "builtin":
        counted = _one_less(state, call)
    spent = replace(state.spent, work=state.spent.work + event.took)
    changes = with_call(state, after, spent=spent, counted=counted)
    if call.fuse is not None and event.error in fold_shares.FAILURES:
        changes["holds"] = fold_shares.blown(state, after, call.fuse, entry.at)
    if event.error == DIVERGED:
        changes["diverged"] = f"the program of {call.tool} went another way than before: {event.message}"
    return changes


def looked_up(state: State, entry: Entry, event: CallLookedUp) -> Changes:
    call = open_call(state, entry, event.call)
    status = move(state.run, entry.seq, call.status, f"CallLookedUp {event.answer}")
    spent = replace(state.spent, work=state.spent.work + event.took)
    if event.answer == "pending":
        return with_call(
            state,
            replace(call, status=status, look_at=event.again_at or entry.at + LOOK_AGAIN, message=event.message),
            spent=spent,
        )
    if event.answer != "found":
        too_soon = (
            event.answer == "absent" and call.ended and not event.ended
        )  # it was asked before the attempt was over
        after = replace(
            call, status=status, looked="" if too_soon else event.answer, looks=call.looks + 1, look_at=entry.at + LOOK_AGAIN,
            message=event.message or call.message,
        )  # fmt: skip
        return with_call(state, after, spent=spent)
    found = replace(
        call, status=status, looked="found", answer=entry.seq, ok=True, result=value_of(event.result),
        result_digest=event.digest, effect_id=event.effect_id, label=event.label, complete="complete",
        files=prompt.attached(event.files),
    )  # fmt: skip
    return learned(state, entry, found) | {"spent": spent}


def doubt(state: State, entry: Entry, event: DoubtRaised) -> Changes:
    call = open_call(state, entry, event.call)
    return with_call(
        state, replace(call, status=move(state.run, entry.seq, call.status, "DoubtRaised"), message=event.why)
    )


def _without_call(state: State, call: int) -> dict[int, Question]:
    return {seq: question for seq, question in state.questions.items() if question.asked.call != call}


def call_settled(state: State, entry: Entry, event: CallSettled) -> Changes:
    settled = {**state.settled, event.call: event.verdict}
    changes: Changes = {"settled": settled, "questions": _without_call(state, event.call)}
    doubted = state.calls.get(event.call)
    told = doubted.came_late if doubted is not None else 0
    if event.verdict == "did_not" and told:  # an attempt had said already that it was done
        changes |= {"conflict": (*state.conflict, told), "late": {**state.late, told: event.call}}
    if state.closed is not None:
        if event.verdict == "did_not":
            changes["holds"] = fold_shares.given_back(state, event.call)
        return changes | {"unresolved": tuple(seq for seq in state.unresolved if seq != event.call)}
    call = open_call(state, entry, event.call)
    again = event.verdict == "did_not" and bool(call.key) and call.keyed_until > entry.at
    status = move(state.run, entry.seq, call.status, "CallSettled retry" if again else f"CallSettled {event.verdict}")
    if event.verdict == "did_not":
        changes["counted"] = _one_less(state, call)
    if again:  # of what may come of the attempts before, a person has said that nothing did
        ready = replace(call, status=status, settled=event.verdict, error="settled", unknown=False)
        return with_call(state, ready, **changes)
    if event.verdict == "happened":
        value = value_of(event.result)
        known = event.result is not None
        done = replace(
            call, status=status, answer=entry.seq, ok=True, settled=event.verdict, result=value,
            complete="complete" if known else "partial", missing="" if known else "a person says it happened; its result is not known",
        )  # fmt: skip
        return learned(state, entry, done) | changes
    said = (
        "a person found that this did not happen"
        if event.verdict == "did_not"
        else "nobody could tell whether this happened"
    )
    if event.verdict == "stop":
        changes |= {
            "stop": f"{event.by} stopped it: nobody could tell whether {call.tool} happened",
            "unresolved": (*state.unresolved, call.seq),
        }
    return with_call(
        state,
        replace(call, status=status, answer=entry.seq, said=said, settled=event.verdict, unknown=False),
        **changes,
    )


def maybe_begun(state: State, entry: Entry, call: CallState) -> CallState:
    """A call after a restore: of a write that was ever begun, a further attempt may stand in what was lost.

    Approvals are void: nobody who gave one was told what was lost.
    """
    call = replace(call, votes=()) if call.votes else call
    if call.effect != "write" or not call.attempt or call.status == "answered":
        return call
    status = move(state.run, entry.seq, call.status, "Resumed") if call.status == "failed" else call.status
    return replace(call, status=status, unknown=True, alive=(*call.alive, LOST_ATTEMPT), ended=False, looked="")


LOST_ATTEMPT: Final = 0
"""Stands for attempts that a restored journal does not know of: never proven over."""


def _one_over(call: CallState, attempt: int, at: int) -> CallState:
    """A call of which one more attempt is proven over; what was looked up before the last one was says nothing any more."""
    alive = tuple(one for one in call.alive if one != attempt)
    if alive or call.ended:
        return replace(call, alive=alive)
    return replace(call, alive=(), ended=True, failed_at=at, looked="" if call.looked == "absent" else call.looked)


def late(state: State, entry: Entry, event: CallReturnedLate) -> Changes:
    happened = event.result is not None
    call = state.calls.get(event.call)
    verdict = state.settled.get(event.call, "")
    changes: Changes = {}
    ruled_out = happened and verdict in ("did_not", "given_up")
    if ruled_out or (event.fate == "not_done" and verdict == "happened"):
        changes["conflict"] = (*state.conflict, entry.seq)
        changes["late"] = {**state.late, entry.seq: event.call}
    if state.closed is not None:
        if verdict not in ("", "stop") or not (happened or (call is not None and _says_it_all(call, event))):
            return changes
        changes |= _known_after_all(state, event.call)
    if call is None:
        return changes
    suffix = "" if happened else " settled" if _says_it_all(call, event) else f" {event.fate or 'unknown'}"
    status = move(state.run, entry.seq, call.status, f"CallReturnedLate{suffix}")
    over = _one_over(call, event.attempt, entry.at)
    if status == call.status:
        return changes | with_call(state, replace(over, came_late=entry.seq if happened else call.came_late))
    if suffix:
        return changes | _surely_not(state, entry, replace(over, status=status))
    return learned(state, entry, _gave(over, entry, event, status)) | changes


def _known_after_all(state: State, call: int) -> Changes:
    """What a closed run left to people is known after all: nobody rules on it any more."""
    rest = tuple(seq for seq in state.unresolved if seq != call)
    return {"unresolved": rest, "questions": _without_call(state, call)}


def _says_it_all(call: CallState, event: CallReturnedLate) -> bool:
    """Whether the only attempt there was surely did nothing."""
    return event.fate == "not_done" and call.attempt == event.attempt == 1 and call.status in ("unsure", "doubt")


def _surely_not(state: State, entry: Entry, call: CallState) -> Changes:
    """What was unknown is known now: nothing happened."""
    done = replace(call, unknown=False, error="not_done", failed_at=entry.at)
    if call.status == "answered":
        done = replace(done, answer=entry.seq, said="failed: it turned out that this did not happen")
    return with_call(state, done, counted=_one_less(state, call))


CALLS: Final[dict[type, Callable[[State, Entry, Any], Changes]]] = {
    CallAsked: call_asked, CallJudged: judged, CallStarted: started, CallReturned: returned, ProgramCalled: program_called,
    CallFailed: failed,
    CallLookedUp: looked_up, DoubtRaised: doubt, CallSettled: call_settled, CallReturnedLate: late,
}  # fmt: skip
