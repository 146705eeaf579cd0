"""Files as attachments of an input or a message."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path

from holdfast.dialogue import Attached
from holdfast.errors import InputError

MAX_BYTES = 10_000_000
"""Of one file: providers take no more, and it is kept in the journal."""


def attach(path: str | Path) -> Attached:
    """A file as an attachment. Raises InputError where it cannot be read, or is too large."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be attached: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{path} has {len(data):,} bytes", hint=f"at most {MAX_BYTES:,} are taken")
    media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Attached(path.name, media, base64.b64encode(data).decode())
