"""What runs cost as text, at a hundred columns. What nobody knows is called unknown, and never 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.cost import Per, why_no_range
from holdfast.cli.standing import COLOURS
from holdfast.views import words
from holdfast.views.cost import WORDS, Cost, People, Share, Total
from holdfast.views.projection import Projection
from holdfast.views.spending import Money, add, ratio

if TYPE_CHECKING:
    from rich.console import RenderableType

UNKNOWN = "unknown"
NONE = "–"
MOST = 12
"""Rows of a table in the overview."""
WORDLESS = "(words, or an output)"


def usd(amount: int | None) -> str:
    """Nano-dollars to four decimals, so that a column of them can be compared; unknown where nobody knows."""
    if amount is None:
        return UNKNOWN
    if 0 < amount < 50_000:
        return "<0.0001"
    return f"{Decimal(amount) / 1_000_000_000:,.4f}"


def money(amount: Money) -> str:
    """An amount in a column: `0.0123`, `unknown`, `≥ 0.0123` where something in it has no price."""
    if not amount.unknown:
        return usd(amount.least)
    return f"≥ {usd(amount.least)}" if amount.least else UNKNOWN


def share(part: int, whole: int, *, known: bool = True) -> str:
    """A part of a whole in percent; a dash where that says nothing."""
    return f"{100 * part / whole:.0f}%" if known and whole else NONE


def _took(us: int) -> str:
    return units.say_duration(us) if us else NONE


def _table(*columns: str, title: str) -> Table:
    """A table of which the first column is a name, and the others are numbers."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column(Text(title, style="bold"), min_width=34, max_width=34, overflow="fold")
    for name in columns:
        made.add_column(name, justify="right", no_wrap=True, min_width=8)
    return made


def _named(name: str) -> str:
    return words.plain(name) if name != WORDS else WORDLESS


# -------------------------------------------------------------------------------------------------------- many runs


def overview(seen: Total, agents: Mapping[str, Total]) -> list[RenderableType]:
    """Everything about many runs, in little."""
    parts = [_head(seen, agents), *_notes(seen), Text(), _sums(seen), Text(), _waste(seen), Text()]
    parts += [_outcomes(seen), Text(), _shares("by model", "answers", seen.models, seen), Text()]
    tools = _with_the_rest(seen.tools, seen.money)
    parts.append(_shares("by tool", "calls", tools[:MOST], seen))
    if left := tools[MOST:]:
        more = "" if _free(seen) else f", {money(add(one.money for one in left))} USD"
        parts.append(Text(f"and {words.count(len(left), 'more tool')}{more}: --per tool", style="dim"))
    if len(agents) > 1:
        parts += [Text(), _agents(agents, seen)]
    if seen.children.times:
        many = words.count(seen.children.times, "run")
        told = f"{many} that these opened, and that are not among them, told {money(seen.children.money)} USD"
        parts += [Text(), Text(f"{told}: in what a run and a success cost, and in no other sum above")]
    return parts


def per_table(seen: Total, agents: Mapping[str, Total], per: Per) -> list[RenderableType]:
    """One way of taking the sum apart."""
    table = {
        "outcome": lambda: _outcomes(seen, "outcome"),
        "model": lambda: _shares("model", "answers", seen.models, seen),
        "tool": lambda: _shares("tool", "calls", _with_the_rest(seen.tools, seen.money), seen),
        "agent": lambda: _agents(agents, seen),
    }[per]()
    return [_head(seen, agents), *_notes(seen), Text(), table]


def _head(seen: Total, agents: Mapping[str, Total]) -> RenderableType:
    whose = next(iter(agents)) if len(agents) == 1 else f"{len(agents)} agents"
    done = f"{seen.won:,} of them a success" if seen.won else "none of them a success"
    open_ = f" · {seen.under_way.times:,} not over yet" if seen.under_way.times else ""
    more = f" · {words.count(seen.below, 'more run')} below {'it' if seen.runs == 1 else 'them'}" if seen.below else ""
    runs = words.count(seen.runs, "run")
    return Text.assemble((words.plain(whose), "bold"), f"  {runs} · {done}{open_}{more}")


def _notes(seen: Total) -> Iterable[RenderableType]:
    """What has to be known to read the figures."""
    yield Text(
        "a success: done, or declined within the contract, and noted to be bad by nobody",
        style="dim",
    )
    if seen.below:
        text = (
            "a run that another one opened is part of that one: its money counts once, and it is no success of its own"
        )
        yield Text(text, style="dim")
    if seen.money.unknown:
        what = "the price of one answer" if seen.money.unknown == 1 else f"the price of {seen.money.unknown:,} answers"
        yield Text(f"{what} is not known: sums with them in are unknown, ≥ is what is known of them", style="yellow")
    if seen.money.unsettled:
        what = (
            f"{usd(seen.money.unsettled)} USD of it are not settled: charged at the worst case, as nobody told the cost"
        )
        yield Text(what, style="yellow")
    if _free(seen):
        yield Text("their models cost nothing, so shares are given of the time that models and tools took", style="dim")


