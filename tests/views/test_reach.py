"""What reached the model is what the core's label says, after every entry of every story."""

from __future__ import annotations

import msgspec
import pytest

from holdfast.core.fold import fold
from holdfast.events import CallReturned, Label
from holdfast.testing.sim import play
from holdfast.views.reach import in_a_line, reach, sentences
from holdfast.views.trace import trace


def test_label_is_that_of_the_core(desk, folded):
    for key, entries in desk.items():
        for count, state in enumerate(folded[key], 1):
            assert reach(trace(entries[:count])).label == state.label, (key, count)


@pytest.mark.parametrize("seed", range(0, 80, 16))
def test_label_of_a_simulated_life_is_that_of_the_core(seed):
    for entries in play(seed, decisions=False).history.runs.values():
        state = None
        for count, entry in enumerate(entries, 1):
            state = fold(state, entry)
            assert reach(trace(entries[:count])).label == state.label, (entry.run, entry.seq)


def classed(entries, tool_call, *classes):
    return [
        msgspec.structs.replace(entry, event=msgspec.structs.replace(entry.event, label=Label(trusted=False, classes=classes)))
        if isinstance(entry.event, CallReturned) and entry.event.call == tool_call else entry
        for entry in entries
    ]  # fmt: skip


def test_data_classes_are_named_with_the_entry_that_brought_them(desk):
    entries = desk["mail:0002"]
    order = next(call for call in trace(entries).calls.values() if call.tool == "get_order")
    seen = trace(classed(entries, order.seq, "contact", "iban"))
    told = {sentence.text: sentence.entries for sentence in sentences(seen)}
    assert told["Data of the class contact reached the model."] == (order.answered,)
    assert "Data of the class iban reached the model." in told
    assert "data classes: contact, iban" in in_a_line(seen)


def test_untrusted_text_is_named_by_where_it_came_from(desk):
    seen = trace(desk["mail:0002"])
    text = next(iter(sentences(seen))).text
    assert text.startswith(
        "Of what the model was shown, anyone may have written a part of the request and the results of get_order"
    )
    assert in_a_line(seen).startswith("the model read text that anyone may have written (first: entry 1)")


def test_a_result_the_model_has_not_been_shown_yet_has_not_reached_it(desk):
    entries = desk["mail:0002"]
    until = next(at for at, entry in enumerate(entries) if isinstance(entry.event, CallReturned))
    assert all(not part.tool for part in reach(trace(entries[: until + 1])).parts)
