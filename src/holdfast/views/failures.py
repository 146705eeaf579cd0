"""Failures of many runs: what detectors found, in clusters; and what kind of failure a run is, beside what was wanted of it.

    readings = [read(entries) for entries in runs]
    for cluster in clusters(readings): ...          by (detector, tool, error class, contract version)
    earliest(readings[0].findings)                  the first exact finding: the earliest evidence, and not the cause
    classify(trace, wanted, ...)                    success, missing_action, wrong_argument, …

A cluster is a key and needs no model: the same journal gives the same clusters, and two sets of them can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import comb
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.codec import canonical
from holdfast.conditions import normal
from holdfast.core import fork
from holdfast.events import Entry, Json, Outcome
from holdfast.views.detectors import Finding, Grade, detect
from holdfast.views.detectors.finding import is_effect
from holdfast.views.record import Call, Said, Trace
from holdfast.views.trace import trace

BAD: frozenset[Outcome] = frozenset({"stopped", "failed", "escalated", "cancelled"})
"""Outcomes that are no success whatever anybody says of them."""


class Reading(Struct, frozen=True, omit_defaults=True):
    """A run and what detectors found in it."""

    run: str
    agent: str
    contract: str
    """Digest of the contract in force: its version."""
    at: int
    """When the run was opened."""
    outcome: Outcome | None
    """None while it is open."""
    findings: tuple[Finding, ...] = ()


class Trend(Struct, frozen=True):
    """In how many of the older half of runs something was found, and in how many of the newer.

    Of the runs under one contract version, in the order they were opened; of an odd number the middle one is in neither.
    """

    older: int
    newer: int
    half: int
    """Runs in each half."""

    @property
    def word(self) -> str:
        """`rising` or `falling` where chance alone would part them so less than once in twenty times; else empty."""
        found = self.older + self.newer
        tail = sum(comb(found, few) for few in range(min(self.older, self.newer) + 1))
        if 2 * tail * 20 >= 2**found:
            return ""
        return "rising" if self.newer > self.older else "falling"


class Cluster(Struct, frozen=True, kw_only=True):
    """Findings that are alike."""

    number: int
    name: str
    grade: Grade
    tool: str
    error: str
    contract: str
    runs: tuple[str, ...]
    """In which it was found, in the order they were opened."""
    findings: int
    bad: int
    """How many of these runs ended in none of the ways a run should."""
    first: int
    """When the first and the last of these runs were opened."""
    last: int
    example: tuple[str, tuple[int, ...]]
    """The newest run, and the entries in it."""
    sentence: str
    earliest: int
    """In how many of these runs this is the earliest exact finding."""
    trend: Trend
    covered: bool = False
    """Whether a case stands for it."""


Classifier: TypeAlias = Callable[[Sequence[Entry]], Iterable[Finding]]
"""A rule of somebody's own: what it finds in a run. Pure, as the detectors are, or a question to a model."""

OWN: Final = 0
"""The number of findings that are none of the taxonomy's."""


def read(
    entries: Sequence[Entry], own: Classifier | None = None, below: Mapping[str, Sequence[Entry]] | None = None
) -> Reading:
    """What detectors find in a run, and a rule of one's own. below: run → entries of those it opened, and so on.

    Raises UsageError for entries that do not begin one.

    What a fork inherited is the other run's, and found there.
    """
    seen, begun = trace(entries), fork.begun(entries)
    outcome = seen.end.outcome if seen.end is not None else None
    mine = own(entries) if own is not None else ()
    named = (msgspec.structs.replace(one, number=OWN) for one in mine)
    found = tuple(
        one for one in (*detect(entries, seen, below=below), *named) if not begun or max(one.seqs, default=0) > begun
    )
    return Reading(seen.run, seen.agent, seen.contract_digest, seen.opened, outcome, found)


def earliest(findings: Iterable[Finding]) -> Finding | None:
    """The exact finding that is shown first; None where there is none. Evidence that something is wrong by then, no cause."""
    exact = [finding for finding in findings if finding.grade == "E"]
    return min(exact, key=lambda finding: (max(finding.seqs, default=0), finding.number), default=None)


def key_of(one: Finding | Cluster) -> str:
    """What a finding, or a cluster of them, is called whatever the contract's version: `8 issue_refund at_most`."""
    number = one.name if one.number == OWN else str(one.number)
    return " ".join(part for part in (number, one.tool, one.error) if part)


def clusters(readings: Iterable[Reading], covered: Mapping[str, Collection[str]] | None = None) -> tuple[Cluster, ...]:
    """Findings by detector, tool, error class and contract version; those in the most runs first.

    covered: agent → the keys of what its cases stand for.
    """
    found: dict[tuple[int, str, str, str, str], list[tuple[Reading, Finding]]] = {}
    first: dict[str, Finding | None] = {}
    under: dict[str, list[str]] = {}
    for reading in sorted(readings, key=lambda one: (one.at, one.run)):
        first[reading.run] = earliest(reading.findings)
        under.setdefault(reading.contract, []).append(reading.run)
        for finding in reading.findings:
            name = finding.name if finding.number == OWN else ""
            key = (finding.number, name, finding.tool, finding.error, reading.contract)
            found.setdefault(key, []).append((reading, finding))
    made = [_cluster(members, first, under[contract], covered or {}) for (*_, contract), members in found.items()]
    return tuple(
        sorted(made, key=lambda one: (-len(one.runs), one.number, one.name, one.tool, one.error, one.contract))
    )


