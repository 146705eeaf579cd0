"""What the orchestrator and those it calls take, give and use: the desk's own tools, and what they hand each other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from refund_desk.tools import (
    Decision,
    Reason,
    RefundRequest,
    find_orders,
    get_order,
    get_payment,
    get_policy,
    issue_refund,
    resources,
    send_message,
)

__all__ = [
    "Decision", "Finding", "Paid", "Payment", "RefundRequest", "find_orders", "get_order", "get_payment", "get_policy",
    "issue_refund", "resources", "send_message",
]  # fmt: skip


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Record):
    """What a mail is about, and what is due for it."""

    order_id: str | None
    due_cents: Annotated[int, Field(ge=0)]
    reason: Annotated[Reason | None, Field(description="The clause of the policy it rests on")]
    sentence: Annotated[str, Field(min_length=1, max_length=500, description="Why, for the customer")]


class Payment(_Record):
    """What is to be paid back, and the mail it answers."""

    request: RefundRequest
    order_id: str | None
    cents: Annotated[int, Field(ge=0, description="0: nothing is due, and the customer is told why")]
    reason: Reason | None
    sentence: Annotated[str, Field(min_length=1, max_length=500)]


class Paid(_Record):
    """What was really paid back, and what the customer was told."""

    refunded_cents: Annotated[int, Field(ge=0)]
    sentence: Annotated[str, Field(min_length=1, max_length=500)]
