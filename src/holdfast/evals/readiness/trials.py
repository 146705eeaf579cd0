"""Repeatability as the eval journal has it: the newest trials of an agent, and what they come to.

Trials under one code and contract belong together; of several such groups the one that was played last is told. A trial that
has no verdict counts nowhere: it was cut short, and is played again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.evals.readiness.read import Kept, scripted
from holdfast.evals.scores import baseline
from holdfast.evals.scores.band import Band, banded
from holdfast.evals.scores.gates import Ruling, every
from holdfast.evals.scores.scorecard import Figure, Repeats
from holdfast.evals.stats.power import Design, detectable, spread
from holdfast.evals.stats.repeat import Repeated, Tally, mean_pass_at, mean_pass_hat
from holdfast.evals.trials.nulls import NAMES
from holdfast.evals.trials.trial import Trial

ROWS: Final = 8
"""pass^k is told up to this k."""


class CaseTold(Struct, frozen=True):
    """What became of one case."""

    name: str
    passed: int
    failed: int
    broken: int
    corrupt: int
    """Of those that passed: with something that speaks against them."""
    uninformative: tuple[str, ...]
    failing: str
    """A run that failed."""
    graders: tuple[str, ...]


class FamilyTold(Struct, frozen=True):
    """What became of the informative cases of one family."""

    name: str
    """Empty: those that are of none."""
    cases: int
    trials: int
    passed: int
    broken: int
    corrupt: int
    repeats: tuple[Repeats, ...]
    """For k = 1, and for the greatest k that is told; each case stands for itself here."""


class Repeatability(Struct, frozen=True, kw_only=True):
    """What an agent's trials come to."""

    suite: str
    contract: str
    models: tuple[str, ...]
    scripted: bool
    cases: tuple[CaseTold, ...]
    families: int
    """Of informative cases."""
    by_family: tuple[FamilyTold, ...]
    """None where no case is of a family."""
    nulls: tuple[str, ...]
    trials: int
    passed: int
    broken: int
    """All three of informative cases."""
    k: int
    ruling: Ruling
    repeats: tuple[Repeats, ...]
    gated: tuple[Figure, ...]
    """pass^k where a success with something against it is none; what could not be made counts as failed."""
    corrupt: int
    """Trials that passed and have something against them."""
    against: dict[str, int]
    """What that is, and in how many of them."""
    detectable: float
    cost_per_success: Band | None
    nusd: int
    unpriced: int
    steps: tuple[int, int]
    """The fewest and the most answers of a model in one trial."""
    seconds: tuple[float, float]
    """Of models and tools."""
    reviews: int
    limits: int
    first: int
    last: int
    origins: tuple[tuple[str, str], ...]
    """Of cases that were made of a run: the case, and the run."""
    other: int
    """Trials of other code or contracts in this journal, which are not told."""

    @property
    def informative(self) -> tuple[CaseTold, ...]:
        """Cases that count."""
        return tuple(case for case in self.cases if not case.uninformative)


def repeatability(kept: Sequence[Kept]) -> Repeatability | None:
    """The newest group of trials; None where there is none."""
    mine = [one for one in kept if not one.fault and not one.null]
    if not mine:
        return None
    group = max(mine, key=lambda one: (one.at, one.run)).group
    chosen = _latest([one for one in mine if one.group == group])
    digests = {one.case: one.digest for one in chosen}
    nulls = [
        one for one in kept
        if one.null and one.label.split(":", 3)[-1] == group[0] and digests.get(one.case) == one.digest
    ]  # fmt: skip
    passed_by = {
        case: tuple(
            name for name in NAMES if any(one.null == name and one.case == case and one.passed for one in nulls)
        )
        for case in digests
    }
    by = {case: [one for one in chosen if one.case == case] for case in sorted(digests)}
    told = tuple(_case(name, trials, passed_by[name]) for name, trials in by.items())
    counted = {case.name: by[case.name] for case in told if not case.uninformative}
    return _told(
        chosen,
        told,
        counted,
        [name for name in NAMES if any(one.null == name for one in nulls)],
        len(mine) - len(chosen),
    )


def _latest(group: Sequence[Kept]) -> list[Kept]:
    """Of each trial the last attempt, of each case as it was last."""
    newest: dict[str, Kept] = {}
    for one in group:
        if one.case not in newest or (one.at, one.run) > (newest[one.case].at, newest[one.case].run):
            newest[one.case] = one
    found: dict[tuple[str, int], Kept] = {}
    for one in sorted(group, key=lambda one: one.again):
        if one.digest == newest[one.case].digest:
            found[one.case, one.number] = one
    return [found[key] for key in sorted(found)]


def _case(name: str, trials: Sequence[Kept], passed_by: tuple[str, ...]) -> CaseTold:
    failed = [one for one in trials if one.passed is False]
    return CaseTold(
        name, sum(one.passed is True for one in trials), len(failed), sum(one.passed is None for one in trials),
        sum(bool(one.against) for one in trials), passed_by, failed[0].run if failed else "",
        tuple(dict.fromkeys(grader for one in failed for grader in one.graders)),
    )  # fmt: skip


