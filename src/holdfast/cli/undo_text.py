"""The plan of an undo, for people: what goes back, in which order, behind which reviews, and what stays and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from holdfast.agent import Agent
from holdfast.views import words
from holdfast.views.record import Content
from holdfast.views.undo import Can, Elsewhere, Plan, Step

MARKS: Final[dict[Can, tuple[str, str]]] = {
    "ready": ("goes back", "green"),
    "irreversible": ("stays", "red"),
    "unknown": ("nobody knows", "yellow"),
    "undone": ("is back", "dim"),
    "doubt": ("in doubt", "yellow"),
    "nothing": ("was simulated", "dim"),
}


def text(plan: Plan, agents: Mapping[str, Agent[Any, Any]]) -> Iterator[RenderableType]:
    """The plan as a table, and what follows from it."""
    since = f", back to entry {plan.after}" if plan.after else ""
    yield Text.assemble("What undoing ", (plan.run, "bold"), f" ({plan.agent}) would do{since}, newest first")
    if not plan.steps:
        yield Text(f"Nothing: no write of it{' itself' if plan.below else ''} happened.")
        yield from _below(plan)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for step in plan.steps:
        word, style = MARKS[step.can]
        table.add_row(f"[{step.call}]", Text(word, style=style), _said(step))
    yield table
    yield from _sum(plan)
    yield from _reviews(plan, agents)
    yield from _below(plan)


def _below(plan: Plan) -> Iterator[RenderableType]:
    """What runs that it opened did: each is undone by itself."""
    if not plan.below:
        return
    yield Text("")
    runs = "the run below it" if len(plan.below) == 1 else "runs below it"
    yield Text(f"What {runs} did is not in it; each is undone by itself, newest first:")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in plan.below:
        back = f", {one.undone} taken back already" if one.undone else ""
        writes = f"{words.count(one.writes, 'write')}{back}"
        table.add_row(f"  {words.plain(one.agent)}", writes, _how(plan, one))
    yield table


def _how(plan: Plan, one: Elsewhere) -> Text:
    """How what a run below did goes back."""
    if one.open:
        return Text(f"it is open: holdfast cancel {plan.run}", style="yellow")
    if one.ready:
        some = f"{one.ready} of them: " if one.ready < one.writes - one.undone else ""
        return Text(f"{some}holdfast undo {one.run}", style="green")
    stays = one.undone < one.writes
    return Text(
        f"nothing takes it back: holdfast undo {one.run} says why" if stays else one.run,
        style="red" if stays else "dim",
    )


def _said(step: Step) -> Text:
    said = Text(f"{step.tool}({words.args(Content(step.args), 100)})")
    if step.effect_id:
        said.append(f" = {words.plain(step.effect_id)}", style="dim")
    if step.can == "ready":
        said.append(f"\nby {step.undo}, given what it gave back", style="green")
    elif step.why:
        said.append(f"\n{step.why}", style=MARKS[step.can][1])
    return said


def _sum(plan: Plan) -> Iterator[Text]:
    total, ready = len(plan.steps), len(plan.ready)
    yield Text("")
    yield Text(
        f"{ready} of {words.count(total, 'write')} would be taken back." if ready else "Nothing would be taken back."
    )
    if any(step.can == "unknown" for step in plan.steps):
        yield Text("Settle what nobody knows first, or look on the other side: it is in no plan.", style="yellow")


def _reviews(plan: Plan, agents: Mapping[str, Agent[Any, Any]]) -> Iterator[Text]:
    grants = agents[plan.agent].contract.tools
    for step in plan.ready:
        for name in step.reviewed:
            rule = grants[step.tool].review[int(name[name.rindex("[") + 1 : -1])]
            who = words.count(rule.people, "person", "people") + (f" of {rule.by}" if rule.by else "")
            yield Text(
                f"[{step.call}] had to be allowed, so it takes {who} to agree that it goes back: {rule.because}."
            )
