"""`fold`: what is known after one more entry. One small function per kind, and a table that names them all.

An entry is legal if the call it speaks of may make that move (`state.MOVES`) and a closed run may still take its kind. A
fold that meets an illegal entry raises Bug and changes nothing: the journal is wrong, or the writer was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from holdfast.codec import value_of
from holdfast.core import prompt, provenance
from holdfast.core.log import Log, Tally
from holdfast.core.state import (
    Asking,
    CallState,
    Evidence,
    Question,
    Source,
    State,
    Vote,
    move,
)
from holdfast.dialogue import Result, Segment, Told
from holdfast.errors import Bug
from holdfast.events import (
    AFTER_CLOSE,
    BodiesErased,
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    CallUndone,
    CancelAsked,
    ChildClosed,
    ChildOpened,
    Contradiction,
    ContractAdopted,
    DoubtRaised,
    Entry,
    LimitAsked,
    LimitGranted,
    LimitReached,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    Noted,
    OutputRejected,
    Paused,
    PersonAnswered,
    PersonAsked,
    ProposalAmended,
    QuestionWithdrawn,
    Replied,
    Resumed,
    RoundClosed,
    RunClosed,
    RunOpened,
    Said,
    Unknown,
)
from holdfast.labels import TRUSTED, UNTRUSTED, meet

Changes: TypeAlias = dict[str, Any]
replace = msgspec.structs.replace


def fold(state: State | None, entry: Entry) -> State:
    """What is known after `entry`. Raises Bug for an entry that cannot follow."""
    event = entry.event
    if state is None:
        if not isinstance(event, RunOpened) or entry.seq != 1:
            raise Bug("a run begins with RunOpened, and this one does not", run=entry.run, seq=entry.seq)
        return _opened(entry, event)
    if entry.seq != state.seq + 1:
        raise Bug(f"entry {entry.seq} cannot follow entry {state.seq}", run=state.run, seq=entry.seq)
    if isinstance(event, Unknown):
        return replace(state, seq=entry.seq, at=entry.at, strange=event.kind)
    if state.closed is not None and type(event) not in AFTER_CLOSE:
        raise Bug(f"a closed run cannot take a {type(event).__name__}", run=state.run, seq=entry.seq)
    changes = _FOLDS[type(event)](state, entry, event)
    return replace(state, seq=entry.seq, at=max(state.at, entry.at), **changes)


def fold_all(entries: Iterable[Entry], state: State | None = None) -> State:
    """What is known after all of these. Raises Bug for none at all."""
    for entry in entries:
        state = fold(state, entry)
    if state is None:
        raise Bug("there are no entries to fold")
    return state


# ------------------------------------------------------------------------------------------------- opening, talking


def _opened(entry: Entry, event: RunOpened) -> State:
    contract = value_of(event.contract)
    given = value_of(event.input)
    own, foreign = provenance.untrusted_parts(given, contract["takes"] if contract else {})
    files = prompt.attached(event.attachments)
    sources = [Source("input", trusted=True, value=own)]
    if foreign is not None or files:
        sources.append(Source("untrusted:1", trusted=False, value=[foreign, *(file.data for file in files if file.media.startswith("text/"))]))
    label = TRUSTED if len(sources) == 1 else UNTRUSTED
    text = Told((1, 0), "input", prompt.text_of(given), files)
    return State(
        run=entry.run, seq=1, at=entry.at, opened=event, opened_at=entry.at, contract=contract,
        contract_digest=event.contract_digest, input=given, epoch=event.epoch, sources=Log(sources), label=label,
        repeats=Tally(), transcript=Log(), unsent=(text,), speakers=_people(event.by, event.on_behalf_of),
    )  # fmt: skip


def _people(*names: str) -> frozenset[str]:
    return frozenset(name for name in names if name)


def _said(state: State, entry: Entry, event: Said) -> Changes:
    files = prompt.attached(event.attachments)
    text = value_of(event.text)
    told = Told((entry.seq, 0), "said", prompt.text_of(text), files)
    sources = state.sources.plus(Source(f"said:{entry.seq}", trusted=True, value=text))
    label = state.label
    if files:
        sources = sources.plus(Source(f"untrusted:{entry.seq}", trusted=False, value=[f.data for f in files if f.media.startswith("text/")]))
        label = meet(label, UNTRUSTED)
    changes: Changes = {
        "said": entry.seq, "unsent": (*state.unsent, told), "over": event.ends, "replied": 0, "sources": sources, "label": label,
        "speakers": state.speakers | _people(event.by),
    }  # fmt: skip
    waiting = next((q for q in state.questions.values() if q.asked.role == "requester" and q.asked.about == "question"), None)
    if waiting is not None:
        changes |= _answer_question(state, entry, waiting.asked.call, waiting.seq, f"the requester answered: {prompt.text_of(text)}")
        changes["heard"] = entry.seq
        changes["unsent"] = state.unsent
    return changes


def _replied(state: State, entry: Entry, event: Replied) -> Changes:
    return {"replied": entry.seq, "admitted": True, "rejections": 0}


# ------------------------------------------------------------------------------------------------------- the model


def _model_asked(state: State, entry: Entry, event: ModelAsked) -> Changes:
    before = state.asking
    again = before is not None and before.step == event.step
    shown = _shown(state, event)
    spent = replace(state.spent, reserved=event.reserved, steps=event.step)
    if again and before is not None and before.error != "lost":
        spent = replace(spent, retries=spent.retries + (1 if event.model == before.model else 0))
    label, sources = state.label, state.sources
    if not again:
        for call in state.turn_calls:
            if call.ok and call.effect != "builtin":
                label = meet(label, call.label)
    tried = before.tried if again and before is not None else ()
    if again and before is not None and before.model != event.model:
        tried = (*tried, before.model)
    return {
        "asking": Asking(
            seq=entry.seq, step=event.step, attempt=event.attempt, model=event.model, worker=event.worker, until=event.until,
            reserved=event.reserved, rolling=event.rolling, failures=before.failures if again and before else 0, tried=tried,
        ),
        "transcript": state.transcript.plus(*shown) if shown else state.transcript,
        "unsent": (), "heard": max(event.heard, state.heard), "max_output": event.max_output, "spent": spent,
        "calls": {} if not again else state.calls, "turn": () if not again else state.turn,
        "label": label, "sources": sources, "replied": 0, "long_results": _long(state, shown),
        "weight": state.weight + sum(prompt.weight(segment) for segment in shown),
    }  # fmt: skip


def _long(state: State, shown: list[Segment]) -> dict[int, str]:
    longer = {seg.ref[0] for seg in shown if isinstance(seg, Result) and len(seg.text) > prompt.WINDOW}
    found = {call.answer: prompt.text_of(call.result) for call in state.turn_calls if call.answer in longer and not call.said}
    return {**state.long_results, **found} if found else state.long_results


def _shown(state: State, event: ModelAsked) -> list[Segment]:
    if not event.add:
        return []
    ready = {segment.ref: segment for segment in prompt.to_show(state)}
    missing = [ref for ref in event.add if ref not in ready]
    if missing:
        raise Bug(f"a request names a segment {missing[0]} that nothing made", run=state.run, seq=state.seq + 1)
    return [ready[ref] for ref in event.add]


def _model_answered(state: State, entry: Entry, event: ModelAnswered) -> Changes:
    asking = _asking(state, entry, event.ask)
    spent = state.spent
    cost = event.cost
    spent = replace(
        spent, reserved=0, nusd=spent.nusd + (cost or 0), unpriced=spent.unpriced + (cost is None),
        input=spent.input + event.usage.input, output=spent.output + event.usage.output, work=spent.work + event.took,
    )  # fmt: skip
    return {
        "asking": replace(asking, status="answered"), "answered": event, "answer_seq": entry.seq, "admitted": False, "spent": spent,
    }  # fmt: skip


def _asking(state: State, entry: Entry, ask: int) -> Asking:
    asking = state.asking
    if asking is None or asking.seq != ask or asking.status != "running":
        raise Bug(f"nothing waits for an answer to the request {ask}", run=state.run, seq=entry.seq)
    return asking


def _model_failed(state: State, entry: Entry, event: ModelFailed) -> Changes:
    asking = _asking(state, entry, event.ask)
    spent = replace(state.spent, reserved=0, unsettled=state.spent.unsettled + event.unsettled, work=state.spent.work + event.took)
    lost = event.error == "lost"
    return {
        "asking": replace(
            asking, status="failed", error=event.error, retry_at=event.retry_at, failed_at=entry.at, failures=asking.failures + (not lost)
        ),
        "spent": spent, "owed": {**state.owed, event.ask: event.unsettled} if event.unsettled else state.owed,
    }  # fmt: skip


def _model_answered_late(state: State, entry: Entry, event: ModelAnsweredLate) -> Changes:
    owed = state.owed.get(event.ask, 0)
    if not owed or event.cost is None:
        return {}
    spent = replace(state.spent, unsettled=state.spent.unsettled - owed, nusd=state.spent.nusd + event.cost)
    return {"spent": spent, "owed": {ask: amount for ask, amount in state.owed.items() if ask != event.ask}}


def _rejected(state: State, entry: Entry, event: OutputRejected) -> Changes:
    changes: Changes = {"admitted": True, "rejections": state.rejections + 1}
    if event.final:
        changes["stop"] = f"the output could not be accepted: {event.why}"
        changes["gave_up"] = True
    if event.call:
        call = _call(state, entry, event.call)
        done = replace(call, status="answered", answer=entry.seq, said=f"not accepted: {event.why}")
        return changes | {"calls": {**state.calls, call.seq: done}}
    return changes | {"unsent": (*state.unsent, Told((entry.seq, 0), "machine", event.why))}


# ----------------------------------------------------------------------------------------------------------- calls


def _call(state: State, entry: Entry, seq: int) -> CallState:
    call = state.calls.get(seq)
    if call is None:
        raise Bug(f"there is no open call {seq}", run=state.run, seq=entry.seq)
    return call


def _with(state: State, call: CallState, **more: Any) -> Changes:
    return {"calls": {**state.calls, call.seq: call}, **more}


def _call_asked(state: State, entry: Entry, event: CallAsked) -> Changes:
    asking = state.asking
    call = CallState(
        seq=entry.seq, ask=event.ask, manifest=asking.seq if asking else 0, index=event.index, tool=event.tool, id=event.id,
        args=value_of(event.args), digest=event.digest, effect=event.effect, problem=event.problem, sources=event.sources,
        serves=event.serves, cursor=event.cursor, heard=state.heard,
    )  # fmt: skip
    return _with(state, call, admitted=True, turn=state.turn if event.serves else (*state.turn, entry.seq))


def _judged(state: State, entry: Entry, event: CallJudged) -> Changes:
    call = _call(state, entry, event.call)
    status = move(state.run, entry.seq, call.status, f"CallJudged {event.verdict}")
    if event.verdict != "refuse":
        return _with(state, replace(call, status=status, rules=event.rules))
    given_up = call.status in ("failed", "unsure")
    said = prompt.refusal(event.rules, "failed" if given_up else "refused")
    if given_up and call.message:
        said = f"{said} ({call.message})"
    settled = {**state.settled, call.seq: "given_up"} if call.unknown else state.settled
    done = replace(call, status=status, rules=event.rules, answer=entry.seq, said=said, ok=False)
    counted = state.counted
    if call.status == "unsure" and call.effect == "write":
        counted = {**counted, call.tool: max(counted.get(call.tool, 0) - 1, 0)}
    return _with(state, done, settled=settled, counted=counted)


def _started(state: State, entry: Entry, event: CallStarted) -> Changes:
    call = _call(state, entry, event.call)
    again = call.attempt > 0 and call.error != "lost"
    after = replace(
        call, status=move(state.run, entry.seq, call.status, "CallStarted"), attempt=event.attempt, start=entry.seq,
        worker=event.worker, until=event.until, key=event.key, keyed_until=event.keyed_until, first_started=call.first_started or entry.at, error="", looked="",
    )  # fmt: skip
    spent = replace(state.spent, retries=state.spent.retries + 1) if again else state.spent
    counted = state.counted
    if call.effect != "builtin" and not call.attempt and not call.serves:
        counted = {**counted, call.tool: counted.get(call.tool, 0) + 1}
    return _with(state, after, spent=spent, counted=counted)


def _running(state: State, entry: Entry, seq: int, attempt: int) -> CallState:
    call = _call(state, entry, seq)
    if call.attempt != attempt:
        raise Bug(f"attempt {attempt} of call {seq} is not the running one", run=state.run, seq=entry.seq)
    return call


def _returned(state: State, entry: Entry, event: CallReturned) -> Changes:
    call = _running(state, entry, event.call, event.attempt)
    spent = replace(state.spent, work=state.spent.work + event.took)
    if event.complete == "started":
        status = move(state.run, entry.seq, call.status, "CallReturned started")
        handle = value_of(event.result) or {}
        after = replace(
            call, status=status, error="started", handle=str(handle.get("handle", "")), unknown=True, failed_at=entry.at,
            look_at=entry.at + round(float(handle.get("poll", 5.0)) * 1e6), ended=True,
        )  # fmt: skip
        return _with(state, after, spent=spent)
    status = move(state.run, entry.seq, call.status, "CallReturned")
    value = value_of(event.result)
    after = replace(
        call, status=status, answer=entry.seq, ok=True, result=value, result_digest=event.digest, complete=event.complete,
        missing=event.missing, next=event.cursor, effect_id=event.effect_id, label=event.label,
    )  # fmt: skip
    return _learned(state, entry, after) | {"spent": spent}


def _learned(state: State, entry: Entry, call: CallState) -> Changes:
    """A call gave a result: evidence, effects, sources and counts follow from it."""
    changes = _with(state, call)
    if call.effect == "builtin":
        return changes
    if call.serves and call.cursor:
        return _paged(state, entry, call)
    if call.serves:
        return changes | _reread(state, entry, call)
    name = f"{'trusted' if call.label.trusted else 'untrusted'}:{entry.seq}"
    changes["sources"] = state.sources.plus(Source(name, call.label.trusted, call.result, call.tool))
    changes["repeats"] = state.repeats.plus(f"{call.digest}:{call.result_digest}")
    if call.effect == "read":
        if call.complete == "complete":
            changes["evidence"] = _with_evidence(state, entry, call, call)
    else:
        changes |= _effected(state, call)
    return changes


def _with_evidence(state: State, entry: Entry, call: CallState, of: CallState) -> dict[str, Log[Evidence]]:
    shown = Evidence(entry.seq, entry.at, of.args, call.result, call.result_digest, of.seq)
    return {**state.evidence, call.tool: state.evidence.get(call.tool, Log()).plus(shown)}


def _effected(state: State, call: CallState) -> Changes:
    """A write took effect, as far as anybody knows."""
    value = {**call.args, "simulated": True} if call.complete == "simulated" else call.result
    changes: Changes = {"effects": {**state.effects, call.tool: state.effects.get(call.tool, Log()).plus(value)}}
    if call.effect_id:
        changes["effect_ids"] = {**state.effect_ids, f"{call.tool}:{call.effect_id}": call.seq}
    return changes


def _paged(state: State, entry: Entry, page: CallState) -> Changes:
    """A further page belongs to the call it was fetched for."""
    first = _call(state, entry, page.serves)
    both = isinstance(first.result, list) and isinstance(page.result, list)
    value = [*first.result, *page.result] if both else [*(first.result if first.pages else [first.result]), page.result]
    done = page.complete == "complete" and not page.next
    whole = replace(
        first, result=value, pages=first.pages + 1, next=page.next, complete="complete" if done else "partial",
        missing="" if done else page.missing, result_digest=page.result_digest, answer=entry.seq,
    )  # fmt: skip
    calls = {**state.calls, page.seq: page, first.seq: whole}
    changes: Changes = {"calls": calls}
    name = f"{'trusted' if page.label.trusted else 'untrusted'}:{entry.seq}"
    changes["sources"] = state.sources.plus(Source(name, page.label.trusted, page.result, page.tool))
    if done:
        changes["evidence"] = _with_evidence(state, entry, whole, first)
    return changes


def _reread(state: State, entry: Entry, call: CallState) -> Changes:
    """The machine read evidence again for a write: the same is fresh again, something else is noted on the write."""
    known = state.evidence.get(call.tool, Log[Evidence]())
    before = next((item for item in reversed(known[:]) if item.args == call.args), None)
    if call.complete == "complete":
        same = before is not None and before.digest == call.result_digest
        kept = Evidence(before.seq if same and before else entry.seq, entry.at, call.args, call.result, call.result_digest, call.seq)
        changes: Changes = {"evidence": {**state.evidence, call.tool: known.plus(kept)}}
    else:
        same, changes = False, {}
    write = _call(state, entry, call.serves)
    if not same:
        return changes | {"calls": {**state.calls, call.seq: call, write.seq: replace(write, changed=(*write.changed, entry.seq), votes=())}}
    return changes


def _failed(state: State, entry: Entry, event: CallFailed) -> Changes:
    call = _running(state, entry, event.call, event.attempt)
    status = move(state.run, entry.seq, call.status, f"CallFailed {event.fate}")
    lost = event.error == "lost"
    after = replace(
        call, status=status, error=event.error, message=event.message, failures=call.failures + (not lost), failed_at=entry.at,
        retry_at=event.retry_at, ended=event.ended and call.ended, unknown=call.unknown or event.fate == "unknown", looked="",
        look_at=0,
    )  # fmt: skip
    counted = state.counted
    if event.fate == "not_done" and not after.unknown and not call.serves and call.effect != "builtin":
        counted = {**counted, call.tool: max(counted.get(call.tool, 0) - 1, 0)}
        after = replace(after, attempt=call.attempt)
    spent = replace(state.spent, work=state.spent.work + event.took)
    return _with(state, after, spent=spent, counted=counted)


def _looked_up(state: State, entry: Entry, event: CallLookedUp) -> Changes:
    call = _call(state, entry, event.call)
    status = move(state.run, entry.seq, call.status, f"CallLookedUp {event.answer}")
    spent = replace(state.spent, work=state.spent.work + event.took)
    if event.answer == "pending":
        return _with(state, replace(call, status=status, look_at=entry.at + 5_000_000, message=event.message), spent=spent)
    if event.answer != "found":
        after = replace(call, status=status, looked=event.answer, looks=call.looks + 1, message=event.message or call.message)
        return _with(state, after, spent=spent)
    found = replace(
        call, status=status, looked="found", answer=entry.seq, ok=True, result=value_of(event.result),
        result_digest=event.digest, effect_id=event.effect_id, label=event.label, complete="complete",
    )  # fmt: skip
    return _learned(state, entry, found) | {"spent": spent}


def _doubt(state: State, entry: Entry, event: DoubtRaised) -> Changes:
    call = _call(state, entry, event.call)
    return _with(state, replace(call, status=move(state.run, entry.seq, call.status, "DoubtRaised"), message=event.why))


def _settled(state: State, entry: Entry, event: CallSettled) -> Changes:
    settled = {**state.settled, event.call: event.verdict}
    if state.closed is not None:
        return {"settled": settled, "unresolved": tuple(seq for seq in state.unresolved if seq != event.call)}
    call = _call(state, entry, event.call)
    again = event.verdict == "did_not" and bool(call.key) and call.keyed_until > entry.at
    status = move(state.run, entry.seq, call.status, "CallSettled retry" if again else f"CallSettled {event.verdict}")
    changes: Changes = {"settled": settled, "questions": _without_call(state, event.call)}
    if again:
        return _with(state, replace(call, status=status, settled=event.verdict, error="settled"), **changes)
    if event.verdict == "happened":
        value = value_of(event.result)
        known = event.result is not None
        done = replace(
            call, status=status, answer=entry.seq, ok=True, settled=event.verdict, result=value,
            complete="complete" if known else "partial", missing="" if known else "a person says it happened; its result is not known",
        )  # fmt: skip
        return _learned(state, entry, done) | changes
    said = "a person found that this did not happen" if event.verdict == "did_not" else "nobody could tell whether this happened"
    counted = state.counted
    if event.verdict == "did_not":
        counted = {**counted, call.tool: max(counted.get(call.tool, 0) - 1, 0)}
    changes["counted"] = counted
    if event.verdict == "stop":
        changes |= {"stop": f"{event.by} stopped it: nobody could tell whether {call.tool} happened", "unresolved": (*state.unresolved, call.seq)}
    return _with(state, replace(call, status=status, answer=entry.seq, said=said, settled=event.verdict, unknown=False), **changes)


def _late(state: State, entry: Entry, event: CallReturnedLate) -> Changes:
    happened = event.result is not None
    call = state.calls.get(event.call)
    verdict = state.settled.get(event.call, "")
    changes: Changes = {}
    if happened and verdict in ("did_not", "given_up"):
        changes["conflict"] = (*state.conflict, entry.seq)
        changes["late"] = {**state.late, entry.seq: event.call}
    elif event.fate == "not_done" and verdict == "happened":
        changes["conflict"] = (*state.conflict, entry.seq)
        changes["late"] = {**state.late, entry.seq: event.call}
    if call is None or state.closed is not None:
        return changes
    suffix = "" if happened else f" {event.fate or 'unknown'}"
    status = move(state.run, entry.seq, call.status, f"CallReturnedLate{suffix}")
    if status == call.status:
        ended = call.ended or event.attempt == call.attempt
        return changes | _with(state, replace(call, ended=ended))
    found = replace(
        call, status=status, answer=entry.seq, ok=True, result=value_of(event.result), effect_id=event.effect_id, complete="complete",
    )  # fmt: skip
    return _learned(state, entry, found) | changes


# ---------------------------------------------------------------------------------------------------------- people


def _person_asked(state: State, entry: Entry, event: PersonAsked) -> Changes:
    changes: Changes = {"questions": {**state.questions, entry.seq: Question(entry.seq, entry.at, event)}}
    call = state.calls.get(event.call)
    if call is not None and event.about == "review":
        kept = tuple(vote for vote in call.votes if not vote.digest)
        changes["calls"] = {**state.calls, call.seq: replace(call, votes=kept, reviewed=True, changed=())}
    return changes


def _without_call(state: State, call: int) -> dict[int, Question]:
    return {seq: question for seq, question in state.questions.items() if question.asked.call != call}


def _without(state: State, question: int) -> dict[int, Question]:
    return {seq: kept for seq, kept in state.questions.items() if seq != question}


def _question(state: State, entry: Entry, seq: int) -> PersonAsked:
    question = state.questions.get(seq)
    if question is None:
        raise Bug(f"question {seq} is not open", run=state.run, seq=entry.seq)
    return question.asked


def _person_answered(state: State, entry: Entry, event: PersonAnswered) -> Changes:
    asked = _question(state, entry, event.question)
    if asked.about == "limit":
        return {"stop": f"{event.by} stopped it at its limit of {asked.limit}", "questions": _without(state, event.question)}
    if event.verdict == "stop":
        return {"stop": f"{event.by} stopped it{': ' + event.text if event.text else ''}", "questions": _without(state, event.question)}
    if event.verdict == "take":
        return {"taken": event.by, "questions": _without(state, event.question)}
    if asked.about == "question":
        return _answer_question(state, entry, asked.call, event.question, f"{event.by} answered: {event.text}")
    call = _call(state, entry, asked.call)
    if call.status == "answered":
        return _with(state, replace(call, reviewed=True), questions=_without(state, event.question))
    status = move(state.run, entry.seq, call.status, f"PersonAnswered {event.verdict}")
    if event.verdict == "approve":
        vote = Vote(event.by, asked.digest, asked.until)
        return _with(state, replace(call, status=status, votes=(*call.votes, vote)))
    after = replace(call, status=status)
    if status == "answered":
        told = f": {event.text}" if event.text else ""
        said = f"{event.by} denied this{told}" if event.verdict == "deny" else f"failed: {call.message}{told}"
        after = replace(after, answer=entry.seq, said=said)
    return _with(state, after, questions=_without(state, event.question))


def _answer_question(state: State, entry: Entry, call_seq: int, question: int, said: str) -> Changes:
    call = _call(state, entry, call_seq)
    status = move(state.run, entry.seq, call.status, "PersonAnswered answer")
    after = replace(call, status=status, answer=entry.seq, said=said, ok=True)
    return _with(state, after, questions=_without(state, question))


def _amended(state: State, entry: Entry, event: ProposalAmended) -> Changes:
    call = _call(state, entry, event.call)
    sources = {path: name for path, name in call.sources.items() if path not in event.changed}
    after = replace(
        call, status=move(state.run, entry.seq, call.status, "ProposalAmended"), version=event.version, args=value_of(event.args),
        digest=event.digest, votes=(Vote(event.by, ""),), amended=tuple(sorted({*call.amended, *event.changed})),
        sources={**sources, **{name: f"person:{event.by}" for name in event.changed}},
    )  # fmt: skip
    return _with(state, after)


def _withdrawn(state: State, entry: Entry, event: QuestionWithdrawn) -> Changes:
    return {"questions": _without(state, event.question)}


# ------------------------------------------------------------------------------------------------- the run as a whole


def _contradiction(state: State, entry: Entry, event: Contradiction) -> Changes:
    rest = tuple(seq for seq in state.conflict if seq not in event.seqs)
    calls = tuple(state.late[seq] for seq in event.seqs if seq in state.late)
    return {"conflict": rest, "contradiction": event.what, "unresolved": tuple(dict.fromkeys((*state.unresolved, *calls)))}


def _limit(state: State, entry: Entry, event: LimitReached) -> Changes:
    return {"limit": event, "limit_seq": entry.seq}


def _granted(state: State, entry: Entry, event: LimitGranted) -> Changes:
    grants = {**state.grants, event.limit: state.grants.get(event.limit, 0) + event.amount}
    met = state.limit is not None and state.limit.limit == event.limit
    questions = {seq: q for seq, q in state.questions.items() if q.asked.limit != event.limit}
    return {"grants": grants, "limit": None if met else state.limit, "questions": questions}


def _paused(state: State, entry: Entry, event: Paused) -> Changes:
    return {"paused": True}


def _resumed(state: State, entry: Entry, event: Resumed) -> Changes:
    if event.epoch > state.epoch:
        return {"epoch": event.epoch, "recovered": True}
    return {"paused": False}


def _cancel(state: State, entry: Entry, event: CancelAsked) -> Changes:
    return {"cancel": event}


def _adopted(state: State, entry: Entry, event: ContractAdopted) -> Changes:
    calls = {seq: replace(call, votes=()) for seq, call in state.calls.items()}
    return {"contract": value_of(event.contract), "contract_digest": event.contract_digest, "calls": calls}


def _closed(state: State, entry: Entry, event: RunClosed) -> Changes:
    doubts = {seq: q for seq, q in state.questions.items() if q.asked.about == "doubt"}
    return {"closed": event, "unresolved": tuple(dict.fromkeys((*state.unresolved, *event.unresolved))), "questions": doubts}


def _nothing(state: State, entry: Entry, event: object) -> Changes:
    return {}


_FOLDS: Final[dict[type, Callable[[State, Entry, Any], Changes]]] = {
    Said: _said, Replied: _replied,
    ModelAsked: _model_asked, ModelAnswered: _model_answered, ModelFailed: _model_failed,
    ModelAnsweredLate: _model_answered_late, OutputRejected: _rejected,
    CallAsked: _call_asked, CallJudged: _judged, CallStarted: _started, CallReturned: _returned, CallFailed: _failed,
    CallLookedUp: _looked_up, DoubtRaised: _doubt, CallSettled: _settled, CallReturnedLate: _late, CallUndone: _nothing,
    PersonAsked: _person_asked, PersonAnswered: _person_answered, ProposalAmended: _amended, QuestionWithdrawn: _withdrawn,
    ChildOpened: _nothing, ChildClosed: _nothing, RoundClosed: _nothing, Contradiction: _contradiction,
    LimitReached: _limit, LimitAsked: _nothing, LimitGranted: _granted, Paused: _paused, Resumed: _resumed,
    CancelAsked: _cancel, ContractAdopted: _adopted, BodiesErased: _nothing, RunClosed: _closed, Noted: _nothing,
}  # fmt: skip
