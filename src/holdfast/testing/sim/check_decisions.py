"""Every decision in a journal is decided again from the entries before it, and must come out the same.

What a decision rests on beside its entries stands in it, or follows from it: who decided and when, which attempts were found
lost and whether their worker was known to be gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from holdfast.agent import Agent
from holdfast.contract import Contract
from holdfast.core.decide import decide
from holdfast.core.state import Moment, State
from holdfast.events import AnyEvent, CallFailed, Entry, Inline, Loaded, ModelFailed, Resumed, Unknown
from holdfast.testing.sim.history import Violation, batches


def check_decisions(
    run: str,
    entries: list[Entry],
    states: list[State],
    agent: Agent[Any, Any],
    secrets: Mapping[str, bytes | None],
) -> Iterator[Violation]:
    """Decide every batch again. states: after each entry."""
    for cause, batch in batches(entries):
        first = batch[0].seq
        state = states[first - 2]
        events = [one.event for one in batch if not isinstance(one.event, Unknown)]
        same = agent.contract.digest == state.contract_digest
        bound = agent.bound if same else agent.bind(Contract.parse(state.contract))
        again = decide(bound, state, _moment(state, batch, secrets.get(state.opened.tree or run) or b""))
        if [_plain(event) for event in again] != [_plain(event) for event in events]:
            yield Violation("decided otherwise", run, f"entry {first}, decided at {cause}: {_differ(events, again)}")
            return


def _moment(state: State, batch: list[Entry], secret: bytes) -> Moment:
    at, worker = batch[0].at, batch[0].actor
    lost = {_start(state, one.event) for one in batch if isinstance(one.event, ModelFailed | CallFailed)}
    gone, flying = set[str](), set[int]()
    running = [(call.start, call.worker, call.until) for call in state.calls.values() if call.status == "running"]
    if state.asking is not None and state.asking.status == "running":
        running.append((state.asking.seq, state.asking.worker, state.asking.until))
    for start, who, until in running:
        if start in lost and who != worker and until > at:
            gone.add(who)
        elif start not in lost and who == worker:
            flying.add(start)
    for one in batch:
        event = one.event
        if isinstance(event, CallFailed) and event.ended:
            gone |= {who for start, who, _ in running if start == _start(state, event) and who != worker}
    epoch = next((one.event.epoch for one in batch if isinstance(one.event, Resumed)), state.epoch)
    return Moment(at=at, worker=worker, secret=secret, gone=frozenset(gone), flying=frozenset(flying), epoch=epoch)


def _start(state: State, event: ModelFailed | CallFailed) -> int:
    return event.ask if isinstance(event, ModelFailed) else state.calls[event.call].start


def _plain(event: AnyEvent) -> AnyEvent:
    """An event with its bodies in it, wherever they are kept."""
    changes = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, Loaded):
            changes[name] = Inline(value.value)
    return msgspec.structs.replace(event, **changes) if changes else event


def _differ(events: list[AnyEvent], again: tuple[AnyEvent, ...]) -> str:
    for at, event in enumerate(events):
        if at >= len(again) or _plain(again[at]) != _plain(event):
            return f"{event} and not {again[at] if at < len(again) else 'nothing'}"
    return f"then also {again[len(events)]}"
