"""On the wire a span is what it was: ids, parents, times, kinds, states, events and links, as OTLP has them."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from holdfast.otel import wire
from holdfast.otel.span import Event, Link, Span
from tests.otel.far_side import attributes

SPAN = Span(
    over=3, trace="0a" * 16, id="0b" * 8, parent="0c" * 8, name="chat x", kind="client", start=1_700_000_000_000_001,
    end=1_700_000_000_000_009, status="error", attributes={"a": "text", "b": 7, "c": 0.5, "d": True, "e": ("x", "y"), "big": 2**70},
    events=(Event("it", 1_700_000_000_000_005, {"k": "v"}),), links=(Link("0d" * 16, "0e" * 8, {"l": "m"}),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_names(monkeypatch):
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)


def sent(span, source=None):
    request = ExportTraceServiceRequest.FromString(wire.encode([span], source or wire.resource()))
    (resource,) = request.resource_spans
    (scope,) = resource.scope_spans
    (one,) = scope.spans
    return resource, scope, one


def test_a_span_arrives_as_it_is():
    _, _, one = sent(SPAN)
    assert (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex()) == (SPAN.trace, SPAN.id, SPAN.parent)
    assert (one.name, one.kind, one.status.code) == ("chat x", one.SPAN_KIND_CLIENT, one.status.STATUS_CODE_ERROR)
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (SPAN.start * 1000, SPAN.end * 1000)
    assert attributes(one) == {**SPAN.attributes, "big": str(2**70)}
    assert [(event.name, event.time_unix_nano) for event in one.events] == [("it", 1_700_000_000_000_005_000)]
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in one.links] == [("0d" * 16, "0e" * 8)]


def test_a_root_has_no_parent():
    assert (
        sent(Span(over=1, trace="0a" * 16, id="0b" * 8, name="x", start=1, end=1, attributes={}))[2].parent_span_id
        == b""
    )


def test_the_version_of_the_names_is_stamped():
    resource, scope, _ = sent(SPAN)
    assert attributes(resource.resource)["service.name"] == "holdfast"
    assert scope.scope.name == "holdfast"
    assert scope.schema_url == "https://opentelemetry.io/schemas/1.41.0"
    assert attributes(scope.scope) == {"holdfast.mapping": "1"}


@pytest.mark.parametrize(
    "variable", [{"OTEL_SERVICE_NAME": "desk"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=desk,team=eu"}]
)
def test_the_environment_may_name_the_service(variable, monkeypatch):
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert attributes(sent(SPAN)[0].resource)["service.name"] == "desk"
