"""Who looked at runs, took them away in a file, and decided in them: what the access log holds beside the runs themselves.

    viewings(entries)        of the run `access`: one for each time that something was shown
    decisions(entries)       of any other run: what people did in it, which its own entries say; of the run `control` too, what
                             was stopped for many runs, and which contracts were accepted for new ones

Nothing is recorded twice. A decision stands in its run as the entry that it is; a viewing is an entry of the run `access`.
No text of anybody's is repeated here, only who, what, where and when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.events import (
    AskedBack,
    BodiesErased,
    CallSettled,
    CancelAsked,
    ContractAdopted,
    ContractPublished,
    Entry,
    LimitGranted,
    Noted,
    Paused,
    PersonAnswered,
    ProposalAmended,
    QuestionClaimed,
    QuestionReleased,
    Resumed,
    RunOpened,
    SwitchedOff,
    SwitchedOn,
    Viewed,
)
from holdfast.views.checkpoint import AUDIT

ACCESS: Final = "access"
"""The run that viewings are appended to. It is no run of an agent."""

CONTROL: Final = "control"
"""The run that stops and publications of contracts are appended to. It is no run of an agent."""

UNCARRIED: Final = 1 << 52
"""From here on the number of a stop is no entry of `control`: the code at hand could not carry the contract of a run."""

NOTIFY: Final = "notify"
"""The run that says who was told that a person is wanted. It is no run of an agent."""

BESIDE: Final = frozenset({AUDIT, ACCESS, CONTROL, NOTIFY})
"""Runs that are none of an agent's: nothing drives, folds or lists them."""

TAKEN: Final = frozenset({"export", "prove", "telemetry"})
"""Verbs by which what runs hold leaves the journal."""

Kind: TypeAlias = Literal["viewed", "exported", "decided"]


class Act(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody did, and when."""

    at: int
    by: str
    kind: Kind
    what: str
    """The verb it was shown by, or what was decided, in words."""
    run: str
    """The run whose entry says it: `access` for a viewing."""
    seq: int
    runs: tuple[str, ...] = ()
    """What it was about; none where there were too many to name."""
    count: int = 1
    selection: str = ""
    roles: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Data classes of which something was kept back."""
    asserted: bool = False
    """The name was given, and nothing proves it."""


def viewings(entries: Iterable[Entry]) -> Iterator[Act]:
    """What was shown, by the entries of the run `access`."""
    for entry in entries:
        event = entry.event
        if isinstance(event, Viewed):
            yield Act(
                at=entry.at, by=event.by, kind="exported" if event.verb.split()[0] in TAKEN else "viewed", what=event.verb,
                run=entry.run, seq=entry.seq, runs=event.runs, count=event.count, selection=event.selection,
                roles=event.roles, hidden=event.hidden, asserted=entry.actor.startswith("cli:"),
            )  # fmt: skip


def decisions(entries: Iterable[Entry]) -> Iterator[Act]:
    """What people decided in a run, by its own entries; those that a fork has from another run are that one's."""
    first = 0
    found: list[Act] = []
    for entry in entries:
        event = entry.event
        if isinstance(event, Resumed) and event.forked:
            first = entry.seq
        told = _told(entry)
        if told is not None:
            by, what = told
            about_runs = () if entry.run == CONTROL else (entry.run,)
            found.append(
                Act(
                    at=entry.at, by=by, kind="decided", what=what, run=entry.run, seq=entry.seq, runs=about_runs,
                    asserted=entry.actor.startswith("cli:"),
                )
            )  # fmt: skip
    yield from (act for act in found if act.seq >= first)


def _told(entry: Entry) -> tuple[str, str] | None:
    """Who decided what; None for an entry that is nobody's decision."""
    match entry.event:
        case PersonAnswered(question=question, verdict=verdict, by=by):
            return by, f"{_VERBS.get(verdict, verdict)} question {question}"
        case ProposalAmended(call=call, by=by, changed=changed):
            return by, f"amended call {call}: {', '.join(changed)}"
        case CallSettled(call=call, verdict=verdict, by=by):
            return by, f"settled call {call}: {verdict.replace('_', ' ')}"
        case LimitGranted(limit=limit, by=by):
            return by, f"granted more of {limit}"
        case CancelAsked(by=by):
            return by, "asked for the run to end"
        case Paused(stop=stop) | Resumed(stop=stop) if stop:
            return None  # a worker found it: whose decision it was stands in the run `control`
        case Paused(by=by):
            return by, "stopped the run for now"
        case Resumed(by=by, forked=True):
            return by, "forked the run"
        case Resumed(by=by, epoch=0):
            return by, "let the run go on"
        case ContractAdopted(by=by, contract_digest=digest):
            return by, f"put the run under contract {digest[:12]}"
        case BodiesErased(by=by):
            return by, "erased what the run was about"
        case Noted(by=by, finding=finding):
            return by, f"noted: {finding}"
    return _of_many(entry) or _looked_into(entry)


def _looked_into(entry: Entry) -> tuple[str, str] | None:
    """Who took a question upon them, or wanted to know more before they decide."""
    match entry.event:
        case QuestionClaimed(question=question, by=by):
            return by, f"claimed question {question}"
        case QuestionReleased(question=question, by=by):
            return by, f"released question {question}"
        case AskedBack(question=question, to=to, by=by):
            return by, f"asked the {to} back about question {question}"
    return None


def _of_many(entry: Entry) -> tuple[str, str] | None:
    """Who decided what for many runs, or for another one."""
    match entry.event:
        case RunOpened(by=by, undoes=undone) if undone:
            return by, f"took back what run {undone} did"
        case SwitchedOff() as off:
            return off.by, f"stopped {switched(off)}"
        case SwitchedOn() as on:
            return on.by, f"let {switched(on)} go on"
        case ContractPublished() as contract:
            return contract.by, published(contract)
    return None


_VERBS: Final = {
    "approve": "approved", "deny": "denied", "answer": "answered", "retry": "had it tried again in", "tell": "let it go on without, in",
    "take": "took the run over in", "stop": "stopped the run in", "grant": "granted more in",
}  # fmt: skip


def by_entry(stop: int) -> str:
    """Where it stands who stopped a run with others, as a clause to go after it; empty where only the code was another one."""
    return f" (control entry {stop})" if stop < UNCARRIED else ""


def switched(event: SwitchedOff | SwitchedOn) -> str:
    """What a stop is about, in words."""
    return "everything" if event.scope == "all" else f"the {event.scope} {event.name}"


def published(event: ContractPublished) -> str:
    """What a publication lets new runs begin under, in words."""
    which = "new runs" if event.share == 100 else f"{event.share} % of the new runs"
    return f"accepted contract {event.contract_digest[:12]} for {which} of {event.agent}"


def about(act: Act, run: str) -> bool:
    """Whether an act may have been about a run: one that names none was about too many to name."""
    return run in act.runs or not act.runs


def in_order(acts: Iterable[Act]) -> tuple[Act, ...]:
    """Acts as they happened."""
    return tuple(sorted(acts, key=lambda act: (act.at, act.run, act.seq)))
