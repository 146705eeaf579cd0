"""The checkpoints of a journal as a table: `holdfast show audit`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from holdfast import units
from holdfast.cli import audited, out, reading
from holdfast.events import Entry
from holdfast.shell import bodies
from holdfast.shell.proofs import copies
from holdfast.views import words
from holdfast.views.checkpoint import AUDIT, digest, read, text_of
from holdfast.views.note import NoteError, parse
from holdfast.views.sealing import sealed_in

if TYPE_CHECKING:
    from rich.table import Table

Held = Mapping[str, frozenset[bytes]]
"""Name of an anchor → the digests of the checkpoints that it holds."""


class Taken(Struct, frozen=True):
    """One checkpoint, as a table has it."""

    number: int
    at: int
    size: int = 0
    """Entries that it covers."""
    position: int = 0
    origin: str = ""
    signed_by: tuple[str, ...] = ()
    """Names and numbers of the keys that are said to have signed it; nothing of it is verified here."""
    anchors: tuple[str, ...] | None = None
    """Those that hold it; None: none was asked."""
    problem: str = ""


def shown(url: str, limit: int, as_json: bool) -> int:
    """Print the newest checkpoints of a journal; the exit code. The anchors of HOLDFAST_AUDIT_ANCHORS are asked."""
    entries, held, more = asyncio.run(_read(url, limit))
    if as_json:
        out.give([taken(entry, held) for entry in reversed(entries)])
        return 0
    if not entries:
        print("no checkpoints yet: holdfast checkpoint takes one")
        return 0
    out.show(table(entries, held))
    if more:
        out.note(f"the newest {limit}, and {more:,} before them; --limit shows more")
    if not held:
        out.note("no anchor was asked: set HOLDFAST_AUDIT_ANCHORS, or give holdfast verify --anchor URL")
    return 0


async def _read(url: str, limit: int) -> tuple[list[Entry], Held, int]:
    """The newest entries of the run `audit`, what the anchors hold, and how many entries there are before those."""
    anchors = audited.anchors(os.environ.get("HOLDFAST_AUDIT_ANCHORS", "").split())
    held = {name: frozenset(digest(text_of(note)) for note in notes) for name, notes in (await copies(anchors)).items()}
    async with reading.looking(url) as journal:
        entries = await bodies.entries(journal, AUDIT, durable=True)
        return entries[-limit:], held, max(len(entries) - limit, 0)


def taken(entry: Entry, held: Held) -> Taken:
    """What an entry of the run `audit` says."""
    sealed = sealed_in(entry.event)
    if sealed is None:
        return Taken(entry.seq, entry.at, problem="this is no checkpoint")
    try:
        signed, by = read(text_of(sealed.note)), parse(sealed.note).signatures
    except NoteError as error:
        return Taken(entry.seq, entry.at, problem=error.what)
    mark = digest(text_of(sealed.note))
    anchors = tuple(name for name, notes in held.items() if mark in notes) if held else None
    keys = tuple(f"{one.name}+{one.key_id.hex()}" for one in by)
    return Taken(entry.seq, entry.at, signed.size, signed.position, signed.origin, keys, anchors)


def table(entries: Sequence[Entry], held: Held | None = None) -> Table:
    """One line a checkpoint, the newest first."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("number", justify="right", no_wrap=True)
    made.add_column("entries", justify="right", no_wrap=True)
    made.add_column("taken (UTC)", no_wrap=True)
    made.add_column("signed by", no_wrap=True, overflow="ellipsis")
    made.add_column("anchored", overflow="fold")
    for entry in reversed(entries):
        one = taken(entry, held or {})
        at = datetime.fromtimestamp(one.at // units.SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
        by = one.problem or ", ".join(one.signed_by)
        made.add_row(
            str(one.number), f"{one.size:,}" if one.size else "", at, words.plain(by), words.plain(_anchored(one))
        )
    return made


def _anchored(one: Taken) -> str:
    if one.problem:
        return ""
    if one.anchors is None:
        return "?"
    return ", ".join(one.anchors) or "nowhere"
