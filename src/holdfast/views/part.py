"""Whether a part of a journal is what was written and signed: some runs, each with the proof that it stands in the tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdfast import codec
from holdfast.codec import GENESIS, chain
from holdfast.errors import JournalDamaged, JournalNewer
from holdfast.views import merkle
from holdfast.views.checkpoint import Sealed
from holdfast.views.export import Exported, Header, Placed
from holdfast.views.note import Key
from holdfast.views.points import Point, compare, points
from holdfast.views.tampering import Finding, Findings, Verdict


def check_part(
    header: Header,
    seals: Mapping[int, Sealed | None],
    entries: Iterable[Exported],
    keys: Sequence[Key] = (),
    anchors: Mapping[str, Sequence[str]] | None = None,
) -> Verdict:
    """Check every chain of a part, its checkpoint, and that each run stands under it as its proof says.

    A line that is no entry ends the check, as a finding.
    """
    findings = Findings()
    since = min(seals, default=0)
    found = points(seals, keys, findings, since=since)
    reading = _Reading(header.proofs, found[-1] if found else None, findings)
    try:
        for line in entries:
            reading.take(line)
    except JournalDamaged as error:
        findings.add(Finding("unreadable", f"after position {reading.position}: {error.what}"))
    proven = reading.finish()
    if reading.position < header.position:
        text = f"the entries end at position {reading.position}, and there were some up to {header.position}"
        findings.add(Finding("truncated", text))
    held = 0
    for name, notes in (anchors or {}).items():
        held = max(held, compare(name, [*_those(notes, found)], found, keys, findings, since=since))
    return Verdict(
        entries=reading.entries, runs=len(reading.heads), checkpoints=int(proven), signed=bool(keys), anchored=held,
        last=found[-1].number if proven else 0, position=reading.position, uncovered=reading.uncovered, newer=reading.newer,
        findings=tuple(findings.listed), more=findings.more,
    )  # fmt: skip


def _those(notes: Sequence[str], found: Sequence[Point]) -> Iterable[str]:
    """The notes of an anchor that speak of the checkpoint of a part; of the others a part holds nothing."""
    numbers = {f"number {point.number}" for point in found}
    return [note for note in notes if numbers & set(note.split("\n"))]


class _Reading:
    """The entries of a part as they come."""

    def __init__(self, proofs: Mapping[str, Placed], point: Point | None, findings: Findings) -> None:
        self.heads: dict[str, tuple[bytes, int]] = {}
        self.position = self.entries = self.uncovered = self.newer = 0
        self._proofs, self._point, self._findings = proofs, point, findings
        self._proven: set[str] = set()

    def take(self, line: Exported) -> None:
        """The next entry: it follows from the one before in its run, and is what it says it is."""
        run, seq = line.run, line.seq
        prev, before = self.heads.get(run) or (GENESIS, 0)
        if seq != before + 1:
            self._gap(run, before, seq)
        elif chain(prev, line.data) != line.digest:
            text = f"run {run}, entry {seq}: the bytes are not what the chain says was written"
            self._findings.add(Finding("changed", text, run, seq))
        else:
            self._read(line)
        placed = self._proofs.get(run)
        if placed is None or seq > placed.seq:
            self.uncovered += 1
        elif seq == placed.seq:
            self._prove(line, placed)
        self.heads[run] = line.digest, seq
        self.position = line.position
        self.entries += 1

    def _gap(self, run: str, before: int, seq: int) -> None:
        missing = seq - before - 1
        if missing > 0:
            what = f"entry {before + 1} is" if missing == 1 else f"entries {before + 1} to {seq - 1} are"
            self._findings.add(Finding("removed", f"run {run}: {what} missing", run, before + 1, missing))
        else:
            self._findings.add(Finding("misplaced", f"run {run}, entry {seq}: it comes after entry {before}", run, seq))

    def _read(self, line: Exported) -> None:
        run, seq = line.run, line.seq
        try:
            entry = codec.decode(line.data)
            if (entry.run, entry.seq) != (run, seq):
                text = f"run {run}, entry {seq}: here stands entry {entry.seq} of run {entry.run}"
                self._findings.add(Finding("misplaced", text, run, seq))
        except JournalNewer:
            self.newer += 1
        except (JournalDamaged, msgspec.MsgspecError, LookupError) as error:
            self._findings.add(Finding("unreadable", f"run {run}, entry {seq}: it cannot be read: {error}", run, seq))

    def _prove(self, line: Exported, placed: Placed) -> None:
        hashed = merkle.leaf_hash(merkle.leaf(line.run, line.seq, line.digest))
        signed = self._point.checkpoint if self._point is not None else None
        if signed and merkle.included(hashed, placed.index, signed.size, placed.path, signed.root):
            self._proven.add(line.run)
        else:
            text = f"run {line.run}, entry {line.seq}: it does not stand in the tree that was signed"
            self._findings.add(Finding("rewritten", text, line.run, line.seq))

    def finish(self) -> bool:
        """Say of which runs there is less than was proven; whether anything is proven at all."""
        for run, placed in self._proofs.items():
            have = self.heads[run][1] if run in self.heads else 0
            if have < placed.seq:
                text = f"run {run}: it ends at entry {have}, and entry {placed.seq} of it was to be proven"
                self._findings.add(Finding("removed_run", text, run, have + 1, placed.seq - have))
        return bool(self._proven)
