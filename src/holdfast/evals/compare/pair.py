"""Two sides beside each other, trial by trial: what the more complex one is above the simpler one, and the verdict on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import fsum
from statistics import fmean
from typing import TypeAlias

from holdfast.evals.cases.case import Case
from holdfast.evals.compare.figures import LEVEL, PairScore, Plan
from holdfast.evals.compare.measured import Measured
from holdfast.evals.compare.net import Net, more_until, net_of, over_cases
from holdfast.evals.compare.sides import Side
from holdfast.evals.compare.verdict import UNKNOWN, Verdict, agreed, verdict_of
from holdfast.evals.scores.band import Band, banded
from holdfast.evals.stats.paired import Discordance, compare, difference
from holdfast.evals.stats.rates import Interval
from holdfast.evals.stats.repeat import pass_hat

_Value: TypeAlias = Callable[[Measured], float]
_Twins: TypeAlias = tuple[Measured, Measured]
"""A trial of the simpler side, and the same of the more complex one."""


class Pair:
    """Two sides, trial beside trial."""

    def __init__(
        self, plan: Plan, cases: Sequence[Case], one: tuple[Side, Sequence[Measured]], other: tuple[Side, Sequence[Measured]],
        level: float,
    ) -> None:  # fmt: skip
        self.plan, self.level = plan, level
        self.letters = one[0].letter, other[0].letter
        self.unpriced = sum(trial.unpriced for _, trials in (one, other) for trial in trials)
        theirs = {(trial.trial.case, trial.trial.number): trial for trial in other[1]}
        self.all: dict[str, list[_Twins]] = {}
        for trial in one[1]:
            twin = theirs.get((trial.trial.case, trial.trial.number))
            if twin is not None:
                self.all.setdefault(trial.trial.case, []).append((trial, twin))
        self.family = {case.name: case.cluster for case in cases}
        made = {
            name: [pair for pair in pairs if None not in (pair[0].passed, pair[1].passed)]
            for name, pairs in self.all.items()
        }
        self.names = [case.name for case in cases if made.get(case.name)]
        self.left_out = tuple(case.name for case in cases if not made.get(case.name))
        self.made = {name: made[name] for name in self.names}
        self.clusters = [self.family[name] for name in self.names]

    def score(self) -> PairScore:
        """The figures, and the verdict."""
        if not self.names:
            return self._nothing()
        won = ([[float(bool(pair[at].passed)) for pair in self.made[name]] for name in self.names] for at in (1, 0))
        more, fewer = won
        found = compare(more, fewer, self.clusters, seed=self.plan.seed)
        every = [pair for name in self.names for pair in self.made[name]]
        pairs = _discordance(every)
        net = self._net(
            {name: [(bool(a.passed), bool(b.passed)) for a, b in self.made[name]] for name in self.names}, self.made
        )
        verdict = UNKNOWN if self.unpriced else self._verdict(net)
        usd = self._over(lambda one: one.nusd / 1e9)
        by = {name: fsum(a) / len(a) - fsum(b) / len(b) for name, a, b in zip(self.names, more, fewer, strict=True)}
        decided = verdict_of(net, self.plan.margin) != UNKNOWN
        return PairScore(
            one=self.letters[0], other=self.letters[1], cases=len(self.names), families=len(set(self.clusters)),
            left_out=self.left_out, verdict=verdict, net=banded(net.interval) if not self.unpriced else None,
            pass_1=banded(found.difference), pass_k=self._pass_k(), p=found.permutation.p, exact=found.permutation.exact,
            pairs=(pairs.both, pairs.only_one, pairs.only_other, pairs.neither), mcnemar=pairs.p,
            usd=banded(usd) if not self.unpriced else None, seconds=banded(self._over(lambda one: one.took / 1e6)),
            questions=banded(self._over(lambda one: float(one.questions))),
            usd_of_a_success_more=self._of_a_success(found.difference.point),
            better=tuple(name for name in self.names if by[name] > 0), worse=tuple(name for name in self.names if by[name] < 0),
            more=more_until(net, self.plan.margin) if not decided and not self.unpriced else None,
            open_trials=len(self._open()) if decided and verdict == UNKNOWN and not self.unpriced else 0,
        )  # fmt: skip

    def _net(self, passed: Mapping[str, Sequence[tuple[bool, bool]]], pairs: Mapping[str, Sequence[_Twins]]) -> Net:
        """Net benefit over these pairs, where they passed as is said."""
        names = [name for name in self.family if pairs.get(name)]
        success = [fmean([float(b) - float(a) for a, b in passed[name]]) for name in names]
        costs = [fmean([self._price(b) - self._price(a) for a, b in pairs[name]]) for name in names]
        clusters = [self.family[name] for name in names]
        return net_of(success, costs, self.plan.stakes.swing, clusters, level=self.level, seed=self.plan.seed)

    def _verdict(self, net: Net) -> Verdict:
        """The verdict, if it is the same with what could not be made won by one side, and by the other."""
        verdicts = [verdict_of(net, self.plan.margin)]
        if self._open() and verdicts[0] != UNKNOWN:
            for side in (0, 1):
                passed = {
                    name: [(_imputed(a, wins=side == 0), _imputed(b, wins=side == 1)) for a, b in pairs]
                    for name, pairs in self.all.items()
                }
                verdicts.append(verdict_of(self._net(passed, self.all), self.plan.margin))
        return agreed(verdicts)

    def _open(self) -> list[_Twins]:
        return [pair for pairs in self.all.values() for pair in pairs if None in (pair[0].passed, pair[1].passed)]

    def _price(self, one: Measured) -> float:
        """USD of models and of people."""
        return one.nusd / 1e9 + self.plan.stakes.of_people(one.questions)

    def _over(self, value: _Value) -> Interval:
        """A difference, case by case, that has no bounds."""
        values = [fmean([value(b) - value(a) for a, b in self.made[name]]) for name in self.names]
        return over_cases(values, self.clusters, seed=self.plan.seed)

    def _pass_k(self) -> Band | None:
        k, values, clusters = self.plan.trials, [], []
        for name in self.names:
            pairs = self.made[name]
            one, other = (pass_hat(sum(bool(pair[at].passed) for pair in pairs), len(pairs), k) for at in (0, 1))
            if one is not None and other is not None:
                values.append(other - one)
                clusters.append(self.family[name])
        return banded(difference(values, clusters)) if values else None

    def _of_a_success(self, more: float) -> float | None:
        dearer = self._over(self._price).point
        return dearer / more if not self.unpriced and more * dearer > 0 else None

    def _nothing(self) -> PairScore:
        unknown = Band(None, None, None, LEVEL, "no trial was made by both")
        return PairScore(
            one=self.letters[0], other=self.letters[1], cases=0, families=0, left_out=self.left_out, verdict=UNKNOWN, net=None,
            pass_1=unknown, pass_k=None, p=1.0, exact=True, pairs=(0, 0, 0, 0), mcnemar=1.0, usd=None, seconds=unknown,
            questions=unknown, usd_of_a_success_more=None, better=(), worse=(),
        )  # fmt: skip


def _discordance(pairs: Sequence[_Twins]) -> Discordance:
    kinds = Counter((bool(a.passed), bool(b.passed)) for a, b in pairs)
    return Discordance(kinds[True, True], kinds[True, False], kinds[False, True], kinds[False, False])


def _imputed(one: Measured, *, wins: bool) -> bool:
    return wins if one.passed is None else one.passed
