"""What a suite's trials are held against, and the verdict: pass, fail, or inconclusive.

    every       each trial of each informative case passed; what is asked where nothing else is
    required    the share of successes is above a rate, shown case by case, so that one may stop as soon as it is
    baseline    no worse than a stored baseline by more than a margin, case by case

A trial that could not be made never makes a verdict: a gate passes only if it would with all of these failed, and fails only
if it would with all of these passed.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from math import fsum
from typing import Literal, TypeAlias

from msgspec import Struct

from holdfast.evals.cases.case import Case
from holdfast.evals.stats.gate import Gate, Verdict, paired_gate, required_gate
from holdfast.evals.trials.order import order_of
from holdfast.evals.trials.trial import Trial
from holdfast.views import words

Kind: TypeAlias = Literal["every", "required", "baseline"]


class Ruling(Struct, frozen=True):
    """What one gate says, and why, in a sentence."""

    kind: Kind
    verdict: Verdict
    why: str
    seen: int = 0
    """How many cases, or families of them, it looked at."""
    decided_after: int | None = None


def together(rulings: Sequence[Ruling]) -> Verdict:
    """The verdict of several gates: one that fails fails all, and all have to pass."""
    found = {ruling.verdict for ruling in rulings}
    return "fail" if "fail" in found else "pass" if found == {"pass"} else "inconclusive"


def families(cases: Sequence[Case], trials: int, seed: int, without: Container[str] = ()) -> list[list[str]]:
    """Names of cases, family by family, in the order in which they are played and a gate looks at them."""
    found: dict[str, dict[str, None]] = {}
    for case, _ in order_of(cases, trials, seed, whole=True):
        if case.name not in without:
            found.setdefault(case.cluster, {})[case.name] = None
    return [list(names) for names in found.values()]


class Shares:
    """Shares of successes, family by family and in order, each as soon as all of its trials are there."""

    def __init__(self, order: Sequence[Sequence[str]], trials: int) -> None:
        self._left = list(order)
        self._trials = trials
        self._seen: dict[str, list[bool | None]] = {name: [] for family in order for name in family}

    def take(self, trial: Trial) -> list[tuple[float, float]]:
        """Take a trial; the families it completes: (share with what could not be made as failures, as successes)."""
        if trial.case in self._seen:
            self._seen[trial.case].append(trial.passed)
        ready = []
        while self._left and all(len(self._seen[name]) >= self._trials for name in self._left[0]):
            ready.append(_shares([self._seen[name] for name in self._left.pop(0)]))
        return ready


def _shares(cases: Sequence[Sequence[bool | None]]) -> tuple[float, float]:
    low = fsum(sum(one is True for one in trials) / len(trials) for trials in cases) / len(cases)
    high = fsum(sum(one is not False for one in trials) / len(trials) for trials in cases) / len(cases)
    return low, high


class Required:
    """The gate on a rate, while trials come in. order: the informative cases, family by family, as they are played."""

    def __init__(self, rate: float, order: Sequence[Sequence[str]], trials: int) -> None:
        self.rate = rate
        self._shares = Shares(order, trials)
        self._low = self._high = required_gate(rate)

    def take(self, trial: Trial) -> None:
        """Take a trial that has its verdict."""
        for low, high in self._shares.take(trial):
            self._low, self._high = self._low.after(low), self._high.after(high)

    @property
    def verdict(self) -> Verdict:
        """What is shown so far."""
        return _verdict(self._low, self._high)

    def ruling(self) -> Ruling:
        """What it says in the end."""
        after = self._low.decided_after if self.verdict == "pass" else self._high.decided_after
        rate, seen = _percent(self.rate), words.count(self._low.seen, "case")
        said = {
            "pass": f"the share of successes is above {rate}, as {after} cases showed",
            "fail": f"the share of successes is below {rate}, as {after} cases showed",
            "inconclusive": f"{seen} do not show on which side of {rate} the share of successes lies",
        }[self.verdict]
        return Ruling("required", self.verdict, said, self._low.seen, after if self.verdict != "inconclusive" else None)


def beforehand(rate: float, families: int) -> str:
    """What a suite of so many families could show of a required rate at all."""
    gate = required_gate(rate)
    up, down = gate.further(1.0), gate.further(0.0)
    said = f"above {_percent(rate)} takes {up} perfect cases at least, below it {down} that fail"
    return said if up is not None and up <= families else f"{said}; there are {families}, so it cannot pass"


def every(trials: Sequence[Trial], informative: Sequence[str], expected: int) -> Ruling:
    """Each trial of each informative case passed. expected: how many trials there should be."""
    mine = [trial for trial in trials if trial.case in set(informative)]
    failed = {trial.case for trial in mine if trial.passed is False}
    missing = expected - sum(trial.passed is not None for trial in mine)
    if failed:
        many = sum(trial.passed is False for trial in mine)
        what = f"{words.count(many, 'trial')} of {words.count(len(failed), 'case')} failed"
        return Ruling("every", "fail", what, len(informative))
    if not informative:
        return Ruling("every", "inconclusive", "there is no case that could tell an agent from one that does nothing")
    if missing:
        what = f"{words.count(missing, 'trial')} could not be made; none of the others failed"
        return Ruling("every", "inconclusive", what, len(informative))
    what = f"every one of {words.count(expected, 'trial')} of {words.count(len(informative), 'case')} passed"
    return Ruling("every", "pass", what, len(informative))


def against(
    new: Mapping[str, Sequence[bool | None]], old: Mapping[str, Sequence[bool | None]], order: Sequence[Sequence[str]], margin: float
) -> Ruling:  # fmt: skip
    """No worse than a baseline by more than a margin. Cases that only one side has say nothing here."""
    low = high = paired_gate(margin)
    for family in order:
        both = [name for name in family if new.get(name) and old.get(name)]
        if not both:
            continue
        ours, theirs = _shares([new[name] for name in both]), _shares([old[name] for name in both])
        low, high = low.after(ours[0] - theirs[1]), high.after(ours[1] - theirs[0])
    verdict, seen = _verdict(low, high), words.count(low.seen, "case")
    worse = f"{100 * margin:g} points" if margin else "any point"
    said = {
        "pass": f"it is no more than {worse} worse than the baseline" if margin else "it is better than the baseline",
        "fail": f"it is more than {worse} worse than the baseline" if margin else "it is worse than the baseline",
        "inconclusive": f"{seen} do not show whether it is worse than the baseline by more than {worse}",
    }[verdict]
    after = low.decided_after if verdict == "pass" else high.decided_after if verdict == "fail" else None
    return Ruling("baseline", verdict, said + (f", as {after} cases showed" if after else ""), low.seen, after)


def _verdict(low: Gate, high: Gate) -> Verdict:
    return "pass" if low.verdict == "pass" else "fail" if high.verdict == "fail" else "inconclusive"


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %"
