"""One request to a collector: what is sent, where to, and what each answer means."""

from __future__ import annotations

import socket

import pytest

from holdfast.errors import UsageError
from holdfast.otel.collector import Otlp
from holdfast.otel.span import Span
from tests.otel.far_side import TRACES

SPANS = [Span(over=1, trace="0a" * 16, id="0b" * 8, name="x", start=1, end=2, attributes={})]


@pytest.fixture
def otlp(collector):
    one = Otlp(collector.url, {"x-key": "value"})
    yield one
    one.close()


def test_what_is_sent(otlp, collector):
    assert otlp.send(SPANS).kind == "taken"
    (path, headers, _), (span,) = collector.requests[0], collector.spans
    assert path == TRACES
    assert (headers["Content-Type"], headers["Content-Encoding"], headers["x-key"]) == (
        "application/x-protobuf",
        "gzip",
        "value",
    )
    assert headers["User-Agent"].startswith("holdfast/")
    assert span.name == "x"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(503, "again"), (429, "again"), (500, "again"), (413, "smaller"), (400, "refused"), (401, "refused"), (404, "refused"), (302, "refused")],
)  # fmt: skip
def test_what_an_answer_means(otlp, collector, status, kind):
    collector.script = [(status, {"Location": "/elsewhere"} if status == 302 else {})]
    answer = otlp.send(SPANS)
    assert (answer.kind, str(status) in answer.why) == (kind, True)
    assert len(collector.requests) == 1


def test_the_collector_may_say_when_to_come_back(otlp, collector):
    collector.script = [
        (503, {"Retry-After": "7"}),
        (503, {"Retry-After": "nonsense"}),
        (429, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
    ]
    assert [otlp.send(SPANS).after for _ in range(3)] == [7.0, 0.0, 0.0]


def test_what_was_not_taken_of_it_is_said_and_not_sent_again(otlp, collector):
    collector.rejects = 3
    answer = otlp.send(SPANS)
    assert (answer.kind, answer.why) == ("taken", "it rejected 3 of the spans: too old")


def test_nobody_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        otlp = Otlp(f"http://127.0.0.1:{free.getsockname()[1]}/?token=PLANTED")
        answer = otlp.send(SPANS)
    assert (answer.kind, answer.why) == ("again", "it cannot be reached")
    assert "PLANTED" not in otlp.name


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://h:4318", "http://h:4318/v1/traces"),
        ("http://h:4318/", "http://h:4318/v1/traces"),
        ("https://h/api/public/otel/v1/traces", "https://h/api/public/otel/v1/traces"),
    ],
)
def test_where_to(given, url):
    assert Otlp(given).url == url


@pytest.mark.parametrize("given", ["localhost:4318", "ftp://h", "http://", ""])
def test_what_is_no_collector(given):
    with pytest.raises(UsageError):
        Otlp(given)


def test_the_name_of_a_collector_holds_no_password():
    assert Otlp("http://user:PLANTED@h:4318").name == "http://h:4318/v1/traces"


def test_headers_of_the_environment_are_sent_and_given_ones_win(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=theirs,x-other=kept")
    otlp = Otlp(collector.url, {"x-key": "mine"})
    otlp.send(SPANS)
    headers = collector.requests[0][1]
    assert (headers["x-key"], headers["x-other"]) == ("mine", "kept")
    otlp.close()
