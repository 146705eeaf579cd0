"""What a trace is made of. Every part names the entry it stands in by `seq`, and when that was by `at`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from holdfast.events import (
    Body,
    Completeness,
    Effect,
    Erased,
    Fate,
    Finish,
    Fired,
    Inline,
    Json,
    Label,
    LimitName,
    Loaded,
    Mode,
    Outcome,
    Share,
    Usage,
    Verdict,
)
from holdfast.views.claim import Claim
from holdfast.views.delegated import Delegated
from holdfast.views.places import Waited
from holdfast.views.totals import Totals

Stage: TypeAlias = Literal["asked", "held", "cleared", "running", "failed", "unsure", "doubt", "answered"]
"""Where a call stands; the same words as in `core.state.STATUSES`."""

Ending: TypeAlias = Literal[
    "",
    "returned",
    "found",
    "late",
    "settled",
    "answered",
    "accepted",
    "refused",
    "denied",
    "given_up",
    "told",
    "asked_back",
    "rejected",
    "absent",
    "ended",
]
"""What answered a call: its result; a look-up; a late result; a person's ruling; a person's words; the run's own end;
the contract; a reviewer; the machine, after attempts; a person who said to go on without; one who asked back; the check of the output; a
late word that it did not happen; the end of the run that was to answer it, other than as done."""


class Content(Struct, frozen=True, omit_defaults=True):
    """The value of a body, or that it is gone."""

    value: Json = None
    erased: bool = False
    size: int = 0
    """Bytes that were erased."""
    label: Label | None = None
    """What may be said of where it came from; None where nobody has put it there (`views.labelled`)."""


def content(body: Body | None) -> Content | None:
    """What stands in a body; None where there is none."""
    match body:
        case None:
            return None
        case Inline(value) | Loaded(_, _, value):
            return Content(value)
        case Erased(_, size):
            return Content(None, erased=True, size=size)
        case _:
            return Content(None, erased=True, size=body.size)


class Voice(Struct, frozen=True, omit_defaults=True):
    """What one person answered to a question."""

    seq: int
    at: int
    verdict: str
    by: str
    actor: str
    """Who wrote the entry: `cli:alice` where a name was merely asserted on a command line."""
    text: str = ""


class Question(Struct, frozen=True, omit_defaults=True):
    """Something put before a person."""

    seq: int
    at: int
    about: Literal["review", "question", "doubt", "limit", "surprise", "output"]
    text: str
    call: int = 0
    role: str = ""
    people: int = 1
    until: int = 0
    then: str = "deny"
    version: int = 1
    evidence: tuple[int, ...] = ()
    label: Label = Label()
    limit: LimitName | None = None
    voices: tuple[Voice, ...] = ()
    claims: tuple[Claim, ...] = ()
    end: str = ""
    """How it was closed: `approved`, `answered`, … or why it was withdrawn; empty while it is open."""
    ended: int = 0


class Judged(Struct, frozen=True, omit_defaults=True):
    """The contract was applied to a call."""

    seq: int
    at: int
    verdict: Verdict
    rules: tuple[Fired, ...] = ()
    version: int = 1
    shares: tuple[Share, ...] = ()
    """What it would have taken of what many runs share, and what they held then."""


class Amended(Struct, frozen=True):
    """A reviewer changed arguments of a call."""

    seq: int
    at: int
    by: str
    version: int
    args: Content
    before: Content
    changed: tuple[str, ...]
    actor: str = ""


class Tried(Struct, frozen=True, omit_defaults=True):
    """One attempt at a call."""

    seq: int
    at: int
    attempt: int
    worker: str
    key: str = ""
    keyed_until: int = 0
    state: Literal["running", "returned", "started", "failed"] = "running"
    """`started`: it began work that takes longer, and is looked up until that is over."""
    ended: int = 0
    took: int = 0
    error: str = ""
    fate: Fate | None = None
    message: str = ""
    over: bool = True
    """Whether the attempt is proven over."""
    late: bool = False
    """Its answer came after it was given up."""
    shares: tuple[Share, ...] = ()
    """What it took of what many runs share."""


class Looked(Struct, frozen=True, omit_defaults=True):
    """The other system was asked what became of an attempt."""

    seq: int
    at: int
    answer: str
    effect_id: str = ""
    message: str = ""
    took: int = 0
    again_at: int = 0
    """Of work that was still going on: when it is asked about next."""


class Ruling(Struct, frozen=True, omit_defaults=True):
    """A person said what became of a write in doubt."""

    seq: int
    at: int
    verdict: str
    by: str
    actor: str
    text: str = ""


class Call(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call, with everything that was decided about it and that became of it."""

    seq: int
    at: int
    ask: int
    """The model answer it stands in."""
    manifest: int
    """The request that answer answers: what the model had been shown."""
    index: int
    tool: str
    effect: Effect
    args: Content
    """As they stand now, after amendments."""
    problem: str = ""
    sources: dict[str, str] = {}
    serves: int = 0
    cursor: str = ""
    stage: Stage = "asked"
    judged: tuple[Judged, ...] = ()
    questions: tuple[int, ...] = ()
    amended: tuple[Amended, ...] = ()
    tried: tuple[Tried, ...] = ()
    waited: tuple[Waited, ...] = ()
    """For what it waited before an attempt, that other runs held or somebody stopped."""
    unknown: bool = False
    """An attempt of it had an unknown outcome."""
    looked: tuple[Looked, ...] = ()
    doubt: str = ""
    rulings: tuple[Ruling, ...] = ()
    ending: Ending = ""
    answered: int = 0
    """The entry that answered it."""
    result: Content | None = None
    files: tuple[str, ...] = ()
    """What came with it, in words."""
    complete: Completeness = "complete"
    missing: str = ""
    effect_id: str = ""
    label: Label = Label()
    """Of its result."""
    child: str = ""
    """The run that was opened to answer it."""
    delegated: Delegated | None = None
    """What is known of that run."""
    undone_by: str = ""
    told: str = ""
    """What answered it, where that is no result."""
    inner: tuple[int, ...] = ()
    """Calls the machine made for it: fresh readings, further pages; or that it made itself, being a program."""
    within: int = 0
    """The call of the program that made it."""

    @property
    def ok(self) -> bool:
        """Whether it was carried out, as far as anybody knows."""
        happened = bool(self.rulings) and self.rulings[-1].verdict == "happened"
        return self.ending in ("returned", "found", "late", "accepted", "answered") or (
            self.ending == "settled" and happened
        )


