"""The book of one run: its entries as this process knows them, and how more get in.

State is advanced only by what was decoded from stored bytes, in the process that wrote them too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from holdfast import codec
from holdfast.codec import GENESIS, chain
from holdfast.core import shares
from holdfast.core.decide import UNCLEAR
from holdfast.core.fold import fold
from holdfast.core.fork import carried_out
from holdfast.core.log import Log
from holdfast.core.pending import Outlook, outlook
from holdfast.core.state import State
from holdfast.errors import Bug, NotAllowed, UsageError
from holdfast.events import (
    DURABLE,
    AnyEvent,
    BodiesErased,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallStarted,
    Entry,
    PlaceTaken,
    RunOpened,
    Unknown,
)
from holdfast.journal.port import KEPT, Append, Appended, Committed, Journal, Row, Take
from holdfast.shell import bodies
from holdfast.shell.cipher import Cipher
from holdfast.shell.redact import Redactor
from holdfast.views.access import BESIDE

MAX_ENTRIES: Final = 10_000
"""Entries a run may have; a longer one wants splitting into child runs."""


NAMING: Final = (CallReturned, CallLookedUp, CallReturnedLate)
"""What may carry the other system's name for an effect."""


TAKING: Final = (CallStarted, PlaceTaken)
"""What may take a share of what many runs share."""


class Page:
    """Entries made ready to be appended together, after the last one its book knows, with the state after them."""

    __slots__ = (
        "at", "blobs", "book", "claims", "durable", "entries", "head", "lines", "needs", "start", "state", "takes", "writes",
    )  # fmt: skip

    def __init__(self, book: Book, at: int) -> None:
        self.book = book
        self.at = at
        self.state = book.state
        self.head = book.head
        self.start = book.state.seq if book.state is not None else 0
        """Seq of the entry it goes on from."""
        self.lines: list[tuple[bytes, bytes]] = []
        self.entries: list[Entry] = []
        """What those lines read as, bodies loaded."""
        self.blobs: list[tuple[str, bytes]] = []
        self.durable = False
        self.writes = False
        """Whether a write begins with it, so that it must not get in over a stop."""
        self.takes: list[Take] = []
        self.claims: list[str] = []
        self.needs: list[str] = []
        """Names of effects: see `effect_name`."""

    @property
    def known(self) -> State:
        """The state after its entries. Raises Bug where there is none yet."""
        if self.state is None:
            raise Bug("nothing was written", run=self.book.run)
        return self.state

    def add(self, event: AnyEvent, cause: int, actor: str, foreseen: State | None = None) -> State:
        """One more entry: encode, chain, decode again, fold. Nothing is appended yet.

        foreseen: the state after it, where it was drawn up already; taken only if what is stored reads as the very same event.
        """
        book, state = self.book, self.state
        clean = book.redactor.event(event)
        seq, at = (1, self.at) if state is None else (state.seq + 1, max(self.at, state.at))
        if seq > MAX_ENTRIES:
            raise UsageError(
                f"a run may have {MAX_ENTRIES} entries",
                run=book.run,
                seq=seq,
                hint="give it less to do, or child runs",
            )
        data, stored = book.encode(Entry(book.run, seq, at, cause, book.redactor.text(actor)[0], clean), state)
        digest = chain(self.head, data)
        back = codec.decode(data, self.head, digest)
        if isinstance(back.event, Unknown):
            raise Bug(f"a {type(event).__name__} was written that cannot be read", run=book.run, seq=seq)
        if stored or (not book.secret and bodies.is_stored(back)):
            back = bodies.filled(back, dict(stored), book.cipher)
            self.blobs += stored
        same = foreseen is not None and foreseen.seq == seq and back.event == event
        state = foreseen if foreseen is not None and same else fold(state, back)
        self.state, self.head = state, digest
        self.lines.append((data, digest))
        self.entries.append(back)
        promised = _promised(event, state)
        self.durable = self.durable or promised
        if isinstance(event, TAKING):
            self.writes = self.writes or (promised and isinstance(event, CallStarted))
            self.takes += [
                Take(share.name, share.top, back.at) for share in event.shares if share.top or not share.amount
            ]
        if name := effect_name(event, state):
            (self.needs if isinstance(event, CallLookedUp) else self.claims).append(name)
        return state