def _sums(seen: Total) -> RenderableType:
    if not seen.people.verdicts:
        made = _table("USD", title="")
        made.add_row("paid", money(seen.money))
        if seen.children.times:
            made.add_row("and by runs that these opened", money(seen.children.money))
        made.add_row("for each run", usd(seen.per_run) if seen.runs else NONE)
        made.add_row("for each success, failures too", usd(seen.per_success) if seen.won else NONE)
        return made
    made = _table("models", "people", "together", title="USD")
    people = seen.value
    both = None if people is None or seen.money.total is None else seen.money.total + people

    def each(amount: int | None, by: int) -> str:
        return NONE if not by else usd(None if amount is None else ratio(amount, by))

    whole = seen.whole.total
    together = usd(both)
    if both is None and (least := seen.money.least + (people or 0)):
        together = f"≥ {usd(least)}"
    made.add_row("paid", money(seen.money), usd(people), together)
    if seen.children.times:
        made.add_row("and by runs that these opened", money(seen.children.money), NONE, NONE)
    every = None if people is None or whole is None else whole + people
    for name, by in (("for each run", seen.runs), ("for each success, failures too", seen.won)):
        made.add_row(name, *(each(amount, by) for amount in (whole, people, every)))
    return Group(made, Text(_people(seen.people, seen.value), style="dim"))


def _people(people: People, value: int | None) -> str:
    waited = f"people: {words.count(people.verdicts, 'verdict')}, waited for {units.say_duration(people.waited)}"
    counted = f"{waited}, {units.say_duration(people.worked)} of it counted as work"
    if value is None:
        return f"{counted}; no contract values a minute"
    return f"{counted}, {'at ' + usd(people.rate) + ' USD a minute' if people.rate is not None else 'as each contract values it'}"


def _waste(seen: Total) -> RenderableType:
    made = _table("times", *_columns(seen), title="for nothing")
    rows = (("runs that were no success", seen.lost), ("retries in the others", seen.retries))
    for name, one in (*rows, ("repeats in the others", seen.repeats)):
        made.add_row(name, f"{one.times:,}", *_cells(one.money, one.took, seen))
    made.add_row(
        "together", "", *_cells(seen.waste, sum(one.took for one in (seen.lost, seen.retries, seen.repeats)), seen)
    )
    if seen.under_way.times:
        one = seen.under_way
        made.add_row(
            "runs not over yet, not counted", f"{one.times:,}", *_cells(one.money, one.took, seen), style="dim"
        )
    return made


def _outcomes(seen: Total, title: str = "by outcome") -> RenderableType:
    return _shares(title, "runs", seen.outcomes, seen, {one.name: COLOURS.get(one.name, "") for one in seen.outcomes})


def _shares(
    title: str, what: str, shares: Sequence[Share], seen: Total | Cost, styles: Mapping[str, str] | None = None
) -> RenderableType:
    each = [] if _free(seen) else ["USD each"]
    made = _table(what, *_columns(seen), *each, title=title)
    for one in shares:
        part = None if one.money.total is None else ratio(one.money.total, max(one.times, 1))
        last = [usd(part) if one.times else NONE] if each else []
        name = Text(_named(one.name), style=(styles or {}).get(one.name, ""))
        made.add_row(name, f"{one.times:,}" if one.times else NONE, *_cells(one.money, one.took, seen), *last)
    return made


def _free(seen: Total | Cost) -> bool:
    """Whether everything has a price, and it is 0: then money says nothing, and time does."""
    return not seen.money.least and not seen.money.unknown


def _columns(seen: Total | Cost) -> tuple[str, ...]:
    return ("time", "of all") if _free(seen) else ("USD", "of all", "time", "of all")


def _cells(amount: Money, took: int, seen: Total | Cost) -> tuple[str, ...]:
    time = (_took(took), share(took, seen.work) if took else NONE)
    part, whole = amount.total, seen.money.total
    known = part is not None and whole is not None
    return time if _free(seen) else (money(amount), share(part or 0, whole or 0, known=known), *time)


def _with_the_rest(tools: Sequence[Share], whole: Money) -> list[Share]:
    """Tools with what was charged for attempts that gave no answer, so that together they are the whole."""
    known = add(one.money for one in tools)
    rest = Money(whole.nusd - known.nusd, whole.unsettled - known.unsettled)
    return [*tools, *([Share("(attempts without an answer)", rest)] if rest.least else [])]


