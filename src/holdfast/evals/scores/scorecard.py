"""The scorecard of a suite: what its trials come to. A pure function of trials; nothing in it looks at a journal.

A case that a null agent passes is uninformative: it is shown, and it counts in no figure and in no verdict. Trials that could
not be made are counted both ways, as failures and left out, and no gate rests on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from holdfast.evals.cases.case import Case
from holdfast.evals.reason.right_reason import Gated, corrupt_success
from holdfast.evals.scores import gates
from holdfast.evals.scores.band import Band, banded
from holdfast.evals.scores.baseline import VERSION, Baseline, Beside, Kept, beside, comparable, costs
from holdfast.evals.scores.gates import Required, Ruling
from holdfast.evals.stats.cluster import RATE, mean_interval
from holdfast.evals.stats.gate import Verdict
from holdfast.evals.stats.power import Design, detectable, spread
from holdfast.evals.stats.repeat import BothWays, Repeated, Tally, mean_pass_at, mean_pass_hat
from holdfast.evals.trials.trial import Suite, Trial


class Missed(Struct, frozen=True):
    """Something that trials of a case missed: alike in so many of them, and the first of these."""

    grader: str
    why: str
    trials: int
    run: str


class CaseScore(Struct, frozen=True):
    """What became of one case."""

    name: str
    about: str
    family: str
    passed: int
    failed: int
    broken: int
    """Trials that could not be made."""
    nusd: int
    """Of all its trials."""
    unpriced: int
    seconds: float
    """Of models and tools, in all its trials."""
    reviews: int
    uninformative: tuple[str, ...] = ()
    """Null agents that pass it."""
    misses: tuple[Missed, ...] = ()
    troubles: tuple[Missed, ...] = ()
    """What kept trials from being made."""
    runs: tuple[str, ...] = ()
    """Trial by trial."""
    corrupt: int = 0
    """Trials that passed, with something against them."""
    against: tuple[str, ...] = ()
    """What that is."""

    @property
    def trials(self) -> int:
        """How many there were."""
        return self.passed + self.failed + self.broken


class Figure(Struct, frozen=True):
    """A figure of repeatability over cases. None: no case had k trials."""

    band: Band | None
    cases: int
    short: int
    """Cases that had fewer than k trials, and are not in it."""


class Repeats(Struct, frozen=True):
    """pass^k, that k trials all succeed, and pass@k, that one of k does; broken trials as failures, and left out."""

    k: int
    every: Figure
    every_left_out: Figure
    some: Figure
    some_left_out: Figure


class Corrupt(Struct, frozen=True):
    """Successes that are none for the right reason, of informative cases; see `holdfast.evals.trials.rightly`."""

    passes: int
    """Trials that passed."""
    corrupt: int
    """Of these, with something against them."""
    share: Band
    """Of the passes."""
    against: dict[str, int]
    """What speaks against them, and in how many."""
    rightly: tuple[Figure, ...]
    """pass^k, for k from 1, where these are no successes; what could not be made counts as failed."""
    gap: Band | None
    """How much they take away of pass^k, for the greatest k; None where no case has so many trials."""
    runs: tuple[str, ...]
    """The corrupt ones."""


class Plan(Struct, frozen=True):
    """What is to be played, and what it can show: known before the first trial."""

    suite: str
    agent: str
    contract: str
    models: tuple[str, ...]
    cases: int
    families: int
    trials: int
    """Of each case."""
    seed: int
    detectable: float
    """The smallest difference that is seen in four of five times: from a rate, or from the baseline."""
    require: float | None = None
    margin: float | None = None
    """Where there is a baseline."""


class Scorecard(Struct, frozen=True):
    """All of it."""

    plan: Plan
    verdict: Verdict
    rulings: tuple[Ruling, ...]
    played: int
    stopped_early: bool
    cases: tuple[CaseScore, ...]
    repeats: tuple[Repeats, ...]
    graders: dict[str, int]
    """Grader → trials of informative cases that it failed."""
    cost_per_success: Band | None
    """USD; None where a price is not known, or there was no trial."""
    nusd: int
    unpriced: int
    nulls: tuple[str, ...]
    """Null agents that were played; none where they were left out."""
    beside: Beside | None = None
    cached: int = 0
    """Answers that came out of the cache."""
    corrupt: Corrupt | None = None
    """None: no trial passed, or nobody looked."""

    @property
    def informative(self) -> tuple[CaseScore, ...]:
        """Cases that count."""
        return tuple(case for case in self.cases if not case.uninformative)


def planned(
    suite: Suite, trials: int, seed: int, *, require: float | None = None, baseline: Baseline | None = None, margin: float = 0.1
) -> Plan:  # fmt: skip
    """What is to be played. The noise within a case is taken from the baseline where it has any."""
    design = Design(trials)
    if baseline is not None:
        known = [[float(one is True) for one in case.passed] for case in baseline.informative.values() if case.passed]
        seen = spread(known) if len(known) > 1 else None
        design = Design(trials, max(baseline.trials, 1), sigma2=seen.sigma2 if seen is not None else design.sigma2)
    contract, groups = suite.agent.contract, len({case.cluster for case in suite.cases})
    return Plan(
        suite=suite.name, agent=contract.name, contract=contract.digest[:12], models=tuple(contract.models), cases=len(suite.cases),
        families=groups, trials=trials, seed=seed, detectable=min(detectable(groups, design), 1.0), require=require,
        margin=margin if baseline is not None else None,
    )  # fmt: skip


def score(
    plan: Plan,
    cases: Sequence[Case],
    trials: Sequence[Trial],
    *,
    passed_by: Mapping[str, Sequence[str]] | None = None,
    nulls: Sequence[str] = (),
    required: Required | None = None,
    baseline: Baseline | None = None,
    cached: int = 0,
) -> Scorecard:
    """The scorecard of trials. passed_by: case → null agents that pass it. required: the gate that saw them come in."""
    by = {
        case.name: sorted((one for one in trials if one.case == case.name), key=lambda one: one.number)
        for case in cases
    }
    scores = tuple(_case(case, by[case.name], tuple((passed_by or {}).get(case.name, ()))) for case in cases)
    informative = [one.name for one in scores if not one.uninformative]
    counted = [one for name in informative for one in by[name]]
    kept = {case.name: _kept(case, by[case.name], tuple((passed_by or {}).get(case.name, ()))) for case in cases}
    rulings = [] if required is None else [required.ruling()]
    if baseline is not None:
        pair = comparable(kept, baseline)
        rulings.append(gates.against(*pair, gates.families(cases, plan.trials, plan.seed), plan.margin or 0.0))
    if not rulings:
        rulings = [gates.every(trials, informative, len(informative) * plan.trials)]
    unpriced = sum(one.unpriced for one in counted)
    return Scorecard(
        plan=plan,
        verdict=gates.together(rulings),
        rulings=tuple(rulings),
        played=len(trials),
        stopped_early=len(trials) < plan.cases * plan.trials,
        cases=scores,
        repeats=_repeats([case for case in cases if case.name in informative], by, plan.trials),
        graders=dict(
            Counter(name for one in counted for name in dict.fromkeys(m.grader for m in one.misses)).most_common()
        ),
        cost_per_success=costs([kept[name] for name in informative]) if not unpriced else None,
        nusd=sum(one.nusd for one in counted),
        unpriced=unpriced,
        nulls=tuple(nulls),
        beside=beside(list(kept.values()), baseline) if baseline is not None else None,
        cached=cached,
        corrupt=_corrupt([case for case in cases if case.name in informative], by, plan.trials),
    )


def as_baseline(card: Scorecard, cases: Sequence[Case], trials: Sequence[Trial]) -> Baseline:
    """What a later scorecard is compared with."""
    by_null = {one.name: one.uninformative for one in card.cases}
    kept = tuple(
        _kept(
            case,
            sorted((one for one in trials if one.case == case.name), key=lambda one: one.number),
            by_null[case.name],
        )
        for case in cases
    )
    plan = card.plan
    return Baseline(VERSION, plan.suite, plan.contract, plan.models, plan.seed, card.verdict, kept)


def _kept(case: Case, trials: Sequence[Trial], passed_by: tuple[str, ...]) -> Kept:
    passed, nusd = tuple(one.passed for one in trials), tuple(one.nusd for one in trials)
    return Kept(case.name, case.cluster, case.digest, passed, nusd, passed_by)


def _case(case: Case, trials: Sequence[Trial], passed_by: tuple[str, ...]) -> CaseScore:
    missed = [(miss.grader, miss.why, one.run) for one in trials for miss in one.misses]
    return CaseScore(
        name=case.name,
        about=case.about,
        family=case.family,
        passed=sum(one.passed is True for one in trials),
        failed=sum(one.passed is False for one in trials),
        broken=sum(one.passed is None for one in trials),
        nusd=sum(one.nusd for one in trials),
        unpriced=sum(one.unpriced for one in trials),
        seconds=sum(one.seconds for one in trials),
        reviews=sum(one.reviews for one in trials),
        uninformative=passed_by,
        misses=_alike(missed),
        troubles=_alike([("", one.trouble, one.run) for one in trials if one.passed is None]),
        runs=tuple(one.run for one in trials),
        corrupt=sum(bool(one.against) for one in trials),
        against=tuple(dict.fromkeys(what for one in trials for what in one.against or ())),
    )


def _alike(missed: Sequence[tuple[str, str, str]]) -> tuple[Missed, ...]:
    """The same words counted once, with the trials they were said of; the most frequent first."""
    runs: dict[tuple[str, str], dict[str, None]] = {}
    for grader, why, run in missed:
        runs.setdefault((grader, why), {})[run] = None
    found = [Missed(grader, why, len(of), next(iter(of))) for (grader, why), of in runs.items()]
    return tuple(sorted(found, key=lambda one: -one.trials))


def _repeats(cases: Sequence[Case], by: Mapping[str, Sequence[Trial]], most: int) -> tuple[Repeats, ...]:
    tallies = [
        Tally(sum(one.passed is True for one in mine), len(mine), sum(one.passed is None for one in mine), case.cluster)
        for case in cases
        if (mine := by[case.name])
    ]
    if not tallies:
        return ()
    return tuple(_at(k, mean_pass_hat(tallies, k), mean_pass_at(tallies, k)) for k in range(1, most + 1))


def _corrupt(cases: Sequence[Case], by: Mapping[str, Sequence[Trial]], most: int) -> Corrupt | None:
    made = [(case, one) for case in cases for one in by[case.name]]
    passes = [(case, one) for case, one in made if one.passed and one.against is not None]
    if not passes:
        return None
    gated = [
        Gated(case.name, one.passed, None if one.against is None else not one.against, case.cluster, one.run)
        for case, one in made
    ]
    found = [corrupt_success(gated, k) for k in range(1, most + 1)]
    share = mean_interval(
        [float(bool(one.against)) for _, one in passes], [case.cluster for case, _ in passes], bounds=RATE
    )
    against = Counter(what for _, one in passes for what in one.against or ())
    return Corrupt(
        passes=len(passes), corrupt=len(found[-1].corrupt), share=banded(share), against=dict(against.most_common()),
        rightly=tuple(_figure(one.gated.as_failures) for one in found),
        gap=banded(found[-1].gap) if found[-1].gap is not None else None, runs=found[-1].corrupt,
    )  # fmt: skip


def _at(k: int, every: BothWays, some: BothWays) -> Repeats:
    return Repeats(
        k, _figure(every.as_failures), _figure(every.left_out), _figure(some.as_failures), _figure(some.left_out)
    )


def _figure(found: Repeated) -> Figure:
    return Figure(banded(found.interval) if found.interval is not None else None, found.tasks, found.short)
