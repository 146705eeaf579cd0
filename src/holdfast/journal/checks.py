"""What every store checks alike, so that two stores cannot disagree about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from holdfast.errors import Bug, HoldfastError
from holdfast.journal.port import Append, Row, Where

E = TypeVar("E", bound=HoldfastError)


def check(batch: Append) -> None:
    """Refuse a batch that no store may take.

    Raises Bug where it has no lines, or where its index row is not that of its own last line (SEMANTICS rule 8).
    """
    if not batch.lines:
        raise Bug("a batch without lines was appended", run=batch.run, seq=batch.expected)
    head = batch.expected + len(batch.lines)
    if batch.row.seq != head or batch.row.run != batch.run:
        raise Bug(
            f"a batch that ends at entry {head} came with the index row of"
            f" run {batch.row.run} as of entry {batch.row.seq}",
            run=batch.run,
            seq=head,
        )


def again(error: E, run: str = "") -> E:
    """Make an error anew for one more caller: an exception that several raise mixes their tracebacks."""
    return type(error)(error.what, run=run or error.run, seq=error.seq, hint=error.hint)


def fits(row: Row, where: Where, keys: Mapping[str, str]) -> bool:
    """Tell whether a row is one of those asked for. `keys` are the runs by their request keys."""
    return (
        (where.status is None or row.status == where.status)
        and (where.outcome is None or row.outcome == where.outcome)
        and (not where.agent or row.agent == where.agent)
        and (not where.key or keys.get(where.key) == row.run)
        and (not where.waits_for or row.waits_for == where.waits_for)
        and (where.attention is None or row.attention == where.attention)
        and (where.questions is None or bool(row.questions) == where.questions)
        and (where.parent is None or row.parent == where.parent)
        and (where.before is None or (row.opened, row.run) < where.before)
    )
