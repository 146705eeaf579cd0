"""What a provider's failure means: which error it is, and whether the request may have been worked on.

Imports pydantic-ai; `provider` imports this at the first answer and nobody else does.

`not_done` is said only where the provider answered with a refusal, or was never reached. A failure reported
inside an answer that had begun, a broken connection, a timeout and a server error may have been billed:
`unknown`.
"""

from __future__ import annotations

import json
from typing import Final

import httpx2
from pydantic_ai import exceptions as ai

from holdfast.events import Fate
from holdfast.models.port import ModelError

EXPECTED: Final = (
    ai.AgentRunError,
    ai.UserError,
    httpx2.HTTPError,
    OSError,
    NotImplementedError,
    # What reading an answer that has not the form it should have ends in.
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What asking a provider may raise."""

_CATEGORIES: Final[tuple[tuple[type[ai.ModelAPIError], str, Fate | None], ...]] = (
    (ai.ModelRequestTimeout, "timeout", "unknown"),
    (ai.ModelQuotaExceededError, "quota", None),
    (ai.ModelRateLimitError, "rate_limited", None),
    (ai.ModelOverloadedError, "overloaded", None),
    # A plain 503 may come from a gateway that lost the server behind it.
    (ai.ModelUnavailableError, "overloaded", "unknown"),
    (ai.ModelContextWindowExceededError, "context", None),
    (ai.ModelAuthenticationError, "auth", None),
    (ai.ModelNotFoundError, "not_found", None),
    (ai.ModelRequestRejectedError, "rejected", None),
    (ai.ModelServerError, "server", "unknown"),
)
"""The first that fits counts. None: not done, if the provider refused the request with an HTTP status."""
_FILTERED: Final = ("content_filter", "invalid_prompt")
_WORDED: Final = (ai.AgentRunError, ai.UserError, httpx2.HTTPError, OSError, NotImplementedError)
"""Whose text says by itself what happened."""
_LONGEST: Final = 400
"""Characters of a provider's message that are kept: it is stored in plain, and may quote the prompt."""


def model_error(error: BaseException, name: str) -> ModelError:
    """What asking the model `name` raised, in our words."""
    kind, fate = _kind(error)
    if isinstance(error, ai.ModelAPIError) and error.in_stream:
        fate = "unknown"
    retry_after = error.retry_after if isinstance(error, ai.ModelAPIError) else None
    return ModelError(kind, f"{name}: {_message(error)}", fate=fate, retry_after=retry_after)


def _kind(error: BaseException) -> tuple[str, Fate]:
    match error:
        case ai.ModelConnectionError():
            return _connection(error)
        case ai.ModelAPIError():
            return _reported(error)
        case TimeoutError() | ai.ModelRequestTimeout() | httpx2.TimeoutException():
            return "timeout", "unknown"
        case httpx2.HTTPError() | OSError():
            return "connection", "unknown"
        case ai.ContentFilterError():
            return "filter", "unknown"
        case ai.UserError() | NotImplementedError():
            # pydantic-ai would not send it: a file this provider cannot read, a setting it does not have.
            return "rejected", "not_done"
        case _:
            return "garbage", "unknown"


def _connection(error: ai.ModelConnectionError) -> tuple[str, Fate]:
    if error.phase in ("pool", "connect"):
        return "connection", "not_done"
    return ("timeout" if isinstance(error, ai.ModelTimeoutError) else "connection"), "unknown"


def _reported(error: ai.ModelAPIError) -> tuple[str, Fate]:
    # A failure told inside an answer with status 200 may come after work was done.
    refused: Fate = "not_done" if isinstance(error, ai.ModelHTTPError) else "unknown"
    code = error.provider_error_code or ""
    if code in _FILTERED or code.endswith("policy_violation"):
        return "filter", refused
    for kind, word, fate in _CATEGORIES:
        if isinstance(error, kind):
            return word, fate or refused
    if isinstance(error, ai.ModelHTTPError):
        return _status(error.status_code)
    # Without a code it is an answer that could not be read.
    return ("server" if code else "garbage"), "unknown"


def _status(status: int) -> tuple[str, Fate]:
    match status:
        case 408:
            return "timeout", "unknown"
        case 409 | 425:
            return "overloaded", "not_done"
        case 413:
            return "context", "not_done"
        case _ if 400 <= status < 500:
            return "rejected", "not_done"
        case _:
            return "server", "unknown"


def _message(error: BaseException) -> str:
    if isinstance(error, ai.ModelHTTPError):
        text = f"HTTP {error.status_code}: {_told(error.body) or 'no message'}"
        text += f" ({error.hint})" if error.hint else ""
        text += f" (did you mean {error.suggested_model_id}?)" if error.suggested_model_id else ""
    elif isinstance(error, _WORDED):
        text = str(error) or type(error).__name__
    else:
        text = f"its answer could not be read ({type(error).__name__}: {error})"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _told(body: object) -> str:
    """What the provider says in an error body: `error.message`, `message`, or the body itself."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(inner, dict):
        said = inner.get("message")
        return said if isinstance(said, str) else json.dumps(inner, default=str)
    return inner if isinstance(inner, str) else ""
