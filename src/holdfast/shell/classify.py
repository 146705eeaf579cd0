"""What an exception from a tool says about the world: whether the call surely did nothing, or nobody can tell.

One literal table for httpx (recognised by name, so that it need not be installed), the three words of `holdfast.tool`,
and for everything else: a write leaves its outcome unknown, a read has failed.
"""

from __future__ import annotations

import asyncio
from typing import Final

from msgspec import Struct

from holdfast.events import Effect, Fate
from holdfast.tool import NotDone, Refused, Unknown


class Finding(Struct, frozen=True):
    """What is known of an attempt that raised."""

    error: str
    fate: Fate
    message: str
    retry_after: float = 0.0


_HTTPX_NOT_SENT: Final = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL"}
)
_HTTPX_TRANSPORT: Final = frozenset(
    {"ReadTimeout", "WriteTimeout", "ReadError", "WriteError", "CloseError", "RemoteProtocolError"}
)


def classify(error: Exception, effect: Effect) -> Finding:
    """What `error`, raised by a tool of this effect, says about the call."""
    message = str(error) or type(error).__name__
    match error:
        case NotDone():
            return Finding("not_done", "not_done", message, error.retry_after)
        case Refused():
            return Finding("refused", "not_done", message)
        case Unknown():
            return Finding("unknown", "unknown", message)
        case ConnectionRefusedError():
            return Finding("connection", "not_done", message)
        case TimeoutError() | asyncio.TimeoutError() | ConnectionError():
            return Finding("timeout" if isinstance(error, TimeoutError) else "connection", _open(effect), message)
    if type(error).__module__.partition(".")[0] == "httpx":
        return _httpx(error, effect, message)
    return Finding("raised", _open(effect), f"{type(error).__name__}: {message}")


def _open(effect: Effect) -> Fate:
    return "unknown" if effect == "write" else "not_done"


def _httpx(error: Exception, effect: Effect, message: str) -> Finding:
    name = type(error).__name__
    if name in _HTTPX_NOT_SENT:
        return Finding("connection", "not_done", message)
    if name in _HTTPX_TRANSPORT:
        return Finding("timeout" if "Timeout" in name else "connection", _open(effect), message)
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    if status == 429:
        return Finding("not_done", "not_done", message, _retry_after(response))
    if status >= 500:
        return Finding("unknown" if effect == "write" else "not_done", _open(effect), message)
    if status >= 400:
        return Finding("refused", "not_done", message)
    return Finding("raised", _open(effect), f"{name}: {message}")


def _retry_after(response: object) -> float:
    value = getattr(response, "headers", {}).get("retry-after", "")
    try:
        return max(float(value), 0.0)
    except ValueError:
        return 0.0
