"""Files in words: what was attached to an input, a message or a result."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import ValidationError, convert

from holdfast import files
from holdfast.dialogue import Attached
from holdfast.events import Body
from holdfast.views.record import content

DIGEST = 12
"""Hex digits of a file's sha256 that are shown: enough to compare it with `sha256sum`."""


def attached(bodies: Sequence[Body]) -> tuple[str, ...]:
    """Each file in a few words: its name, kind, size, pages and the beginning of its digest, and what is odd about it."""
    return tuple([_one(body) for body in bodies])


def _one(body: Body) -> str:
    held = content(body)
    if held is None or held.value is None:
        return "an erased file"
    if isinstance(held.value, str):
        return held.value  # a reference in the place of what the viewer does not see
    try:
        file = convert(held.value, Attached)
    except ValidationError:
        return "a file that cannot be read"
    pages = f", {file.pages} page{'s' if file.pages > 1 else ''}" if file.pages else ""
    size, digest = files.size_in_words(file.size), files.sha256(file.content)[:DIGEST]
    note = f"; {file.note}" if file.note else ""
    return f"{files.clean_name(file.name)} ({file.media}, {size}{pages}, sha256 {digest}…{note})"
