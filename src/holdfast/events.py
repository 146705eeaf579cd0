"""The vocabulary: every kind of entry a journal can hold. Frozen, tagged, one field after another explained.

Three conventions run through all of it:

* **Numbers that mean a place** (`call`, `ask`, `question`, `cause`, `heard`) are the seq of an entry of the same run;
  0 means none. A call is named by the seq of its `CallAsked`, a question by that of its `PersonAsked`.
* **Time** is whole microseconds (`at`, `until`: since 1970; `took`: a duration measured on a monotonic clock).
  **Money** is whole nano-dollars (`nusd`). See `units`.
* **Bodies** are what was said, asked or returned. They stand apart from the facts about them, so that they can be kept
  elsewhere and erased while the chain still verifies. A digest of a body is always keyed (see `codec.keyed`).

`FACTS` and `DECISIONS` at the end say of each kind which of two things it is. A *fact* happened outside and is never
dropped: when its append meets a newer entry it is checked again and appended again. A *decision* was drawn from one
state at one moment: when its append meets a newer entry it is thrown away and decided anew.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from msgspec import Raw, Struct

from holdfast.calendars import Calendar

SCHEMA = 1
"""Version of the stored form of entries. Older ones are brought up to date in memory (`codec.UPCASTERS`)."""

FOLD = 2
"""Version of the meaning of entries. A journal with a higher one may be shown, never driven."""

Json: TypeAlias = Any
"""A JSON value: null, bool, int, float, str, list, or dict with str keys."""

# --------------------------------------------------------------------------------------------------------- bodies


class Inline(Struct, frozen=True, gc=False, tag="inline", tag_field="body"):
    """A body small and plain enough to stand in the entry."""

    value: Json


class Stored(Struct, frozen=True, gc=False, tag="stored", tag_field="body"):
    """A body kept beside the chain, named `ref` in the journal's blobs; the shell loads it before anything is folded."""

    ref: str
    size: int
    """Bytes of its JSON."""


class Loaded(Struct, frozen=True, gc=False, tag="loaded", tag_field="body"):
    """A `Stored` body together with its value. Lives in memory only."""

    ref: str
    size: int
    value: Json


class Erased(Struct, frozen=True, gc=False, tag="erased", tag_field="body"):
    """A `Stored` body that is gone for good. Lives in memory only."""

    ref: str
    size: int


Body: TypeAlias = Inline | Stored | Loaded | Erased

# --------------------------------------------------------------------------------------------------- small words

