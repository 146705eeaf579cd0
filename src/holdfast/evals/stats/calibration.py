"""Calibration: how far a judge's verdicts can be believed, and what a rate of its verdicts says of the true one.

    found = calibrate(labels, sampling="random")      agreement, kappa, prevalence, sensitivity, specificity
    admit(found, Floors(kappa=0.4))                   raises WeakJudge; an override is recorded in what it gives
    corrected(found, 80, 100).rate                    Rogan and Gladen 1978: 0.80 passed may be 0.87 right

A label is one case with the judge's verdict and a person's. The person's is taken for the truth. Kappa alone says little:
it falls where nearly everything is right, or nearly nothing, so it always stands beside the prevalence, the sensitivity
and the specificity. Labels have to be drawn at random, or carry the inverse of the chance with which they were drawn;
those that reviewers chose, or were sent, are neither, and then every figure here says so. `prediction` puts labels and
verdicts together without a judge's having to be good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final, Literal, TypeAlias

from holdfast.errors import UsageError, UserError
from holdfast.evals.stats.quantiles import two_sided_z
from holdfast.evals.stats.rates import Interval, wilson

Sampling: TypeAlias = Literal["random", "weighted", "chosen"]
"""How the labelled cases were come by: each with the same chance; each with a known chance; in any other way."""

CHOSEN: Final = (
    "the labelled cases were not drawn at random (a review queue is not): sensitivity, specificity and what is corrected "
    "by them hold for cases like these, and nobody knows whether the others are like them"
)
FEW: Final = 10
"""Labels of one kind below which it is said that they are few."""


class WeakJudge(UserError):
    """This judge is too weak to gate with."""


@dataclass(frozen=True)
class Labelled:
    """One case that both have judged."""

    judge: bool
    """The judge let it pass."""
    truth: bool
    """The person did."""
    weight: float = 1.0
    """The inverse of the chance with which this case was drawn for labelling."""


@dataclass(frozen=True)
class Confusion:
    """How many cases of each kind, unweighted."""

    both_pass: int
    judge_alone: int
    """Passed by the judge, and not right: the passes it gives away."""
    truth_alone: int
    """Right, and not passed."""
    both_fail: int

    @property
    def of(self) -> int:
        """All cases."""
        return self.both_pass + self.judge_alone + self.truth_alone + self.both_fail

    @property
    def right(self) -> int:
        """Cases that are right."""
        return self.both_pass + self.truth_alone

    @property
    def wrong(self) -> int:
        """Cases that are not."""
        return self.judge_alone + self.both_fail


@dataclass(frozen=True)
class Calibration:
    """A judge beside people."""

    counts: Confusion
    sampling: Sampling
    agreement: Interval
    kappa: float | None
    """Cohen's: agreement beyond chance, over what was possible; None where one verdict was all either gave."""
    prevalence: float
    """Share of cases that are right."""
    judged: float
    """Share of cases the judge let pass."""
    sensitivity: Interval | None
    """Of the right cases, the share it passed; None where no right one was labelled."""
    specificity: Interval | None
    """Of the wrong cases, the share it did not pass; None where no wrong one was labelled."""
    right: float
    """Right cases that the sensitivity rests on; with weights fewer than were labelled (Kish's effective number)."""
    wrong: float
    """Wrong cases that the specificity rests on."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Floors:
    """What a judge has to reach before anything is gated by it."""

    kappa: float = 0.4
    both: float = 1.2
    """Of sensitivity and specificity added; a coin comes to 1, whatever it is weighted with."""


@dataclass(frozen=True)
class Override:
    """Somebody's word that a judge below the floors is to be used all the same."""

    by: str
    because: str

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.because.strip():
            raise UsageError("an override says who it is by, and why", hint='Override(by="lea", because="…")')


@dataclass(frozen=True)
class Admission:
    """That a judge may gate, and on whose word where it is too weak."""

    floors: Floors
    weaknesses: tuple[str, ...] = ()
    override: Override | None = None
    """None where none was needed."""


@dataclass(frozen=True)
class Corrected:
    """What a judge's rate says of the true one."""

    rate: Interval
    """`point` is that of Rogan and Gladen within 0 to 1; the bounds are Lang and Reiczigel's."""
    variance: float
    """Of the estimate, from the verdicts, the right labels and the wrong ones together."""
    raw: Interval
    """What the judge says, uncorrected; its interval knows nothing of the judge's errors."""
    admission: Admission
    warnings: tuple[str, ...] = ()


