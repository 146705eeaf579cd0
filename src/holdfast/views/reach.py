"""What reached the model of a run: which results anyone may have written, and which data classes.

The label of a run is the join of the labels of everything its model was shown (`labels.join`); this says of each part
which it was, and from which step on the model had it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from msgspec import Struct

from holdfast.core import provenance
from holdfast.events import Label
from holdfast.labels import UNTRUSTED, join
from holdfast.views import words
from holdfast.views.record import Said, Trace, Turn
from holdfast.views.sentence import Sentence


class Part(Struct, frozen=True):
    """Something the model was shown."""

    seq: int
    what: str
    """A tool, whose result it was; or in words."""
    label: Label
    tool: bool = False


class Reach(Struct, frozen=True):
    """Everything the model was shown that has a label, in order."""

    parts: tuple[Part, ...]

    @property
    def label(self) -> Label:
        """The join of them all."""
        return join(part.label for part in self.parts)

    @property
    def untrusted(self) -> tuple[Part, ...]:
        """What anyone may have written."""
        return tuple(part for part in self.parts if not part.label.trusted)


FEW: Final = 4
"""Sources that are named one by one."""


def reach(seen: Trace) -> Reach:
    """What reached the model."""
    return Reach(tuple(sorted(_parts(seen), key=lambda part: part.seq)))


def _parts(seen: Trace) -> Iterator[Part]:
    takes = seen.contract.get("takes", {}) if isinstance(seen.contract, dict) else {}
    if provenance.untrusted_parts(seen.input.value, takes)[1] is not None:
        yield Part(1, "a part of the request", UNTRUSTED)
    if seen.attachments:
        yield Part(1, "what was attached to the request", UNTRUSTED)
    for item in seen.items:
        if isinstance(item, Said) and item.attachments:
            yield Part(item.seq, "what was attached to a message", UNTRUSTED)
    asked = [item for item in seen.items if isinstance(item, Turn)]
    for turn, _ in pairwise(asked):  # the results of a turn are shown with the next request
        for seq in turn.calls:
            call = seen.calls[seq]
            if call.ok and call.effect != "builtin":
                inner = [seen.calls[one].label for one in call.inner if seen.calls[one].cursor and seen.calls[one].ok]
                yield Part(call.answered, call.tool, join([call.label, *inner]), tool=True)


def sentences(seen: Trace) -> Iterator[Sentence]:
    """The same in sentences."""
    found = reach(seen)
    foreign = found.untrusted
    if foreign:
        tools = list(dict.fromkeys(part.what for part in foreign if part.tool))
        named = tools[:FEW] + ([f"{len(tools) - FEW} more tools"] if len(tools) > FEW else [])
        results = [f"the results of {words.listed(named)}"] if tools else []
        told = words.listed([*dict.fromkeys(part.what for part in foreign if not part.tool), *results])
        text = f"Of what the model was shown, anyone may have written {told}."
        yield Sentence(text, tuple(dict.fromkeys(part.seq for part in foreign)))
    elif len(found.parts):
        yield Sentence("Everything the model was shown came from sources that the contract trusts.")
    for name in found.label.classes:
        places = tuple(dict.fromkeys(part.seq for part in found.parts if name in part.label.classes))
        yield Sentence(f"Data of the class {name} reached the model.", places)


def in_a_line(seen: Trace) -> str:
    """The same in a few words, for the head of a trace; empty where the model was shown no result."""
    found = reach(seen)
    if not found.parts:
        return ""
    trust = (
        "the model read text that anyone may have written" if found.untrusted else "the model read trusted sources only"
    )
    first = f" (first: entry {found.untrusted[0].seq})" if found.untrusted else ""
    classes = f"; data classes: {', '.join(found.label.classes)}" if found.label.classes else ""
    return f"{trust}{first}{classes}"
