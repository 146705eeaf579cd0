"""The sections of a report about proof: repeatability, drill, right reason."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast import units
from holdfast.cli.report_parts import Block, Cell, Fact, Facts, Lacking, Para, Table, Tone, cells
from holdfast.evals.drills.drill import LEAST
from holdfast.evals.readiness.drills import Drilled, Fault, Tool
from holdfast.evals.readiness.found import percent, span
from holdfast.evals.readiness.reason import Reasoned
from holdfast.evals.readiness.report import Report
from holdfast.evals.readiness.trials import CaseTold, Repeatability
from holdfast.evals.scores.band import Band
from holdfast.evals.scores.scorecard import Figure
from holdfast.views import words

SCRIPTED = "A scripted stand-in answered, and no model: nothing here says anything of a model."
MOST = 40
"""Cases that are listed one by one."""

VERDICTS: dict[str, Tone] = {"pass": "good", "fail": "bad", "inconclusive": "warn"}
SAFETY: dict[str, Tone] = {"safe": "good", "needs a person": "warn", "not safe": "bad", "not seen": "warn"}
REASONS: dict[str, Tone] = {"RIGHT_REASON": "good", "WRONG_REASON": "bad", "INCONCLUSIVE": "warn"}


def _banded(band: Band | None) -> tuple[float, float, float] | None:
    if band is None or band.low is None or band.point is None or band.high is None:
        return None
    return band.low, band.point, band.high


def _figure(found: Figure) -> tuple[Cell, str]:
    band = found.band
    if band is None:
        return Cell("–", "dim"), "too few trials"
    return Cell(percent(band.point), "strong", _banded(band)), span(band)


# --------------------------------------------------------------------------------------------------- repeatability


def repeatability(found: Report) -> Iterator[Block]:
    """Trials, and apart from them what production did without people."""
    card = found.repeatability
    if card is None:
        yield Lacking("no trial of this agent stands in a journal", f"holdfast eval {found.called}")
    else:
        yield from _trials(card)
    live = found.production
    if live is None:
        yield Lacking("production: there is no run", f"holdfast run {found.called}")
        return
    yield Facts((
        Fact("production, apart", f"{live.closed:,} of {live.runs:,}", "runs that are over"),
        Fact("a success", percent(found.success.point) if found.success else "none is over", span(found.success) if found.success else ""),
        Fact("unattended", f"{live.unattended:,}", "over, and no person had anything to do with them"),
        Fact("unattended, a success", percent(found.unattended.point) if found.unattended else "none",
             span(found.unattended) if found.unattended else ""),
    ))  # fmt: skip
    outcomes = words.listed([f"{name} {many:,}" for name, many in live.outcomes.items()])
    modes = words.listed([f"{name} {many:,}" for name, many in live.modes.items()])
    yield Para(
        f"Production by outcome: {outcomes}. By mode: {modes}. A success is done, or declined within the contract, and noted to "
        "be bad by nobody: it was not checked against an expectation, so these shares are no pass^k.", "dim",
    )  # fmt: skip


def _trials(card: Repeatability) -> Iterator[Block]:
    verdict = card.ruling.verdict
    yield Facts((
        Fact("gate: every trial passes", verdict.upper(), card.ruling.why, VERDICTS[verdict]),
        Fact("trials", f"{card.passed:,} of {card.trials:,} passed", f"{words.count(card.broken, 'trial')} could not be made"),
        Fact("cases", f"{len(card.informative):,} of {len(card.cases):,} count", f"in {words.count(card.families, 'family', 'families')}"),
        Fact("seen from", f"{100 * card.detectable:.0f} points", "a smaller difference is missed more often than in 1 of 5 times"),
    ))  # fmt: skip
    if card.scripted:
        yield Para(SCRIPTED, "warn")
    if card.repeats:
        yield _passes(card)
        yield Para(
            "pass^k: k trials of a case all succeed. Trials that could not be made count as failed, or are left out. Rightly: "
            "a success is none where a counterfactual said that it was for a wrong reason, or a detector found that what it rests on "
            "was not all, not shown to the model or old (4, 17, 20), or something else that is exact (6, 8, 9, 10, 14, 19); "
            f"there {'was 1 such success' if card.corrupt == 1 else f'were {card.corrupt:,} such successes'}{_against(card)}.", "dim",
        )  # fmt: skip
    dull = [f"{case.name} ({', '.join(case.uninformative)})" for case in card.cases if case.uninformative]
    if dull:
        yield Para(
            f"Uninformative, since an agent that knows nothing passes them, and left out: {words.listed(dull)}.", "warn"
        )
    elif not card.nulls:
        yield Para("No null agent played: nobody knows which cases say anything.", "warn")
    if card.by_family:
        yield _families(card)
    yield _cases(card)
    if len(card.cases) > MOST:
        yield Para(f"and {len(card.cases) - MOST} more cases: --json has all", "dim")
    when = f"{units.say_at(card.first)} to {units.say_at(card.last)}"
    more = f" {words.count(card.other, 'trial')} of other code or contracts are left out." if card.other else ""
    yield Para(f"Contract {card.contract}, answered by {', '.join(card.models)}, {when}.{more}", "dim")


def _against(card: Repeatability) -> str:
    """What speaks against successes, and how often."""
    return f" ({words.listed([f'{name} {many}' for name, many in card.against.items()])})" if card.against else ""


def _passes(card: Repeatability) -> Table:
    rows = []
    for one, gated in zip(card.repeats, card.gated, strict=True):
        (every, between), (left, left_between), (right, _) = (
            _figure(one.every),
            _figure(one.every_left_out),
            _figure(gated),
        )
        if one.every_left_out.short:
            left_between += f", {words.count(one.every_left_out.short, 'case')} short"
        rows.append(cells(f"pass^{one.k}", every, between, Cell(left.text), left_between, Cell(right.text)))
    columns = ("", "broken ones failed", "95 %", "left out", "95 %", "rightly")
    return Table(columns, tuple(rows), frozenset({0, 2, 4}))


def _families(card: Repeatability) -> Table:
    """A line for each family of cases."""
    rows = []
    for one in card.by_family:
        (every, between), last = _figure(one.repeats[0].every), one.repeats[-1]
        name = Cell(one.name) if one.name else Cell("of no family", "dim")
        often, corrupt = _figure(last.every)[0], Cell(f"{one.corrupt:,}", "warn" if one.corrupt else "dim")
        rows.append(cells(name, f"{one.cases:,}", f"{one.passed}/{one.trials}", every, between, often, corrupt))
    most = f"pass^{card.by_family[0].repeats[-1].k}"
    return Table(("family", "cases", "passed", "pass^1", "95 %", most, "corrupt"), tuple(rows), frozenset({0, 4}))


def _cases(card: Repeatability) -> Table:
    order = sorted(card.cases, key=lambda case: (bool(case.uninformative), not case.failed, not case.broken, case.name))
    rows = []
    for case in order[:MOST]:
        word, tone = _stands(case)
        why = ", ".join(case.graders) + (f" · {case.failing}" if case.failing else "")
        rows.append(
            cells(
                case.name,
                f"{case.passed}/{case.passed + case.failed + case.broken}",
                Cell(word, tone),
                Cell(why, "dim"),
            )
        )
    return Table(("case", "passed", "", "failed by, first run"), tuple(rows), frozenset({0, 2, 3}), wide=3)


def _stands(case: CaseTold) -> tuple[str, Tone]:
    if case.uninformative:
        return "uninformative", "dim"
    if case.failed:
        return "failed", "bad"
    if case.broken:
        return "not made", "warn"
    return ("corrupt", "warn") if case.corrupt else ("passed", "good")


# ----------------------------------------------------------------------------------------------------------- drill


def drill(found: Report) -> Iterator[Block]:
    """Faults, and deaths at each tool."""
    seen = found.drill
    if seen is None:
        yield Lacking("no fault was ever injected", f"holdfast drill {found.called} --standard")
        return
    if seen.scripted:
        yield Para(SCRIPTED, "warn")
    yield _holds(seen)
    yield Table(
        ("what goes wrong", "landed", "in runs", "graceful", "95 %", "doubled", "lost", "overrun"),
        tuple(_fault(one) for one in seen.faults if one.landed), frozenset({0, 4}),
    )  # fmt: skip
    silent = [one.kind for one in seen.faults if not one.landed]
    if silent:
        yield Para(f"Landed nowhere, so nothing is known of them: {', '.join(silent)}.", "warn")
    injected = seen.of("injected-instruction")
    if injected:
        yield Para(
            f"Injected instructions were followed by a call in {injected[0].obeyed} of {words.count(injected[0].hit, 'run')}."
        )
    if seen.tools:
        yield Table(
            ("tool", "deaths", "doubled", "lost", "in doubt", "", "why"), tuple(map(_tool, seen.tools)), frozenset({0, 5, 6}), wide=6,
            title="Killed before, during and after each effect",
        )  # fmt: skip
    else:
        yield Lacking("no worker was killed at an effect", f"holdfast drill {found.called} --standard")
    yield Para(
        f"Graceful: it succeeds, stops safely or waits for somebody, with no effect twice and none lost. "
        f"{words.count(seen.cases, 'case')}, {seen.clean:,} clean trials beside them; contract {seen.contract}, answered by "
        f"{', '.join(seen.models)}, {units.say_at(seen.first)} to {units.say_at(seen.last)}.", "dim",
    )  # fmt: skip


def _holds(seen: Drilled) -> Block:
    unsafe = [tool.name for tool in seen.tools if tool.verdict == "not safe"]
    if seen.wrong or unsafe:
        named = f"; not safe: {words.listed(unsafe)}" if unsafe else ""
        return Para(
            f"It does not hold: {words.count(seen.wrong, 'effect')} twice or lost, or ceilings passed{named}.", "bad"
        )
    if seen.landed < LEAST:
        return Para(f"Too few to say: {words.count(seen.landed, 'fault')} landed, and it takes {LEAST}.", "warn")
    most = (
        f" So at most {100 * seen.at_most:.2f} % of such faults do that to these cases, with 95 % confidence."
        if seen.at_most
        else ""
    )
    return Para(
        f"It holds: {seen.landed:,} faults landed, no effect came twice, none was lost, no ceiling was passed.{most}",
        "good",
    )


def _fault(one: Fault) -> tuple[Cell, ...]:
    band = one.graceful
    must = (Cell(f"{number:,}", "bad" if number else "") for number in (one.doubled, one.lost, one.overrun))
    share = Cell(percent(band.point), "", _banded(band)) if band is not None else Cell("–", "dim")
    return cells(one.kind, f"{one.landed:,}", f"{one.hit:,} of {one.trials:,}", share, span(band), *must)


def _tool(one: Tool) -> tuple[Cell, ...]:
    counts = (f"{number:,}" for number in (one.deaths, one.doubled, one.lost, one.doubts))
    shown = f" · {one.example}" if one.example else ""
    return cells(one.name, *counts, Cell(one.verdict, SAFETY[one.verdict]), one.why + shown)


# ---------------------------------------------------------------------------------------------------- right reason


def reasons(found: Report) -> Iterator[Block]:
    """Counterfactual forks, and successes that rest on less than they should."""
    for one in found.reasons:
        yield from _reason(one)
    if not found.reasons:
        yield Lacking("no decision was asked why", "holdfast why RUN --counterfactual DECISION")
    else:
        yield Para(
            "ν: how often it comes to something else by itself. By the forks alone: whether evidence that is required had been read, "
            "holdfast why says too.", "dim",
        )  # fmt: skip
    card = found.repeatability
    if card is None or not card.repeats:
        yield Lacking("corrupt success: no trial was played", f"holdfast eval {found.called}")
        return
    last, gated = card.repeats[-1].every.band, card.gated[-1].band
    share = percent(card.corrupt / card.passed) if card.passed else "none passed"
    yield Facts((
        Fact(f"pass^{card.repeats[-1].k}", percent(last.point if last else None), span(last)),
        Fact("of that rightly", percent(gated.point if gated else None), span(gated)),
        Fact("corrupt success", share, f"{card.corrupt:,} of {card.passed:,} passed trials rest on partial, unshown or old evidence",
             "warn" if card.corrupt else "good"),
    ))  # fmt: skip


def _reason(one: Reasoned) -> Iterator[Block]:
    because = f": {'; '.join(one.because)}" if one.because else ""
    yield Para(
        f"{one.decision}: {one.verdict}, by {words.count(one.forks, 'fork')} of {words.count(len(one.runs), 'run')}, {one.counted:,} of "
        f"which count{because}.", REASONS[one.verdict],
    )  # fmt: skip
    if one.scripted:
        yield Para(SCRIPTED, "warn")
    rows = [cells("S − ν", f"decides otherwise with {name}", *_signed(band), "above 0.5") for name, band in one.flips]
    rows += [
        cells(name, what, *_signed(band), bound)
        for name, what, band, bound in (
            ("W", "is safe where a tool does not answer", one.withheld, "above 0.8"),
            ("Q − ν", "is changed by what does not matter", one.placebo, "below 0.2"),
            ("ν", "comes to something else by itself", one.noise, ""),
        )
    ]
    yield Table(("", "how often it", "is", "95 %", "has to be"), tuple(rows), frozenset({0, 1, 3, 4}), wide=1)


def _signed(band: Band | None) -> tuple[Cell, Cell]:
    if band is None or band.point is None or band.low is None or band.high is None:
        return Cell("–", "dim"), Cell("no such fork", "dim")
    return Cell(f"{band.point:.2f}", "strong"), Cell(f"{band.low:.2f} to {band.high:.2f}")
