"""What a check of a journal or an export found, as JSON has it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from holdfast.cli import out
from holdfast.cli.audited import key_name
from holdfast.shell.body_check import BodyCheck
from holdfast.views.note import Key
from holdfast.views.tampering import Finding, Verdict


class Damage(Struct, frozen=True):
    """One thing that is not what was written."""

    kind: str
    run: str
    """Empty: of which run it is cannot be known."""
    seq: int
    """0: it is not known which."""
    what: str
    next: str
    """What to do about it."""
    sentence: str
    """All that, for people."""
    count: int = 0
    """Entries that are missing."""
    checkpoint: int = 0
    anchor: str = ""


class Report(Struct, kw_only=True):
    """What was checked, and what was found."""

    runs: int
    entries: int
    bodies: int
    erased: int
    """Bodies that an entry says were erased."""
    unkeyed: int
    """Bodies that cannot be checked, since the secret of their run is gone."""
    damaged: list[Damage]
    more: int = 0
    """Damage beyond what is listed."""
    took: int = 0
    checkpoints: int | None = None
    """Those that agree with the entries they cover; None: checkpoints were not looked at."""
    last: int = 0
    """The number of the last of them."""
    uncovered: int = 0
    """Entries of runs that no checkpoint covers."""
    keys: tuple[str, ...] = ()
    """Whose signatures were checked; none: none were."""
    anchors: tuple[str, ...] = ()
    """With whose copies the checkpoints were compared."""
    anchored: int = 0
    """The number of the last checkpoint that an anchor holds too."""
    since: int = 0
    newer: int = 0
    """Entries of a later schema, whose chain was checked and whose contents were not."""
    export: str = ""
    part: bool = False


def counting(noun: str) -> Callable[[int], None]:
    """Tell whoever watches how far a long check has come, every other second."""
    told = time.monotonic()

    def heard(count: int) -> None:
        nonlocal told
        if time.monotonic() - told >= 2 and sys.stderr.isatty():
            told = time.monotonic()
            out.note(f"{count:,} {noun}")

    return heard


def damage(found: Finding) -> Damage:
    """A finding as JSON has it."""
    return Damage(
        found.kind,
        found.run,
        found.seq,
        found.text,
        found.next,
        found.sentence,
        found.count,
        found.checkpoint,
        found.anchor,
    )


def report_of(
    verdict: Verdict,
    keys: Sequence[Key],
    anchors: Iterable[str],
    *,
    bodies: BodyCheck | None = None,
    export: str = "",
    part: bool = False,
) -> Report:
    """The report on a walk along a feed, and on the bodies that its entries name."""
    missing = bodies.finish() if bodies is not None else []
    return Report(
        runs=verdict.runs, entries=verdict.entries, bodies=bodies.good if bodies else 0, erased=bodies.erased if bodies else 0,
        unkeyed=bodies.unkeyed if bodies else 0, damaged=[damage(one) for one in (*verdict.findings, *missing)],
        more=verdict.more, checkpoints=verdict.checkpoints, last=verdict.last, uncovered=verdict.uncovered,
        keys=tuple(map(key_name, keys)), anchors=tuple(anchors), anchored=verdict.anchored, since=verdict.since,
        newer=verdict.newer, export=export, part=part,
    )  # fmt: skip
