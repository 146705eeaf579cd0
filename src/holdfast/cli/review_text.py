"""The review queue, and one question with everything it rests on, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.queue import Waiting
from holdfast.cli.why_text import about_account, line
from holdfast.views import words
from holdfast.views.account import account
from holdfast.views.record import Call, Question, Said, Trace

if TYPE_CHECKING:
    from rich.console import RenderableType


def table(found: Sequence[Waiting], now: int) -> Table:
    """The queue: two lines a question."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    made.add_column("run", no_wrap=True)
    made.add_column("q", justify="right", no_wrap=True)
    made.add_column("for", no_wrap=True)
    made.add_column("until", no_wrap=True)
    made.add_column("what", ratio=1, overflow="fold")
    for one in found:
        who = one.role or "anyone"
        what = Text.assemble(_what(one), (f"  {one.clause}" if one.clause else "", "dim"))
        made.add_row(
            Text.assemble(one.run, (f"\nof {one.parent}" if one.parent else "", "dim")),
            str(one.question),
            f"{one.people} × {who}" if one.people > 1 else who,
            _until(one, now),
            what,
        )
    return made


def _what(one: Waiting) -> str:
    mark = "" if one.about == "review" else f"{one.about}: "
    return words.shortened(f"{mark}{one.text}", 220)


def _until(one: Waiting, now: int) -> str:
    """When a question ends, and what follows then."""
    if one.decided:
        return f"approved by\n{words.listed(list(one.voices))}"
    moment, then = one.until, one.then
    if not moment:
        return "no end"
    follows = f"then {then.replace('ask:', 'ask ')}"
    return f"in {units.say_duration(moment - now)}\n{follows}" if moment > now else f"expired\n{follows}"


def question_text(seen: Trace, question: Question) -> Iterator[RenderableType]:
    """Everything a person needs to decide."""
    who = question.role or "anyone"
    people = f"{question.people} × {who}" if question.people > 1 else who
    yield Text.assemble(
        (seen.agent, "bold"), f"  {seen.run}  question {question.seq}  ", (f"{question.about} for {people}", "yellow")
    )
    if question.until:
        yield Text(
            f"until {units.say_at(question.until)}, then {question.then.replace('ask:', 'ask ')}", style="yellow"
        )
    yield Text()
    if seen.parent:
        yield line_of(
            "on behalf of another run: ", f"it answers call {seen.parent_call} of {seen.parent}, which waits for it"
        )
    whom = f" for {seen.on_behalf_of}" if seen.on_behalf_of else ""
    yield line_of(f"asked by {seen.by}{whom}: ", words.said(seen.input, 600))
    for item in seen.items:
        if isinstance(item, Said):
            yield line_of(f"said later by {item.by or 'the agent'}: ", words.said(item.text, 400))
    call = seen.calls.get(question.call)
    yield Text()
    if question.about != "review":
        yield Padding(Text(words.plain(question.text)), (0, 0, 1, 2), expand=False)
    if call is not None and question.about != "question":
        yield from about_account(msgspec.structs.replace(account(seen, call), needed=()), full=True)
    others = _together(seen, call) if call is not None else []
    if others:
        yield line(f"asked for in the same answer: {words.listed(others)}", ())
    yield Text()
    if question.about != "question":
        names = ", ".join(_excluded(seen))
        where = "this run, or in one above it," if seen.parent else "this run"
        yield Text(f"who opened, spoke or changed something in {where} cannot decide: {names}", style="dim")
    yield Text("\n".join(_commands(seen, question, call)))


def line_of(title: str, text: str) -> RenderableType:
    """A line with a title."""
    return Padding(Text.assemble((title, "dim"), text), (0, 0, 0, 2), expand=False)


def _together(seen: Trace, call: Call) -> list[str]:
    return [
        words.called(other, 80)
        for other in seen.calls.values()
        if other.ask == call.ask and other.seq != call.seq and not other.serves
    ]


def _excluded(seen: Trace) -> list[str]:
    spoken = [item.by for item in seen.items if isinstance(item, Said)]
    changed = [change.by for call in seen.calls.values() for change in call.amended]
    return list(dict.fromkeys(name for name in (seen.by, seen.on_behalf_of, *spoken, *changed) if name))


def _commands(seen: Trace, question: Question, call: Call | None) -> list[str]:
    base = "holdfast review"
    tail = f"{seen.run} {question.seq} --as NAME"
    match question.about:
        case "review" | "output":
            commands = [f"{base} approve {tail}", f'{base} deny {tail} --text "…"']
            may = _amendable(seen, question, call)
            return [*commands, f"{base} amend {tail} --set {may[0]}=…   ({', '.join(may)})"] if may else commands
        case "question" if question.role == "requester":
            return [f'holdfast say {seen.run} "…"']
        case "question":
            return [f'{base} answer {tail} --text "…"']
        case "doubt":
            return [f"{base} settle {tail} --happened | --did-not | --stop"]
        case "surprise":
            return [f"{base} retry {tail}", f"{base} tell {tail}", f"{base} take {tail}"]
        case "limit":
            return [f"holdfast resume {seen.run} --grant {question.limit}=… --as NAME", f"{base} stop {tail}"]


def _amendable(seen: Trace, question: Question, call: Call | None) -> list[str]:
    if call is None or not isinstance(seen.contract, dict):
        return []
    if question.about == "output":
        return list(call.args.value) if isinstance(call.args.value, dict) else []
    return list(seen.contract.get("tools", {}).get(call.tool, {}).get("amendable", []))
