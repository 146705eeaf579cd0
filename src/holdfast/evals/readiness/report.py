"""The readiness report: everything that journals hold of whether an agent may be relied on, and nothing else.

    report = made(gathered)          of what was read from journals: production, trials, drills, forks, the audit of it all
    report.governance                rows of evidence, each a figure and where to see it, or none

Nothing in it is typed in by anybody, and where there is nothing it says so. It is a figure of what was recorded: whether that is
enough is for whoever reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from holdfast.contract import Contract
from holdfast.errors import HoldfastError
from holdfast.evals.drift import FEW, LEAST, Plan, drift
from holdfast.evals.readiness.drills import Drilled, drilled
from holdfast.evals.readiness.read import Forked, Kept
from holdfast.evals.readiness.reason import Reasoned, reasoned
from holdfast.evals.readiness.trials import Repeatability, repeatability
from holdfast.evals.scores.band import Band, banded
from holdfast.evals.stats.rates import wilson
from holdfast.events import Entry, Json
from holdfast.version import VERSION
from holdfast.views.contract_words import Told, in_words
from holdfast.views.observed import Observed, in_order
from holdfast.views.oversight import Production, together
from holdfast.views.readiness import Facts

BASELINE: Final = 100
"""Runs that drift is looked for against, where there are twice as many."""


class Audit(Struct, frozen=True, kw_only=True):
    """What checking the journal of production found, and what it holds of looking and erasing."""

    entries: int
    runs: int
    damaged: int
    checkpoints: int
    """Those that agree with what they cover; 0: there is none."""
    last: int
    """The number of the last."""
    last_at: int
    uncovered: int
    """Entries that no checkpoint covers."""
    keys: int
    """Public keys that signatures were checked with."""
    anchors: int
    """Anchors that were asked."""
    anchored: int
    """The last checkpoint that one of them holds."""
    erased: int
    """Bodies that were erased, as entries say."""
    viewings: int
    """Entries of the access log."""
    first: int
    now: int
    """By the journal's clock."""


class Watched(Struct, frozen=True):
    """What looking for drift came to."""

    baseline: int
    looked: int
    changed: tuple[str, ...]
    """Figures that did."""
    run_length: float
    """Runs from one false alarm to the next, on average."""


class Found(Struct, frozen=True, kw_only=True):
    """A contract and where it stands."""

    where: str
    """production, trials, a drill, or the folder."""
    data: Json
    digest: str


class Gathered(Struct, frozen=True, kw_only=True):
    """What was read, before anything is made of it."""

    agent: str
    called: str
    """How a command names it: its folder; AGENT where that is not known."""
    journal: str
    """URL; empty where there is none."""
    evals: str
    drills: str
    production: Sequence[Facts] = ()
    control: Sequence[Entry] = ()
    """What was stopped for many runs there, and accepted for new ones."""
    observed: Sequence[Observed] = ()
    trials: Sequence[Kept] = ()
    drill_trials: Sequence[Kept] = ()
    forks: Sequence[tuple[str, Sequence[Forked], frozenset[str]]] = ()
    """Of each journal: its URL, the forks in it, and the runs whose outcome is known to be wrong."""
    contracts: Sequence[Found] = ()
    """The newest of each place, the best first."""
    audit: Audit | None = None
    unreadable: int = 0
    """Runs of any of the journals that are not what was written."""
    now: int = 0


class Report(Struct, frozen=True, kw_only=True):
    """All of it. None: there is nothing."""

    agent: str
    called: str
    """How a command names it."""
    holdfast: str
    made: int
    """When, by the journal's clock."""
    journal: str
    evals: str
    drills: str
    contract: Told | None
    contract_from: str
    others: tuple[tuple[str, str], ...]
    """Place → digest of another contract that it is about."""
    production: Production | None
    success: Band | None
    """The share of runs of production that are over and were a success."""
    unattended: Band | None
    """The share of those with which no person had anything to do, that were a success."""
    repeatability: Repeatability | None
    drill: Drilled | None
    reasons: tuple[Reasoned, ...]
    drift: Watched | None
    audit: Audit | None
    unreadable: int
    """Runs that are not what was written; they are in no figure."""


def made(found: Gathered) -> Report:
    """The report on what was read."""
    production = together(found.production, found.control) if found.production else None
    if production is not None and not production.runs:
        production = None
    contract, where = _contract(found.contracts)
    return Report(
        agent=found.agent, called=found.called, holdfast=VERSION, made=found.now,
        journal=found.journal, evals=found.evals, drills=found.drills,
        contract=contract, contract_from=where, others=tuple(_others(found.contracts)), production=production,
        success=_share(production.won, production.closed) if production is not None else None,
        unattended=_share(production.unattended_won, production.unattended) if production is not None else None,
        repeatability=repeatability(found.trials), drill=drilled(found.drill_trials),
        reasons=tuple(one for url, forks, failed in found.forks for one in reasoned(forks, failed, url)),
        drift=watched(found.observed), audit=found.audit, unreadable=found.unreadable,
    )  # fmt: skip


def _share(part: int, whole: int) -> Band | None:
    return banded(wilson(part, whole)) if whole else None


def _contract(found: Sequence[Found]) -> tuple[Told | None, str]:
    for one in found:
        try:
            return in_words(Contract.parse(one.data)), one.where
        except HoldfastError:  # of another version of holdfast, or damaged: the next place may say it
            continue
    return None, ""


def _others(found: Sequence[Found]) -> list[tuple[str, str]]:
    """Places whose contract is another one than the first's, be it by the models that answer or by more."""
    if not found:
        return []
    first = _terms(found[0].data)
    return [(f"{one.where}{'' if _terms(one.data) != first else ', same but for the models'}", one.digest)
            for one in found[1:] if one.digest != found[0].digest]  # fmt: skip


def _terms(data: Json) -> Json:
    return {key: value for key, value in data.items() if key != "models"} if isinstance(data, dict) else data


def watched(runs: Sequence[Observed]) -> Watched | None:
    """Whether runs of production drifted: the first against the others. None where they are too few to say."""
    kept = in_order(runs)
    plan = Plan(baseline=min(BASELINE, len(kept) // 2))
    if plan.baseline < LEAST or len(kept) - plan.baseline < FEW:
        return None
    found = drift(kept, plan)
    changed = tuple(figure.name for figure in found.figures if figure.state == "changed")
    return Watched(found.baseline, found.looked, changed, plan.run_length)
