"""A run that was run again, beside what it was: a diff for people, at a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.call_text import STYLES
from holdfast.cli.standing import COLOURS
from holdfast.events import Fired, Json, Verdict
from holdfast.views import words
from holdfast.views.again import Compared, Ended, Field, Verdicts
from holdfast.views.parting import Done, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

SAYS: Final = {"allow": "allowed", "review": "goes before a person", "refuse": "refused", None: "not judged"}
"""Verdict → what it means for a call."""

VALUE: Final = 200
"""Characters of a value."""


def text(found: Compared, took: int) -> Iterator[RenderableType]:
    """Everything that came out differently, and what did not change only where it places that."""
    yield from _head(found, took)
    yield Text()
    yield _end(found)
    yield from _fields(found.fields)
    if any(not row.same for row in found.rows):
        yield from _calls(found.rows)
    yield from _verdicts(found.verdicts)
    if found.unmatched:
        yield Text("\nnot in the record, and so not answered", style="bold red")
        for call in found.unmatched:
            yield Text(f"  {words.shortened(call, VALUE)}")
        yield Text("  --unmatched live really reads", style="dim")
    yield Text.assemble(
        ("\nas before" if found.as_before else "\nnot as before", "bold green" if found.as_before else "bold red")
    )


def _head(found: Compared, took: int) -> Iterator[RenderableType]:
    yield Text.assemble((found.again, "bold"), f" is {found.run} run again in {units.say_duration(took)}")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("  world", "reads from the record; writes recorded and not carried out")
    then, now = (words.listed(list(side.models)) or "no model" for side in (found.then, found.now))
    grid.add_row("  answered by", words.plain(now if then == now else f"{now}; then by {then}"))
    for change in found.contract:
        grid.add_row(f"  {change.path}", words.plain(change.said))
    if not found.contract:
        grid.add_row("  contract", "as it was, its models aside")
    yield grid


def _end(found: Compared) -> Text:
    then, now = found.then, found.now
    line = Text.assemble("ended  ", *_outcome(then))
    if (then.outcome, then.waits_for) != (now.outcome, now.waits_for):
        line.append_text(Text.assemble("  →  ", *_outcome(now)))
        for side, mark in ((then, "-"), (now, "+")):
            if side.why and side.outcome != "done":
                line.append(f"\n  {mark} {words.shortened(side.why, VALUE)}", "red" if mark == "-" else "green")
    return line


def _outcome(side: Ended) -> Sequence[tuple[str, str]]:
    waits = f" ({words.plain(words.listed(list(side.waits_for)))})" if side.waits_for else ""
    return [(f"{side.outcome}{waits}", f"bold {COLOURS.get(side.outcome, 'cyan')}")]


def _fields(fields: Sequence[Field]) -> Iterator[Text]:
    if fields:
        yield Text("output", style="bold")
    for field in fields:
        line = Text.assemble(
            f"  {words.plain(field.path) or 'value'}", (" (its own words)" if field.prose else "", "dim")
        )
        line.append(f"\n    - {_value(field.then)}", "red")
        line.append(f"\n    + {_value(field.now)}", "green")
        yield line


def _value(given: Json) -> str:
    return words.value(given, VALUE)


def _calls(rows: Sequence[Row]) -> Iterator[Text]:
    yield Text("calls", style="bold")
    for row in rows:
        if row.same and row.fork is not None:
            yield _call("  ", row.fork, "dim")
            continue
        if row.origin is not None:
            yield _call("- ", row.origin, "red")
        if row.fork is not None:
            yield _call("+ ", row.fork, "green")


def _call(mark: str, one: Done, style: str) -> Text:
    line = Text.assemble(
        (f"  {mark}{one.call}", style), "  ", (one.fate, STYLES.get(one.fate, "cyan")), (f"  [{one.seq}]", "dim")
    )
    if one.verdict not in (None, "allow") and one.because:
        line.append(f"\n      {words.shortened(one.because, VALUE)}", "dim")
    return line


def _verdicts(verdicts: Sequence[Verdicts]) -> Iterator[Text]:
    if verdicts:
        yield Text("verdicts of the contract", style="bold")
    for one in verdicts:
        line = Text.assemble(f"  {one.call}  ", *_said(one.then, one.now))
        if not one.again:
            line.append("  (it was not made again; of the recorded one)", "dim")
        for rules, mark, style in ((one.silent, "-", "red"), (one.fired, "+", "green")):
            for fired in rules:
                line.append(f"\n    {mark} {_rule(fired)}", style)
        yield line


def _said(then: Verdict | None, now: Verdict | None) -> Sequence[tuple[str, str]]:
    if then == now:
        return [(SAYS[now], "dim"), ("", "")]
    return [(f"{SAYS[then]} → {SAYS[now]}", "yellow")]


def _rule(fired: Fired) -> str:
    return f"{words.plain(fired.rule)}: {words.shortened(fired.because, VALUE)}"
