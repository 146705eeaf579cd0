"""The lines of a trace, whatever shows them: what happened in order, calls under the answer they stand in."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from holdfast import units
from holdfast.cli.call_text import about_call, about_question
from holdfast.cli.row import Brief, Row, said
from holdfast.cli.standing import COLOURS
from holdfast.views import words
from holdfast.views.family import Family, fate
from holdfast.views.record import Call, Happening, Said, Trace, Turn
from holdfast.views.totals import Totals


def word(seen: Trace, family: Family | None = None) -> str:
    """How the run stands, in a word."""
    if seen.end is not None:
        return seen.end.outcome
    if seen.cancelled_by:
        return "ending"
    below = family is not None and family.stands("")
    held = seen.paused or seen.halted or seen.awaits
    return "waiting" if seen.open_questions or held or below else "open"


def rows(family: Family, brief: Brief, call: Call | None = None) -> Iterator[Row]:
    """Every line of a trace, and of the runs below it. call: the one it answers, which says what it was asked and gave."""
    seen = family.seen
    replies = {id(item.text) for item in seen.items if isinstance(item, Said) and not item.to_agent}
    if call is None or seen.input != call.args:
        yield said(1, seen.opened, 0, ("asked  ", "bold"), words.said(seen.input, brief(400)))
    for name in seen.attachments:
        yield said(1, seen.opened, 1, f"with the file {words.plain(name)}")
    model = ""
    for item in seen.items:
        match item:
            case Turn():
                yield from _turn(
                    family, item, brief, "" if _named(item) == model and not brief.full else _named(item), replies
                )
                model = _named(item)
            case Said():
                yield _words(item, brief)
            case Happening():
                yield from _happened(family, item, brief)
    if seen.end is not None and (call is None or not call.answered):
        end = seen.end
        reason = "" if end.outcome == "done" else f"  {words.shortened(end.reason, brief(400))}"
        yield said(end.seq, end.at, 0, (end.outcome, f"bold {COLOURS[end.outcome]}"), reason)
        if end.output is not None:
            yield said(0, 0, 1, words.said(end.output, brief(600)))


def _named(turn: Turn) -> str:
    return turn.model or turn.asked[-1].model


def _child(family: Family, call: Call, depth: int, brief: Brief) -> Iterator[Row]:
    """The run that a call opened, below it."""
    child = family.children.get(call.seq)
    if child is None:
        if call.child:
            yield said(0, 0, depth, (f"child  {call.child}, which is not shown here", "dim"))
        return
    seen, run, state = child.seen, child.seen.run, word(child.seen, child)
    name = f"{words.plain(seen.agent)}  " if seen.agent != call.tool else ""
    stands = () if call.answered else ((f"  {state}", COLOURS.get(state, "cyan")),)
    totals, tree = seen.totals, child.totals
    used = f"  {words.count(totals.steps, 'step')} · {units.say_usd(totals.charged)} USD"
    more = f", {units.say_usd(tree.charged)} with the runs below it" if child.children else ""
    head = said(1, seen.opened, depth, ("child  ", "bold"), (name, "bold"), run, *stands, (f"{used}{more}", "dim"))
    yield msgspec.structs.replace(head, run=run)
    for row in rows(child, brief, call):
        yield msgspec.structs.replace(row, run=row.run or run, depth=row.depth + depth)


def spent(seen: Trace) -> str:
    """What a run used up by itself, in a line."""
    return _spent(seen.totals)


def spent_below(family: Family) -> str:
    """What a run used up with those below it, in a line; empty where there are none."""
    seen, below = family.seen, list(family.below())
    if not below:
        told = f"; those that ended told {units.say_usd(seen.totals.below)} USD" if seen.totals.below else ""
        return f"it opened {words.count(seen.totals.opened, 'run')}{told}" if seen.totals.opened else ""
    some = "" if family.whole else " that are shown"
    return f"with the {words.count(len(below), 'run')} below it{some}: {_spent(family.totals)}"


def _spent(totals: Totals) -> str:
    unsettled = f", {units.say_usd(totals.unsettled)} of it unsettled" if totals.unsettled else ""
    unknown = f", the price of {words.count(totals.unpriced, 'answer')} unknown" if totals.unpriced else ""
    tokens = f"{totals.input:,} tokens in, {totals.output:,} out"
    return (
        f"{words.count(totals.steps, 'step')} · {tokens} · {units.say_usd(totals.charged)} USD{unsettled}{unknown} · "
        f"{units.say_duration(totals.work)} of models and tools"
    )


def _words(item: Said, brief: Brief) -> Row:
    who = item.by if item.to_agent else "the agent"
    files = f" [with {', '.join(item.attachments)}]" if item.attachments else ""
    ends = ", and that was all" if item.ends else ""
    text_ = f"“{words.said(item.text, brief(400))}”{words.plain(files)}{ends}"
    return said(item.seq, item.at, 0, (f"{words.plain(who)} said  ", "bold magenta"), text_)


def _happened(family: Family, item: Happening, brief: Brief) -> Iterator[Row]:
    seen = family.seen
    if item.question in seen.questions:
        yield from about_question(seen, seen.questions[item.question], 0, brief)
        return
    yield said(item.seq, item.at, 0, (words.shortened(item.text, brief(400)), "yellow"))


def _turn(family: Family, turn: Turn, brief: Brief, model: str, replies: set[int]) -> Iterator[Row]:
    seen = family.seen
    for asked in turn.asked:
        if asked.state == "failed":
            sure = "surely not answered" if asked.fate == "not_done" else "may have been billed"
            late = ", answered late" if asked.late else ""
            what = f"attempt {asked.attempt} failed: {asked.error}, {sure}{late}"
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
        f"{words.plain(model)} · " if model else "",
        _tokens(turn),
        _finish(turn),
        took=turn.took,
    )
    if turn.text is not None and id(turn.text) not in replies:
        yield said(turn.answered, 0, 1, (f"“{words.said(turn.text, brief(300))}”", "italic"))
    for seq in turn.calls:
        call = seen.calls[seq]
        yield from about_call(seen, call, 1, brief, fate(family, call), _child(family, call, 2, brief))
    for tool in turn.dropped:
        yield said(0, 0, 1, f"{words.plain(tool)}(…)  ", ("not taken up", "red"))
    if turn.rejected and not any(seen.calls[seq].ending == "rejected" for seq in turn.calls):
        yield said(turn.rejected_at, 0, 1, ("could not stand: ", "red"), words.shortened(turn.rejected, brief(300)))


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
    return said_, "red"


def _more(message: str, brief: Brief) -> str:
    return f" ({words.shortened(message, brief(200))})" if message else ""
