"""Whether a journal, or an export of one, is what was written: every chain, the tree, every checkpoint, every anchor.

    walk = Walk(seals, keys)         the checkpoints of the run `audit`, and the public keys that are trusted
    walk.take(lines)                 the durable feed, page by page
    verdict = walk.finish(...)       with the anchors' copies, and what the index says of each run

A line is checked in its run: its digest follows from the one before, its seq is the next, and the entry in it says the
same run and seq. Then its leaf goes into the tree, and where a checkpoint's position is passed, the tree must have the
size and root that were signed. After a checkpoint that does not fit, the walk goes on from the tree that its entry keeps
(if that gives the signed root), so that only the stretch that was changed is named, and not all that follows.

To check from a checkpoint on that was verified earlier, `since` is its number: nothing before it is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from holdfast import codec
from holdfast.codec import GENESIS
from holdfast.errors import JournalDamaged, JournalNewer, UsageError
from holdfast.events import SCHEMA, AnyEvent, Entry
from holdfast.views.access import BESIDE
from holdfast.views.beside import PLACES, names_bodies
from holdfast.views.checkpoint import AUDIT, Sealed
from holdfast.views.merkle import PAGE, Frontier
from holdfast.views.note import Key
from holdfast.views.points import compare, points
from holdfast.views.sealing import sealed_in
from holdfast.views.tampering import Finding, Findings, Kind, Verdict, ranges

NEVER: Final = 2**63
"""A position that no line has."""


class FedLine(Protocol):
    """A line of the durable feed, as the journal's port gives it."""

    @property
    def position(self) -> int:
        """Its place in the feed."""
        ...

    @property
    def run(self) -> str:
        """Its run."""
        ...

    @property
    def seq(self) -> int:
        """Its place in the run."""
        ...

    @property
    def data(self) -> bytes:
        """The stored bytes."""
        ...

    @property
    def digest(self) -> bytes:
        """The stored digest."""
        ...


class _Read(msgspec.Struct, frozen=True, gc=False):
    """An entry as `codec` has it, read in one go: what is stored in the schema of today and of a kind that is known."""

    v: int
    run: str
    seq: int
    at: int
    cause: int
    actor: str
    event: AnyEvent
    aside: str = ""


_read: Final = msgspec.json.Decoder(_Read).decode
"""A third faster than `codec.decode`, and as strict. What it refuses, and what another schema has, that one is to judge."""


def _as_bytes(stored: object) -> bytes:
    """What a store gives for a column that somebody wrote another type into; its chain says whether it is the same."""
    return stored if isinstance(stored, bytes) else str(stored).encode()


def _beginning(run: str) -> bytes:
    """How the leaves of a run begin, with what a leaf is hashed with; see `merkle`."""
    return f"\0{run}\n".encode()


def _entry(found: _Read | Entry) -> Entry:
    if isinstance(found, Entry):
        return found
    return Entry(found.run, found.seq, found.at, found.cause, found.actor, found.event, aside=found.aside)


