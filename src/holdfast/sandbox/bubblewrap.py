"""bubblewrap: the sandbox that is used on Linux where it can be.

The program has namespaces of its own for processes, mounts, network, users, names and messages; no capability; an account that
owns nothing outside; the system's folders to read, and nothing else of the host; a folder and a `/tmp` on file systems of bounded
size; limits on each of its processes; and a filter of system calls (`seccomp`). Its folder is an overlay over the base or, where
holdfast runs as root, a copy, so that the program can have an account of its own.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from holdfast.errors import SettingsError
from holdfast.sandbox import probe, started
from holdfast.sandbox.blobs import Blobs
from holdfast.sandbox.port import Capabilities, Record, Spec

HOW = "install it: apt-get install bubblewrap, dnf install bubblewrap, apk add bubblewrap"


class Bubblewrap:
    """See the module. `cache` is the folder in which measurements are remembered; `scratch` where folders are handed over."""

    name = "bubblewrap"

    def __init__(self, cache: Path | None = None, scratch: Path | None = None) -> None:
        self._cache = cache
        self._scratch = scratch

    def why_not(self) -> str:
        """What is missing for it; empty where nothing is known to be."""
        if os.uname().sysname != "Linux":
            return "bubblewrap needs Linux"
        if shutil.which("bwrap") is None:
            return f"there is no bubblewrap (bwrap): {HOW}"
        if not Path("/usr/bin/prlimit").exists():
            return "there is no /usr/bin/prlimit: install util-linux"
        return ""

    def version(self) -> str:
        """Of the program, as it says it."""
        found = shutil.which("bwrap")
        return "" if found is None else _version(found, Path(found).stat().st_mtime_ns)

    async def probe(self) -> Capabilities:
        """See `Sandbox`."""
        return await probe.measured(self, self._cache)

    async def run(self, spec: Spec, blobs: Blobs) -> Record:
        """See `Sandbox`."""
        if why := self.why_not():
            raise SettingsError(why)
        return await started.run(
            self.name, self.version(), spec, blobs, self._scratch, {"bwrap": shutil.which("bwrap")}
        )


@functools.cache
def _version(program: str, _changed: int) -> str:
    command = [program, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10, env={})  # noqa: S603
    return done.stdout.strip()
