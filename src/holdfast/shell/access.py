"""Recording who was shown what: an entry in the run `access` of the same journal, on the disk before anything is shown.

It is under the chain, the tree and the checkpoints like any other entry. Nothing folds it, and its index row says only how
many viewings there are.
"""

from __future__ import annotations

from typing import Final

from holdfast import codec
from holdfast.codec import GENESIS
from holdfast.errors import HoldfastError, JournalError
from holdfast.events import Entry, Viewed
from holdfast.journal.port import Append, Committed, Journal, Moved, Row
from holdfast.views.access import ACCESS

TRIES: Final = 100
"""How often an entry is made again because somebody else's came first."""


async def record(journal: Journal, viewed: Viewed, actor: str) -> int:
    """Append a viewing, durably, and give its seq. Raises JournalError where that cannot be done: then nothing may be shown."""
    try:
        for _ in range(TRIES):
            answer, seq = await _append(journal, viewed, actor)
            if isinstance(answer, Committed):
                return seq
            if not isinstance(answer, Moved):
                break
    except HoldfastError as error:
        raise refused(error) from error
    raise JournalError("the access log is being written by too many at once, so nothing is shown", run=ACCESS)


def refused(error: HoldfastError) -> HoldfastError:
    """Why nothing is shown: a viewing that has to be recorded cannot be."""
    return type(error)(
        f"who looks is to be recorded in the journal, and that cannot be written, so nothing is shown: {error.what}",
        run=ACCESS, seq=error.seq, hint="[access] log = true in the settings asks for it; the journal has to be writable",
    )  # fmt: skip


async def _append(journal: Journal, viewed: Viewed, actor: str) -> tuple[object, int]:
    row = await journal.row(ACCESS)
    before = row.seq if row is not None else 0
    lines = await journal.read(ACCESS, before - 1) if before else []
    if len(lines) > 1:
        before += len(lines) - 1
    head = lines[-1][1] if lines else GENESIS
    at = max(journal.now(), row.at if row is not None else 0)
    entry = Entry(ACCESS, before + 1, at, 0, actor, viewed)
    data = codec.encode(entry)
    made = Row(
        run=ACCESS, seq=before + 1, agent=ACCESS, status="closed", opened=row.opened if row is not None else at, at=at,
        by=actor,
    )  # fmt: skip
    batch = Append(run=ACCESS, expected=before, lines=[(data, codec.chain(head, data))], row=made, durable=True)
    return await journal.append(batch), before + 1
