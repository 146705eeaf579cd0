"""A collector: one request with spans, and what came of it. Whoever sends decides what follows.

The encoder is that of OpenTelemetry's exporter for OTLP over HTTP. Its sending is not used: it gives up on a request after some
seconds, without a word of why, and whatever it gave up on is lost. Here nothing is given up on before it is taken.
"""

from __future__ import annotations

import email.utils
import gzip
import os
import time
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no types
from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.util.re import parse_env_headers

from holdfast.errors import UsageError
from holdfast.otel import wire
from holdfast.otel.span import Span
from holdfast.version import VERSION

TIMEOUT: Final = (5.0, 15.0)
"""Seconds for a connection, and for each part of an answer."""

PATH: Final = "/v1/traces"
TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that say nothing about what was sent."""


class Answer(Struct, frozen=True):
    """What came of a request."""

    kind: Literal["taken", "again", "smaller", "refused"]
    """`again`: later, as it is; `smaller`: it was too large; `refused`: it would be again."""
    why: str = ""
    """Of `taken` too, where a part was not."""
    after: float = 0.0
    """Seconds not to come back before, if the collector said so."""


class Collector(Protocol):
    """Somebody who takes spans."""

    name: str

    def send(self, spans: Sequence[Span]) -> Answer:
        """Send spans and wait for the answer. Never raises for what is wrong over there."""
        ...


class Otlp:
    """A collector that takes OTLP over HTTP, as protobuf, at `url`; `/v1/traces` is added to one without a path.

    headers: sent along; they win over OTEL_EXPORTER_OTLP_HEADERS. Raises UsageError for what is no http URL.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is no URL of a collector", hint="write it like http://localhost:4318")
        self.url = url if parts.path.strip("/") or parts.query else url.rstrip("/") + PATH
        port = f":{parts.port}" if parts.port else ""
        self.name = f"{parts.scheme}://{parts.hostname}{port}{urlsplit(self.url).path}"
        """The URL without what may be secret in it."""
        self._source = wire.resource()
        self._session = requests.Session()
        given = parse_env_headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""), liberal=True)
        self._session.headers.update({
            "User-Agent": f"holdfast/{VERSION}", **given, **(headers or {}),
            "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip",
        })  # fmt: skip

    def send(self, spans: Sequence[Span]) -> Answer:
        """Send spans and wait for the answer."""
        body = gzip.compress(wire.encode(spans, self._source), 1)
        try:
            answer = self._session.post(self.url, data=body, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            return Answer("again", _plain(error))
        status, why = answer.status_code, f"it answered {answer.status_code} {answer.reason}".strip()
        if 200 <= status < 300:
            return Answer("taken", _not_taken(answer.content))
        if status in TRY_AGAIN:
            return Answer("again", why, _after(answer.headers.get("Retry-After", "")))
        return Answer("smaller" if status == 413 else "refused", why)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()


def _not_taken(body: bytes) -> str:
    """What a collector says it did not take of what it took; it must not be sent again."""
    try:
        part = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:  # an answer in JSON, or a page of somebody in between: taken all the same
        return ""
    said = f": {part.error_message}" if part.error_message else ""
    return f"it rejected {part.rejected_spans} of the spans{said}" if part.rejected_spans else ""


def _after(value: str) -> float:
    """The seconds that `Retry-After` asks for; 0 for nothing or nonsense."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _plain(error: requests.RequestException) -> str:
    """Why it could not be reached, in few words; the library's own hold the whole URL, and so whatever is secret in it."""
    match error:
        case requests.exceptions.SSLError():
            return "its certificate does not hold, or it speaks no TLS"
        case requests.Timeout():
            return "it did not answer in time"
        case requests.ConnectionError():
            return "it cannot be reached"
    return f"the request failed ({type(error).__name__})"
