"""Required evidence: whether what a decision rests on had been read, whole and fresh, and stood before whoever decided.

    for one in screen(entries, decision): one.field, one.state, one.why

A pure function of entries, and cheap: it is done before anything is forked. What was never read cannot have been a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from holdfast import units
from holdfast.core.prompt import WINDOW, text_of
from holdfast.evals.reason.came import Came
from holdfast.evals.reason.decision import Decision, place_of
from holdfast.events import Entry, Json, ModelAsked
from holdfast.views.record import Call, Trace
from holdfast.views.trace import trace

Held: TypeAlias = Literal["read", "unread", "absent", "partial", "cut", "stale"]
"""read: as it should be. unread: nobody read it before. absent: it was read and has no such field. partial: a part of it only.
cut: of what was read a part only was shown. stale: older than the contract wants it."""


class Evidence(Struct, frozen=True):
    """Whether one field had been read when it was decided."""

    field: str
    state: Held
    why: str
    seq: int = 0
    """The entry that holds the reading."""

    @property
    def holds(self) -> bool:
        """Whether the decision could rest on it."""
        return self.state == "read"


def screen(entries: Sequence[Entry], decision: Decision, decided: Came) -> tuple[Evidence, ...]:
    """Each field that a decision rests on, as it stood when it was decided."""
    seen, shown = trace(entries), manifest(entries, decided.ask)
    return tuple(_field(seen, place, decision.tool, decided, shown) for place in decision.rests_on)


def manifest(entries: Sequence[Entry], ask: int) -> frozenset[int]:
    """The entries that stood in a request to a model."""
    found: set[int] = set()
    while 0 < ask <= len(entries):
        event = entries[ask - 1].event
        if not isinstance(event, ModelAsked):
            break
        found.update(seq for seq, _ in event.add)
        ask = event.base
    return frozenset(found)


def read_before(seen: Trace, tool: str, ask: int) -> list[Call]:
    """The calls of a tool that had given something when a model was asked, in the order of their answers."""
    own = [one for one in seen.calls.values() if one.tool == tool and one.result is not None and 0 < one.answered < ask]
    return sorted(own, key=lambda one: one.answered)


def _field(seen: Trace, place: str, decides: str, decided: Came, shown: frozenset[int]) -> Evidence:
    tool, path = place_of(place)
    readings = [one for one in read_before(seen, tool, decided.ask) if one.answered in shown]
    if not readings:
        return Evidence(place, "unread", f"nothing of {tool} stood before the model when it decided")
    last = readings[-1]
    value = last.result.value if last.result is not None else None
    if last.complete != "complete":
        return Evidence(place, "partial", f"what {tool} gave was not all: {last.missing or 'a part'}", last.answered)
    if not has(value, path):
        return Evidence(place, "absent", f"what {tool} gave has no {path}", last.answered)
    if len(text_of(value)) > WINDOW:
        return Evidence(place, "cut", f"the model was shown the beginning of what {tool} gave", last.answered)
    fresh, age = _fresh(seen, decides), seen.when(decided.ask) - seen.when(last.answered)
    if fresh is not None and age > fresh:
        why = f"it was {units.say_duration(age)} old, and may be {units.say_duration(fresh)}"
        return Evidence(place, "stale", why, last.answered)
    return Evidence(place, "read", "it was read before, whole", last.answered)


def _fresh(seen: Trace, tool: str) -> int | None:
    """How old evidence of a tool may be, in µs; None where the contract says nothing."""
    tools = seen.contract.get("tools") if isinstance(seen.contract, dict) else None
    terms = tools.get(tool) if isinstance(tools, dict) else None
    given = terms.get("fresh") if isinstance(terms, dict) else None
    try:
        return units.duration(given) if given is not None else None
    except ValueError:
        return None


# --------------------------------------------------------------------------------------------------------- fields


def steps_of(path: str) -> list[str | int]:
    """The steps of a path: `items[0].name`."""
    found: list[str | int] = []
    for part in path.replace("[", ".[").split("."):
        if part.startswith("[") and part.endswith("]") and part[1:-1].isdecimal():
            found.append(int(part[1:-1]))
        elif part:
            found.append(part)
    return found


def has(value: Json, path: str) -> bool:
    """Whether there is something at a path, be it null."""
    for step in steps_of(path):
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return False
        elif not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def put(value: Json, path: str, new: Json) -> Json:
    """The same value with another at a path that it has."""

    def changed(value: Any, steps: Sequence[str | int]) -> Any:
        if not steps:
            return new
        copy = value.copy()
        copy[steps[0]] = changed(value[steps[0]], steps[1:])
        return copy

    return changed(value, steps_of(path))
