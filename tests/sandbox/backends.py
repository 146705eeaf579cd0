"""The sandboxes there are on this machine. Without bubblewrap its tests are skipped aloud, and fail in CI."""

from __future__ import annotations

import asyncio
import os
import warnings

import pytest

from holdfast.sandbox.blobs import MemoryBlobs
from holdfast.sandbox.bubblewrap import Bubblewrap
from holdfast.sandbox.landlock import Landlock
from holdfast.sandbox.port import MB, Limits, Spec
from holdfast.sandbox.probe import interpreter
from holdfast.units import SECOND

KINDS = {"bubblewrap": Bubblewrap, "landlock": Landlock}
SMALL = Limits(
    wall=20 * SECOND,
    cpu=10 * SECOND,
    memory=256 * MB,
    processes=16,
    file_size=4 * MB,
    disk=16 * MB,
    files=500,
    output=64 * 1024,
)


def backend(name, scratch, measured=None):
    """A backend; skips the test where there is none."""
    found = KINDS[name](measured, scratch)
    if why := found.why_not():
        if os.environ.get("CI") == "true" and name == "bubblewrap":
            pytest.fail(why)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"NOT TESTED in {name}: {why}", stacklevel=2)
        pytest.skip(why)
    return found


def run(sandbox, *argv, blobs=None, limits=SMALL, **more):
    """Run one program to its end."""
    return asyncio.run(sandbox.run(Spec(argv, limits=limits, **more), MemoryBlobs() if blobs is None else blobs))


def python(sandbox, code, *args, **more):
    """Run a program of Python; it comes by standard input."""
    program, reads = interpreter()
    return run(sandbox, program, "-s", "-P", "-", *args, stdin=code.encode(), reads=reads, **more)
