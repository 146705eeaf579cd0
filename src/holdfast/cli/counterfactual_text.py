"""A counterfactual as text, at a hundred columns: what was forked, what came of it, and what that says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast.cli.cost_text import usd
from holdfast.evals.reason.arms import Plan
from holdfast.evals.reason.counterfactual import Found, Tried, verdict
from holdfast.evals.reason.decision import Decision
from holdfast.evals.stats.rates import Interval
from holdfast.evals.stats.reasons import SAFE, SENSITIVE, STEADY, least
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES: Final = {"RIGHT_REASON": "bold green", "WRONG_REASON": "bold red", "INCONCLUSIVE": "bold yellow"}
SCRIPTED: Final = (
    "A scripted stand-in answers in the forks, and no model: what comes of it is said of the script, "
    "and of no model's quality."
)
FEW: Final = 10
"""Runs below which nothing is said of other ones."""


def beforehand(plans: Sequence[Plan], k: int) -> list[str]:
    """What is going to be forked, and what can be shown by it at all."""
    arms = Counter(arm.kind for plan in plans for arm in plan.arms)
    fields = len({arm.name for plan in plans for arm in plan.arms if arm.kind == "flip"})
    few, made = least(fields), {kind: count * k for kind, count in arms.items()}
    each = min((k * sum(arm.name == name for plan in plans for arm in plan.arms) for name in _flips(plans)), default=0)
    lines = [
        f"{words.count(sum(made.values()), 'fork')} of {words.count(len(plans), 'run')}, {k} in each arm: "
        + ", ".join(f"{made[kind]} {kind}" for kind in ("control", "flip", "withhold", "placebo") if made.get(kind)),
        f"RIGHT_REASON takes, if all goes perfectly, {few.sensitive} forks with another value of a field, {few.safe} with a tool "
        f"withheld and {few.steady} placebos; WRONG_REASON takes {few.wrong} of a field",
    ]
    short = [
        what
        for what, has, takes in (
            ("fields", each, few.sensitive), ("what is withheld", made.get("withhold", 0), few.safe),
            ("placebos", min(made.get("placebo", 0), made.get("control", 0)), few.steady),
        )
        if has < takes
    ]  # fmt: skip
    if short:
        lines.append(f"too few of {words.listed(short)}: this cannot come to RIGHT_REASON, whatever it shows")
    return lines


def _flips(plans: Sequence[Plan]) -> set[str]:
    return {arm.name for plan in plans for arm in plan.arms if arm.kind == "flip"}


def text(agent: str, decision: Decision, tried: Sequence[Tried], found: Found, k: int) -> list[RenderableType]:
    """Everything about it."""
    parts: list[RenderableType] = [Text.assemble((words.plain(agent), "bold"), f"  {decision.name}: {decision.what}")]
    if any(one.scripted for one in tried):
        parts.append(Text(SCRIPTED, style="yellow"))
    parts += [Text(), *(_told(tried[0]) if len(tried) == 1 else [_runs(tried, decision)])]
    parts += [Text(), _arms(tried), Text(), _figures(found), Text()]
    parts.append(Text.assemble((found.verdict, STYLES[found.verdict]), f"  {_meaning(found, tried)}"))
    parts += [Padding(Text(f"{words.plain(line)}."), (0, 0, 0, 2)) for line in _besides(tried, found, k)]
    return parts


def _told(tried: Tried) -> Iterator[RenderableType]:
    plan = tried.plan
    outcome = {
        True: "its outcome is right",
        False: "its outcome is wrong",
        None: "nobody said whether its outcome is right",
    }
    yield Text(
        f"{plan.run} decided {words.plain(plan.decided.text)} in entry {plan.decided.seq}; {outcome[plan.passed]}."
    )
    for one in plan.evidence:
        mark, style = ("✓", "green") if one.holds else ("✗", "red")
        place = f"  [{one.seq}]" if one.seq else ""
        yield Padding(
            Text.assemble((mark, style), f" {one.field}: {words.plain(one.why)}", (place, "dim")), (0, 0, 0, 2)
        )


def _runs(tried: Sequence[Tried], decision: Decision) -> RenderableType:
    made = _table("run", "decided", "outcome", "evidence", "by itself")
    for one in tried:
        said = {True: "right", False: "wrong", None: "unsaid"}[one.plan.passed]
        missing = sum(not held.holds for held in one.plan.evidence)
        alone = verdict([one], decision).verdict
        evidence = "held" if not missing else f"{missing} lacking"
        made.add_row(one.plan.run, words.plain(one.plan.decided.text), said, evidence, Text(alone, style=STYLES[alone]))
    return made


def _arms(tried: Sequence[Tried]) -> RenderableType:
    made = _table("arm", "what is otherwise", "forks", "same", "expected", "safe", "other", "not counted", right=6)
    kinds = dict.fromkeys((arm.kind, arm.name) for one in tried for arm in one.plan.arms)
    for kind, name in kinds:
        mine = [fork for one in tried for fork in one.forks if (fork.kind, fork.arm) == (kind, name)]
        what = next(arm.what for one in tried for arm in one.plan.arms if (arm.kind, arm.name) == (kind, name))
        told = name if len(tried) > 1 or kind in ("control", "withhold") else f"{name.partition(' → ')[0]}: {what}"
        sorts = Counter(fork.sort for fork in mine)
        counts = [len(mine), *(sorts[sort] for sort in ("same", "expected", "safe", "other")), sorts[""]]
        made.add_row(kind, "nothing" if kind == "control" else words.plain(told), *map(_count, counts))
    return made


def _count(count: int) -> str:
    return str(count) if count else "–"


def _figures(found: Found) -> RenderableType:
    made = _table("figure", "of", "is", "95 %", "has to be")
    figures = found.figures
    for flip in figures.flips:
        made.add_row("S − ν", words.plain(flip.name), *_interval(flip.above, low=SENSITIVE))
    if figures.withheld is not None:
        made.add_row("W", "what was withheld", *_interval(figures.withheld, low=SAFE))
    if figures.placebo is not None:
        made.add_row("Q − ν", "placebos", *_interval(figures.placebo.above, high=STEADY))
    if figures.noise is not None:
        shown = figures.noise
        made.add_row("ν", "nothing otherwise", f"{shown.point:.2f}", f"{shown.low:.2f} to {shown.high:.2f}", "")
    return made


def _interval(shown: Interval, low: float | None = None, high: float | None = None) -> list[Text]:
    holds = shown.low > low if low is not None else shown.high < (high or 0)
    style = "green" if holds else "yellow"
    need = f"above {low}" if low is not None else f"below {high}"
    return [Text(f"{shown.point:.2f}"), Text(f"{shown.low:.2f} to {shown.high:.2f}", style=style), Text(need)]


def _meaning(found: Found, tried: Sequence[Tried]) -> str:
    match found.verdict:
        case "RIGHT_REASON":
            return "what it decides follows what it has to rest on, and nothing else that was changed."
        case "WRONG_REASON":
            right = all(one.plan.passed for one in tried)
            whose = "the outcome is right, and" if right else "nobody said that the outcome is wrong, and"
            return f"{whose} what it decides does not follow what it has to rest on."
        case _:
            return "these forks do not show whether it was for the right reason."


def _besides(tried: Sequence[Tried], found: Found, k: int) -> Iterator[str]:
    yield from found.because
    forks = [fork for one in tried for fork in one.forks]
    times = found.figures.times
    if found.verdict == "INCONCLUSIVE" and times is not None:
        more = ceil(k * times)
        yield f"if they come out like these, --k {more} would decide it: {len(forks) * (more - k) // k} forks more"
    elif found.verdict == "INCONCLUSIVE":
        yield "more forks alone would not decide it"
    missing = Counter(f"{one.field}: {one.why}" for one in found.missing) if len(tried) > 1 else Counter()
    yield from (f"{what} ({words.count(count, 'run')})" for what, count in missing.items())
    left_out = Counter(what for one in tried for what in one.plan.left_out)
    yield from (f"left out: {what}" + (f" ({count} runs)" if count > 1 else "") for what, count in left_out.items())
    troubles = Counter(fork.trouble for one in tried for fork in one.forks if fork.trouble)
    yield from (f"{words.count(count, 'fork')} not counted: {why}" for why, count in troubles.items())
    if 1 < len(tried) < FEW:
        yield f"it is said of these {len(tried)} runs; of others like them it takes {FEW} or more"
    first = forks[0].run if forks else ""
    cost = sum(fork.nusd for fork in forks)
    yield f"{words.count(len(forks), 'fork')} cost {usd(cost)} USD and changed nothing outside; each is a run: holdfast show {first}"


def _table(*columns: str, right: int = 0) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for at, name in enumerate(columns):
        numbers = right and at >= len(columns) - right
        made.add_column(name, justify="right" if numbers else "left", overflow="fold")
    return made
