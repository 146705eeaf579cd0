"""Two contracts side by side, and a backtest, as text at a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli import out
from holdfast.cli.diff import Compared
from holdfast.views import words
from holdfast.views.backtest import CHANGES, Call, Cause, Tested, causes
from holdfast.views.contract_diff import Change, counted
from holdfast.views.review_load import Reviewing, load_of

if TYPE_CHECKING:
    from rich.console import RenderableType

_SIGNS: Final = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_STYLES: Final = {"refused": "red", "reviewed": "yellow", "allowed": "green"}
_VERDICTS: Final = {"allow": "allowed", "review": "reviewed", "refuse": "refused"}

TOP: Final = 12
"""Rules of one kind that are shown."""


def text(found: Compared) -> list[RenderableType]:
    """Everything there is to say."""
    one, other = found.one.contract, found.other.contract
    names = one.name if one.name == other.name else f"{one.name} and {other.name}"
    parts: list[RenderableType] = [
        Text.assemble((names, "bold"), f"  {one.digest[:12]} → {other.digest[:12]}: {counted(found.changes)}")
    ]
    for change in found.changes:
        parts += of_change(change)
    if found.tested is not None:
        parts += of_tested(found.tested, one.name)
    return parts


def of_change(change: Change) -> Iterator[RenderableType]:
    """A change on one line, or on two where it is long."""
    sign, style = _SIGNS[change.kind]
    head, said = (f"{sign} {change.path}", style), words.plain(change.said)
    if len(change.path) + len(said) <= out.WIDTH - 8:
        yield Padding(Text.assemble(head, f"  {said}"), (0, 0, 0, 2))
        return
    yield Padding(Text.assemble(head), (0, 0, 0, 2))
    yield Padding(Text(said), (0, 0, 0, 6))


# --------------------------------------------------------------------------------------------------------- backtest


def of_tested(found: Tested, agent: str) -> Iterator[RenderableType]:
    """What a backtest came to."""
    yield Text()
    if not found.runs:
        yield Text(f"no runs of {agent} like that")
        return
    yield Text.assemble(("Judged again", "bold"), f"  {_what(found, agent)}")
    if found.calls:
        yield _counts(found)
    for change in CHANGES:
        calls = found.newly(change)
        if calls:
            yield Text()
            yield Text(f"newly {change}", style=f"bold {_STYLES[change]}")
            ranked = causes(calls, change)
            for cause in ranked[:TOP]:
                yield from _cause(cause)
            if len(ranked) > TOP:
                yield Padding(Text(f"and {words.count(len(ranked) - TOP, 'more rule')}; --json has them"), (0, 0, 0, 2))
    yield from _others(found)
    yield from _people(found)
    yield from _unknown(found)


def _what(found: Tested, agent: str) -> str:
    calls, runs = words.count(found.calls, "call"), words.count(found.runs, "run")
    under = "all" if found.own == found.runs else f"{found.own:,}" if found.own else "none"
    days = f"{units.say_at(found.first)} to {units.say_at(found.last)}"
    return f"{calls} of {runs} of {agent}, {days}; {under} of them under the first contract itself"


def _counts(found: Tested) -> RenderableType:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), header_style="bold")
    made.add_column("")
    for name in ("first", "second", "newly", "share"):
        made.add_column(name, justify="right")
    for verdict, change in zip(("refuse", "review", "allow"), CHANGES, strict=True):
        many = len(found.newly(change))
        made.add_row(
            change, *(f"{verdicts.get(verdict, 0):,}" for verdicts in found.verdicts),
            Text(f"{many:,}", style=_STYLES[change] if many else ""), share(many, found.calls),
        )  # fmt: skip
    return made


def share(part: int, whole: int) -> str:
    """A share in percent, exact zero apart from little."""
    if not part or not whole:
        return "0 %"
    percent = 100 * part / whole
    return "<0.1 %" if percent < 0.1 else f"{percent:.1f} %"


def _cause(cause: Cause) -> Iterator[RenderableType]:
    because = f"  {words.plain(cause.because)}" if cause.because else ""
    rule = cause.rule.removeprefix(f"tools.{cause.tool}.")
    yield Padding(
        Text.assemble((cause.tool, "bold"), f"  {words.count(cause.calls, 'call')}", because, (f"  {rule}", "dim")),
        (0, 0, 0, 2),
    )
    for call in cause.examples:
        yield Padding(
            Text.assemble((f"run {call.run}, entry {call.seq}", "dim"), f"  {_told(call, cause)}"), (0, 0, 0, 4)
        )


def _told(call: Call, cause: Cause) -> str:
    """What became of it then and now; its rule's words where they are about this call alone."""
    own = next((fired.because for fired in call.after.rules if fired.rule == cause.rule), "")
    became = f"{_VERDICTS[call.before.verdict]} becomes {_VERDICTS[call.after.verdict]}"
    return became if not own or own == cause.because else f"{became}: {words.shortened(own, 160)}"


