"""A disk of a test's own: small, to be filled and freed, and to be made read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A disk of its own, to be filled and freed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, leave: int = 0) -> None:
        """Leave this many bytes."""
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            room = os.statvfs(self.folder)
            for _ in range((room.f_bavail * room.f_frsize - leave) // 4096):
                ballast.write(b"x" * 4096)

    def free(self) -> None:
        """Give back what was filled."""
        (self.folder / "ballast").unlink()

    def read_only(self) -> None:
        """Take nothing more."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A tmpfs. Skips, saying so, where this user may not mount one."""
    folder.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
        why = made.stderr.strip() if made.returncode else ""
    except OSError as error:
        why = str(error)
    if why:
        pytest.skip(f"a full or read-only disk is not tested here: {why}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
