"""A scorecard as text, at a hundred columns: the verdict first, then why, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast.evals.scores import card_words
from holdfast.evals.scores.card_words import figure, span, usd
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from holdfast.evals.scores.baseline import Beside
    from holdfast.evals.scores.gates import Ruling
    from holdfast.evals.scores.scorecard import CaseScore, Missed, Scorecard

STYLES: Final = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
OF_CASES: Final = {
    "passed": "green",
    "failed": "red",
    "uninformative": "dim",
    "not made": "yellow",
    "not played": "dim",
}
CASES: Final = 30
"""Cases of which all are listed; of more, those that are not well."""
MISSES: Final = 4
"""Misses of one case that are told; JSON has all."""


def text(card: Scorecard, journal: str) -> list[RenderableType]:
    """All of it. journal: where its trials can be opened."""
    parts: list[RenderableType] = [_head(card), Text(), *map(_ruling, card.rulings), _hanging(card_words.counted(card))]
    parts += [_hanging(note, "dim") for note in _notes(card)]
    if card.repeats:
        parts += [Text(), _repeats(card), *_left_out(card)]
    if said := card_words.corrupt(card):
        parts += [_line("corrupt", said)]
    parts += [_line("a success costs", card_words.cost(card))]
    if card.graders:
        many = words.listed([f"{name} {count}" for name, count in card.graders.items()])
        parts += [_line("failed by", f"{many}  (trials)")]
    if card.beside is not None:
        parts += [Text(), *_beside(card.beside)]
    parts += [Text(), *_cases(card)]
    for case in card.cases:
        if not case.uninformative and (case.misses or case.troubles):
            parts += [Text(), *_failing(case, journal)]
    return parts


def _head(card: Scorecard) -> RenderableType:
    plan = card.plan
    many = f"{words.count(plan.cases, 'case')} × {words.count(plan.trials, 'trial')}"
    models = ", ".join(map(words.plain, plan.models))
    return Text.assemble(
        (words.plain(plan.suite), "bold"), f"  {many} · contract {plan.contract} · {models} · seed {plan.seed}"
    )


def _ruling(ruling: Ruling) -> RenderableType:
    return Text.assemble((ruling.verdict.upper(), STYLES[ruling.verdict]), f"  {words.plain(ruling.why)}")


def _notes(card: Scorecard) -> Iterator[str]:
    if card.stopped_early:
        yield f"stopped after {words.count(card.played, 'trial')}: the gate had its verdict; intervals are of what was played"
    if card.cached:
        yield f"{words.count(card.cached, 'answer')} came out of the cache; what they cost was paid before"
    if not card.nulls:
        yield "no null agent played: nobody knows which cases say anything"


def _repeats(card: Scorecard) -> RenderableType:
    rightly = card.corrupt.rightly if card.corrupt is not None else ()
    made = _table(
        "of k trials", *("all pass (pass^k)", "95 %", *(("rightly",) if rightly else ()), "one passes (pass@k)", "95 %")
    )
    for at, one in enumerate(card.repeats):
        every, some = figure(one.every), figure(one.some)
        right = (figure(rightly[at])[0],) if rightly else ()
        made.add_row(f"k = {one.k}", Text(every[0], style="bold"), every[1], *right, some[0], some[1])
    return made


def _left_out(card: Scorecard) -> Iterator[RenderableType]:
    """The other convention, where it makes a difference."""
    if not any(case.broken for case in card.informative):
        return
    ends = dict.fromkeys((card.repeats[0], card.repeats[-1]))
    said = words.listed([f"pass^{one.k} {' ('.join(figure(one.every_left_out))})" for one in ends])
    short = max(one.every_left_out.short for one in ends)
    few = f"; {words.count(short, 'case')} had too few trials for it" if short else ""
    yield _hanging(f"what could not be made counts as failed above; left out: {said}{few}", "yellow")


def _beside(found: Beside) -> Iterator[RenderableType]:
    models = ", ".join(map(words.plain, found.models))
    yield Text.assemble(("against the baseline", "bold"), f"  contract {found.contract} · {models}")
    if found.difference is None:
        yield _hanging("no case can be compared", "yellow")
        return
    if found.mcnemar is not None and found.pairs is not None:
        both, ours, theirs, neither = found.pairs
        pairs = f"both passed {both}, only this {ours}, only the baseline {theirs}, neither {neither}"
        yield _line("single trials", f"{pairs}: McNemar p = {found.mcnemar:.4f}")
    how = "every choice of signs" if found.exact else "10,000 draws of signs"
    difference = f"{100 * (found.difference.point or 0):+.1f} points"
    yield _line("difference", f"{difference}  ({span(found.difference)}), p = {found.p:.4f} by {how}")
    if found.cost_per_success is not None and found.cost_per_success.point:
        yield _line("a success cost", f"{usd(found.cost_per_success.point)} USD")
    for name, cases in (("worse", found.worse), ("better", found.better), ("not compared", found.left_out)):
        if cases:
            yield _line(name, words.shortened(", ".join(cases), 240))


def _cases(card: Scorecard) -> Iterator[RenderableType]:
    shown = [case for case in card.cases if len(card.cases) <= CASES or card_words.stands(case) != "passed"]
    made = _table("case", "passed", "", "USD", "s", "")
    for column in (2, 5):
        made.columns[column].justify = "left"
    made.columns[5].no_wrap = False
    for case in shown:
        word = card_words.stands(case)
        cost = usd(case.nusd / 1e9) if not case.unpriced else card_words.UNKNOWN
        made.add_row(
            case.name, f"{case.passed}/{case.trials}", Text(word, style=OF_CASES[word]), cost, f"{case.seconds:.2f}",
            Text(card_words.by_whom(case), style="dim"),
        )  # fmt: skip
    if shown:
        yield made
    if left := len(card.cases) - len(shown):
        yield Text(f"and {words.count(left, 'case')} that passed every trial: --json has them", style="dim")


def _failing(case: CaseScore, journal: str) -> Iterator[RenderableType]:
    what = f"{case.failed} of {words.count(case.trials, 'trial')} failed" if case.failed else f"{case.broken} not made"
    style = "bold red" if case.failed else "bold yellow"
    yield Text.assemble(
        (case.name, style), f"  {what}", (f"  {words.shortened(case.about, 60)}" if case.about else "", "dim")
    )
    for missed in case.misses[:MISSES]:
        yield _missed(missed, case)
    if (left := len(case.misses) - MISSES) > 0:
        yield _hanging(f"and {words.count(left, 'miss', 'misses')} more: --json has all", "dim")
    for trouble in case.troubles[:MISSES]:
        yield _hanging(f"could not be made: {words.shortened(trouble.why, 300)}")
    yield Padding(Text(card_words.opened((case.misses or case.troubles)[0].run, journal), style="cyan"), (0, 0, 0, 4))


def _missed(missed: Missed, case: CaseScore) -> RenderableType:
    often = f"  {missed.trials}×" if case.trials > 1 else ""
    said = Text.assemble((f"{missed.grader}: ", "bold"), words.shortened(missed.why, 400), (often, "dim"))
    return Padding(said, (0, 0, 0, 2), expand=False)


def _line(name: str, said: str) -> RenderableType:
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(min_width=16, no_wrap=True, style="dim")
    made.add_column()
    made.add_row(name, Text(said))
    return made


def _hanging(said: str, style: str = "") -> RenderableType:
    return Padding(Text(words.plain(said), style=style), (0, 0, 0, 2), expand=False)


def _table(first: str, *columns: str) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column(Text(first, style="bold"), min_width=16, overflow="fold")
    for name in columns:
        made.add_column(name, justify="right", no_wrap=True)
    return made
