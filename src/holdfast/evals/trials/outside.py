"""What outside an agent kept a trial from being made: it says nothing of the agent, and counts neither way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.core.state import State
from holdfast.evals.cases.fixtures import Unserved
from holdfast.evals.grading.finished import Part
from holdfast.events import CallFailed, Entry

OUTSIDE: Final = frozenset({
    "rate_limited", "overloaded", "timeout", "connection", "server", "quota", "auth", "not_found", "lost",
})  # fmt: skip
"""Failures of a model that say nothing of the agent."""


def outside(state: State, entries: Sequence[Entry], below: Sequence[Part] = ()) -> str:
    """What outside the agent ended a run, so that it says nothing of it; empty where nothing did.

    A model that gave no answer to a run below counts where the one at the top was not done all the same.
    """
    done = state.closed is not None and state.closed.outcome == "done"
    parts = (Part(state, entries), *below)
    for part in parts[:1] if done else parts:
        closed, asking = part.state.closed, part.state.asking
        if closed is not None and closed.outcome == "failed" and asking is not None and asking.error in OUTSIDE:
            return f"the model gave no answer: {asking.error}: {asking.message}"
    unserved = [
        entry.event
        for part in parts for entry in part.entries
        if isinstance(entry.event, CallFailed) and Unserved.MARK in entry.event.message
    ]  # fmt: skip
    return unserved[0].message if unserved else ""
