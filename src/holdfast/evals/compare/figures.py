"""The figures of a comparison, as they are written down; figures of money are USD, of time seconds."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast.evals.compare.stakes import Stakes
from holdfast.evals.compare.verdict import Verdict
from holdfast.evals.scores.band import Band

LEVEL: Final = 0.95


class Plan(Struct, frozen=True):
    """What is to be played, and what it can show: known before the first trial."""

    sides: tuple[str, ...]
    """Names, the simplest first."""
    cases: int
    families: int
    trials: int
    """Of each case and side."""
    seed: int
    faults: str
    """Digest of the fault plan; empty: none."""
    margin: float
    stakes: Stakes
    detectable: float
    """The smallest difference in success that is seen in four of five times."""


class SideScore(Struct, frozen=True):
    """One side. A trial that could not be made counts as failed in what is said of success, and is counted in `broken`."""

    letter: str
    name: str
    contract: str
    models: tuple[str, ...]
    trials: int
    passed: int
    failed: int
    broken: int
    pass_1: Band
    pass_k: Band
    usd_run: Band | None
    """What models charged; None where a price is not known."""
    usd_success: Band | None
    """With people's time, over every trial."""
    median_seconds: float
    p95_seconds: float
    questions: Band
    """Put before people, a run."""
    minutes: float
    """Of people, a run."""
    input_tokens: float
    output_tokens: float
    """A run, like the runs below it."""
    runs: float
    """Runs a trial has, those that it opens included."""
    net: Band | None
    """USD a run."""
    failures: dict[str, int]
    """Detector → failed trials in which it found something."""
    undetected: int
    """Failed trials in which none did."""
    graders: dict[str, int]
    """Grader → trials that it failed."""
    landed: int
    """Faults."""
    unpriced: int
    examples: tuple[str, ...]
    """Runs that failed, one a case."""


class PairScore(Struct, frozen=True):
    """A more complex side minus a simpler one, over the trials that both made."""

    one: str
    """Letter of the simpler side."""
    other: str
    cases: int
    families: int
    left_out: tuple[str, ...]
    """Cases of which no trial was made by both."""
    verdict: Verdict
    net: Band | None
    """USD a run. None: a price is not known."""
    pass_1: Band
    pass_k: Band | None
    """None: no case has k trials on both sides."""
    p: float
    """By sign flips over families: how often chance would part them in success so far."""
    exact: bool
    pairs: tuple[int, int, int, int]
    """Trials: both passed, only the simpler, only the more complex, neither."""
    mcnemar: float
    """Exact, of these pairs; trials of one case are not independent, and with several it is too small."""
    usd: Band | None
    seconds: Band
    questions: Band
    usd_of_a_success_more: float | None
    """None where there is nothing to weigh: better and no dearer, worse and no cheaper, or no difference."""
    better: tuple[str, ...]
    """Cases that the more complex side passes more often."""
    worse: tuple[str, ...]
    more: int | None = None
    """Families of cases that would decide, if they are like those seen; None: decided, or no number would."""
    open_trials: int = 0
    """Pairs of which a trial could not be made, and which might turn the verdict."""


class Compared(Struct, frozen=True):
    """All of it."""

    plan: Plan
    verdict: Verdict
    sides: tuple[SideScore, ...]
    pairs: tuple[PairScore, ...]
    """Each side with each simpler one; those with the first make the verdict."""
    level: float
    """Of each net benefit of a pair."""
