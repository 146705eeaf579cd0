"""Recorded runs of several agents, of which somebody said by hand where the mistake is.

A pack of this form holds sets `<stem>.jsonl.gz`: a run a line, with its messages in order and a label. How a recorder
marks requests and thoughts is read here from the role of a message; nothing here knows a particular run or set.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from holdfast.views.blame import Kind, Spoken
from real.figures import Figure, Sheet, whole
from real.packs import Pack
from real.traces import stems


class Truth(msgspec.Struct, frozen=True):
    """Who made the mistake, and at which message, from 0."""

    agent: str
    step: int


class Heard(msgspec.Struct, frozen=True):
    """A recorded run, as turns."""

    id: str
    turns: tuple[Spoken, ...]
    truth: Truth
    voices: int
    """Names, or roles where there are no names, in which somebody speaks: the pack's own count of agents."""

    @property
    def tuning(self) -> bool:
        """Whether weights may be set on it: all of the published half of runs. Every other run is unseen."""
        return _first_byte(f"whowhen:{self.id}") < 128


def _first_byte(text: str) -> int:
    return hashlib.sha256(text.encode()).digest()[0]


class _WireMessage(msgspec.Struct):
    agent: str
    role: str
    name: str | None = None
    content: str | None = None


class _WireRun(msgspec.Struct):
    id: str
    messages: list[_WireMessage]
    label: Truth


@cache
def heard(pack: Pack, stem: str) -> list[Heard]:
    """Read every run of a set. Raises DecodeError for one that is not of this form."""
    content = gzip.decompress((pack.folder / f"{stem}.jsonl.gz").read_bytes())
    wires = msgspec.json.Decoder(_WireRun).decode_lines(content)
    return [_heard(wire) for wire in wires]


def _heard(wire: _WireRun) -> Heard:
    voices = {message.name or message.role for message in wire.messages}
    return Heard(wire.id, tuple(_turn(message) for message in wire.messages), wire.label, len(voices))


def sets(pack: Pack) -> list[str]:
    """The names of a pack's sets."""
    return stems(pack)


def check_import_talks(pack: Pack) -> Iterator[Figure]:
    """Count what was read of each set. These runs are held as turns and as no journal: one has a single agent so far."""
    known = msgspec.json.decode((pack.folder / "baselines.json").read_bytes(), type=dict[str, dict[str, Any]])
    for stem in sets(pack):
        sheet, runs = Sheet("import", pack, stem), heard(pack, stem)
        lines = gzip.decompress((pack.folder / f"{stem}.jsonl.gz").read_bytes()).splitlines()
        spoken = [len(msgspec.json.decode(line)["messages"]) for line in lines]
        yield sheet.compare("runs", len(runs), whole(known.get(stem), "n"))
        yield sheet.compare("messages", sum(len(run.turns) for run in runs), sum(spoken))
        inside = sum(0 <= run.truth.step < len(run.turns) for run in runs)
        yield sheet.compare("labels that name a message", inside, len(lines))
        yield sheet.compare("dropped", len(lines) - len(runs), 0)


_ASKS = re.compile(r"\(\s*->")
_TO_ONESELF = re.compile(r"\(")
_REQUESTER = re.compile(r"human", re.IGNORECASE)
_MACHINE = re.compile(r"terminal", re.IGNORECASE)
_IDLE = re.compile(r"There is no code from the last \d+ messages? for me to execute")
"""The machine was handed the word and had nothing to run: no output, and no failure."""
_PAGE = re.compile(r"Address: .*\n(?:.*\n)?Viewport position: ")
"""A page of a browser, posted at the table as it is: what was found there, and no claim of whoever posted it."""


def _turn(wire: _WireMessage) -> Spoken:
    kind: Kind = "says"
    if _REQUESTER.fullmatch(wire.agent):
        kind = "given"
    elif _ASKS.search(wire.role):
        kind = "asks"
    elif _TO_ONESELF.search(wire.role):
        kind = "thinks"
    elif _MACHINE.search(wire.agent) and _IDLE.match(wire.content or ""):
        kind = "given"
    elif _MACHINE.search(wire.agent) or (wire.name and _PAGE.match(wire.content or "")):
        kind = "output"
    return Spoken(wire.agent, wire.content or "", kind)