# -------------------------------------------------------------------------------------------------------- the judge


def confusion(labels: Iterable[Labelled]) -> Confusion:
    """Count cases by both verdicts."""
    cells = [0, 0, 0, 0]
    for one in labels:
        cells[2 * (not one.judge) + (not one.truth)] += 1
    return Confusion(*cells)


def calibrate(labels: Sequence[Labelled], *, sampling: Sampling, level: float = 0.95) -> Calibration:
    """A judge beside people, from cases that both have judged.

    Raises UsageError where there are none, for a weight that cannot be, and for weights that are not called so.
    """
    if not labels:
        raise UsageError("no labels, no calibration", hint="have people judge some cases that were drawn at random")
    check_weights([one.weight for one in labels], sampling)
    whole = sum(one.weight for one in labels)
    agreed = _share(labels, lambda one: one.judge == one.truth, level)
    assert agreed is not None
    prevalence = sum(one.weight for one in labels if one.truth) / whole
    judged = sum(one.weight for one in labels if one.judge) / whole
    right, wrong = [one for one in labels if one.truth], [one for one in labels if not one.truth]
    return Calibration(
        counts=confusion(labels),
        sampling=sampling,
        agreement=agreed,
        kappa=_kappa(agreed.point, prevalence, judged),
        prevalence=prevalence,
        judged=judged,
        sensitivity=_share(right, lambda one: one.judge, level),
        specificity=_share(wrong, lambda one: not one.judge, level),
        right=effective([one.weight for one in right]),
        wrong=effective([one.weight for one in wrong]),
        warnings=tuple(_warnings(sampling, len(right), len(wrong))),
    )


def _kappa(agreed: float, prevalence: float, judged: float) -> float | None:
    by_chance = prevalence * judged + (1 - prevalence) * (1 - judged)
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else None


def _share(labels: Sequence[Labelled], fits: Callable[[Labelled], bool], level: float) -> Interval | None:
    """The weighted share of labels that fit, with Wilson's interval over their effective number."""
    if not labels:
        return None
    if len({one.weight for one in labels}) == 1:
        return wilson(sum(map(fits, labels)), len(labels), level)
    weights = [one.weight for one in labels]
    share = sum(one.weight for one in labels if fits(one)) / sum(weights)
    n, z = effective(weights), two_sided_z(level)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(max(0.0, middle - half), share, min(1.0, middle + half), level, "Wilson, effective number")


def check_weights(weights: Sequence[float], sampling: Sampling) -> None:
    """Raise UsageError for a weight that cannot be, and for different ones where all cases had the same chance."""
    if not all(isfinite(weight) and weight > 0 for weight in weights):
        raise UsageError("a weight is the inverse of a chance: above 0 and finite")
    if sampling == "random" and len(set(weights)) > 1:
        raise UsageError("labels of different weight were not drawn with one chance", hint='sampling="weighted"')


def effective(weights: Sequence[float]) -> float:
    """How many equal labels would say as much as these with weights do (Kish 1965); 0 for none."""
    return sum(weights) ** 2 / sum(weight * weight for weight in weights) if weights else 0.0


def _warnings(sampling: Sampling, right: int, wrong: int) -> Iterable[str]:
    if sampling == "chosen":
        yield CHOSEN
    for many, kind, figure in ((right, "right", "sensitivity"), (wrong, "wrong", "specificity")):
        if many < FEW:
            yield f"{many} labelled cases were {kind}: little is known of the {figure}"


# --------------------------------------------------------------------------------------------------------- the gate


def weaknesses(found: Calibration, floors: Floors | None = None) -> tuple[str, ...]:
    """Why a judge may not gate, in sentences; none where it may."""
    floors = floors or Floors()
    faults = []
    if found.kappa is None:
        faults.append("kappa cannot be told: only one verdict was ever given")
    elif found.kappa < floors.kappa:
        faults.append(f"kappa is {found.kappa:.3f}, below the floor of {floors.kappa:g}")
    both = _both(found)
    if both is None:
        kind = "right" if found.sensitivity is None else "wrong"
        faults.append(f"no {kind} case was labelled, so nobody knows how often the judge knows one")
    elif both < floors.both:
        faults.append(f"sensitivity and specificity come to {both:.3f}, below {floors.both:g}; a coin has 1")
    return tuple(faults)


