"""Detectors: the deterministic taxonomy of failures, over the entries of one run, and of those that it opened.

    for finding in detect(entries): ...
    for finding in detect(entries, below={child: its entries, ...}): ...

Each rule is a pure function of a `Case`, one small module a family. It is exact (E: what it says is so) or suspect (S:
somebody has to look), and its docstring says where it comes from and when it is wrong.

What none of them sees: a well-formed call with a value that stands somewhere in what was read, and is the wrong one. Of
recorded failures that is the most common kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.core import findings as online
from holdfast.events import Entry
from holdfast.views.detectors import answers, arguments, bounds, claims, evidence, loops, others, sandboxed
from holdfast.views.detectors.finding import Case, Finding, Grade, Rule
from holdfast.views.record import Trace

__all__ = ["RULES", "Case", "Finding", "Grade", "Rule", "detect"]

RULES: Final[tuple[Rule, ...]] = (
    Rule(1, online.REPEATED, "E", loops.repeated),
    Rule(2, "retry storm", "E", loops.storms),
    Rule(3, "ignored tool error", "S", answers.ignored_errors),
    Rule(4, online.PARTIAL, "S", answers.partial),
    Rule(5, "claimed but not done", "S", claims.undone_claims),
    Rule(6, "done but not claimed", "E", claims.unsaid),
    Rule(7, online.UNGROUNDED, "S", arguments.ungrounded),
    Rule(8, online.OUT_OF_SCOPE, "E", bounds.out_of_scope),
    Rule(9, "approval mismatch", "E", bounds.unapproved),
    Rule(10, "premature stop", "E", claims.premature),
    Rule(11, "no verification after write", "E", evidence.unverified),
    Rule(12, "verification contradicted", "S", evidence.contradicted),
    Rule(13, "budget exhausted or no progress", "E", loops.idle),
    Rule(14, "output contract violated", "E", claims.bad_outputs),
    Rule(15, online.CONTRADICTORY, "E", others.contradictory),
    Rule(16, "duplicate peer work", "E", others.duplicated),
    Rule(17, "context dilution", "E", evidence.unshown),
    Rule(18, "silent partial failure in a sandbox", "E", sandboxed.silent),
    Rule(19, "duplicated delivery", "E", bounds.delivered_twice),
    Rule(20, "stale evidence", "S", evidence.stale),
    Rule(21, online.FROM_DATA, "S", arguments.from_data),
    Rule(22, "handoff loss or ping-pong", "S", others.lost),
)
"""By their number in the taxonomy."""


def detect(
    entries: Sequence[Entry], seen: Trace | None = None, rules: Sequence[Rule] = RULES, below: Mapping[str, Sequence[Entry]] | None = None
) -> tuple[Finding, ...]:  # fmt: skip
    """Everything the rules find in a run, in the order of what shows it; `seen` saves reading the entries again.

    below: run → entries of those below it; what is found in these by themselves is their own, and not here.
    Raises UsageError for entries that do not begin a run.
    """
    case = Case(entries, seen, below)
    found = [finding for rule in rules for finding in rule.findings(case)]
    return tuple(sorted(found, key=lambda finding: (finding.seqs[:1], finding.number, finding.seqs)))
