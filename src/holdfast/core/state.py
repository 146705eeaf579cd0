"""What is known of a run, and the legal moves of a call.

Theory of operation
-------------------
A run alternates between asking a model and carrying out what it asked for. A *turn* is one model answer with the calls in
it; the next request is made when every call of the turn has an answer. Two rules keep everything else simple:

1. State changes by entries only. Time alone changes nothing: a lease, an approval or a limit ends when an entry says so.
2. State needs nothing but entries: no code of the agent, no clock, no bodies that are gone.

A call moves through the statuses below. The table is all there is: an entry that is not in it for the call's status is not
legal, and `fold` raises. The diagram in the manual is made from this table.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.core.log import Log, Tally
from holdfast.dialogue import Attached, Segment
from holdfast.errors import Bug
from holdfast.events import (
    CancelAsked,
    Completeness,
    Effect,
    Fired,
    Held,
    Hold,
    Json,
    Label,
    LimitName,
    LimitReached,
    ModelAnswered,
    PersonAsked,
    PlaceAwaited,
    ProgramCalled,
    RunClosed,
    RunOpened,
    Share,
)

Status: TypeAlias = Literal["asked", "held", "cleared", "running", "failed", "unsure", "doubt", "answered"]

STATUSES: Final[dict[Status, str]] = {
    "asked": "proposed, not judged yet",
    "held": "waits for a person",
    "cleared": "may start",
    "running": "an attempt was started and has no answer",
    "failed": "the last attempt surely did nothing",
    "unsure": "an attempt may have had its effect; the machine is finding out",
    "doubt": "nobody here can tell whether it happened; a person has to",
    "answered": "the model can be told what became of it",
}

MOVES: Final[dict[tuple[Status, str], Status]] = {
    ("asked", "CallJudged allow"): "cleared",
    ("asked", "CallJudged review"): "held",
    ("asked", "CallJudged refuse"): "answered",
    ("held", "CallJudged allow"): "cleared",
    ("held", "CallJudged refuse"): "answered",
    ("held", "PersonAnswered approve"): "held",
    ("held", "PersonAnswered deny"): "answered",
    ("held", "PersonAnswered answer"): "answered",
    ("held", "PersonAnswered retry"): "cleared",
    ("held", "PersonAnswered tell"): "answered",
    ("held", "AskedBack"): "answered",
    ("held", "ProposalAmended"): "asked",
    ("cleared", "CallJudged refuse"): "answered",
    ("cleared", "CallJudged review"): "held",
    ("cleared", "CallStarted"): "running",
    ("cleared", "ChildOpened"): "running",
    ("running", "ChildClosed"): "answered",
    ("running", "ProgramCalled"): "cleared",
    ("running", "CallReturned"): "answered",
    ("running", "CallReturned started"): "unsure",
    ("running", "CallFailed not_done"): "failed",
    ("running", "CallFailed unknown"): "unsure",
    ("failed", "CallStarted"): "running",
    ("failed", "Resumed"): "unsure",
    ("failed", "CallJudged refuse"): "answered",
    ("failed", "CallJudged review"): "held",
    ("unsure", "CallStarted"): "running",
    ("unsure", "CallLookedUp found"): "answered",
    ("unsure", "CallLookedUp absent"): "unsure",
    ("unsure", "CallLookedUp cannot_tell"): "unsure",
    ("unsure", "CallLookedUp pending"): "unsure",
    ("unsure", "CallJudged refuse"): "answered",
    ("unsure", "CallJudged review"): "held",
    ("unsure", "CallReturnedLate"): "answered",
    ("unsure", "CallReturnedLate unknown"): "unsure",
    ("unsure", "CallReturnedLate not_done"): "unsure",
    ("unsure", "CallReturnedLate settled"): "failed",
    ("unsure", "DoubtRaised"): "doubt",
    ("doubt", "CallReturnedLate"): "answered",
    ("doubt", "CallReturnedLate unknown"): "doubt",
    ("doubt", "CallReturnedLate not_done"): "doubt",
    ("doubt", "CallReturnedLate settled"): "answered",
    ("doubt", "CallLookedUp found"): "answered",
    ("doubt", "CallLookedUp absent"): "doubt",
    ("doubt", "CallLookedUp cannot_tell"): "doubt",
    ("doubt", "CallLookedUp pending"): "doubt",
    ("doubt", "CallSettled happened"): "answered",
    ("doubt", "CallSettled did_not"): "answered",
    ("doubt", "CallSettled retry"): "cleared",
    ("doubt", "CallSettled stop"): "answered",
}
"""(status, entry) → status.

