"""Undo: what a run did that can be taken back, in which order, and what cannot.

    plan(entries, tools, after=0, before=[...])     the steps, newest first; before: the runs that undid some of it already
    elsewhere([child, ...], tools)                  what runs below it did, each of which is undone by itself
    taken_back(entries)                             of a run that undoes another one: what became of each of its steps

A step needs what the call gave back: what nobody knows the result of, nobody can take back by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from holdfast.events import CallReturnedLate, Entry, Json, RunOpened
from holdfast.shape import Misfit
from holdfast.tool import Tool
from holdfast.views.detectors.finding import is_effect
from holdfast.views.record import Call, Content, content
from holdfast.views.trace import trace

Can: TypeAlias = Literal["ready", "irreversible", "unknown", "undone", "doubt", "nothing"]
"""It will be taken back. Nothing takes it back. Nobody can tell whether it happened, or what it gave. It was taken back
already. A run that undoes it left it in doubt. It was only simulated."""

Fate: TypeAlias = Literal["done", "simulated", "doubt", "left"]
"""What became of a write: it happened; it was recorded only; nobody can tell; it surely did not happen."""


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One write of the run, and what can be done about it."""

    call: int
    at: int
    tool: str
    args: Json
    """What it was called with; None where that was erased."""
    can: Can
    undo: str = ""
    """The tool that takes it back."""
    given: dict[str, Json] = {}
    """What that tool is called with."""
    reviewed: tuple[str, ...] = ()
    """The rules of the contract by which a person had to allow it."""
    effect_id: str = ""
    why: str = ""
    """Why it cannot be taken back, or by which run it was."""


