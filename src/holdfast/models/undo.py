"""The model of a run that undoes another one: no model at all, but a plan that is carried out step by step.

It stands behind the model's port so that all the rest is as in any run. Its answers follow from what it is told alone: the
plan, which is the run's input, and what became of the steps so far. After one that did not succeed it goes no further.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.dialogue import Request, Result
from holdfast.events import Json
from holdfast.models.scripted import Plain, Script, Turn, call, decline, done, script_by

NAME: Final = "holdfast:undo"
RECORD: Final = "record_undone"
"""The tool that notes in the other run what was taken back."""


class Step(Struct, frozen=True):
    """One call to be taken back."""

    call: int
    tool: str
    undo: str
    args: dict[str, Json]
    reviewed: tuple[str, ...] = ()


class Order(Struct, frozen=True):
    """What a run that undoes another one gets: the calls, in the order in which they are taken back."""

    run: str
    calls: tuple[Step, ...]


class Recorded(Struct, frozen=True):
    """How many of the steps took something back, were simulated, and did neither."""

    undone: int
    simulated: int
    left: int


_order: Final = msgspec.json.Decoder(Order)
_recorded: Final = msgspec.json.Decoder(Recorded)


def undo_model() -> Script:
    """The model called `holdfast:undo`."""
    return script_by(_turns)


def _turns(text: str) -> list[Turn]:
    order = _order.decode(text)
    return [partial(_next, order)] * (len(order.calls) + 2)


def _next(order: Order, request: Request) -> Plain:
    came = [segment for segment in request.segments if isinstance(segment, Result)]
    last = came[-1] if came else None
    if last is not None and last.tool == RECORD:
        return _end(order, came)
    if len(came) == len(order.calls) or (last is not None and last.failed):
        return call(RECORD)
    step = order.calls[len(came)]
    return call(step.undo, **step.args)


def _end(order: Order, came: list[Result]) -> Plain:
    steps, noted = came[:-1], came[-1]
    if noted.failed:
        return decline(f"what was taken back of run {order.run} could not be noted in it: {noted.text}")
    found = _recorded.decode(noted.text)
    if not found.left:
        return done(run=order.run, undone=found.undone, simulated=found.simulated)
    stuck = order.calls[len(steps) - 1]
    why = f"{stuck.undo} did not take back call {stuck.call} ({stuck.tool}): {steps[-1].text}"
    return decline(f"{found.undone} of {len(order.calls)} calls of run {order.run} were taken back; {why}")
