"""A trace as text: one line a thing that happened, calls under the answer they stand in, at a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.call_text import about_call, about_question
from holdfast.cli.row import Brief, Row, said
from holdfast.cli.standing import COLOURS
from holdfast.views import words
from holdfast.views.record import Happening, Said, Trace, Turn

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["text"]


def text(seen: Trace, *, full: bool = False) -> list[RenderableType]:
    """The whole trace."""
    brief = Brief(full)
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify="right", style="dim", no_wrap=True, width=7)
    table.add_column(justify="right", style="dim", no_wrap=True, width=5)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(justify="right", style="dim", no_wrap=True, width=7)
    table.add_row("time", "entry", "", "took")
    last = -1
    for row in _rows(seen, brief):
        time = units.say_duration(max(row.at - seen.opened, 0)) if row.at > last else ""
        last = max(last, row.at)
        took = units.say_duration(row.took) if row.took is not None else ""
        table.add_row(time, str(row.seq or ""), Padding(row.text, (0, 0, 0, 2 * row.depth), expand=False), took)
    return [*_head(seen, brief), Text(), table, Text(), *_foot(seen, brief)]


def word(seen: Trace) -> str:
    """How the run stands, in a word."""
    if seen.end is not None:
        return seen.end.outcome
    if seen.cancelled_by:
        return "ending"
    return "waiting" if seen.open_questions or seen.paused else "open"


def _head(seen: Trace, brief: Brief) -> Iterator[RenderableType]:
    state = word(seen)
    key = f"  {words.plain(seen.key)}" if seen.key else ""
    yield Text.assemble((seen.agent, "bold"), f"  {seen.run}  ", (state, f"bold {COLOURS.get(state, 'cyan')}"), key)
    whom = f" for {seen.on_behalf_of}" if seen.on_behalf_of else ""
    totals = seen.totals
    opened = f"opened {units.say_at(seen.opened)} by {words.plain(seen.by + whom)}"
    yield Text(f"{opened} · {seen.mode} · contract {seen.contract_digest[:12]}", style="dim")
    unsettled = f", {units.say_usd(totals.unsettled)} of it unsettled" if totals.unsettled else ""
    tokens = f"{totals.input:,} tokens in, {totals.output:,} out"
    yield Text(
        f"{words.count(totals.steps, 'step')} · {tokens} · {units.say_usd(totals.charged)} USD{unsettled} · "
        f"{units.say_duration(totals.work)} of models and tools",
        style="dim",
    )
    tags = {name: value for name, value in seen.tags.items() if name != "agent_path" or brief.full}
    if tags:
        yield Text(", ".join(f"{name}: {words.plain(value)}" for name, value in tags.items()), style="dim")


def _rows(seen: Trace, brief: Brief) -> Iterator[Row]:
    yield said(1, seen.opened, 0, ("asked  ", "bold"), words.said(seen.input, brief(400)))
    for name in seen.attachments:
        yield said(1, seen.opened, 1, f"with the file {words.plain(name)}")
    for item in seen.items:
        match item:
            case Turn():
                yield from _turn(seen, item, brief)
            case Said():
                yield _words(item, brief)
            case Happening():
                yield from _happened(seen, item, brief)
    if seen.end is not None:
        end = seen.end
        reason = "" if end.outcome == "done" else f"  {words.shortened(end.reason, brief(400))}"
        yield said(end.seq, end.at, 0, (end.outcome, f"bold {COLOURS[end.outcome]}"), reason)
        if end.output is not None:
            yield Row(0, 0, 1, Text(words.said(end.output, brief(600))))


def _words(item: Said, brief: Brief) -> Row:
    who = item.by if item.to_agent else "the agent"
    files = f" [with {', '.join(item.attachments)}]" if item.attachments else ""
    ends = ", and that was all" if item.ends else ""
    text_ = f"“{words.said(item.text, brief(400))}”{words.plain(files)}{ends}"
    return said(item.seq, item.at, 0, (f"{words.plain(who)} said  ", "bold magenta"), text_)


def _happened(seen: Trace, item: Happening, brief: Brief) -> Iterator[Row]:
    if item.question in seen.questions:
        yield from about_question(seen, seen.questions[item.question], 0, brief)
        return
    yield said(item.seq, item.at, 0, (words.shortened(item.text, brief(400)), "yellow"))


def _turn(seen: Trace, turn: Turn, brief: Brief) -> Iterator[Row]:
    for asked in turn.asked:
        if asked.state == "failed":
            fate = "surely not answered" if asked.fate == "not_done" else "may have been billed"
            late = ", answered late" if asked.late else ""
            what = f"attempt {asked.attempt} failed: {asked.error}, {fate}{late}"
            yield said(
                asked.seq,
                asked.at,
                0,
                (f"step {turn.step}  ", "bold cyan"),
                (what, "red"),
                _more(asked.message, brief),
                took=asked.took,
            )
    last = turn.asked[-1]
    if not turn.answered:
        if last.state == "running":
            yield said(last.seq, last.at, 0, (f"step {turn.step}  ", "bold cyan"), f"{last.model} was asked")
        return
    yield said(
        last.seq,
        last.at,
        0,
        (f"step {turn.step}  ", "bold cyan"),
        f"{turn.model or last.model} · ",
        _tokens(turn),
        _finish(turn),
        took=turn.took,
    )
    if turn.text is not None and not _replied(seen, turn):
        yield Row(0, 0, 1, Text(f"“{words.said(turn.text, brief(300))}”", style="italic"))
    for seq in turn.calls:
        yield from about_call(seen, seen.calls[seq], 1, brief)
    for tool in turn.dropped:
        yield said(0, 0, 1, f"{words.plain(tool)}(…)  ", ("not taken up", "red"))
    if turn.rejected and not any(seen.calls[seq].ending == "rejected" for seq in turn.calls):
        yield said(turn.rejected_at, 0, 1, ("could not stand: ", "red"), words.shortened(turn.rejected, brief(300)))


def _replied(seen: Trace, turn: Turn) -> bool:
    """Whether its text is shown as something the agent said."""
    return any(isinstance(item, Said) and not item.to_agent and item.text == turn.text for item in seen.items)


def _tokens(turn: Turn) -> str:
    cost = "price not known" if turn.cost is None else f"{units.say_usd(turn.cost)} USD"
    cached = f" ({turn.usage.cached:,} cached)" if turn.usage.cached else ""
    return f"{turn.usage.input:,}{cached} → {turn.usage.output:,} tokens · {cost}"


def _finish(turn: Turn) -> tuple[str, str]:
    said_ = {
        "length": " · cut off",
        "filter": " · stopped by a content filter",
        "unknown": " · ended in an unknown way",
    }.get(turn.finish, "")
    return (said_, "red")


def _more(message: str, brief: Brief) -> str:
    return f" ({words.shortened(message, brief(200))})" if message else ""


def _foot(seen: Trace, brief: Brief) -> Iterator[RenderableType]:
    for seq in seen.end.unresolved if seen.end is not None else ():
        call = seen.calls.get(seq)
        if call is not None and not (call.rulings and call.rulings[-1].verdict != "stop"):
            yield Text(
                f"nobody knows whether {words.called(call)} happened: holdfast review settle {seen.run}", style="red"
            )
    for question in seen.open_questions:
        who = question.role or "a person"
        until = f" until {units.say_at(question.until)}" if question.until else ""
        verb = {"question": "say" if question.role == "requester" else "review answer"}.get(
            question.about, "review show"
        )
        yield Text.assemble((f"waits for {who}{until}", "yellow"), f": holdfast {verb} {seen.run}")
    yield Text(f"why: holdfast why {seen.run}", style="dim")
