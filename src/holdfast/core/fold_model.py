"""What entries about models change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from holdfast.core import prompt
from holdfast.core.fold_calls import Changes, open_call, replace
from holdfast.core.state import Asking, State
from holdfast.dialogue import Result, Segment, Told
from holdfast.errors import Bug
from holdfast.events import Entry, ModelAnswered, ModelAnsweredLate, ModelAsked, ModelFailed, OutputRejected
from holdfast.labels import meet


def model_asked(state: State, entry: Entry, event: ModelAsked) -> Changes:
    before = state.asking
    again = before is not None and before.step == event.step
    shown = _shown(state, event)
    spent = replace(state.spent, reserved=event.reserved, steps=event.step)
    if again and before is not None and before.error != "lost":
        spent = replace(spent, retries=spent.retries + (1 if event.model == before.model else 0))
    label, sources = state.label, state.sources
    if not again:
        for call in state.turn_calls:
            if (call.ok or call.effect == "child") and call.effect != "builtin":
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
        "weight": state.weight + sum(map(prompt.weight, shown)),
    }  # fmt: skip


def _long(state: State, shown: list[Segment]) -> dict[int, str]:
    longer = {seg.ref[0] for seg in shown if isinstance(seg, Result) and len(seg.text) > prompt.WINDOW}
    found = {
        call.answer: prompt.text_of(call.result) for call in state.turn_calls if call.answer in longer and not call.said
    }
    return {**state.long_results, **found} if found else state.long_results


def _shown(state: State, event: ModelAsked) -> list[Segment]:
    if not event.add:
        return []
    shown = prompt.to_show(state)
    if event.add == tuple([segment.ref for segment in shown]):
        return shown
    ready = {segment.ref: segment for segment in shown}
    missing = [ref for ref in event.add if ref not in ready]
    if missing and not state.opened.on_behalf_of:  # of a run about somebody, what made it may have been erased
        raise Bug(f"a request names a segment {missing[0]} that nothing made", run=state.run, seq=state.seq + 1)
    return [ready[ref] for ref in event.add if ref in ready]


def model_answered(state: State, entry: Entry, event: ModelAnswered) -> Changes:
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


def model_failed(state: State, entry: Entry, event: ModelFailed) -> Changes:
    asking = _asking(state, entry, event.ask)
    spent = replace(
        state.spent, reserved=0, unsettled=state.spent.unsettled + event.unsettled, work=state.spent.work + event.took
    )
    lost = event.error == "lost"
    return {
        "asking": replace(
            asking,
            status="failed",
            error=event.error,
            message=event.message,
            retry_at=event.retry_at,
            failed_at=entry.at,
            failures=asking.failures + (not lost),
        ),
        "spent": spent,
        "owed": {**state.owed, event.ask: event.unsettled} if event.unsettled else state.owed,
    }


def model_answered_late(state: State, entry: Entry, event: ModelAnsweredLate) -> Changes:
    owed = state.owed.get(event.ask, 0)
    if not owed or event.cost is None:
        return {}
    spent = replace(state.spent, unsettled=state.spent.unsettled - owed, nusd=state.spent.nusd + event.cost)
    return {"spent": spent, "owed": {ask: amount for ask, amount in state.owed.items() if ask != event.ask}}


def rejected(state: State, entry: Entry, event: OutputRejected) -> Changes:
    changes: Changes = {"admitted": True, "rejections": state.rejections + 1}
    if event.final:
        changes["stop"] = f"the output could not be accepted: {event.why}"
        changes["gave_up"] = True
    if event.call:
        call = open_call(state, entry, event.call)
        done = replace(call, status="answered", answer=entry.seq, said=f"not accepted: {event.why}")
        return changes | {"calls": {**state.calls, call.seq: done}}
    return changes | {"unsent": (*state.unsent, Told((entry.seq, 0), "machine", event.why))}


MODEL: Final[dict[type, Callable[[State, Entry, Any], Changes]]] = {
    ModelAsked: model_asked, ModelAnswered: model_answered, ModelFailed: model_failed,
    ModelAnsweredLate: model_answered_late, OutputRejected: rejected,
}  # fmt: skip
