"""A run beside the one whose input it was given again: what came out differently.

found = compared(origin_entries, again_entries)
found.as_before    it ended as before
found.fields       of the output, what is otherwise
found.rows         calls of both, side by side, alike ones in one row
found.verdicts     where the contract says something else of the same call, and by which rule
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from holdfast.codec import canonical
from holdfast.contract import Contract
from holdfast.core.provenance import leaves
from holdfast.errors import ContractError
from holdfast.events import Entry, Fired, Json, Verdict
from holdfast.views import words
from holdfast.views.backtest import Tested
from holdfast.views.contract_diff import Change, differences
from holdfast.views.parting import Row, beside
from holdfast.views.record import Call, Content, Trace
from holdfast.views.trace import trace

PROSE: Final = 4
"""Words from which on a text is in words of the model's own, and need not be the same another time."""


class Ended(Struct, frozen=True, omit_defaults=True):
    """How one of the two ended, or what it waits for."""

    outcome: str
    """`waiting` while it is open."""
    why: str = ""
    waits_for: tuple[str, ...] = ()
    """What is asked, and of whom: `review for office`."""
    output: Content | None = None
    models: tuple[str, ...] = ()
    """Those that were asked."""


class Field(Struct, frozen=True, omit_defaults=True):
    """One leaf of the output that is otherwise; None where it is not there."""

    path: str
    then: Json
    now: Json
    prose: bool = False
    """Both are words of the model's own: that they differ says nothing."""


class Verdicts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call of which the contract says something else now."""

    call: str
    """As one writes it down."""
    seq: int
    """In the run that was run again."""
    again: int = 0
    """In the new run; 0: it was not made there, and today's contract would say so of the recorded one."""
    then: Verdict | None
    now: Verdict | None
    fired: tuple[Fired, ...] = ()
    """Rules that fire now and did not then."""
    silent: tuple[Fired, ...] = ()
    """Rules that fired then and do not now."""


class Compared(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run beside the one it was run again from."""

    run: str
    again: str
    then: Ended
    now: Ended
    contract: tuple[Change, ...] = ()
    """What is otherwise in today's contract; the models aside."""
    fields: tuple[Field, ...] = ()
    rows: tuple[Row, ...] = ()
    verdicts: tuple[Verdicts, ...] = ()
    unmatched: tuple[str, ...] = ()
    """Calls that the record holds no answer to."""

    @property
    def as_before(self) -> bool:
        """Whether it ended as before: the same outcome and output, but for words of the model's own; nothing was lacking."""
        same = (self.then.outcome, self.then.waits_for) == (self.now.outcome, self.now.waits_for)
        return same and not self.unmatched and all(field.prose for field in self.fields)


def compared(
    origin: Sequence[Entry], again: Sequence[Entry], *, tested: Tested | None = None, unmatched: Sequence[str] = ()
) -> Compared:
    """Compare two runs of one input. tested: the recorded calls, judged under both contracts; see `backtest`.

    unmatched: calls that the record held no answer to, as whoever ran it again knows them.
    """
    one, two = trace(origin), trace(again)
    return Compared(
        run=one.run, again=two.run, then=_ended(one), now=_ended(two), contract=tuple(_contracts(one, two)),
        fields=tuple(_fields(one, two)), rows=beside(one, two), verdicts=tuple(_verdicts(one, two, tested)),
        unmatched=tuple(unmatched),
    )  # fmt: skip


def _ended(seen: Trace) -> Ended:
    asked = (one.model for item in seen.items for one in getattr(item, "asked", ()))
    models = tuple(dict.fromkeys(asked))
    if seen.end is not None:
        return Ended(seen.end.outcome, seen.end.reason, (), seen.end.output, models)
    waits = tuple(f"{one.about} for {one.role or 'a person'}" for one in seen.open_questions)
    return Ended("waiting", "", waits, None, models)


def _contracts(one: Trace, two: Trace) -> Iterator[Change]:
    try:
        before, after = (Contract.parse(seen.contract) for seen in (one, two))
    except ContractError:  # one of them is gone, or of another version
        return
    yield from (change for change in differences(before, after) if change.path != "models")


def _fields(one: Trace, two: Trace) -> Iterator[Field]:
    """Where both gave an output, the leaves in which it differs."""
    sides = [_leaves(seen.end.output) if seen.end is not None else {} for seen in (one, two)]
    if not all(sides):
        return
    for path in dict.fromkeys((*sides[0], *sides[1])):
        then, now = sides[0].get(path), sides[1].get(path)
        if then != now or (path in sides[0]) != (path in sides[1]):
            yield Field(path, then, now, _is_prose(then) and _is_prose(now))


def _leaves(output: Content | None) -> dict[str, Json]:
    if output is None or output.value is None:
        return {}
    return dict(leaves(output.value)) if isinstance(output.value, dict | list) else {"": output.value}


def _is_prose(value: Json) -> bool:
    return isinstance(value, str) and len(value.split()) >= PROSE


# ---------------------------------------------------------------------------------------------------- what was judged


def _verdicts(one: Trace, two: Trace, tested: Tested | None) -> Iterator[Verdicts]:
    mine, its = _by_what(one), _by_what(two)
    paired = set()
    for key, calls in mine.items():
        for before, after in zip(calls, its.get(key, ()), strict=False):
            paired.add(before.seq)
            fired, silent = _apart(_rules(before), _rules(after))
            then, now = _first(before), _first(after)
            if fired or silent or then != now:
                yield Verdicts(
                    call=words.called(before, 120), seq=before.seq, again=after.seq, then=then, now=now, fired=fired, silent=silent
                )  # fmt: skip
    for judged in tested.differing if tested is not None else ():
        call = one.calls.get(judged.seq)
        if call is not None and judged.seq not in paired:
            fired, silent = _apart(judged.before.rules, judged.after.rules)
            yield Verdicts(
                call=words.called(call, 120), seq=call.seq, then=judged.before.verdict, now=judged.after.verdict, fired=fired,
                silent=silent,
            )  # fmt: skip


def _by_what(seen: Trace) -> dict[bytes, list[Call]]:
    """The calls of a run that were judged, by what they ask for."""
    found: dict[bytes, list[Call]] = {}
    for call in seen.calls.values():
        if call.judged and not call.serves:
            found.setdefault(canonical([call.tool, call.args.value]), []).append(call)
    return found


def _first(call: Call) -> Verdict:
    return call.judged[0].verdict


def _rules(call: Call) -> tuple[Fired, ...]:
    return tuple(fired for fired in call.judged[0].rules if fired.verdict != "allow")


def _apart(then: Sequence[Fired], now: Sequence[Fired]) -> tuple[tuple[Fired, ...], tuple[Fired, ...]]:
    """(rules that fire now only, rules that fired then only). A rule is known by its reason too: places shift."""

    def known(rules: Sequence[Fired]) -> set[tuple[str, str]]:
        return {(one.verdict, one.because) for one in rules}

    both = known(then) & known(now)
    return tuple(tuple(one for one in rules if (one.verdict, one.because) not in both) for rules in (now, then))  # type: ignore[return-value]  # two of them