def admit(found: Calibration, floors: Floors | None = None, override: Override | None = None) -> Admission:
    """Let a judge gate. Raises WeakJudge where it is below a floor and nobody overrides that."""
    floors = floors or Floors()
    faults = weaknesses(found, floors)
    if faults and override is None:
        raise WeakJudge(
            f"this judge is too weak to gate: {'; '.join(faults)}",
            hint="mend its prompt and calibrate again, or override with a name and a reason, which the result keeps",
        )
    return Admission(floors, faults, override if faults else None)


def _both(found: Calibration) -> float | None:
    if found.sensitivity is None or found.specificity is None:
        return None
    return found.sensitivity.point + found.specificity.point


def corrected(
    found: Calibration,
    passed: int,
    of: int,
    *,
    floors: Floors | None = None,
    override: Override | None = None,
    level: float = 0.95,
) -> Corrected:
    """The true rate behind `passed` verdicts of `of`, of cases other than the labelled ones.

    p = (q + sp - 1) / (se + sp - 1), with Var = [q(1-q)/N + p²se(1-se)/n1 + (1-p)²sp(1-sp)/n0] / (se + sp - 1)²
    (Rogan and Gladen 1978; Lee 2025, arXiv 2511.21140). Where no error was seen in some hundred labels that variance takes
    the judge for perfect, so the bounds come from counts with a little added (Lang and Reiczigel 2014).

    Raises WeakJudge for a judge below a floor, as `admit` does, and in spite of an override for one that is no better
    than a coin or was never shown both kinds: nothing can be corrected by it.
    """
    admission = admit(found, floors, override)
    both = _both(found)
    if both is None or both <= 1:
        raise WeakJudge(
            f"no rate can be corrected by this judge, whoever wants it: {'; '.join(admission.weaknesses)}",
            hint="a judge that is no better than a coin says nothing of the truth",
        )
    assert found.sensitivity is not None
    assert found.specificity is not None
    raw = wilson(passed, of, level)
    point, variance = rogan_gladen(
        raw.point, of, found.sensitivity.point, found.right, found.specificity.point, found.wrong
    )
    low, high = _bounds(found, passed, of, level)
    point = min(max(point, 0.0), 1.0)
    rate = Interval(min(low, point), point, max(high, point), level, "Rogan-Gladen, Lang-Reiczigel")
    return Corrected(rate, variance, raw, admission, found.warnings)


def rogan_gladen(q: float, of: float, se: float, right: float, sp: float, wrong: float) -> tuple[float, float]:
    """The true rate and its variance; q of `of` verdicts pass, se rests on `right` labels and sp on `wrong` ones.

    The estimate may lie outside 0 to 1: chance, or labels that were of another kind. se + sp must be above 1.
    """
    youden = se + sp - 1
    p = (q + sp - 1) / youden
    parts = q * (1 - q) / of + p * p * se * (1 - se) / right + (1 - p) ** 2 * sp * (1 - sp) / wrong
    return p, parts / youden**2


def _bounds(found: Calibration, passed: int, of: int, level: float) -> tuple[float, float]:
    """Lang and Reiczigel's bounds: z²/2 of each verdict, and one label of each kind, are added before all else."""
    assert found.sensitivity is not None
    assert found.specificity is not None
    z = two_sided_z(level)
    many, right, wrong = of + z * z, found.right + 2, found.wrong + 2
    q = (passed + z * z / 2) / many
    se = (found.sensitivity.point * found.right + 1) / right
    sp = (found.specificity.point * found.wrong + 1) / wrong
    if se + sp <= 1:
        return 0.0, 1.0
    p, variance = rogan_gladen(q, many, se, right, sp, wrong)
    shift = 2 * z * z * (p * se * (1 - se) / right - (1 - p) * sp * (1 - sp) / wrong)
    half = z * sqrt(variance)
    return min(max(p + shift - half, 0.0), 1.0), min(max(p + shift + half, 0.0), 1.0)
