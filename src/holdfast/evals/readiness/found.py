"""What each governance row looks for in a report: figures, each with the command that shows it. Nothing found, nothing given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from holdfast import units
from holdfast.evals.readiness.drills import Drilled, Fault
from holdfast.evals.readiness.reason import Reasoned
from holdfast.evals.readiness.report import Audit, Report
from holdfast.evals.readiness.trials import Repeatability
from holdfast.evals.scores.band import Band
from holdfast.views.words import count, listed

HALF_A_YEAR = 183 * units.DAY


class Shown(Struct, frozen=True):
    """A figure, and where to see it."""

    figure: str
    see: str


def percent(value: float | None) -> str:
    """A share in percent, to a tenth."""
    return "unknown" if value is None else f"{100 * value:.1f} %"


def span(band: Band | None) -> str:
    """An interval of shares in percent."""
    if band is None or band.low is None or band.high is None:
        return "unknown"
    return f"{100 * band.low:.1f} to {100 * band.high:.1f} %"


def _in(command: str, journal: str) -> str:
    return f"holdfast {command} --journal {journal}" if journal else f"holdfast {command}"


def _scripted(seen: Repeatability | Drilled | Reasoned) -> str:
    return "; a scripted stand-in answered, so it says nothing of any model" if seen.scripted else ""


# ---------------------------------------------------------------------------------------------------- repeatability


def thresholds(report: Report) -> tuple[Shown, ...]:
    """A gate that was held against trials."""
    card = report.repeatability
    if card is None:
        return ()
    first = card.repeats[0].every.band if card.repeats else None
    rate = f"pass^1 {percent(first.point)} ({span(first)})" if first is not None else "no case that could tell"
    figure = (
        f"gate “every trial passes”: {card.ruling.verdict}; {rate}; differences from {100 * card.detectable:.0f} points on are seen; "
        f"contract {card.contract}{_scripted(card)}"
    )
    return (Shown(figure, _in(f"show --where tags.eval={card.suite}", report.evals)),)


def coverage(report: Report) -> tuple[Shown, ...]:
    """How much the figures rest on, and how long the tasks were."""
    card = report.repeatability
    if card is None or not card.informative:
        return ()
    last = card.repeats[-1].every.band if card.repeats else None
    left = len(card.cases) - len(card.informative)
    low, high = card.steps
    figure = (
        f"{count(len(card.informative), 'informative case')} in {count(card.families, 'family', 'families')}, {left} left out, "
        f"{count(card.k, 'trial')} of each; pass^{len(card.repeats)} {percent(last.point if last else None)} ({span(last)}); runs of "
        f"{low} to {high} answers. How long a person needs for them is in no journal: nothing is said beyond these cases"
    )
    return (Shown(figure + _scripted(card), _in(f"show --where tags.eval={card.suite}", report.evals)),)


def measurement(report: Report) -> tuple[Shown, ...]:
    """How much the figure itself varies: trials repeated, and both ways of counting what broke."""
    card = report.repeatability
    if card is None or card.k < 2 or not card.repeats:
        return ()
    figure = (
        f"each case was played {card.k} times: {card.passed} of {count(card.trials, 'trial')} passed, {card.broken} could not be made, "
        f"counted both ways; the smallest difference that is seen is {100 * card.detectable:.0f} points. "
        "Sensitivity, specificity and κ of judges are in no journal"
    )
    return (Shown(figure, _in(f"show --where tags.eval={card.suite}", report.evals)),)


def after_action(report: Report) -> tuple[Shown, ...]:
    """Runs that somebody found bad, and cases made of runs that are played since."""
    live, card = report.production, report.repeatability
    played = (
        [(case, run) for case, run in card.origins if live is not None and run in live.bad] if card is not None else []
    )
    if live is None or not played:
        return ()
    cases = listed([f"{case} (of {run})" for case, run in played[:3]])
    more = f" and {len(played) - 3} more" if len(played) > 3 else ""
    figure = f"{count(len(live.bad), 'run')} noted to be bad by people; played again as cases: {cases}{more}"
    return (Shown(figure, _in(f"show {played[0][1]}", report.journal)),)


# ------------------------------------------------------------------------------------------------------------ drill


def _graceful(faults: Iterable[Fault]) -> tuple[int, int]:
    """(trials that ended well, of how many)."""
    found = [(one.graceful.point or 0.0, one.hit) for one in faults if one.graceful is not None]
    return round(sum(point * hit for point, hit in found)), sum(hit for _, hit in found)


def chaos(report: Report) -> tuple[Shown, ...]:
    """Faults that landed, and what they came to."""
    drill = report.drill
    if drill is None or not drill.landed:
        return ()
    kinds = [one for one in drill.faults if one.landed]
    good, of = _graceful(kinds)
    doubled, lost, over = (sum(getattr(one, name) for one in kinds) for name in ("doubled", "lost", "overrun"))
    figure = (
        f"{count(drill.landed, 'fault')} of {count(len(kinds), 'kind')} landed; {good:,} of {of:,} such runs ended well or stopped "
        f"safely; effects twice {doubled}, effects lost {lost}, ceilings passed {over}{_scripted(drill)}"
    )
    return (Shown(figure, _in(f"show --where agent={report.agent}", report.drills)),)


OUTAGES = ("model-rate-limited", "model-overloaded", "model-answer-lost")


def fallbacks(report: Report) -> tuple[Shown, ...]:
    """What happened while a model's provider was out."""
    drill = report.drill
    hit = drill.of(*OUTAGES) if drill is not None else ()
    if drill is None or not hit:
        return ()
    good, of = _graceful(hit)
    figure = (
        f"{count(sum(one.landed for one in hit), 'outage')} of a model landed in {of} runs: another model took over in "
        f"{sum(one.fallbacks for one in hit)}, {sum(one.handed for one in hit)} ended with a person, {good} ended well or stopped safely"
    )
    return (Shown(figure, _in(f"show --where tags.drill={hit[0].kind}", report.drills)),)


