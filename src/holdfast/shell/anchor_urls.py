"""From a URL to the anchor it names."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from holdfast.errors import UsageError
from holdfast.shell.anchors import Anchor, FileAnchor
from holdfast.shell.git_anchor import GitAnchor

_GIT: Final = "git+"
_FILE: Final = "file://"
_BRANCH: Final = "checkpoints"


def anchor_at(url: str) -> Anchor:
    """The anchor at `url`: a path, `file:///path`, or `git+` and the URL of a git remote, with `#branch` if need be.

    Raises UsageError for any other.
    """
    if url.startswith(_GIT):
        remote, _, branch = url.removeprefix(_GIT).partition("#")
        if remote and not remote.startswith("-"):
            return GitAnchor(_near(remote, branch), remote=remote, branch=branch or _BRANCH)
    elif url.startswith(_FILE) or (url and "://" not in url):
        return FileAnchor(url.removeprefix(_FILE))
    raise UsageError(
        f"{url!r} names no anchor",
        hint="a path, git+ssh://host/repository.git or git+https://…, with #branch if need be",
    )


def _near(remote: str, branch: str) -> Path:
    """Where commits for a remote are made: a bare repository among what may be thrown away at any time."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    name = hashlib.sha256(f"{remote}#{branch}".encode()).hexdigest()[:24]
    return Path(caches) / "holdfast" / "anchors" / f"{name}.git"
