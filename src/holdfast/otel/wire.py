"""Spans as OTLP writes them, by the encoder of OpenTelemetry's own exporter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SdkEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link as SdkLink
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from holdfast.otel import conventions
from holdfast.otel.span import Attributes, Span, Value
from holdfast.version import VERSION

SERVICE: Final = "holdfast"
"""What the spans are said to come from, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say otherwise."""

_KINDS: Final = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}
_STATUSES: Final = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}
_SCOPE: Final = InstrumentationScope(
    "holdfast", VERSION, conventions.SCHEMA_URL, {"holdfast.mapping": conventions.MAPPING}
)


def resource() -> Resource:
    """Where the spans come from, as the environment says it."""
    made = Resource.create()
    unnamed = str(made.attributes.get("service.name", "")).startswith("unknown_service")
    return made.merge(Resource({"service.name": SERVICE})) if unnamed else made


def encode(spans: Sequence[Span], source: Resource) -> bytes:
    """The body of a request to a collector."""
    return bytes(encode_spans([_made(span, source) for span in spans]).SerializeToString())


def _made(span: Span, source: Resource) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace, span.id),
        parent=_context(span.trace, span.parent) if span.parent else None,
        resource=source,
        attributes=_plain(span.attributes),
        events=[SdkEvent(event.name, _plain(event.attributes), event.at * 1000) for event in span.events],
        links=[SdkLink(_context(link.trace, link.span), _plain(link.attributes)) for link in span.links],
        kind=_KINDS[span.kind],
        status=Status(_STATUSES[span.status]),
        start_time=span.start * 1000,
        end_time=span.end * 1000,
        instrumentation_scope=_SCOPE,
    )


def _plain(attributes: Attributes) -> dict[str, Value]:
    """Integers beyond 64 bits, which OTLP has no place for, as text."""
    return {
        key: str(value) if type(value) is int and not -(2**63) <= value < 2**63 else value
        for key, value in attributes.items()
    }


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
