"""What makes two journals the same (SEMANTICS rule 40): the one function that says so.

Left out are clocks, workers, durations, digests and keys. Facts between two decision batches are ordered by what they
answer: which of two parallel calls returned first says nothing about the run. An attempt that was lost because its worker
died, and the attempt that took its place, count as one: otherwise no resumed run could ever be the same as one that was
never interrupted. Places (seqs) are numbered anew accordingly, wherever an entry names one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from holdfast.codec import canonical, value_of
from holdfast.events import (
    DECISIONS,
    AnyEvent,
    CallFailed,
    CallStarted,
    Entry,
    Json,
    ModelAsked,
    ModelFailed,
    RunOpened,
    Stored,
    Unknown,
)

PASSING: Final = frozenset({
    "at", "until", "worker", "took", "digest", "rolling", "key", "keyed_until", "retry_at", "again_at", "contract_digest", "input_digest",
    "epoch", "versions", "reserved", "unsettled", "max_output", "tree",
})  # fmt: skip
"""Fields that differ between two runs that are the same. Reservations too: a lost attempt stays charged."""

_PLACES: Final = frozenset({"call", "ask", "question", "heard", "base", "serves"})
_LISTS_OF_PLACES: Final = frozenset({"evidence", "unresolved", "seqs"})
_NAMED_PLACE: Final = re.compile(r"^(said|trusted|untrusted):(\d+)$")


def essence(entries: Sequence[Entry]) -> list[bytes]:
    """One comparable line for each entry that counts, in a settled order."""
    merged = _without_lost(entries)
    ordered, numbers = _settle(merged)
    for dropped, kept in merged.instead.items():
        numbers[dropped] = numbers.get(kept, 0)
    return [_line(entry, numbers, merged) for entry in ordered]


def same(one: Sequence[Entry], other: Sequence[Entry]) -> bool:
    """Whether two journals are the same."""
    return essence(one) == essence(other)


class _Merged:
    """Entries without lost attempts, and what stands for what was left out."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.instead: dict[int, int] = {}
        self.added: dict[int, list[tuple[int, int]]] = {}
        """Segments that a request which took a lost one's place had on top."""
        self.fewer: dict[int, int] = {}
        """Attempts of a call that were lost."""


def _without_lost(entries: Sequence[Entry]) -> _Merged:
    merged = _Merged()
    lost_ask = 0
    lost_start: dict[int, int] = {}
    started: dict[int, int] = {}
    for entry in entries:
        match entry.event:
            case ModelFailed(error="lost", ask=ask):
                lost_ask = merged.instead.get(ask, ask)
                merged.instead[entry.seq] = lost_ask
            case CallFailed(error="lost", call=call):
                lost_start[call] = started[call]
                merged.instead[entry.seq] = started[call]
                merged.fewer[call] = merged.fewer.get(call, 0) + 1
            case ModelAsked() if lost_ask:
                kept, lost_ask = lost_ask, 0
                merged.instead[entry.seq] = kept
                merged.added.setdefault(kept, []).extend(entry.event.add)
            case CallStarted(call=call) if call in lost_start:
                merged.instead[entry.seq] = lost_start.pop(call)
            case _:
                merged.entries.append(entry)
                if isinstance(entry.event, CallStarted):
                    started[entry.event.call] = entry.seq
    return merged


def _settle(merged: _Merged) -> tuple[list[Entry], dict[int, int]]:
    """The entries in a settled order, and the number each gets."""
    ordered: list[Entry] = []
    facts: list[Entry] = []
    for entry in merged.entries:
        if type(entry.event) in DECISIONS:
            ordered += sorted(facts, key=_rank)
            facts.clear()
            ordered.append(entry)
        else:
            facts.append(entry)
    ordered += sorted(facts, key=_rank)
    return ordered, {entry.seq: at for at, entry in enumerate(ordered, 1)}


def _rank(entry: Entry) -> tuple[int, int, int]:
    event = entry.event
    place = getattr(event, "call", 0) or getattr(event, "ask", 0)
    return (int(place), int(getattr(event, "attempt", 0)), 0 if place else entry.seq)


def _line(entry: Entry, numbers: dict[int, int], merged: _Merged) -> bytes:
    event = entry.event
    if isinstance(event, Unknown):
        return event.raw
    fields: dict[str, Json] = msgspec.to_builtins(event)
    if isinstance(event, ModelAsked):
        fields["add"] = [*fields.get("add", ()), *merged.added.get(entry.seq, ())]
        fields["attempt"] = 0
    elif fields.get("attempt"):
        lost = merged.fewer.get(int(fields.get("call", 0)), 0)
        fields["attempt"] = max(fields["attempt"] - lost, 1)
    if isinstance(event, RunOpened):
        fields.pop("contract", None)
    kept = {name: _placed(name, value, numbers) for name, value in fields.items() if name not in PASSING}
    return _unnamed(canonical(kept), event)


def _unnamed(line: bytes, event: AnyEvent) -> bytes:
    """A line with the files in it named by their places: their digests are keyed, and so differ between two journals."""
    for at, body in enumerate(getattr(event, "files", ()), 1):
        value = value_of(body) if not isinstance(body, Stored) else None
        if isinstance(value, dict) and value.get("digest"):
            line = line.replace(str(value["digest"]).encode(), b"file %d" % at)
    return line


def _placed(name: str, value: Json, numbers: dict[int, int]) -> Json:
    """A field with the places it names numbered anew, and bodies by their values wherever they are kept."""
    if name in _PLACES and isinstance(value, int):
        return numbers.get(value, value)
    if name in _LISTS_OF_PLACES:
        return [numbers.get(seq, seq) for seq in value]
    if name == "add":
        return [[numbers.get(seq, seq), part] for seq, part in value]
    if name == "sources":
        return {path: _named(origin, numbers) for path, origin in value.items()}
    return _bodiless(value)


def _named(origin: str, numbers: dict[int, int]) -> str:
    found = _NAMED_PLACE.match(origin)
    return f"{found[1]}:{numbers.get(int(found[2]), int(found[2]))}" if found else origin


def _bodiless(value: Json) -> Json:
    if isinstance(value, dict) and "body" in value:
        return {"value": value["value"]} if "value" in value else {"ref": value["ref"]}
    if isinstance(value, list | tuple):
        return [_bodiless(item) for item in value]
    return value


def differences(one: Iterable[bytes], other: Iterable[bytes]) -> list[tuple[int, bytes, bytes]]:
    """The places at which two essences differ, for showing."""
    left, right = list(one), list(other)
    longest = max(len(left), len(right))
    left += [b""] * (longest - len(left))
    right += [b""] * (longest - len(right))
    return [(at, a, b) for at, (a, b) in enumerate(zip(left, right, strict=True), 1) if a != b]