`CallReturnedLate settled` says that the only attempt there was surely did nothing. `CallSettled retry` is a `did_not` about a
keyed call: it starts again under the same key. `CallJudged refuse` and `review` out of `unsure` are for reads, and `refuse` for
writes that were looked up and are surely absent: a write of unknown outcome is never merely given up.
"""

QUIET: Final = frozenset({
    "CallReturnedLate", "CallReturnedLate unknown", "CallReturnedLate not_done", "CallReturnedLate settled", "CallLookedUp absent",
})  # fmt: skip
"""Entries that are kept and move nothing where the table has no line for them: they come from outside, at any time."""


def move(run: str, seq: int, status: Status, entry: str) -> Status:
    """The status a call has after an entry. Raises Bug for a move the table does not have."""
    after = MOVES.get((status, entry))
    if after is not None:
        return after
    if entry in QUIET:
        return status
    raise Bug(f"a call that is {status} cannot take a {entry}", run=run, seq=seq)


class Vote(Struct, frozen=True, gc=False):
    """One approval, bound to what was shown."""

    by: str
    digest: str
    """Of the question that was answered; empty for the voice of whoever amended the proposal."""
    until: int = 0
    """The approval is void from then on; 0: never."""
    role: str = ""
    """For whom the voice was asked."""
    shown: tuple[str, ...] = ()
    """Of whoever amended it: the readings, and the limits of all runs that it passes, which they were shown beside it."""


class CallState(Struct, frozen=True, gc=False, kw_only=True):
    """What is known of one call."""

    seq: int
    ask: int
    """The `ModelAnswered` it stands in."""
    manifest: int
    """The `ModelAsked` that proposed it: what the model had been shown."""
    index: int
    tool: str
    id: str
    args: Json
    digest: str
    effect: Effect
    problem: str = ""
    sources: dict[str, str] = {}
    serves: int = 0
    cursor: str = ""
    heard: int = 0

    status: Status = "asked"
    rules: tuple[Fired, ...] = ()
    version: int = 1
    votes: tuple[Vote, ...] = ()
    reviewed: bool = False
    """A person was asked about it, for its own sake."""
    amended: tuple[str, ...] = ()

    attempt: int = 0
    start: int = 0
    """The `CallStarted` of the last attempt."""
    worker: str = ""
    until: int = 0
    key: str = ""
    first_started: int = 0
    failures: int = 0
    """Attempts that failed and were not merely lost."""
    error: str = ""
    message: str = ""
    failed_at: int = 0
    retry_at: int = 0
    ended: bool = True
    """No attempt of it can still have its effect."""
    alive: tuple[int, ...] = ()
    """The attempts that are not proven over."""
    unknown: bool = False
    """An attempt of it had an unknown outcome."""
    looked: str = ""
    looks: int = 0
    look_at: int = 0
    """Not looked up again before this."""
    handle: str = ""

    answer: int = 0
    """The entry that answered it."""
    said: str = ""
    """What the model is told, where that is no result."""
    ok: bool = False
    """It was carried out, as far as anybody knows."""
    result: Json = None
    files: tuple[Attached, ...] = ()
    """What came with the result."""
    result_digest: str = ""
    complete: Completeness = "complete"
    missing: str = ""
    next: str = ""
    """Cursor of the part that was not fetched yet."""
    pages: int = 0
    effect_id: str = ""
    label: Label = Label()
    settled: str = ""
    keyed_until: int = 0
    """Until when the other system honours `key`."""
    changed: tuple[int, ...] = ()
    """Re-readings of its evidence that came back different."""
    within: int = 0
    """The call of the program that made it."""
    ordinal: int = 0
    wants: ProgramCalled | None = None
    """Of a program: the call that it waits for, while that is not taken up yet."""
    interpreter: str = ""
    child: str = ""
    """The run that answers it."""
    carved: dict[LimitName, int] = {}
    """What that run may use of our ceilings."""
    fuse: Hold | None = None
    """What a failure of the last attempt counts as, over all runs."""
    came_late: int = 0
    """The entry in which an attempt that had been superseded said that it was done."""


class Evidence(Struct, frozen=True, gc=False):
    """One complete reading, as rules can rest on it."""

    seq: int
    """The entry that holds its result."""
    at: int
    args: Json
    value: Json
    digest: str
    call: int
    within: int = 0
    """The call of the program that read it."""


class Asking(Struct, frozen=True, gc=False):
    """The last attempt to get an answer from a model."""

    seq: int
    step: int
    attempt: int
    model: str
    worker: str
    until: int
    reserved: int
    rolling: str
    status: Literal["running", "failed", "answered"] = "running"
    error: str = ""
    message: str = ""
    retry_at: int = 0
    failed_at: int = 0
    failures: int = 0
    """Failed attempts at this step that were not merely lost."""
    tried: tuple[str, ...] = ()
    """Models that failed at this step for good."""


class Spent(Struct, frozen=True, gc=False):
    """What a run used up."""

    nusd: int = 0
    unsettled: int = 0
    """Charged for attempts whose cost nobody told."""
    reserved: int = 0
    unpriced: int = 0
    """Answers whose cost is not known."""
    input: int = 0
    output: int = 0
    steps: int = 0
    work: int = 0
    """µs of models and tools."""
    retries: int = 0
    """Ours, and those of closed children."""
    opened: int = 0
    """Child runs."""
    below: int = 0
    """nusd of closed children, and of theirs."""
    carved: int = 0
    """nusd that open children may use."""
    carved_retries: int = 0

    @property
    def alone(self) -> int:
        """nusd that this run itself was charged, without its children."""
        return self.nusd + self.unsettled + self.reserved

    @property
    def charged(self) -> int:
        """nusd that count against a ceiling: of the whole tree below, at the most that it can come to."""
        return self.alone + self.below + self.carved

    @property
    def retried(self) -> int:
        """Retries that count against a ceiling, those that open children may make too."""
        return self.retries + self.carved_retries


class Source(Struct, frozen=True, gc=False):
    """Something the run has seen, for finding where an argument came from."""

    name: str
    trusted: bool
    value: Json
    tool: str = ""


class Question(Struct, frozen=True, gc=False):
    """An open question to a person."""

    seq: int
    at: int
    asked: PersonAsked
    claimed: str = ""
    """Who is looking into it."""
    claimed_at: int = 0
    asked_back: tuple[int, ...] = ()
    """Where a reviewer asked the requester about it."""


class Awaited(Struct, frozen=True, gc=False):
    """Something that waits for what other runs hold, or for what somebody stopped."""

    seq: int
    at: int
    place: PlaceAwaited


class State(Struct, frozen=True, gc=False, kw_only=True):
    """What is known of a run after entry `seq`."""

    run: str
    seq: int
    at: int
    opened: RunOpened
    opened_at: int
    contract: Json
    contract_digest: str
    input: Json
    epoch: int
    recovered: int = 0
    """Where it stands that the journal was restored from a backup while this run was open; 0: it was not."""

    asking: Asking | None = None
    answered: ModelAnswered | None = None
    """The last model answer."""
    answer_seq: int = 0
    admitted: bool = True
    """Its calls have been taken up, or it was rejected."""
    turn: tuple[int, ...] = ()
    calls: dict[int, CallState] = {}
    """Calls of the turn, and those the machine made for them."""
    rejections: int = 0
    """Answers in a row that could not stand."""
    replied: int = 0
    """The `Replied` that waits for the requester; 0: none."""

    questions: dict[int, Question] = {}
    grants: dict[str, int] = {}
    limit: LimitReached | None = None
    limit_seq: int = 0

    evidence: dict[str, Log[Evidence]] = {}
    effects: dict[str, Log[Json]] = {}
    effect_ids: dict[str, int] = {}
    counted: dict[str, int] = {}
    """Calls per tool that are done or unknown."""
    repeats: Tally
    found: tuple[str, ...] = ()
    """Names of what was noted of the run, and of what its own refusals show; see `core.findings`."""
    partial: frozenset[str] = frozenset()
    """Tools whose last result was not all there is."""
    sources: Log[Source]
    label: Label
    spent: Spent = Spent()
    inherited: Spent = Spent()
    """Of a fork: the part of it that the run it was forked from had used up."""
    rested: tuple[tuple[int, int], ...] = ()
    """Of a fork: (last entry of the run it was forked from, µs from there until it was forked)."""
    edited: dict[int, str] = {}
    """Of a fork: results that are not what was returned → who put them there."""

    owed: dict[int, int] = {}
    """Failed attempts at the model → what they stay charged with."""

    transcript: Log[Segment]
    """What the model was shown, in order."""
    weight: int = 0
    """Bytes of its text."""
    long_results: dict[int, str] = {}
    """Results of which the model was shown a window only, by the entry that holds them."""
    max_output: int = 0
    unsent: tuple[Segment, ...] = ()
    said: int = 0
    """The last `Said`."""
    heard: int = 0
    """The last `Said` in a request."""
    over: bool = False
    """The requester said that was all."""

    speakers: frozenset[str] = frozenset()
    """Who opened, spoke or amended: excluded from approving."""
    paused: bool = False
    """A person wants nothing new to start in it."""
    halted: int = 0
    """The entry of the control stream that stops it; 0: none does."""
    halted_why: str = ""
    holds: dict[int, tuple[Share, ...]] = {}
    """Call (0: the run itself) → what it holds of what runs share."""
    awaits: dict[int, Awaited] = {}
    """Call (0: the run itself) → what it waits for."""
    cancel: CancelAsked | None = None
    settled: dict[int, str] = {}
    """Calls a person settled, or that were given up on, for judging what comes late."""
    conflict: tuple[int, ...] = ()
    """Entries that contradict each other and were not recorded as such yet."""
    late: dict[int, int] = {}
    """Late answers that contradict something → their call."""
    contradiction: str = ""
    rounds: int = 0
    """Rounds of peers that were closed."""
    round_seq: int = 0
    """The last `RoundClosed`."""
    posts: frozenset[str] = frozenset()
    """Ids of what was posted in them."""
    diverged: str = ""
    """How a program went another way than its record."""
    disagreements: dict[tuple[int, ...], str] = {}
    """Calls whose child runs contradict each other → how."""
    gave_up: bool = False
    """The agent could not bring its output into shape."""
    stop: str = ""
    """Why a person wants it stopped."""
    taken: str = ""
    """Who took it over."""
    closed: RunClosed | None = None
    unresolved: tuple[int, ...] = ()
    strange: str = ""
    """A kind of entry this version does not know: the run may be shown, never driven."""

    @property
    def rests(self) -> bool:
        """Whether nothing new is to start, because of a person's word about this run or about more than it."""
        return self.paused or self.halted > 0

    @property
    def turn_calls(self) -> list[CallState]:
        """The calls the model asked for in this turn, in asked order."""
        calls = self.calls
        return [calls[seq] for seq in self.turn]


class Stop(Struct, frozen=True, gc=False):
    """A stop in force: where it stands in the control stream, and why."""

    seq: int
    by: str
    why: str = ""


class Moment(Struct, frozen=True, gc=False, kw_only=True):
    """When, by whom and with what knowledge of the outside a decision is made."""

    at: int
    """The journal's clock."""
    worker: str
    secret: bytes
    """Of the run tree: keys digests and idempotency keys."""
    gone: frozenset[str] = frozenset()
    """Workers that are proven to have ended."""
    flying: frozenset[int] = frozenset()
    """Start entries of the attempts in flight in this process."""
    epoch: int = 1
    doubtful: frozenset[str] = frozenset()
    """Tools of which another run of the tree does not know whether a write happened."""
    quotes: dict[str, int | None] = {}
    """Model → nusd its next answer costs at most, where it knows that itself."""
    held: dict[str, Held] = {}
    """What other runs were last seen to hold, by name; a name that is not in it was not looked up."""
    stopped: Stop | None = None
    """What stops this run, with its agent or with all."""
    stopped_tools: dict[str, Stop] = {}