def _others(found: Tested) -> Iterator[RenderableType]:
    asked = [call for call in found.differing if call.change is None and not call.later]
    if asked:
        yield Text()
        examples = ", ".join(f"{call.run} entry {call.seq}" for call in asked[:3])
        yield Text(f"{words.count(len(asked), 'call')} would be put before others than now: {examples}")
    for limit, runs in found.limits.items():
        yield Text(f"{words.count(runs, 'run')} used more {limit} than the second contract allows")


# ----------------------------------------------------------------------------------------------------------- people


def _people(found: Tested) -> Iterator[RenderableType]:
    one, other = load_of(found)
    if not (one.most or other.most):
        return
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), header_style="bold")
    for name in ("reviews", "first", "second"):
        made.add_column(name, justify="left" if name == "reviews" else "right")
    made.add_row("calls that go before somebody", _range(one.calls, one.most), _range(other.calls, other.most))
    made.add_row(
        "per 100 runs", *(_range(each.per_100_runs or 0, each.most_per_100_runs or 0) for each in (one, other))
    )
    if one.per_day is not None:
        made.add_row(
            "per day, as they were opened",
            *(_range(each.per_day or 0, each.most_per_day or 0) for each in (one, other)),
        )
    for role in sorted({*one.most_by_role, *other.most_by_role}):
        made.add_row(f"  by {role or 'anybody'}", *(_of_role(each, role) for each in (one, other)))
    yield Text()
    yield made
    if one.per_day is None:
        yield Padding(Text("per day: the runs were opened too close together to say", style="dim"), (0, 0, 0, 2))


def _of_role(load: Reviewing, role: str) -> str:
    return _range(load.by_role.get(role, 0), load.most_by_role.get(role, 0))


def _range(least: float, most: float) -> str:
    """A figure of the calls that count, and what it is at most where those after them are taken as recorded."""
    low, high = _number(least), _number(most)
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _unknown(found: Tested) -> Iterator[RenderableType]:
    lines = []
    if found.later:
        lines.append(
            f"In {words.count(found.stopped, 'run')} something goes otherwise, and what follows it cannot be known:"
            f" {words.count(found.later, 'call')} stand{'s' if found.later == 1 else ''} after it. They are in no share;"
            " the second figure of a range takes them as recorded."
        )
    if found.beside:
        many = words.count(found.beside, "call was", "calls were")
        lines.append(f"{many} answered before any contract was asked (order, an unheard message, the run's end).")
    lines += [
        f"Of {words.count(many, 'call')} what other runs held of a limit over all runs is taken {how}."
        for how, many in found.others.items()
    ]
    lines += [f"{words.count(many, 'call')} could not be judged: {why}." for why, many in found.unjudged.items()]
    lines += [f"{words.count(many, 'run')} could not be read to the end: {why}." for why, many in found.unread.items()]
    if lines:
        yield Text()
        yield from (Text(words.plain(line)) for line in lines)
