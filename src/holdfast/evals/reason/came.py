"""What a run came to, as a decision sees it: the word for what was done, the value that was decided, and where that stands.

    came(entries, decision)            of the whole run
    came(entries, decision, after=12)  of what it did from entry 13 on, as of a fork's own part

A pure function of entries. A tool that was asked for has been decided on, whether or not the contract let it through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from holdfast.codec import canonical, plain
from holdfast.evals.grading.values import fits
from holdfast.evals.reason.decision import DENY, Decision
from holdfast.evals.trials.rightly import WHY
from holdfast.events import CancelAsked, Entry, Json
from holdfast.views import record, words
from holdfast.views.detectors.finding import leaf
from holdfast.views.record import Call, Trace
from holdfast.views.trace import trace

BY: Final = WHY
"""Who forks, and ends a fork whose arm is known."""

UNDECIDED: Final = frozenset({"stopped", "failed", "cancelled", "waiting", "held"})
"""Words for a run in which nothing was decided."""


class Came(Struct, frozen=True):
    """What a run came to."""

    word: str
    """The tool that was asked for; done, decline, escalate, ask; or held, waiting, stopped, failed, cancelled."""
    value: Json = None
    """The arguments that count, or the field of the output."""
    seq: int = 0
    """The entry that shows it."""
    ask: int = 0
    """The request to a model whose answer decided."""

    def same(self, other: Came) -> bool:
        """Whether another run came to the same."""
        return (self.word, canonical(plain(self.value))) == (other.word, canonical(plain(other.value)))

    def is_as(self, expected: Json) -> bool:
        """Whether this is what was expected: a word, a value or a part of one, or one of a list of such."""
        if isinstance(expected, list):
            return any(self.is_as(one) for one in expected)
        if expected == DENY and self.word in ("done", "decline"):
            return True
        return self.word == expected or (self.value is not None and fits(expected, self.value))

    @property
    def text(self) -> str:
        """In a few words."""
        return self.word if self.value is None else f"{self.word} {words.value(self.value, 60)}"


def whole(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries up to where a fork was ended because its arm was known."""
    for at, entry in enumerate(entries):
        if isinstance(entry.event, CancelAsked) and entry.event.by == BY:
            return entries[:at]
    return entries


def came(entries: Sequence[Entry], decision: Decision, after: int = 0) -> Came:
    """What a run came to, by what its model did after entry `after`."""
    seen = trace(whole(entries))
    if decision.tool:
        called = [
            one for one in seen.calls.values() if one.tool == decision.tool and one.seq > after and not one.serves
        ]
        if called:
            first = min(called, key=lambda one: one.seq)
            return Came(first.tool, _given(first, decision.args), first.seq, first.manifest)
    word, seq = _ended(seen)
    value = None
    if decision.output and word == "done" and seen.end is not None and seen.end.output is not None:
        value = leaf(seen.end.output.value, decision.output)
    return Came(word, value, seq, _last_asked(seen))


def _given(call: Call, names: Sequence[str]) -> Json:
    given = call.args.value if isinstance(call.args.value, dict) else {}
    return {name: given.get(name) for name in names} if names else None


def arguments(entries: Sequence[Entry], found: Came) -> Json:
    """All arguments of the call that decided, or the output that was stated."""
    seen = trace(whole(entries))
    call = seen.calls.get(found.seq)
    if call is not None:
        return call.args.value
    return seen.end.output.value if seen.end is not None and seen.end.output is not None else None


def _ended(seen: Trace) -> tuple[str, int]:
    """How a run ended, or what it waits for, in a word."""
    if seen.end is not None:
        word = {"declined": "decline", "escalated": "escalate"}.get(seen.end.outcome, seen.end.outcome)
        return word, seen.end.seq
    asking = next((one for one in seen.open_questions if one.about == "question"), None)
    if asking is not None:
        return ("ask" if asking.role == "requester" else "escalate"), asking.seq
    held = next(iter(seen.open_questions), None)
    if held is not None:
        return "held", held.seq
    last = seen.items[-1] if seen.items else None
    if isinstance(last, record.Said) and not last.to_agent:
        return "ask", last.seq
    return "waiting", seen.seq


def _last_asked(seen: Trace) -> int:
    """The request that the last answer answers."""
    turns = [one for one in seen.items if isinstance(one, record.Turn) and one.answered]
    return max((one.seq for turn in turns for one in turn.asked if one.state == "answered"), default=0)
