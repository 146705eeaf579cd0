"""Files: what may be attached, what kind it is, and what a tool returns that gives one.

    @tool.read(timeout=20)
    def fetch_invoice(number: str, *, post: Post) -> Attachment:
        return Attachment("invoice.pdf", post.bytes_of(number))

An `Attachment` may be a tool's result or stand anywhere in it. In the result, and so in the journal and before conditions, there is
only its name, kind, size and a digest; the bytes are a body of their own.

What a file is, its bytes say; a name or a declared type says only what somebody wants it to be. Nothing in a file is trusted.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from holdfast.events import Json

MAX_BYTES: Final = 10_000_000
"""Of one file: providers take no more, and it is kept in the journal."""

MAX_FILES: Final = 20
"""Beside one input, one message or one result."""

MAX_TOGETHER: Final = 20_000_000
"""Bytes of all of them."""

LONGEST_NAME: Final = 120
"""Characters of a file's name."""

OTHER: Final = "application/octet-stream"
"""Bytes of no kind known here: kept, and shown to nobody."""

PDF: Final = "application/pdf"
IMAGES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""The pictures that every provider takes which takes pictures."""

_TEXTS: Final = {
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".md": "text/markdown", ".html": "text/html", ".htm": "text/html",
    ".json": "application/json", ".xml": "application/xml", ".yaml": "application/yaml", ".yml": "application/yaml",
}  # fmt: skip
"""What a text is called, by the end of its name: it is sent as text whatever it is called."""

_KINDS: Final = {
    **_TEXTS, ".txt": "text/plain", ".log": "text/plain", ".pdf": PDF, ".png": "image/png", ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
}  # fmt: skip


def is_text(media: str) -> bool:
    """Whether a file of this kind is read as it is."""
    return media.startswith("text/") or media in _TEXTS.values() or media == "application/x-yaml"


def kind_of(data: bytes, name: str = "") -> str:
    """The media type of a file, by its bytes; of a text, its name says which text it is."""
    if (
        data.startswith(b"%PDF-") or b"%PDF-" in data[:1024]
    ):  # readers look for it in the first kilobyte, and so do providers
        return PDF
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return _TEXTS.get(_end(name), "text/plain") if _reads(data) else OTHER


def _reads(data: bytes) -> bool:
    """Whether bytes are a text: UTF-8, without the control characters that no text has."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(char < " " and char not in "\t\n\r\f\x1b" for char in text)


def _end(name: str) -> str:
    return PurePosixPath(name.lower()).suffix


def clean_name(name: str) -> str:
    """A file's name as it may be shown and told: no path, nothing invisible, not long; `file` where nothing is left of it."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    seen = "".join(
        " " if unicodedata.category(char)[0] in "CZ" else char for char in unicodedata.normalize("NFC", last)
    )
    words = " ".join(seen.split()).lstrip(". ") or "file"
    if len(words) <= LONGEST_NAME:
        return words
    end = PurePosixPath(words).suffix[:12]
    return f"{words[: LONGEST_NAME - len(end) - 1]}…{end}"


def told_otherwise(name: str, media: str, declared: str = "") -> str:
    """What is to be told where a file's name, or who gave it, says that it is something else; empty where that agrees."""
    for source, said in (("it was given as", declared), ("its name says", _KINDS.get(_end(name), ""))):
        if said and said != media and not (is_text(said) and is_text(media)):
            return f"{source} {said}, and its bytes are {media}"
    return ""


def size_in_words(size: int) -> str:
    """`812 bytes`, `34 kB`, `2.1 MB`."""
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"


# ------------------------------------------------------------------------------------------------------ of tools


@dataclass(frozen=True)
class Attachment:
    """A file that a tool gives. Never trusted, and neither is what is returned with it: whoever made it wrote what is in it."""

    name: str
    data: bytes = b""
    """Empty in one that was read back from a journal's result, where the bytes do not stand."""
    media: str = ""
    """What kind it is said to be; its bytes decide."""
    digest: str = ""
    """Of one that was read back: what the result names it by."""
    size: int = 0

    @property
    def reference(self) -> Json:
        """What stands in a result in its place."""
        if self.digest:
            return {"file": self.digest, "name": clean_name(self.name), "media": self.media, "bytes": self.size}
        name = clean_name(self.name)
        return {"file": sha256(self.data), "name": name, "media": kind_of(self.data, name), "bytes": len(self.data)}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Takes an `Attachment`, or what stands in a result in its place; is written as the latter."""
        from pydantic_core import core_schema as core

        named = core.typed_dict_schema(
            {
                "file": core.typed_dict_field(core.str_schema()),
                "name": core.typed_dict_field(core.str_schema()),
                "media": core.typed_dict_field(core.str_schema()),
                "bytes": core.typed_dict_field(core.int_schema(ge=0)),
            }
        )
        read = core.no_info_after_validator_function(_read_back, named)
        written = core.plain_serializer_function_ser_schema(_reference, return_schema=core.dict_schema())
        return core.json_or_python_schema(
            json_schema=read,
            python_schema=core.union_schema([core.is_instance_schema(cls), read]),
            serialization=written,
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Json:
        """The form in a result, for whoever reads a contract."""
        text = {"type": "string"}
        return {
            "type": "object", "title": "Attachment", "description": "A file, named by its digest.",
            "properties": {"file": text, "name": text, "media": text, "bytes": {"type": "integer", "minimum": 0}},
            "required": ["file", "name", "media", "bytes"],
        }  # fmt: skip


def _reference(file: Attachment) -> Json:
    return file.reference


def _read_back(named: dict[str, Any]) -> Attachment:
    return Attachment(named["name"], b"", named["media"], named["file"], named["bytes"])


def sha256(data: bytes) -> str:
    """Of a file's bytes, as `sha256sum` gives it."""
    return hashlib.sha256(data).hexdigest()


_DEEPEST: Final = 100
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})


def taken_out(value: Any) -> tuple[Any, list[Attachment]]:
    """(a result with a reference in the place of each file that stands in plain lists and mappings; all files in it, in order).

    Files in models and dataclasses are found too; these write the reference themselves.
    """
    search = _Search()
    made = search.within(value, _DEEPEST)
    return (made if search.found else value), [file for file in search.found.values() if not file.digest]


class _Search:
    """One look through a value; what stands in it twice is looked at once."""

    def __init__(self) -> None:
        self.found: dict[str, Attachment] = {}
        self._made: dict[int, Any] = {}

    def within(self, value: Any, deep: int) -> Any:
        """The value, with a reference in the place of each file. deep: how far to look."""
        if type(value) in _PLAIN or deep <= 0:
            return value
        if isinstance(value, Attachment):
            self.found.setdefault(value.digest or sha256(value.data), value)
            return value.reference
        if id(value) not in self._made:
            self._made[id(value)] = value  # one that holds itself ends here
            self._made[id(value)] = self._inside(value, deep - 1)
        return self._made[id(value)]

    def _inside(self, value: Any, deep: int) -> Any:
        if isinstance(value, Mapping):
            return {name: self.within(item, deep) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            made = [self.within(item, deep) for item in value]
            return made if isinstance(value, list) else value
        for part in _parts(value):
            self.within(part, deep)
        return value


def _parts(value: Any) -> Sequence[Any]:
    """The fields of a model or a dataclass."""
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    if hasattr(type(value), "__pydantic_fields__"):
        return [*vars(value).values(), *(getattr(value, "__pydantic_extra__", None) or {}).values()]
    return ()
