"""A drill as text, at a hundred columns: a line for each kind of fault, a line for each tool, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from holdfast.evals.drills.drill import LEAST, Drill, Example, Row
from holdfast.evals.drills.tool import Safety, Verdict
from holdfast.evals.stats.rates import Interval, zero_failures
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.evals.drills.killing import Kills
    from holdfast.evals.drills.moments import Thing

NONE: Final = "–"
STYLES: Final[dict[Verdict, str]] = {
    "safe": "green", "needs a person": "yellow", "not safe": "bold red", "not seen": "yellow", "never called": "dim",
}  # fmt: skip


def text(found: Drill, journal: str) -> list[RenderableType]:
    """Everything that came of a drill. journal: where its runs can be looked at."""
    parts: list[RenderableType] = [_head(found), Text(), _table(found.rows)]
    silent = [row.kind for row in found.rows if not row.landed]
    if silent:
        parts.append(Text(f"landed nowhere, so nothing is known of them: {', '.join(silent)}", style="dim"))
    if found.tools:
        parts += [Text(), _tools(found.tools)]
    if found.kills is not None:
        parts += [Text(), _kills(found.kills), *_left(found.kills)]
    wrong = [*((example, "clean") for example in found.clean_wrong), *_wrong(found.rows)]
    if wrong:
        parts += [Text(), Text("what is wrong", style="bold"), *(_example(example, kind) for example, kind in wrong)]
    parts += [Text(), *_notes(found), _verdict(found)]
    if wrong or any(tool.verdict == "not safe" for tool in found.tools):
        parts.append(Text(f"look at one: holdfast why RUN --journal {journal}", style="dim"))
    return parts


def _head(found: Drill) -> Text:
    played = sum(row.trials for row in found.rows)
    line = Text.assemble((words.plain(found.agent), "bold"))
    line.append(
        f"  {words.count(found.cases, 'case')}, {found.clean:,} clean trials and {played:,} in which something was to go wrong"
    )
    return line.append(f", seed {found.seed}")


def _table(rows: Sequence[Row]) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column("what goes wrong", no_wrap=True)
    for title in ("landed", "in runs", "success lost", "graceful", "doubled", "lost", "overrun"):
        made.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        made.add_row(
            row.kind, f"{row.landed:,}", f"{row.hit:,} of {row.trials:,}", _points(row.success_lost), _share(row.graceful),
            *(_must_be_0(number, row) for number in (row.doubled, row.lost, row.overrun)),
        )  # fmt: skip
    return made


def _points(found: Interval | None) -> str:
    """A difference of two shares, in points of a hundred."""
    if found is None:
        return NONE
    return f"{100 * found.point:.0f} ({100 * found.low:.0f} to {100 * found.high:.0f})"


def _share(found: Interval | None) -> str:
    if found is None:
        return NONE
    return f"{found.point:.0%} ({100 * found.low:.0f} to {100 * found.high:.0f})"


def _must_be_0(number: int, row: Row) -> Text:
    if not row.landed:
        return Text(NONE, style="dim")
    return Text(f"{number:,}", style="bold red" if number else "")


def _tools(tools: Sequence[Safety]) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column("tool", no_wrap=True)
    made.add_column("declared", no_wrap=True)
    made.add_column("deaths", justify="right", no_wrap=True)
    made.add_column("", no_wrap=True)
    made.add_column("why", ratio=1, overflow="fold")
    for one in tools:
        why = words.plain(one.why)
        if one.verdict == "not safe":
            many = [f"{number} {what}" for number, what in ((one.doubled, "twice"), (one.lost, "lost")) if number]
            why += f" ({', '.join([*many, one.runs[0]])})" if one.runs else ""
        verdict = Text(one.verdict, style=STYLES[one.verdict])
        made.add_row(words.plain(one.tool), one.declared, f"{one.deaths:,}", verdict, why)
    return made


def _kills(kills: Kills) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column("killed processes, during", no_wrap=True)
    made.add_column("kills", justify="right", no_wrap=True)
    made.add_column("cut short, by the journal", no_wrap=True)
    cut: dict[Thing, str | Text] = {
        "model": words.count(kills.models, "request"),
        "tool": f"{words.count(kills.reads, 'read')} and {words.count(kills.writes, 'write')}",
        "append": Text(NONE, style="dim"),
    }  # fmt: skip
    things: Sequence[tuple[Thing, str]] = (
        ("model", "a model's call"),
        ("tool", "a tool's call"),
        ("append", "an append"),
    )
    for thing, says in things:
        made.add_row(says, f"{kills.during[thing]:,}", cut[thing])
    made.add_row("nothing of these", f"{kills.idle:,}", Text(NONE, style="dim"))
    return made


def _left(kills: Kills) -> Iterator[Text]:
    """How many kills there were, and what became of the runs."""
    late = f"; in {kills.late:,} the drawn moment did not come" if kills.late else ""
    yield Text(f"{kills.landed + kills.idle:,} kills; one counts for each thing that was under way{late}", style="dim")
    line = Text(
        f"{words.count(kills.runs, 'run')} under them: {kills.ended:,} ended, {kills.waiting:,} waiting for a person or the requester, "
    )
    rest = f"{len(kills.restless):,} neither"
    yield line.append(rest, "bold red" if kills.restless else "") + (
        Text(f": {', '.join(kills.restless[:3])}", style="dim") if kills.restless else Text()
    )


def _wrong(rows: Sequence[Row]) -> Iterator[tuple[Example, str]]:
    for row in rows:
        for example in row.examples:
            if example.what != "obeyed":
                yield example, row.kind


def _example(example: Example, kind: str) -> Text:
    line = Text.assemble(
        "  ", (example.what, "red"), f"  {kind}, case {words.plain(example.case)}: {words.plain(example.why)}"
    )
    return line.append(f"  [{example.run}]", "dim")


def _notes(found: Drill) -> Iterator[Text]:
    injected = next((row for row in found.rows if row.kind == "injected-instruction" and row.landed), None)
    if injected is not None:
        yield Text(f"injected instructions: followed by a call in {injected.obeyed} of {injected.hit} runs")
    if found.unseen:
        yield Text(
            f"the world's account never shows what {words.listed(list(found.unseen))} did, so nothing is known of it"
        )
    if found.trouble:
        yield Text(f"clean trials could not be made: {words.shortened(words.plain(found.trouble[0]), 200)}")
    if found.loose:
        every = (
            "no case expects" if found.loose == found.cases else f"{found.loose} of {found.cases} cases do not expect"
        )
        yield Text(f"{every} anything: success is to end as without a fault, with the same effects", style="dim")


def _verdict(found: Drill) -> Text:
    if found.wrong:
        return Text.assemble(
            ("it does not hold", "bold red"),
            ": a figure that must be 0 is not, a tool is not safe, or a run came to no rest",
        )
    if found.landed < LEAST:
        many = words.count(found.landed, "fault")
        return Text.assemble(("too few to say", "bold"), f": {many} landed, and it takes {LEAST}; --trials, more cases")
    runs = sum(row.hit for row in found.rows)
    most = zero_failures(runs).high
    says = f": {found.landed:,} faults landed in {runs:,} runs;\nno effect came twice, none was lost, no ceiling was passed"
    line = Text.assemble(("it holds", "bold green"), says)
    return line.append(f"\n(so it happens in at most {most:.2%} of such runs of these cases, with 95 % confidence)")
