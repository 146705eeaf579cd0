"""How a comparison's figures are said, the same in a terminal, in Markdown and in its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import floor, log10
from typing import Final, TypeAlias

from holdfast.evals.compare.figures import Compared, PairScore, Plan, SideScore
from holdfast.evals.compare.verdict import DOES_NOT, EARNS, Verdict
from holdfast.evals.scores.band import Band
from holdfast.evals.scores.card_words import percent
from holdfast.views import words

UNKNOWN: Final = "unknown"
ALIKE: Final = "(in every case)"

Say: TypeAlias = Callable[[float | None], str]
"""How a figure is written."""


def before(plan: Plan) -> str:
    """What the comparison can show, as it is said before it is played."""
    many = f"{words.count(plan.cases, 'case')} × {words.count(plan.trials, 'trial')} × {words.count(len(plan.sides), 'agent')}"
    families = f" in {words.count(plan.families, 'family', 'families')}" if plan.families != plan.cases else ""
    worth = usd(plan.detectable * plan.stakes.swing)
    return (
        f"{many}{families}: a difference of {100 * plan.detectable:.0f} points of success, worth {worth} USD a run, would be seen "
        "in 4 of 5 times, a smaller one less often"
    )


def stakes(plan: Plan) -> str:
    """What is weighed, and who says so."""
    found = plan.stakes
    people = f"a reviewer's minute {usd(found.reviewer_minute)}, {found.question_minutes:g} min a question assumed"
    margin = f"; less than {usd(plan.margin)} a run more is no reason" if plan.margin else ""
    said = f"  ({found.source})" if found.source else ""
    return f"a success is worth {usd(found.success)} USD, a failure {usd(found.failure)}, {people}{margin}{said}"


def sentence(said: str) -> str:
    """Words as a sentence of their own."""
    return " ".join(f"{said[0].upper()}{said[1:]}.".split())


def cut(name: str, most: int) -> str:
    """A name in so many characters."""
    name = words.plain(name)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def ruled(verdict: Verdict) -> str:
    """A verdict, said whole."""
    return "does not earn its complexity" if verdict == DOES_NOT else verdict


def headline(compared: Compared, pair: PairScore) -> str:
    """The verdict on a pair in a sentence, with what it rests on."""
    one, other = named(compared, pair.one), named(compared, pair.other)
    if pair.net is None:
        return f"{other} against {one}: {_why_not(compared, pair)}"
    amount, span = signed(pair.net.point), spread(pair.net, signed)
    if pair.verdict == EARNS:
        return f"{other} is worth {amount} USD a run more than {one} ({span})"
    if pair.verdict == DOES_NOT:
        margin = compared.plan.margin
        no_more = f"no more than {usd(margin)} USD a run above" if margin else "no more than"
        return f"{other} is shown to be worth {no_more} {one}: {amount} USD a run ({span})"
    return f"{other} against {one}: {amount} USD a run ({span}); {_why_not(compared, pair)}"


def _why_not(compared: Compared, pair: PairScore) -> str:
    if not pair.cases:
        return "no trial was made by both"
    if pair.net is None:
        return "a price is not known, so nobody knows what a run is worth"
    if pair.open_trials:
        return f"{words.count(pair.open_trials, 'trial')} could not be made, and might turn it"
    noun = ("case", "cases") if pair.families == pair.cases else ("family of cases", "families of cases")
    if pair.more is None:
        return "no number of cases would show a difference this small"
    return f"some {words.count(pair.more, *noun)} more like these would decide"


def hidden(pair: PairScore) -> bool:
    """Whether no case parts the two, so that what may hide is in the interval."""
    return pair.net is not None and "may hide" in pair.net.method


def named(compared: Compared, letter: str) -> str:
    """A side's name."""
    return next(side.name for side in compared.sides if side.letter == letter)


def chances(compared: Compared, pair: PairScore) -> str:
    """How single trials came out, pair by pair, and how surprising that is."""
    both, one, other, neither = pair.pairs
    said = f"both {both:,}, only {pair.one} {one:,}, only {pair.other} {other:,}, neither {neither:,}"
    alone = compared.plan.trials == 1 and pair.families == pair.cases
    caveat = "" if alone else ", too small: trials of a case are alike"
    return f"{said}; McNemar {chance(pair.mcnemar)}{caveat}"


def failures(side: SideScore) -> str:
    """Which detectors found something in failed trials, and how many trials had none."""
    parts = [f"{name} {count}" for name, count in side.failures.items()]
    if side.undetected:
        parts.append(f"nothing a detector knows {side.undetected}")
    return words.listed(parts) if parts else "none failed"


# ---------------------------------------------------------------------------------------------------------------- figures


