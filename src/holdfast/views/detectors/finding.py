"""What a detector finds, and what it is given to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.codec import canonical
from holdfast.events import Entry, Json
from holdfast.views import words
from holdfast.views.account import grant
from holdfast.views.record import Call, Content, Trace, Turn
from holdfast.views.trace import trace

Grade: TypeAlias = Literal["E", "S"]
"""E, exact: what the rule says is so. S, suspect: it may be otherwise, and somebody has to look."""


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One failure that a rule found in a run."""

    number: int
    """Of the taxonomy, from 1 to 22."""
    name: str
    grade: Grade
    seqs: tuple[int, ...]
    """The entries that show it, in order."""
    sentence: str
    tool: str = ""
    error: str = ""
    """The class of the error, where one is at the root of it: what failing alike has in common."""


class Hit(Struct, frozen=True, omit_defaults=True):
    """What a rule says of a run, before it is known by which rule."""

    seqs: tuple[int, ...]
    sentence: str
    tool: str = ""
    error: str = ""


class Rule(Struct, frozen=True):
    """A detector."""

    number: int
    name: str
    grade: Grade
    hits: Callable[[Case], Iterator[Hit]]

    def findings(self, case: Case) -> Iterator[Finding]:
        """What it finds in a run."""
        for hit in self.hits(case):
            yield Finding(
                number=self.number,
                name=self.name,
                grade=self.grade,
                seqs=tuple(sorted(hit.seqs)),
                sentence=hit.sentence,
                tool=hit.tool,
                error=hit.error,
            )


