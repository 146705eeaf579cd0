"""A scorecard as Markdown, for the summary of a CI job or a comment on a change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from holdfast.evals.scores import card_words
from holdfast.evals.scores.baseline import Beside
from holdfast.evals.scores.card_words import figure, percent, span, usd
from holdfast.evals.scores.scorecard import CaseScore, Figure, Repeats, Scorecard
from holdfast.views import words

MARKS: Final = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}


def markdown(card: Scorecard, journal: str) -> str:
    """The page. journal: where its trials can be opened."""
    plan = card.plan
    lines = [
        f"## {MARKS[card.verdict]} {_plain(plan.suite)}: {card.verdict}", "",
        f"{_plain(card_words.headline(card))}.", "",
        f"{_plain(card_words.counted(card))}. Contract `{plan.contract}`, answered by {_listed(plan.models)}, seed {plan.seed}.", "",
        *_repeats(card), *_beside(card.beside), *_cases(card), *_failing(card, journal),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _repeats(card: Scorecard) -> Iterator[str]:
    if not card.repeats:
        return
    rightly = card.corrupt.rightly if card.corrupt is not None else ()
    right = ("rightly", "95 %") if rightly else ()
    head = ("k", "all of k trials pass (pass^k)", "95 %", *right, "one of k passes (pass@k)", "95 %")
    yield from _table(head, (_row(one, rightly[at : at + 1]) for at, one in enumerate(card.repeats)))
    if any(case.broken for case in card.informative):
        left = "; ".join(f"pass^{one.k} {' '.join(figure(one.every_left_out))}" for one in card.repeats)
        yield from (f"Trials that could not be made count as failures above. Left out: {left}.", "")
    if said := card_words.corrupt(card):
        yield from (f"Corrupt success: {_plain(said)}.", "")
    yield from (f"Cost per success: {card_words.cost(card)}.", "")


def _row(one: Repeats, rightly: Sequence[Figure]) -> tuple[str, ...]:
    return (str(one.k), *figure(one.every), *(text for each in rightly for text in figure(each)), *figure(one.some))


def _beside(found: Beside | None) -> Iterator[str]:
    if found is None:
        return
    yield from ("### Against the baseline", "")
    if found.difference is None:
        yield from ("No case can be compared.", "")
        return
    p = f", p = {found.mcnemar:.4f} (McNemar)" if found.mcnemar is not None else f", p = {found.p:.4f} (sign flips)"
    yield f"{percent(found.difference.point)} ({span(found.difference)}) in {words.count(found.cases, 'case')}{p}."
    if found.worse:
        yield f"Worse: {_listed(found.worse)}."
    if found.better:
        yield f"Better: {_listed(found.better)}."
    yield ""


def _cases(card: Scorecard) -> Iterator[str]:
    rows = (
        (
            f"`{_plain(case.name)}`", card_words.stands(case), f"{case.passed}/{case.trials}",
            usd(case.nusd / 1e9) if not case.unpriced else card_words.UNKNOWN, f"{case.seconds:.2f}", card_words.by_whom(case),
        )
        for case in card.cases
    )  # fmt: skip
    yield from _table(("case", "", "passed", "USD", "s", ""), rows)


def _failing(card: Scorecard, journal: str) -> Iterator[str]:
    for case in card.cases:
        if case.uninformative or not (case.misses or case.troubles):
            continue
        yield from (f"### {_plain(case.name)}", "")
        yield from (f"* {_missed(case, at)}" for at in range(len(case.misses)))
        yield from (f"* could not be made: {_plain(one.why)}" for one in case.troubles)
        run = (case.misses or case.troubles)[0].run
        yield from ("", "```console", f"$ {card_words.opened(run, journal)}", "```", "")


def _missed(case: CaseScore, at: int) -> str:
    one = case.misses[at]
    return f"**{one.grader}**: {_plain(one.why)} ({one.trials} of {words.count(case.trials, 'trial')})"


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    yield ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{_plain(name)}`" for name in names)


def _plain(text: str) -> str:
    """Words of others on one line: no markup of theirs, no code."""
    made = words.plain(text).replace("`", "'")
    return "".join(f"\\{char}" if char in "\\*_<>[]|#" else char for char in made)
