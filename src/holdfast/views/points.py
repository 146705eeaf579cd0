"""The checkpoints of a journal, opened and compared with each other and with the copies that others keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from holdfast.codec import GENESIS
from holdfast.views.checkpoint import AUDIT, Checkpoint, Sealed, digest, opened, read, text_of
from holdfast.views.note import Key, NoteError, NoteForged, NoteResigned, NoteStranger, parse
from holdfast.views.tampering import Finding, Findings, Kind


class Point(Struct, frozen=True):
    """A checkpoint of the run `audit`."""

    number: int
    checkpoint: Checkpoint
    digest: bytes
    sealed: Sealed


def points(
    seals: Mapping[int, Sealed | None], keys: Sequence[Key], findings: Findings, *, since: int = 0
) -> tuple[Point, ...]:
    """The checkpoints that can be read, in their order, from number `since` on. What is wrong with one is a finding.

    seals: what stands in each entry of the run `audit`, by seq; None for an entry that is no checkpoint.
    """
    found: list[Point] = []
    for number in sorted(number for number in seals if number >= since):
        point = _point(number, seals[number], keys, findings)
        if point is not None:
            problem = _out_of_line(point, found[-1] if found else None, since)
            if problem:
                findings.add(Finding("resigned", problem, AUDIT, number, checkpoint=number))
            found.append(point)
    return tuple(found)


def _point(number: int, sealed: Sealed | None, keys: Sequence[Key], findings: Findings) -> Point | None:
    if sealed is None:
        text = f"entry {number} of the run {AUDIT} is no checkpoint"
        findings.add(Finding("malformed", text, AUDIT, number, checkpoint=number))
        return None
    try:
        if keys:
            opened(sealed.note, keys)
    except NoteError as error:
        kind: Kind = "forged" if isinstance(error, NoteForged | NoteResigned | NoteStranger) else "malformed"
        findings.add(Finding(kind, f"checkpoint {number}: {error.what}", AUDIT, number, checkpoint=number))
    try:
        parse(sealed.note)
        text = text_of(sealed.note)
        return Point(number, read(text), digest(text), sealed)
    except NoteError as error:
        if not keys:
            findings.add(Finding("malformed", f"checkpoint {number}: {error.what}", AUDIT, number, checkpoint=number))
        return None


def _out_of_line(point: Point, before: Point | None, since: int) -> str:
    """What keeps a checkpoint from following the one before; empty where nothing does."""
    number, this = point.number, point.checkpoint
    if this.number != number:
        return f"entry {number} of the run {AUDIT} holds a checkpoint that calls itself number {this.number}"
    if before is None:
        first = not since and number == 1
        return (
            f"checkpoint {number} names one before it, and is the first" if first and this.previous != GENESIS else ""
        )
    if this.previous != before.digest:
        return f"checkpoint {number} does not name the checkpoint that stands before it: one of the two was signed anew"
    if this.origin != before.checkpoint.origin:
        return f"checkpoint {number} is of {this.origin}, and the one before it of {before.checkpoint.origin}"
    if this.size <= before.checkpoint.size or this.position <= before.checkpoint.position:
        return f"checkpoint {number} covers no more than the one before it"
    return ""


def compare(
    name: str, notes: Sequence[str], found: Sequence[Point], keys: Sequence[Key], findings: Findings, *, since: int = 0
) -> int:
    """Compare the checkpoints with the copies that anchor `name` keeps; the number of the last one both hold, or 0."""
    here = {point.number: point for point in found}
    held = 0
    for place, note in enumerate(notes, 1):
        try:
            if keys:
                opened(note, keys)
            parse(note)
            there = read(text_of(note))
        except NoteError as error:
            text = f"the anchor {name}: what it holds as note {place} is no checkpoint: {error.what}"
            findings.add(Finding("forged", text, checkpoint=0, anchor=name))
            continue
        number = there.number
        if number < since:
            continue
        if number not in here:
            text = f"the anchor {name} holds checkpoint {number}, of {there.size} entries, and the journal does not"
            kind: Kind = "truncated" if number > max(here, default=0) else "removed"
            findings.add(Finding(kind, text, AUDIT, number, checkpoint=number, anchor=name))
        elif digest(text_of(note)) != here[number].digest:
            text = f"checkpoint {number} is not the one that the anchor {name} holds: both are signed, and one was made later"
            findings.add(Finding("resigned", text, AUDIT, number, checkpoint=number, anchor=name))
        else:
            held = max(held, number)
    return held
