"""What checking a journal found, in words and by place."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

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
    "body_changed",
    "body_missing",
    "unlisted",
]
"""The stored bytes are not those that were chained. Entries of a run are missing. A whole run is, or a run's end. What a
checkpoint covers is not what was signed. The end is missing. A line stands where it does not belong. An entry cannot be
read. A signature is not by a known key. Rightly signed, and at odds with a checkpoint that is known from elsewhere or came
before. What should be a checkpoint is none. A body that is kept beside the chain is another one, or gone without a word
of its being erased. The index does not know a run."""

WORDS: Final[dict[Kind, tuple[str, str]]] = {
    "changed": ("changed", "keep a copy of the journal, and take that entry from a backup or an export"),
    "removed": ("removed", "keep a copy of the journal, and look for what is missing in a backup or an export"),
    "removed_run": ("removed", "keep a copy of the journal, and look for what is missing in a backup or an export"),
    "rewritten": ("rewritten", "compare these entries with a backup or an export: somebody chained them anew"),
    "truncated": ("cut off", "look for the end in a backup; no run is to go on before it is found"),
    "misplaced": ("misplaced", "compare this place with a backup or an export"),
    "unreadable": ("unreadable", "take that entry from a backup or an export"),
    "forged": ("forged", "ask whoever holds the key which keys signed; believe nothing that only this one covers"),
    "resigned": (
        "signed anew",
        "believe the copy that is kept elsewhere, and replace the key: somebody else may have it",
    ),
    "malformed": (
        "no checkpoint",
        "find out who wrote to the journal; the entries it should cover are not proven by it",
    ),
    "body_changed": ("changed", "keep a copy of the journal, and take the body from a backup"),
    "body_missing": ("removed", "keep a copy of the journal, and look for the body in a backup"),
    "unlisted": ("not in the index", "its entries are whole; the index is to be rebuilt from them"),
}
"""Kind → what it is in a word or two, and what to do next."""


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

    @property
    def next(self) -> str:
        """What to do about it."""
        return WORDS[self.kind][1]

    @property
    def sentence(self) -> str:
        """What it is, where, and what to do next."""
        return f"{WORDS[self.kind][0]}: {self.text}; {self.next}"


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was checked, and what was found."""

    entries: int
    runs: int
    """Of agents: the run `audit` is none of them."""
    checkpoints: int
    """Those that agree with the entries they cover."""
    last: int = 0
    """The number of the last of them."""
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
    """Entries of runs after the last checkpoint: these could be changed or cut off unseen."""
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
