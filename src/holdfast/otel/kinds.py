"""Which entries are told in the span of something else, and what is told of those that are a span of their own."""

from __future__ import annotations

from typing import Final

from holdfast.events import (
    AskedBack,
    CallAsked,
    CallFailed,
    CallJudged,
    CallReturned,
    CallStarted,
    ChildClosed,
    ChildOpened,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    PersonAnswered,
    PersonAsked,
    PlaceAwaited,
    PlaceTaken,
    ProgramCalled,
    ProposalAmended,
    QuestionClaimed,
    QuestionReleased,
    QuestionWithdrawn,
    RunClosed,
    RunOpened,
)

IN_OTHERS: Final = (
    RunOpened, RunClosed, ModelAsked, ModelAnswered, ModelFailed, CallAsked, CallJudged, CallStarted, CallReturned, CallFailed,
    ProgramCalled, PersonAsked, PersonAnswered, ProposalAmended, QuestionWithdrawn, ChildOpened, ChildClosed,
    PlaceAwaited, PlaceTaken, QuestionClaimed, QuestionReleased, AskedBack,
)  # fmt: skip
"""Entries that are told in the span of what they begin, belong to or end: anything else is a span of its own."""

PLAIN: Final = (
    "limit", "used", "ceiling", "amount", "outcome", "child", "round", "epoch", "attempt", "error", "fate", "verdict", "cost", "ended",
    "ends", "contract_digest", "effect_id",
)  # fmt: skip
"""Fields of such entries that are given as they are: they hold no words of anybody."""

WORDS: Final = ("text", "why", "because", "what", "basis")
"""Fields that do hold words."""
