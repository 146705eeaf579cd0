"""A scorecard's trials as a file, to compare a later one with: `eval --save`, and then `eval --baseline`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.errors import InputError, UsageError
from holdfast.evals.scores.band import Band, banded
from holdfast.evals.stats.benefit import cost_per_success
from holdfast.evals.stats.paired import compare

VERSION: Final = 1


class Kept(Struct, frozen=True):
    """One case's trials."""

    name: str
    family: str
    digest: str
    """Of the case as it was."""
    passed: tuple[bool | None, ...]
    """Trial by trial; None: it could not be made."""
    nusd: tuple[int, ...]
    uninformative: tuple[str, ...] = ()
    """Null agents that pass it."""


class Baseline(Struct, frozen=True):
    """What was measured once."""

    holdfast_eval: int
    suite: str
    contract: str
    models: tuple[str, ...]
    seed: int
    verdict: str
    cases: tuple[Kept, ...]

    @property
    def informative(self) -> dict[str, Kept]:
        """Cases that no null agent passes, by name."""
        return {case.name: case for case in self.cases if not case.uninformative}

    @property
    def trials(self) -> int:
        """The most that a case has."""
        return max((len(case.passed) for case in self.cases), default=0)


class Beside(Struct, frozen=True):
    """This agent minus the baseline, case by case. Trials that could not be made are left out here."""

    contract: str
    """Of the baseline."""
    models: tuple[str, ...]
    cases: int
    left_out: tuple[str, ...]
    """Cases that have no counterpart, or were changed since."""
    difference: Band | None = None
    p: float | None = None
    """By sign flips: how often chance would part them so far."""
    exact: bool = True
    pairs: tuple[int, int, int, int] | None = None
    """Single trials: both passed, only this, only the baseline, neither."""
    mcnemar: float | None = None
    better: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    cost_per_success: Band | None = None
    """Of the baseline, in the cases compared."""


def read(path: Path) -> Baseline:
    """The baseline in a file. Raises InputError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}", hint="eval --save FILE writes one"
        ) from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path} is no baseline: {error}", hint="eval --save FILE writes one") from None
    if found.holdfast_eval != VERSION:
        raise InputError(f"{path} is a baseline of version {found.holdfast_eval}, and this holdfast knows {VERSION}")
    return found


def write(baseline: Baseline, path: Path) -> None:
    """Put a baseline in a file. Raises UsageError where it cannot be written."""
    text = msgspec.json.format(msgspec.json.encode(baseline), indent=1)
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None


def beside(new: Sequence[Kept], old: Baseline) -> Beside:
    """Compare trials with a baseline's, paired by case."""
    theirs = old.informative
    ours = {case.name: case for case in new if not case.uninformative}
    both = [
        name for name in ours
        if name in theirs and ours[name].digest == theirs[name].digest and _made(ours[name]) and _made(theirs[name])
    ]  # fmt: skip
    left_out = tuple(sorted({*ours, *theirs} - set(both)))
    if not both:
        return Beside(old.contract, old.models, 0, left_out)
    one, other = ([_made(side[name]) for name in both] for side in (ours, theirs))
    clusters = [ours[name].family for name in both]
    found = compare(one, other, clusters, seed=old.seed)
    by = {name: sum(a) / len(a) - sum(b) / len(b) for name, a, b in zip(both, one, other, strict=True)}
    pairs = found.pairs
    return Beside(
        contract=old.contract, models=old.models, cases=len(both), left_out=left_out, difference=banded(found.difference),
        p=found.permutation.p, exact=found.permutation.exact,
        pairs=(pairs.both, pairs.only_one, pairs.only_other, pairs.neither) if pairs is not None else None,
        mcnemar=pairs.p if pairs is not None else None, better=tuple(name for name in both if by[name] > 0),
        worse=tuple(name for name in both if by[name] < 0), cost_per_success=costs([theirs[name] for name in both]),
    )  # fmt: skip


def costs(cases: Sequence[Kept]) -> Band | None:
    """USD for a success, over every trial; None where there was none."""
    paid = [amount / 1e9 for case in cases for amount in case.nusd]
    won = [float(one is True) for case in cases for one in case.passed]
    clusters = [case.family for case in cases for _ in case.passed]
    return banded(cost_per_success(paid, won, clusters)) if paid else None


def comparable(
    new: Mapping[str, Kept], old: Baseline
) -> tuple[dict[str, Sequence[bool | None]], dict[str, Sequence[bool | None]]]:
    """The trials of the cases that both sides have unchanged and that say something on both."""
    theirs = {name: case for name, case in old.informative.items() if name in new and new[name].digest == case.digest}
    ours = {name: case for name, case in new.items() if name in theirs and not case.uninformative}
    return {name: case.passed for name, case in ours.items()}, {name: theirs[name].passed for name in ours}


def _made(case: Kept) -> list[float]:
    return [float(one) for one in case.passed if one is not None]
