"""Mixtures: whether runs use their tools, or fill their arguments, in other shares than they did.

    mixture(baseline, later, window=20, run_length=1000, seed=1).watch.alarm

The population stability index is compared with what it comes to when the very same runs are shuffled, so that no rule of
thumb (0.1, 0.25) has to fit: in the first n runs the chance of any false alarm is at most n / run_length, whatever the runs
look like, if each is for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from random import Random
from typing import Final, TypeAlias

from holdfast.errors import UsageError
from holdfast.evals.stats.drift import Alarm, Watch

KINDS: Final = 12
"""Kinds of one thing that have a share of their own; the rarer ones count as one."""
RARE: Final = "(others)"
ENOUGH: Final = 10
"""Shuffles as far off as the window, after which it is plainly no rare thing."""

Groups: TypeAlias = Mapping[str, Mapping[str, int]]
"""What a run did: thing → kind → times. A tool mix is one thing; arguments are one each, with what they were."""


@dataclass(frozen=True)
class Shift:
    """How far one thing's mix is off in a window."""

    thing: str
    psi: float
    part: float
    """Of the whole index: its own, weighted with how often the thing occurs."""
    expected: dict[str, float]
    """Kind → its share in the baseline."""
    actual: dict[str, float]


@dataclass(frozen=True)
class Mixed:
    """What shares say of the runs that were looked at."""

    watch: Watch
    """Its statistic is the chance that a window is as far off as it is; it is an alarm *below* the threshold."""
    psi: float = 0.0
    """Of the window with the alarm, or of the last whole one."""
    shifts: tuple[Shift, ...] = ()
    """What the index is made of there, the most first."""


def psi(expected: Mapping[str, int], actual: Mapping[str, int]) -> float:
    """The population stability index of two mixes, sum of (a - e) ln(a / e) over shares; half is added to every count."""
    kinds = expected.keys() | actual.keys()
    return _index([expected.get(kind, 0) for kind in sorted(kinds)], [actual.get(kind, 0) for kind in sorted(kinds)])


def _index(expected: Sequence[int], actual: Sequence[int]) -> float:
    if len(expected) < 2:
        return 0.0
    then, now = sum(expected) + len(expected) / 2, sum(actual) + len(actual) / 2
    found = 0.0
    for e, a in zip(expected, actual, strict=True):
        was, share = (e + 0.5) / then, (a + 0.5) / now
        found += (share - was) * log(share / was)
    return found


def mixture(baseline: Sequence[Groups], later: Sequence[Groups], *, window: int, run_length: float, seed: int) -> Mixed:
    """Whether what runs do is mixed otherwise than it was, looked at whenever `window` runs are full.

    The index of each thing, weighted with its share, is compared with that of runs drawn at random from baseline and
    window together: whole runs, as the calls of one belong together. A chance to be that far off (Besag and Clifford 1991)
    of window / run_length or less is an alarm. Raises UsageError for a window of no run, no baseline, and a run length
    that is no longer than a window.
    """
    if window < 1 or not baseline or not run_length > window:
        raise UsageError("this takes a baseline, a window of one run at least, and a run length above that")
    threshold = window / run_length
    random = Random(seed)  # noqa: S311 - shuffles that can be made again, nobody's secret
    seen, chance = None, 1.0
    for start in range(0, len(later) - window + 1, window):
        seen = _Mixes(baseline, later[start : start + window])
        chance = seen.chance(random, ceil(ENOUGH / threshold))
        if chance <= threshold:
            alarm = Alarm(start + window - 1, start, chance)
            watch = Watch("PSI", threshold, run_length, start + window, alarm, chance)
            return Mixed(watch, seen.index, seen.shifts())
    watch = Watch("PSI", threshold, run_length, len(later) - len(later) % window, None, chance)
    return Mixed(watch, seen.index, seen.shifts()) if seen is not None else Mixed(watch)


class _Mixes:
    """Baseline and window as rows of counts, one column a kind, so that runs can change sides quickly."""

    def __init__(self, baseline: Sequence[Groups], window: Sequence[Groups]) -> None:
        runs = [*baseline, *window]
        self._first, self._runs = len(baseline), len(runs)
        self._columns = _columns(runs)
        places: dict[tuple[str, str], int] = {}
        self._parts: list[tuple[str, slice]] = []
        for thing, kinds in self._columns.items():
            self._parts.append((thing, slice(len(places), len(places) + len(kinds))))
            places |= {(thing, kind): len(places) + at for at, kind in enumerate(kinds)}
        self._rows = [_row(run, places) for run in runs]
        self._all = self._summed(range(self._runs))
        whole = sum(self._all) or 1
        self._weights = [sum(self._all[part]) / whole for _, part in self._parts]
        self.index = self._of(range(self._first, self._runs))

    def _summed(self, chosen: Iterable[int]) -> list[int]:
        found = [0] * sum(map(len, self._columns.values()))
        for run in chosen:
            for at, many in self._rows[run]:
                found[at] += many
        return found

    def _of(self, chosen: Iterable[int]) -> float:
        """The index when these runs are the window."""
        now = self._summed(chosen)
        then = [whole - some for whole, some in zip(self._all, now, strict=True)]
        weighed = zip(self._parts, self._weights, strict=True)
        return sum(weight * _index(then[part], now[part]) for (_, part), weight in weighed)

    def chance(self, random: Random, draws: int) -> float:
        """The chance that shuffled runs are as far off; drawing ends early where that is plainly no rare thing."""
        further = 0
        for drawn in range(1, draws + 1):
            chosen = random.sample(range(self._runs), self._runs - self._first)
            further += self._of(chosen) >= self.index - 1e-12
            if further == ENOUGH:
                return further / drawn
        return (further + 1) / (draws + 1)

    def shifts(self) -> tuple[Shift, ...]:
        """What the index is made of, the most first."""
        now = self._summed(range(self._first, self._runs))
        then = [whole - some for whole, some in zip(self._all, now, strict=True)]
        found = []
        for (thing, part), weight in zip(self._parts, self._weights, strict=True):
            own, kinds = _index(then[part], now[part]), self._columns[thing]
            found.append(Shift(thing, own, weight * own, _shares(kinds, then[part]), _shares(kinds, now[part])))
        return tuple(sorted(found, key=lambda one: (-one.part, one.thing)))


def _columns(runs: Sequence[Groups]) -> dict[str, list[str]]:
    """Thing → its kinds, the commonest first; which of them are rare is said by both sides together, so of neither."""
    total: dict[str, Counter[str]] = {}
    for run in runs:
        for thing, kinds in run.items():
            total.setdefault(thing, Counter()).update(kinds)
    found = {}
    for thing in sorted(total):
        ordered = sorted(total[thing], key=lambda kind: (-total[thing][kind], kind))
        found[thing] = ordered if len(ordered) <= KINDS else [*ordered[: KINDS - 1], RARE]
    return found


def _row(run: Groups, places: Mapping[tuple[str, str], int]) -> list[tuple[int, int]]:
    found: Counter[int] = Counter()
    for thing, kinds in run.items():
        for kind, many in kinds.items():
            at = places.get((thing, kind))
            found[places[thing, RARE] if at is None else at] += many
    return sorted(found.items())


def _shares(kinds: Sequence[str], counts: Sequence[int]) -> dict[str, float]:
    whole = sum(counts)
    return {kind: many / whole for kind, many in zip(kinds, counts, strict=True)} if whole else {}
