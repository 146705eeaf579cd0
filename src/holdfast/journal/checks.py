"""What every store checks alike, so that two stores cannot disagree about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from holdfast.errors import Bug, HoldfastError
from holdfast.events import Hold
from holdfast.journal.port import Append, Row, Where

E = TypeVar("E", bound=HoldfastError)

MOST: Final = 2**53
"""An amount that is held is less than this: a thousand such still add up in the integers of every database."""


def check(batch: Append) -> None:
    """Refuse a batch that no store may take.

    Raises Bug where it has no lines, where its index row is not that of its own last line (SEMANTICS rule 8), or where
    an amount that it holds is none.
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
    if batch.holding or batch.takes:
        for hold in batch.row.holds:
            if not (0 <= hold.amount < MOST and 0 <= hold.until < 2**63):
                raise Bug(f"a run cannot hold {hold.amount} until {hold.until}", run=batch.run, seq=head)


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


def live(holds: Iterable[Hold], now: int) -> dict[tuple[str, int], int]:
    """What counts at `now`: amounts by name and end. Parts of one name that end at one moment are one."""
    amounts: dict[tuple[str, int], int] = {}
    for hold in holds:
        if not hold.until or hold.until > now:
            key = hold.name, hold.until
            amounts[key] = amounts.get(key, 0) + hold.amount
    return amounts
