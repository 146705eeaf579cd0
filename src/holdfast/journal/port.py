"""The port: what a journal store must do, and nothing about how.

Three words with one meaning each:

* **queued**: `append` was called. Nobody may act on it.
* **committed**: the awaitable of `append` gave `Committed`. The driver of this run may go on; a killed process keeps it,
  a power loss may not.
* **durable**: on the disk. A batch with `durable=True` is answered only then. Anyone outside may be told of it, and only
  of it: `feed` and `watermark` show the durable prefix.

A store never reads an event. It keeps lines with their digests in order, and beside each append the index row that the
caller computed by folding. Every backend passes `holdfast.testing.journal_contract`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct, field

from holdfast.events import Held, Hold, Outcome

KEPT: Final = 60_000_000
"""µs for which what ended by its time is still known, for batches that were decided before; one that is older is refused."""

Status: TypeAlias = Literal["working", "waiting", "closed"]


class Row(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One line of the index: what a list of runs shows, as of entry `seq`. Never the truth, always recomputable."""

    run: str
    seq: int
    agent: str
    status: Status
    due: int | None = None
    """When somebody should look at the run next, in µs since 1970 (0: now). None: when something is appended to it."""
    opened: int = 0
    at: int = 0
    by: str = ""
    key: str = ""
    """Request key; unique in the journal where not empty."""
    waits_for: str = ""
    """`requester`, a role, `person` or `time`."""
    outcome: Outcome | None = None
    reason: str = ""
    attention: bool = False
    """A closed run that still needs a person: an unresolved write, a contradiction."""
    questions: int = 0
    steps: int = 0
    nusd: int = 0
    parent: str = ""
    mode: str = "live"
    contract: str = ""
    tree: str = ""
    """Of a fork or a child: the run whose tree it belongs to."""
    children: int = 0
    """Runs that it opened."""
    doubts: tuple[str, ...] = ()
    """Tools of which it is not known whether a write happened."""
    apart: str = ""
    """Of a run in a world of its own, as a trial is: nobody else takes it up."""
    holds: tuple[Hold, ...] = ()
    """What it holds of what runs share. What ended by its time stays in for `KEPT`: a batch that was decided before may come yet."""
    wants: str = ""
    """The name of which it waits for a part."""
    tags: dict[str, str] = field(default_factory=dict)


class Take(Struct, frozen=True, gc=False):
    """A condition of a batch: with what its row holds of `name`, all runs together hold no more than `top` of it."""

    name: str
    top: int
    at: int = 0
    """As of when: the `at` of the batch's entries, so that what they say holds by their own times; 0: the journal's clock."""


class Append(Struct, frozen=True, gc=False, kw_only=True):
    """A batch of lines for one run: all of them or none."""

    run: str
    expected: int
    """Head seq the batch was made at; 0: the run must not exist."""
    lines: Sequence[tuple[bytes, bytes]]
    """Stored bytes and chain digest, from seq `expected` + 1."""
    row: Row
    durable: bool = False
    blobs: Sequence[tuple[str, bytes]] = ()
    """Bodies named by these lines, in the same transaction. A ref already there keeps its bytes."""
    secret: tuple[str, bytes] | None = None
    """(tree, secret) of a new run tree."""
    claims: Sequence[str] = ()
    """Names this run takes if nobody has them: of effects that it made."""
    needs: Sequence[str] = ()
    """Names this run must have, and takes: of effects that it says it made. Another run's are refused with `Claimed`."""
    holding: bool = False
    """Whether the row's `holds` are others than before; where not, the store need not look at them."""
    takes: Sequence[Take] = ()
    """Conditions on what is held, looked at in the transaction; see `Take` and `Full`."""
    heeds: Sequence[tuple[str, int]] = ()
    """(other run, its head seq): the batch stands only while each of them has come no further. See `Moved`."""
    erase: tuple[str, ...] = ()
    """Blobs to delete for good."""
    forget: str = ""
    """The run tree whose secret is to be destroyed."""


class Committed(Struct, frozen=True, gc=False):
    """The batch is in; `position` is that of its last line in the feed."""

    position: int


class Moved(Struct, frozen=True, gc=False):
    """The run's head is not where the batch expected it, or that of a run it heeds; nothing of the batch was written."""

    head: int
    run: str = ""
    """The run that was to be heeded; empty: the batch's own."""


