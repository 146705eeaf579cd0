"""Landlock: the sandbox where namespaces are refused, as they are in many containers.

The program runs among the host's processes, under rules that it cannot leave: it may read the system's folders, change its own
copy of the base, and make no socket. What it does not hold is measured and said (`probe`): that files exist, mostly.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from holdfast.errors import SettingsError
from holdfast.sandbox import kernel, probe, seccomp, started
from holdfast.sandbox.blobs import Blobs
from holdfast.sandbox.port import Capabilities, Record, Spec


class Landlock:
    """See the module. `cache` is the folder in which measurements are remembered; `scratch` where the copies are made."""

    name = "landlock"

    def __init__(self, cache: Path | None = None, scratch: Path | None = None) -> None:
        self._cache = cache
        self._scratch = scratch

    def why_not(self) -> str:
        """What is missing for it; empty where nothing is known to be."""
        if os.uname().sysname != "Linux":
            return "Landlock needs Linux"
        if platform.machine() not in seccomp.MACHINES:
            return f"its filter of system calls is not made for {platform.machine()}"
        if (version := kernel.landlock_version()) < kernel.LEAST_LANDLOCK:
            have = f"version {version} of Landlock" if version else "no Landlock"
            return (
                f"this kernel has {have}: it takes Linux 6.2 with landlock among its security modules (lsm=landlock,…)"
            )
        return ""

    def version(self) -> str:
        """Of the kernel's interface."""
        return f"landlock {kernel.landlock_version()}"

    async def probe(self) -> Capabilities:
        """See `Sandbox`."""
        return await probe.measured(self, self._cache)

    async def run(self, spec: Spec, blobs: Blobs) -> Record:
        """See `Sandbox`."""
        if why := self.why_not():
            raise SettingsError(why)
        return await started.run(self.name, self.version(), spec, blobs, self._scratch, {})
