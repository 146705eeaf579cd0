"""Over simulated lives with crashes, lost answers, doubts and meddling people, a trace says what the core knows."""

from __future__ import annotations

import pytest

from holdfast.core.fold import fold
from holdfast.events import AnyEvent
from holdfast.testing.sim import play
from holdfast.views.trace import _TABLE, trace
from holdfast.views.why import why

SPENT = ("steps", "nusd", "unsettled", "reserved", "unpriced", "input", "output", "work", "charged")


def known(state):
    """What the core knows that a trace should too: (open questions, calls, what was spent)."""
    settled = state.settled if state.closed is not None else {}
    questions = {seq for seq, one in state.questions.items() if one.asked.call not in settled}
    calls = {
        call.seq: (call.status, call.ok if call.status == "answered" else None)
        for call in state.calls.values()
        if state.closed is None
    }
    return questions, calls, [getattr(state.spent, name) for name in SPENT]


def shown(seen, calls):
    """The same, as a trace has it."""
    stages = {
        seq: (seen.calls[seq].stage, seen.calls[seq].ok if seen.calls[seq].stage == "answered" else None)
        for seq in calls
    }
    return {one.seq for one in seen.open_questions}, stages, [getattr(seen.totals, name) for name in SPENT]


@pytest.mark.parametrize("seed", range(0, 160, 8))
def test_trace_of_a_simulated_life_is_what_the_core_knows_after_every_entry(seed):
    for entries in play(seed, decisions=False).history.runs.values():
        state = None
        for count, entry in enumerate(entries, 1):
            state = fold(state, entry)
            facts = known(state)
            assert shown(trace(entries[:count]), facts[1]) == facts, (entry.run, entry.seq)
        assert why(entries).run == entries[0].run


def test_every_kind_of_entry_has_its_place_in_a_trace():
    assert set(_TABLE) == set(AnyEvent.__args__)
