"""What an exception of pydantic-ai means, for those no server on this machine can provoke."""

from __future__ import annotations

import httpx2
import pytest
from pydantic_ai import exceptions as ai

from holdfast.models.failures import EXPECTED, model_error


def http(category, status, **fields):
    return ai.ModelHTTPError.for_category(category, status_code=status, model_name="m", **fields)


TABLE = [
    (ai.ModelConnectionError("m", "x", phase="pool"), "connection", "not_done"),
    (ai.ModelConnectionError("m", "x", phase="connect"), "connection", "not_done"),
    (ai.ModelConnectionError("m", "x", phase="write"), "connection", "unknown"),
    (ai.ModelConnectionError("m", "x"), "connection", "unknown"),
    (ai.ModelTimeoutError("m", "x", phase="connect"), "connection", "not_done"),
    (ai.ModelTimeoutError("m", "x", phase="read"), "timeout", "unknown"),
    (ai.ModelTimeoutError("m", "x"), "timeout", "unknown"),
    (ai.ModelRequestTimeout("m", 3.0), "timeout", "unknown"),
    (http(ai.ModelRateLimitError, 429), "rate_limited", "not_done"),
    (http(ai.ModelRateLimitError, 429, in_stream=True), "rate_limited", "unknown"),
    (ai.ModelRateLimitError("m", "x", retry_after=4.0), "rate_limited", "unknown"),
    (ai.ModelServerError("m", "x"), "server", "unknown"),
    (ai.ModelHTTPError(302, "m"), "server", "unknown"),
    (ai.ModelHTTPError(599, "m"), "server", "unknown"),
    (ai.ModelHTTPError(425, "m"), "overloaded", "not_done"),
    (ai.ModelAPIError("m", "no JSON"), "garbage", "unknown"),
    (ai.ModelAPIError("m", "x", provider_error_code="odd"), "server", "unknown"),
    (ai.ContentFilterError("x"), "filter", "unknown"),
    (ai.UnexpectedModelBehavior("x"), "garbage", "unknown"),
    (ai.UserError("x"), "rejected", "not_done"),
    (NotImplementedError("x"), "rejected", "not_done"),
    (TimeoutError(), "timeout", "unknown"),
    (httpx2.ReadTimeout("x"), "timeout", "unknown"),
    (httpx2.ReadError("x"), "connection", "unknown"),
    (OSError("x"), "connection", "unknown"),
    (KeyError("x"), "garbage", "unknown"),
    (AssertionError("x"), "garbage", "unknown"),
]


@pytest.mark.parametrize(("error", "kind", "fate"), TABLE, ids=lambda value: type(value).__name__)
def test_every_exception_has_its_meaning(error, kind, fate):
    assert isinstance(error, EXPECTED)
    said = model_error(error, "maker:m")
    assert (said.error, said.fate) == (kind, fate)
    assert str(said).startswith("maker:m: ")
    assert said.retry_after == getattr(error, "retry_after", None)


def test_every_category_of_pydantic_ai_has_its_meaning():
    """A category that a newer pydantic-ai adds must be looked at, and not fall through unseen."""
    known = {kind for kind in vars(ai).values() if isinstance(kind, type) and issubclass(kind, ai.ModelAPIError)}
    named = {kind.__name__ for kind in known if not kind.__name__.startswith("_")}
    assert named == {
        "ModelAPIError", "ModelHTTPError", "ModelRateLimitError", "ModelQuotaExceededError", "ModelUnavailableError",
        "ModelOverloadedError", "ModelServerError", "ModelConnectionError", "ModelTimeoutError",
        "ModelRequestRejectedError", "ModelContextWindowExceededError", "ModelAuthenticationError",
        "ModelNotFoundError", "ModelRequestTimeout",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"message": "No."}}, "No."),
        ({"message": "No."}, "No."),
        ({"error": "No."}, "No."),
        ("No.", "No."),
        ({"error": {"code": 7}}, '{"code": 7}'),
        (None, "no message"),
        ([1], "no message"),
    ],
)
def test_the_providers_words_are_found_in_any_body(body, text):
    assert str(model_error(http(None, 400, body=body), "maker:m")) == f"maker:m: HTTP 400: {text}"


def test_hints_and_suggestions_are_passed_on():
    error = http(ai.ModelNotFoundError, 404, body="x", hint="Turn it on.", suggested_model_id="maker:n")
    assert str(model_error(error, "maker:m")) == "maker:m: HTTP 404: x (Turn it on.) (did you mean maker:n?)"