def _told(
    chosen: Sequence[Kept], told: tuple[CaseTold, ...], counted: Mapping[str, Sequence[Kept]], nulls: Sequence[str], other: int
) -> Repeatability:  # fmt: skip
    trials = [one for found in counted.values() for one in found]
    k = max(one.number for one in chosen)
    families = len({one.family for one in trials})
    models = tuple(dict.fromkeys(name for one in chosen for name in one.models))
    own = [
        Trial(one.case, one.family, one.number, one.run, one.passed, outcome=one.ends, nusd=one.nusd) for one in chosen
    ]
    unpriced = sum(one.unpriced for one in trials)
    return Repeatability(
        suite=chosen[0].suite, contract=chosen[0].contract, models=models, scripted=scripted(models), cases=told,
        families=families, by_family=_by_family(counted, min(k, ROWS)), nulls=tuple(nulls), trials=len(trials),
        passed=sum(one.passed is True for one in trials),
        broken=sum(one.passed is None for one in trials), k=k, ruling=every(own, list(counted), len(counted) * k),
        repeats=_repeats(counted, min(k, ROWS)), gated=_gated(counted, min(k, ROWS)),
        corrupt=sum(bool(one.against) for one in trials),
        against=dict(Counter(what for one in trials for what in one.against).most_common()), detectable=_detectable(counted, families, k),
        cost_per_success=None if unpriced else baseline.costs([_costs(found) for found in counted.values()]),
        nusd=sum(one.nusd for one in trials), unpriced=unpriced,
        steps=(min(one.steps for one in chosen), max(one.steps for one in chosen)),
        seconds=(min(one.seconds for one in chosen), max(one.seconds for one in chosen)),
        reviews=sum(one.reviews for one in chosen), limits=sum(one.limits for one in chosen),
        first=min(one.at for one in chosen), last=max(one.at for one in chosen),
        origins=tuple(sorted({(one.case, one.origin) for one in chosen if one.origin})), other=other,
    )  # fmt: skip


def _by_family(counted: Mapping[str, Sequence[Kept]], most: int) -> tuple[FamilyTold, ...]:
    """Each family of which some case says that it is of it; at last the cases of none, together."""
    named = {one.family for found in counted.values() for one in found if one.family != one.case}
    of = {name: trials[0].family if trials[0].family in named else "" for name, trials in counted.items()}
    order = sorted(dict.fromkeys(of.values()), key=lambda name: (not name, name)) if named else []
    return tuple(
        _family(name, [trials for case, trials in counted.items() if of[case] == name], most) for name in order
    )


def _family(name: str, cases: Sequence[Sequence[Kept]], most: int) -> FamilyTold:
    trials = [one for found in cases for one in found]
    alone = {found[0].case: [msgspec.structs.replace(one, family=one.case) for one in found] for found in cases}
    repeats = _repeats(alone, most)
    return FamilyTold(
        name, len(cases), len(trials), sum(one.passed is True for one in trials), sum(one.passed is None for one in trials),
        sum(bool(one.against) for one in trials), tuple(dict.fromkeys((repeats[0], repeats[-1]))),
    )  # fmt: skip


def _tally(trials: Sequence[Kept], *, rightly: bool = False) -> Tally:
    won = sum(one.passed is True and not (rightly and one.against) for one in trials)
    return Tally(won, len(trials), sum(one.passed is None for one in trials), trials[0].family)


def _repeats(counted: Mapping[str, Sequence[Kept]], most: int) -> tuple[Repeats, ...]:
    tallies = [_tally(trials) for trials in counted.values()]
    found = []
    for k in range(1, most + 1) if tallies else ():
        hat, at = mean_pass_hat(tallies, k), mean_pass_at(tallies, k)
        found.append(Repeats(k, *map(_figure, (hat.as_failures, hat.left_out, at.as_failures, at.left_out))))
    return tuple(found)


def _gated(counted: Mapping[str, Sequence[Kept]], most: int) -> tuple[Figure, ...]:
    tallies = [_tally(trials, rightly=True) for trials in counted.values()]
    return tuple(_figure(mean_pass_hat(tallies, k).as_failures) for k in range(1, most + 1)) if tallies else ()


def _figure(found: Repeated) -> Figure:
    return Figure(banded(found.interval) if found.interval is not None else None, found.tasks, found.short)


def _detectable(counted: Mapping[str, Sequence[Kept]], families: int, k: int) -> float:
    """The smallest difference from a rate that is seen in four of five times, by the spread that was measured."""
    if not families:
        return 1.0
    scores = [[float(one.passed is True) for one in trials] for trials in counted.values()]
    seen = spread(scores) if len(scores) > 1 else None
    design = Design(k) if seen is None or seen.sigma2 == seen.omega2 == 0 else Design(k, None, seen.omega2, seen.sigma2)
    return min(detectable(families, design), 1.0)


def _costs(trials: Sequence[Kept]) -> baseline.Kept:
    first = trials[0]
    passed, nusd = tuple(one.passed for one in trials), tuple(one.nusd for one in trials)
    return baseline.Kept(first.case, first.family, first.digest, passed, nusd)
