"""How a run stands, as `run`, `resume` and `say` report it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from holdfast import units
from holdfast.cli import out
from holdfast.codec import value_of
from holdfast.core.fork import own
from holdfast.core.pending import Outlook
from holdfast.core.state import State
from holdfast.events import Json
from holdfast.views import places, words
from holdfast.views.access import by_entry

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

CODES: Final = {"done": 0, "declined": 0, "escalated": 0, "stopped": 1, "failed": 1, "cancelled": 1}
"""Outcome → exit code. Whatever waits is 2."""

COLOURS: Final = {
    "done": "green",
    "declined": "green",
    "escalated": "yellow",
    "waiting": "yellow",
    "working": "cyan",
    "stopped": "red",
    "failed": "red",
    "cancelled": "red",
}


NOBODY: Final = frozenset({"", "child", "time", "place", "stop"})
"""What a run waits for that is no person: nothing, a run it opened, a moment, what other runs hold, the end of a stop."""

FEW: Final = 3
"""Runs that are named."""


class Open(Struct, frozen=True):
    """A question that waits for somebody."""

    question: int
    about: str
    text: str
    role: str
    people: int
    until: int


class Standing(Struct, frozen=True, kw_only=True):
    """How a run stands."""

    run: str
    agent: str
    status: str
    outcome: str = ""
    why: str = ""
    output: Json = None
    waits_for: str = ""
    until: int | None = None
    questions: tuple[Open, ...] = ()
    reply: str = ""
    """What the agent said last, where it waits for the requester to go on."""
    paused: bool = False
    halted: str = ""
    """Who stopped it with others, and why."""
    awaits: tuple[str, ...] = ()
    """For what it waits that other runs hold, or that somebody stopped."""
    limit: str = ""
    steps: int = 0
    usd: str = "0.00"
    unresolved: tuple[int, ...] = ()
    opened: int = 0
    """Runs that it opened; what they used is in `usd`."""
    below: tuple[str, ...] = ()
    """Of these, those that are not over: it waits for them."""

    @property
    def word(self) -> str:
        """The outcome, or what it is doing instead."""
        return self.outcome or self.status

    @property
    def code(self) -> int:
        """The exit code that says it."""
        return CODES.get(self.outcome, 2)


def standing(state: State, stands: Outlook) -> Standing:
    """How a run stands, from what is known of it."""
    closed = state.closed
    questions = tuple(
        Open(one.seq, one.asked.about, one.asked.text, one.asked.role, one.asked.people, one.asked.until)
        for one in state.questions.values()
    )
    answered = state.answered.text if state.answered is not None and state.replied else None
    return Standing(
        run=state.run,
        agent=state.opened.agent,
        status=stands.status,
        outcome=closed.outcome if closed else "",
        why=closed.reason if closed else "",
        output=value_of(closed.output) if closed else None,
        waits_for=stands.waits_for,
        until=stands.due,
        questions=questions,
        reply=str(value_of(answered) or ""),
        paused=state.paused,
        halted=f"{state.halted_why}{by_entry(state.halted)}" if state.halted else "",
        awaits=tuple(places.said(places.of(one.seq, one.at, one.place)) for one in state.awaits.values()),
        limit=state.limit.limit if state.limit is not None else "",
        steps=state.spent.steps,
        usd=units.say_usd(own(state).charged - state.spent.carved),
        unresolved=state.unresolved,
        opened=state.spent.opened,
        below=tuple(call.child for call in state.calls.values() if call.child and call.status == "running"),
    )


def panel(standing: Standing, took: int | None = None) -> RenderableType:
    """The outcome in a frame."""
    from rich.panel import Panel
    from rich.text import Text

    lines = [*_body(standing), Text()]
    more = f" with {words.count(standing.opened, 'run')} below it" if standing.opened else ""
    measures = [words.count(standing.steps, "step"), f"{standing.usd} USD{more}"]
    measures += [units.say_duration(took)] if took is not None else []
    lines.append(Text(" · ".join([standing.run, *measures]), style="dim"))
    colour = COLOURS.get(standing.word, "white")
    title = Text.assemble((standing.word, f"bold {colour}"), f"  {standing.agent}")
    return Panel(Text("\n").join(lines), title=title, title_align="left", border_style=colour, padding=(0, 1))


def _body(standing: Standing) -> list[Text]:
    from rich.text import Text

    lines: list[Text] = []
    if standing.why and standing.outcome != "done":
        lines.append(Text(standing.why))
    lines += _output(standing)
    for question in standing.questions:
        who = (
            f"{question.people} × {question.role or 'a person'}" if question.people > 1 else question.role or "a person"
        )
        until = f", until {units.say_at(question.until)}" if question.until else ""
        lines.append(
            Text.assemble((f"{question.about} for {who}{until}: ", "yellow"), words.shortened(question.text, 600))
        )
    if standing.reply:
        lines.append(Text(words.plain(standing.reply)))
    if standing.below:
        runs = words.listed(
            [*standing.below[:FEW], *([f"{more} more"] if (more := len(standing.below) - FEW) > 0 else [])]
        )
        whom = f", where {standing.waits_for} has to decide" if _somebody(standing) else ""
        lines.append(Text(f"it waits for what it opened: {runs}{whom}", style="yellow"))
    if standing.halted:
        lines.append(Text(words.plain(standing.halted), style="yellow"))
    if standing.paused:
        lines.append(Text("it was stopped for now"))
    lines += [Text(words.plain(f"it {waits}"), style="yellow") for waits in standing.awaits]
    if standing.unresolved:
        places = ", ".join(str(seq) for seq in standing.unresolved)
        lines.append(Text(f"nobody knows whether this happened: call {places}", style="red"))
    return lines


def _somebody(standing: Standing) -> bool:
    """Whether a run waits for people, and not for time or for what it opened."""
    return standing.waits_for not in NOBODY


def _output(standing: Standing) -> list[Text]:
    from rich.text import Text

    value = standing.output
    if value is None:
        return []
    if not isinstance(value, dict):
        return [Text(words.words(value, 2000))]
    wide = max((len(name) for name in value), default=0)
    return [
        Text.assemble((f"{words.plain(name):<{wide}}  ", "dim"), words.words(item, 600)) for name, item in value.items()
    ]


def next_step(standing: Standing) -> str:
    """What a person would do next, as a command."""
    run = standing.run
    for question in standing.questions:
        match question.about:
            case "question" if question.role == "requester":
                return f'holdfast say {run} "…", then holdfast resume {run}'
            case "question":
                return f'holdfast review answer {run} --as NAME --text "…", then holdfast resume {run}'
            case "review" | "output":
                return f"holdfast review show {run}, then holdfast review approve {run} --as NAME"
            case "doubt":
                return f"holdfast review settle {run} --as NAME --happened (or --did-not, --stop)"
            case "surprise":
                return f"holdfast review retry {run} --as NAME (or tell, take), then holdfast resume {run}"
            case "limit":
                return f"holdfast resume {run} --grant {standing.limit}=… --as NAME, or holdfast review stop {run}"
    if standing.reply:
        return f'holdfast say {run} "…" (--ends when that was all), then holdfast resume {run}'
    if standing.below and _somebody(standing):
        return f"holdfast review, then holdfast resume {run}"
    if standing.halted:
        return f"a worker goes on with it when the stop is over, or: holdfast resume {run}"
    if standing.status != "closed":
        return f"holdfast resume {run}"
    return f"holdfast why {run}"


def report(standing: Standing, *, as_json: bool, took: int | None = None) -> int:
    """Print how a run stands; the exit code that says it."""
    if as_json:
        out.give(standing)
    else:
        out.show(panel(standing, took))
        print(f"next: {next_step(standing)}")
    return standing.code
