"""What accepting a contract changes, and what was accepted, as text at a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli import diff_text
from holdfast.cli.accept import NEWEST, Accepted, Order
from holdfast.views import words
from holdfast.views.contract_diff import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.cli.accept_list import Went
    from holdfast.cli.accept_runs import Taken


def text(found: Accepted, order: Order) -> Iterator[RenderableType]:
    """What differs, what the recorded runs say of it, and what came of it."""
    name = words.plain(found.agent)
    if not found.before:
        yield Text.assemble(
            (name, "bold"), f"  {found.contract[:12]}: no run of it is recorded, and nothing was accepted"
        )
    elif found.before == found.contract:
        yield Text.assemble((name, "bold"), f"  {found.contract[:12]}: the contract that new runs begin under now")
    else:
        head = f"  {found.before[:12]} → {found.contract[:12]}: {counted(found.changes)}"
        yield Text.assemble((name, "bold"), head)
        for change in found.changes:
            yield from diff_text.of_change(change)
    if found.tested is not None:
        yield from diff_text.of_tested(found.tested, name)
        if found.tested.runs == NEWEST:
            yield Text(f"the newest {NEWEST} runs; holdfast diff --backtest looks at all of them", style="dim")
    yield Text()
    if found.entry:
        which = "new runs" if found.share == 100 else f"{found.share} % of the new runs"
        yield Text(
            f"{which} of {name} begin under {found.contract[:12]} (control entry {found.entry}, by {words.plain(found.by)})"
        )
        yield Text("open runs go on under the contracts that they have; --run and --waiting put them under it")
    if found.note:
        yield Text(words.plain(found.note), style="yellow")
    yield Text(f"next: holdfast accept {words.plain(order.where)} --list")


def went(agent: str, every: Sequence[Went]) -> Iterator[RenderableType]:
    """One line a contract: since when and for how many it holds, and how its runs went."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("contract", no_wrap=True)
    made.add_column("new runs", no_wrap=True)
    for name in ("runs", "open", "done", "declined", "other"):
        made.add_column(name, justify="right", no_wrap=True)
    for name in ("reviews a run", "USD a run"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("accepted", overflow="fold")
    for one in every:
        made.add_row(
            one.contract[:16], f"{one.share} %" if one.share else "", str(one.runs), str(one.open), *_ends(one),
            _each(one.reviews, one.read), units.say_usd(one.nusd // one.runs) if one.runs else "", _when(one),
        )  # fmt: skip
    yield Text(words.plain(agent), style="bold")
    yield made
    for one in every:
        if one.scripted:
            names = ", ".join(one.named)
            yield Text(
                f"{one.contract[:16]}: a stand-in answered in {one.scripted} of its runs; --where contract= takes {names}"
            )


def _ends(one: Went) -> list[str]:
    done, declined = (one.outcomes.get(name, 0) for name in ("done", "declined"))
    return [str(done), str(declined), str(sum(one.outcomes.values()) - done - declined)]


def _each(count: int, runs: int) -> str:
    return f"{count / runs:.2f}" if runs else ""


def _when(one: Went) -> str:
    return f"{units.say_at(one.at)[:16]} by {words.plain(one.by)}" if one.by else "by nobody: it was there"


def taken(every: Sequence[Taken], order: Order) -> Iterator[RenderableType]:
    """Of each run what it would have done otherwise, and whether it goes on under the contract."""
    for one in every:
        if one.refused:
            yield Text.assemble((one.run, "bold"), ("  stays as it is: ", "yellow"), words.plain(one.refused))
            continue
        said = "would go" if order.only_looks else "goes"
        calls = f"{words.count(one.calls, 'call')} of its past decided again"
        yield Text.assemble((one.run, "bold"), f"  {said} on under {one.contract[:12]}; {calls}")
        for change in one.otherwise:
            yield Text(
                f"  entry {change.seq}, {change.tool}: {change.before} then, {change.after} now{_because(change.because)}"
            )
        if one.limits:
            yield Text(f"  it used more than the contract allows: {', '.join(one.limits)}")
    moved = sum(not one.refused for one in every)
    verb = "would go" if order.only_looks else "go" if moved != 1 else "goes"
    yield Text(f"{words.count(moved, 'run')} {verb} on under it, {len(every) - moved} stay as they are")


def _because(text: str) -> str:
    return f": {words.shortened(text, 160)}" if text else ""
