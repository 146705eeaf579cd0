"""A run with the runs it opened, and those that they opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from holdfast.views import places, words
from holdfast.views.record import Call, Trace
from holdfast.views.totals import Totals


class Family(Struct, frozen=True):
    """A trace, and those of its children by the call that each answers."""

    seen: Trace
    children: dict[int, Family] = {}
    missing: tuple[str, ...] = ()
    """Children that are not here: too deep, too many, or not opened yet."""

    def below(self) -> Iterator[Trace]:
        """The traces of all runs below this one."""
        for child in self.children.values():
            yield child.seen
            yield from child.below()

    @property
    def whole(self) -> bool:
        """Whether every run below is here."""
        return not self.missing and all(child.whole for child in self.children.values())

    @property
    def totals(self) -> Totals:
        """What this run and those below it that are here used up, each by itself, together."""
        every = [one.totals for one in (self.seen, *self.below())]
        names = ("steps", "nusd", "unsettled", "reserved", "unpriced", "input", "output", "work", "opened")
        return Totals(**{name: sum(getattr(one, name) for one in every) for name in names})

    def waits(self, call: Call) -> str:
        """For whom the run waits that a call opened, as far as it is here: `finance has to decide there`; empty for nobody."""
        child = self.children.get(call.seq)
        if child is None or child.seen.end is not None:
            return ""
        return child.stands("there")

    def stands(self, where: str) -> str:
        """For whom this run waits, or one below it; empty for nobody."""
        seen = self.seen
        for question in seen.open_questions:
            name = "the requester" if question.role == "requester" else question.role or "a person"
            verb = "answer" if question.about == "question" else "decide"
            return f"{name} has to {verb} {where}"
        if seen.halted:
            return f"a stop has to be over {where}"
        if seen.paused:
            return f"it was stopped for now {where}"
        if awaits := seen.awaits:
            return f"{_awaited(awaits[0])} {where}"
        for seq, child in self.children.items():
            if seen.calls[seq].stage == "running" and (told := child.stands(f"in {child.seen.run}")):
                return told
        return ""


def _awaited(one: places.Waited) -> str:
    """What has to happen before something goes on that waits for other runs, or for a stop to be over."""
    if one.clause == places.STOP:
        return "a stop has to be over"
    return f"{places.on(one)} has to end" if one.clause == places.TURN else f"{places.on(one)} has to be free"


def family_of(seen: Trace, traces: Mapping[str, Trace]) -> Family:
    """A run with those below it that are among these traces, by name."""
    children: dict[int, Family] = {}
    missing: list[str] = []
    for call in seen.calls.values():
        if call.child in traces and call.child != seen.run:
            children[call.seq] = family_of(traces[call.child], traces)
        elif call.child:
            missing.append(call.child)
    return Family(seen, children, tuple(missing))


def fate(family: Family, call: Call) -> str:
    """What became of a call, in a word or two, with whom the run waits for that it opened."""
    told = family.waits(call) if call.stage == "running" and call.child else ""
    return f"{words.fate(call)} ({told})" if told else words.fate(call)
