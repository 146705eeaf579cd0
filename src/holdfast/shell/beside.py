"""Appending to runs that are none of an agent's: who looked, what was stopped. Each entry is on the disk before anyone is told.

They are under the chain, the tree and the checkpoints like any other run. Nothing folds them into the state of a run, and
their index rows say only how many entries there are.
"""

from __future__ import annotations

from typing import Final

from holdfast import codec
from holdfast.codec import GENESIS
from holdfast.errors import JournalError
from holdfast.events import AnyEvent, Entry
from holdfast.journal.port import Append, Committed, Journal, Moved, Row

TRIES: Final = 100
"""How often an entry is made again because somebody else's came first."""


async def append(journal: Journal, run: str, event: AnyEvent, actor: str) -> int:
    """Append an entry to a run beside the others, durably, and give its seq. Raises JournalError where that cannot be done."""
    for _ in range(TRIES):
        answer, seq = await _append(journal, run, event, actor)
        if isinstance(answer, Committed):
            return seq
        if not isinstance(answer, Moved):
            break
    raise JournalError(f"{run} is being written by too many at once", run=run)


async def _append(journal: Journal, run: str, event: AnyEvent, actor: str) -> tuple[object, int]:
    row = await journal.row(run)
    before = row.seq if row is not None else 0
    lines = await journal.read(run, before - 1) if before else []
    if len(lines) > 1:
        before += len(lines) - 1
    head = lines[-1][1] if lines else GENESIS
    at = max(journal.now(), row.at if row is not None else 0)
    entry = Entry(run, before + 1, at, 0, actor, event)
    return await journal.append(batch(entry, head, opened=row.opened if row is not None else at)), before + 1


def batch(entry: Entry, head: bytes, *, opened: int, attention: bool = False) -> Append:
    """What appends one entry to a run beside the others, durably.

    head: the digest of the entry before it. opened: when the run began. attention: whether somebody has to look at it.
    """
    data = codec.encode(entry)
    row = Row(
        run=entry.run, seq=entry.seq, agent=entry.run, status="closed", opened=opened, at=entry.at, by=entry.actor,
        attention=attention,
    )  # fmt: skip
    lines = [(data, codec.chain(head, data))]
    return Append(run=entry.run, expected=entry.seq - 1, lines=lines, row=row, durable=True)
