"""Drift of an agent's runs: whether success, cost, time, tools or arguments are no longer what they were.

    found = drift(in_order(map(observe, runs)), Plan(baseline=100))
    found.changed, found.enough, found.figures

Which tests are made, and how the false alarms one is ready to have are shared among them. The tests are in `stats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.evals.stats.drift import Watch, cusum, delay, ewma, ranked, shiryaev_roberts
from holdfast.evals.stats.mixture import Groups, Shift, mixture
from holdfast.evals.stats.rates import wilson
from holdfast.views.observed import Observed

LEAST: Final = 20
"""Runs of a baseline below which nothing is said."""
FEW: Final = 10
"""Runs after it below which silence says nothing."""

Name: TypeAlias = Literal["success", "cost", "time", "tools", "arguments"]
State: TypeAlias = Literal["changed", "quiet", "untested"]


class Plan(Struct, frozen=True, kw_only=True):
    """What is compared with what."""

    baseline: int = 100
    """The first runs, that the others are compared with."""
    run_length: float = 1000
    """Runs from one false alarm to the next, all tests together."""
    drop: float = 0.2
    """The fall of the success rate that should be noticed soonest."""
    expect: float | None = None
    """The success rate that is promised; None: what the baseline's is at least."""
    window: int = 20
    """Runs after which mixes are looked at."""
    seed: int = 1


class Place(Struct, frozen=True):
    """A run among those that were looked at."""

    run: str
    number: int
    """From 1, baseline included."""
    closed: int


class Noticed(Struct, frozen=True):
    """That a figure changed."""

    at: Place
    """Where it was noticed."""
    since: Place
    """From which run on it seems to be so."""
    way: Literal["rose", "fell", "shifted"]


class Check(Struct, frozen=True):
    """One test of a figure."""

    method: str
    threshold: float
    run_length: float
    """Runs from one false alarm of this test to the next."""
    looked: int
    """Runs after the baseline that it looked at; it stops at its alarm."""
    last: float
    noticed: Noticed | None = None


class Figure(Struct, frozen=True, kw_only=True):
    """One figure, before and after."""

    name: Name
    state: State
    why: str = ""
    """Why it was not tested."""
    before: float | None = None
    """In the baseline: the share of successes, the median of nusd or of µs."""
    after: float | None = None
    """The same since it changed, or of all after the baseline where it did not; of mixes their index."""
    tests: tuple[Check, ...] = ()
    shifts: tuple[Shift, ...] = ()
    """Of mixes: what is shifted, the most first."""
    rates: tuple[float, float] | None = None
    """Of success: the rates that are told apart."""
    delay: float | None = None
    """Of success: runs until the lower of them is noticed, about."""

    @property
    def noticed(self) -> Noticed | None:
        """The first alarm of its tests."""
        found = [test.noticed for test in self.tests if test.noticed is not None]
        return min(found, key=lambda one: one.at.number, default=None)


class Drift(Struct, frozen=True, kw_only=True):
    """What became of an agent's runs."""

    agent: str
    runs: int
    baseline: int
    looked: int
    """Runs after the baseline."""
    first: Place | None
    last_of_baseline: Place | None
    last: Place | None
    plan: Plan
    tests: int
    """Tests that share the false alarms."""
    figures: tuple[Figure, ...]
    contracts: tuple[Place, ...]
    """The runs after the first with another contract than the one before."""

    @property
    def changed(self) -> bool:
        """Whether anything did."""
        return any(figure.state == "changed" for figure in self.figures)

    @property
    def enough(self) -> bool:
        """Whether there were runs enough for silence to say anything."""
        return self.baseline >= LEAST and self.looked >= FEW


class _Series(Struct, frozen=True):
    """The runs that have a figure, and which of them are the baseline's."""

    places: list[Place]
    baseline: int


Checking: TypeAlias = Callable[[float], Figure]
"""Makes the tests of a figure, so that each has that run length."""


def drift(runs: Sequence[Observed], plan: Plan) -> Drift:
    """Whether runs changed after the first `plan.baseline`. They are of one agent, in the order they were closed."""
    places = [Place(one.run, number, one.closed) for number, one in enumerate(runs, 1)]
    until = min(plan.baseline, len(runs))
    prepared = list(_prepared(runs, places, until, plan))
    many = sum(tests for _, tests, _ in prepared)
    contracts = [
        place for place, one, last in zip(places[1:], runs[1:], runs, strict=False) if one.contract != last.contract
    ]
    return Drift(
        agent=runs[0].agent if runs else "",
        runs=len(runs),
        baseline=until,
        looked=len(runs) - until,
        first=places[0] if places else None,
        last_of_baseline=places[until - 1] if until else None,
        last=places[-1] if places else None,
        plan=plan,
        tests=many,
        figures=tuple(made(plan.run_length * many) if tests else made(0) for _, tests, made in prepared),
        contracts=tuple(contracts),
    )


