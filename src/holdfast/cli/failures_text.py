"""Clusters of failures as text, at a hundred columns: exact findings, then suspect ones, and what neither sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import units
from holdfast.cli.failures import Found
from holdfast.views import words
from holdfast.views.failures import OWN, Cluster

if TYPE_CHECKING:
    from rich.console import RenderableType

BLIND = (
    "What no detector sees: a well-formed call with a wrong value in it, or one that should not have been made. Of recorded "
    "failures these are most (docs/failures.md), so a run without a finding is not a run that went well."
)

GRADES = (
    ("E", "exact", "what the rule says is so"),
    ("S", "suspect", "it may be otherwise; somebody has to look"),
)


def text(found: Found) -> list[RenderableType]:
    """All clusters, with what has to be known to read them."""
    parts: list[RenderableType] = [_head(found)]
    for grade, name, what in GRADES:
        some = [one for one in found.clusters if one.grade == grade]
        if some:
            parts += [Text(), *_clusters(Text.assemble((name, "bold"), f": {what}"), some, found)]
    if not found.clusters:
        parts += [Text(), Text("nothing was found")]
    else:
        run, seqs = found.clusters[0].example
        place = f" {seqs[-1]}" if seqs else ""
        old = "old→new: of the runs under the same contract, found in so many of the older and of the newer half"
        parts += [Text(), Text(old, style="dim")]
        parts.append(Text(f"open one: holdfast show {run}, or holdfast why {run}{place}", style="dim"))
        bare = sum(not one.covered for one in found.clusters)
        if bare:
            which = f"{bare} of {len(found.clusters)} {'has' if bare == 1 else 'have'} no case"
            none = "none of these has a case"
            what = f"{none if bare == len(found.clusters) else which}: holdfast case RUN makes one"
            parts.append(Text(what, style="dim"))
    return [*parts, Text(), Text(BLIND)]


def _head(found: Found) -> RenderableType:
    silent = f"; in {found.silent:,} of these nothing was found" if found.silent else ""
    versions = f" · {found.contracts} contract versions" if found.contracts > 1 else ""
    return Text.assemble(
        (f"{words.count(found.runs, 'run')}", "bold"),
        f" from {units.say_at(found.first)} to {units.say_at(found.last)}{versions}\n",
        f"something was found in {found.found:,} · {found.bad:,} ended badly{silent}",
    )


def _clusters(title: Text, clusters: Sequence[Cluster], found: Found) -> Iterator[RenderableType]:
    same_day = units.say_at(found.first)[:10] == units.say_at(found.last)[:10]
    wide = 10 if same_day else 13
    yield _line(wide, title, "runs", "bad", "old→new", "first", "last", style="dim")
    for one in clusters:
        trend = f"{one.trend.older}→{one.trend.newer}" if one.trend.half else "–"
        yield _line(
            wide,
            _title(one, uncovered=found.cases and not one.covered),
            f"{len(one.runs):,}",
            Text(f"{one.bad:,}", style="red" if one.bad else ""),
            Text(trend, style={"rising": "bold red", "falling": "green"}.get(one.trend.word, "")),
            _when(one.first, same_day=same_day),
            _when(one.last, same_day=same_day),
        )
        run, seqs = one.example
        places = f"{', '.join(map(str, seqs[:3]))}{', …' if len(seqs) > 3 else ''}"
        version = f"contract {one.contract[:8]}  " if found.contracts > 1 else ""
        example = Text.assemble((f"{version}{run} [{places}]  ", "dim"), words.shortened(one.sentence, 160))
        yield Padding(example, (0, 0, 0, 4))


def _line(wide: int, what: Text, *cells: str | Text, style: str = "") -> Table:
    """A line of a table whose rows have text of its full width beneath them."""
    made = Table.grid(expand=True, padding=(0, 0, 0, 2))
    made.add_column(ratio=1, overflow="fold")
    for width in (6, 5, 9):
        made.add_column(justify="right", no_wrap=True, width=width)
    for _ in range(2):
        made.add_column(no_wrap=True, width=wide)
    made.add_row(what, *(Text(cell, style=style) if isinstance(cell, str) else cell for cell in cells))
    return made


def _when(at: int, *, same_day: bool) -> str:
    return datetime.fromtimestamp(at / units.SECOND, UTC).strftime("%H:%M:%S" if same_day else "%m-%d %H:%M")


def _title(one: Cluster, *, uncovered: bool) -> Text:
    number = "own" if one.number == OWN else str(one.number)
    error = one.error.removeprefix(f"tools.{one.tool}.")
    more = [words.plain(part) for part in (one.tool, error) if part]
    return Text.assemble(
        (f"{number} {words.plain(one.name)}", "bold"),
        *(f" · {part}" for part in more),
        (f" · {one.trend.word}" if one.trend.word else "", "bold"),
        (" · no case" if uncovered else "", "yellow"),
    )