class Book:
    """One run's entries, folded as far as they were read."""

    def __init__(
        self,
        journal: Journal,
        run: str,
        redactor: Redactor | None = None,
        *,
        keeps: bool = False,
        opened: Callable[[Book], None] | None = None,
    ) -> None:
        self.journal = journal
        self.run = run
        self.redactor = redactor or Redactor()
        self._opened = opened
        """Told once the first entry of the run got in through this book."""
        self.entries: Log[Entry] | None = Log() if keeps else None
        """What the state was folded from, bodies loaded, for whoever looks at all of it; None: it is not kept."""
        self.let_go: Counter[str] = Counter()
        """Names of which this process appended that a part is free again → how much of it."""
        self.state: State | None = None
        self.head = GENESIS
        self.cipher = Cipher(b"")
        self.expecting = 0
        """Seq up to which this process has appended, or is appending."""

    def copy(self) -> Book:
        """Another book at the same place; states are immutable, so the two share what they know."""
        other = Book(self.journal, self.run, self.redactor)
        other.state, other.head, other.cipher, other.expecting = self.state, self.head, self.cipher, self.expecting
        other.entries = self.entries
        return other

    @property
    def secret(self) -> bytes:
        """The secret of the run's tree; empty where it is not known, or was destroyed."""
        return self.cipher.secret

    @secret.setter
    def secret(self, secret: bytes) -> None:
        self.cipher = Cipher(secret)

    @property
    def known(self) -> State:
        """The state. Raises UsageError for a run that does not exist."""
        if self.state is None:
            raise UsageError(
                "there is no such run in this journal", run=self.run, hint="holdfast show lists the runs there are"
            )
        return self.state

    async def refresh(self) -> State | None:
        """Read what was appended since, and fold it. Raises JournalDamaged where the chain does not hold."""
        if self.run in BESIDE:
            raise UsageError(f"{self.run} holds what is said of the whole journal, and is no run of an agent")
        seq = self.state.seq if self.state is not None else 0
        state, head = self.state, self.head
        kept = bodies.Kept(self.journal, self.run, self.cipher)
        read: list[Entry] = []
        for entry in codec.entries(self.run, await self.journal.read(self.run, seq), head, seq):
            read.append(await kept.load(entry))
            state, head = fold(state, read[-1]), entry.digest
        self._goes_on(state, head, read)
        if not self.secret and state is not None:
            self.secret = await self.journal.secret(state.opened.tree or self.run) or b""
        return state

    def page(self, at: int) -> Page:
        """An empty page, for entries of one moment."""
        return Page(self, at)

    def encode(self, entry: Entry, before: State | None) -> tuple[bytes, list[tuple[str, bytes]]]:
        """The stored bytes of an entry, and the bodies that are kept beside it. before: what is known of the run without it."""
        event = entry.event
        assert not isinstance(event, Unknown)
        personal = self._personal(event, before)
        data = b"" if personal or isinstance(event, RunOpened) else codec.encode(entry)
        if 0 < len(data) <= bodies.INLINE_BYTES:
            return data, []
        kept, stored = bodies.store(event, self.cipher, personal=personal)
        if personal:
            kept, words = bodies.set_aside(kept)
            if words and self.secret:  # words about somebody who was erased are not kept: see `bodies.store`
                ref = codec.keyed(self.secret, bodies.ASIDE, words)
                stored = [*stored, (ref, self.cipher.encrypted(ref, words))]
                entry = msgspec.structs.replace(entry, aside=ref)
        if kept is event:
            return data or codec.encode(entry), []
        return codec.encode(msgspec.structs.replace(entry, event=kept)), stored

    def _personal(self, event: AnyEvent, before: State | None) -> bool:
        """Bodies of a run that is about somebody are kept beside the chain, encrypted, so that they can be erased."""
        opened = event if isinstance(event, RunOpened) else before.opened if before is not None else None
        return opened is not None and bool(opened.on_behalf_of)

    async def erase(self, by: str, basis: str) -> BodiesErased:
        """Destroy every body of a closed run and the secret of its tree, for good; the chain goes on verifying.

        What is erased is not read: the entry that says so is made from what will be left, so a body that does not open keeps
        nobody from erasing it. Raises NotAllowed for an open run.
        """
        state: State | None = None
        head, found = GENESIS, set[str]()
        for entry in codec.entries(self.run, await self.journal.read(self.run)):
            found |= bodies.own_refs(entry)
            state, head = fold(state, await bodies.load(entry, self._shared)), entry.digest
        self.state, self.head, self.entries = state, head, None
        state = self.known
        if state.closed is None:
            raise NotAllowed("an open run cannot be erased", run=self.run, hint="cancel it first")
        refs = tuple(sorted(found))
        event = BodiesErased(by, basis, refs)
        page = self.page(self.journal.now())
        after = page.add(event, 0, by)
        answer = await self.journal.append(Append(
            run=self.run, expected=state.seq, lines=page.lines, row=row_of(after, outlook(after)), durable=True,
            erase=refs, forget=state.opened.tree or self.run, holding=True,
        ))  # fmt: skip
        if not isinstance(answer, Committed):
            return await self.erase(by, basis)
        self.state, self.head = after, page.head
        return event

    async def _shared(self, ref: str) -> bytes | None:
        """A body that is not this run's alone, and stays."""
        return await self.journal.blob(ref) if ref.startswith(bodies.CONTRACT) else None

    async def append(
        self,
        page: Page,
        outlook: Outlook,
        *,
        secret: tuple[str, bytes] | None = None,
        heeds: Sequence[tuple[str, int]] = (),
    ) -> Appended:
        """Append a page that goes on from this book's head; the book follows if it got in. heeds: see `Append`."""
        before, after = self.state, page.known
        self.expecting = after.seq
        holding = (before is not None and before.holds is not after.holds) or (before is None and bool(after.holds))
        answer = await self.journal.append(Append(
            run=self.run, expected=page.start, lines=page.lines, row=row_of(after, outlook), durable=page.durable, blobs=page.blobs,
            secret=secret, claims=page.claims, needs=page.needs, holding=holding, takes=page.takes, heeds=heeds,
        ))  # fmt: skip
        if isinstance(answer, Committed):
            if holding and before is not None:
                self.let_go.update(shares.let_go(before, after))
            self._goes_on(after, page.head, page.entries)
            if not page.start and self._opened is not None:
                self._opened(self)
        return answer

    def _goes_on(self, state: State | None, head: bytes, entries: Sequence[Entry]) -> None:
        self.state, self.head = state, head
        if self.entries is not None and entries:
            self.entries = self.entries.plus(*entries)