class KeyTaken(Struct, frozen=True, gc=False):
    """The request key of a new run belongs to run `run`; nothing was written."""

    run: str


class Claimed(Struct, frozen=True, gc=False):
    """A name that the batch needs belongs to run `run`; nothing was written."""

    name: str
    run: str


class Full(Struct, frozen=True, gc=False):
    """There is not so much left of `name` as the batch takes; nothing of the batch was written."""

    name: str
    used: int
    """What other runs hold of it."""


Appended: TypeAlias = Committed | Moved | KeyTaken | Claimed | Full


class FeedLine(Struct, frozen=True, gc=False):
    """One durable line in the order of all runs together."""

    position: int
    run: str
    seq: int
    data: bytes
    digest: bytes


class Where(Struct, frozen=True, gc=False, kw_only=True):
    """Which rows to find; empty fields ask nothing. Newest first."""

    status: Status | None = None
    outcome: Outcome | None = None
    agent: str = ""
    key: str = ""
    waits_for: str = ""
    attention: bool | None = None
    questions: bool | None = None
    """True: with open questions only."""
    parent: str | None = None
    before: tuple[int, str] | None = None
    """(opened, run) of the last row of the page before."""
    limit: int = 100


Listener: TypeAlias = Callable[[str, int], None]
"""Told (run, head seq) after a commit, in the event loop's thread."""


class Journal(Protocol):
    """A store of journals. Methods raise the JournalError that fits; see `holdfast.errors`."""

    url: str

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch now; await the answer.

        Batches of one run queued one after another are tried in that order, and may expect each other's lines. A conflict
        of one batch never fails another's.
        """
        ...

    async def read(self, run: str, after: int = 0, *, durable: bool = False) -> list[tuple[bytes, bytes]]:
        """Committed (bytes, digest) lines of a run after seq `after`, in order; empty for an unknown run.

        durable: only those that are on the disk for good. Whoever does not drive the run is shown no others.
        """
        ...

    async def feed(self, after: int = 0, limit: int = 1000) -> list[FeedLine]:
        """Durable lines of all runs after a position, in feed order."""
        ...

    def watermark(self) -> int:
        """Position up to which everything is durable."""
        ...

    async def row(self, run: str) -> Row | None:
        """The index row of a run."""
        ...

    async def due(self, now: int, limit: int = 100) -> list[Row]:
        """Rows of runs that are not closed and due at `now`, longest due first."""
        ...

    async def find(self, where: Where) -> list[Row]:
        """Rows that fit, newest first."""
        ...

    async def held(self, names: Iterable[str], *, but: str = "") -> Mapping[str, Held]:
        """What runs hold of each of these names now, committed or not yet durable; without the run `but`. All names are in it."""
        ...

    async def wanting(self, name: str, limit: int = 100) -> list[Row]:
        """Rows of the runs that are not closed and wait for a part of a name, the one opened first before the others."""
        ...

    async def blob(self, ref: str) -> bytes | None:
        """A stored body; None where there is none, or none any more."""
        ...

    async def blobs(self, refs: Iterable[str]) -> Mapping[str, bytes]:
        """Stored bodies by their refs, without those that are not there; for whoever reads many."""
        ...

    async def secret(self, tree: str) -> bytes | None:
        """The secret of a run tree; None once it was destroyed."""
        ...

    async def reindex(self, rows: Iterable[Row]) -> None:
        """Replace the index. For rebuilding it from the lines only."""
        ...

    async def runs(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Names of all runs, in the order of their names, for whoever reads everything."""
        ...

    def now(self) -> int:
        """The journal's clock, µs since 1970."""
        ...

    def epoch(self) -> int:
        """Raised by every restore; see `recovered`."""
        ...

    async def recovered(self) -> int:
        """Say that this journal was restored from a backup: raises the epoch, and gives it."""
        ...

    def alive(self, worker: str) -> bool | None:
        """Whether a worker incarnation still lives; None where this store cannot tell."""
        ...

    def enlist(self, worker: str) -> None:
        """Say that this process is worker incarnation `worker`, until it ends."""
        ...

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Be told of commits, by whatever process; call what comes back to stop."""
        ...

    async def close(self) -> None:
        """Finish what is queued, make it durable, and let go."""
        ...
