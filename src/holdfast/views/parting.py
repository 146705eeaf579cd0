"""Where two runs part: what a run did after an entry, beside what a fork of it did from there.

    found = parting(origin_entries, fork_entries)
    found.changes      what is otherwise in the fork: model, instructions, contract, results
    found.rows         calls of both, side by side, alike ones in one row

What the fork inherited is in neither side, and what it cost the run it was forked from is in neither sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

from msgspec import Struct

from holdfast.codec import canonical
from holdfast.core.fork import begun
from holdfast.core.provenance import leaves
from holdfast.errors import UsageError
from holdfast.events import CallAsked, CallJudged, CallReturned, ContractAdopted, Entry, Json, RunOpened, Verdict
from holdfast.views import words
from holdfast.views.record import Call, Content, End, Trace, content
from holdfast.views.totals import Totals
from holdfast.views.trace import trace


class Change(Struct, frozen=True, omit_defaults=True):
    """One thing that is otherwise in the fork."""

    what: str
    """`models`, `instructions`, another key of the contract, or the tool whose result was edited."""
    before: str
    after: str
    seq: int = 0
    """The entry whose result was edited."""
    by: str = ""


class Done(Struct, frozen=True, omit_defaults=True):
    """One call of one of the two."""

    seq: int
    call: str
    """As one writes it down."""
    effect: str
    verdict: Verdict | None
    """The first; None where it was not judged."""
    fate: str
    because: str = ""
    """Why it was not simply let through."""


class Row(Struct, frozen=True, omit_defaults=True):
    """Two calls beside each other."""

    origin: Done | None
    fork: Done | None
    same: bool
    """The same call, judged alike, with the same end."""


class Side(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one of the two came to, from the fork point on."""

    run: str
    outcome: str
    """Empty while it is open."""
    reason: str = ""
    output: Content | None = None
    steps: int = 0
    nusd: int = 0
    """Charged from there on; with what is unsettled."""
    unpriced: int = 0
    """Answers in that whose cost nobody knows."""
    models: tuple[str, ...] = ()
    """Those that were asked."""


