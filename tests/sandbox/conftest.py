from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.sandbox.backends import KINDS, backend


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    """Where measurements are remembered, so that each backend is attacked once."""
    return tmp_path_factory.mktemp("measured")


@pytest.fixture
def scratch():
    """A folder for copies that any account can walk to; nothing may be left in it."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    folder.chmod(0o755)
    yield folder
    left = list(folder.iterdir())
    shutil.rmtree(folder, ignore_errors=True)
    assert left == []


@pytest.fixture(params=KINDS)
def sandbox(request, scratch, measured):
    return backend(request.param, scratch, measured)


@pytest.fixture
def capabilities(sandbox):
    return asyncio.run(sandbox.probe())