def effect_name(event: AnyEvent, state: State) -> str:
    """The name under which an effect over there is one call's alone, in the whole journal; empty where there is none.

    Runs in a world of their own, as trials are, have the names of that world to themselves: it counts its effects from one. A
    hash, so that an index of names says nothing of what they name.
    """
    if not isinstance(event, NAMING) or not event.effect_id:
        return ""
    call = state.calls.get(event.call)
    if call is None:
        return ""
    world = [state.opened.apart] if state.opened.apart else []
    return f"effect:{codec.public_digest([*world, call.tool, event.effect_id])[:32]}"


def _promised(event: AnyEvent, state: State) -> bool:
    """Whether somebody outside will act on this entry, so that it has to be on the disk first."""
    if isinstance(event, CallStarted):
        call = state.calls.get(event.call)
        return call is not None and call.effect == "write" and carried_out(state.opened, call.tool)
    return type(event) in DURABLE


def _doubts(state: State) -> tuple[str, ...]:
    writes = [call for call in state.calls.values() if call.effect == "write"]
    if not writes:
        return ()
    return tuple(sorted({call.tool for call in writes if call.status in UNCLEAR or call.seq in state.unresolved}))


def row_of(state: State, outlook: Outlook) -> Row:
    """The index row of a run in this state."""
    closed = state.closed
    opened = state.opened
    return Row(
        run=state.run,
        seq=state.seq,
        agent=opened.agent,
        status=outlook.status,
        due=outlook.due,
        opened=state.opened_at,
        at=state.at,
        by=opened.by,
        key=opened.key,
        waits_for=outlook.waits_for,
        outcome=closed.outcome if closed else None,
        reason=closed.reason[:200] if closed and not opened.on_behalf_of else "",
        attention=closed is not None and bool(state.unresolved or state.conflict),
        questions=len(state.questions),
        steps=state.spent.steps,
        nusd=state.spent.alone - state.inherited.alone,
        parent=opened.parent.run if opened.parent else "",
        mode=opened.mode,
        contract=state.contract_digest[:16],
        tree=opened.tree if opened.tree != state.run else "",
        children=state.spent.opened,
        apart=opened.apart,
        holds=shares.held(state, state.at - KEPT),
        wants=shares.wants(state),
        doubts=_doubts(state),
        tags=opened.tags,
    )
