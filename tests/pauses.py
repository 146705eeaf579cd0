"""Pauses of the machine's own, made short: a test that is not about them need not wait them out."""

from __future__ import annotations

import pytest

SHORT = 1_000
"""µs."""


def short(patch: pytest.MonkeyPatch) -> None:
    """A model that gave no answer is asked again, and another system looked at again, nearly at once."""
    patch.setattr("holdfast.core.decide.BACKOFF", SHORT)
    patch.setattr("holdfast.core.fold_calls.LOOK_AGAIN", SHORT)