class Case:
    """A run as detectors look at it: its entries, its trace, and the calls its model made."""

    def __init__(
        self, entries: Sequence[Entry], seen: Trace | None = None, below: Mapping[str, Sequence[Entry]] | None = None
    ) -> None:
        self.entries = entries
        self.seen = seen or trace(entries)
        self.below = below or {}
        """Run → entries, of those below it that are at hand."""
        self.evidence: dict[int, dict[str, Call]] = {}
        """Call → the readings it rests on, by tool, once they were looked for."""
        self.things: dict[int, frozenset[bytes]] = {}
        """Call → what it writes, once that was looked for."""

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Calls of the contract's tools that the model asked for, in asked order."""
        calls = (call for call in self.seen.calls.values() if not call.serves and call.effect != "builtin")
        return tuple(sorted(calls, key=lambda call: call.seq))

    @cached_property
    def children(self) -> dict[int, Case]:
        """Call → the run it opened, of those that are at hand."""
        mine = [call for call in self.calls if call.child in self.below and call.child != self.seen.run]
        return {call.seq: Case(self.below[call.child], None, self.below) for call in mine}

    @cached_property
    def acted_below(self) -> tuple[int, ...]:
        """The ends of children that did a write, or one below them did; of those not at hand, the ends that were a success."""
        return tuple(sorted(call.answered for call in self.calls if call.child and call.answered and self._acted(call)))

    def _acted(self, call: Call) -> bool:
        child = self.children.get(call.seq)
        return call.ok if child is None else bool(child.effects or child.acted_below)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The steps of the run."""
        return tuple(item for item in self.seen.items if isinstance(item, Turn))

    @cached_property
    def effects(self) -> tuple[Call, ...]:
        """Writes that were done, as far as anybody knows, in the order in which that became known."""
        return tuple(sorted((call for call in self.calls if is_effect(call)), key=lambda call: call.answered))

    @cached_property
    def stretches(self) -> list[list[Call]]:
        """The calls between one effect and the next."""
        found: list[list[Call]] = [[]]
        for call in self.calls:
            if is_effect(call):
                found.append([])
            else:
                found[-1].append(call)
        return found

    @cached_property
    def _alike(self) -> dict[bytes, list[Call]]:
        found: dict[bytes, list[Call]] = {}
        for call in self.calls:
            if call.ok and (name := key(call)) is not None:
                found.setdefault(name, []).append(call)
        return found

    def read_as(self, keys: frozenset[bytes]) -> list[Call]:
        """The calls that were carried out under one of these keys, in asked order."""
        return sorted((call for name in keys for call in self._alike.get(name, ())), key=lambda call: call.seq)

    @property
    def done(self) -> int:
        """The entry by which the run ended as done; 0 where it did not."""
        end = self.seen.end
        return end.seq if end is not None and end.outcome == "done" else 0

    def terms(self, tool: str) -> dict[str, Json]:
        """What the contract says about a tool."""
        return grant(self.seen, tool)

    def limit(self, name: str) -> int | None:
        """A ceiling of the contract in its own unit; None where there is none."""
        limits = self.seen.contract.get("limits", {}) if isinstance(self.seen.contract, dict) else {}
        top = limits.get(name)
        return top if isinstance(top, int) else None

    def acted(self, after: int) -> int:
        """The first entry after `after` in which a write was started that was done, or the run ended as done; 0 if none."""
        starts = [call.tried[-1].seq for call in self.effects if call.tried and call.tried[-1].seq > after]
        return min([*starts, *([self.done] if self.done > after else [])], default=0)


def is_effect(call: Call) -> bool:
    """Whether a call changed something outside, as far as anybody knows. A recorded write of a simulation does not."""
    return call.effect == "write" and call.ok and not refused_itself(call) and call.complete != "simulated"


def key(call: Call) -> bytes | None:
    """What makes two calls the same: the tool and its arguments, in canonical form. None where these were erased."""
    return None if call.args.erased else canonical([call.tool, call.args.value])


def outcome(call: Call) -> bytes | None:
    """What makes two calls come out the same; None where nobody can tell (any more)."""
    if not call.answered or (call.result is not None and call.result.erased):
        return None
    last = call.tried[-1].error if call.tried else ""
    value = call.result.value if call.result is not None else None
    return canonical([call.ending, value, call.told if call.ending != "answered" else "", last])


_SAYS_ERROR: Final = re.compile(r"\s*(?:\W*(?:error|exception|traceback)\b)", re.IGNORECASE)


def refused_itself(call: Call) -> bool:
    """Whether a tool returned a value that says it failed: a text beginning with "Error", or an object with an error."""
    value = call.result.value if call.result is not None else None
    if isinstance(value, str):
        return _SAYS_ERROR.match(value) is not None
    return isinstance(value, dict) and (bool(value.get("error")) or value.get("ok") is False)


def failed(call: Call) -> bool:
    """Whether a call was carried out and gave no result, or one that says that it failed."""
    if call.ending in ("given_up", "told", "absent") and call.tried:
        return True
    if call.ending == "ended" and call.delegated is not None:
        return call.delegated.outcome != "declined"  # that is an answer, within the other contract
    return call.ok and refused_itself(call)


_VARIES: Final = re.compile(r"[#'\"“”]?\b[\w.@#-]*\d[\w.@#-]*\b[\"'”]?")


def error_class(call: Call) -> str:
    """What a failure has in common with others of its kind: its message without numbers and names that have some."""
    last = call.tried[-1] if call.tried else None
    said: Json = call.result.value if call.result is not None else None
    if isinstance(said, dict):
        said = said.get("error")
    text = said if isinstance(said, str) and said else (f"{last.error}: {last.message}" if last else call.told)
    return " ".join(_VARIES.sub("…", text).split())[:80]


def called(call: Call) -> str:
    """A call in a sentence that has to say something else too."""
    return words.called(call, 60)


def leaf(value: Json, path: str) -> Json:
    """The value at a path into arguments, `to[0].name`; None where there is none."""
    for part in path.replace("[", ".[").split("."):
        if part.startswith("[") and isinstance(value, list):
            place = int(part[1:-1])
            value = value[place] if place < len(value) else None
        elif isinstance(value, dict):
            value = value.get(part)
        elif part:
            return None
    return value


def text_of(content: Content | None) -> str:
    """A body as a text; empty where there is none."""
    return "" if content is None or content.value is None else str(content.value)
