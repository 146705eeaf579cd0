"""Files on their way in: looked at, measured, named, and read as far as they have a text.

`attach` takes a file of this machine, for an input or a message; whoever gives it is told at once what is wrong with it.
`take_in` does the same for whatever comes to a run. `out_of` takes files out of what a tool gave, and `read` reads them: there, a
file that cannot be read is kept and says so, since the call was made.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs

from holdfast import files
from holdfast.codec import keyed, value_of
from holdfast.dialogue import Attached
from holdfast.errors import InputError
from holdfast.events import Body, Json
from holdfast.files import MAX_BYTES, MAX_FILES, MAX_TOGETHER, Attachment
from holdfast.shell import paper

LATE: Final = "its text was not read: it came after its time"


def attach(path: str | Path) -> Attached:
    """A file as an attachment, its text read. Raises InputError where it cannot be read, is too large, or of no kind known here."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(str(path), path.stat().st_size)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be attached: {error.strerror}") from None
    return _read(_known(path.name, data), paper.SECONDS)


async def take_in(given: Sequence[Attached | Attachment]) -> tuple[Attached, ...]:
    """Files beside an input or a message, as a run keeps them. Raises InputError for what `attach` would not take, and for too many."""
    taken = [_checked(one) for one in given]
    _not_too_many([file.size for file in taken])
    return await _read_all(taken)


def same_files(one: Sequence[Body], other: Sequence[Body]) -> bool:
    """Whether these are the same files, whatever was read out of them."""
    return _bytes_of(one) == _bytes_of(other)


def _bytes_of(bodies: Sequence[Body]) -> list[Json]:
    values = [value_of(body) for body in bodies]
    return [(value.get("name"), value.get("data")) if isinstance(value, dict) else None for value in values]


def _too_large(name: str, size: int) -> InputError:
    return InputError(f"{name} has {size:,} bytes", hint=f"at most {MAX_BYTES:,} are taken")


def _not_too_many(sizes: Sequence[int]) -> None:
    if len(sizes) > MAX_FILES:
        raise InputError(f"these are {len(sizes)} files", hint=f"at most {MAX_FILES} are taken at once")
    if sum(sizes) > MAX_TOGETHER:
        raise InputError(
            f"the files have {sum(sizes):,} bytes together", hint=f"at most {MAX_TOGETHER:,} are taken at once"
        )


def _checked(given: Attached | Attachment) -> Attached:
    """A file that somebody made up in code: what it is, is found out again."""
    if isinstance(given, Attachment):
        return _known(given.name, given.data, given.media)
    try:
        data = base64.b64decode(given.data, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(
            f"the attachment {files.clean_name(given.name)} is no Base64", hint="attach(path) makes one"
        ) from None
    known = _known(given.name, data, given.media)
    is_read = known.media == given.media and bool(given.words or given.pages or given.note)
    return structs.replace(given, name=known.name, digest="", shown="") if is_read else known


def _known(name: str, data: bytes, declared: str = "") -> Attached:
    if len(data) > MAX_BYTES:
        raise _too_large(files.clean_name(name), len(data))
    made = _made(name, data, declared)
    if made.media == files.OTHER:
        raise InputError(
            f"{made.name} is neither a PDF, nor a picture (PNG, JPEG, GIF, WebP), nor a text",
            hint="give it as one of these; a text has to be UTF-8",
        )
    return made


def _made(name: str, data: bytes, declared: str = "") -> Attached:
    """A file, by its bytes, not read yet."""
    name = files.clean_name(name)
    media = files.kind_of(data, name)
    note, closed = files.told_otherwise(name, media, declared), media == files.OTHER
    if closed:
        note = "it is neither a PDF, nor a picture, nor a text"
    return Attached(name, media, base64.b64encode(data).decode(), note=note, closed=closed)


# ------------------------------------------------------------------------------------------------------ of tools


class Beside(Struct, frozen=True):
    """What a tool gave, and the files that were taken out of it."""

    value: Any
    """With a reference in the place of each file, or of a type that writes one."""
    files: tuple[Attached, ...] = ()
    digests: dict[str, str] = {}
    """Public digest of a file → the keyed one that the journal names it by."""
    problem: str = ""
    """Why the files are not kept."""

    def named(self, result: Json) -> Json:
        """The result as JSON, each file in it named by its keyed digest."""
        return _renamed(result, self.digests) if self.digests else result


def out_of(value: Any, secret: bytes) -> Beside:
    """Take the files out of what a tool gave; they are not read yet. secret: of the run tree."""
    value, found = files.taken_out(value)
    digests = {files.sha256(one.data): keyed(secret, "file", one.data) for one in found}
    try:
        for one in found:
            if len(one.data) > MAX_BYTES:
                raise _too_large(files.clean_name(one.name), len(one.data))
        _not_too_many([len(one.data) for one in found])
    except InputError as error:
        return Beside(value, (), digests, f"{error.what}; {error.hint}")
    made = [
        structs.replace(_made(one.name, one.data, one.media), digest=digests[files.sha256(one.data)]) for one in found
    ]
    return Beside(value, tuple(made), digests)


async def read(beside: Beside) -> Beside:
    """The same, with the texts of the files."""
    return structs.replace(beside, files=await _read_all(beside.files)) if beside.files else beside


def late(beside: Beside) -> Beside:
    """The same, where nobody waits any more: PDFs say that they were not read."""
    told = [structs.replace(file, note=LATE) if _is_to_be_read(file) else file for file in beside.files]
    return structs.replace(beside, files=tuple(told)) if told else beside


def _renamed(value: Json, names: dict[str, str]) -> Json:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------------------------------------- reading


async def _read_all(given: Sequence[Attached]) -> tuple[Attached, ...]:
    """Files with their texts; all PDFs together get the time of one, and do not hold up other runs."""
    ends, out = time.monotonic() + paper.SECONDS, []
    for file in given:
        left = ends - time.monotonic()
        out.append(await asyncio.to_thread(_read, file, left) if _is_to_be_read(file) else file)
    return tuple(out)


def _is_to_be_read(file: Attached) -> bool:
    return file.media == files.PDF and not (file.words or file.pages or file.closed or "read" in file.note)


def _read(file: Attached, seconds: float) -> Attached:
    """A file with its text, or with the reason why it has none."""
    if not _is_to_be_read(file):
        return file
    found = paper.read(file.content, seconds)
    note = "; ".join(filter(None, (file.note, found.note)))
    return structs.replace(file, words=found.text, note=note, closed=found.closed, pages=found.pages)