class Asked(Struct, frozen=True, omit_defaults=True):
    """One attempt to get an answer from a model."""

    seq: int
    at: int
    attempt: int
    model: str
    worker: str
    heard: int = 0
    reserved: int = 0
    state: Literal["running", "answered", "failed"] = "running"
    ended: int = 0
    took: int = 0
    error: str = ""
    fate: Fate | None = None
    message: str = ""
    unsettled: int = 0
    late: bool = False


class Turn(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="turn", tag_field="item"):
    """One step: a model was asked, answered, and its calls were carried out."""

    seq: int
    at: int
    step: int
    asked: tuple[Asked, ...]
    answered: int = 0
    """The entry of the answer; 0 while there is none."""
    text: Content | None = None
    model: str = ""
    """What the provider says answered, where that is another name."""
    finish: Finish = "stop"
    usage: Usage = Usage()
    cost: int | None = None
    took: int = 0
    calls: tuple[int, ...] = ()
    dropped: tuple[str, ...] = ()
    """Tools it called in an answer whose calls were not taken up."""
    rejected: str = ""
    """Why the answer could not stand."""
    rejected_at: int = 0


class Said(Struct, frozen=True, omit_defaults=True, tag="said", tag_field="item"):
    """Words between the requester and the agent."""

    seq: int
    at: int
    by: str
    text: Content
    to_agent: bool = True
    ends: bool = False
    attachments: tuple[str, ...] = ()


class Happening(Struct, frozen=True, omit_defaults=True, tag="happening", tag_field="item"):
    """Anything else that happened to the run, in a sentence."""

    seq: int
    at: int
    kind: str
    text: str
    by: str = ""
    question: int = 0
    """What was asked, where this is a question that belongs to no call."""
    stop: int = 0
    """The entry of the control stream that stopped it, or of the stop that is over."""


Item: TypeAlias = Turn | Said | Happening


class End(Struct, frozen=True, omit_defaults=True):
    """How the run ended."""

    seq: int
    at: int
    outcome: Outcome
    reason: str
    output: Content | None = None
    fault: str = ""
    unresolved: tuple[int, ...] = ()


class Trace(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run, as it is read."""

    run: str
    seq: int
    agent: str
    mode: Mode
    by: str
    opened: int
    at: int
    """When the last entry was written."""
    input: Content
    contract: Json
    """The contract in force; None where it is gone."""
    contract_digest: str
    on_behalf_of: str = ""
    tenant: str = ""
    key: str = ""
    tags: dict[str, str] = {}
    parent: str = ""
    """The run whose call this one answers."""
    parent_call: int = 0
    """That call."""
    carved: dict[LimitName, int] = {}
    """The ceilings that run set this one out of its own."""
    forked_from: str = ""
    forked_at: int = 0
    """The last entry that is that run's."""
    undoes: str = ""
    """The run whose writes this one takes back."""
    attachments: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    calls: dict[int, Call] = {}
    questions: dict[int, Question] = {}
    """All of them; the open ones are those without `end`."""
    paused: bool = False
    halted: str = ""
    """Who stopped it with others, and why; empty while nobody does."""
    waited: tuple[Waited, ...] = ()
    """For what the run itself waited, that other runs held."""
    cancelled_by: str = ""
    totals: Totals = Totals()
    end: End | None = None
    moments: tuple[int, ...] = ()
    """When each entry was written, from entry 1."""

    def when(self, seq: int) -> int:
        """When entry `seq` was written; when the last one was, for none."""
        return self.moments[seq - 1] if 0 < seq <= len(self.moments) else self.at

    @property
    def awaits(self) -> tuple[Waited, ...]:
        """What it waits for now, itself or a call of it."""
        every = (*self.waited, *(one for call in self.calls.values() for one in call.waited))
        return tuple(one for one in every if not one.ended)

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """What waits for somebody."""
        return tuple(question for question in self.questions.values() if not question.end)
