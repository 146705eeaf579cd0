"""Checking journals and exports against their checkpoints and anchors, and proving that a run stands in one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice

from holdfast.errors import JournalDamaged, UsageError
from holdfast.journal.port import Journal, Where
from holdfast.shell.anchors import Anchor
from holdfast.shell.durable import PAGE, pages, seals
from holdfast.views.checkpoint import AUDIT, Checkpoint, Proof, Sealed, read, text_of
from holdfast.views.export import Exported, Header
from holdfast.views.merkle import Frontier, inclusion_ranges, leaf, leaf_hash
from holdfast.views.note import Key
from holdfast.views.tampering import Verdict
from holdfast.views.verify import Walk


async def copies(anchors: Sequence[Anchor]) -> dict[str, list[str]]:
    """What the anchors hold, by their names. Raises AnchorError for one that cannot be read."""
    return {anchor.name: await anchor.notes() for anchor in anchors}


async def verify_journal(
    journal: Journal, keys: Sequence[Key] = (), anchors: Sequence[Anchor] = (), *, since: int = 0
) -> Verdict:
    """Check a journal as far as it is durable: all of it, or from checkpoint `since` on.

    What is there is checked against itself, against what was signed, and against the copies that the anchors hold.
    Raises UsageError for a `since` that is no checkpoint, AnchorError for an anchor that cannot be read.
    """
    held = await copies(anchors)
    walk = Walk(await seals(journal, since), keys, since=since)
    until = journal.watermark()
    async for page in pages(journal, walk.position, until):
        for run, seq in walk.strangers(page).items():
            lines = await journal.read(run, seq - 1)
            if lines:
                walk.know(run, seq, lines[0][1])
        walk.take(page)
    index = None if since else await _lengths(journal, walk)
    return walk.finish(anchors=held, index=index, watermark=until)


async def _lengths(journal: Journal, walk: Walk) -> dict[str, int]:
    """How many durable entries each run must have by the index: what it says, less those not yet on the disk for good."""
    found: dict[str, int] = {}
    async for run, seq in _index(journal):
        have = walk.head(run)
        # Committed and not yet durable, or become so meanwhile: not missing, and not to be looked at.
        later = len(await journal.read(run, have)) if have < seq else 0
        found[run] = seq - later
    return found


async def _index(journal: Journal) -> AsyncIterator[tuple[str, int]]:
    where = Where(limit=PAGE)
    while rows := await journal.find(where):
        for row in rows:
            yield row.run, row.seq
        where = Where(limit=PAGE, before=(rows[-1].opened, rows[-1].run))


def verify_export(
    header: Header,
    seals: Mapping[int, Sealed | None],
    entries: Iterable[Exported],
    keys: Sequence[Key] = (),
    anchors: Mapping[str, Sequence[str]] | None = None,
) -> Verdict:
    """Check an export, as `shell.export.reading` gives it. A line that is no entry ends the check, as a finding."""
    walk = Walk(seals, keys)
    stream = iter(entries)
    try:
        while page := list(islice(stream, PAGE)):
            walk.take(page)
    except JournalDamaged as error:
        walk.unreadable(error.what)
    return walk.finish(anchors=anchors, watermark=header.position)


async def prove(journal: Journal, run: str, number: int = 0) -> Proof:
    """That a run stands in the journal as it was signed: for its last entry under checkpoint `number`, or the last one.

    Raises UsageError where there is no such checkpoint, or it covers nothing of the run; JournalDamaged where the journal
    does not have the root that was signed.
    """
    taken = await seals(journal, number)
    wanted = number or max(taken, default=0)
    sealed = taken.get(wanted)
    if sealed is None:
        raise UsageError("there is no such checkpoint", hint="`holdfast checkpoint` takes one")
    signed = read(text_of(sealed.note))
    found = await _last_covered(journal, run, signed)
    if found is None:
        raise UsageError(
            f"checkpoint {wanted} covers nothing of the run", run=run, hint="take another: `holdfast checkpoint`"
        )
    seq, digest, index = found
    path = await _path(journal, index, signed)
    proof = Proof(run, seq, digest, index, path, sealed.note)
    if not proof.holds(signed):
        raise JournalDamaged(
            "the entries are not those that were signed", run=AUDIT, seq=wanted, hint="holdfast verify"
        )
    return proof


async def _last_covered(journal: Journal, run: str, signed: Checkpoint) -> tuple[int, bytes, int] | None:
    """Seq, digest and leaf of the last entry of a run that a checkpoint covers."""
    found, index = None, 0
    async for page in pages(journal, 0, signed.position):
        for line in page:
            if line.run == run:
                found = line.seq, line.digest, index
            index += 1
    return found


async def _path(journal: Journal, index: int, signed: Checkpoint) -> tuple[bytes, ...]:
    """The roots that prove a leaf, each made while its leaves pass by."""
    ranges = inclusion_ranges(index, signed.size)
    made = {one: Frontier() for one in ranges}
    at = 0
    async for page in pages(journal, 0, signed.position):
        hashes = [leaf_hash(leaf(line.run, line.seq, line.digest)) for line in page]
        for (low, high), tree in made.items():
            tree.extend(hashes[max(low - at, 0) : max(high - at, 0)])
        at += len(hashes)
    return tuple(made[one].root() for one in ranges)
