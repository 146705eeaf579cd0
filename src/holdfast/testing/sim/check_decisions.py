"""Every decision in a journal is decided again, and must come out the same: `views.replay`, with the agent's code at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.agent import Agent
from holdfast.core.state import State
from holdfast.events import Entry
from holdfast.testing.sim.history import Violation
from holdfast.views.replay import INHERITED, Replay


def check_decisions(
    run: str,
    entries: list[Entry],
    states: list[State],
    agent: Agent[Any, Any],
    secrets: Mapping[str, bytes | None],
) -> Iterator[Violation]:
    """Decide every batch again. states: after each entry."""
    tree = states[0].opened.tree or run
    found = Replay([agent]).of(entries, secrets.get(tree), states)
    if found.divergence is not None:
        one = found.divergence
        fields = "".join(f"; {part.field}: {part.stands} and not {part.now}" for part in one.fields)
        yield Violation("decided otherwise", run, f"entry {one.seq}: {one.stands}, and not {one.now}{fields}")
    for why, count in found.undecided.items():
        if why == INHERITED:  # they are decided again in the run that was forked
            continue
        yield Violation("undecided", run, f"{count} batches: {why}")
