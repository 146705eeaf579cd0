"""`holdfast telemetry`: what runs did, at a collector."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.otel.far_side import FarSide, attributes


@pytest.fixture
def collector(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_HEADERS", raising=False)
    with FarSide() as far:
        yield far


def paid(holdfast, payer, key="one"):
    assert holdfast("run", payer, '{"bill": "70"}', "--key", key).code == 0


def test_what_a_run_did_is_sent(holdfast, payer, collector):
    paid(holdfast, payer)
    found = holdfast("telemetry", "--to", collector.url, "--once", "--header", "x-key=a=b")
    assert found.code == 0, found.err
    assert f"sent {len(collector.spans)} spans" in found.out
    kinds = {attributes(span)["openinference.span.kind"] for span in collector.spans}
    assert {"AGENT", "LLM", "TOOL"} <= kinds
    assert collector.requests[0][1]["x-key"] == "a=b"

    again = holdfast("telemetry", "--to", collector.url, "--once", "--json")
    assert again.json["spans"] == 0


def test_what_waits_is_sent_as_far_as_it_is_over(holdfast, waiting, collector):
    assert holdfast("telemetry", "--to", collector.url, "--once").code == 0
    names = {span.name.split()[0] for span in collector.spans}
    assert "chat" in names
    assert "invoke_agent" not in names


def test_content_only_where_it_is_asked_for(holdfast, payer, collector):
    paid(holdfast, payer)
    assert holdfast("telemetry", "--to", collector.url, "--once").code == 0
    assert not any("input.value" in attributes(span) for span in collector.spans)
    assert holdfast("telemetry", "--to", f"{collector.url}/other", "--once", "--content").code == 0
    assert any("input.value" in attributes(span) for span in collector.spans)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--to", "nowhere"), 64, "no URL of a collector"),
        (("--to", "http://127.0.0.1:9", "--header", "x"), 64, "key=value"),
        ((), 64, "--to"),
        (("--to", "http://127.0.0.1:9", "--journal", "memory:"), 64, "no journal in a file"),
    ],
)
def test_what_was_called_wrong(holdfast, payer, args, code, said):
    paid(holdfast, payer)
    found = holdfast("telemetry", *args, "--once")
    assert (found.code, said in found.err) == (code, True), found.err


def test_no_journal_is_said(holdfast, collector):
    assert holdfast("telemetry", "--to", collector.url, "--once").code == 4
    assert not collector.requests


def test_what_a_collector_refuses_ends_it(holdfast, payer, collector):
    paid(holdfast, payer)
    collector.script = [(403, {})]
    found = holdfast("telemetry", "--to", collector.url, "--once")
    assert (found.code, "403" in found.err, "nothing is lost" in found.err) == (4, True, True)


def test_it_is_said_what_to_install(holdfast, payer, collector, monkeypatch):
    paid(holdfast, payer)
    for name in [one for one in sys.modules if one.startswith("holdfast.otel")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    found = holdfast("telemetry", "--to", collector.url, "--once")
    assert (found.code, "holdfast[otel]" in found.err) == (4, True)


def test_it_follows_until_it_is_told_to_stop_and_sends_the_rest_first(holdfast, payer, collector, place):
    paid(holdfast, payer)
    args = [sys.executable, "-m", "holdfast", "telemetry", "--to", collector.url, "--json"]
    process = subprocess.Popen(args, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ})
    try:
        collector.wait(lambda: any(span.name == "invoke_agent payer" for span in collector.spans))
        before = len(collector.spans)
        paid(holdfast, payer, "two")
        collector.wait(lambda: sum(span.name == "invoke_agent payer" for span in collector.spans) == 2)
        paid(holdfast, payer, "three")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err
    assert sum(span.name == "invoke_agent payer" for span in collector.spans) == 3
    assert len(collector.spans) > before
    assert b'"left": 0' in out
