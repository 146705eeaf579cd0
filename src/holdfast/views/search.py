"""Searching the words of entries: what was asked and said, arguments, results, reasons, questions and notes.

    for found in places(entry, sought("lost parcel")): ...

All words have to stand in one text, in any order; words between double quotes stand together. Case, compatibility forms
and white space make no difference, as in conditions. Not searched: contracts and instructions, which all runs share,
what a provider keeps of its own answers, and what was erased.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.errors import UsageError
from holdfast.events import (
    AnyEvent,
    CallJudged,
    ContractAdopted,
    Entry,
    Erased,
    Inline,
    Label,
    Loaded,
    ModelAnswered,
    RunOpened,
    Stored,
    Unknown,
)
from holdfast.views.words import plain

AROUND: Final = 60
"""Characters shown before and after what was found."""

_OWN: Final = {
    "RunOpened": ("key", "by", "on_behalf_of"),
    "ModelFailed": ("message",), "OutputRejected": ("why",), "CallAsked": ("tool", "problem"), "PersonAsked": ("text",),
    "PersonAnswered": ("text", "by"), "CallReturned": ("missing", "effect_id"), "CallFailed": ("message",), "CallLookedUp": ("message",),
    "ChildClosed": ("why",), "DoubtRaised": ("why",), "CallSettled": ("text", "by"), "Contradiction": ("what",),
    "LimitReached": ("why",), "Paused": ("why", "by"),
    "CancelAsked": ("because", "by"), "BodiesErased": ("basis", "by"), "RunClosed": ("reason",), "Noted": ("finding", "note", "by"),
}  # fmt: skip
"""Fields that hold words, beside the bodies, by the kind of entry."""

_SKIPPED: Final = frozenset({"contract", "payload"})
"""Bodies that are not searched."""

_NAMES: Final = {
    "RunOpened": "asked", "Said": "said", "ModelAnswered": "the model", "CallAsked": "called", "CallReturned": "result",
    "CallReturnedLate": "late result", "CallLookedUp": "looked up", "CallJudged": "judged", "PersonAsked": "question",
    "PersonAnswered": "answer", "ProposalAmended": "amended", "RunClosed": "end", "Noted": "note", "OutputRejected": "rejected",
    "CallFailed": "failed", "ModelFailed": "model failed", "DoubtRaised": "doubt", "CallSettled": "settled",
    "ChildClosed": "answer", "CancelAsked": "cancel", "Paused": "stop", "LimitReached": "limit", "Contradiction": "contradiction",
    "BodiesErased": "erasure",
}  # fmt: skip


class Sought(Struct, frozen=True):
    """What is looked for: every one of these, in one text."""

    phrases: tuple[str, ...]


class Place(Struct, frozen=True):
    """A text in which it stands."""

    seq: int
    what: str
    before: str
    """What stands before the first phrase, shortened."""
    match: str
    after: str
    label: Label = Label()
    """Of what the entry says."""


def sought(text: str) -> Sought:
    """Words, and phrases between double quotes. Raises UsageError for none."""
    parts = [quoted or word for quoted, word in re.findall(r'"([^"]+)"|([^\s"]+)', text)]
    phrases = tuple(dict.fromkeys(folded for part in parts if (folded := " ".join(part.casefold().split()))))
    if not phrases:
        raise UsageError("there is nothing to look for", hint='give words: --text "lost parcel"')
    return Sought(phrases)


def places(entry: Entry, what: Sought) -> Iterator[Place]:
    """The texts of an entry in which all of it stands; one place for each."""
    event = entry.event
    if isinstance(event, Unknown):
        return
    for text in _texts(event):
        found = _found(text, what)
        if found is not None:
            yield Place(entry.seq, _NAMES.get(type(event).__name__, type(event).__name__), *found)


def _found(text: str, what: Sought) -> tuple[str, str, str] | None:
    folded = text.casefold()
    if any(phrase not in folded for phrase in what.phrases):
        # Only a text with other white space than single blanks is worth a second look.
        text = " ".join(text.split())
        folded = text.casefold()
        if any(phrase not in folded for phrase in what.phrases):
            return None
    if len(folded) != len(text):  # a letter became two; places in one are not places in the other
        text = folded
    begin, phrase = min((folded.find(phrase), phrase) for phrase in what.phrases)
    end = begin + len(phrase)
    before = ("…" if begin > AROUND else "") + text[max(begin - AROUND, 0) : begin]
    after = text[end : end + AROUND] + ("…" if len(text) > end + AROUND else "")
    return plain(before), plain(text[begin:end]), plain(after)


def _texts(event: AnyEvent) -> Iterator[str]:
    for name in _OWN.get(type(event).__name__, ()):
        if text := getattr(event, name):
            yield text
    match event:
        case ModelAnswered(calls=calls, finish="length"):  # those of any other answer stand in entries of their own
            yield from (wanted.args for wanted in calls)
        case CallJudged(rules=rules):
            yield from (fired.because for fired in rules)
    for body in bodies(event):
        if isinstance(body, Inline | Loaded):
            yield body.value if isinstance(body.value, str) else _unescaped(json.dumps(body.value, ensure_ascii=False))


def _unescaped(text: str) -> str:
    """JSON with its quotes and ends of lines as they are read."""
    return text.replace("\\n", " ").replace('\\"', '"')


def bodies(event: AnyEvent) -> Iterator[Any]:
    """The bodies of an event that are searched."""
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name in _SKIPPED and isinstance(event, RunOpened | ContractAdopted | ModelAnswered):
            continue
        for body in value if isinstance(value, tuple) else (value,):
            if isinstance(body, Inline | Loaded | Erased | Stored):
                yield body


def erased(entry: Entry) -> int:
    """Bodies of an entry that are gone, and so are not searched."""
    event = entry.event
    return 0 if isinstance(event, Unknown) else sum(isinstance(body, Erased) for body in bodies(event))


def renamed(place: Place, what: str) -> Place:
    """A place under another name."""
    return msgspec.structs.replace(place, what=what)


def labelled(place: Place, label: Label) -> Place:
    """A place with the label of what its entry says."""
    return msgspec.structs.replace(place, label=label)
