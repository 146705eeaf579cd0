"""A comparison as Markdown, for the summary of a CI job or a comment on a change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from holdfast.evals.compare import words
from holdfast.evals.compare.figures import Compared, SideScore
from holdfast.evals.compare.verdict import DOES_NOT, EARNS, UNKNOWN, Verdict
from holdfast.evals.scores.card_words import opened
from holdfast.views.words import count, listed, plain

MARKS: Final[dict[Verdict, str]] = {EARNS: "✅", DOES_NOT: "❌", UNKNOWN: "❔"}


def markdown(compared: Compared, journal: str) -> str:
    """The page. journal: where its trials can be opened."""
    plan = compared.plan
    of = listed([f"`{_plain(side.name)}`" for side in compared.sides[1:]])
    faults = f", faults `{plan.faults}`" if plan.faults else ""
    stakes = _plain(words.sentence(words.stakes(plan)))
    lines = [
        f"## {MARKS[compared.verdict]} {of} against `{_plain(plan.sides[0])}`: {words.ruled(compared.verdict)}", "",
        *(f"* **{words.ruled(pair.verdict)}**: {_plain(words.headline(compared, pair))}" for pair in compared.pairs), "",
        f"{count(plan.cases, 'case')} × {count(plan.trials, 'trial')}, paired, seed {plan.seed}{faults}. {stakes}", "",
        *_sides(compared), *_pairs(compared), *_failures(compared, journal),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _sides(compared: Compared) -> Iterator[str]:
    head = ["", *(f"{side.letter} `{_plain(side.name)}`" for side in compared.sides)]
    yield from _table(head, [[what, *cells] for what, cells in words.of_sides(compared)])


def _pairs(compared: Compared) -> Iterator[str]:
    for pair in compared.pairs:
        yield from (f"### {pair.other} − {pair.one}", "")
        yield from _table(["", "difference"], [[what, _plain(said)] for what, said in words.of_pair(compared, pair)])


def _failures(compared: Compared, journal: str) -> Iterator[str]:
    failed = [side for side in compared.sides if side.failed]
    if not failed:
        return
    yield from ("### What failed", "")
    for side in failed:
        many = count(side.failed, "trial")
        yield f"* {side.letter} `{_plain(side.name)}`: {many}; found in them: {_plain(words.failures(side))}{_by(side)}"
    yield from ("", "```console", *(f"$ {opened(side.examples[0], journal)}" for side in failed), "```", "")


def _by(side: SideScore) -> str:
    return (
        f"; failed by {_plain(listed([f'{name} {many}' for name, many in side.graders.items()]))}"
        if side.graders
        else ""
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _plain(text: str) -> str:
    """Words of others on one line: no markup of theirs, no code."""
    made = plain(text).replace("`", "'")
    return "".join(f"\\{char}" if char in "\\*_<>[]|#" else char for char in made)