class Walk:
    """One walk along a feed. `seals`: what stands in each entry of the run `audit`, by seq.

    Raises UsageError for a `since` from which it cannot go on.
    """

    def __init__(self, seals: Mapping[int, Sealed | None], keys: Sequence[Key] = (), *, since: int = 0) -> None:
        self._seals = seals
        self._keys = keys
        self._since = since
        self._findings = Findings()
        self._points = points(seals, keys, self._findings, since=since)
        self._numbers = {point.number: point for point in self._points}
        self._next = 0
        """Of `_points`, the one whose position comes next."""
        self._tree: Frontier | None = Frontier()
        self._leaves: list[bytes] = []
        self._heads: dict[str, tuple[bytes, int, bytes]] = {}
        """Run → digest and seq of its last entry, and how the leaves of its entries begin."""
        self._last = self._from = 0
        """Position of the last line, and of where the stretch under the next checkpoint begins."""
        self._size = self._under = self._own = 0
        """Leaves under the last checkpoint, lines that were checked when it was passed, and checkpoints since."""
        self._named = 0
        """Entries that are missing in this stretch, and whose run and seq are known."""
        self._gaps: list[tuple[int, int]] = []
        """Positions that no line of this stretch has."""
        self._entries = self._newer = self._good = self._latest = 0
        if since:
            self._begin(since)

    def _begin(self, since: int) -> None:
        first = self._points[0] if self._points else None
        tree = first.sealed.tree(first.checkpoint) if first is not None and first.number == since else None
        if first is None or tree is None:
            raise UsageError(f"there is no checkpoint {since} to go on from", hint="verify from the beginning")
        self._tree, self._next = tree, 1
        self._last = self._from = first.checkpoint.position
        self._size = first.checkpoint.size

    @property
    def position(self) -> int:
        """The last position that was checked: the feed is to be read from after it."""
        return self._last

    @property
    def entries(self) -> int:
        """How many entries were checked."""
        return self._entries

    def strangers(self, lines: Iterable[FedLine]) -> dict[str, int]:
        """Runs that a walk from a checkpoint on meets in the middle: run → seq of the entry whose digest it needs."""
        if not self._since:
            return {}
        met: dict[str, int] = {}
        for line in lines:
            if line.run not in self._heads and line.run not in met:
                met[line.run] = line.seq - 1
        return {run: seq for run, seq in met.items() if seq > 0}

    def know(self, run: str, seq: int, digest: bytes) -> None:
        """The digest of an entry from before the walk began."""
        self._heads[run] = digest, seq, _beginning(run)

    def head(self, run: str) -> int:
        """The last seq of a run that was met; 0: none."""
        return self._heads[run][1] if run in self._heads else 0

    def unreadable(self, what: str) -> None:
        """Say that the lines break off here, at one that is none."""
        self._findings.add(Finding("unreadable", f"after position {self._last}: {what}"))

    def take(self, lines: Iterable[FedLine]) -> list[Entry]:
        """Check the lines that come next in the feed. Gives the entries among them that name bodies kept beside the chain."""
        # A million times around: what is as it should be is seen here, without a call; `_look` says what is not.
        heads, leaves, naming, count = self._heads, self._leaves, list[Entry](), self._entries
        border, last, read = self._border(), self._last, _read
        for line in lines:
            position, run, seq, data, digest = line.position, line.run, line.seq, line.data, line.digest
            if position != last + 1 or position > border:
                self._last, self._entries = last, count
                border = self._step(position, run, seq)
            prev, before, beginning = heads.get(run) or (GENESIS, 0, _beginning(run))
            fits = seq == before + 1 and data.__class__ is bytes and sha256(prev + data).digest() == digest
            found: _Read | Entry | None = None
            if fits and run != AUDIT:
                try:
                    one = read(data)
                    found = one if one.seq == seq and one.run == run and one.v == SCHEMA else None
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    pass
            if found is None:
                data, digest = _as_bytes(data), _as_bytes(digest)
                found = self._look(position, run, seq, data, digest, prev, before)
            if found is not None and (found.aside or (found.event.__class__ in PLACES and names_bodies(found.event))):
                naming.append(_entry(found))
            heads[run] = digest, seq, beginning
            if border != NEVER:  # with no checkpoint to come, nobody asks for the tree
                leaves.append(sha256(beginning + b"%d\n" % seq + digest).digest())
                if len(leaves) >= PAGE:
                    self._grow()
            last = position
            count += 1
        self._last, self._entries = last, count
        return naming

    def _look(
        self, position: int, run: str, seq: int, data: bytes, digest: bytes, prev: bytes, before: int
    ) -> Entry | None:
        """Say what there is to say of a line that is not simply the next one; gives the entry in it, if there is any."""
        changed = seq == before + 1 and sha256(prev + data).digest() != digest
        if changed:
            self._say("changed", "the stored bytes are not what the chain says was written", run, seq)
        elif seq != before + 1:
            self._gap(run, before, seq)
        try:
            entry = codec.decode(data)
        except JournalNewer:
            self._newer += not changed
            return None
        except (JournalDamaged, msgspec.MsgspecError, LookupError, ValueError, RecursionError) as error:
            if not changed:
                self._say("unreadable", f"it cannot be read: {error}", run, seq)
            return None
        if not changed:
            if entry.run != run or entry.seq != seq:
                self._say("misplaced", f"here stands entry {entry.seq} of run {entry.run}", run, seq)
            elif run == AUDIT:
                self._audit(entry, position)
        return entry

    def _border(self) -> int:
        return self._points[self._next].checkpoint.position if self._next < len(self._points) else NEVER

    def _grow(self) -> None:
        if self._tree is not None:
            self._tree.extend(self._leaves)
        self._leaves.clear()

    def _say(self, kind: Kind, text: str, run: str, seq: int, count: int = 0) -> None:
        self._findings.add(Finding(kind, f"run {run}, entry {seq}: {text}", run, seq, count))

    def _step(self, position: int, run: str, seq: int) -> int:
        """A line that does not simply come next: positions are missing, or those of checkpoints are passed.

        Gives the position of the next checkpoint.
        """
        last = self._last
        if position <= last:
            self._say("misplaced", f"position {position} of the feed comes after position {last}", run, seq)
        while position > (border := self._border()):
            if border > last:
                self._gaps.append((last + 1, border))
                last = border
            self._close()
        if position > last + 1:
            self._gaps.append((last + 1, position - 1))
        return border

    def _gap(self, run: str, before: int, seq: int) -> None:
        missing = seq - before - 1
        if missing <= 0:
            return self._say("misplaced", f"it comes after entry {before}", run, seq)
        self._named += missing
        what = f"entry {before + 1} is" if missing == 1 else f"entries {before + 1} to {seq - 1} are"
        self._findings.add(Finding("removed", f"run {run}: {what} missing", run, before + 1, missing))
        return None

    def _audit(self, entry: Entry, position: int) -> None:
        """An entry of the run `audit` holds the checkpoint that was given for it, and covers what came before it."""
        self._own += 1
        sealed = sealed_in(entry.event)
        if sealed != self._seals.get(entry.seq):
            self._say("rewritten", "it does not hold the checkpoint that is known by its number", AUDIT, entry.seq)
        point = self._numbers.get(entry.seq)
        if point is not None and point.checkpoint.position >= position:
            self._say(
                "misplaced", f"a checkpoint of position {point.checkpoint.position} stands before it", AUDIT, entry.seq
            )

    # ------------------------------------------------------------------------------------------------- checkpoints

    def _close(self) -> None:
        """Compare the tree with the checkpoint whose position was passed, and begin the next stretch."""
        self._grow()
        point = self._points[self._next]
        signed, tree = point.checkpoint, self._tree
        if tree is None or (tree.size, tree.root()) != (signed.size, signed.root):
            if tree is not None:
                self._differs(point.number, signed.size - self._size)
            self._tree = point.sealed.tree(signed)
        else:
            self._good += 1
            self._latest = point.number
        self._next += 1
        self._size, self._from = signed.size, signed.position
        self._under = self._entries
        self._named = self._own = 0
        self._gaps = []

    def _differs(self, number: int, signed: int) -> None:
        """The entries under a checkpoint are not those that were signed."""
        missing = signed - (self._entries - self._under)
        stretch = f"after position {self._from} and up to position {self._points[self._next].checkpoint.position}"
        if missing > self._named:
            lost = missing - self._named
            exact = sum(high - low + 1 for low, high in self._gaps) == missing
            where = f"positions {ranges(self._gaps)}" if exact else stretch
            text = (
                f"checkpoint {number}: {missing} entries that it covers are not there ({where}), and no run that is left"
                f" misses {lost} of them: a whole run was removed, or the end of one"
            )
            self._findings.add(Finding("removed_run", text, count=lost, checkpoint=number))
        elif missing > 0:
            text = f"checkpoint {number}: {missing} entries that it covers are not there ({stretch})"
            self._findings.add(Finding("removed", text, count=missing, checkpoint=number))
        else:
            more = f", and {-missing} more than that" if missing else ""
            text = f"checkpoint {number}: the entries {stretch} are not those that were signed{more}"
            self._findings.add(Finding("rewritten", text, checkpoint=number))

    def finish(
        self,
        *,
        anchors: Mapping[str, Sequence[str]] | None = None,
        index: Mapping[str, int] | None = None,
        watermark: int = 0,
    ) -> Verdict:
        """Say what was found. To be called once, at the end of the feed.

        anchors: the notes that each anchor holds. index: entries that each run must have. watermark: the position up to
        which the feed must go.
        """
        while self._border() <= self._last:
            self._close()
        self._grow()
        self._cut(watermark)
        listed = self._missing(index or {}) if not self._since else 0
        self._bare(listed)
        held = 0
        for name, notes in (anchors or {}).items():
            held = max(held, compare(name, notes, self._points, self._keys, self._findings, since=self._since))
        return Verdict(
            entries=self._entries,
            runs=len(self._heads.keys() - BESIDE),
            checkpoints=self._good,
            last=self._latest,
            signed=bool(self._keys),
            anchored=held,
            since=self._since,
            position=self._last,
            uncovered=self._entries - self._under - self._own,
            newer=self._newer,
            findings=tuple(self._findings.listed),
            more=self._findings.more,
        )

    def _cut(self, watermark: int) -> None:
        for point in self._points[self._next :]:
            covered = point.checkpoint.position
            text = f"the entries end at position {self._last}, and checkpoint {point.number} covers position {covered}"
            self._findings.add(Finding("truncated", text, checkpoint=point.number))
            return
        if watermark > self._last:
            text = f"the entries end at position {self._last}, and there were {watermark}"
            self._findings.add(Finding("truncated", text))

    def _bare(self, listed: int) -> None:
        """Positions of the feed that nothing stands at, after the last checkpoint. listed: entries the index misses."""
        lost = sum(high - low + 1 for low, high in self._gaps) - self._named - listed
        if lost > 0:
            text = (
                f"positions {ranges(self._gaps)}: nothing stands there, and no run that is left misses {lost} of them"
            )
            self._findings.add(Finding("removed_run", text, count=lost))

    def _missing(self, index: Mapping[str, int]) -> int:
        """Entries that the index knows and the feed does not have; how many."""
        lost = 0
        for run, length in index.items():
            have = self.head(run)
            if have == 0 < length:
                text = f"run {run}: all of its {length} entries are missing"
                self._findings.add(Finding("removed_run", text, run, 1, length))
            elif have < length:
                text = f"run {run}: it ends at entry {have}, and had {length}"
                self._findings.add(Finding("removed_run", text, run, have + 1, length - have))
            lost += max(length - have, 0)
        for run in self._heads if index else ():
            if run not in index:
                self._findings.add(Finding("unlisted", f"run {run}: the index does not know it", run))
        return lost
