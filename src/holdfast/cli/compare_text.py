"""A comparison as text, at a hundred columns: the verdict first, then each agent's figures side by side, then the differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast.evals.compare import words
from holdfast.evals.compare.verdict import DOES_NOT, EARNS, UNKNOWN
from holdfast.evals.scores.card_words import opened
from holdfast.views.words import count, listed, plain, shortened

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.evals.compare.figures import Compared, PairScore, SideScore

STYLES: Final = {EARNS: "bold green", DOES_NOT: "bold red", UNKNOWN: "bold yellow"}

NAME: Final = 24
"""Characters of a name at the head of a column."""


def text(compared: Compared, journal: str) -> list[RenderableType]:
    """All of it. journal: where its trials can be opened."""
    first = compared.sides[0].letter
    parts: list[RenderableType] = [_head(compared), _hanging(words.stakes(compared.plan), "dim"), Text()]
    for pair in compared.pairs:
        if pair.one == first:
            parts += _verdict(compared, pair)
    parts += [Text(), *_sides(compared)]
    for pair in compared.pairs:
        parts += [Text(), *_pair(compared, pair)]
    parts += _failing(compared, journal)
    return parts


def _head(compared: Compared) -> Text:
    plan = compared.plan
    names = " · ".join(f"{side.letter} {shortened(plain(side.name), 40)}" for side in compared.sides)
    faults = f" · faults {plan.faults}" if plan.faults else ""
    families = f" of {count(plan.families, 'family', 'families')}" if plan.families != plan.cases else ""
    many = f"{count(plan.cases, 'case')}{families} × {count(plan.trials, 'trial')}, paired"
    return Text.assemble((names, "bold"), f"  {many} · seed {plan.seed}{faults}")


def _verdict(compared: Compared, pair: PairScore) -> Iterator[RenderableType]:
    said = Text.assemble(
        (words.ruled(pair.verdict).upper(), STYLES[pair.verdict]), f"  {plain(words.headline(compared, pair))}"
    )
    yield said
    if words.hidden(pair):
        yield _hanging(
            "no case parts them in success: a difference may still hide in cases that are not here, and the interval allows for it",
            "yellow",
        )


def _sides(compared: Compared) -> Iterator[RenderableType]:
    """The figures of all sides, as many side by side as a line holds."""
    for begin in range(0, len(compared.sides), _wide(compared)):
        sides = compared.sides[begin : begin + _wide(compared)]
        made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
        made.add_column("", min_width=24, no_wrap=True, style="dim")
        for side in sides:
            made.add_column(f"{side.letter}  {words.cut(side.name, NAME)}", no_wrap=True)
        for what, cells in words.of_sides(compared):
            made.add_row(what, *cells[begin : begin + len(sides)])
        if begin:
            yield Text()
        yield made


def _wide(compared: Compared) -> int:
    """How many columns fit beside the names of the rows."""
    widest = max(len(cell) for _, cells in words.of_sides(compared) for cell in cells)
    return max(1, (100 - 27 - 3) // (widest + 3))


def _pair(compared: Compared, pair: PairScore) -> Iterator[RenderableType]:
    yield Text.assemble((f"{pair.other} − {pair.one}", "bold"), ("  paired by case, 95 % unless it is said", "dim"))
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(min_width=12, no_wrap=True, style="dim")
    made.add_column()
    for what, said in words.of_pair(compared, pair):
        made.add_row(what, Text(plain(said)))
    yield Padding(made, (0, 0, 0, 2), expand=False)


def _failing(compared: Compared, journal: str) -> Iterator[RenderableType]:
    for side in compared.sides:
        if not side.failed:
            continue
        yield Text()
        yield Text.assemble((f"{side.letter}  {count(side.failed, 'trial')} failed", "bold red"), f"  {_graders(side)}")
        yield _hanging(f"found in them: {words.failures(side)}")
        yield Padding(Text(opened(side.examples[0], journal), style="cyan"), (0, 0, 0, 4))


def _graders(side: SideScore) -> str:
    return f"by {listed([f'{plain(name)} {many}' for name, many in side.graders.items()])}" if side.graders else ""


def _hanging(said: str, style: str = "") -> RenderableType:
    return Padding(Text(plain(said), style=style), (0, 0, 0, 2), expand=False)
