"""What runs say of how ready an agent is: one run as facts, and many of them together.

    reader = Reader()
    seen = [reader.read(entries) for entries in runs]
    together(seen).oversight.approvals

Counts, moments and names of tools, rules and roles. No text that anybody said or was given is in it, so it may be shown to
whoever may know that the runs were made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.core import fork
from holdfast.events import (
    BodiesErased,
    CallJudged,
    CallStarted,
    CallUndone,
    CancelAsked,
    ContractAdopted,
    Contradiction,
    Entry,
    Json,
    LimitReached,
    ModelAsked,
    ModelFailed,
    Noted,
    Outcome,
    Paused,
    Resumed,
    RunClosed,
    RunOpened,
)
from holdfast.views.cost import Cost, cost_of, is_done
from holdfast.views.detectors import detect
from holdfast.views.reach import reach
from holdfast.views.record import Trace, Turn
from holdfast.views.trace import trace

Aside: TypeAlias = Literal["", "a trial", "a counterfactual", "a fork", "an undo", "a simulation"]
"""Why a run is none of production."""

SERVICE: Final = "svc:"
ASSERTED: Final = "cli:"
"""How an actor begins that merely gave a name, on a command line."""


class Voice(Struct, frozen=True):
    """What one person answered, without their words."""

    about: str
    verdict: str
    took: int
    """µs from when it was put before people to the answer: the most that can have been spent on it."""
    service: bool
    """It was no person, but a service."""
    asserted: bool
    """The name was given, and nothing proves it."""
    reasoned: bool
    """A reason was given with it."""


class Put(Struct, frozen=True):
    """Something put before people, and how that ended."""

    about: str
    role: str
    end: str
    """Empty while it is open."""


class Stop(Struct, frozen=True):
    """Somebody stopped a run, for now or for good."""

    kind: Literal["stop", "cancel"]
    started: int
    """Calls and requests to a model that began after it, before the run was let go on."""
    took: int
    """Of a cancel: µs until the run was closed; -1 while it is not."""
    control: int = 0
    """The entry of the control stream, where it was one stop of many runs."""


class Used(Struct, frozen=True):
    """A tool as a run used it."""

    name: str
    effect: str
    calls: int
    classes: tuple[str, ...]
    """Data classes of its results."""
    trusted: bool
    """Whether all of its results came from sources that the contract trusts."""


class Facts(Struct, frozen=True, kw_only=True):
    """One run."""

    run: str
    agent: str
    contract: str
    opened: int
    at: int
    """Of its last entry."""
    entries: int
    mode: str
    aside: Aside
    outcome: Outcome | None
    cost: Cost
    puts: tuple[Put, ...]
    voices: tuple[Voice, ...]
    amended: int
    """Proposals that a reviewer changed."""
    granted: int
    adopted: int
    """Other contracts that people put it under."""
    stops: tuple[Stop, ...]
    tools: tuple[Used, ...]
    classes: tuple[str, ...]
    """Data classes that reached its model."""
    models: tuple[str, ...]
    """Those that its contract names."""
    holdfast: str
    """The version that opened it."""
    untrusted: bool
    """Whether its model was shown what anyone may have written."""
    judged: dict[str, int]
    """Verdicts of the contract on calls: allow, review, refuse."""
    limits: dict[str, int]
    """Ceilings that were reached, each with how often."""
    findings: dict[int, int]
    """Detector → how often it found something."""
    noted: dict[str, int]
    """good, bad, correction or note of people, or of a rule or service `finding`."""
    doubts: int
    contradictions: int
    undone: int
    """Writes of it that another run took back."""
    undoes: str
    model_failures: int
    fallbacks: int
    """Steps that another model answered than was asked first."""
    erased: int

    @property
    def won(self) -> bool:
        """Whether it was a success, as `holdfast cost` counts them."""
        return is_done(self.cost)

    @property
    def attended(self) -> bool:
        """Whether a person had, or was asked to have, anything to do with it."""
        return bool(self.puts or self.voices or self.amended or self.granted or self.adopted or self.stops)


class Reader:
    """Reads runs, and keeps each contract once."""

    def __init__(self) -> None:
        self.contracts: dict[str, Json] = {}
        """Digest → contract, as far as it is not gone."""

    def read(self, entries: Sequence[Entry], *, found: bool = True) -> Facts:
        """The facts of a run. found: whether detectors look at it. Raises UsageError for what is no run."""
        seen = trace(entries)
        if isinstance(seen.contract, dict):
            self.contracts.setdefault(seen.contract_digest, seen.contract)
        return facts(entries, seen, found=found)


def facts(entries: Sequence[Entry], seen: Trace, *, found: bool = True) -> Facts:
    """The facts of one run; of a fork those of its own part."""
    own = entries[fork.begun(entries) :]
    counted = Counter(type(entry.event) for entry in own)
    shown = reach(seen)
    turns = [item for item in seen.items if isinstance(item, Turn)]
    contract = seen.contract if isinstance(seen.contract, dict) else {}
    opened = entries[0].event
    return Facts(
        run=seen.run, agent=seen.agent, contract=seen.contract_digest, opened=seen.opened, at=seen.at, entries=len(entries),
        mode=seen.mode, aside=aside(seen), outcome=seen.end.outcome if seen.end is not None else None,
        cost=cost_of(entries, seen),
        puts=tuple(Put(one.about, one.role, one.end) for one in seen.questions.values() if one.role != "requester"),
        voices=tuple(_voices(seen)), amended=sum(len(call.amended) for call in seen.calls.values()),
        granted=sum(voice.verdict == "grant" for one in seen.questions.values() for voice in one.voices),
        adopted=counted[ContractAdopted], stops=tuple(_stops(own)), tools=tuple(_used(seen)),
        classes=shown.label.classes, models=tuple(map(str, contract.get("models", ()))),
        holdfast=opened.versions.get("holdfast", "") if isinstance(opened, RunOpened) else "", untrusted=bool(shown.untrusted),
        judged=dict(Counter(entry.event.verdict for entry in own if isinstance(entry.event, CallJudged))),
        limits=dict(Counter(entry.event.limit for entry in own if isinstance(entry.event, LimitReached))),
        findings=dict(Counter(one.number for one in detect(entries, seen))) if found else {},
        noted=dict(Counter(map(_said, (entry.event for entry in own if isinstance(entry.event, Noted))))),
        doubts=sum(bool(call.doubt) for call in seen.calls.values()), contradictions=counted[Contradiction],
        undone=counted[CallUndone], undoes=seen.undoes, model_failures=counted[ModelFailed],
        fallbacks=sum(bool(turn.answered) and len({one.model for one in turn.asked}) > 1 for turn in turns),
        erased=counted[BodiesErased],
    )  # fmt: skip


def aside(seen: Trace) -> Aside:
    """Why a run is none of production; empty where it is."""
    if seen.key.startswith("why:"):
        return "a counterfactual"
    if seen.forked_from:
        return "a fork"
    if "eval" in seen.tags or "drill" in seen.tags:
        return "a trial"
    if seen.undoes:
        return "an undo"
    return "a simulation" if seen.mode == "simulate" else ""


def _said(note: Noted) -> str:
    if note.by.startswith(SERVICE) or note.finding not in ("good", "bad", "note"):
        return "finding"
    return "correction" if note.correction is not None else note.finding


def _voices(seen: Trace) -> Iterator[Voice]:
    for question in seen.questions.values():
        if question.role == "requester":
            continue
        for voice in question.voices:
            yield _voice(question.about, voice.verdict, voice.at - question.at, voice.by, voice.actor, voice.text)
    for call in seen.calls.values():
        asked = [seen.questions[seq].at for seq in call.questions if seen.questions[seq].about == "doubt"]
        for ruling in call.rulings:
            took = ruling.at - max((at for at in asked if at <= ruling.at), default=ruling.at)
            yield _voice("doubt", ruling.verdict, took, ruling.by, ruling.actor, ruling.text)


def _voice(about: str, verdict: str, took: int, by: str, actor: str, text: str) -> Voice:
    return Voice(about, verdict, took, by.startswith(SERVICE), actor.startswith(ASSERTED), bool(text))


def _stops(entries: Sequence[Entry]) -> Iterator[Stop]:
    """What people stopped; a service that ends a run of its own is no person."""
    for at, entry in enumerate(entries):
        event = entry.event
        if not isinstance(event, Paused | CancelAsked) or event.by.startswith(SERVICE):
            continue
        started, took = 0, -1
        for later in entries[at + 1 :]:
            if isinstance(event, Paused) and isinstance(later.event, Resumed) and later.event.stop == event.stop:
                break
            started += isinstance(later.event, CallStarted | ModelAsked)
            if isinstance(later.event, RunClosed):
                took = later.at - entry.at
                break
        paused = isinstance(event, Paused)
        yield Stop("stop" if paused else "cancel", started, took, event.stop if isinstance(event, Paused) else 0)


def _used(seen: Trace) -> Iterator[Used]:
    by: dict[str, list[tuple[str, tuple[str, ...], bool]]] = {}
    for call in seen.calls.values():
        if call.effect != "builtin" and not call.child:
            trusted = call.label.trusted or call.result is None
            by.setdefault(call.tool, []).append((call.effect, call.label.classes, trusted))
    for name, calls in by.items():
        classes = tuple(sorted({one for _, found, _ in calls for one in found}))
        yield Used(name, calls[-1][0], len(calls), classes, all(trusted for _, _, trusted in calls))


def tools(runs: Iterable[Facts]) -> tuple[Used, ...]:
    """The tools that runs used, together."""
    found: dict[str, list[Used]] = {}
    for run in runs:
        for one in run.tools:
            found.setdefault(one.name, []).append(one)
    return tuple(
        Used(
            name, made[-1].effect, sum(one.calls for one in made), tuple(sorted({c for one in made for c in one.classes})),
            all(one.trusted for one in made),
        )
        for name, made in sorted(found.items())
    )  # fmt: skip