Mode: TypeAlias = Literal["simulate", "supervise", "live"]
Outcome: TypeAlias = Literal["done", "declined", "escalated", "stopped", "failed", "cancelled"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Finish: TypeAlias = Literal["stop", "calls", "length", "filter", "unknown"]
Fate: TypeAlias = Literal["not_done", "unknown"]
"""What is known of an attempt that gave no result: surely nothing happened, or nobody can tell."""
Completeness: TypeAlias = Literal["complete", "partial", "started", "simulated"]
Effect: TypeAlias = Literal["read", "write", "builtin", "child", "program"]
Verdict: TypeAlias = Literal["allow", "review", "refuse"]
LimitName: TypeAlias = Literal["steps", "usd", "work", "wall", "retries", "repeats", "context", "output", "children"]


class Price(Struct, frozen=True, gc=False):
    """What one token costs, in 10⁻¹² US dollars."""

    input: int
    output: int
    cached: int | None = None
    """A token read from the provider's cache; as `input` where the provider tells none."""


class Usage(Struct, frozen=True, gc=False, omit_defaults=True):
    """Tokens of one model answer. `input` includes the cached ones."""

    input: int = 0
    output: int = 0
    cached: int = 0


class Fired(Struct, frozen=True, gc=False, omit_defaults=True):
    """One rule of the contract that had something to say about a call."""

    rule: str
    """Which clause, as a path in the contract: `tools.issue_refund.must[0]`; or a word for a rule every contract has."""
    verdict: Verdict
    because: str
    secret: bool = False
    """True keeps `because` from the model and the requester."""


class Label(Struct, frozen=True, gc=False, omit_defaults=True):
    """What may be said of where data came from. Joined by `labels.join`, never lowered."""

    trusted: bool = False
    classes: tuple[str, ...] = ()
    """Data classes beyond `plain`, sorted."""


class Wanted(Struct, frozen=True, gc=False, omit_defaults=True):
    """One tool call as the model wrote it, before anybody looked at it."""

    id: str
    """The provider's name for it, needed to answer it."""
    tool: str
    args: str
    """The raw argument text: JSON, or whatever came instead."""


class Hold(Struct, frozen=True, gc=False, omit_defaults=True):
    """A part that a run holds of what many runs share: a turn, a place among so many at once, an amount in a window of time."""

    name: str
    """What it is a part of: a hash, so that an index of names says nothing of what they name."""
    amount: int = 1
    until: int = 0
    """From when it no longer counts, in µs since 1970; 0: for as long as the run holds it."""


class Held(Struct, frozen=True, gc=False):
    """What runs hold of one name."""

    used: int = 0
    run: str = ""
    """The run that has held it the longest."""
    until: int = 0
    """When the first part of it ceases to count by its time; 0: none does."""


class Share(Struct, frozen=True, gc=False, omit_defaults=True):
    """A part of what many runs share, as a clause of the contract asks for it."""

    clause: str
    """`one_at_a_time`, `tools.pay.across`, `tools.pay.rate`, `tools.pay.at_once`, `tools.pay.breaker`."""
    name: str
    amount: int = 1
    """0: nothing is taken; there only has to be room."""
    until: int = 0
    """From when it no longer counts; 0: for as long as the call is under way, or the run open."""
    top: int = 0
    """What all runs together may hold; 0: a person let this one pass."""
    used: int = 0
    """What other runs held of it when this was decided."""


class Parent(Struct, frozen=True, gc=False):
    """The call of another run that this run answers."""

    run: str
    call: int


# -------------------------------------------------------------------------------------------------------- events


class Event(Struct, frozen=True, gc=False, omit_defaults=True, tag=True, tag_field="kind"):
    """Something that happened in a run, or was decided about it."""


class RunOpened(Event, frozen=True):
    """A run began. The contract is in the journal: a parked run goes on under it whatever is deployed meanwhile."""

    agent: str
    contract: Body
    contract_digest: str
    """Public sha256 of the contract's canonical form: its version."""
    input: Body
    by: str
    """Who opened it: a person `alice`, a service `svc:inbox`."""
    mode: Mode = "live"
    key: str = ""
    """Request key, unique in the journal; the same key with the same input is the same run."""
    input_digest: str = ""
    on_behalf_of: str = ""
    tenant: str = ""
    tags: dict[str, str] = {}
    tree: str = ""
    """Root of the run tree, whose secret keys the digests; empty: this run itself."""
    parent: Parent | None = None
    forked_from: Parent | None = None
    """The run, and the entry of it (in `call`), as which this one began; the entries up to there are that run's."""
    forked_by: tuple[str, ...] = ()
    """Who forked that run, after who forked what that was forked from."""
    live: tuple[str, ...] = ()
    """Of a fork: the tools whose writes are carried out although its mode is `simulate`."""
    supervised: bool = False
    """Of a fork: such a write is reviewed first, whatever the contract says: those of the run it was forked from were, or
    were not carried out at all."""
    undoes: str = ""
    epoch: int = 1
    """The journal's epoch when the run was opened or, after `Resumed`, taken over."""
    versions: dict[str, str] = {}
    """holdfast, fold, and the digest of each tool's signature."""
    prices: dict[str, Price] = {}
    """Known prices of the contract's models, frozen here so that ceilings replay."""
    calendars: dict[str, Calendar] = {}
    """Role → the working calendar by which the time runs that it has for a decision, frozen here so that it replays."""
    attachments: tuple[Body, ...] = ()
    apart: str = ""
    """Of a run in a world of its own, as a trial is: what runs share, it shares with those of the same word only."""
    carved: dict[LimitName, int] = {}
    """Of a child: the ceilings that its parent set it out of its own, each in the ceiling's unit."""
    label: Label = Label(trusted=True)
    """Of a child: what had reached the model that asked for it, and may stand in the input."""


class Said(Event, frozen=True):
    """The requester spoke."""

    text: Body
    by: str
    attachments: tuple[Body, ...] = ()
    ends: bool = False
    """True: nothing more will be said, and no answer is awaited."""


class Replied(Event, frozen=True):
    """The agent spoke to the requester, in a conversation; it is the text of the answer `ask`."""

    ask: int


class ModelAsked(Event, frozen=True):
    """An attempt to get a model's answer was started, by whoever won this append.

    The prompt is named as a delta: the manifest of `base`, then `add`. A segment is named by (seq, part).
    """

    step: int
    attempt: int
    model: str
    worker: str
    until: int
    heard: int = 0
    """The last `Said` in the manifest."""
    base: int = 0
    add: tuple[tuple[int, int], ...] = ()
    rolling: str = ""
    """Keyed digest over the whole manifest: of `base`'s digest and what was added."""
    reserved: int = 0
    """nusd held until the answer settles it; at least the worst case of what is sent."""
    max_output: int = 0
    """Tokens the answer may have; follows from what is left of the budget."""


class ModelAnswered(Event, frozen=True):
    """A model answered attempt `ask`."""

    ask: int
    text: Body | None = None
    calls: tuple[Wanted, ...] = ()
    finish: Finish = "stop"
    usage: Usage = Usage()
    cost: int | None = None
    """nusd; None where nobody knows it."""
    model: str = ""
    """The model that the provider says answered."""
    payload: Body | None = None
    """The provider's own form, opaque and versioned, where text and calls do not say it all."""
    took: int = 0


class ModelFailed(Event, frozen=True):
    """Attempt `ask` gave no answer."""

    ask: int
    error: str
    """rate_limited, overloaded, timeout, connection, context, filter, quota, auth, not_found, rejected, server, garbage, lost."""
    fate: Fate
    message: str = ""
    retry_at: int = 0
    """Not before this moment, if the provider said so."""
    unsettled: int = 0
    """nusd that stay charged because the attempt may have been billed."""
    took: int = 0
    by: str = ""
    """For `lost`: the worker that found it lost."""


class OutputRejected(Event, frozen=True):
    """What the model offered as its answer, or said instead of one, cannot stand; `why` is told to it."""

    ask: int
    why: str
    call: int = 0
    final: bool = False
    """True: it had been told before; the run stops."""


class CallAsked(Event, frozen=True):
    """A tool call was proposed: by the model, or by the machine for another call (`serves`)."""

    ask: int
    """The `ModelAnswered` it stands in."""
    index: int
    tool: str
    id: str
    args: Body
    """Validated arguments; the raw text where they are not valid."""
    digest: str
    """Keyed digest of the tool and its canonical arguments."""
    effect: Effect = "read"
    problem: str = ""
    """What is wrong with the call as written: unknown tool, malformed or invalid arguments."""
    sources: dict[str, str] = {}
    """Where the value of each argument came from: `input`, `said:7`, `trusted:9`, `untrusted:12`, `person:alice`, `model`."""
    serves: int = 0
    """The call this one was made for by the machine: a fresh reading of evidence, a further page."""
    cursor: str = ""
    within: int = 0
    """The call of the program that made this one."""
    ordinal: int = 0
    """Which of that program's calls it is, from 1."""


class CallJudged(Event, frozen=True):
    """The contract was applied to a call. `refuse` answers it; the reasons that are not secret are told."""

    call: int
    verdict: Verdict
    rules: tuple[Fired, ...] = ()
    version: int = 1
    """The version of the proposal that was judged."""
    shares: tuple[Share, ...] = ()
    """What it would take of what many runs share, and what they held of it then."""


class PersonAsked(Event, frozen=True):
    """Somebody has to decide or answer."""

    about: Literal["review", "question", "doubt", "limit", "surprise", "output"]
    text: str
    call: int = 0
    role: str = ""
    """Who may answer; empty: anyone who is not excluded; `requester`: the requester."""
    stands_for: str = ""
    """The role that the contract names, where another is asked because it did not answer in time."""
    people: int = 1
    until: int = 0
    """0: no end."""
    then: str = "deny"
    """What an expiry leads to: `deny`, or `ask:<role>`."""
    version: int = 1
    digest: str = ""
    """For a review: keyed digest of what is shown. An approval binds exactly this."""
    label: Label = Label()
    contract: str = ""
    heard: int = 0
    evidence: tuple[int, ...] = ()
    """The readings shown beside the proposal, by the seq of their results."""
    limit: LimitName | None = None


class PersonAnswered(Event, frozen=True):
    """A person answered question `question`."""

    question: int
    verdict: Literal["approve", "deny", "answer", "retry", "tell", "take", "stop", "grant"]
    by: str
    text: str = ""
    value: Body | None = None
    version: int = 1
    """The version of the proposal that was shown."""


class ProposalAmended(Event, frozen=True):
    """A reviewer changed arguments of call `call`; it is judged anew, and the amender's one voice stands for it."""

    call: int
    question: int
    version: int
    args: Body
    digest: str
    by: str
    changed: tuple[str, ...] = ()


class QuestionWithdrawn(Event, frozen=True):
    """Question `question` no longer needs an answer."""

    question: int
    why: Literal["expired", "overtaken", "void", "resolved", "closing", "decided"]


class QuestionClaimed(Event, frozen=True):
    """Somebody is looking into question `question`; the others leave it to them, until it is released or taken over."""

    question: int
    by: str


class QuestionReleased(Event, frozen=True):
    """Nobody is looking into question `question` any more."""

    question: int
    by: str


class AskedBack(Event, frozen=True):
    """A reviewer asks before deciding: the agent, which proposes again or does not; or the requester, who may say something."""

    question: int
    to: Literal["agent", "requester"]
    text: str
    by: str


class CallStarted(Event, frozen=True):
    """An attempt at call `call` was started, by whoever won this append; nobody else may perform it."""

    call: int
    attempt: int
    worker: str
    until: int
    key: str = ""
    """Idempotency key: equal for all attempts of this call, different for every other."""
    keyed_until: int = 0
    """Until when the other system honours the key, counted from the first attempt."""
    shares: tuple[Share, ...] = ()
    """What is taken with it of what many runs share."""
    fuse: Hold | None = None
    """What a failure of this attempt counts as, over all runs; its `until` is counted from the failure."""


class PlaceAwaited(Event, frozen=True):
    """What comes next waits for something that other runs hold, or that somebody stopped."""

    clause: str
    """`one_at_a_time`, `tools.pay.rate`, …; `stop`."""
    name: str
    why: str
    call: int = 0
    """The call that waits; 0: the run."""
    holder: str = ""
    """The run that has held it the longest."""
    used: int = 0
    """What other runs held of it then."""


class PlaceTaken(Event, frozen=True):
    """It is this run's turn."""

    shares: tuple[Share, ...]


class CallReturned(Event, frozen=True):
    """An attempt gave a result."""

    call: int
    attempt: int
    result: Body
    digest: str = ""
    complete: Completeness = "complete"
    missing: str = ""
    cursor: str = ""
    label: Label = Label()
    effect_id: str = ""
    """The other system's name for what was done."""
    took: int = 0
    redacted: int = 0
    files: tuple[Body, ...] = ()
    """What came with it, by the digests that stand in the result. Never trusted, so neither is what came with them."""
    edited: str = ""
    """Of a fork: who put this result in the place of what was returned."""


class ProgramCalled(Event, frozen=True):
    """The program of a call called a tool, and waits for its answer. It is executed again up to here when that is there."""

    call: int
    attempt: int
    ordinal: int
    tool: str
    args: Body
    interpreter: str
    """What executed it, with its version: no other one may go on."""
    took: int = 0


class CallFailed(Event, frozen=True):
    """An attempt gave no result."""

    call: int
    attempt: int
    error: str
    """raised, timeout, lost, refused, not_done, unknown, result, size, ended."""
    fate: Fate
    message: str = ""
    retry_at: int = 0
    took: int = 0
    ended: bool = True
    """True: the attempt is proven over; nothing of it can still happen."""
    by: str = ""


class CallLookedUp(Event, frozen=True):
    """The other system was asked whether an attempt took effect."""

    call: int
    attempt: int
    answer: Literal["found", "absent", "cannot_tell", "pending"]
    effect_id: str = ""
    result: Body | None = None
    digest: str = ""
    label: Label = Label()
    message: str = ""
    took: int = 0
    ended: bool = False
    """Whether the attempt was proven over when this was asked: only then does absence say that nothing will come of it."""
    again_at: int = 0
    """Of work still going on: not asked again before this moment."""
    files: tuple[Body, ...] = ()


class DoubtRaised(Event, frozen=True):
    """Nobody here can tell whether a write happened; a person has to."""

    call: int
    why: str
    ended: bool
    """Whether the attempt is proven over."""


class CallSettled(Event, frozen=True):
    """A person said what became of a write in doubt."""

    call: int
    verdict: Literal["happened", "did_not", "stop"]
    by: str
    text: str = ""
    result: Body | None = None


class CallReturnedLate(Event, frozen=True):
    """An answer came to an attempt that had been superseded or settled. Kept, and never acted on but by rules 23, 24."""

    call: int
    attempt: int
    result: Body | None = None
    digest: str = ""
    complete: Completeness = "complete"
    missing: str = ""
    cursor: str = ""
    label: Label = Label()
    error: str = ""
    fate: Fate | None = None
    effect_id: str = ""
    took: int = 0
    files: tuple[Body, ...] = ()


class ModelAnsweredLate(Event, frozen=True):
    """An answer came to a superseded attempt at the model. It settles money and is never acted on."""

    ask: int
    cost: int | None = None
    usage: Usage = Usage()
    took: int = 0


class Contradiction(Event, frozen=True):
    """Two things recorded cannot both be true."""

    seqs: tuple[int, ...]
    what: str
    children: bool = False
    """Whether it is between the answers of two child runs; `seqs` are their calls then, and the contract says what follows."""


class CallUndone(Event, frozen=True):
    """A write of this run was undone by run `by`."""

    call: int
    by: str


class ChildOpened(Event, frozen=True):
    """A child run answers call `call`; its carve is reserved until it closes."""

    call: int
    child: str
    """A function of this run and the call, so that opening it twice opens it once."""
    carved: dict[LimitName, int] = {}


class ChildClosed(Event, frozen=True):
    """The child run of call `call` closed. Any driver may say so: all of it stands in the child's own journal."""

    call: int
    child: str
    outcome: Outcome
    used: dict[str, int] = {}
    """What it and its own children used: `usd` (nusd, also what nobody settled), `retries`, `work`, `steps`, `unpriced`."""
    label: Label = Label()
    """What reached its model."""
    why: str = ""
    result: Body | None = None
    digest: str = ""


class RoundClosed(Event, frozen=True):
    """The posts that count in a round of peers."""

    round: int
    posts: tuple[tuple[str, int], ...] = ()
    """(`2.network.1`: round, peer, which of its posts; the entry with the answer that holds it)."""


class LimitReached(Event, frozen=True):
    """A ceiling stands in the way of the next step."""

    limit: LimitName
    used: int
    ceiling: int
    why: str = ""


class LimitAsked(Event, frozen=True):
    """A child run asks for more."""

    limit: LimitName
    amount: int


class LimitGranted(Event, frozen=True):
    """A person raised a ceiling by `amount`, in the ceiling's own unit."""

    limit: LimitName
    amount: int
    by: str


class Paused(Event, frozen=True):
    """Nothing new is to start."""

    by: str
    why: str = ""
    stop: int = 0
    """The entry of the control stream that stops it, found by a worker; 0: a person paused this one run."""


class Resumed(Event, frozen=True):
    """The run may go on. A higher epoch means: the journal was restored from a backup meanwhile."""

    by: str
    epoch: int = 0
    forked: bool = False
    """Whether what stands before it is another run's: here a fork begins, and its epoch is the journal's."""
    stop: int = 0
    """The stop that holds it no longer."""


class CancelAsked(Event, frozen=True):
    """Somebody wants the run to end."""

    by: str
    because: str = ""


class ContractAdopted(Event, frozen=True):
    """The run goes on under another contract."""

    contract: Body
    contract_digest: str
    by: str


class BodiesErased(Event, frozen=True):
    """Bodies of this run were erased for good, with the secret of its digests."""

    by: str
    basis: str
    refs: tuple[str, ...] = ()


class RunClosed(Event, frozen=True):
    """The run ended."""

    outcome: Outcome
    reason: str
    """One sentence for people."""
    output: Body | None = None
    fault: Literal["", "agent", "tool", "model", "contract", "holdfast"] = ""
    unresolved: tuple[int, ...] = ()
    """Writes nobody could settle."""


class Noted(Event, frozen=True):
    """Somebody, or a detector, has something to say about the run. It changes what is decided only where a contract asks."""

    by: str
    finding: str
    """`good`, `bad` or `note` of a person; the name of what was found, of a rule."""
    score: float | None = None
    note: str = ""
    evidence: tuple[int, ...] = ()
    correction: Body | None = None
    """What it should have been: all arguments of the call in `evidence`, or the whole output where that is the end."""


class Checkpointed(Event, frozen=True):
    """The tree over all entries of the journal was signed. Stands in the run `audit` alone, which is no run of an agent."""

    note: str
    """The checkpoint and its signature, as others are given it."""
    frontier: bytes
    """What it takes to let the tree grow from there: the roots of its complete subtrees, the largest first, 32 bytes each."""


class Viewed(Event, frozen=True):
    """Somebody was shown what runs hold, or took it away in a file. Stands in the run `access` alone, which is no run of an agent."""

    by: str
    """Who is said to have looked: a name that was given, or the system's for whoever sat there."""
    verb: str
    """What it was shown by: `show`, `why`, `export`."""
    runs: tuple[str, ...] = ()
    """The runs that were shown; none where there were too many to name."""
    count: int = 0
    """How many there were."""
    selection: str = ""
    """How they were chosen, where they were not named."""
    roles: tuple[str, ...] = ()
    """In which that person looked."""
    hidden: tuple[str, ...] = ()
    """Data classes of which something was kept back."""


class Notified(Event, frozen=True):
    """Somebody outside is told that a person is wanted, or is not. Stands in the run `notify` alone, which is no run of an agent."""

    id: str
    """Of the notice: run, entry and kind, like `r_7f3.12.asked`. Empty: nobody is told; it says how far the journal was read."""
    state: Literal["sending", "told", "failed", "given_up", "read"]
    """`sending`: by whoever won this append, until `until`. `failed`: it is tried again, if somebody is still wanted then."""
    to: str = ""
    """Who: the name of a program, or the host of a webhook; nothing of an address that may be secret."""
    attempt: int = 0
    first: int = 0
    """When it was sent for the first time."""
    until: int = 0
    """Of `sending`: from when somebody else may send it. Of `failed`: it is not sent again before."""
    why: str = ""
    """Why it was not taken, in a few words of ours."""
    place: int = 0
    """The position in the feed of the entry it is about; 0: it is about time."""
    ends: int = 0
    """Of one about time: from when it says nothing any more."""
    read: int = 0
    """The position in the feed up to which everything was told, or needs not be."""
    since: int = 0
    """The first entry of this run that still says something of a notice that may have to be sent."""


Scope: TypeAlias = Literal["agent", "tool", "all"]


class SwitchedOff(Event, frozen=True):
    """Somebody stopped an agent, a tool, or everything. Stands in the run `control` alone, which is no run of an agent."""

    scope: Scope
    by: str
    name: str = ""
    why: str = ""


class SwitchedOn(Event, frozen=True):
    """What was stopped may go on. Stands in the run `control`."""

    scope: Scope
    by: str
    name: str = ""


class ContractPublished(Event, frozen=True):
    """A contract was accepted for new runs of its agent, or for a part of them. Stands in the run `control`."""

    agent: str
    contract: Body
    contract_digest: str
    by: str
    share: int = 100
    """Percent of the new runs that begin under it; the others begin under the one published for all before it."""
    why: str = ""


class Unknown(Struct, frozen=True, gc=False):
    """An entry of a kind this version does not know. It may be shown; a run that holds one is never driven."""

    kind: str
    raw: bytes


AnyEvent: TypeAlias = (
    RunOpened | Said | Replied | ModelAsked | ModelAnswered | ModelFailed | OutputRejected
    | CallAsked | CallJudged | PersonAsked | PersonAnswered | ProposalAmended | QuestionWithdrawn
    | CallStarted | CallReturned | CallFailed | CallLookedUp | DoubtRaised | CallSettled
    | CallReturnedLate | ModelAnsweredLate | Contradiction | CallUndone
    | ChildOpened | ChildClosed | RoundClosed | ProgramCalled
    | LimitReached | LimitAsked | LimitGranted | Paused | Resumed | CancelAsked | ContractAdopted
    | QuestionClaimed | QuestionReleased | AskedBack | PlaceAwaited | PlaceTaken
    | BodiesErased | RunClosed | Noted | Checkpointed | Viewed | Notified | SwitchedOff | SwitchedOn | ContractPublished
)  # fmt: skip

# ------------------------------------------------------------------------------------------------------ envelope


class Entry(Struct, frozen=True, gc=False):
    """One line of a run's journal."""

    run: str
    seq: int
    """From 1, without gaps."""
    at: int
    """The journal's clock when it was decided or learned; never decreases within a run."""
    cause: int
    """Of a decision: the head it was decided at, so that one batch shares it. Of a fact: the entry it answers, or 0."""
    actor: str
    """Who wrote it: a worker, a person, a service."""
    event: AnyEvent | Unknown
    prev: bytes = b""
    digest: bytes = b""
    """sha256(prev ‖ stored bytes)."""
    aside: str = ""
    """The blob that holds the texts of this entry, where they are about somebody and may have to be erased."""


class Line(Struct, frozen=True, gc=False, omit_defaults=True):
    """The stored form of an entry, before its chain digest. Field order is part of the format."""

    v: int
    run: str
    seq: int
    at: int
    cause: int
    actor: str
    event: Raw
    aside: str = ""


# ------------------------------------------------------------------------------------------- facts and decisions

FACTS: frozenset[type[Event]] = frozenset({
    RunOpened, Said, ModelAnswered, ModelFailed, ModelAnsweredLate,
    PersonAnswered, ProposalAmended, CallReturned, ProgramCalled, CallFailed, CallLookedUp, CallSettled, CallReturnedLate, CallUndone,
    ChildClosed, LimitAsked, LimitGranted, Paused, Resumed, CancelAsked, ContractAdopted, BodiesErased, Noted, Viewed, Notified,
    QuestionClaimed, QuestionReleased, AskedBack, SwitchedOff, SwitchedOn, ContractPublished,
})  # fmt: skip
"""Happened outside; never dropped."""

DECISIONS: frozenset[type[Event]] = frozenset({
    Replied, ModelAsked, OutputRejected, CallAsked, CallJudged, PersonAsked, QuestionWithdrawn, CallStarted,
    DoubtRaised, Contradiction, ChildOpened, RoundClosed, LimitReached, RunClosed, Checkpointed, PlaceAwaited, PlaceTaken,
})  # fmt: skip
"""Drawn from one state at one moment; thrown away when the state moved on."""

TAKEN: frozenset[type[Event]] = frozenset({ModelFailed, CallFailed, Paused, Resumed})
"""Facts that a decision batch may hold too, when it is about an attempt found lost, a journal found restored, or a stop that
was found to hold it or to be over: the finding is the decision."""

DURABLE: frozenset[type[Event]] = frozenset({
    RunOpened, Said, Replied, CancelAsked, Paused, PersonAnswered, ProposalAmended, CallSettled, RunClosed, BodiesErased,
    ContractAdopted, LimitGranted, PersonAsked, Resumed, Checkpointed, Noted, Viewed, Notified,
    QuestionClaimed, QuestionReleased, AskedBack, SwitchedOff, SwitchedOn, ContractPublished,
})  # fmt: skip
"""Kinds somebody outside was or will be told of: on the disk before anyone is. `CallStarted` of a write is one too."""

AFTER_CLOSE: frozenset[type[Event]] = frozenset({
    CallReturnedLate, ModelAnsweredLate, CallSettled, Contradiction, CallUndone, Noted, BodiesErased,
})  # fmt: skip
"""All that may still be appended to a closed run."""
