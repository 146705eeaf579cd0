"""What a comparison comes to: a pure function of measured trials; nothing in it looks at a journal.

Each side has its figures over its own trials. Each pair of sides, the simpler first, has differences over the trials that both
made: paired by case, clustered by family of cases. Several pairs share one chance of error: their net benefits stand at a
level that is raised for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean, median

from holdfast.evals.cases.case import Case
from holdfast.evals.compare.figures import LEVEL, Compared, Plan, SideScore
from holdfast.evals.compare.measured import Measured
from holdfast.evals.compare.net import net_of, over_cases
from holdfast.evals.compare.pair import Pair
from holdfast.evals.compare.sides import Side
from holdfast.evals.compare.stakes import Stakes
from holdfast.evals.compare.verdict import together
from holdfast.evals.scores.band import Band, banded
from holdfast.evals.stats.benefit import cost_per_success
from holdfast.evals.stats.cluster import RATE
from holdfast.evals.stats.power import Design, detectable
from holdfast.evals.stats.rates import Interval
from holdfast.evals.stats.repeat import Tally, mean_pass_hat


def planned(
    sides: Sequence[Side], trials: int, seed: int, stakes: Stakes, *, margin: float = 0.0, faults: str = ""
) -> Plan:
    """What is to be played."""
    cases = sides[0].suite.cases
    families = len({case.cluster for case in cases})
    least = min(detectable(families, Design(trials, trials), level=level_of(len(sides))), 1.0)
    return Plan(tuple(side.name for side in sides), len(cases), families, trials, seed, faults, margin, stakes, least)


def level_of(sides: int) -> float:
    """The level of each pair's net benefit, so that all of them together hold `LEVEL` (Bonferroni)."""
    return 1 - (1 - LEVEL) / (sides * (sides - 1) // 2)


def score(plan: Plan, sides: Sequence[Side], trials: Sequence[Measured]) -> Compared:
    """What trials come to, in whichever order they came."""
    cases = sides[0].suite.cases
    place = {case.name: at for at, case in enumerate(cases)}
    trials = sorted(trials, key=lambda one: (place[one.trial.case], one.trial.number))
    mine = {side.letter: [one for one in trials if one.side == side.letter] for side in sides}
    both = list(combinations(sides, 2))
    level = level_of(len(sides))
    pairs = tuple(
        Pair(plan, cases, (one, mine[one.letter]), (other, mine[other.letter]), level).score() for one, other in both
    )
    first = sides[0].letter
    verdict = together([pair.verdict for pair in pairs if pair.one == first])
    return Compared(plan, verdict, tuple(_side(plan, cases, side, mine[side.letter]) for side in sides), pairs, level)


# ------------------------------------------------------------------------------------------------------------- one side


def _side(plan: Plan, cases: Sequence[Case], side: Side, trials: Sequence[Measured]) -> SideScore:
    family = {case.name: case.cluster for case in cases}
    by = _by_case(cases, trials)
    tallies = [
        Tally(sum(one.passed is True for one in made), len(made), sum(one.passed is None for one in made), family[name])
        for name, made in by.items() if made
    ]  # fmt: skip
    names = [name for name, made in by.items() if made]
    clusters = [family[name] for name in names]
    unpriced = sum(one.unpriced for one in trials)
    stakes, failed = plan.stakes, [one for one in trials if one.passed is False]
    found = Counter(name for one in failed for name in one.failures)
    missed = Counter(name for one in failed for name in dict.fromkeys(miss.grader for miss in one.trial.misses))
    times = sorted(one.took / 1e6 for one in trials)
    contract = side.agent.contract

    def mean(values: Mapping[str, Sequence[float]]) -> Interval:
        return over_cases([fmean(values[name]) for name in names], clusters)

    spent = {name: [one.nusd / 1e9 for one in by[name]] for name in names}
    asked = {name: [float(one.questions) for one in by[name]] for name in names}
    won = [fmean([float(one.passed is True) for one in by[name]]) for name in names]
    paid = [fmean([one.nusd / 1e9 + stakes.of_people(one.questions) for one in by[name]]) for name in names]
    net = net_of(won, paid, stakes.swing, clusters, bounds=RATE).interval
    whole = [
        (one.nusd / 1e9 + stakes.of_people(one.questions), float(one.passed is True), family[one.trial.case])
        for one in trials
    ]
    return SideScore(
        letter=side.letter, name=side.name, contract=contract.digest[:12], models=tuple(contract.models), trials=len(trials),
        passed=sum(one.passed is True for one in trials), failed=len(failed), broken=sum(one.passed is None for one in trials),
        pass_1=_hat(tallies, 1), pass_k=_hat(tallies, plan.trials), usd_run=banded(mean(spent)) if not unpriced else None,
        usd_success=banded(cost_per_success(*map(list, zip(*whole, strict=True)))) if not unpriced else None,
        median_seconds=median(times), p95_seconds=times[-(-len(times) * 95 // 100) - 1], questions=banded(mean(asked)),
        minutes=mean(asked).point * stakes.question_minutes, input_tokens=fmean([one.input for one in trials]),
        output_tokens=fmean([one.output for one in trials]), runs=fmean([one.runs for one in trials]),
        net=_raised(banded(net), stakes.failure) if not unpriced else None, failures=dict(found.most_common()),
        undetected=sum(not one.failures for one in failed), graders=dict(missed.most_common()),
        landed=sum(one.landed for one in trials), unpriced=unpriced,
        examples=tuple({one.trial.case: one.trial.run for one in reversed(failed)}.values()),
    )  # fmt: skip


def _hat(tallies: Sequence[Tally], k: int) -> Band:
    found = mean_pass_hat(tallies, k).as_failures.interval
    return banded(found) if found is not None else Band(None, None, None, LEVEL, "too few trials")


def _raised(band: Band, by: float) -> Band:
    """A band that lies higher: net benefit begins at what a failure is worth."""
    low, point, high = (None if value is None else value + by for value in (band.low, band.point, band.high))
    return Band(point, low, high, band.level, band.method)


def _by_case(cases: Sequence[Case], trials: Sequence[Measured]) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {case.name: [] for case in cases}
    for one in trials:
        found[one.trial.case].append(one)
    return found
