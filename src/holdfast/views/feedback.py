"""Feedback: everything people and rules made of a run, in one list: what was noted, and what follows from reviewers' acts.

    for note in notes(entries): ...

Somebody's `Noted` stands in the journal. A reviewer's amendment is a correction without anybody noting it: the arguments
as they were proposed, and as they should have been. So is an output that was edited, and a denial is a bad note with its
reason. These are derived here, from the entries they already are, and never written a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from holdfast.core.provenance import leaves
from holdfast.events import CallAsked, Entry, Json, Noted, RunClosed
from holdfast.views import words
from holdfast.views.record import Call, Content, Trace, content
from holdfast.views.sentence import Sentence
from holdfast.views.trace import trace

Kind: TypeAlias = Literal["good", "bad", "note", "correction", "finding"]
"""Said to be good, or bad; words; what it should have been; what a rule found."""

DONE = "done"
"""The call that states the output."""


class Change(Struct, frozen=True):
    """One leaf of a value that should have been another."""

    path: str
    was: Json
    should: Json


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was made of a run, or of a part of it."""

    kind: Kind
    seq: int
    """The entry that says it."""
    at: int
    by: str
    text: str = ""
    finding: str = ""
    """The name of what a rule found."""
    score: float | None = None
    evidence: tuple[int, ...] = ()
    """The entries it is about; none: the run."""
    call: int = 0
    """The call it is about; 0: none, or the output."""
    tool: str = ""
    changes: tuple[Change, ...] = ()
    correction: Json = None
    """What it should have been, whole."""
    derived: bool = False
    """Whether it follows from what a reviewer did."""


def notes(entries: Sequence[Entry], seen: Trace | None = None) -> tuple[Note, ...]:
    """All of a run, in the order they were said. Raises UsageError for entries that do not begin one."""
    seen = seen or trace(entries)
    found = [*_recorded(entries, seen), *_amended(seen), *_denied(seen)]
    return tuple(sorted(found, key=lambda note: note.seq))


def _recorded(entries: Sequence[Entry], seen: Trace) -> Iterator[Note]:
    for entry in entries:
        event = entry.event
        if not isinstance(event, Noted):
            continue
        call = next((call for seq in event.evidence if (call := call_of(seen, seq)) is not None), None)
        should = content(event.correction)
        kind: Kind = "finding"
        if event.finding in ("good", "bad", "note"):
            kind = event.finding  # type: ignore[assignment]  # one of the three
        yield Note(
            kind="correction" if should is not None and kind == "note" else kind,
            seq=entry.seq,
            at=entry.at,
            by=event.by,
            text=event.note,
            finding=event.finding if kind == "finding" else "",
            score=event.score,
            evidence=event.evidence,
            call=call.seq if call is not None else 0,
            tool=call.tool if call is not None else "",
            changes=changes(_stood(entries, seen, event), should) if should is not None else (),
            correction=should.value if should is not None else None,
        )


def call_of(seen: Trace, seq: int) -> Call | None:
    """The call that an entry belongs to: its proposal, a judgement, a question, an attempt, its answer."""
    for call in seen.calls.values():
        spoken = {call.seq, call.answered, *call.questions, *(one.seq for one in call.judged)}
        spoken |= (
            {one.seq for one in call.amended} | {one.seq for one in call.looked} | {one.seq for one in call.rulings}
        )
        if seq in spoken | {place for one in call.tried for place in (one.seq, one.ended)}:
            return call
    return None


def _stood(entries: Sequence[Entry], seen: Trace, event: Noted) -> Content:
    """What a correction is to: the arguments of the call it is about, or the output."""
    for seq in event.evidence:
        about = entries[seq - 1].event if 0 < seq <= len(entries) else None
        if isinstance(about, CallAsked) and seq in seen.calls:
            return seen.calls[seq].args
        if isinstance(about, RunClosed):
            return content(about.output) or Content()
    return Content()


def _amended(seen: Trace) -> Iterator[Note]:
    for call in seen.calls.values():
        for one in call.amended:
            yield Note(
                kind="correction",
                seq=one.seq,
                at=one.at,
                by=one.by,
                evidence=(call.seq,),
                call=call.seq,
                tool=call.tool,
                changes=changes(one.before, one.args),
                correction=one.args.value,
                derived=True,
            )


def _denied(seen: Trace) -> Iterator[Note]:
    for question in seen.questions.values():
        call = seen.calls.get(question.call)
        for voice in question.voices:
            if voice.verdict == "deny":
                yield Note(
                    kind="bad",
                    seq=voice.seq,
                    at=voice.at,
                    by=voice.by,
                    text=voice.text,
                    evidence=(question.call,) if question.call else (),
                    call=question.call,
                    tool=call.tool if call is not None else "",
                    derived=True,
                )


def changes(was: Content, should: Content) -> tuple[Change, ...]:
    """The leaves in which two values differ, in the order of their paths."""
    old, new = dict(leaves(was.value)), dict(leaves(should.value))
    paths = [*old, *(path for path in new if path not in old)]
    return tuple(Change(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path))


def sentences(found: Sequence[Note], seen: Trace) -> tuple[Sentence, ...]:
    """Each note as a sentence, with the entries that show it."""
    return tuple(Sentence(_sentence(note, seen), tuple(sorted({*note.evidence, note.seq}))) for note in found)


def _sentence(note: Note, seen: Trace) -> str:
    call = seen.calls.get(note.call)
    what = _what(call, note)
    score = f" ({note.score:g})" if note.score is not None else ""
    reason = f": {words.shortened(note.text, 200)}" if note.text else ""
    should = _should(note)
    match note.kind:
        case "good" | "bad":
            verb = f"{note.by} denied {what}" if note.derived else f"{note.by} found {what} {note.kind}"
            return f"{verb}{score}{reason}{'; ' + should if should else ''}."
        case "correction":
            what = what if call is None or call.tool == DONE else f"the call of {words.plain(call.tool)}"
            return f"{note.by} corrected {what}: {should or 'nothing differs'}{reason and f' ({note.text})'}."
        case "note":
            return f"{note.by} said of {what}{score}{reason}."
    return f"{note.by} found {note.finding} in {what}{score}{reason}."


def _what(call: Call | None, note: Note) -> str:
    if call is not None:
        return "the output" if call.tool == DONE else words.called(call, 60)
    if note.correction is not None:
        return "the output"
    return "the run" if not note.evidence else f"entry {words.listed([str(seq) for seq in note.evidence])}"


def _should(note: Note) -> str:
    parts = [
        f"{one.path} should be {words.value(one.should, 60)}, not {words.value(one.was, 60)}" for one in note.changes
    ]
    return words.listed(parts)