class Parting(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fork beside the run it was forked from."""

    at: int
    """The last entry that both have."""
    by: str
    live: tuple[str, ...] = ()
    """Tools whose writes the fork carries out."""
    closed: tuple[str, ...] = ()
    """Tools of the calls that were under way at the fork point: in the fork they end there."""
    changes: tuple[Change, ...] = ()
    rows: tuple[Row, ...] = ()
    origin: Side
    fork: Side

    @property
    def parts(self) -> int | None:
        """The place in `rows` of the first that is not the same; None: they did the same."""
        return next((place for place, row in enumerate(self.rows) if not row.same), None)


def parting(origin: Sequence[Entry], fork: Sequence[Entry]) -> Parting:
    """Compare a fork with the run it was forked from. Raises UsageError where it is no fork of that run."""
    opened = fork[0].event if fork else None
    if not isinstance(opened, RunOpened) or opened.forked_from is None:
        raise UsageError("that is no fork", run=fork[0].run if fork else "")
    at = opened.forked_from.call
    if not origin or origin[0].run != opened.forked_from.run or len(origin) < at:
        raise UsageError(f"it was forked from run {opened.forked_from.run}, entry {at}", run=fork[0].run)
    before, own = trace(origin[:at]), begun(fork)
    closing = [one.event.call for one in fork[at:own] if isinstance(one.event, CallJudged)]
    one, two = trace(origin), trace(fork)
    return Parting(
        at=at,
        by=opened.forked_by[-1],
        live=opened.live,
        closed=tuple(before.calls[seq].tool for seq in closing if seq in before.calls),
        changes=tuple(changes(origin, fork)),
        rows=tuple(_rows(_done(one, before), _done(two, before))),
        origin=_side(one, before.totals, at),
        fork=_side(two, trace(fork[:own]).totals, own),
    )


# ------------------------------------------------------------------------------------------------- what is otherwise


def changes(origin: Sequence[Entry], fork: Sequence[Entry]) -> Iterator[Change]:
    """What the fork has otherwise than the run it was forked from, as its own journal says it."""
    own = begun(fork)
    yield from _adopted(origin, fork[:own])
    for entry, was in zip(fork[:own], origin, strict=False):
        event, old = entry.event, was.event
        if isinstance(event, CallReturned) and isinstance(old, CallReturned) and event.edited:
            asked = fork[event.call - 1].event
            tool = asked.tool if isinstance(asked, CallAsked) else "a call"
            before, after = _apart(content(old.result), content(event.result))
            if (before, old.edited) != (after, event.edited):
                yield Change(tool, before, after, entry.seq, event.edited)


def _apart(one: Content | None, two: Content | None) -> tuple[str, str]:
    """Two values in words; of two objects or lists only what is not the same in both."""
    values = [side.value if side is not None else None for side in (one, two)]
    if not all(isinstance(value, dict | list) for value in values):
        return words.said(one, LONG), words.said(two, LONG)
    sides = [dict(leaves(value)) for value in values]
    paths = [path for path in {**sides[0], **sides[1]} if any(path not in side for side in sides)]
    paths += [path for path in sides[0] if path in sides[1] and sides[0][path] != sides[1][path]]
    texts = [", ".join(f"{path}={words.value(side[path])}" for path in paths if path in side) for side in sides]
    return words.shortened(texts[0], LONG), words.shortened(texts[1], LONG)


LONG: Final = 300
"""Characters of a value that was edited."""


def _adopted(origin: Sequence[Entry], begun: Sequence[Entry]) -> Iterator[Change]:
    """What is otherwise in the contract that the fork goes on under."""
    opened = begun[0].event
    at = opened.forked_from.call if isinstance(opened, RunOpened) and opened.forked_from is not None else 0
    for entry in begun[at:]:
        if isinstance(entry.event, ContractAdopted):
            now = content(entry.event.contract)
            yield from _terms(trace(origin[:at]).contract, now.value if now is not None else None)


def _terms(before: Json, after: Json) -> Iterator[Change]:
    """What is otherwise in a contract, key by key; of its tools, tool by tool."""
    before, after = before or {}, after or {}
    first = ("models", "instructions")
    rest = sorted({key for key in (*before, *after) if key not in first and before.get(key) != after.get(key)})
    for key in (*(key for key in first if before.get(key) != after.get(key)), *rest):
        one, two = before.get(key), after.get(key)
        if key == "tools":
            yield from _tools(one or {}, two or {})
        elif key == "models":
            yield Change(key, ", ".join(one or ()), ", ".join(two or ()))
        else:
            yield Change(key, words.words(one, LONG), words.words(two, LONG))


def _tools(before: Json, after: Json) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        one, two = before.get(name), after.get(name)
        if one is None or two is None:
            yield Change(
                f"tools.{name}",
                "there" if one is not None else "not there",
                "there" if two is not None else "not there",
            )
        elif one != two:
            for key in sorted(key for key in {*one, *two} if one.get(key) != two.get(key)):
                yield Change(f"tools.{name}.{key}", words.value(one.get(key), LONG), words.value(two.get(key), LONG))


# -------------------------------------------------------------------------------------------------- what they did


def _done(seen: Trace, before: Trace) -> list[tuple[bytes, Done]]:
    """The calls of one side: those asked for since, and those that had no answer at the fork point; each with what it asks."""
    open_then = {seq for seq, call in before.calls.items() if not call.answered}
    mine = [call for seq, call in seen.calls.items() if seq > before.seq or seq in open_then]
    return [(canonical([call.tool, call.args.value]), _one(call)) for call in mine if not call.serves]


def beside(one: Trace, two: Trace) -> tuple[Row, ...]:
    """The calls of two whole runs in their order, side by side, alike ones in one row."""
    return tuple(_rows(*([(canonical([call.tool, call.args.value]), _one(call)) for call in seen.calls.values() if not call.serves]
                         for seen in (one, two))))  # fmt: skip


def _one(call: Call) -> Done:
    first = call.judged[0].verdict if call.judged else None
    held = [fired.because for judged in call.judged for fired in judged.rules if fired.verdict != "allow"]
    return Done(call.seq, words.called(call, 120), call.effect, first, words.fate(call), held[0] if held else "")


def _rows(origin: list[tuple[bytes, Done]], fork: list[tuple[bytes, Done]]) -> Iterator[Row]:
    """Both in their order, the same calls beside each other."""
    matched = SequenceMatcher(None, [key for key, _ in origin], [key for key, _ in fork], autojunk=False)
    for _, a, b, c, d in matched.get_opcodes():
        for one, two in zip_longest(origin[a:b], fork[c:d]):
            left, right = one[1] if one else None, two[1] if two else None
            yield Row(left, right, one is not None and two is not None and one[0] == two[0] and _alike(one[1], two[1]))


def _alike(one: Done, two: Done) -> bool:
    """Whether a call was judged alike and came to the same; that a fork only records its writes is no difference."""
    fates = ["done" if side.fate == "simulated" else side.fate for side in (one, two)]
    return (one.verdict, one.because) == (two.verdict, two.because) and fates[0] == fates[1]


def _side(seen: Trace, before: Totals, after: int) -> Side:
    end: End | None = seen.end
    totals = seen.totals
    asked = (one.model for item in seen.items for one in getattr(item, "asked", ()) if one.seq > after)
    return Side(
        run=seen.run,
        outcome=end.outcome if end is not None else "",
        reason=end.reason if end is not None else "",
        output=end.output if end is not None else None,
        steps=totals.steps - before.steps,
        nusd=totals.charged - (before.charged - before.reserved),
        unpriced=totals.unpriced - before.unpriced,
        models=tuple(dict.fromkeys(asked)),
    )