def _trend(found: Mapping[str, Reading], under: Sequence[str]) -> Trend:
    half = len(under) // 2
    older, newer = under[:half], under[len(under) - half :]
    return Trend(sum(run in found for run in older), sum(run in found for run in newer), half)


def _cluster(
    members: Sequence[tuple[Reading, Finding]], first: Mapping[str, Finding | None], under: Sequence[str],
    covered: Mapping[str, Collection[str]],
) -> Cluster:  # fmt: skip
    by_run = {reading.run: reading for reading, _ in members}
    runs = list(by_run.values())
    newest, finding = members[-1]
    return Cluster(
        number=finding.number,
        name=finding.name,
        grade=finding.grade,
        tool=finding.tool,
        error=finding.error,
        contract=newest.contract,
        runs=tuple(by_run),
        findings=len(members),
        bad=sum(reading.outcome in BAD for reading in runs),
        first=runs[0].at,
        last=runs[-1].at,
        example=(newest.run, finding.seqs),
        sentence=finding.sentence,
        earliest=len({reading.run for reading, finding in members if finding is first[reading.run]}),
        trend=_trend(by_run, under),
        covered=key_of(finding) in covered.get(newest.agent, ()),
    )


# ------------------------------------------------------------------------------------------------- kinds of failure

Kind: TypeAlias = Literal[
    "success",
    "not_finished",
    "output_missing",
    "missing_action",
    "unintended_action",
    "wrong_argument",
    "wrong_tool",
]


class Deed(Struct, frozen=True):
    """A write that was wanted, or done."""

    tool: str
    args: Json
    seq: int = 0
    """Of the call; 0 of one that was wanted."""


class Wanted(Struct, frozen=True, omit_defaults=True):
    """What was wanted of a run by somebody who knows."""

    deeds: tuple[Deed, ...] = ()
    """Its writes, however often each."""
    words: tuple[str, ...] = ()
    """Texts that have to stand in what the requester was told."""


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What kind of failure a run is, and in which writes it differs from what was wanted."""

    kind: Kind
    missing: tuple[Deed, ...] = ()
    extra: tuple[Deed, ...] = ()
    unsaid: tuple[str, ...] = ()


def classify(
    seen: Trace,
    wanted: Wanted,
    *,
    finished: bool,
    done: Callable[[Call], bool] = is_effect,
    same: bool | None = None,
) -> Verdict:
    """What kind of failure a run is, from its trace and the writes that were wanted.

    In this order: one that did not come to its end is `not_finished`. One that left the wanted state is a `success`, or
    `output_missing` where a text was not told. In one that left another state, writes are only missing (`missing_action`),
    only too many (`unintended_action`), or both: then `wrong_argument` if one tool is on both sides, else `wrong_tool`.

    done: which calls count as writes that were done. same: whether the state it left is the wanted one, from somebody who
    compared the two; None says that nobody did, and then it is the same if the writes are, in any order. A state that
    differs by the order of the same writes is `unintended_action`.
    """
    deeds = [Deed(call.tool, call.args.value, call.seq) for call in seen.calls.values() if done(call)]
    missing, extra = _without(wanted.deeds, deeds), _without(deeds, wanted.deeds)
    unsaid = tuple(text for text in wanted.words if not _told(seen, text))
    kind: Kind
    if not finished:
        kind = "not_finished"
    elif same if same is not None else not missing and not extra:
        kind = "output_missing" if unsaid else "success"
    elif missing and extra:
        tools = {deed.tool for deed in missing} & {deed.tool for deed in extra}
        kind = "wrong_argument" if tools else "wrong_tool"
    else:
        kind = "missing_action" if missing else "unintended_action"
    return Verdict(kind, missing, extra, unsaid)


def _without(some: Sequence[Deed], others: Sequence[Deed]) -> tuple[Deed, ...]:
    """What is left of some deeds when each of the others has taken away one like it; the last ones are left."""
    taken = Counter(_name(deed) for deed in others)
    left = []
    for deed in some:
        if taken[_name(deed)]:
            taken[_name(deed)] -= 1
        else:
            left.append(deed)
    return tuple(left)


def _name(deed: Deed) -> bytes:
    return canonical([deed.tool, deed.args])


def _told(seen: Trace, text: str) -> bool:
    """Whether a text stands in something the requester was told, commas and case aside."""
    wanted = normal(text)
    said = [item.text.value for item in seen.items if isinstance(item, Said) and not item.to_agent]
    if seen.end is not None and seen.end.output is not None:
        said.append(seen.end.output.value)
    return any(wanted in normal(str(one).replace(",", "")) for one in said if one is not None)
