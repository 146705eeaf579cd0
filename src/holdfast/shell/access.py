"""Recording who was shown what: an entry in the run `access` of the same journal, on the disk before anything is shown.

It is under the chain, the tree and the checkpoints like any other entry. Nothing folds it, and its index row says only how
many viewings there are.
"""

from __future__ import annotations

from holdfast.errors import HoldfastError
from holdfast.events import Viewed
from holdfast.journal.port import Journal
from holdfast.shell import beside
from holdfast.views.access import ACCESS


async def record(journal: Journal, viewed: Viewed, actor: str) -> int:
    """Append a viewing, durably, and give its seq. Raises JournalError where that cannot be done: then nothing may be shown."""
    try:
        return await beside.append(journal, ACCESS, viewed, actor)
    except HoldfastError as error:
        raise refused(error) from error


def refused(error: HoldfastError) -> HoldfastError:
    """Why nothing is shown: a viewing that has to be recorded cannot be."""
    return type(error)(
        f"who looks is to be recorded in the journal, and that cannot be written, so nothing is shown: {error.what}",
        run=ACCESS, seq=error.seq, hint="[access] log = true in the settings asks for it; the journal has to be writable",
    )  # fmt: skip