def _prepared(
    runs: Sequence[Observed], places: list[Place], until: int, plan: Plan
) -> Iterator[tuple[Name, int, Checking]]:
    """Each figure with how many tests it takes and what makes them; none where it cannot be tested."""
    if until < LEAST:
        for name in ("success", "cost", "time", "tools", "arguments"):
            yield _untested(name, f"{until} runs are too few for a baseline; it takes {LEAST}")
        return
    yield _success(runs, places, until, plan)
    yield _values("cost", [None if one.nusd is None else float(one.nusd) for one in runs], places, until)
    yield _values("time", [float(one.took) for one in runs], places, until)
    yield _mixed("tools", [{"": one.tools} for one in runs], places, until, plan)
    yield _mixed("arguments", [one.arguments for one in runs], places, until, plan)


def _untested(name: Name, why: str, before: float | None = None) -> tuple[Name, int, Checking]:
    return name, 0, lambda _: Figure(name=name, state="untested", why=why, before=before)


def _success(runs: Sequence[Observed], places: list[Place], until: int, plan: Plan) -> tuple[Name, int, Checking]:
    won = [one.won for one in runs]
    before = sum(won[:until]) / until
    # The baseline's own rate is an estimate. Were it too high by chance, alarms would follow without any change, so what
    # is taken is what it is at least, 19 times in 20.
    rate = plan.expect if plan.expect is not None else wilson(sum(won[:until]), until, 0.9).low
    if rate <= 0:
        return _untested("success", "no run of the baseline was a success, so there is nothing to fall", before)
    fallen = rate - plan.drop if rate > plan.drop else rate / 2

    def make(run_length: float) -> Figure:
        watch = shiryaev_roberts(won[until:], before=rate, after=fallen, run_length=run_length)
        test = _checked(watch, _Series(places, until))
        after = won[_since(test, until) :]
        return Figure(
            name="success",
            state="changed" if test.noticed else "quiet",
            before=before,
            after=sum(after) / len(after) if after else None,
            tests=(test,),
            rates=(rate, fallen),
            delay=delay(rate, fallen, run_length),
        )

    return "success", 1, make


def _values(name: Name, given: Sequence[float | None], places: list[Place], until: int) -> tuple[Name, int, Checking]:
    known = [at for at, value in enumerate(given) if value is not None]
    values = [value for value in given if value is not None]
    series = _Series([places[at] for at in known], sum(at < until for at in known))
    if series.baseline < LEAST:
        return _untested(name, f"only {series.baseline} runs of the baseline have a known {name}; it takes {LEAST}")
    if not any(values):
        return _untested(name, f"no run has a {name}", 0.0)

    def make(run_length: float) -> Figure:
        scores = ranked(values, series.baseline)
        tests = tuple(_checked(test(scores, run_length=run_length), series) for test in (cusum, ewma))
        first = min((test for test in tests if test.noticed), key=_number, default=tests[0])
        after = [
            value for place, value in zip(series.places, values, strict=True) if place.number > _since(first, until)
        ]
        return Figure(
            name=name,
            state="changed" if first.noticed else "quiet",
            before=median(values[: series.baseline]),
            after=median(after) if after else None,
            tests=tests,
        )

    return name, 2, make


def _mixed(
    name: Name, given: Sequence[Groups], places: list[Place], until: int, plan: Plan
) -> tuple[Name, int, Checking]:
    if not any(kinds for groups in given for kinds in groups.values()):
        return _untested(name, "no run called anything")

    def make(run_length: float) -> Figure:
        found = mixture(given[:until], given[until:], window=plan.window, run_length=run_length, seed=plan.seed)
        test = _checked(found.watch, _Series(places, until))
        return Figure(
            name=name,
            state="changed" if test.noticed else "quiet" if test.looked else "untested",
            why="" if test.looked else f"mixes are looked at every {plan.window} runs, and there are fewer",
            after=found.psi if test.looked else None,
            tests=(test,),
            shifts=found.shifts,
        )

    return name, 1, make


def _checked(watch: Watch, series: _Series) -> Check:
    noticed = None
    if watch.alarm is not None:
        at, since = (series.places[series.baseline + one] for one in (watch.alarm.at, watch.alarm.since))
        up = watch.alarm.up
        noticed = Noticed(at, since, "shifted" if up is None else "rose" if up else "fell")
    return Check(watch.method, watch.threshold, watch.run_length, watch.looked, watch.last, noticed)


def _since(test: Check, until: int) -> int:
    """How many runs are before the change, or before all that was looked at."""
    return test.noticed.since.number - 1 if test.noticed is not None else until


def _number(test: Check) -> int:
    return test.noticed.at.number if test.noticed is not None else 0
