"""What must hold of the stored lines of a run, and of the order they stand in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from holdfast.codec import check_chain
from holdfast.errors import HoldfastError
from holdfast.events import Entry
from holdfast.testing.sim.history import Violation, own_entries
from holdfast.views.replay import batches


def check_lines(run: str, lines: list[tuple[bytes, bytes]]) -> Iterator[Violation]:
    """The chain holds over the stored bytes (rule 38)."""
    try:
        check_chain(run, lines)
    except HoldfastError as error:
        yield Violation("chain", run, str(error))


def check_order(run: str, entries: list[Entry]) -> Iterator[Violation]:
    """`at` never decreases; a batch has one `at` and stands in one piece right after the head it was decided at (rules 5, 9)."""
    for before, after in itertools.pairwise(entries):
        if after.at < before.at:
            yield Violation("at", run, f"entry {after.seq} is before entry {before.seq}")
    for batch in batches(own_entries(entries)):
        cause = batch[0].cause
        if not cause:
            continue
        if batch[0].seq != cause + 1:
            yield Violation("stale decision", run, f"entry {batch[0].seq} was decided at {cause}")
        if len({entry.at for entry in batch}) > 1:
            yield Violation("batch", run, f"the batch decided at {cause} has several moments")
