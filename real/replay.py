"""Replay: give recorded calls to our own tools and compare what they say with what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from real.packs import INJECTED_FAULT, Action, Effect, Run, exchanges

Invoke = Callable[[str, dict[str, object]], str]
"""A tool's name and its arguments to the text the tool answers; the state it works on is the caller's."""


@dataclass(frozen=True)
class Difference:
    """A call which our tool answers otherwise than the recorded one did."""

    run_id: str
    index: int
    name: str
    arguments: str
    recorded: str
    ours: str


@dataclass
class Replay:
    """What came of one run: the answers compared, the calls that could not be, and where we differ."""

    compared: int = 0
    injected: int = 0
    malformed: int = 0
    unanswered: int = 0
    differences: list[Difference] = field(default_factory=list)


def replay(run: Run, invoke: Invoke) -> Replay:
    """Call our tools as the run called the recorded ones, in its order."""
    done = Replay()
    for exchange in exchanges(run):
        call = exchange.call
        if exchange.answer == INJECTED_FAULT:
            done.injected += 1  # the recorder answered in the tool's place
            continue
        arguments = call.parsed()
        if arguments is None:
            done.malformed += 1  # no tool can have run on this
            continue
        ours = invoke(call.name, arguments)
        if exchange.answer is None:
            done.unanswered += 1  # it still ran: the state is judged with it
            continue
        done.compared += 1
        if ours != exchange.answer:
            at = (run.run_id, exchange.index)
            done.differences.append(Difference(*at, call.name, call.arguments, exchange.answer, ours))
    return done


def play_gold(actions: Iterable[Action], effects: dict[str, Effect], invoke: Invoke) -> None:
    """Call our tools as a task's gold actions say; a hand-off is left out, as the recorder did."""
    for action in actions:
        if effects[action.name].effect != "handoff":
            invoke(action.name, action.kwargs)
