"""The port: what a model must do, and how it says that it could not."""

from __future__ import annotations

from typing import Protocol

from holdfast.dialogue import Answer, Request
from holdfast.events import Fate, Price


class ModelError(Exception):
    """A model gave no answer.

    error: one of rate_limited, overloaded, timeout, connection, context, filter, quota, auth, not_found, rejected,
    server, garbage. fate: whether the request surely did nothing, or may have been worked on (and billed).
    retry_after: seconds the provider asks to wait; None where it said nothing.
    """

    def __init__(self, error: str, message: str, *, fate: Fate = "unknown", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.fate: Fate = fate
        self.retry_after = retry_after


class Model(Protocol):
    """Something that answers requests. One object serves many runs at once."""

    async def answer(self, request: Request) -> Answer:
        """Answer once, without retrying. Raises ModelError."""
        ...

    def price(self) -> Price | None:
        """What a token costs; None where nobody knows."""
        ...

    def quote(self, run: str, step: int) -> int | None:
        """nusd that step is known to cost at most, where the model knows better than tokens and price tell."""
        ...