def usd(amount: float | None) -> str:
    """An amount of USD, with as many decimals as mean something."""
    if amount is None:
        return UNKNOWN
    size = abs(amount)
    if not size or size >= 1:
        return f"{amount:,.2f}"
    if size < 0.0000005:
        return "0.00"
    text = f"{amount:.{max(4, 1 - floor(log10(size)))}f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def signed(amount: float | None) -> str:
    """An amount of USD with its sign."""
    return f"+{usd(amount)}" if amount is not None and amount > 0 else usd(amount)


def points(share: float | None) -> str:
    """A difference of shares in points of a hundred, with its sign."""
    return UNKNOWN if share is None else f"{100 * share:+.1f}"


def chance(p: float) -> str:
    """How often chance alone would do it."""
    return f"p = {p:.4f}" if p >= 0.00005 else "p < 0.0001"


def number(value: float | None) -> str:
    """Any other figure, with its sign."""
    return UNKNOWN if value is None else f"{value:+.2f}"


def spread(band: Band | None, say: Say) -> str:
    """An interval."""
    if band is None or band.low is None or band.high is None:
        return f"interval {UNKNOWN}"
    return f"{say(band.low)} to {say(band.high)}"


def with_spread(band: Band | None, say: Say) -> str:
    """A figure with its interval."""
    if band is None or band.point is None:
        return UNKNOWN
    return f"{say(band.point)} {ALIKE if band.low == band.high else f'({spread(band, say)})'}"


def share(band: Band) -> str:
    """A share in percent with its interval in whole percents, short."""
    if band.point is None or band.low is None or band.high is None:
        return UNKNOWN
    return f"{percent(band.point)} ({100 * band.low:.0f} to {100 * band.high:.0f})"


def seconds(value: float) -> str:
    """A time that somebody waits."""
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def of_sides(compared: Compared) -> Iterator[tuple[str, list[str]]]:
    """(what, what it is of each side): the table."""
    k, sides = compared.plan.trials, compared.sides
    yield "passes (pass^1)", [share(side.pass_1) for side in sides]
    if k > 1:
        yield f"every time (pass^{k})", [share(side.pass_k) for side in sides]
    yield "models, USD a run", [_amount(side.usd_run) for side in sides]
    yield "USD a success, with people", [_success(side) for side in sides]
    yield "median · p95", [f"{seconds(side.median_seconds)} · {seconds(side.p95_seconds)}" for side in sides]
    yield "questions a run", [f"{side.questions.point or 0:.2f} ({side.minutes:.1f} min)" for side in sides]
    yield "tokens a run, in · out", [f"{side.input_tokens:,.0f} · {side.output_tokens:,.0f}" for side in sides]
    if any(side.runs > 1 for side in sides):
        yield "runs a trial", [f"{side.runs:.1f}" for side in sides]
    if compared.plan.faults:
        yield "faults that landed", [f"{side.landed:,}" for side in sides]
    if any(side.broken for side in sides):
        yield "could not be made", [f"{side.broken:,}" for side in sides]
    yield "net benefit, USD a run", [_amount(side.net) for side in sides]


def of_pair(compared: Compared, pair: PairScore) -> Iterator[tuple[str, str]]:
    """(what, by how much the more complex side is above): the lines of a pair."""
    k = compared.plan.trials
    how = "every choice of signs" if pair.exact else "10,000 draws of signs"
    yield "pass^1", f"{with_spread(pair.pass_1, points)} points, {chance(pair.p)} by {how}"
    if k > 1 and pair.pass_k is not None:
        yield f"pass^{k}", f"{with_spread(pair.pass_k, points)} points"
    yield "trials", chances(compared, pair)
    more = f"; a success more costs {usd(pair.usd_of_a_success_more)} with people" if pair.usd_of_a_success_more else ""
    yield "models", f"{with_spread(pair.usd, signed)} USD a run{more}"
    yield "people", f"{with_spread(pair.questions, number)} questions a run"
    yield "time", f"{with_spread(pair.seconds, number)} s"
    yield "net benefit", f"{with_spread(pair.net, signed)} USD a run, at {100 * compared.level:.4g} %"
    for what, names in (("better in", pair.better), ("worse in", pair.worse), ("left out", pair.left_out)):
        if names:
            yield what, words.shortened(f"{words.count(len(names), 'case')}: {', '.join(names)}", 240)


def _amount(band: Band | None) -> str:
    if band is None or band.point is None:
        return UNKNOWN
    return with_spread(band, usd)


def _success(side: SideScore) -> str:
    band = side.usd_success
    if band is None:
        return UNKNOWN
    if band.point is None:
        return f"no success; {usd(band.low)} at least"
    return f"{usd(band.point)} ({usd(band.low)} to {usd(band.high) if band.high is not None else 'no bound'})"
