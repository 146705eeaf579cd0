"""A day at the refund desk, and lives of the simulator, as entries; and a collector to send them to."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.testing.sim import play
from tests.otel.far_side import FarSide
from tests.views.conftest import day


@pytest.fixture(scope="session")
def lives(tmp_path_factory):
    """Name → entries, of every run there is."""
    desk = asyncio.run(day(tmp_path_factory.mktemp("desk")))
    found = {f"desk {key}": entries for key, entries in desk.items()}
    for seed in range(0, 160, 8):
        found |= {f"seed {seed} {run}": list(one) for run, one in play(seed, decisions=False).history.runs.items()}
    return found


@pytest.fixture
def collector(monkeypatch):
    """A collector on this machine; no variable of OpenTelemetry's from outside."""
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    with FarSide() as far:
        yield far
