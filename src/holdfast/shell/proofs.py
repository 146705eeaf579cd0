"""Checking journals and exports against their checkpoints and anchors, and proving that a run stands in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Final

from holdfast.errors import JournalDamaged, UsageError
from holdfast.journal.port import Journal
from holdfast.journal.walk import rows
from holdfast.shell.anchors import Anchor
from holdfast.shell.body_check import BodyCheck
from holdfast.shell.durable import PAGE, pages, seals
from holdfast.views.checkpoint import AUDIT, Checkpoint, Proof, Sealed, read, text_of
from holdfast.views.export import Exported, Header
from holdfast.views.merkle import Nodes, inclusion_ranges, leaf, leaf_hash
from holdfast.views.note import Key
from holdfast.views.part import check_part
from holdfast.views.tampering import Verdict
from holdfast.views.verify import Walk

AT_ONCE: Final = 200
"""Lines of a feed that are read and checked at once. So few are read without a change of thread, and are still near the
processor when they are looked at; reading more of them ahead, in a thread, took longer in all."""


async def copies(anchors: Sequence[Anchor]) -> dict[str, list[str]]:
    """What the anchors hold, by their names. Raises AnchorError for one that cannot be read."""
    return {anchor.name: await anchor.notes() for anchor in anchors}


async def verify_journal(
    journal: Journal,
    keys: Sequence[Key] = (),
    anchors: Sequence[Anchor] = (),
    *,
    since: int = 0,
    bodies: BodyCheck | None = None,
    heard: Callable[[int], None] = lambda entries: None,
) -> Verdict:
    """Check a journal as far as it is durable: all of it, or from checkpoint `since` on.

    What is there is checked against itself, against what was signed, and against the copies that the anchors hold. What
    its entries name is given to `bodies`, which says on its own what it found.
    `heard` is told how many entries were checked so far.
    Raises UsageError for a `since` that is no checkpoint, AnchorError for an anchor that cannot be read.
    """
    held = await copies(anchors)
    walk = Walk(await seals(journal, since), keys, since=since)
    until = journal.watermark()
    while walk.position < until and (page := await journal.feed(walk.position, AT_ONCE)):
        if page[-1].position > until:
            page = [line for line in page if line.position <= until]
        for run, seq in walk.strangers(page).items():
            lines = await journal.read(run, seq - 1)
            if lines:
                walk.know(run, seq, lines[0][1])
        naming = walk.take(page)
        if bodies is not None and naming:
            await bodies.take(naming)
        heard(walk.entries)
    index = None if since else await _lengths(journal, walk)
    return walk.finish(anchors=held, index=index, watermark=until)


async def _lengths(journal: Journal, walk: Walk) -> dict[str, int]:
    """How many durable entries each run must have by the index: what it says, less those not yet on the disk for good."""
    found: dict[str, int] = {}
    async for row in rows(journal):
        have = walk.head(row.run)
        # Committed and not yet durable, or become so meanwhile: not missing, and not to be looked at.
        later = len(await journal.read(row.run, have)) if have < row.seq else 0
        found[row.run] = row.seq - later
    return found


def verify_export(
    header: Header,
    seals: Mapping[int, Sealed | None],
    entries: Iterable[Exported],
    keys: Sequence[Key] = (),
    anchors: Mapping[str, Sequence[str]] | None = None,
) -> Verdict:
    """Check an export, as `shell.export.reading` gives it. A line that is no entry ends the check, as a finding."""
    if header.part:
        return check_part(header, seals, entries, keys, anchors)
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
    number, sealed = await checkpoint_at(journal, number)
    proven = await places(journal, {run}, sealed, number)
    if run not in proven:
        raise UsageError(
            f"checkpoint {number} covers nothing of the run", run=run, hint="take another: `holdfast checkpoint`"
        )
    return proven[run]


async def checkpoint_at(journal: Journal, number: int = 0) -> tuple[int, Sealed]:
    """A checkpoint with its number: that one, or the last. Raises UsageError where there is none."""
    if not number:
        row = await journal.row(AUDIT)
        number = row.seq if row is not None else 0
    sealed = (await seals(journal, number)).get(number) if number else None
    if sealed is None:
        raise UsageError("there is no such checkpoint", hint="`holdfast checkpoint` takes one")
    return number, sealed


async def places(journal: Journal, runs: Set[str], sealed: Sealed, number: int) -> dict[str, Proof]:
    """For each of the runs of which a checkpoint covers something: where its last entry under it stands, proven.

    Raises JournalDamaged where the journal does not have the root that was signed.
    """
    signed = read(text_of(sealed.note))
    found = await _covered(journal, runs, signed)
    ranges = {run: inclusion_ranges(index, signed.size) for run, (_, _, index) in found.items() if index < signed.size}
    nodes = Nodes(one for wanted in ranges.values() for one in wanted)
    async for page in pages(journal, 0, signed.position):
        nodes.extend([leaf_hash(leaf(line.run, line.seq, line.digest)) for line in page])
    proven: dict[str, Proof] = {}
    for run, (seq, digest, index) in found.items():
        try:
            proof = Proof(run, seq, digest, index, nodes.roots(ranges[run]), sealed.note)
        except (KeyError, ValueError):
            proof = Proof(run, seq, digest, index, (), sealed.note)
        if not proof.holds(signed):
            raise JournalDamaged(
                "the entries are not those that were signed", run=AUDIT, seq=number, hint="holdfast verify --full"
            )
        proven[run] = proof
    return proven


async def _covered(journal: Journal, runs: Set[str], signed: Checkpoint) -> dict[str, tuple[int, bytes, int]]:
    """Run → seq, digest and leaf of its last entry that a checkpoint covers."""
    found, index = {}, 0
    async for page in pages(journal, 0, signed.position):
        for line in page:
            if line.run in runs:
                found[line.run] = line.seq, line.digest, index
            index += 1
    return found
