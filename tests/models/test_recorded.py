"""Recorded models: answers by step, costs, and where a recording ends."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.dialogue import Answer
from holdfast.errors import Bug, JournalDamaged, UsageError
from holdfast.events import (
    Entry,
    Erased,
    Inline,
    Loaded,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Noted,
    Price,
    Stored,
    Usage,
    Wanted,
)
from holdfast.models.port import ModelError
from holdfast.models.recorded import Recorded, answers_of, recorded

ONE, TWO = Answer("one", cost=11), Answer("two", cost=22)


def answer(model, request):
    return asyncio.run(model.answer(request))


def fails(model, request):
    with pytest.raises(ModelError) as caught:
        answer(model, request)
    return caught.value


def journal(*events, run="r_1"):
    return [Entry(run, seq, 0, 0, "w", event) for seq, event in enumerate(events, 1)]


def asked(step, attempt=1):
    return ModelAsked(step, attempt, "m", "w", 0)


def test_answers_go_by_run_and_step_at_every_attempt(prompt):
    model = recorded({"r_1": [ONE, TWO], "r_2": [TWO]})
    assert [answer(model, prompt(step=step, attempt=3)) for step in (2, 1)] == [TWO, ONE]
    assert answer(model, prompt(run="r_2")) == TWO


def test_answers_without_a_run_are_for_every_run(prompt):
    model = recorded([ONE])
    assert answer(model, prompt(run="r_7")) == answer(model, prompt(run="r_8")) == ONE
    assert model.quote("r_9", 1) == 11


def test_past_the_end_and_beside_the_recording_are_said_apart(prompt):
    model = recorded({"r_1": [ONE]})
    end = fails(model, prompt(step=2))
    assert (end.error, end.fate) == ("rejected", "not_done")
    assert "the recording ends here" in str(end)
    assert "1 recorded answers" in str(end)
    assert "nothing is recorded for run r_9; there is r_1" in str(fails(model, prompt(run="r_9")))
    assert "there is nothing" in str(fails(recorded([]), prompt()))


def test_quotes_are_the_recorded_costs():
    model = recorded({"r_1": [ONE, Answer("free", cost=None)]})
    assert [model.quote("r_1", step) for step in (1, 2, 3, 0)] == [11, None, None, None]
    assert model.quote("r_2", 1) is None


def test_a_price_is_needed_only_where_a_cost_is_missing():
    assert recorded({"r_1": [ONE], "r_2": [TWO]}).price() == Price(0, 0)
    assert recorded({"r_1": [ONE, Answer("?")]}).price() is None
    assert recorded([Answer("?")]).price() is None
    assert recorded([Answer("?")], price=Price(1, 2)).price() == Price(1, 2)
    assert Recorded([ONE], price=Price(1, 2)).price() == Price(1, 2)


def test_a_journal_gives_its_answers_with_all_they_said(prompt):
    calls = (Wanted("t1", "get_order", "{}"),)
    first = ModelAnswered(2, Inline("Look."), calls, "calls", Usage(5, 6, 1), 33, "m-1", Loaded("b", 3, {"form": 1}))
    entries = journal(
        Noted("d", "x"), asked(1), first, asked(2), ModelFailed(4, "server", "unknown"), asked(2, 2),
        ModelAnswered(6, Erased("b", 9), cost=4, payload=Erased("c", 9)), asked(3),
    )  # fmt: skip
    other = journal(asked(1), ModelAnswered(1, Inline("other")), run="r_2")
    assert answers_of([*entries, *other]) == {
        "r_1": [Answer("Look.", calls, "calls", Usage(5, 6, 1), 33, "m-1", {"form": 1}), Answer("", cost=4)],
        "r_2": [Answer("other")],
    }
    model = recorded(iter(entries))
    assert answer(model, prompt(step=1)).text == "Look."
    assert model.quote("r_1", 2) == 4
    assert answers_of(journal(asked(1))) == {"r_1": []}


def test_what_cannot_be_a_recording_is_refused():
    with pytest.raises(JournalDamaged, match="no recorded question"):
        answers_of(journal(ModelAnswered(7)))
    with pytest.raises(JournalDamaged, match="of 2 steps only 1"):
        answers_of(journal(asked(2), ModelAnswered(1)))
    with pytest.raises(Bug):
        answers_of(journal(asked(1), ModelAnswered(1, Stored("b", 1))))
    with pytest.raises(UsageError):
        recorded([ONE, *journal(asked(1))])