def injections(report: Report) -> tuple[Shown, ...]:
    """Instructions that were put into what tools gave."""
    drill = report.drill
    hit = drill.of("injected-instruction") if drill is not None else ()
    if not hit:
        return ()
    one = hit[0]
    figure = f"{count(one.landed, 'instruction')} injected in {one.hit} runs: a call followed one in {one.obeyed}"
    if report.production is not None:
        figure += f"; in production detector 21 found something in {report.production.findings.get(21, 0)} of {report.production.runs}"
    return (Shown(figure, _in("show --where tags.drill=injected-instruction", report.drills)),)


def arms(report: Report) -> tuple[Shown, ...]:
    """Counterfactual forks."""
    return tuple(
        Shown(
            f"{one.decision}: {one.verdict} by the forks, {one.counted} of {count(one.forks, 'fork')} of {count(len(one.runs), 'run')} "
            f"counted{_scripted(one)}",
            _in(f"why {one.runs[0]} --counterfactual {one.decision}", one.journal),
        )
        for one in report.reasons if one.counted
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------- production


def halts(report: Report) -> tuple[Shown, ...]:
    """What people stopped, and whether anything began after it."""
    seen = report.production.oversight if report.production is not None else None
    if seen is None or not seen.stops + seen.cancels:
        return ()
    closed = (
        f"; a cancel closed its run within {units.say_duration(seen.to_close)} (median)"
        if seen.to_close is not None
        else ""
    )
    halted = f"{count(seen.stops, 'stop')} and {count(seen.cancels, 'cancel')}"
    figure = f"{halted}; after them {seen.started_after} calls or requests began{closed}"
    return (Shown(figure, _in("access", report.journal)),)


def configurations(report: Report) -> tuple[Shown, ...]:
    """How people and the agent got on."""
    seen = report.production.oversight if report.production is not None else None
    if seen is None or seen.agreement is None:
        return ()
    times = (
        f"; approved after {units.say_duration(seen.median)} (median), {units.say_duration(seen.p90)} (p90)"
        if seen.median is not None and seen.p90 is not None else ""
    )  # fmt: skip
    decided = f"{seen.approvals} approved as they were, {seen.amendments} amended, {seen.denials} denied"
    figure = f"{decided}: agreement {percent(seen.agreement)}{times}"
    return (Shown(figure, _in("access", report.journal)),)


def overrides(report: Report) -> tuple[Shown, ...]:
    """Decisions of people against what the agent wanted."""
    seen = report.production.oversight if report.production is not None else None
    if seen is None or not seen.amendments + seen.denials + seen.taken:
        return ()
    figure = (
        f"{count(seen.amendments, 'amendment')} with both versions kept, {count(seen.denials, 'denial')} ({seen.reasoned} with a reason), "
        f"{seen.taken} taken over"
    )
    return (Shown(figure, _in("access", report.journal)),)


def alerts(report: Report) -> tuple[Shown, ...]:
    """What was put before people, and how soon they answered."""
    seen = report.production.oversight if report.production is not None else None
    if seen is None or not seen.answered:
        return ()
    soon = f", the median after {units.say_duration(seen.heard)}" if seen.heard is not None else ""
    asked = f"{count(sum(seen.asked.values()), 'question')} put before people: {count(seen.answered, 'answer')}"
    figure = f"{asked}{soon}; {seen.expired} expired, {seen.open} open"
    return (Shown(figure, _in("review list", report.journal)),)


def sources(report: Report) -> tuple[Shown, ...]:
    """Whether arguments of writes stand in what was read."""
    live = report.production
    if live is None:
        return ()
    figure = (
        "the origin of each argument is recorded with its call; detector 7 (ungrounded argument) looked at "
        f"{count(live.runs, 'run')} and found something in {live.findings.get(7, 0)}"
    )
    return (Shown(figure, _in("failures --detector 7", report.journal)),)


def repairs(report: Report) -> tuple[Shown, ...]:
    """What was taken back, and what was in doubt and settled."""
    live = report.production
    if live is None or not (live.undos or live.undone or (live.doubts and live.oversight.settled)):
        return ()
    parts = [f"{live.undos_done} of {count(live.undos, 'undo')} done"] if live.undos else []
    parts += [f"{count(live.undone, 'write')} taken back"] if live.undone else []
    parts += (
        [f"{count(live.doubts, 'write')} in doubt, {live.oversight.settled} settled by a person"] if live.doubts else []
    )
    figure = "; ".join(parts)
    return (Shown(figure, _in("show", report.journal)),)


def firings(report: Report) -> tuple[Shown, ...]:
    """Ceilings that stopped something."""
    live, found = report.production, []
    if live is not None and live.limits:
        which = listed([f"{name} {times}" for name, times in live.limits.items()])
        found.append(Shown(f"in production ceilings were reached: {which}", _in("show", report.journal)))
    if report.drill is not None and report.drill.limits:
        times = count(report.drill.limits, "time")
        found.append(
            Shown(
                f"under faults a ceiling stopped a run {times}",
                _in(f"show --where agent={report.agent}", report.drills),
            )
        )
    return tuple(found)


def monitoring(report: Report) -> tuple[Shown, ...]:
    """Looking for drift, and people's verdicts on runs."""
    return tuple(_monitoring(report))


def _monitoring(report: Report) -> Iterator[Shown]:
    if report.drift is not None:
        seen = report.drift
        said = f"changed: {listed(list(seen.changed))}" if seen.changed else "no alarm"
        yield Shown(
            f"drift of {seen.looked} runs against the first {seen.baseline}: {said} (one false alarm in {seen.run_length:,.0f} runs)",
            _in(f"drift {report.agent} --baseline {seen.baseline}", report.journal),
        )
    live = report.production
    people = sum(live.noted.get(name, 0) for name in ("good", "bad", "correction", "note")) if live is not None else 0
    if people:
        yield Shown(f"{count(people, 'note')} of people on runs of production", _in("access", report.journal))


def near_misses(report: Report) -> tuple[Shown, ...]:
    """What the contract refused, and what detectors found beside it."""
    live = report.production
    if live is None:
        return ()
    refused, found = live.judged.get("refuse", 0), {number: live.findings.get(number, 0) for number in (8, 9, 19)}
    if not refused and not any(found.values()):
        return ()
    runs = ", ".join(f"detector {number}: {times} runs" for number, times in found.items())
    return (
        Shown(
            f"the contract refused {count(refused, 'call')}; {runs}, of {live.runs}", _in("failures", report.journal)
        ),
    )


# ------------------------------------------------------------------------------------------------------------ audit


def history(report: Report) -> tuple[Shown, ...]:
    """The hash chain, and the checkpoints over it."""
    audit = report.audit
    if audit is None or not audit.entries or audit.damaged:
        return ()
    signed = (
        f"{_sealed(audit)}, {audit.uncovered:,} entries after the last"
        if audit.checkpoints else "no checkpoint: a missing end would not be found"
    )  # fmt: skip
    versions = len(report.production.contracts) if report.production is not None else 0
    chained = f"{count(audit.entries, 'entry', 'entries')} of {count(audit.runs, 'run')} are what was chained"
    figure = f"{chained}; {signed}; {count(versions, 'version')} of the contract, each kept whole"
    return (Shown(figure, _in("verify", report.journal)),)


def _sealed(audit: Audit) -> str:
    """The checkpoints that hold, and by whose word."""
    agree = f"{count(audit.checkpoints, 'checkpoint')} {'agrees' if audit.checkpoints == 1 else 'agree'}"
    signed = "signatures checked" if audit.keys else "signatures not checked"
    anchored = f", anchored elsewhere up to {audit.anchored}" if audit.anchored else ""
    return f"{agree} ({signed}{anchored})"


def recording(report: Report) -> tuple[Shown, ...]:
    """What was recorded, and since when."""
    live = report.production
    if live is None:
        return ()
    figure = (
        f"{count(live.entries, 'entry', 'entries')} of {count(live.runs, 'run')}, {units.say_at(live.first)} to {units.say_at(live.last)}, "
        f"written by the machine itself before anything acts; {count(len(live.contracts), 'version')} of the contract"
    )
    return (Shown(figure, _in("show", report.journal)),)


def oversight(report: Report) -> tuple[Shown, ...]:
    """What people could and did decide, change and stop."""
    seen = report.production.oversight if report.production is not None else None
    if seen is None or not seen.approvals + seen.overrides + seen.settled:
        return ()
    decided = (
        f"{count(seen.approvals, 'approval')}, {count(seen.denials, 'denial')}, {count(seen.amendments, 'amendment')}"
    )
    halted = f"{count(seen.stops, 'stop')}, {count(seen.cancels, 'cancel')}"
    figure = f"{decided}, {count(seen.settled, 'write')} in doubt settled, {halted}"
    return (Shown(figure, _in("access", report.journal)),)


def retention(report: Report) -> tuple[Shown, ...]:
    """How far back the journal goes, and that nothing in it is missing."""
    audit = report.audit
    if audit is None or audit.damaged or not audit.checkpoints:
        return ()
    kept = audit.now - audit.first
    long = "longer than six months" if kept >= HALF_A_YEAR else "less than six months so far"
    figure = (
        f"the journal goes back {units.say_duration(kept)} ({long}); {_sealed(audit)}, nothing missing up to the last, "
        f"{audit.uncovered:,} entries after it; {count(audit.erased, 'body', 'bodies')} erased, as its entries say. "
        "How long it is to be kept is in no journal"
    )
    return (Shown(figure, _in("verify --full", report.journal)),)
