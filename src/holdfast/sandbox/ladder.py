"""Which sandbox to use: the first that holds what was asked for here, or none.

A contract names how far apart a program is to be, never a tool. Where nothing here reaches that, nothing is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.errors import SettingsError
from holdfast.sandbox.bubblewrap import Bubblewrap
from holdfast.sandbox.landlock import Landlock
from holdfast.sandbox.port import RANK, Capabilities, Isolation, Sandbox

REQUIRED: Final = (
    "reading", "writing", "network", "sockets", "processes_seen", "environment", "calls", "processes", "memory_each", "file_size",
    "disk", "cpu", "wall", "output", "survivors",
)  # fmt: skip
"""What has to be held, or watched at least, before a backend counts as isolation by the kernel."""


class Chosen(NamedTuple):
    """A sandbox, and what it was found to hold."""

    sandbox: Sandbox
    capabilities: Capabilities


def ladder(cache: Path | None = None, scratch: Path | None = None) -> tuple[Sandbox, ...]:
    """The backends for programs, the best first."""
    return (Bubblewrap(cache, scratch), Landlock(cache, scratch))


async def choose(
    floor: Isolation, cache: Path | None = None, scratch: Path | None = None, backends: Sequence[Sandbox] | None = None
) -> Chosen:
    """The first backend that reaches `floor` here, by measurement.

    `cache` is the folder in which measurements are remembered. Raises SettingsError that says of each what is missing and how to get
    it: nothing weaker is ever taken instead. A `language` floor is reached by all of them, and by interpreters (`programs`), which are
    no business of this function.
    """
    why = []
    for backend in ladder(cache, scratch) if backends is None else backends:
        found = await backend.probe()
        if problem := falls_short(found, floor):
            why.append(f"{backend.name}: {problem}")
        else:
            return Chosen(backend, found)
    if floor == "strong":
        why.append(
            "holdfast brings no backend with a kernel of its own: give one that implements `Sandbox` (gVisor, a virtual machine)"
        )
    raise SettingsError(f"no sandbox here reaches the isolation `{floor}`", hint="; ".join(why))


def falls_short(found: Capabilities, floor: Isolation) -> str:
    """Why a backend does not reach a floor here; empty where it does."""
    if not found.available:
        return found.why_not
    if RANK[found.isolation] < RANK[floor]:
        return f"it gives `{found.isolation}`"
    missing = [name for name in REQUIRED if getattr(found, name) == "open"]
    return f"it does not hold here: {', '.join(missing)}" if missing else ""