def _agents(agents: Mapping[str, Total], seen: Total) -> RenderableType:
    below = any(one.children.times for one in agents.values())
    made = _table("runs", "won", "USD", "with below" if below else "of all", "a run", "a success", title="by agent")
    for name, one in agents.items():
        part, whole = one.money.total, seen.money.total
        of_all = share(part or 0, whole or 0, known=part is not None and whole is not None)
        of_all = money(one.whole) if below else of_all
        success = usd(one.per_success) if one.won else NONE
        made.add_row(
            words.plain(name), f"{one.runs:,}", f"{one.won:,}", money(one.money), of_all, usd(one.per_run), success
        )
    return made


def projection(seen: Total, ahead: Projection, *, monthly: bool) -> list[RenderableType]:
    """What so many runs would cost, with its range; or why there is none."""
    what = f"{words.count(ahead.runs, 'run')}{' a month' if monthly else ''} like these"
    why = why_no_range(seen, ahead)
    if ahead.nusd is None:
        return [Text(), Text.assemble((what, "bold"), f": {UNKNOWN}, because {why}")]
    lines: list[RenderableType] = [Text(), Text.assemble((what, "bold"), f": {usd(ahead.nusd)} USD for models")]
    if _free(seen):
        pass  # the mean of nothing has no range
    elif ahead.low is not None:
        spread = (
            f"between {usd(ahead.low)} and {usd(ahead.high)}, 95 times in 100, if each run is for itself and like these"
        )
        lines.append(Padding(Text(spread), (0, 0, 0, 2)))
    else:
        lines.append(Padding(Text(f"no range: {why}"), (0, 0, 0, 2)))
    if seen.people.verdicts:
        value = (
            f"{usd(ahead.people)} USD" if ahead.people is not None else f"{UNKNOWN}, as a contract does not value it"
        )
        lines.append(Padding(Text(f"people's time on top: {value}"), (0, 0, 0, 2)))
    if seen.under_way.times:
        open_ = f"{words.count(seen.under_way.times, 'run')} of these {'is' if seen.under_way.times == 1 else 'are'}"
        lines.append(Padding(Text(f"{open_} not over yet and may still cost more", style="dim"), (0, 0, 0, 2)))
    return lines


# ---------------------------------------------------------------------------------------------------------- one run


def bill(found: Cost) -> list[RenderableType]:
    """What one run cost."""
    state = found.outcome or "open"
    parts: list[RenderableType] = [
        Text.assemble(
            (words.plain(found.agent), "bold"), f"  {found.run}  ", (state, f"bold {COLOURS.get(state, 'cyan')}")
        )
    ]
    amount = found.money
    paid = UNKNOWN if amount.unknown and not amount.least else f"{money(amount)} USD"
    known = f": {words.count(amount.unknown, 'answer has', 'answers have')} no price" if amount.unknown else ""
    tokens = f"{found.input:,} tokens in, {found.output:,} out"
    parts.append(
        Text.assemble("paid ", (paid, "bold"), f"{known} · {tokens} · {_took(found.work)} of models and tools")
    )
    if found.children:
        runs = words.count(len(found.children), "run")
        parts.append(
            Text.assemble("together with the ", f"{runs} it opened: ", (f"{money(found.with_children)} USD", "bold"))
        )
    if amount.unsettled:
        parts.append(
            Text(f"{usd(amount.unsettled)} USD of it are not settled: charged at the worst case", style="yellow")
        )
    if found.people.verdicts:
        value = found.people.value
        parts.append(Text(f"{_people(found.people, value)}{f': {usd(value)} USD' if value is not None else ''}"))
    if found.inherited != Money():
        parts.append(Text(f"{money(found.inherited)} USD were paid by the run it was forked from, and count there"))
    parts += [Text(), _shares("by model", "attempts", found.models, found), Text()]
    parts += [_shares("by tool", "calls", _with_the_rest(found.tools, amount), found)]
    again = [one for one in (found.retries, found.repeats) if one.times]
    if again:
        parts += [Text(), _shares("of it for nothing", "times", again, found)]
    if found.children:
        parts += [Text(), _opened(found)]
    return parts


def _opened(found: Cost) -> RenderableType:
    """The runs that a run opened, each with those below it."""
    made = _table("call", "ended", "USD", "of all", title="by run that it opened")
    whole = found.with_children.total
    for child in found.children:
        part = child.nusd
        of_all = share(part or 0, whole or 0, known=part is not None and whole is not None)
        name = f"{words.plain(child.agent)}  {child.run}" if child.agent else child.run
        ended = Text(child.outcome, style=COLOURS.get(child.outcome, ""))
        made.add_row(name, f"{child.call}", ended, money(child.money), of_all)
    itself = found.money.total
    of_all = share(itself or 0, whole or 0, known=itself is not None and whole is not None)
    made.add_row("(itself)", NONE, NONE, money(found.money), of_all, style="dim")
    return made
