"""A run tree as one talk: what each agent said, what it asked other agents for, and what came back, in order.

    turns(trace, {child.run: child, ...})

A request to a child run stands where its call does, and is followed by all that the child did and what it came back
with. Words of erased bodies are empty. Of a child that is not at hand there is what it came back with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from holdfast.views import words
from holdfast.views.blame import Spoken
from holdfast.views.record import Call, Content, Said, Trace, Turn

DEEPEST = 16
"""Runs below each other; deeper ones are left out."""


def turns(seen: Trace, below: Mapping[str, Trace]) -> list[Spoken]:
    """The turns of a run and of the runs below it; below: their traces by name."""
    opening = Spoken(seen.by or "requester", _text(seen.input), "given", seen.run, 1)
    return [opening, *_within(seen, below, DEEPEST)]


def agents(found: list[Spoken]) -> list[str]:
    """Whoever spoke and is neither a tool nor the requester, in the order they came in."""
    return list(dict.fromkeys(turn.speaker for turn in found if turn.kind in ("says", "asks", "thinks")))


def _within(seen: Trace, below: Mapping[str, Trace], depth: int) -> Iterator[Spoken]:
    for item in seen.items:
        if isinstance(item, Said):
            who = seen.agent if not item.to_agent else item.by
            yield Spoken(who, _text(item.text), "given" if item.to_agent else "says", seen.run, item.seq)
        elif isinstance(item, Turn):
            calls = [seen.calls[seq] for seq in item.calls if seq in seen.calls]
            asks = any(call.child for call in calls)
            if text := _text(item.text):
                yield Spoken(seen.agent, text, "thinks" if asks else "says", seen.run, item.answered or item.seq)
            for call in calls:
                yield from _call(seen, call, below, depth)


def _call(seen: Trace, call: Call, below: Mapping[str, Trace], depth: int) -> Iterator[Spoken]:
    if not call.child:
        yield Spoken(call.tool, _text(call.result) or call.told, "output", seen.run, call.answered or call.seq)
        return
    yield Spoken(seen.agent, _text(call.args), "asks", seen.run, call.seq, call.child)
    child = below.get(call.child)
    if child is None and (came := _text(call.result) or call.told):  # what it did is not at hand
        agent = call.delegated.agent if call.delegated is not None else call.tool
        yield Spoken(agent, came, "says", call.child)
    if child is not None and depth:
        yield from _within(child, below, depth - 1)
        if child.end is not None:
            came = _text(child.end.output) or f"{child.end.outcome}: {child.end.reason}"
            yield Spoken(child.agent, came, "says", child.run, child.end.seq)


def _text(content: Content | None) -> str:
    if content is None or content.erased or content.value is None:
        return ""
    value = content.value
    return value if isinstance(value, str) else words.value(value, 4000)
