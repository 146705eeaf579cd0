"""Right reason as journals have it: the forks of every counterfactual, and what they say of each decision.

By the forks alone. Whether evidence that a decision requires had been read is not recorded in them; `holdfast why` looks at that
too, and what it says may be less than what stands here, never more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from holdfast.evals.readiness.read import Forked
from holdfast.evals.scores.band import Band, banded
from holdfast.evals.stats.rates import Interval
from holdfast.evals.stats.reasons import Counted, Verdict, judge


class Reasoned(Struct, frozen=True, kw_only=True):
    """What the forks of one decision say. A band is None where there was no such fork."""

    decision: str
    digest: str
    verdict: Verdict
    because: tuple[str, ...]
    runs: tuple[str, ...]
    forks: int
    counted: int
    noise: Band | None
    """How often it comes to something else by itself."""
    flips: tuple[tuple[str, Band], ...]
    """Field → by how much more often it decides as another value demands."""
    withheld: Band | None
    """How often it is safe where a tool does not answer."""
    placebo: Band | None
    """By how much more often an irrelevant value changes it."""
    scripted: bool
    journal: str
    """Where the forks are."""


def reasoned(forks: Sequence[Forked], failed: Collection[str], journal: str) -> tuple[Reasoned, ...]:
    """Each decision, as it was last defined. failed: runs whose outcome is known to be wrong."""
    newest: dict[str, Forked] = {}
    for one in forks:
        if one.decision not in newest or one.at > newest[one.decision].at:
            newest[one.decision] = one
    return tuple(
        _reasoned([one for one in forks if (one.decision, one.digest) == (name, last.digest)], failed, journal)
        for name, last in sorted(newest.items())
    )


def _reasoned(forks: Sequence[Forked], failed: Collection[str], journal: str) -> Reasoned:
    found = judge(_counted(forks, failed))
    because = found.lacking
    if found.insensitive:
        because = tuple(f"with {name} it hardly ever decides as that demands" for name in found.insensitive)
    return Reasoned(
        decision=forks[0].decision, digest=forks[0].digest, verdict=found.verdict, because=because,
        runs=tuple(sorted({one.of for one in forks})), forks=len(forks), counted=sum(bool(one.sort) for one in forks),
        noise=_band(found.noise), flips=tuple((flip.name, banded(flip.above)) for flip in found.flips),
        withheld=_band(found.withheld), placebo=banded(found.placebo.above) if found.placebo is not None else None,
        scripted=any(one.scripted for one in forks), journal=journal,
    )  # fmt: skip


def _band(found: Interval | None) -> Band | None:
    return banded(found) if found is not None else None


def _counted(forks: Sequence[Forked], failed: Collection[str]) -> Counted:
    def count(kind: str, wanted: Callable[[Forked], bool], arm: str = "") -> dict[str, tuple[int, int]]:
        found: dict[str, list[bool]] = {}
        for one in forks:
            if one.kind == kind and one.sort and arm in ("", one.arm):
                found.setdefault(one.of, []).append(wanted(one))
        return {run: (sum(made), len(made)) for run, made in found.items()}

    names = dict.fromkeys(one.arm for one in forks if one.kind == "flip")
    return Counted(
        control=count("control", _changed), flips={name: count("flip", lambda one: one.sort == "expected", name) for name in names},
        withheld=count("withhold", lambda one: one.sort == "safe"), placebo=count("placebo", _changed), failed=frozenset(failed),
    )  # fmt: skip


def _changed(one: Forked) -> bool:
    return one.sort != "same"
