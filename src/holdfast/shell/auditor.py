"""Taking checkpoints: extend the tree by what has become durable, sign it, append it, and only then show it to anyone.

Append, then act, as everywhere: a checkpoint is appended to the run `audit` of the same journal, at the seq after the last
one and durably. Of two auditors one loses that append, and throws its checkpoint away unseen, so no two signed checkpoints
carry one number. Then the anchors are given what they lack, which after a crash may be more than this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from holdfast import codec
from holdfast.codec import GENESIS
from holdfast.errors import JournalDamaged
from holdfast.events import Entry
from holdfast.journal.port import Committed, Journal
from holdfast.shell import beside
from holdfast.shell.anchors import Anchor, AnchorError
from holdfast.shell.durable import pages, seals
from holdfast.views.checkpoint import AUDIT, Checkpoint, Sealed, digest, opened, read, seal, text_of
from holdfast.views.merkle import Frontier, leaf, leaf_hash
from holdfast.views.note import Key, NoteError, Signer
from holdfast.views.sealing import event_of, sealed_in

ACTOR: Final = "svc:auditor"


class Delivery(Struct, frozen=True):
    """What became of the checkpoints on their way to an anchor."""

    anchor: str
    count: int = 0
    """Checkpoints that were given to it."""
    why: str = ""
    """What kept it from having them all; the next checkpoint tries again."""


class Round(Struct, frozen=True):
    """What one round of the auditor did."""

    taken: Checkpoint | None = None
    """None where there was nothing new to cover, or another auditor was first."""
    lost: bool = False
    """Another auditor was first."""
    deliveries: tuple[Delivery, ...] = ()


class _Last(Struct, frozen=True):
    """The last checkpoint of a journal, and the entry it stands in."""

    checkpoint: Checkpoint
    sealed: Sealed
    tree: Frontier
    digest: bytes
    opened: int
    at: int


class Auditor:
    """Takes checkpoints of one journal. `keys`: further public keys that earlier checkpoints may be signed by."""

    def __init__(
        self, journal: Journal, signer: Signer, anchors: Sequence[Anchor] = (), *, keys: Sequence[Key] = ()
    ) -> None:
        self._journal = journal
        self._signer = signer
        self._anchors = anchors
        self._keys = (signer.key, *keys)

    async def checkpoint(self) -> Round:
        """Cover what has become durable since the last checkpoint, and level the anchors.

        A checkpoint is signed only on top of one that verifies and that the anchors agree with. Raises JournalDamaged
        where they do not: the journal was changed, or is a backup from before.
        """
        kept = await self._kept()  # before the journal is looked at: what an anchor holds was in the journal first
        last = await self._last()
        held = [await self._agrees(*one, last) if isinstance(one, tuple) else one for one in kept]
        made = await self._made(last)
        if made is None:
            return Round(deliveries=await self._level(held))
        answer = await self._append(made, last)
        if not isinstance(answer, Committed):
            return Round(lost=True)
        return Round(taken=read(text_of(made.note)), deliveries=await self._level(held))

    async def _last(self) -> _Last | None:
        row = await self._journal.row(AUDIT)
        after = row.seq - 1 if row is not None else 0
        lines = await self._journal.read(AUDIT, after, durable=True)
        if not lines:
            after, lines = 0, await self._journal.read(AUDIT, durable=True)
        if not lines:
            return None
        seq, (data, head) = after + len(lines), lines[-1]
        entry = codec.decode(data)
        sealed = sealed_in(entry.event)
        if sealed is None:
            raise JournalDamaged(f"an entry of the run {AUDIT} is no checkpoint", run=AUDIT, seq=seq)
        try:
            checkpoint = opened(sealed.note, self._keys)
        except NoteError as error:
            raise JournalDamaged(
                f"the last checkpoint does not hold: {error.what}",
                run=AUDIT, seq=seq, hint="--pub FILE names the keys that signed before this one; else holdfast verify --full",
            ) from error  # fmt: skip
        tree = sealed.tree(checkpoint)
        if tree is None or checkpoint.number != seq or checkpoint.position > self._journal.watermark():
            raise JournalDamaged(
                "the last checkpoint is not of this journal as it stands",
                run=AUDIT, seq=seq, hint="holdfast verify --full says what is missing",
            )  # fmt: skip
        return _Last(checkpoint, sealed, tree, head, row.opened if row else entry.at, entry.at)

    async def _made(self, last: _Last | None) -> Sealed | None:
        """The next checkpoint; None where nothing happened since the last but its own append."""
        tree = last.tree if last is not None else Frontier()
        after = position = last.checkpoint.position if last is not None else 0
        others = 0
        async for page in pages(self._journal, after, self._journal.watermark()):
            tree.extend([leaf_hash(leaf(line.run, line.seq, line.digest)) for line in page])
            others += sum(line.run != AUDIT for line in page)
            position = page[-1].position
        if not others:
            return None
        number = last.checkpoint.number + 1 if last is not None else 1
        return seal(self._signer, tree, number=number, position=position, before=last.sealed if last else None)

    async def _append(self, made: Sealed, last: _Last | None) -> object:
        seq = last.checkpoint.number + 1 if last is not None else 1
        at = max(self._journal.now(), last.at if last is not None else 0)
        entry = Entry(AUDIT, seq, at, seq - 1, ACTOR, event_of(made))
        head = last.digest if last is not None else GENESIS
        return await self._journal.append(beside.batch(entry, head, opened=last.opened if last else at))

    # ---------------------------------------------------------------------------------------------------- anchors

    async def _kept(self) -> list[tuple[str, str] | Delivery]:
        """Each anchor's name and the last note that it holds, empty for none; or why that cannot be known."""
        found: list[tuple[str, str] | Delivery] = []
        for anchor in self._anchors:
            try:
                found.append((anchor.name, await anchor.last()))
            except AnchorError as error:
                found.append(Delivery(anchor.name, why=error.what))
        return found

    async def _agrees(self, name: str, note: str, last: _Last | None) -> int:
        """The number of an anchor's last checkpoint, if the journal holds the same one. Raises JournalDamaged."""
        if not note:
            return 0
        try:
            there = opened(note, self._keys)
        except NoteError as error:
            raise JournalDamaged(
                f"what the anchor {name} holds last is no checkpoint of ours: {error.what}",
                hint="each journal needs an anchor of its own; --pub FILE names the keys that signed before this one",
            ) from error
        newest = last.checkpoint.number if last is not None else 0
        here = (await seals(self._journal, there.number)).get(there.number) if there.number <= newest else None
        if here is None or digest(text_of(here.note)) != digest(text_of(note)):
            raise JournalDamaged(
                f"the anchor {name} holds a checkpoint {there.number} that this journal does not",
                run=AUDIT, seq=there.number,
                hint="the journal was changed, or is a backup from before; holdfast verify --full, and an anchor of its own"
                " and another origin for a journal that was restored",
            )  # fmt: skip
        return there.number

    async def _level(self, held: Sequence[int | Delivery]) -> tuple[Delivery, ...]:
        """Give each anchor the checkpoints after the last that it holds."""
        done: list[Delivery] = []
        for anchor, before in zip(self._anchors, held, strict=True):
            if isinstance(before, Delivery):
                done.append(before)
                continue
            notes = [one.note for one in (await seals(self._journal, before + 1)).values() if one is not None]
            try:
                if notes:
                    await anchor.publish(notes)
                done.append(Delivery(anchor.name, len(notes)))
            except AnchorError as error:
                done.append(Delivery(anchor.name, why=error.what))
        return tuple(done)
