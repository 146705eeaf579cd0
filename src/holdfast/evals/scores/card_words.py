"""How a scorecard's figures are said, the same in a terminal, in Markdown and in JUnit's XML."""

from __future__ import annotations

from typing import Final

from holdfast.evals.scores.band import Band
from holdfast.evals.scores.scorecard import CaseScore, Figure, Plan, Scorecard
from holdfast.views import words

NONE: Final = "–"
UNKNOWN: Final = "unknown"


def headline(card: Scorecard) -> str:
    """What came of it, in a sentence."""
    return "; ".join(ruling.why for ruling in card.rulings)


def counted(card: Scorecard) -> str:
    """How much was played, and of what how much counts."""
    informative = card.informative
    passed, made = sum(case.passed for case in informative), sum(case.trials for case in informative)
    said = f"{passed:,} of {words.count(made, 'trial')} passed, in {words.count(len(informative), 'case')}"
    left = len(card.cases) - len(informative)
    return said + (f"; {words.count(left, 'case')} left out as uninformative" if left else "")


def before(plan: Plan) -> str:
    """What the suite can show, as it is said before it is played."""
    points = f"{100 * plan.detectable:.0f} points"
    many = f"{words.count(plan.cases, 'case')} × {words.count(plan.trials, 'trial')}"
    against = "from the baseline" if plan.margin is not None else "from a rate"
    return f"{many}: a difference of {points} {against} would be seen in 4 of 5 times, a smaller one less often"


def percent(value: float | None) -> str:
    """A share in percent, to a tenth."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def span(band: Band | None) -> str:
    """An interval of shares in percent."""
    if band is None or band.low is None or band.high is None:
        return UNKNOWN
    return f"{100 * band.low:.1f} to {100 * band.high:.1f} %"


def figure(found: Figure) -> tuple[str, str]:
    """(the figure, its interval)."""
    return (percent(found.band.point), span(found.band)) if found.band is not None else (NONE, "too few trials")


def usd(amount: float | None) -> str:
    """An amount of USD in four decimals; unknown where nobody knows it."""
    if amount is None:
        return UNKNOWN
    return "<0.0001" if 0 < amount < 0.00005 else f"{amount:,.4f}"


def cost(card: Scorecard) -> str:
    """What a success cost, with its interval."""
    band = card.cost_per_success
    if card.unpriced:
        return f"{UNKNOWN}: {words.count(card.unpriced, 'answer')} came of models of which nobody knows the price"
    if band is None:
        return NONE
    if not card.nusd:
        return "0.0000 USD: what answers here costs nothing"
    if band.point is None:
        return f"there was none; {usd(band.low)} USD at least"
    high = usd(band.high) if band.high is not None else "no bound above"
    return f"{usd(band.point)} USD  ({usd(band.low)} to {high})"


def corrupt(card: Scorecard) -> str:
    """How many of the successes are none for the right reason, and what speaks against them; empty where nobody looked."""
    found = card.corrupt
    if found is None:
        return ""
    if not found.corrupt:
        return f"none of {words.count(found.passes, 'pass', 'passes')}  ({span(found.share)})"
    many = f"{found.corrupt:,} of {words.count(found.passes, 'pass', 'passes')}, {percent(found.share.point)}  ({span(found.share)})"
    return f"{many}: {words.listed([f'{name} {times}' for name, times in found.against.items()])}"


def stands(case: CaseScore) -> str:
    """How a case came out, in a word."""
    if case.uninformative:
        return "uninformative"
    if not case.trials:
        return "not played"
    return "failed" if case.failed else "not made" if case.broken else "passed"


def by_whom(case: CaseScore) -> str:
    """Which null agents pass a case, and what speaks against its passes."""
    if case.uninformative:
        return f"{words.listed(list(case.uninformative))} passes it too"
    return f"{case.corrupt} corrupt: {words.listed(list(case.against))}" if case.corrupt else ""


def opened(run: str, journal: str) -> str:
    """The command that opens a trial."""
    return f"holdfast show {run} --journal {journal}"