class Elsewhere(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run below the one that is to be undone, that did writes of its own: it is undone by itself."""

    run: str
    agent: str
    parent: str
    writes: int
    """That happened, or may have."""
    ready: int
    """Of these, that would be taken back."""
    undone: int = 0
    open: bool = False
    """It is not over, so that it cannot be undone yet."""


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What undoing a run would do."""

    run: str
    agent: str
    steps: tuple[Step, ...]
    """Newest first."""
    after: int = 0
    """Only what was done after this entry."""
    number: int = 1
    """How often it was undone before, and once."""
    below: tuple[Elsewhere, ...] = ()
    """Runs that it opened, or that they did, and that wrote something; none of that is in the steps. Newest first."""

    @property
    def ready(self) -> tuple[Step, ...]:
        """What will be taken back."""
        return tuple(step for step in self.steps if step.can == "ready")


def plan(
    entries: Sequence[Entry],
    tools: Mapping[str, Tool[..., Any]],
    *,
    after: int = 0,
    before: Sequence[Sequence[Entry]] = (),
) -> Plan:
    """What undoing a run would do. before: the entries of each run that undoes it, oldest first."""
    writes = Writes(entries)
    known: dict[int, tuple[Fate, str]] = {}
    for other in before:
        known |= {call: (fate, other[0].run) for call, fate in taken_back(other).items() if fate in ("done", "doubt")}
    first = max(after, _inherited(entries))
    steps = [
        _step(writes, call, tools.get(call.tool), known.get(call.seq))
        for call in reversed(writes.calls)
        if call.tried[-1].seq > first and writes.fate(call) != "left"
    ]
    seen = writes.seen
    return Plan(run=seen.run, agent=seen.agent, steps=tuple(steps), after=after, number=len(before) + 1)


def elsewhere(
    below: Iterable[Sequence[Entry]], tools: Mapping[str, Mapping[str, Tool[..., Any]]]
) -> tuple[Elsewhere, ...]:
    """What runs below another one did that is not undone with it. tools: agent → its tools, of those whose code is here."""
    found: list[tuple[int, Elsewhere]] = []
    for entries in below:
        seen = trace(entries)
        steps = [step for step in plan(entries, tools.get(seen.agent, {})).steps if step.can != "nothing"]
        if steps:
            ready, undone = (sum(step.can == word for step in steps) for word in ("ready", "undone"))
            one = Elsewhere(
                run=seen.run, agent=seen.agent, parent=seen.parent, writes=len(steps), ready=ready, undone=undone, open=seen.end is None
            )  # fmt: skip
            found.append((steps[0].at, one))
    return tuple(one for _, one in sorted(found, key=lambda pair: -pair[0]))


def taken_back(entries: Sequence[Entry]) -> dict[int, Fate]:
    """What became of each step of a run that undoes another one: call of the other run → fate."""
    writes = Writes(entries)
    given = writes.seen.input.value if isinstance(writes.seen.input.value, dict) else {}
    wanted = [step["call"] for step in given.get("calls", ())]
    asked = [call for call in writes.seen.calls.values() if call.effect == "write"]
    fates = [writes.fate(call) for call in sorted(asked, key=lambda call: call.seq)]
    return dict(zip(wanted, [*fates, *["left"] * (len(wanted) - len(fates))], strict=True))


class Writes:
    """The writes of a run that were begun, in the order in which they last were, and what is known of each."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.seen = trace(entries)
        begun = [call for call in self.seen.calls.values() if call.effect == "write" and call.tried]
        self.calls = sorted(begun, key=lambda call: call.tried[-1].seq)
        late = [entry.event for entry in entries if isinstance(entry.event, CallReturnedLate)]
        self._late = {event.call: content(event.result) for event in late if event.result is not None}
        self._unresolved = self.seen.end.unresolved if self.seen.end is not None else ()

    def fate(self, call: Call) -> Fate:
        """Whether it happened: `done`, also where a late answer says so against a person's ruling; `left`: surely not."""
        if call.complete == "simulated":
            return "simulated"
        if is_effect(call) or call.seq in self._late:
            return "done"
        is_open = call.seq in self._unresolved or call.stage in ("running", "unsure", "doubt")
        return "doubt" if is_open else "left"

    def result(self, call: Call) -> Content | None:
        """What it gave back, late or in time; None where nobody knows."""
        return self._late.get(call.seq) or (call.result if call.complete == "complete" else None)


def _inherited(entries: Sequence[Entry]) -> int:
    """Up to where the writes of a fork are those of the run it was forked from: not its own, and not for it to undo."""
    opened = entries[0].event
    return opened.forked_from.call if isinstance(opened, RunOpened) and opened.forked_from else 0


def _step(writes: Writes, call: Call, tool: Tool[..., Any] | None, before: tuple[Fate, str] | None) -> Step:
    undo = tool.reversal if tool is not None else None
    can, why = _can(writes, call, undo, before)
    given: dict[str, Json] = {}
    result = writes.result(call)
    if can == "ready" and undo is not None and result is not None:
        args = call.args.value if isinstance(call.args.value, dict) else {}
        given = {undo.given[0]: result.value, **{name: args[name] for name in undo.given[1:] if name in args}}
        try:
            given = undo.takes.check(given)
        except Misfit as error:
            can, why = "irreversible", f"{undo.name} does not take what it gave back: {error}"
    fired = [rule for judged in call.judged for rule in judged.rules]
    return Step(
        call=call.seq, at=call.tried[-1].at, tool=call.tool, args=call.args.value, can=can,
        undo=undo.name if undo is not None else "", given=given, effect_id=call.effect_id, why=why,
        reviewed=tuple(dict.fromkeys(rule.rule for rule in fired if rule.rule.startswith(f"tools.{call.tool}.review["))),
    )  # fmt: skip


def _can(writes: Writes, call: Call, undo: Tool[..., Any] | None, before: tuple[Fate, str] | None) -> tuple[Can, str]:
    result = writes.result(call)
    if call.undone_by:
        return "undone", f"run {call.undone_by} took it back"
    if before is not None:
        fate, run = before
        return ("undone", f"run {run} took it back") if fate == "done" else ("doubt", f"run {run} left it in doubt")
    if writes.fate(call) == "simulated":
        return "nothing", "it was recorded and not carried out"
    if writes.fate(call) == "doubt":
        return "unknown", "nobody can tell whether it happened"
    if undo is None:
        return "irreversible", "nothing takes it back: its tool declares no undo"
    if result is None or result.erased:
        return "unknown", "what it gave back was erased" if result is not None else "what it gave back is not known"
    return "ready", ""
