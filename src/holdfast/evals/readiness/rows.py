"""Governance rows: actions of NIST AI 600-1 and articles of the EU AI Act, each with what journals hold that bears on it.

    for row in rows(report): row.id, row.gist, row.found, row.lacking

A row either has figures, each with the command that shows it, or says "no evidence" and what would make some. No row says that
anything is complied with: whether what was found is enough is for whoever has to answer for the agent.

Ids and gists of NIST AI 600-1 (https://doi.org/10.6028/NIST.AI.600-1), in the order of that document.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from holdfast.evals.readiness import found
from holdfast.evals.readiness.found import Shown
from holdfast.evals.readiness.report import Report


class Row(Struct, frozen=True, kw_only=True):
    """One action or article."""

    source: str
    id: str
    gist: str
    looked_for: str
    """What a journal could hold of it."""
    found: tuple[Shown, ...]
    """None: no evidence."""
    lacking: str = ""
    """Where nothing was found: what would be evidence, or the command that makes some."""

    @property
    def evidenced(self) -> bool:
        """Whether there is any evidence."""
        return bool(self.found)


Find: TypeAlias = Callable[[Report], tuple[Shown, ...]]


class Action(Struct, frozen=True):
    """A row before anything was looked for."""

    source: str
    id: str
    gist: str
    looked_for: str
    find: Find
    lacking: str


NIST: Final = "NIST AI 600-1"
EU: Final = "EU AI Act"

ACTIONS: Final[tuple[Action, ...]] = (
    Action(NIST, "GV-1.3-002", "minimum thresholds, go/no-go", "gate verdict, interval, MDE, contract hash",
           found.thresholds, "holdfast eval AGENT"),
    Action(NIST, "GV-1.3-007", "plan to halt", "kill/pause events, drill timing",
           found.halts, "nobody ever stopped or cancelled a run: holdfast stop RUN, holdfast cancel RUN"),
    Action(NIST, "GV-1.5-002", "after-action reviews", "incident record → regression eval id",
           found.after_action, "no run was noted to be bad and played again as a case: holdfast note RUN bad, holdfast case RUN"),
    Action(NIST, "GV-6.2-006", "third-party fallbacks, incl. manual", "fallback/handoff events under injected outage",
           found.fallbacks, "no outage of a model was injected: holdfast drill AGENT --kind model-overloaded"),
    Action(NIST, "MP-3.4-005", "outcomes of human–AI configurations", "approval latency, override, agreement rates",
           found.configurations, "no proposal was decided by a person: holdfast review"),
    Action(NIST, "MP-5.1-005", "adversarial, chaos testing", "landed-fault matrix and results",
           found.chaos, "holdfast drill AGENT --standard"),
    Action(NIST, "MS-2.5-001", "no extrapolation from narrow, anecdotal tests", "task coverage, intervals, observed horizon range",
           found.coverage, "holdfast eval AGENT, with cases that no null agent passes"),
    Action(NIST, "MS-2.5-003", "verify sources, citations", "evidence links, detector 7",
           found.sources, "no run of production that detectors looked at"),
    Action(NIST, "MS-2.6-005", "monitor, recover, repair", "rollback/compensation success",
           found.repairs, "nothing was ever taken back, nor was a write in doubt settled: holdfast undo RUN"),
    Action(NIST, "MS-2.7-007", "red-team incl. prompt injection", "injection suite, detector 21",
           found.injections, "holdfast drill AGENT --kind injected-instruction"),
    Action(NIST, "MS-2.8-003", "tamper-proof history, versions", "hash chain, verify output",
           found.history, "no journal of production that holds what was written to it: holdfast verify"),
    Action(NIST, "MS-2.9-001", "explanation incl. counterfactual prompts", "control, flip, withhold and placebo arms",
           found.arms, "holdfast why RUN --counterfactual DECISION"),
    Action(NIST, "MS-2.13-001", "measurement error, metric variance", "se/sp, κ, corrected rates",
           found.measurement, "calibrations of judges stand in no journal, and no case was played twice: holdfast eval AGENT -k 4"),
    Action(NIST, "MS-4.2-004", "document human overrides", "decision + reason + diff",
           found.overrides, "nobody ever overrode the agent: holdfast review amend, holdfast review deny"),
    Action(NIST, "MG-2.4-004", "deactivation criteria", "circuit-breaker rule and firings",
           found.firings, "no ceiling of the contract was ever reached, so none was seen to stop a run"),
    Action(NIST, "MG-3.2-006", "real-time alerts for humans", "alert → acknowledgement events",
           found.alerts, "nothing that was put before people was ever answered: holdfast review"),
    Action(NIST, "MG-4.1-002", "post-deployment monitoring", "drift alarms, sampled reviews",
           found.monitoring, "too few runs to look for drift, and nobody judged one: holdfast drift AGENT, holdfast note RUN good"),
    Action(NIST, "MG-4.3-002", "record errors, near-misses", "blocked attempts (detectors 8, 9, 19)",
           found.near_misses, "no call was ever refused, and detectors 8, 9 and 19 found nothing"),
    Action(EU, "Art. 12", "automatic event recording over the lifetime, enough to identify risk/substantial modification, support "
           "post-market and deployer monitoring", "the journal", found.recording, "there is no run of production"),
    Action(EU, "Art. 14", "overseers can understand, disregard, override, stop", "approval, edit, kill events",
           found.oversight, "no person ever decided, changed or stopped anything"),
    Action(EU, "Art. 26(6)", "deployers keep logs under their control ≥6 months", "retention policy and proof of no gaps",
           found.retention, "no checkpoint covers the journal, so it cannot be shown that none of it is missing: holdfast checkpoint"),
)  # fmt: skip


def rows(report: Report) -> tuple[Row, ...]:
    """Every row, evidenced or not."""
    return tuple(_row(action, report) for action in ACTIONS)


def _row(action: Action, report: Report) -> Row:
    shown = action.find(report)
    return Row(
        source=action.source, id=action.id, gist=action.gist, looked_for=action.looked_for, found=shown,
        lacking="" if shown else action.lacking.replace("AGENT", report.called),
    )  # fmt: skip
