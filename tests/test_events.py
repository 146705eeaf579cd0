"""The vocabulary: what each kind is, and which promises hang on it."""

from __future__ import annotations

import msgspec
import pytest

from holdfast import events
from holdfast.codec import KINDS
from holdfast.events import AFTER_CLOSE, DECISIONS, DURABLE, FACTS, OUTCOMES, TAKEN, RunClosed, Said

ALL = sorted(KINDS)


def names(kinds):
    return sorted(kind.__name__ for kind in kinds)


def test_every_kind_is_a_fact_or_a_decision_and_none_is_both():
    assert names(FACTS | DECISIONS) == ALL
    assert frozenset() == FACTS & DECISIONS


def test_only_the_finding_that_something_is_lost_or_restored_is_a_fact_that_is_decided():
    assert TAKEN <= FACTS
    assert names(TAKEN) == ["CallFailed", "ModelFailed", "Paused", "Resumed"]


def test_what_somebody_outside_was_told_is_durable_first():
    """SEMANTICS rule 2, and what is shown to people. `CallStarted` of a write is durable too; see the book's tests."""
    rule = {
        "RunOpened", "Said", "CancelAsked", "Paused", "PersonAnswered", "ProposalAmended", "CallSettled", "RunClosed",
        "BodiesErased", "ContractAdopted", "LimitGranted",
    }  # fmt: skip
    assert rule <= {kind.__name__ for kind in DURABLE}
    assert {kind.__name__ for kind in DURABLE} - rule == {
        "Replied", "PersonAsked", "Resumed", "Checkpointed", "Noted", "Viewed", "Notified", "QuestionClaimed",
        "QuestionReleased", "AskedBack", "SwitchedOff", "SwitchedOn", "ContractPublished",
    }  # fmt: skip


def test_a_closed_run_takes_what_comes_late_and_what_is_said_about_it():
    """SEMANTICS rule 35; a late answer of a model is the one it does not name."""
    assert names(AFTER_CLOSE) == [
        "BodiesErased", "CallReturnedLate", "CallSettled", "CallUndone", "Contradiction", "ModelAnsweredLate", "Noted",
    ]  # fmt: skip
    assert RunClosed not in AFTER_CLOSE
    assert Said not in AFTER_CLOSE


def test_after_the_end_there_is_no_way_to_start_anything():
    assert not AFTER_CLOSE & (DECISIONS - {events.Contradiction})


@pytest.mark.parametrize("name", ALL)
def test_an_event_cannot_be_changed_after_it_was_made(name):
    kind = KINDS[name]
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.tag == name
    assert kind.__struct_config__.omit_defaults


@pytest.mark.parametrize("name", ALL)
def test_an_event_says_what_it_means(name):
    assert (KINDS[name].__doc__ or "").strip().endswith((".", "`")), name


def test_a_run_ends_in_one_of_six_ways():
    assert OUTCOMES == ("done", "declined", "escalated", "stopped", "failed", "cancelled")
    (field,) = [field for field in msgspec.structs.fields(RunClosed) if field.name == "outcome"]
    assert field.required


def test_the_vocabulary_settled_in_advance_is_there():
    """SEMANTICS section 2: the fields without which a rule could not be told from the journal."""
    wanted = {
        "RunOpened": {"key", "parent", "forked_from", "undoes", "epoch", "versions"},
        "ModelAsked": {"attempt", "worker", "until", "heard", "base", "add", "reserved"},
        "ModelFailed": {"error", "fate", "retry_at", "unsettled"},
        "CallFailed": {"error", "fate", "by"},
        "CallLookedUp": {"attempt", "answer", "effect_id"},
        "CallSettled": {"verdict", "by", "result"},
        "Contradiction": {"seqs", "what"},
        "QuestionWithdrawn": {"why"},
        "ProposalAmended": {"version", "by"},
        "RoundClosed": {"posts"},
        "PersonAsked": {"version", "digest", "label", "contract", "heard", "evidence"},
    }
    for name, fields in wanted.items():
        assert fields <= set(KINDS[name].__struct_fields__), name
    assert "redacted" in KINDS["CallReturned"].__struct_fields__
