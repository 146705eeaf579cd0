"""Trials as journals have them: a run's name, its key, its tags and its notes say which trial it was, and what came of it.

one = read(entries)      of `eval`, of a null agent, or of `drill`; None for any other run
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.evals.cases.case import Case, Ends, Expect
from holdfast.evals.drills import play as drill_play
from holdfast.evals.drills.play import Outcome
from holdfast.evals.reason.came import BY as WHY
from holdfast.evals.reason.counterfactual import NOTE
from holdfast.evals.trials.rightly import speaks_against
from holdfast.evals.trials.trial import VERDICT
from holdfast.events import Entry, Json, Noted, RunOpened
from holdfast.views.record import Trace, Turn
from holdfast.views.trace import trace

_FAULT: Final = "fault "
_SORT: Final = re.compile(r"\((same|expected|safe|other|not counted: .*)\)\Z", re.DOTALL)


class Kept(Struct, frozen=True, kw_only=True):
    """One trial that has its verdict."""

    run: str
    suite: str
    agent: str
    label: str
    """Of its player: trials under one belong together."""
    contract: str
    """First digits of the digest."""
    case: str
    digest: str
    """Of the case as it was."""
    family: str
    number: int
    again: int
    at: int
    passed: bool | None
    graders: tuple[str, ...]
    """By which it failed."""
    ends: Ends
    nusd: int
    unpriced: int
    seconds: float
    steps: int
    reviews: int
    models: tuple[str, ...]
    origin: str = ""
    """The run that the case was made of, as far as it is known."""
    loose: bool = True
    """Whether it may be that the case expects nothing."""
    against: tuple[str, ...] = ()
    """What speaks against a success; see `rightly`."""
    fault: str = ""
    """Of a drill: the kind of fault, or `clean`."""
    landed: int = 0
    outcome: Outcome | None = None
    """Of a drill: what came of it."""
    limits: int = 0
    fallbacks: int = 0
    """Steps that another model answered than was asked first."""

    @property
    def null(self) -> str:
        """The null agent whose trial it is; empty: the agent's own."""
        return self.label.split(":")[1] if self.label.startswith("null:") else ""

    @property
    def group(self) -> tuple[str, str]:
        """What it belongs to: code and contract."""
        return self.label, self.contract


class Forked(Struct, frozen=True):
    """One fork of a counterfactual."""

    run: str
    of: str
    """The run that was forked."""
    decision: str
    digest: str
    """Of the decision as it was."""
    kind: str
    arm: str
    number: int
    sort: str
    """`same`, `expected`, `safe`, `other`; empty where it cannot be counted."""
    at: int
    scripted: bool


def read(entries: Sequence[Entry]) -> Kept | None:
    """The trial that a run is; None where it is none, or has no verdict."""
    opened = entries[0].event
    if not isinstance(opened, RunOpened) or "eval" not in opened.tags or opened.forked_from is not None:
        return None
    named = _named(opened.key, opened.tags)
    notes = [entry.event for entry in entries if isinstance(entry.event, Noted)]
    verdict = next((note for note in reversed(notes) if note.finding == VERDICT), None)
    if named is None or verdict is None:
        return None
    label, contract, digest, again = named
    seen = trace(entries)
    drilled = [note for note in notes if note.by == drill_play.BY]
    passed = {1.0: True, 0.0: False}.get(-1.0 if verdict.score is None else verdict.score)
    fault = opened.tags.get("drill", "")
    return Kept(
        run=seen.run, suite=opened.tags["eval"], agent=seen.agent, label=label, contract=contract, case=opened.tags["case"],
        digest=digest, family=opened.tags.get("family") or opened.tags["case"], number=int(opened.tags["trial"]), again=again,
        at=seen.opened, passed=passed, graders=_graders(verdict) if passed is False else (),
        ends=seen.end.outcome if seen.end is not None else "waiting", nusd=seen.totals.charged, unpriced=seen.totals.unpriced,
        seconds=seen.totals.work / 1e6, steps=seen.totals.steps, reviews=len(seen.questions), models=models_of(seen.contract),
        against=speaks_against(entries, seen) if passed and not fault else (), fault=fault,
        landed=sum(note.finding == _FAULT + fault for note in drilled), outcome=_outcome(drilled),
        limits=_limits(seen), fallbacks=_fallbacks(seen),
    )  # fmt: skip


def known(kept: Kept, cases: Mapping[tuple[str, str], Case]) -> Kept:
    """The same with what its case says, where that is at hand as it was played. cases: by name and digest."""
    case = cases.get((kept.case, kept.digest))
    if case is None:
        return kept
    origin = case.origin.run if case.origin is not None else ""
    return msgspec.structs.replace(kept, family=case.cluster, origin=origin, loose=case.expect == Expect())


def _named(key: str, tags: dict[str, str]) -> tuple[str, str, str, int] | None:
    """(label, contract, digest of the case, which attempt) of a trial's key; None where it is none."""
    start = f"eval:{tags['eval']}:"
    parts = key.removeprefix(start).rsplit(":", 4)
    if not key.startswith(start) or len(parts) != 5 or (parts[2], parts[3]) != (tags.get("case"), tags.get("trial")):
        return None
    label, _, contract = parts[0].rpartition(":")
    return (label, contract, parts[1], int(parts[4])) if parts[4].isdecimal() and parts[3].isdecimal() else None


def models_of(contract: Json) -> tuple[str, ...]:
    """The models that a contract names."""
    names = contract.get("models", []) if isinstance(contract, dict) else []
    return tuple(str(name) for name in names)


def scripted(models: Iterable[str]) -> bool:
    """Whether a scripted stand-in answered, and no model."""
    return any(name.startswith("script:") for name in models)


def _graders(verdict: Noted) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.partition(": ")[0] for line in verdict.note.splitlines() if ": " in line))


def _outcome(notes: Sequence[Noted]) -> Outcome | None:
    note = next((note for note in reversed(notes) if note.finding == drill_play.FINDING), None)
    try:
        return msgspec.json.decode(note.note, type=Outcome) if note is not None else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _limits(seen: Trace) -> int:
    return sum(question.about == "limit" for question in seen.questions.values())


def _fallbacks(seen: Trace) -> int:
    turns = [item for item in seen.items if isinstance(item, Turn) and item.answered]
    return sum(len({one.model for one in turn.asked}) > 1 for turn in turns)


# ------------------------------------------------------------------------------------------------------ counterfactuals


def fork_of(entries: Sequence[Entry]) -> Forked | None:
    """The fork of a counterfactual that a run is; None where it is none, or nothing was said of it yet."""
    opened = next((entry.event for entry in entries[:1] if isinstance(entry.event, RunOpened)), None)
    notes = [entry.event for entry in entries if isinstance(entry.event, Noted)]
    note = next((note for note in reversed(notes) if note.by == WHY and note.finding == NOTE), None)
    if opened is None or note is None or not opened.key.startswith("why:"):
        return None
    parts = opened.key.split(":", 5)
    sort = _SORT.search(note.note)
    if len(parts) != 6 or sort is None:
        return None
    _, of, decision, digest, kind, rest = parts
    arm, _, number = rest.rpartition(":")
    counted = "" if sort[1].startswith("not counted") else sort[1]
    seen = trace(entries[:1])
    return Forked(
        entries[0].run, of, decision, digest, kind, arm, int(number) if number.isdecimal() else 0, counted, entries[-1].at,
        scripted(models_of(seen.contract)),
    )  # fmt: skip
