"""What checking a journal found, in words and by place."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Kind: TypeAlias = Literal[
    "changed",
    "removed",
    "removed_run",
    "rewritten",
    "truncated",
    "misplaced",
    "unreadable",
    "forged",
    "resigned",
    "malformed",
]
"""The stored bytes are not those that were chained. Entries of a run are missing. A whole run is, or a run's end. What a
checkpoint covers is not what was signed. The end is missing. A line stands where it does not belong. An entry cannot be
read. A signature is not by a known key. Rightly signed, and at odds with a checkpoint that is known from elsewhere or came
before. What should be a checkpoint is none."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that is not as it was written."""

    kind: Kind
    text: str
    """A sentence for people; names all that follows."""
    run: str = ""
    seq: int = 0
    count: int = 0
    """Entries that are missing."""
    checkpoint: int = 0
    """Its number."""
    anchor: str = ""


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was checked, and what was found."""

    entries: int
    runs: int
    checkpoints: int
    """Those that agree with the entries they cover."""
    signed: bool
    """Whether signatures were checked: a key was given."""
    anchored: int = 0
    """The number of the last checkpoint that an anchor holds too; 0: none. Whoever has the key could have written anew
    all that comes after it."""
    since: int = 0
    """The checkpoint from which on was checked; 0: from the beginning."""
    position: int = 0
    """Of the last entry in the feed."""
    uncovered: int = 0
    """Entries after the last checkpoint: these could be cut off unseen."""
    newer: int = 0
    """Entries of a later schema, whose chain was checked and whose contents were not."""
    findings: tuple[Finding, ...] = ()
    more: int = 0
    """Findings beyond those listed."""

    @property
    def good(self) -> bool:
        """Whether everything is what was written, as far as this can tell."""
        return not self.findings


MOST = 200
"""Findings that are listed."""


class Findings:
    """Findings as they come; so many, and the count of the others."""

    def __init__(self) -> None:
        self.listed: list[Finding] = []
        self.more = 0

    def add(self, finding: Finding) -> None:
        """One more."""
        if len(self.listed) < MOST:
            self.listed.append(finding)
        else:
            self.more += 1


def ranges(found: list[tuple[int, int]]) -> str:
    """Ranges of positions, both ends with them, as people write them: `3, 7–9`; the first few."""
    said = [str(low) if low == high else f"{low}–{high}" for low, high in found[:8]]
    return ", ".join(said) + (", …" if len(found) > 8 else "")
